"""What a store says about where its files are is not enough to open any folder of this machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import runlog
from runlog import RunlogClient, cli
from runlog.artifacts import ArtifactRepo, LocationRefused
from runlog.copying import copy
from runlog.copying.selection import Selection
from runlog.errors import InvalidParameter, RunlogError
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.storage import allowed
from runlog.storage.opening import opened
from runlog.store import open_store
from serving import serving
from wsgi import WsgiTransport, call

API = "/api/2.0/mlflow/"


def command(*words, code=0):
    done = CliRunner().invoke(cli.main, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == code, done.output + done.stderr
    return " ".join((done.stdout + done.stderr).split())


class Received:
    """A store from somebody else, and a folder of the user's that it is after."""

    def __init__(self, place: Path) -> None:
        self.folder, self.path = place / "received", place / "received" / "runlog.db"
        client = RunlogClient(str(self.path))
        self.run_id = client.create_run("0").info.run_id
        client.log_text(self.run_id, "harmless", "own.txt")
        client.set_terminated(self.run_id)
        client.store.close()
        self.victim = place / "home" / self.run_id / "artifacts"
        self.victim.mkdir(parents=True)
        self.secret.write_text("secret")

    @property
    def secret(self) -> Path:
        return self.victim / "secret.txt"

    @property
    def client(self) -> RunlogClient:
        return RunlogClient(str(self.path))

    def write(self, statement: str, *values: object) -> None:
        with sqlite3.connect(self.path) as file:
            file.execute(statement, values)
        file.close()

    def name(self, location: object) -> None:
        self.write("update run set artifact_uri = ?", str(location))

    def is_untouched(self) -> bool:
        return os.listdir(self.victim) == ["secret.txt"] and self.secret.read_text() == "secret"


@pytest.fixture
def received(place):
    return Received(place)


def absolute(received):
    received.name(received.victim)


def uri(received):
    received.name(received.victim.as_uri())


def upwards(received):
    received.name(f"./../../home/{received.run_id}/artifacts")


def linked_run(received):
    folder = received.folder / "artifacts" / "0" / received.run_id / "artifacts"
    shutil.rmtree(folder)
    folder.symlink_to(received.victim)


def linked_root(received):
    shutil.rmtree(received.folder / "artifacts")
    (received.folder / "artifacts").symlink_to(received.victim.parents[2])
    received.name(f"./home/{received.run_id}/artifacts")


ATTACKS = [absolute, uri, upwards, linked_run, linked_root]


@pytest.fixture(params=ATTACKS, ids=lambda attack: attack.__name__)
def attacked(request, received):
    request.param(received)
    return received


def test_a_received_store_opens_no_other_folder(attacked, place):
    (place / "dst").mkdir()
    (place / "own.txt").write_text("mine")
    client, run_id = attacked.client, attacked.run_id
    for use in (
        lambda: client.list_artifacts(run_id),
        lambda: client.download_artifacts(run_id, "", str(place / "dst")),
        lambda: client.log_artifact(run_id, str(place / "own.txt")),
        lambda: runlog.artifacts.load_text(f"runs:/{run_id}/secret.txt"),
    ):
        runlog.set_tracking_uri(attacked.path)
        with pytest.raises(LocationRefused) as caught:
            use()
        for part in (str(attacked.path), "runlog artifacts allow", "RUNLOG_ALLOWED_LOCATIONS"):
            assert part in caught.value.message
        assert caught.value.error_code == "PERMISSION_DENIED"
    assert attacked.is_untouched() and os.listdir(place / "dst") == []
    command("artifacts", "allow", attacked.victim)
    client.download_artifacts(run_id, "", str(place / "dst"))
    assert os.listdir(place / "dst") == ["secret.txt"]


def test_gc_deletes_nothing_elsewhere(attacked):
    attacked.client.delete_run(attacked.run_id)
    words = ("gc", "--no-vacuum", "--tracking-uri", attacked.path)
    assert "stays in the trash" in command(*words)
    assert attacked.is_untouched()
    assert attacked.client.get_run(attacked.run_id).info.lifecycle_stage == "deleted"
    command("artifacts", "allow", attacked.victim)
    assert "Deleted 1 run" in command(*words)
    assert not attacked.victim.exists()


def test_gc_deletes_folders_of_its_runs_only(received, place):
    """Even where it may open them, and in buckets too."""
    command("artifacts", "allow", place)
    locations = [received.victim.parent, f"{received.victim}/", place / "home", "s3://bucket/all"]
    for location in locations:
        received.name(location)
        received.client.delete_run(received.run_id)
        shown = command("gc", "--dry-run", "--tracking-uri", received.path)
        assert ("left alone" in shown) == (location != f"{received.victim}/")
        received.client.restore_run(received.run_id)
    received.name(received.victim.parent)
    received.client.delete_run(received.run_id)
    assert "Deleted 1 run" in command("gc", "--tracking-uri", received.path)
    assert received.is_untouched()


def test_gc_goes_on_where_nothing_is_at_a_location(received):
    received.name("/nothing/is/here/" + received.run_id + "/artifacts")
    received.client.delete_run(received.run_id)
    assert "Deleted 1 run" in command("gc", "--tracking-uri", received.path)


def test_gc_sweeps_no_folder_that_a_link_leads_to(received):
    linked_root(received)
    left = received.victim / (".runlog-" + "0" * 16)
    left.write_text("unfinished")
    os.utime(left, (0, 0))
    command("gc", "--tracking-uri", received.path)
    assert left.exists()


def test_a_copy_sends_no_other_folder_away(attacked, place):
    (place / "server").mkdir()
    with serving(place / "server") as server:
        said = command("copy", attacked.path, server.uri, "--artifacts", code=1)
        assert "runlog artifacts allow" in said
        assert RunlogClient(server.uri).list_artifacts(attacked.run_id) == []
        command("artifacts", "allow", attacked.victim)
        command("copy", attacked.path, server.uri, "--artifacts")
        (file,) = RunlogClient(server.uri).list_artifacts(attacked.run_id)
        assert file.path == "secret.txt"


def test_models_and_experiments_of_a_received_store(received, place):
    client = received.client
    model = client.create_logged_model("0", "m")
    received.write("update model set artifact_uri = ?", str(received.victim))
    with pytest.raises(LocationRefused):
        client.list_logged_model_artifacts(model.model_id)
    command("artifacts", "pack", received.run_id, "--tracking-uri", received.path)
    received.write("update experiment set artifact_location = ?", str(place / "home"))
    words = ["artifacts", "unpack", received.run_id, "--tracking-uri", str(received.path)]
    assert CliRunner().invoke(cli.main, words).exit_code == 1
    assert received.is_untouched()


def test_verify_says_what_it_may_not_read(attacked):
    said = command("artifacts", "verify", "--tracking-uri", attacked.path, "--json", code=1)
    assert json.loads(said)[0]["state"] == "unreadable"


@pytest.mark.parametrize("attack", [absolute, uri, upwards, linked_run])
@pytest.mark.parametrize("options", [(), ("--no-serve-artifacts",)])
def test_a_server_opens_no_other_folder(received, attack, options):
    attack(received)
    query = f"run_id={received.run_id}&path=secret.txt"
    with serving(received.folder, *options, store=str(received.path)) as server:
        listed = server.call("GET", f"{API}artifacts/list?run_id={received.run_id}")
        got = server.call("GET", f"/get-artifact?{query}")
        put = server.call("POST", f"/ajax-api/2.0/mlflow/upload-artifact?{query}", b"evil")
    for status, body in (listed, got, put):
        assert status in (400, 403) and b"error_code" in body
    assert received.is_untouched()
    if attack is absolute:
        assert b"--allowed-locations" in listed[1]
        with serving(
            received.folder, "--allowed-locations", received.victim, store=str(received.path)
        ) as server:
            assert server.call("GET", f"/get-artifact?{query}") == (200, b"secret")


def test_a_server_is_not_started_over_a_link(received):
    linked_root(received)
    words = [sys.executable, "-m", "runlog.cli", "serve", str(received.path), "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "runlog artifacts allow" in " ".join(done.stderr.split())


# -- what the user allows -------------------------------------------------------------------


def again(place, run_id, **environment):
    """What another program finds of a run's files."""
    code = (
        f"import runlog; print([f.path for f in runlog.RunlogClient().list_artifacts({run_id!r})])"
    )
    environment = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=place, text=True,
                          env=environment)  # fmt: skip
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_folder_given_to_create_experiment_goes_on_working(place):
    number = runlog.create_experiment("nfs", artifact_location=place / "nfs")
    with runlog.start_run(experiment_id=number) as run:
        runlog.log_text("x", "a.txt")
    assert again(place, run.info.run_id) == "['a.txt']"
    assert allowed.listed() == [str(place / "nfs")]
    assert os.stat(allowed.path()).st_mode & 0o777 == 0o600
    with serving(place, store=str(place / "runlog.db")) as server:
        assert b"a.txt" in server.call("GET", f"{API}artifacts/list?run_id={run.info.run_id}")[1]
    command("artifacts", "allow", "--remove", place / "nfs")
    assert "LocationRefused" in again(place, run.info.run_id)
    for entries in (str(place / "nfs"), f"s3://b, {place}"):
        assert again(place, run.info.run_id, RUNLOG_ALLOWED_LOCATIONS=entries) == "['a.txt']"
    command("artifacts", "allow", "nfs")
    assert again(place, run.info.run_id) == "['a.txt']"


def test_the_command_creates_experiments_whose_folders_are_allowed(place):
    command("experiments", "create", "-n", "e", "-l", "files")
    assert command("artifacts", "allow", "--csv") == f"location {place}/files"


def test_the_folder_of_a_setting_goes_on_working(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ARTIFACT_ROOT", str(place / "root"))
    with runlog.start_run() as run:
        runlog.log_text("x", "a.txt")
    monkeypatch.delenv("RUNLOG_ARTIFACT_ROOT")
    assert again(place, run.info.run_id) == "['a.txt']"


def test_a_store_that_is_moved_with_its_folder_needs_no_permission(received, place):
    received.folder.rename(place / "moved")
    client = RunlogClient(str(place / "moved" / "runlog.db"))
    assert [each.path for each in client.list_artifacts(received.run_id)] == ["own.txt"]
    assert allowed.listed() == []
    client.delete_run(received.run_id)
    command("gc", "--tracking-uri", place / "moved" / "runlog.db")
    assert os.listdir(place / "moved" / "artifacts") == []


def test_a_list_that_others_can_write_is_not_believed(received):
    absolute(received)
    command("artifacts", "allow", received.victim)
    os.chmod(allowed.path(), 0o666)
    with pytest.raises(RunlogError, match="chmod 600"):
        received.client.list_artifacts(received.run_id)


def test_a_list_may_be_written_by_hand(place):
    os.makedirs(os.path.dirname(allowed.path()))
    Path(allowed.path()).write_text("# mine\n\n/nfs/a\n/nfs/b")
    os.chmod(allowed.path(), 0o600)
    for entry in ("/nfs/c", "/nfs/b/in it", "/nfs/d"):
        command("artifacts", "allow", entry)
    assert Path(allowed.path()).read_text() == "# mine\n\n/nfs/a\n/nfs/b\n/nfs/c\n/nfs/d\n"


def test_a_list_that_cannot_be_written_holds_for_the_process(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "file"))
    number = runlog.create_experiment("nfs", artifact_location=place / "nfs")
    with runlog.start_run(experiment_id=number):
        runlog.log_text("x", "a.txt")


COVERED = [
    ("/a", "/a", True), ("/a", "/a/b", True), ("/a", "/ab", False), ("/a", "/a/../b", False),
    ("/", "/a", True), ("/a", "file:///a/b", True), ("s3://b", "s3://b/x", True),
    ("s3://b", "s3://bc/x", False), ("s3://b/x", "s3://b/x/y", True),
    ("s3://b/x", "s3://b/xy", False),
    ("s3://b/x", "s3://b/x/../y", False), ("s3://", "s3://any/x", True),
    ("s3://b", "gs://b", False),
    ("sftp://h", "sftp://me@h/x", True), ("sftp://me@h", "sftp://you@h/x", False),
    ("sftp://h", "sftp://h:23/x", False), ("abfss://c@a.dfs.core.windows.net",
     "abfss://d@a.dfs.core.windows.net/x", False), ("/a", "s3://a", False), ("s3://b", "/b", False),
    ("dbfs:/x", "dbfs:/x/y", True), ("dbfs:/x", "dbfs:/y", False), ("::", "/a", False),
]  # fmt: skip


@pytest.mark.parametrize("entry, location, is_covered", COVERED)
def test_what_an_entry_covers(entry, location, is_covered):
    assert allowed.covers(entry, location) is is_covered


# -- servers --------------------------------------------------------------------------------


def local_server(place, name="far.example"):
    """The store of a client, of a server that keeps files where clients write them themselves."""
    behind = open_store(str(place / "theirs" / "runlog.db"))
    return behind, HttpStore(f"http://{name}", WsgiTransport(create_app(behind, None)))


def test_a_far_server_chooses_no_folder_here(place):
    behind, store = local_server(place)
    uri = store.create_run("0").info.artifact_uri
    with pytest.raises(LocationRefused, match="http://far.example says"):
        opened(store, uri)
    allowed.add(str(place / "theirs"))
    opened(store, uri).write("a", b"x")
    behind.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_server_on_this_machine_chooses_folders_of_runs_alone(place, host):
    behind, store = local_server(place, host)
    uri = store.create_run("0").info.artifact_uri
    opened(store, uri).write("a", b"x")
    (place / "link").symlink_to(place / "home")
    for other in (place / "home", place / "home" / "artifacts", f"{uri}/..", f"sqlar://{place}/theirs"
                  f"/runlog.db/{'0' * 32}/artifacts"):  # fmt: skip
        with pytest.raises(LocationRefused):
            opened(store, str(other))
    behind.close()


@pytest.mark.parametrize("host", ["far.example", "localhost"])
def test_a_copy_from_a_server_keeps_no_local_path(place, host):
    behind, store = local_server(place, host)
    run = store.create_run("0").info
    own = open_store(str(place / "own" / "runlog.db"))
    outcome = copy.copy(store, own, Selection(store.all_experiments()))
    kept = own.get_run(run.run_id).info.artifact_uri
    assert kept == str(place / "own" / "artifacts" / "0" / run.run_id / "artifacts")
    assert own.get_experiment("0").artifact_location == str(place / "own" / "artifacts" / "0")
    assert outcome.left_behind == {"local folders": 1}
    behind.close()
    own.close()


def test_a_copy_says_which_folders_it_may_not_open(received, place):
    said = command("copy", received.path, place / "own.db")
    assert f"runlog artifacts allow {received.folder}/artifacts/0" in said
    command("artifacts", "allow", received.folder / "artifacts")
    assert "allow" not in command("copy", received.path, place / "own.db")
    client = RunlogClient(str(place / "own.db"))
    assert [each.path for each in client.list_artifacts(received.run_id)] == ["own.txt"]


def test_clients_name_what_the_server_was_told_to_allow(place):
    store = open_store(str(place / "runlog.db"))
    app = create_app(
        store,
        ArtifactRepo(str(place / "artifacts")),
        allowed_locations=("s3://bucket/ok", str(place / "nfs"), "sftp://host"),
    )
    good = ["s3://bucket/ok", "s3://bucket/ok/x", f"{place}/nfs/x", "sftp://me@host/x"]
    bad = [
        "s3://bucket/no",
        "s3://bucket/ok/../no",
        "gs://bucket/ok",
        f"{place}/nfs/../x",
        "hdfs://h/x",
    ]
    for location in good + bad:
        body = {"name": location, "artifact_location": location}
        answer = call(app, "POST", API + "experiments/create", body)
        assert answer.status == (200 if location in good else 400)
        if location in bad and "s3://bucket/ok/.." not in location:
            assert "--allowed-locations" in answer.json["message"]
    store.close()


def test_a_server_takes_the_setting_as_well(place):
    body = json.dumps({"name": "a", "artifact_location": "s3://bucket/x"})
    for entries, status in (("s3://other", 400), ("/nfs, s3://bucket", 200)):
        with serving(place, env={"RUNLOG_ALLOWED_LOCATIONS": entries}) as server:
            headers = {"Content-Type": "application/json"}
            assert server.call("POST", API + "experiments/create", body, **headers)[0] == status


def test_a_server_uses_its_keys_for_no_other_bucket(place, server, monkeypatch):
    running = server("moto")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    _, _, bucket, *_ = running.uri.split("/")
    store = open_store(str(place / "runlog.db"))
    number = store.create_experiment("elsewhere", f"s3://{bucket}/private")
    run_id = store.create_run(number).info.run_id
    ArtifactRepo(store.get_run(run_id).info.artifact_uri).write("secret.txt", b"secret")
    query = f"run_id={run_id}&path=secret.txt"
    for entries, status in (((), 403), (("s3://other",), 403), ((f"s3://{bucket}",), 200)):
        app = create_app(store, ArtifactRepo(str(place / "artifacts")), allowed_locations=entries)
        assert call(app, "GET", "/get-artifact", query=query).status == status
        assert call(app, "GET", API + "artifacts/list", query=query[:39]).status == status
    store.close()


def test_what_is_no_location_is_not_allowed():
    for location in ("s3::x://a", "s3://b?x", "a\nb"):
        with pytest.raises(InvalidParameter):
            allowed.add(location)
