"""What a user does to a file in use must not make logged points vanish without a word."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time

import pytest

import runlog
from processes import check, run
from runlog.errors import StoreUnusable
from runlog.store import open_store

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
