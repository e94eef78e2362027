"""The store's own files, and other databases, in a folder that is logged."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import apsw
import pytest

import processes
import runlog
from processes import check
from runlog import RunlogClient, tracking_uri
from runlog.errors import InvalidParameter
from runlog.store import open_store
from serving import serving


def logged(run) -> dict[str, int]:
    """The files of a run, with their sizes."""
    client, found, folders = RunlogClient(), {}, [""]
    while folders:
        for each in client.list_artifacts(run.info.run_id, folders.pop() or None):
            if each.is_dir:
                folders.append(each.path)
            else:
                found[each.path] = each.file_size
    return found


def rows(path: str | Path, sql: str) -> list[tuple]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_the_stores_own_files_are_no_artifacts(place, capfd):
    Path("train.py").write_text("pass")
    os.symlink("runlog.db", "link.db")
    with runlog.start_run() as run:
        runlog.log_text("a", "a.txt")
        assert os.path.exists("runlog.db-wal")
        runlog.log_artifacts(".", "code")
        runlog.log_artifacts(".", "code")
    assert logged(run) == {"a.txt": 1, "code/train.py": 4}
    said = capfd.readouterr().err
    assert said.count("the store's own") == 1
    for name in ("runlog.db", "runlog.db-wal", "runlog.db-shm", "artifacts", "link.db"):
        assert name in said


def test_an_artifact_root_elsewhere_is_left_out(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ARTIFACT_ROOT", "files")
    Path("train.py").write_text("pass")
    with runlog.start_run() as run:
        runlog.log_text("a", "a.txt")
        runlog.log_artifacts(".")
    assert logged(run) == {"a.txt": 1, "train.py": 4}


def test_the_database_itself_is_logged_as_a_snapshot(place):
    with runlog.start_run() as run:
        runlog.log_param("p", 1)
        runlog.log_artifact("runlog.db")
        runlog.log_artifact("runlog.db", "again")
        runlog.log_param("later", 1)
    path = RunlogClient().download_artifacts(run.info.run_id, "runlog.db")
    assert rows(path, "select key from params") == [("p",)]
    check(path)
    check("runlog.db")
    assert set(logged(run)) == {"runlog.db", "again/runlog.db"}
    digest = RunlogClient().store.get_digests(run.info.run_id, ["runlog.db"])["runlog.db"]
    assert digest[0] == os.path.getsize(path)


@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_what_lies_beside_a_database_is_not_logged_alone(place, end):
    with runlog.start_run():
        with pytest.raises(InvalidParameter, match="log .*runlog.db', of which a snapshot"):
            runlog.log_artifact("runlog.db" + end)


def test_the_database_is_logged_into_itself(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ARTIFACT_ROOT", "sqlar:")
    with runlog.start_run() as run:
        runlog.log_artifact("runlog.db")
        runlog.log_artifacts(".")
    assert list(logged(run)) == ["runlog.db"]


def test_a_store_that_another_process_logs_to_is_logged_as_a_snapshot(place):
    """With its -wal file, which is not logged beside it."""
    os.mkdir("other")
    writer = processes.start("log_loop", "other/runlog.db", 2)
    try:
        for _ in range(3):
            writer.stdout.readline()  # it has logged
        with runlog.start_run() as run:
            for number in range(5):
                runlog.log_artifacts("other", str(number))
    finally:
        writer.kill()
        writer.communicate()
    names = set(logged(run))
    assert names == {f"{number}/runlog.db" for number in range(5)}
    folder = Path(RunlogClient().download_artifacts(run.info.run_id))
    counts = []
    for number in range(5):
        check(folder / str(number) / "runlog.db")
        counts += rows(folder / str(number) / "runlog.db", "select count(*) from live_point")
    assert counts == sorted(counts)
    check("other/runlog.db")


def test_a_second_store_of_this_process_is_logged_as_a_snapshot(place):
    os.mkdir("other")
    other = open_store("other/runlog.db")
    run_id = other.create_run("0").info.run_id
    with runlog.start_run() as run:
        runlog.log_artifacts("other")
    other.log(run_id, params=[("after", "1")])
    other.close()
    assert list(logged(run)) == ["runlog.db"]
    check("other/runlog.db")
    assert rows("other/runlog.db", "select key from params") == [("after",)]


def test_other_databases_are_files_as_any(place):
    os.mkdir("data")
    mine = sqlite3.connect("data/mine.db")
    mine.execute("create table t (a)")
    mine.commit()
    mine.close()
    open_store("data/idle.db").close()
    tracking_uri.close()
    before = Path("data/mine.db").read_bytes(), Path("data/idle.db").read_bytes()
    with runlog.start_run() as run:
        runlog.log_artifacts("data")
    folder = Path(RunlogClient().download_artifacts(run.info.run_id))
    assert ((folder / "mine.db").read_bytes(), (folder / "idle.db").read_bytes()) == before


def test_a_server_on_the_same_folder(tmp_path, monkeypatch):
    """The database is that of a server's process; what waits for the server stays out."""
    with serving(tmp_path) as server:
        monkeypatch.setenv("RUNLOG_OUTBOX", str(tmp_path / "outbox"))
        runlog.set_tracking_uri(server.uri)
        (tmp_path / "train.py").write_text("pass")
        (tmp_path / "outbox").mkdir()
        (tmp_path / "outbox" / "waits").write_text("x")
        with runlog.start_run() as run:
            runlog.log_artifacts(tmp_path, "code")
        names = set(logged(run))
    assert {"code/train.py", "code/runlog.db"} <= names
    assert not {name for name in names if "outbox" in name or name.endswith(("-wal", "-shm"))}
