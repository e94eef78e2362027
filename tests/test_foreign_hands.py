"""What a user does to a file in use must not make logged points vanish without a word."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

import runlog
from processes import check, finish, run, start
from runlog.errors import StoreUnusable
from runlog.store import Store, open_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="nobody deletes an open file on Windows")


def test_pythons_sqlite3_in_the_same_process_loses_nothing(place):
    """When it closes the file POSIX drops the locks of the whole process, ours too; the next
    process to close the file believes it is the last and deletes the -wal file in use."""
    path = place / "runlog.db"
    client = runlog.RunlogClient()
    with runlog.start_run() as active:
        for step in range(60):
            runlog.log_metric("loss", step, step=step)
            runlog.log_metrics({"a": step, "b": step}, step=step)
            if step % 20 == 10:
                connection = sqlite3.connect(path)
                connection.execute("select count(*) from live_point").fetchall()
                connection.close()
                run("log_once", path, active.info.run_id)
                others = client.get_metric_history(active.info.run_id, "other")
                assert len(others) == step // 20 + 1
        output = run("log_once", path, active.info.run_id)
    assert output == "loss 60, a 60, b 60, other 4\n"
    check(path)


@pytest.mark.parametrize("deleted", ["", "-wal", "-shm"])
def test_a_file_deleted_in_use_is_missed(deleted, place):
    path = place / "runlog.db"
    store = open_store(str(path))
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "loss", 1.0, 1, 1)
    for suffix in ("", deleted):
        (place / f"runlog.db{suffix}").unlink(missing_ok=True)
    time.sleep(0.02)
    for _ in range(3):
        with pytest.raises(StoreUnusable, match=f"{path} was deleted or replaced while it was in"):
            store.log(run_id, [("loss", 1.0, 1, 2)])
        with pytest.raises(StoreUnusable, match="restart the program"):
            store.log_metric(run_id, "loss", 1.0, 1, 2)
    assert not path.exists()
    store.close()


def test_another_file_in_its_place_is_not_written_to(place):
    """Its runs have the same row numbers."""
    path, other = place / "runlog.db", place / "other.db"
    for file in (path, other):
        store = open_store(str(file))
        run_id = store.create_run("0").info.run_id
        store.log_metric(run_id, "loss", 1.0, 1, 1)
        store.close()
    store = open_store(str(path))
    (mine,) = store.search_runs(["0"])
    store.log_metric(mine.info.run_id, "loss", 1.0, 1, 2)
    os.replace(other, path)
    time.sleep(0.02)
    with pytest.raises(StoreUnusable, match="deleted or replaced"):
        store.log(mine.info.run_id, [("loss", 1.0, 1, 3)])
    store.db.close()
    with pytest.raises(runlog.MlflowException, match="not found"):
        store.log(mine.info.run_id, [("loss", 1.0, 1, 3)])
    store.close()
    check(path)


def test_a_file_is_restored_between_two_uses(place):
    path = place / "runlog.db"
    store = open_store(str(path))
    store.close()
    shutil.copy(path, place / "backup.db")
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "loss", 1.0, 1, 1)
    store.close()
    os.replace(place / "backup.db", path)
    assert store.search_runs(["0"]) == []
    with pytest.raises(runlog.MlflowException, match="not found"):
        store.log_metric(run_id, "loss", 1.0, 1, 1)
    store.close()


def filled(path) -> tuple[Store, str]:
    """A store that is open, with a run, whose file is written and whose -wal file holds more."""
    store = open_store(str(path))
    run_id = store.create_run("0").info.run_id
    store.log(run_id, [("loss", 1.0, 1, step) for step in range(2000)])
    store.close()
    store.log(run_id, [("loss", 1.0, 1, step) for step in range(2000, 2010)])
    return store, run_id


def points(path, run_id: str, key: str) -> int:
    store = open_store(str(path))
    found = len(store.get_metric_history(run_id, key))
    store.close()
    return found


@pytest.mark.parametrize("gone", [("-wal",), ("-shm",), ("-wal", "-shm")])
def test_a_wal_file_that_is_deleted_is_not_missed(gone, place):
    """What it held is moved to the file by the next call, which no other program has opened."""
    path = place / "runlog.db"
    store, run_id = filled(path)
    for suffix in gone:
        (place / f"runlog.db{suffix}").unlink()
    store.log_metric(run_id, "a", 1.0, 1, 1)
    assert run("log_once", path, run_id) == "loss 2010, a 1, other 1\n"
    store.log_metric(run_id, "other", 1.0, 1, 2)
    store.close()
    assert points(path, run_id, "other") == 2
    check(path)


def test_a_wal_file_that_is_deleted_before_the_end_is_not_missed(place):
    path = place / "runlog.db"
    store, run_id = filled(path)
    (place / "runlog.db-wal").unlink()
    store.close()
    assert points(path, run_id, "loss") == 2010
    check(path)


@pytest.mark.parametrize("how", ["older", "other", "truncated", "empty"])
def test_a_file_that_is_overwritten_is_not_written_to(how, place):
    """It is the same file, with other bytes: cp backup.db runlog.db."""
    path = place / "runlog.db"
    store, earlier = filled(path)
    store.close()
    older = path.read_bytes()
    store, run_id = filled(path)
    filled(place / "other.db")[0].close()
    bytes_now = path.read_bytes()
    content = {
        "older": older,
        "other": (place / "other.db").read_bytes(),
        "truncated": bytes_now[: len(bytes_now) // 2],
        "empty": b"",
    }
    path.write_bytes(content[how])
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=f"{path} was overwritten or truncated while it"):
            store.log_metric(run_id, "loss", 1.0, 1, 3)
    store.close()
    assert path.read_bytes() == content[how]
    if how == "older":  # what the -wal file held is not applied to it
        assert points(path, earlier, "loss") == 2010
        check(path)


def test_another_process_notices_too_that_a_file_is_overwritten(place):
    path = place / "runlog.db"
    store, run_id = filled(path)
    store.close()
    older = path.read_bytes()
    filled(path)[0].close()
    process = start("log_loop", path, 1)
    for _ in range(3):
        process.stdout.readline()
    path.write_bytes(older)
    code, _, err = finish(process)
    assert code == 1
    assert "was overwritten or truncated while it was in use" in err


@pytest.mark.parametrize("what", ["touch", "vacuum", "is_free"])
def test_what_is_not_overwritten_goes_on(what, place):
    path = place / "runlog.db"
    store, run_id = filled(path)
    if what == "touch":
        os.utime(path, (1, 1))
    else:
        deed = f"{what}(Database({str(path)!r}))"
        lines = (
            f"from runlog.db.maintenance import *\nfrom runlog.db.sqlite import Database\n{deed}"
        )
        subprocess.run([sys.executable, "-c", lines], check=True)
    for step in range(3000, 5000):
        store.log_metric(run_id, "loss", 1.0, 1, step)
    store.close()
    assert points(path, run_id, "loss") == 4010
    check(path)


def test_a_process_without_descriptors_left_says_so(place):
    path = place / "runlog.db"
    filled(path)[0].close()
    lines = f"""
import os, resource
from runlog.errors import StoreError
from runlog.store import open_store
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
store = open_store({str(path)!r})
store.search_runs(["0"])
store.close()
taken = []
while len(taken) < 64:
    try:
        taken.append(os.open("/", os.O_RDONLY))
    except OSError:
        break
for left in range(12):
    try:
        store.search_runs(["0"])
    except StoreError as error:
        print(error)
    else:
        print("opened")
        break
    os.close(taken.pop())
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    *errors, last = done.stdout.splitlines()
    assert errors
    assert last == "opened"
    assert all("runlog.db" in error for error in errors)
