"""A disk without room: that is said, what was logged is intact, logging goes on when there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import runlog
from disks import fill, mounted
from processes import check
from runlog.errors import StoreFull
from runlog.store import Store, open_store


@pytest.fixture
def disk(place) -> Iterator[Path]:
    with mounted(place / "disk", "3m") as folder:
        yield folder


def log(store: Store, run_id: str, call: str, step: int) -> None:
    if call == "log_metric":
        store.log_metric(run_id, "loss", step / 3, 1, step)
    elif call == "log":
        store.log(run_id, [(f"m{key}", 1.0, 1, step) for key in range(50)])
    elif call == "params":
        store.log(run_id, params=[(f"p{step}", "x" * 500)])
    else:
        store.log(run_id, tags=[(f"t{step}", "x" * 500)])


def log_until_full(store: Store, run_id: str, call: str, step: int = 0) -> int:
    """The first step that could not be kept."""
    with pytest.raises(StoreFull, match="no room left on the disk for /.*runlog.db: .*make room"):
        while True:
            log(store, run_id, call, step)
            step += 1
    return step


def kept(store: Store, run_id: str, call: str) -> int:
    """How many steps are there, and no half ones."""
    data = store.get_run(run_id).data
    if call == "params":
        return len(data.params)
    if call == "tags":
        return sum(key.startswith("t") for key in data.tags)
    keys = ["loss"] if call == "log_metric" else [f"m{key}" for key in range(50)]
    (count,) = {len(store.get_metric_history(run_id, key)) for key in keys}
    return count


@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
@pytest.mark.parametrize("call", ["log_metric", "log", "params", "tags"])
def test_a_disk_that_fills_up(call, network, disk, monkeypatch):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    path = disk / "runlog.db"
    store = open_store(str(path))
    run_id = store.create_run("0").info.run_id
    ballast = fill(disk, free=500_000)
    steps = log_until_full(store, run_id, call)
    assert kept(store, run_id, call) == steps > 10
    steps = log_until_full(store, run_id, call, steps)  # reading may have made some room
    ballast.unlink()
    assert kept(store, run_id, call) == steps
    log(store, run_id, call, steps)
    assert kept(store, run_id, call) == steps + 1
    store.close()
    check(path)


@pytest.mark.parametrize("free", [0, 1, 2, 3, 5, 8, 12, 20, 30, 40, 50, 60, 80])
def test_a_disk_that_is_full_from_the_start(free, disk):
    path = disk / "new" / "runlog.db"
    ballast = fill(disk, free * 4096)
    try:
        open_store(str(path)).close()
        assert free > 20
    except StoreFull as error:
        assert f"no room left on the disk for {path}" in error.message
    ballast.unlink()
    store = open_store(str(path))
    store.create_run("0")
    store.close()
    check(path)


def test_a_log_call_says_that_the_disk_is_full(disk):
    fill(disk)
    runlog.set_tracking_uri(disk / "runlog.db")
    with pytest.raises(runlog.MlflowException, match="no room left on the disk for .*runlog.db"):
        runlog.log_metric("loss", 1)


def test_a_merge_without_room_is_left_for_later(disk):
    path = disk / "runlog.db"
    store = open_store(str(path))
    run_id = store.create_run("0").info.run_id
    store.log(run_id, [(f"m{key}", 1.0, 1, step) for step in range(300) for key in range(50)])
    ballast = fill(disk, 100_000)
    assert kept(store, run_id, "log") == 300
    steps = log_until_full(store, run_id, "log", 300)
    assert kept(store, run_id, "log") == steps
    assert store.search_runs(["0"], "metrics.m7 = 1")[0].info.run_id == run_id
    ballast.unlink()
    store.update_run(run_id, "FINISHED")
    store.close()
    assert kept(store, run_id, "log") == steps
    store.close()
    check(path)


def test_a_run_ends_for_want_of_room(disk):
    runlog.set_tracking_uri(disk / "runlog.db")
    with pytest.raises(runlog.MlflowException, match="no room left"):
        with runlog.start_run() as run:
            runlog.log_metric("loss", 1)
            fill(disk)
            for step in range(10**6):
                runlog.set_tag(f"t{step}", "x" * 5000)
    assert runlog.get_run(run.info.run_id).data.metrics == {"loss": 1}
    assert runlog.active_run() is None
