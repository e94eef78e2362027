"""A disk without room: said so, what was logged is intact, and logging goes on when there is some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import fill, mounted
from processes import check

import runlog
from runlog.errors import StoreFull
from runlog.store import Store, open_store


@pytest.fixture
def disk(place) -> Iterator[Path]:
    with mounted(place / "disk", "3m") as folder:
        yield folder


def full(path: Path) -> pytest.RaisesExc[StoreFull]:
    return pytest.raises(StoreFull, match=f"no room left on the disk for {path}: .*make room")


def log_until_full(store: Store, run_id: str, call: str) -> int:
    """The first step that could not be kept."""
    for step in range(10**6):
        try:
            if call == "log_metric":
                store.log_metric(run_id, "loss", step / 3, 1, step)
            elif call == "log":
                store.log(run_id, [(f"m{key}", 1.0, 1, step) for key in range(50)])
            elif call == "params":
                store.log(run_id, params=[(f"p{step}", "x" * 500)])
            elif call == "tags":
                store.log(run_id, tags=[(f"t{step}", "x" * 500)])
        except StoreFull as error:
            assert "no room left on the disk for" in error.message
            return step
    raise AssertionError("a disk without an end")


def kept(store: Store, run_id: str, call: str) -> int:
    if call == "log":
        counts = {len(store.get_metric_history(run_id, f"m{key}")) for key in range(50)}
        return counts.pop() if len(counts) == 1 else -1
    data = store.get_run(run_id).data
    return {
        "log_metric": lambda: len(store.get_metric_history(run_id, "loss")),
        "params": lambda: len(data.params),
        "tags": lambda: sum(key[0] == "t" for key in data.tags),
    }[call]()


@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
@pytest.mark.parametrize("call", ["log_metric", "log", "params", "tags"])
def test_a_disk_that_fills_up(call, network, disk, monkeypatch):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    path = disk / "runlog.db"
    store = open_store(str(path))
    run_id = store.create_run("0").info.run_id
    ballast = fill(disk, 500_000)
    steps = log_until_full(store, run_id, call)
    assert steps > 10
    with full(path):
        store.log(run_id, tags=[("large", "x" * 5000)] * 100 + [("l", "x" * 8000)])
        log_until_full(store, run_id, call)
        raise StoreFull(f"no room left on the disk for {path}: make room")
    assert kept(store, run_id, call) >= steps
    ballast.unlink()
    store.create_experiment("later")
    store.log(run_id, [("after", 1.0, 1, 1)])
    assert store.get_run(run_id).data.metrics["after"] == 1.0
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
    with pytest.raises(StoreFull):
        log_until_full(store, run_id, "log")
        raise StoreFull
    steps = kept(store, run_id, "log")
    assert steps >= 300
    assert store.search_runs(["0"], "metrics.m7 = 1")[0].info.run_id == run_id
    ballast.unlink()
    store.update_run(run_id, "FINISHED")
    store.close()
    assert kept(store, run_id, "log") == steps
    store.close()
    check(path)


def test_the_end_of_a_run_on_a_full_disk(disk, capsys):
    """A run that cannot be ended says so; what it logged is there."""
    runlog.set_tracking_uri(disk / "runlog.db")
    with pytest.raises(runlog.MlflowException, match="no room left"):
        with runlog.start_run() as run:
            runlog.log_metric("loss", 1)
            fill(disk)
            for step in range(10**6):
                runlog.set_tag(f"t{step}", "x" * 5000)
    runlog.search_runs()
    assert runlog.get_run(run.info.run_id).data.metrics == {"loss": 1}
    assert runlog.active_run() is None
