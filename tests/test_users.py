"""Users, tokens and the audit log: what is kept of them, and the commands that keep them."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from runlog import cli
from runlog.clock import now
from runlog.errors import AlreadyExists, InvalidParameter, NotFound
from runlog.sqlstore.accounts import SESSIONS_EACH, Users
from runlog.store import open_store
from runlog.store_parts import accounts
from runlog.store_parts.accounts import SESSION, TOKEN

PASSWORD = "correct horse battery"


def call(*args: str, code: int = 0, stdin: str = "") -> str:
    result = CliRunner().invoke(cli.main, args, input=stdin)
    assert result.exit_code == code, result.output
    return result.stderr if code else result.stdout


def table(*args: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(call(*args, "--csv"))))


@pytest.fixture
def store(place):
    store = open_store("runlog.db")
    yield store
    store.close()


@pytest.fixture
def known(store) -> Users:
    known = Users(store.db)
    known.add("ann", "editor")
    return known


# -- secrets --------------------------------------------------------------------------------


def test_a_password_matches_its_hash_alone():
    kept = accounts.hashed(PASSWORD)
    assert accounts.matches(PASSWORD, kept)
    assert not accounts.matches(PASSWORD + " ", kept)
    assert not accounts.matches(PASSWORD, accounts.hashed(PASSWORD[:-1] + "Y"))
    assert not accounts.matches(PASSWORD, None)
    assert accounts.hashed(PASSWORD) != kept and PASSWORD not in kept


@pytest.mark.parametrize(
    "password, reason",
    [
        ("short", "5 characters"),
        ("a" * 1001, "more than 1000"),
        ("abababababababab", "repeats itself"),
        ("Annabelle.Smith1", "user's name"),
        ("correct\nhorse battery", "control"),
    ],
)
def test_passwords_that_will_not_do(password, reason):
    with pytest.raises(InvalidParameter, match=reason):
        accounts.check_password(password, "annabelle.smith")


@pytest.mark.parametrize(
    "password", [PASSWORD, "пароль надёжный", "x7#kQ!92mzPw", "a" * 990 + "bcde"]
)
def test_passwords_that_will_do(password):
    accounts.check_password(password, "ann")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "ä", ".a", "a-", "x" * 101, "a\n", "a/b", "'"])
def test_names_that_will_not_do(known, name):
    with pytest.raises(InvalidParameter):
        known.add(name, "viewer")
    with pytest.raises(InvalidParameter):
        known.add_token("ann", name)


def test_names_are_kept_in_lower_case(known):
    assert known.add("Bob@Example.org", "viewer").name == "bob@example.org"
    with pytest.raises(AlreadyExists):
        known.add("ANN", "viewer")


def test_neither_file_nor_views_have_a_secret(store, known, place):
    known.set_password("ann", PASSWORD)
    secrets = [PASSWORD, known.add_token("ann", "ci")]
    secrets.append(known.add_session(known.get("ann"), now() + 1000))
    hashes = [accounts.digest(each) for each in secrets[1:]] + [known.with_password("ann")[1]]
    store.close()
    data = (place / "runlog.db").read_bytes()
    assert not any(each.encode() in data for each in secrets)
    assert all(each.encode() in data for each in hashes)
    with closing(sqlite3.connect("runlog.db")) as file:
        names = [
            name for (name,) in file.execute("select name from sqlite_schema where type='view'")
        ]
        shown = repr([file.execute(f"select * from {name}").fetchall() for name in names])
    assert "'ann'" in shown and "'ci'" in shown
    assert not any(each in shown for each in hashes)


# -- what is kept ---------------------------------------------------------------------------


def test_what_belongs_to_a_user_goes_with_it(store, known):
    number = store.create_experiment("x")
    known.grant("ann", number, "editor")
    secret = known.add_token("ann", "ci")
    known.remove("ann")
    assert (known.all(), known.grants(), known.tokens()) == ([], [], [])
    assert known.holder(secret, TOKEN) is None
    assert known.add("ann", "viewer").id != 1  # what an old id meant it never means again


def test_a_grant_replaces_the_one_before_and_goes_with_the_experiment(store, known):
    number = store.create_experiment("x")
    known.grant("ann", number, "viewer")
    known.grant("ann", number, "admin")
    assert known.granted(known.get("ann")) == {number: "admin"}
    store.delete_experiment(number)
    store.gc()
    assert known.grants() == []


def test_sessions_are_few_and_the_expired_ones_go(known):
    ann = known.get("ann")
    old = known.add_session(ann, now() - 1)
    secrets = [known.add_session(ann, now() + 10_000) for _ in range(SESSIONS_EACH + 1)]
    alive = [known.holder(each, SESSION) is not None for each in [old, *secrets]]
    assert alive == [False, False] + [True] * SESSIONS_EACH
    assert known.tokens() == []


@pytest.mark.parametrize(
    "deed",
    [
        lambda known: known.set_role("bob", "viewer"),
        lambda known: known.set_password("bob", None),
        lambda known: known.remove("bob"),
        lambda known: known.grant("bob", "0", "viewer"),
        lambda known: known.grant("ann", "7", "viewer"),
        lambda known: known.withdraw("ann", "0"),
        lambda known: known.add_token("bob", "ci"),
        lambda known: known.revoke("ann", "ci"),
    ],
)
def test_what_is_not_there_is_not_found(known, deed):
    with pytest.raises(NotFound):
        deed(known)


@pytest.mark.parametrize("role", ["", "owner", "Admin", "member"])
def test_only_roles_are_granted(known, role):
    with pytest.raises(InvalidParameter):
        known.grant("ann", "0", role)


# -- commands -------------------------------------------------------------------------------


def test_users_are_made_changed_and_deleted(place):
    call("users", "create", "Ann", "--password-stdin", stdin=PASSWORD + "\n")
    call("users", "create", "bot", "--role", "member", "--no-password")
    call("users", "role", "ann", "admin")
    call("users", "grant", "bot", "viewer", "-n", "Default")
    assert json.loads(call("users", "list", "--json"))[1]["grants"] == ["0:viewer"]
    shown = [(each["name"], each["role"], each["has_password"]) for each in table("users", "list")]
    assert shown == [("ann", "admin", "yes"), ("bot", "member", "no")]
    call("users", "revoke", "bot", "-x", "0")
    call("users", "delete", "bot")
    assert [each["name"] for each in table("users", "list")] == ["ann"]
    assert "no user 'bot'" in call("users", "delete", "bot", code=1)


def test_a_password_is_changed(place):
    call("users", "create", "ann", "--no-password")
    call("users", "passwd", "ann", "--password-stdin", stdin=PASSWORD + "\r\n")
    with closing(open_store("runlog.db")) as store:
        assert accounts.matches(PASSWORD, Users(store.db).with_password("ann")[1])
    assert "5 characters" in call(
        "users", "passwd", "ann", "--password-stdin", stdin="short", code=1
    )
    assert "--password-stdin" in call("users", "passwd", "ann", code=2)
    assert "not both" in call("users", "passwd", "ann", "--password-stdin", "--no-password", code=2)


def test_tokens_are_made_shown_once_and_revoked(place):
    call("users", "create", "ann", "--no-password")
    secret = call(
        "tokens", "create", "CI", "--user", "ann", "--expires", "12h", "--read-only"
    ).strip()
    (shown,) = json.loads(call("tokens", "list", "--user", "ANN", "--json"))
    assert shown["expiry_time"] - shown["creation_time"] == pytest.approx(12 * 3_600_000, abs=1000)
    assert (shown["name"], shown["read_only"], shown["last_used_time"]) == ("ci", True, None)
    with closing(open_store("runlog.db")) as store:
        assert Users(store.db).holder(secret, TOKEN)[0].name == "ann"
    assert "already" in call("tokens", "create", "ci", "--user", "ann", code=1)
    call("tokens", "revoke", "ci", "--user", "ann")
    assert table("tokens", "list") == []


@pytest.mark.parametrize("given, forever", [("0s", True), (None, False)])
def test_a_token_expires_unless_asked(place, given, forever):
    call("users", "create", "ann", "--no-password")
    call("tokens", "create", "ci", "--user", "ann", *(["--expires", given] if given else []))
    (shown,) = table("tokens", "list")
    assert (shown["expiry_time"] == "") == forever


def test_the_audit_log_is_filtered(place):
    call("users", "create", "ann", "--no-password")
    call("users", "role", "ann", "viewer")
    whole = table("audit")
    assert [each["action"] for each in whole] == ["users role", "users create"]
    assert whole[0]["target"] == "user ann viewer" and whole[0]["address"] == "local"
    assert [each["action"] for each in table("audit", "--action", "users create")] == [
        "users create"
    ]
    assert len(table("audit", "--since", "1h", "--user", whole[0]["user"])) == 2
    assert len(table("audit", "--since", "2000-01-01", "--result", "OK", "--max-results", "1")) == 1
    assert table("audit", "--until", "2000-01-01T00:00:00Z") == table("audit", "--user", "x") == []
    assert "is not a time" in call("audit", "--since", "soon", code=2)


def test_commands_that_only_look_make_no_file(place):
    for words in (["users", "list"], ["tokens", "list"], ["audit"]):
        assert "does not exist" in call(*words, code=1)
    assert not (place / "runlog.db").exists()
