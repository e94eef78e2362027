"""What the store remembers of the files that are logged, by whatever function."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path

import pytest

import runlog
from processes import on_disk
from runlog import RunlogClient
from runlog.storage.paths import local_root


@pytest.fixture
def client(place):
    return RunlogClient(str(place / "runlog.db"))


@pytest.fixture
def run_id(client):
    return client.create_run("0").info.run_id


def digest(data: bytes) -> tuple[int, str]:
    return len(data), sha256(data).hexdigest()


DEEDS = {
    "log_text": lambda client, run, place: client.log_text(run, "text", "a/f"),
    "log_dict": lambda client, run, place: client.log_dict(run, {"a": 1}, "a/f.json"),
    "log_stream": lambda client, run, place: client.log_stream(run, io.BytesIO(b"x" * 9), "f"),
    "log_artifact": lambda client, run, place: client.log_artifact(run, place / "in/f", "a"),
    "log_artifacts": lambda client, run, place: client.log_artifacts(run, place / "in", "a"),
    "log_table": lambda client, run, place: client.log_table(run, {"a": [1]}, "t.json"),
}


@pytest.mark.parametrize("location", [None, "sqlar:"])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_every_file_that_is_logged_is_recorded(client, place, deed, location):
    (place / "in/b").mkdir(parents=True)
    (place / "in/f").write_bytes(b"one")
    (place / "in/b/g").write_bytes(b"two")
    run_id = client.create_run(client.create_experiment("e", location)).info.run_id
    deed(client, run_id, place)
    (place / "out").mkdir()
    there = Path(client.download_artifacts(run_id, "", place / "out"))
    found = {
        str(path.relative_to(there)): digest(path.read_bytes())
        for path in there.rglob("*")
        if path.is_file()
    }
    assert client.store.get_digests(run_id) == found != {}


def test_a_file_that_is_logged_again_has_its_last_digest(client, run_id):
    client.log_text(run_id, "one", "f")
    client.log_text(run_id, "three", "f")
    assert client.store.get_digests(run_id) == {"f": digest(b"three")}


def test_what_is_there_is_not_copied_again(client, run_id, place):
    (place / "f").write_bytes(b"same")
    client.log_artifact(run_id, place / "f")
    first = os.stat(on_disk(client, run_id, "f"))
    client.log_artifact(run_id, place / "f")
    assert os.stat(on_disk(client, run_id, "f")).st_ino == first.st_ino
    (place / "f").write_bytes(b"othr")
    client.log_artifact(run_id, place / "f")
    assert os.stat(on_disk(client, run_id, "f")).st_ino != first.st_ino


def test_the_fluent_functions_record_too(place):
    runlog.set_tracking_uri(str(place / "runlog.db"))
    with runlog.start_run() as run:
        runlog.log_text("text", "f")
    assert RunlogClient().store.get_digests(run.info.run_id) == {"f": digest(b"text")}


def test_a_call_is_one_transaction(client, run_id, place):
    (place / "in").mkdir()
    for number in range(20):
        (place / "in" / str(number)).write_bytes(b"x")
    client.log_text(run_id, "warm", "up")
    commits = []
    client.store.db._writer.set_commit_hook(lambda: bool(commits.append(1)))
    client.log_artifacts(run_id, place / "in")
    assert len(commits) == 1
    assert len(client.store.get_digests(run_id)) == 21


def test_the_place_of_a_run_is_looked_up_once(place, monkeypatch):
    runlog.set_tracking_uri(str(place / "runlog.db"))
    asked, store = [], RunlogClient().store
    get_run = store.get_run
    monkeypatch.setattr(store, "get_run", lambda run: asked.append(run) or get_run(run))
    with runlog.start_run() as run:
        for name in "abc":
            runlog.log_text("text", name)
    assert len(asked) <= 1
    assert sorted(os.listdir(local_root(run.info.artifact_uri))) == ["a", "b", "c"]
