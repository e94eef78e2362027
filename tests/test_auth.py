"""The server lets in whom it should, to what they may, whatever way they come."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from pathlib import Path

import pytest

from asking import ask, basic
from processes import LONG
from runlog import clock
from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, RunlogError
from runlog.protocol.endpoints import ROWS
from runlog.protocol.registry_endpoints import REGISTRY
from runlog.protocol.rows import ADMIN, EDIT, READ
from runlog.serve import create_app
from runlog.server.auth import admin_api, startup
from runlog.server.auth.audit import MORE, MOST_FAILED
from runlog.server.auth.password_queue import PasswordQueue
from runlog.server.auth.policy import FOR_ALL_USERS, LISTS_OF_EXPERIMENTS, Auth
from runlog.server.auth.proxies import Proxies
from runlog.server.auth.rate_limits import MOST, MOST_KEPT, WINDOW, Attempts, TooManyAttempts
from runlog.sqlstore.accounts import Users, Wanted
from runlog.store import open_store
from runlog.store_parts import accounts
from serving import serving

API = "/api/2.0/mlflow/"
PASSWORD = "correct horse battery"
LEVELS = {None: 0, "member": 0, "viewer": 1, "editor": 2, "admin": 3}
NEEDED = {READ: 1, EDIT: 2, ADMIN: 3}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    """A hash is a hash at any cost; tests/test_users.py has the real one."""
    monkeypatch.setattr(accounts, "LOG_N", 4)
    accounts.nobodys.cache_clear()
    yield
    accounts.nobodys.cache_clear()


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000_000

    def __call__(self) -> int:
        return self.time


class Team:
    """A server with users: `ask` it as one of them, who has a token of the same name."""

    def __init__(self, folder: Path, **options) -> None:
        self.clock = Clock()
        self.store = open_store(str(folder / "runlog.db"))
        self.users = Users(self.store.db)
        self.auth = Auth(self.store, self.users, now=self.clock, **options)
        self.app = create_app(self.store, ArtifactRepo(str(folder / "artifacts")), access=self.auth)
        self.tokens: dict[str, str] = {}

    def add(self, name: str, role: str, grant: str | None = None, password=None, **token) -> None:
        self.users.add(name, role, password)
        self.tokens[name] = self.users.add_token(name, "its", **token)
        if grant:
            self.users.grant(name, "1", grant)

    def ask(self, name: str, verb: str, path: str, given=None, **headers: str):
        headers.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.tokens[name]}")
        return ask(self.app, verb, path, given, **headers)

    def close(self) -> None:
        self.auth.close()
        self.store.close()

    def audit(self, **wanted):
        self.auth.audit.flush()
        return self.users.audit(Wanted(**wanted))


@pytest.fixture
def team(tmp_path):
    team = Team(tmp_path)
    yield team
    team.close()


# -- every endpoint -------------------------------------------------------------------------

CALLERS = {  # role, grant in the experiment that is asked for, may only read
    "root": ("admin", None, False),
    "ed": ("editor", None, False),
    "vic": ("viewer", None, False),
    "mia": ("member", None, False),
    "reader": ("member", "viewer", False),
    "writer": ("member", "editor", False),
    "owner": ("member", "admin", False),
    "helper": ("viewer", "editor", False),
    "robot": ("admin", None, True),
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """Experiment 1, which has a run, a logged model and a file; and one user of each kind."""
    team = Team(tmp_path_factory.mktemp("busy"))
    team.store.create_experiment("secret")
    run = team.store.create_run("1", run_name="hidden").info.run_id
    model = team.store.models.create("1", "m").model_id
    path = f"1/{run}/artifacts/a.txt"
    for name, (role, grant, read_only) in CALLERS.items():
        team.add(name, role, grant, read_only=read_only)
    team.ask("root", "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", b"a")
    team.given = {
        "experiment_id": "1", "experiment_ids": ["1"], "experiment_name": "secret",
        "run_id": run, "run_ids": [run], "model_id": model, "path": "a.txt",
        "name": "secret", "new_name": "secret", "key": "k", "tag_key": "k", "value": "1",
        "metric_key": "k", "timestamp": 1, "max_results": 5, "model_json": "{}",
        "models": [{"model_id": model}], "status": "LOGGED_MODEL_READY", "artifact_file_path": "f",
        "artifact_path": path.rpartition("/")[0], "upload_id": "0", "part_number": 1,
        "parts": [{"part_number": 1, "etag": "0"}],
        "experiment": {"experiment_id": "1", "name": "secret"},
        "keys": ["k"], "after_steps": [0], "cursor": "[0,[]]", "kind": "params",
        "query": "select 1 as one", "version": "1", "alias": "a", "stage": "Staging",
        "archive_existing_versions": False, "source": "s3://bucket/model", "model": {"name": "m"},
    }  # fmt: skip
    team.path = path
    yield team
    team.close()


def send(team, name: str | None, row, path: str):
    fields = {field.name for field in row.fields}
    given = {name: value for name, value in team.given.items() if name in fields}
    if row.name in ("updateRun", "createLoggedModel"):
        given.pop("status", None)
    if "run_id" not in fields and "model_id" not in fields and "path" in fields:
        given["path"] = team.path
    for field in re.findall("<([a-z_]+)>", path):
        path = path.replace(f"<{field}>", given.pop(field))
    if row.moves_a_file and row.verb != "GET":
        path = path + "?" + "&".join(f"{field}={value}" for field, value in given.items())
        given = b"file"
    if row.name == "createExperiment":
        given["name"] = f"new of {name}"
    return team.ask(name, row.verb, path, given) if name else ask(team.app, row.verb, path, given)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.verb}")
def test_every_endpoint_asks_what_the_caller_may(busy, row, caller):
    role, grant, read_only = CALLERS[caller]
    allowed = max(LEVELS[role], LEVELS[grant]) >= NEEDED[row.access]
    if row.name in REGISTRY:  # registered models are in no experiment
        allowed = LEVELS[role] >= NEEDED[row.access]
    if row.name == "createExperiment":
        allowed = role != "viewer"
    if row.name == "sql":  # a query reads what it likes, so it is for those who read everything
        allowed = role != "member"
    if row.name in (*FOR_ALL_USERS, *LISTS_OF_EXPERIMENTS):
        allowed = True
    if row.name in ("keepExperiment", "beginRuns", "keepModels", "endRuns", "keepRegisteredModel"):
        allowed = role == "admin"
    answer = send(busy, caller, row, next(row.paths()))
    if allowed and not (read_only and row.access != READ):
        assert answer.status not in (401, 403), answer.body
    else:
        assert answer.status == 403, answer.body
        assert answer.json["error_code"] == "PERMISSION_DENIED"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.verb}")
def test_no_endpoint_answers_a_stranger(busy, row):
    for path in row.paths():
        answer = send(busy, None, row, path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.json["error_code"] == "UNAUTHENTICATED"
        assert "new BasicMlflowHostCreds(uri, user, password)" in answer.json["message"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.verb}")
def test_every_id_that_a_request_can_name_is_looked_at(row):
    """A new field with an id must be thought of, in Auth._concerned or here."""
    known = {"experiment_id", "experiment_ids", "run_id", "run_ids", "model_id", "models", "name"}
    harmless = {"source_run_id", "new_run_id", "user_id"}  # texts that are only kept
    harmless.add("upload_id")  # which is one for the path beside it
    harmless.add("deployment_job_id")  # of Databricks, and only kept
    named = {field.argument or field.name for field in row.fields}
    ids = {name for name in named if name.endswith(("_id", "_ids", "models"))}
    assert ids <= known | harmless


TRICKS = [
    lambda path: "/" + path,
    lambda path: path + "/",
    lambda path: path.upper(),
    lambda path: path.replace("/api/", "/Api/"),
    lambda path: path.replace("/api/", "/ajax-api/"),
    lambda path: path.replace("/api/", "/api//"),
    lambda path: path.replace("/mlflow/", "/mlflow/./"),
    lambda path: "/health/.." + path,
    lambda path: "/static-files/../" + path,
    lambda path: "/login/.." + path,
    lambda path: path + "%2f",
    lambda path: path + "\0",
    lambda path: path + ";.js",
    lambda path: "/" + path[1:].replace("/", "\\"),
    lambda path: path.replace("2.0", "3.0"),
    lambda path: path.replace("a", "%61"),
]


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize(
    "verb, path, given",
    [
        ("GET", API + "experiments/get", {"experiment_id": "1"}),
        ("POST", API + "experiments/delete", {"experiment_id": "1"}),
        ("POST", API + "runs/search", {"experiment_ids": ["1"]}),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1", {}),
        ("GET", "/metrics", {}),
    ],
)
def test_tricks_with_the_path_lead_nowhere(busy, trick, verb, path, given):
    assert ask(busy.app, verb, trick(path), given).status in (401, 404, 405)


@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST", "PUT", "TRACE"])
@pytest.mark.parametrize("header", ["HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_METHOD_OVERRIDE"])
def test_another_method_leads_nowhere(busy, verb, header):
    answer = ask(
        busy.app, verb, API + "experiments/delete", {"experiment_id": "1"}, **{header: "POST"}
    )
    assert answer.status in (401, 404, 405)
    assert busy.store.get_experiment("1").name == "secret"


@pytest.mark.parametrize("path", ["/health", "/version", "/openapi.json", "/", "/login"])
def test_what_is_no_secret_is_open(busy, path):
    assert ask(busy.app, "GET", path).status == 200


# -- members see what is theirs -------------------------------------------------------------


def test_who_makes_an_experiment_is_its_admin(team):
    team.add("mia", "member")
    team.add("max", "member")
    number = team.ask("mia", "POST", API + "experiments/create", {"name": "own"}).json[
        "experiment_id"
    ]
    assert [(each.user, each.role) for each in team.users.grants()] == [("mia", "admin")]
    given = {"experiment_id": number}
    assert team.ask("max", "GET", API + "experiments/get", given).status == 403
    assert team.ask("mia", "POST", API + "experiments/delete", given).status == 200


@pytest.mark.parametrize(
    "filter_string, found",
    [
        (None, ["b", "a"]),
        ("name = 'a'", ["a"]),
        ("name = 'Default' OR name = 'a'", ["a"]),
        ("experiment_id = '0'", []),
        ("NOT name = 'a'", ["b"]),
    ],
)
def test_a_search_shows_what_may_be_read(team, filter_string, found):
    team.add("mia", "member")
    for name in "ab":
        team.ask("mia", "POST", API + "experiments/create", {"name": name})
    team.store.create_experiment("other")
    given = {"max_results": 100, "order_by": ["name DESC"], "filter": filter_string}
    answer = team.ask("mia", "POST", API + "experiments/search", given)
    assert [each["name"] for each in answer.json.get("experiments", [])] == found


@pytest.mark.parametrize("text", ["name = 'a') OR (name = 'other'", "name = 'a' --", "(name = 'a'"])
def test_a_filter_does_not_break_out(team, text):
    team.add("mia", "member")
    team.ask("mia", "POST", API + "experiments/create", {"name": "a"})
    search = ("POST", API + "experiments/search")
    assert team.ask("mia", *search, {"max_results": 9, "filter": "name = 'a'"}).status == 200
    assert team.ask("mia", *search, {"max_results": 9, "filter": text}).status == 400


def test_pages_of_experiments_are_those_of_the_user(team):
    team.add("mia", "member")
    for name in "abc":
        team.ask("mia", "POST", API + "experiments/create", {"name": name})
        team.store.create_experiment(f"other {name}")
    names, token = [], None
    while token != "":
        given = {"max_results": 2, **({"page_token": token} if token else {})}
        page = team.ask("mia", "GET", API + "experiments/search", given).json
        names += [each["name"] for each in page["experiments"]]
        token = page.get("next_page_token", "")
    assert sorted(names) == ["a", "b", "c"]  # two may be of the same millisecond


@pytest.mark.parametrize("path", ["", "1/..", "./1", "1//x", "2", "1/../2/x", "/1", "1\\2", "10"])
def test_files_are_guarded_by_their_experiment(busy, path):
    answer = busy.ask("mia", "GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": path})
    assert answer.status in (400, 403)


def test_no_location_reaches_into_the_files_of_others(team):
    team.store.create_experiment("secret", tags={})
    team.add("mia", "member", "viewer")
    team.add("ed", "editor")
    for place in ("mlflow-artifacts:/1", "mlflow-artifacts:/", "mlflow-artifacts:/2"):
        given = {"name": place, "artifact_location": place}
        assert team.ask("mia", "POST", API + "experiments/create", given).status == 403
    given = {"name": "deep", "artifact_location": "mlflow-artifacts:/1/deep"}
    assert team.ask("ed", "POST", API + "experiments/create", given).status == 200
    listing = "/api/2.0/mlflow-artifacts/artifacts"
    assert team.ask("mia", "GET", listing, {"path": "1/other"}).status == 200
    for path in ("1", "1/deep", "1/deep/x"):  # another experiment is there as well
        assert team.ask("mia", "GET", listing, {"path": path}).status == 403


def test_a_model_of_others_is_not_measured_or_linked(busy):
    experiment = busy.ask("mia", "POST", API + "experiments/create", {"name": "own"}).json
    run = busy.ask("mia", "POST", API + "runs/create", experiment).json["run"]["info"]["run_id"]
    model = busy.given["model_id"]
    metric = {"run_id": run, "key": "k", "value": 1, "timestamp": 1}
    assert busy.ask("mia", "POST", API + "runs/log-metric", metric).status == 200
    for path, given in [
        ("runs/log-metric", {**metric, "model_id": model}),
        ("runs/log-batch", {"run_id": run, "metrics": [{**metric, "model_id": model}]}),
        ("runs/log-inputs", {"run_id": run, "models": [{"model_id": model}]}),
        ("runs/outputs", {"run_id": run, "models": [{"model_id": model}]}),
    ]:
        assert busy.ask("mia", "POST", API + path, given).status == 403, path
    given = {"run_id": run, "metrics": [{**metric, "model_id": model}]}
    assert busy.ask("mia", "POST", "/api/runlog/1/runs/log", given).status == 403


def test_a_withdrawn_grant_and_a_lower_role_count_at_once(team):
    team.add("mia", "member", None)
    team.add("ed", "editor")
    team.users.grant("mia", "0", "viewer")
    get = ("GET", API + "experiments/get", {"experiment_id": "0"})
    assert team.ask("mia", *get).status == team.ask("ed", *get).status == 200
    team.users.withdraw("mia", "0")
    team.users.set_role("ed", "member")
    assert team.ask("mia", *get).status == team.ask("ed", *get).status == 403


def test_a_read_only_server_is_that_for_admins_too(tmp_path):
    team = Team(tmp_path, read_only=True)
    team.add("root", "admin")
    answer = team.ask("root", "POST", API + "experiments/create", {"name": "x"})
    team.close()
    assert answer.status == 403 and "--read-only" in answer.json["message"]


# -- passwords ------------------------------------------------------------------------------

GET = ("GET", API + "experiments/get", {"experiment_id": "0"})


def test_a_password_lets_in_and_a_changed_one_does_not(team):
    team.add("ann", "editor", password="pässword, lang")
    old = basic("Ann", "pässword, lang")
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=old).status == 200
    team.users.set_password("ann", PASSWORD)
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=old).status == 401
    team.users.set_password("ann", None)
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=basic("ann", PASSWORD)).status == 401


def test_a_password_that_held_is_not_hashed_again(team, monkeypatch):
    team.add("ann", "editor", password=PASSWORD)
    header = basic("ann", PASSWORD)
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=header).status == 200
    monkeypatch.setattr("runlog.store_parts.accounts.matches", None)
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=header).status == 200


def test_no_user_costs_the_same_hash_and_says_the_same(team, monkeypatch):
    team.add("ann", "editor", password=PASSWORD)
    team.add("bot", "editor")
    hashes = []
    real = hashlib.scrypt
    monkeypatch.setattr(
        "hashlib.scrypt",
        lambda data, **cost: hashes.append({**cost, "salt": 0}) or real(data, **cost),
    )
    answers = [
        team.ask("ann", *GET, HTTP_AUTHORIZATION=basic(name, "wrong")).body
        for name in ("ann", "bot", "nobody", "no such \N{SNOWMAN}")
    ]
    assert len(hashes) == 4 and all(each == hashes[0] for each in hashes)
    assert len(set(answers)) == 1


def test_guessing_is_stopped_but_not_who_is_in_already(team):
    team.add("ann", "editor", password=PASSWORD)
    right, wrong = basic("ann", PASSWORD), basic("ann", "a guess")
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=right).status == 200
    said = [team.ask("ann", *GET, HTTP_AUTHORIZATION=wrong) for _ in range(12)]
    assert [each.status for each in said] == [401] * 10 + [429] * 2
    assert said[-1].json["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert 0 < int(said[-1].headers["retry-after"]) <= WINDOW // 1000 + 1
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=right).status == 200
    team.clock.time += WINDOW
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=wrong).status == 401


def test_processes_count_together(place):
    store = open_store(str(place / "runlog.db"))
    known = Users(store.db)
    known.add("ann", "editor", PASSWORD)
    workers = [Auth(store, known) for _ in range(2)]
    apps = [create_app(store, access=access) for access in workers]
    wrong = basic("ann", "a guess")
    said = [ask(apps[n % 2], *GET, HTTP_AUTHORIZATION=wrong).status for n in range(12)]
    assert said == [401] * 10 + [429] * 2
    for access in workers:
        access.close()
    store.close()


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic " + "A" * 5, "Bearer", "Bearer x", "Negotiate abc", "basic Og=="],
)
def test_a_broken_header_is_refused(busy, header):
    answer = ask(busy.app, *GET, HTTP_AUTHORIZATION=header)
    assert answer.status == 401 and answer.json["error_code"] == "UNAUTHENTICATED"


# -- users over HTTP ------------------------------------------------------------------------

OURS = "/api/runlog/1/"


def test_an_admin_makes_a_user_who_logs_in(team):
    team.add("root", "admin")

    def do(path, given):
        return team.ask("root", "POST", OURS + path, given)

    assert do("users/create", {"name": "Ann", "role": "member", "password": PASSWORD}).json == {}
    token = do("tokens/create", {"user": "ann", "name": "laptop"}).json["token"]
    assert team.ask("root", *GET, HTTP_AUTHORIZATION=f"Bearer {token}").status == 403
    assert do("grants/set", {"user": "ann", "experiment_id": "0", "role": "viewer"}).status == 200
    assert team.ask("root", *GET, HTTP_AUTHORIZATION=f"Bearer {token}").status == 200
    listed = team.ask("root", "GET", OURS + "tokens/list?user=ann").json["tokens"]
    assert [(each["name"], each["user"], each["read_only"]) for each in listed] == [
        ("laptop", "ann", False)
    ]
    assert token not in str(listed)
    assert do("tokens/revoke", {"user": "ann", "name": "laptop"}).status == 200
    assert team.ask("root", *GET, HTTP_AUTHORIZATION=f"Bearer {token}").status == 401
    assert do("users/set-role", {"name": "ann", "role": "viewer"}).status == 200
    assert do("grants/delete", {"user": "ann", "experiment_id": "0"}).status == 200
    assert do("users/set-password", {"name": "ann", "password": PASSWORD[::-1]}).status == 200
    names = team.ask("root", "GET", OURS + "users/list").json["users"]
    assert [(each["name"], each["role"], each["has_password"]) for each in names][0] == (
        "ann",
        "viewer",
        True,
    )
    assert do("users/delete", {"name": "ann"}).status == 200
    assert do("users/delete", {"name": "ann"}).status == 404
    assert do("users/create", {"name": "b", "role": "king"}).status == 400
    (created,) = team.audit(action="users/create", result="OK")
    assert (created.user, created.target) == ("root", "name Ann role member")


@pytest.mark.parametrize("deed", admin_api.ACTIONS, ids=lambda deed: deed.path)
@pytest.mark.parametrize("role", ["editor", "viewer", "member"])
def test_others_neither_see_nor_change_users(team, deed, role):
    team.add("sam", role)
    given = {field.name: "0" for field in deed.fields}
    assert team.ask("sam", deed.verb, OURS + deed.path, given).status == 403
    assert ask(team.app, deed.verb, OURS + deed.path, given).status == 401


# -- the limit itself -----------------------------------------------------------------------


def fail(attempts: Attempts, user: str, address: str, times: int) -> int:
    """How many attempts got through."""
    for done in range(times):
        try:
            attempts.begin(user, address)
        except TooManyAttempts:
            return done
    return times


def test_one_address_cannot_try_many_users():
    attempts = Attempts(Clock())
    tried = sum(fail(attempts, f"user{n}", "10.0.0.1", 9) for n in range(20))
    assert tried == MOST["address"]
    assert fail(attempts, "user1", "10.0.0.2", 1) == 1


def test_many_addresses_cannot_try_one_user():
    """Each has one attempt, or a flood of guesses would keep out the user as well."""
    attempts = Attempts(Clock())
    counts = [fail(attempts, "ann", f"10.0.0.{n}", 9) for n in range(99)]
    many = -(-MOST["user"] // 9)
    assert sum(counts[:many]) == MOST["user"] and {*counts[many:]} == {1}
    assert sum(fail(attempts, "ann", f"10.0.0.{n}", 9) for n in range(many, 99)) == 0


def test_a_flood_does_not_keep_out_a_first_log_in(team):
    """Neither by the limit of a user, nor where the hashes are waited for."""
    team.add("ann", "editor", password=PASSWORD)
    for number in range(MOST["user"]):
        wrong = {"HTTP_AUTHORIZATION": basic("ann", f"wrong {number}")}
        ask(team.app, *GET, REMOTE_ADDR=f"10.0.{number // 9}.1", **wrong)
    right = {"HTTP_AUTHORIZATION": basic("ann", PASSWORD)}
    assert ask(team.app, *GET, REMOTE_ADDR="10.1.0.1", **wrong).status == 401
    assert ask(team.app, *GET, REMOTE_ADDR="10.1.0.1", **wrong).status == 429
    assert ask(team.app, *GET, REMOTE_ADDR="10.2.0.1", **right).status == 200


def test_whose_address_has_failed_least_is_next():
    turns, order, refused, waiting = PasswordQueue(most=3), [], [], []

    def attempt(rank: int) -> None:
        try:
            with turns.turn(rank):
                order.append(rank)
        except RunlogError as error:
            refused.append((rank, error.error_code))

    with turns.turn(0):
        for count, rank in enumerate((9, 7, 8, 0, 5)):
            waiting.append(threading.Thread(target=attempt, args=(rank,)))
            waiting[-1].start()
            while len(turns) < min(count + 1, 3) or len(refused) < count - 2:
                time.sleep(0.001)
    for each in waiting:
        each.join(LONG)
    assert order == [0, 5, 7]
    assert refused == [(9, "TEMPORARILY_UNAVAILABLE"), (8, "TEMPORARILY_UNAVAILABLE")]


def test_one_network_of_ipv6_is_one_address():
    attempts = Attempts(Clock())
    assert sum(fail(attempts, f"u{n}", f"2001:db8::{n:x}", 9) for n in range(20)) == MOST["address"]


def test_what_other_processes_noted_counts():
    clock, noted = Clock(), [("ann", "10.0.0.1", 0, MOST["user and address"] - 1)]
    noted[0] = (*noted[0][:2], clock(), noted[0][3])
    attempts = Attempts(clock, lambda since: noted)
    assert fail(attempts, "ann", "10.0.0.1", 5) == 5  # its own are among those
    noted[0] = (*noted[0][:3], MOST["user and address"])
    assert fail(attempts, "ann", "10.0.0.1", 1) == 0
    assert fail(attempts, "bob", "10.0.0.1", 1) == 1
    attempts.succeeded("ann", "10.0.0.1")
    assert fail(attempts, "ann", "10.0.0.1", 1) == 1


def test_success_is_not_counted_and_memory_is_bounded():
    attempts = Attempts(Clock())
    for _ in range(1000):
        attempts.begin("ann", "10.0.0.1")
        attempts.succeeded("ann", "10.0.0.1")
    for number in range(MOST_KEPT // 2):  # three counters each
        fail(attempts, f"user{number}", f"10.{number >> 8}.{number & 255}.1", 1)
    assert len(attempts) <= MOST_KEPT


# -- tokens ---------------------------------------------------------------------------------


def test_a_token_expires_and_is_revoked(team):
    team.add("ann", "editor", expiry_time=team.clock.time + 1000)
    assert team.ask("ann", *GET).status == 200
    team.clock.time += 1000
    answer = team.ask("ann", *GET)
    assert answer.status == 401 and "expired" in answer.json["message"]
    other = "Bearer " + team.users.add_token("ann", "other")
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=other).status == 200
    team.users.revoke("ann", "other")
    assert team.ask("ann", *GET, HTTP_AUTHORIZATION=other).status == 401


def test_a_token_says_when_it_was_used_and_goes_with_its_user(team):
    team.add("ann", "editor")
    team.ask("ann", *GET)
    team.auth.audit.flush()
    assert [each.last_used_time for each in team.users.tokens()] == [team.clock.time]
    team.users.remove("ann")
    assert team.ask("ann", *GET).status == 401


# -- sessions -------------------------------------------------------------------------------

OWN = "http://localhost:5000"


def logged_in(team, **given: str) -> str:
    """The cookie of a new session."""
    answer = ask(team.app, "POST", "/login", given, origin=OWN)
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].partition(";")[0]


def test_a_session_begins_and_ends(team):
    team.add("ann", "editor", password=PASSWORD)
    cookie = logged_in(team, username="ann", password=PASSWORD)
    assert ask(team.app, *GET, HTTP_COOKIE=f"a=b; {cookie}").status == 200
    answer = ask(team.app, "POST", "/logout", {}, origin=OWN, HTTP_COOKIE=cookie)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert ask(team.app, *GET, HTTP_COOKIE=cookie).status == 401


@pytest.mark.parametrize("scheme, secure", [("http", False), ("https", True)])
def test_the_cookie_is_out_of_reach(team, scheme, secure):
    team.add("ann", "editor")
    sent = f"token={team.tokens['ann']}".encode()
    answer = ask(
        team.app, "POST", "/login", sent, CONTENT_TYPE="application/x-www-form-urlencoded",
        origin=OWN, **{"wsgi.url_scheme": scheme},
    )  # fmt: skip
    assert answer.status == 303 and answer.headers["location"] == "./"
    flags = answer.headers["set-cookie"].split("; ")[1:]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {*flags}
    assert ("Secure" in flags) == secure
    assert team.tokens["ann"] not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"HTTP_ORIGIN": OWN}, 200),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 200),
        ({}, 403),
        ({"HTTP_ORIGIN": "http://evil.example"}, 403),
        ({"HTTP_ORIGIN": "http://localhost:8888"}, 403),
        ({"HTTP_ORIGIN": "null"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_ORIGIN": "http://evil.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, 403),
    ],
)
def test_other_pages_cannot_use_a_session(team, headers, status):
    team.add("ann", "editor")
    cookie = logged_in(team, token=team.tokens["ann"])
    given = {"experiment_id": "0", "key": "k", "value": "v"}
    answer = ask(
        team.app,
        "POST",
        API + "experiments/set-experiment-tag",
        given,
        HTTP_COOKIE=cookie,
        **headers,
    )
    assert answer.status == status
    assert bool(team.store.get_experiment("0").tags) == (status == 200)


def test_another_site_cannot_log_in_as_somebody_else(team):
    team.add("ann", "editor")
    page = ask(team.app, "GET", f"/login?token={team.tokens['ann']}")
    assert page.status == 200 and "set-cookie" not in page.headers
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    given = {"token": team.tokens["ann"]}
    assert ask(team.app, "POST", "/login", given, origin="http://evil.example").status == 403


def test_a_link_with_a_token_asks_before_it_logs_in(team):
    team.add("ann", "editor")
    body = ask(team.app, "GET", f"/login?token={team.tokens['ann']}").body.decode()
    assert '<form method="post" action="login">' in body
    assert f'<input name="token" type="hidden" value="{team.tokens["ann"]}">' in body
    assert "as ann?" in body and body.count("<button") == 1
    answer = ask(team.app, "GET", "/login?token=%22%3E%3Cscript%3E")
    assert answer.status == 401 and b"<script>" not in answer.body


def test_a_session_is_no_more_than_the_token_it_was_begun_with(team):
    team.add("ann", "admin", read_only=True, expiry_time=team.clock.time + 5000)
    cookie = logged_in(team, token=team.tokens["ann"])
    given = {"experiment_id": "0"}
    headers = {"HTTP_COOKIE": cookie, "HTTP_ORIGIN": OWN}
    assert ask(team.app, "POST", API + "experiments/delete", given, **headers).status == 403
    assert ask(team.app, *GET, **headers).status == 200
    team.clock.time += 5000
    assert ask(team.app, *GET, **headers).status == 401
    team.clock.time -= 5000
    team.users.revoke("ann", "its")
    assert ask(team.app, *GET, **headers).status == 401


def test_sessions_end_by_time_and_with_the_password(team):
    team.add("ann", "editor", password=PASSWORD)
    cookies = [logged_in(team, username="ann", password=PASSWORD) for _ in range(2)]
    team.clock.time += 8 * 86_400_000
    assert ask(team.app, *GET, HTTP_COOKIE=cookies[0]).status == 401
    team.clock.time -= 8 * 86_400_000
    assert ask(team.app, *GET, HTTP_COOKIE=cookies[1]).status == 200
    team.users.set_password("ann", PASSWORD + "!")
    assert ask(team.app, *GET, HTTP_COOKIE=cookies[1]).status == 401


def test_a_session_is_no_token_and_a_token_no_session(team):
    team.add("ann", "editor")
    name, _, secret = logged_in(team, token=team.tokens["ann"]).partition("=")
    assert ask(team.app, *GET, HTTP_AUTHORIZATION=f"Bearer {secret}").status == 401
    assert ask(team.app, *GET, HTTP_COOKIE=f"{name}={team.tokens['ann']}").status == 401


def test_the_form_logs_in(team):
    team.add("ann", "editor")
    page = ask(team.app, "GET", "/login")
    assert b"<form" in page.body and "default-src 'none'" in page.headers["content-security-policy"]
    answer = ask(
        team.app, "POST", "/login", f"token={team.tokens['ann']}".encode(), origin=OWN,
        CONTENT_TYPE="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert answer.status == 303 and "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[1]", b"{", b'{"username": 1}', b'{"username": "\\ud800", "password": "\\ud800"}'],
)
def test_a_broken_log_in_is_refused(busy, body):
    answer = ask(busy.app, "POST", "/login", body, origin=OWN, CONTENT_TYPE="application/json")
    assert answer.status in (400, 401)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "127.0.0.1.evil.example"])
def test_another_host_name_gets_nothing_with_the_best_token(busy, host):
    answer = busy.ask("root", *GET, HTTP_HOST=host)
    assert answer.status == 403 and "Host" in answer.json["message"]


# -- proxies --------------------------------------------------------------------------------


@pytest.fixture
def proxied(tmp_path):
    team = Team(tmp_path, proxies=Proxies(["10.0.0.0/24", "::1"], "RemoteUser"))
    team.add("ann", "editor")
    yield team
    team.close()


@pytest.mark.parametrize(
    "peer, user, status",
    [
        ("10.0.0.7", "ann", 200),
        ("10.0.0.7", "Ann", 200),
        ("::1", "ann", 200),
        ("::ffff:10.0.0.7", "ann", 200),
        ("10.0.1.7", "ann", 401),
        ("127.0.0.1", "ann", 401),
        ("", "ann", 401),
        ("10.0.0.7", "nobody", 403),
        ("10.0.0.7", "ann,ann", 403),
        ("10.0.0.7", "", 401),
    ],
)
def test_only_a_trusted_proxy_says_who_it_is(proxied, peer, user, status):
    assert ask(proxied.app, *GET, REMOTE_ADDR=peer, HTTP_REMOTEUSER=user).status == status


def test_without_the_option_no_header_says_who_it_is(team):
    team.add("ann", "admin")
    for name in ("HTTP_REMOTEUSER", "HTTP_X_REMOTE_USER", "HTTP_X_FORWARDED_USER", "REMOTE_USER"):
        assert ask(team.app, *GET, **{name: "ann"}).status == 401


@pytest.mark.parametrize(
    "peer, forwarded, address",
    [
        ("10.0.0.7", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.7", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.7", "1.2.3.4, 10.0.0.8", "1.2.3.4"),
        ("10.0.0.7", "nonsense", "10.0.0.7"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("8.8.8.8", "1.2.3.4", "8.8.8.8"),
        ("::ffff:10.0.0.7", "1.2.3.4", "1.2.3.4"),
        ("::ffff:8.8.8.8", "1.2.3.4", "8.8.8.8"),
        ("10.0.0.7", "1.2.3.4:5678", "1.2.3.4"),
        ("10.0.0.7", "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.7", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.7", "2001:DB8:0::1", "2001:db8::1"),
        ("10.0.0.7", "::ffff:1.2.3.4, ::ffff:10.0.0.9", "1.2.3.4"),
        ("10.0.0.7", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.7", "1.2.3.4:nonsense", "10.0.0.7"),
    ],
)
def test_the_client_is_where_trusted_proxies_say(peer, forwarded, address):
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert Proxies(["10.0.0.0/24"]).address(environ) == address
    assert Proxies(["::ffff:10.0.0.0/120"]).address(environ) == address


def test_ipv4_clients_of_an_ipv6_socket_are_counted_apart(team):
    """As `--host ::` has them: the first half of their addresses is the same."""
    team.add("ann", "editor", password=PASSWORD)
    for number in range(MOST["address"] + 1):
        wrong = {"HTTP_AUTHORIZATION": basic(f"user{number}", "wrong")}
        status = ask(team.app, *GET, REMOTE_ADDR="::ffff:10.0.0.1", **wrong).status
    assert status == 429
    assert ask(team.app, *GET, REMOTE_ADDR="10.0.0.1", **wrong).status == 429
    for _ in range(2):
        assert ask(team.app, *GET, REMOTE_ADDR="::ffff:10.0.0.2", **wrong).status == 401
    assert {each.address for each in team.audit(action="log in")} == {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(
    "addresses, header",
    [
        ((), "RemoteUser"),
        (("10.0.0.1",), "X-Remote-User"),
        (("10.0.0.1",), "X_User"),
        (("x",), None),
    ],
)
def test_a_proxy_that_anyone_could_play_is_refused(addresses, header):
    with pytest.raises(InvalidParameter):
        Proxies(addresses, header)


# -- the audit log --------------------------------------------------------------------------


def test_the_audit_log_tells_who_did_what(team):
    team.add("ann", "editor")
    team.add("vic", "viewer")
    run = team.store.create_run("0").info.run_id
    for step in range(3):
        point = {"run_id": run, "key": "k", "value": 1, "timestamp": 1, "step": step}
        team.ask("ann", "POST", API + "runs/log-metric", point, REMOTE_ADDR="10.1.1.1")
    team.ask("vic", "POST", API + "runs/delete", {"run_id": run})
    team.ask("vic", "GET", API + "runs/get", {"run_id": run})
    team.ask("ann", "POST", API + "runs/delete", {"run_id": "f" * 32})
    found = [tuple(each[:6]) + (each.times,) for each in team.audit(since=team.clock.time)]
    assert sorted(found) == [
        ("ann", "its", "10.1.1.1", "logMetric", f"run {run}", "OK", 3),
        ("ann", "its", "127.0.0.1", "deleteRun", f"run {'f' * 32}", "RESOURCE_DOES_NOT_EXIST", 1),
        ("vic", "its", "127.0.0.1", "deleteRun", f"run {run}", "PERMISSION_DENIED", 1),
    ]


def test_who_is_refused_does_not_fill_the_audit_log(team):
    team.add("mia", "member")
    for number in range(MOST_FAILED + 30):
        team.ask("mia", "POST", API + "runs/delete", {"run_id": f"{number:032x}"})
        team.ask(
            "mia", "POST", "/api/runlog/1/users/create", {"name": f"n{number}", "role": "admin"}
        )
        team.auth.audit.flush()
    failed = [each for each in team.audit(user="mia") if each.result != "OK"]
    assert sum(each.times for each in failed) == 2 * (MOST_FAILED + 30)
    assert len(failed) <= MOST_FAILED + 2
    assert {each.result for each in failed if each.action == MORE} == {"RESOURCE_DOES_NOT_EXIST"}


def test_the_audit_log_keeps_minutes_apart_and_forgets(tmp_path):
    team = Team(tmp_path, audit_days=2)
    team.add("ann", "editor")
    for wait in (0, 60_000, 3 * 86_400_000):
        team.clock.time += wait
        team.ask(
            "ann",
            "POST",
            API + "experiments/set-experiment-tag",
            {"experiment_id": "0", "key": "k"},
        )
        team.auth.audit.flush()
    left = [each.first_time for each in team.audit(user="ann")]
    team.close()
    assert left == [team.clock.time]


def test_failed_log_ins_are_noted(team):
    ask(team.app, *GET, HTTP_AUTHORIZATION=basic("nobody", "guess"))
    (entry,) = team.audit(action="log in")
    assert (entry.user, entry.result) == ("nobody", "UNAUTHENTICATED")


# -- a server's start -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host, auth, names_users, demanded",
    [
        ("127.0.0.1", None, False, False),
        ("127.8.8.8", None, False, False),
        ("::1", None, False, False),
        ("localhost", None, False, False),
        ("0.0.0.0", None, False, True),
        ("::", None, False, True),
        ("192.168.1.2", None, False, True),
        ("localhost.evil.example", None, False, True),
        ("0.0.0.0", False, False, False),
        ("127.0.0.1", True, False, True),
        ("127.0.0.1", None, True, True),
    ],
)
def test_a_log_in_is_demanded_where_others_can_reach(host, auth, names_users, demanded):
    assert startup.is_demanded(host, auth, names_users) == demanded


def test_the_first_token_is_made_once(team):
    team.clock.time = clock.now()
    token = startup.first_token(team.users)
    assert ask(team.app, *GET, HTTP_AUTHORIZATION=f"Bearer {token}").status == 200
    assert startup.first_token(team.users) is None
    (kept,) = team.users.tokens()
    assert 0 <= kept.expiry_time - kept.creation_time - 86_400_000 < 60_000
    assert [(each.name, each.role) for each in team.users.all()] == [("admin", "admin")]


def test_a_store_without_users_is_refused():
    with pytest.raises(RunlogError, match="keeps no users"):
        startup.users_of(open_store("http://localhost:1"))


@pytest.fixture
def served(place):
    with serving(place, "--auth") as served:
        yield served


def test_a_real_server_has_a_token_that_opens_it(served):
    path = served.folder / "runlog.db.first-token"
    assert str(path) in (served.folder / "log").read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    found = re.search(rf"{served.uri}/login\?token=(runlog_[\w-]{{43}})\n", path.read_text())
    token = found[1]
    assert token not in (served.folder / "log").read_text()
    call = ("POST", API + "experiments/create", '{"name": "a"}')
    headers = {"Content-Type": "application/json"}
    assert served.call(*call, **headers)[0] == 401
    assert served.call(*call, **headers, Authorization=f"Bearer {token}")[0] == 200
    served.stop()
    users = Users(open_store("runlog.db").db)
    found = [(each.user, each.token, each.action, each.target) for each in users.audit(Wanted())]
    assert found == [("admin", "first", "createExperiment", "name a")]


def test_a_real_server_knows_users_that_are_made_while_it_runs(served):
    call = ("GET", API + "experiments/get?experiment_id=0")
    header = basic("ann", PASSWORD)
    store = open_store("runlog.db")
    assert served.call(*call, Authorization=header)[0] == 401
    Users(store.db).add("ann", "viewer", PASSWORD)
    assert served.call(*call, Authorization=header)[0] == 200
    Users(store.db).remove("ann")
    assert served.call(*call, Authorization=header)[0] == 401
    store.close()


REAL_TRICKS = [
    "//api/2.0/mlflow/experiments/get",
    "/./api/2.0/mlflow/experiments/get",
    "/health/../api/2.0/mlflow/experiments/get",
    "/%61pi/2.0/mlflow/experiments/get",
    "/api/2.0/mlflow%2fexperiments/get",
    "/api/2.0/mlflow/experiments/get/",
    "/API/2.0/mlflow/experiments/get",
    "/ajax-api/2.0/mlflow/experiments/get",
]


def test_tricks_with_the_path_lead_nowhere_in_a_real_server(served):
    said = {path: served.call("GET", f"{path}?experiment_id=0")[0] for path in REAL_TRICKS}
    assert {*said.values()} <= {401, 404}, said
