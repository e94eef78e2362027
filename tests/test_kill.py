"""kill -9 at any moment: what was acknowledged is there, the file is sound and is logged to again."""

from __future__ import annotations

import random
import time

import pytest
from processes import LONG, check, start

import runlog
from runlog.store import open_store


def killed(seconds: float, *arguments: object) -> list[str]:
    """The lines that a program wrote until it was killed, so long after its first one."""
    process = start("log_loop", *arguments)
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, errors = process.communicate(timeout=LONG)
    assert errors == ""
    return [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
@pytest.mark.parametrize("keys", [1, 100])
def test_every_acknowledged_point_is_there(keys, network, place, monkeypatch):
    """20 kills in all, 5 of each kind, one after the other on the same file."""
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    moments = random.Random(keys)
    for _ in range(5):
        path = place / "runlog.db"
        open_store(str(path)).close()
        _, run_id, *acknowledged = killed(moments.uniform(0.1, 0.4), path, keys)
        store = open_store(str(path))
        steps = [point.step for point in store.get_metric_history(run_id.strip(), f"m{keys - 1}")]
        assert len(steps) - len(acknowledged) in (0, 1)
        assert steps == list(range(len(steps)))
        store.log_metric(run_id.strip(), "m0", 1.0, 5, len(steps))
        store.close()
        check(path)


@pytest.mark.parametrize("moment", range(20))
def test_a_file_whose_making_was_killed_is_made_all_the_same(moment, place):
    path = place / "new" / "runlog.db"
    killed(moment * 0.002, path, 1)
    runlog.set_tracking_uri(path)
    with runlog.start_run() as run:
        runlog.log_metric("loss", 1.0)
    assert runlog.get_run(run.info.run_id).data.metrics == {"loss": 1.0}
    assert [each.name for each in runlog.search_experiments()] == ["Default"]
    check(path)
