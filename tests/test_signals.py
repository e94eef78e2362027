"""Signals in the middle of log calls: what was acknowledged is kept, a call is whole or nothing."""

from __future__ import annotations

import random
import signal
import time

import pytest

from processes import check, finish, run, start
from runlog.store import open_store


@pytest.mark.parametrize("how", ["raises", "logs"])
def test_handlers_that_raise_or_log_at_any_moment(how, place):
    run("interrupted", place / "runlog.db", how, 3)
    check(place / "runlog.db")


@pytest.mark.parametrize(
    "kills, keys, sent", [(10, 1, signal.SIGTERM), (10, 100, signal.SIGTERM), (5, 0, signal.SIGINT)]
)
def test_a_program_is_ended_in_the_middle_of_a_log_call(kills, keys, sent, place):
    path, moments = place / "runlog.db", random.Random(keys)
    for _ in range(kills):
        process = start("log_loop", path, keys)
        _, run_id, *acknowledged = [process.stdout.readline().strip() for _ in range(3)]
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(sent)
        acknowledged += process.stdout.read().split()
        code, _, err = finish(process)
        assert code == -sent, err
        store = open_store(str(path))
        assert store.get_run(run_id).info.status == "KILLED"
        steps = [point.step for point in store.get_metric_history(run_id, "m0")]
        assert steps == list(range(len(steps)))
        assert len(steps) - len(acknowledged) in (0, 1)
        store.close()
    check(path)
