"""kill -9 at any moment: what was acknowledged is there, the file is sound and is used again."""

from __future__ import annotations

import random
import time
from subprocess import DEVNULL

import pytest

import runlog
from processes import check, start
from runlog.store import open_store


def killed(lines: int, seconds: float, *arguments: object) -> list[str]:
    """What a program wrote until it was killed, so long after so many lines. Whole lines only."""
    process = start("log_loop", *arguments, stderr=DEVNULL)
    written = [process.stdout.readline() for _ in range(lines)]
    time.sleep(seconds)
    process.kill()
    with process:
        return "".join([*written, process.stdout.read()]).split("\n")[:-1]


@pytest.mark.parametrize(
    "kills, keys, network", [(10, 1, "0"), (10, 100, "0"), (3, 1, "1"), (3, 100, "1")]
)
def test_every_acknowledged_point_is_there(kills, keys, network, place, monkeypatch):
    """One kill after the other on the same file, with WAL and with the rollback journal."""
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    path, moments = place / "runlog.db", random.Random(keys)
    for _ in range(kills):
        _, run_id, *acknowledged = killed(3, moments.uniform(0, 0.3), path, keys)
        store = open_store(str(path))
        steps = [point.step for point in store.get_metric_history(run_id, f"m{keys - 1}")]
        assert len(steps) - len(acknowledged) in (0, 1)
        assert steps == list(range(len(steps)))
        store.log_metric(run_id, "m0", 1.0, 5, len(steps))
        store.close()
        check(path)


@pytest.mark.parametrize("moment", range(20))
def test_a_file_whose_making_was_killed_is_made_all_the_same(moment, place):
    path = place / "new" / "runlog.db"
    killed(1, moment * 0.002, path, 1)
    runlog.set_tracking_uri(path)
    with runlog.start_run() as run:
        runlog.log_metric("loss", 1.0)
    assert runlog.get_run(run.info.run_id).data.metrics == {"loss": 1.0}
    assert [each.name for each in runlog.search_experiments()] == ["Default"]
    check(path)
