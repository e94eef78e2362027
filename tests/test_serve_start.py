"""How `runlog serve` and `runlog ui` begin and end: what they refuse, print, make and leave."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processes import LONG
from runlog.server import process
from runlog.sqlstore.accounts import Users
from runlog.store import open_store
from serving import free_port, serving

SERVE = [sys.executable, "-m", "runlog.cli", "serve"]


def refused(*words: object, command: str = "serve") -> tuple[int, list[str]]:
    """Exit code and lines of a start that fails."""
    run = [sys.executable, "-m", "runlog.cli", command, *map(str, words)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=LONG)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("command", ["serve", "ui", "server"])
@pytest.mark.parametrize(
    "words, code, said",
    [
        (["--port", 99999], 2, "99999 is not in the range"),
        (["--port", "busy"], 1, "another program has the port. Choose another port with --port"),
        (["--host", "203.0.113.7"], 1, "that is no address of this machine. Give --host one"),
        (["--host", "nobody.invalid"], 1, "there is no host of that name. Give --host an address"),
        (["--host", "a" * 70], 1, "there is no host of that name"),
        (["http://localhost:5000"], 1, "http://localhost:5000 is a server already"),
        (["--tls-certificate", "no.pem", "--tls-key", "no.key"], 1, "No such file or directory"),
    ],
)
def test_a_start_that_fails_is_one_line_and_makes_nothing(place, command, words, code, said):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [taken.getsockname()[1] if each == "busy" else each for each in words]
        found, lines = refused(*words, "--auth", command=command)
    assert found == code and len(lines) == 1 and said in lines[0], lines
    assert [*place.iterdir()] == []


def test_a_port_that_this_user_may_not_open(place):
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if os.geteuid() == 0 or not first.exists() or int(first.read_text()) <= 80:
        pytest.skip("this user may open every port")
    code, (line,) = refused("--port", 80)
    assert code == 1 and "this user may not open port 80. Choose a port from 1024 on" in line


def test_two_servers_do_not_share_a_port(place):
    """SO_REUSEPORT would let a second server of the same user take half of the connections."""
    (place / "other").mkdir()
    with serving(place) as served:
        code, (line,) = refused(place / "other/", "--port", served.port)
        assert code == 1 and "another program has the port" in line
        assert [*(place / "other").iterdir()] == []


def test_a_free_port_and_a_name_are_resolved_before_they_are_printed(place):
    process = subprocess.Popen(
        [*SERVE, "x.db", "--port", "0", "--host", "localhost"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stderr.readline()
        found = re.fullmatch(
            rf"runlog: serving: {place}/x.db \(a new file\) at http://localhost:(\d+)\n", line
        )
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            try:
                socket.create_connection(("localhost", int(found[1])), timeout=LONG).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        else:
            raise AssertionError("nobody answers")
    finally:
        process.terminate()
        process.communicate(timeout=LONG)


def test_a_place_for_artifacts_that_cannot_be_is_one_line(place):
    """Not a traceback of each worker, again and again."""
    code, (line,) = refused("--artifacts-destination", "gopher://x/y", "--port", 0, "--auth")
    assert code == 1 and "artifacts cannot be kept at gopher" in line
    assert not (place / "runlog.db.first-token").exists()


def test_a_file_is_named_once(place):
    code, (line,) = refused("a.db", "--backend-store-uri", "b.db")
    assert code == 2 and "Name the store once" in line


def test_the_file_may_be_named_and_is_called_new_only_once(place):
    for new in (" (a new file)", ""):
        with serving(place, store=str(place / "named.db")) as served:
            pass
        line = (place / "log").read_text().splitlines()[-1]
        assert line == f"runlog: serving: {place}/named.db{new} at {served.uri}"


@pytest.mark.parametrize(
    "options, uri", [([], True), (["--auth"], False), (["--host", "0.0.0.0", "--no-auth"], False)]
)
def test_pages_are_told_which_store_they_show(place, options, uri):
    """All have its name; where it is only who may know that."""
    store = open_store(f"{place}/")
    token = Users(store.db)
    token.add("ann", "viewer")
    token.add("root", "admin")
    tokens = {name: token.add_token(name, "t") for name in ("ann", "root")}
    store.close()
    with serving(place, *options) as served:
        for name, secret in tokens.items():
            said = served.call("GET", "/api/runlog/1/session", Authorization=f"Bearer {secret}")[1]
            about = json.loads(said)
            assert about["store"] == f"{place.name}/runlog.db"
            known = uri or options == ["--auth"] and name == "root"
            assert about["store_uri"] == (f"{place}/" if known else "")


@pytest.mark.parametrize(
    "uri, name",
    [
        ("postgresql+psycopg://me:secret@db.internal:5432/runs", "postgresql: runs"),
        ("/srv/runlog/x.db", "runlog/x.db"),
    ],
)
def test_a_name_of_a_store_has_neither_password_nor_host(uri, name):
    assert process.store_name(process.Config(uri)) == name


# -- who may log in -------------------------------------------------------------------------


def first_lines(place: Path, *words: object, lines: int) -> str:
    """What a server that was started at a terminal prints first."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [*SERVE, f"{place}/", "--port", "0", *map(str, words)], stderr=terminal
    )
    os.close(terminal)
    said = b""
    try:
        while said.count(b"\n") < lines:
            said += os.read(main, 10_000)
    finally:
        process.terminate()
        process.wait(LONG)
        os.close(main)
    return said.decode().replace("\r\n", "\n")


def test_every_start_says_how_to_log_in(place):
    said = first_lines(place, "--auth", lines=5)
    assert re.search(r"http://127\.0\.0\.1:\d+/login\?token=runlog_[\w-]{43}\n", said)
    assert not (place / "runlog.db.first-token").exists()
    said = first_lines(place, "--auth", lines=2)
    assert re.search(r"users log in at http://127\.0\.0\.1:\d+/login with", said)
    assert f"runlog tokens create NAME --user USER --tracking-uri {place}/  makes" in said
    assert "token=" not in said


@pytest.mark.parametrize("options, mode", [(["--auth"], 0o600), ([], 0o644)])
def test_a_database_with_log_ins_is_for_its_user_alone(place, options, mode):
    before = os.umask(0o022)
    try:
        with serving(place, *options):
            found = {path.name: path.stat().st_mode & 0o777 for path in place.glob("runlog.db*")}
    finally:
        os.umask(before)
    assert found.pop("runlog.db.first-token", 0o600) == 0o600
    assert {*found.values()} == {mode} and "runlog.db-wal" in found


def test_a_database_that_others_can_open_is_warned_of(place):
    store = open_store(f"{place}/")
    Users(store.db).add("ann", "admin")
    store.close()
    for mode, warned in ((0o640, True), (0o600, False)):
        (place / "runlog.db").chmod(mode)
        with serving(place, "--auth"):
            said = (place / "log").read_text().splitlines()
        assert any("others on this machine may open" in line for line in said) == warned
        (place / "log").unlink()


@pytest.mark.parametrize(
    "words", [["--auth"], ["--proxy-user-header", "User"], ["--host", "0.0.0.0", "--no-auth"]]
)
def test_local_locations_are_for_a_server_of_ones_own(place, words):
    code, (line,) = refused("--allow-local-locations", *words)
    assert code == 2 and "--allow-local-locations" in line
    assert [*place.iterdir()] == []


# -- what would be served -------------------------------------------------------------------


@pytest.mark.parametrize("private", ["database", "link", "certificate", "TLS key"])
def test_nothing_private_is_inside_the_artifact_root(place, private):
    root, apart = place / "root", place / "apart"
    root.mkdir()
    apart.mkdir()
    (place / "link").symlink_to(root)
    store = {"database": root, "link": place / "link"}.get(private, apart)
    certificate, key = (
        (root if private == kind else apart) / kind for kind in ("certificate", "TLS key")
    )
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split()
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    code, lines = refused(
        *(f"{store}/", "--artifacts-destination", root, "--port", free_port()),
        *("--tls-certificate", certificate, "--tls-key", key),
    )
    named = {"certificate": certificate, "TLS key": key}.get(private, store / "runlog.db")
    assert code == 1 and len(lines) == 1
    assert f"{private.replace('link', 'database')} {named} is inside" in lines[0]
    assert f"the artifact root {root}" in lines[0]


def test_what_is_beside_the_artifact_root_is_served(place):
    with serving(place, "--artifacts-destination", place / "artifacts") as served:
        assert served.call("GET", "/health")[0] == 200


# -- how it ends ----------------------------------------------------------------------------


def group(leader: int) -> set[int]:
    """The processes of a process group, but those that have ended and wait for their parent."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if folder.name.isdigit() and int(words[2]) == leader and words[0] not in "ZX":
                found.add(int(folder.name))
        except (OSError, IndexError):
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_end_with_the_main_process(place, workers):
    with serving(place, "--workers", workers, env={"TMPDIR": str(place)}) as served:
        leader = served.process.pid
        assert len(group(leader)) == workers + 1
        assert [*place.glob("runlog-counts-*")]
        os.kill(leader, signal.SIGKILL)
        served.process.wait(LONG)
        end = time.monotonic() + LONG
        while group(leader) and time.monotonic() < end:
            time.sleep(0.02)
        assert group(leader) == set()
        assert not [*place.glob("runlog-counts-*")]
