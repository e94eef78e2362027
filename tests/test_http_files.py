"""Artifacts through a server, with the network in between that `relay` makes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

import runlog
from relay import Relay
from runlog import RunlogClient, artifacts
from runlog.artifacts import NoSuchFile
from runlog.errors import InvalidParameter, RunlogError, ServerUnreachable
from runlog.http.store import HttpStore
from serving import serving

FILES = {
    "a.txt": b"text",
    "deep/er/b.bin": bytes(range(256)) * 8192,
    "it's 100%.txt": b"%",
    "\u00e9 #?&+.md": b"odd",
    "empty": b"",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running.uri


@pytest.fixture
def relay(server, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")
    with Relay(server) as between:
        runlog.set_tracking_uri(between.uri)
        yield between


@pytest.fixture
def run_id(relay):
    return RunlogClient().create_run("0").info.run_id


def fill(folder):
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


def test_files_there_and_back(run_id, tmp_path):
    client = RunlogClient()
    client.log_artifacts(run_id, fill(tmp_path / "out"))
    assert [each.path for each in client.list_artifacts(run_id)] == [
        "a.txt", "deep", "empty", "it's 100%.txt", "\u00e9 #?&+.md",
    ]  # fmt: skip
    found = client.list_artifacts(run_id, "deep/er")
    assert [(each.path, each.file_size) for each in found] == [("deep/er/b.bin", 2**21)]
    (tmp_path / "in").mkdir()
    assert read(client.download_artifacts(run_id, "", str(tmp_path / "in"))) == FILES


def test_texts_and_tables(run_id):
    with runlog.start_run(run_id=run_id) as run:
        runlog.log_text("one", "notes/a.txt")
        runlog.log_dict({"a": 1}, "d.json")
        runlog.log_table({"x": [1]}, "t.json")
        runlog.log_table({"x": [2]}, "t.json")
        uri = run.info.artifact_uri
    assert uri == f"mlflow-artifacts:/0/{run_id}/artifacts"
    assert artifacts.load_text(f"runs:/{run_id}/notes/a.txt") == "one"
    assert artifacts.load_dict(f"{uri}/d.json") == {"a": 1}
    assert runlog.load_table("t.json", run_ids=[run_id])["x"].tolist() == [1, 2]


@pytest.mark.parametrize("failure", ["drop", "lose", "half", (502, {}, b"")])
def test_a_transfer_that_met_failure(relay, run_id, tmp_path, failure):
    client, local = RunlogClient(), fill(tmp_path / "out") / "deep/er/b.bin"
    client.list_artifacts(run_id)
    relay.script[:] = [failure]
    client.log_artifact(run_id, local)
    relay.script[:] = ["pass", "pass", failure]
    path = client.download_artifacts(run_id, "b.bin")
    assert Path(path).read_bytes() == local.read_bytes()


def test_a_file_that_is_not_there(run_id):
    with pytest.raises(NoSuchFile):
        RunlogClient().download_artifacts(run_id, "none")
    with pytest.raises(NoSuchFile):
        artifacts.load_text(f"runs:/{run_id}/none.txt")
    assert RunlogClient().list_artifacts(run_id, "none") == []


def test_what_fails_leaves_nothing_here_or_there(relay, run_id, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    runlog.tracking_uri.close()
    client = RunlogClient()
    assert client.list_artifacts(run_id) == []
    relay.script[:] = ["drop"]
    with pytest.raises(ServerUnreachable):
        client.log_text(run_id, "x", "a.txt")
    assert client.list_artifacts(run_id) == []


def test_deleting(run_id):
    client = RunlogClient()
    for name in ("a/b.txt", "a/c.txt", "d.txt"):
        client.log_text(run_id, "x", name)
    repo = client._repo(run_id)
    repo.delete("a/b.txt")
    repo.delete("d.txt")
    repo.delete("none")
    assert [each.path for each in repo.list("a")] == ["a/c.txt"]


def test_another_server_is_not_asked(relay):
    store = HttpStore(relay.uri)
    with pytest.raises(InvalidParameter, match="only server"):
        store.files("mlflow-artifacts://elsewhere:80/0/r/artifacts")
    assert store.files(f"mlflow-artifacts://127.0.0.1:{relay.port}/0") is not None
    assert store.files("s3://bucket/0") is store.files("/here") is None


@pytest.mark.parametrize("through", ["server", "file"])
def test_files_of_a_model(request, place, through):
    runlog.set_tracking_uri(
        request.getfixturevalue("server") if through == "server" else str(place / "own.db")
    )
    client, folder = RunlogClient(), fill(place / "here")
    model_id = client.create_logged_model("0").model_id
    client.log_model_artifacts(model_id, folder, "weights")
    client.log_model_artifact(model_id, folder / "a.txt")
    assert [each.path for each in client.list_logged_model_artifacts(model_id)] == [
        "a.txt",
        "weights",
    ]
    inside = client.list_logged_model_artifacts(model_id, "weights")
    assert {each.path for each in inside} >= {"weights/a.txt", "weights/deep"}
    uri = client.get_logged_model(model_id).artifact_location
    assert (through == "server") == uri.startswith("mlflow-artifacts:")
    assert Path(artifacts.download_artifacts(f"{uri}/weights/a.txt")).read_bytes() == b"text"


@pytest.mark.parametrize("size", [1_000, 3_000_000])
def test_a_growing_file_is_logged_as_it_was_when_it_was_opened(run_id, tmp_path, size):
    """It grows while the server looks the digest up, before the file is sent."""
    file, client = tmp_path / "train.log", RunlogClient()
    file.write_bytes(b"a" * size)
    store = client.store
    known = store.get_digests

    def grow(*given):
        with file.open("ab") as more:
            more.write(b"b" * 10)
        return known(*given)

    store.get_digests = grow  # type: ignore[method-assign]
    client.log_artifact(run_id, file)
    assert read(client.download_artifacts(run_id)) == {"train.log": b"a" * size}
    digest = sha256(b"a" * size).hexdigest()
    assert known(run_id, ["train.log"]) == {"train.log": (size, digest)}


def test_a_file_that_grows_while_it_is_sent(run_id, tmp_path):
    file, client = tmp_path / "train.log", RunlogClient()
    file.write_bytes(b"a" * 3_000_000)
    sending = client._repo(run_id)._root.files
    upload = sending._upload

    def grow(*given):
        with file.open("ab") as more:
            more.write(b"b" * 10)
        return upload(*given)

    sending._upload = grow
    client.log_artifact(run_id, file)
    assert read(client.download_artifacts(run_id)) == {"train.log": b"a" * 3_000_000}


def test_a_file_that_gets_shorter_is_not_logged(run_id, tmp_path):
    file, client = tmp_path / "train.log", RunlogClient()
    file.write_bytes(b"a" * 3_000_000)
    store = client.store
    known = store.get_digests

    def cut(*given):
        file.write_bytes(b"a" * 10)
        return known(*given)

    store.get_digests = cut  # type: ignore[method-assign]
    with pytest.raises(RunlogError, match="had 3000000 bytes .* has 10 now"):
        client.log_artifact(run_id, file)
    assert client.list_artifacts(run_id) == []
