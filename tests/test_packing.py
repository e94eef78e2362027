"""The files of a run go into the database and out of it, and nothing is lost on the way."""

from __future__ import annotations

import io
import os
import random
import shutil
import time
from pathlib import Path
from subprocess import DEVNULL

import pytest

from processes import check, on_disk, start
from runlog import RunlogClient
from runlog.artifacts import ArtifactRepo, download_artifacts, load_text
from runlog.copying import pack as packing
from runlog.db import archive
from runlog.errors import BadRequest, InvalidParameter
from runlog.store import open_store

FILES = {
    "a.txt": b"hello " * 500,
    "empty": b"",
    "deep/er/b c%20#.bin": os.urandom(5000),
    "deep/é": b"x",
    "deep/big": os.urandom(1000) * (archive.COMPRESSED // 1000 + 500),
}


@pytest.fixture
def client(place):
    return RunlogClient(str(place / "runlog.db"))


@pytest.fixture
def run_id(client):
    return logged(client)


def logged(client, experiment="0"):
    run_id = client.create_run(experiment).info.run_id
    for path, content in FILES.items():
        client.log_stream(run_id, io.BytesIO(content), path)
    client.set_terminated(run_id)
    return run_id


def info(client, run_id):
    return client.get_run(run_id).info


def kept(client, run_id) -> dict[str, bytes]:
    repo = ArtifactRepo(info(client, run_id).artifact_uri)
    return {each.path: repo.read(each.path) for each in repo.files()}


def pack(client, run_id):
    return packing.pack(client.store, info(client, run_id))


def unpack(client, run_id):
    return packing.unpack(client.store, info(client, run_id))


def test_in_and_out_again(client, run_id, place):
    before, told = info(client, run_id), []
    total = sum(map(len, FILES.values()))
    moved = packing.pack(client.store, before, lambda *done: told.append(done))
    assert (moved.files, moved.bytes, moved.left_at) == (len(FILES), total, [])
    assert told[-1] == (total, total)
    uri = info(client, run_id).artifact_uri
    assert uri == moved.uri == f"sqlar://{place}/runlog.db/0/{run_id}/artifacts"
    assert kept(client, run_id) == FILES
    assert [*(place / "artifacts").rglob("*")] == [place / "artifacts/0"]
    assert unpack(client, run_id)[:2] == moved[:2]
    assert info(client, run_id) == before
    assert kept(client, run_id) == FILES
    assert client.store.db.execute("select count(*) from sqlar") == [(0,)]


@pytest.mark.parametrize("deed", [pack, unpack])
def test_again_changes_nothing(client, run_id, deed):
    first = deed(client, run_id)
    assert deed(client, run_id) == first
    assert kept(client, run_id) == FILES


def test_the_file_is_all_that_has_to_be_carried(client, run_id, place):
    pack(client, run_id)
    client.store.close()
    (place / "there").mkdir()
    shutil.move(place / "runlog.db", place / "there/x.db")
    moved = RunlogClient(str(place / "there/x.db"))
    assert kept(moved, run_id) == FILES
    uri = info(moved, run_id).artifact_uri
    assert uri.startswith(f"sqlar://{place}/there/x.db/0/")
    found = moved.search_runs(["0"], f"attributes.artifact_uri = '{uri}'")
    assert [run.info.run_id for run in found] == [run_id]
    moved.log_text(run_id, "later", "later.txt")
    assert moved.list_artifacts(run_id)[-1].path == "later.txt"


def test_an_address_that_stands_on_its_own(client, run_id, place):
    uri = pack(client, run_id).uri
    assert load_text(f"{uri}/a.txt") == "hello " * 500
    (place / "out").mkdir()
    there = download_artifacts(artifact_uri=f"{uri}/deep", dst_path=place / "out")
    assert Path(there, "er/b c%20#.bin").read_bytes() == FILES["deep/er/b c%20#.bin"]


def test_a_running_run_stays(client):
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "x", "f")
    with pytest.raises(InvalidParameter, match=f"run {run_id} is RUNNING"):
        pack(client, run_id)
    assert kept(client, run_id) == {"f": b"x"}


def test_a_damaged_file_is_not_passed_on_as_sound(client, run_id):
    on_disk(client, run_id, "deep/é").write_bytes(b"y")
    before = info(client, run_id)
    with pytest.raises(BadRequest, match=f"deep/é of run {run_id} is not what was logged"):
        pack(client, run_id)
    assert info(client, run_id) == before
    assert kept(client, run_id) == {**FILES, "deep/é": b"y"}


def test_what_was_not_recorded_is_recorded_then(client, run_id):
    folder = on_disk(client, run_id, "")
    (folder / "by hand").write_bytes(b"abc")
    pack(client, run_id)
    assert client.store.get_digests(run_id)["by hand"][0] == 3
    assert kept(client, run_id) == {**FILES, "by hand": b"abc"}


def test_what_is_left_of_a_killed_pack_is_put_right(client, run_id, place):
    folder = on_disk(client, run_id, "")
    shutil.copytree(folder, place / "copy")
    pack(client, run_id)
    shutil.copytree(place / "copy", folder)  # killed before anything was deleted
    assert pack(client, run_id).left_at == []
    assert not folder.exists()
    assert kept(client, run_id) == FILES


def test_what_was_logged_to_the_old_place_is_brought_along(client, run_id):
    client.log_text(run_id, "hello " * 500, "a.txt")  # it knows the place from now on
    pack(client, run_id)
    client.log_text(run_id, "late", "late")
    assert pack(client, run_id).left_at == []
    assert kept(client, run_id) == {**FILES, "late": b"late"}


def test_files_of_somebody_else_stay_where_they_are(client, run_id):
    old = info(client, run_id).artifact_uri
    pack(client, run_id)
    ArtifactRepo(old).write("a.txt", b"other")
    assert pack(client, run_id).left_at == [old]
    assert ArtifactRepo(old).read("a.txt") == b"other"
    assert kept(client, run_id) == FILES


def test_a_file_that_is_too_big_moves_nothing(client, run_id, monkeypatch):
    monkeypatch.setattr(client.store.db, "largest_value", lambda: 3_000_000)
    before = info(client, run_id)
    with pytest.raises(InvalidParameter, match=r"deep/big has \d+ bytes, and SQLite keeps"):
        pack(client, run_id)
    assert info(client, run_id) == before
    assert kept(client, run_id) == FILES


@pytest.mark.parametrize("location", [None, "sqlar:", "elsewhere"])
def test_files_go_back_to_the_place_of_their_experiment(client, place, location):
    number = client.create_experiment("e", location)
    run_id = logged(client, number)
    before = info(client, run_id).artifact_uri
    pack(client, run_id)
    assert kept(client, run_id) == FILES
    moved = unpack(client, run_id)
    beside = f"{place}/artifacts/{number}/{run_id}/artifacts"
    assert moved.uri == (beside if location == "sqlar:" else before)
    assert kept(client, run_id) == FILES
    assert client.store.db.execute("select count(*) from sqlar") == [(0,)]


@pytest.mark.parametrize("kills", [12])
def test_kill_9_at_any_moment_loses_nothing(client, run_id, place, kills):
    client.store.close()
    moments = random.Random(9)
    for _ in range(kills):
        process = start("pack_loop", place / "runlog.db", run_id, stderr=DEVNULL)
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.4))
        process.kill()
        with process:
            pass
        store = open_store(str(place / "runlog.db"))
        repo = ArtifactRepo(store.get_run(run_id).info.artifact_uri)
        assert {each.path: repo.read(each.path) for each in repo.files()} == FILES
        store.close()
    unpack(client, run_id)
    pack(client, run_id)
    assert kept(client, run_id) == FILES
    assert [path for path in (place / "artifacts").rglob("*") if path.is_file()
            and not path.name.startswith(".runlog-")] == []  # fmt: skip
    client.store.close()
    check(place / "runlog.db")
