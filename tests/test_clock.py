from __future__ import annotations

import os
import random
import threading
import time

import pytest

from processes import LONG
from runlog import clock


def ticks(*millis: float):
    values = iter(millis)
    return lambda: int(next(values) * 1_000_000)


@pytest.mark.parametrize(
    "read, told",
    [
        ([5, 6, 7], [5, 6, 7]),
        ([5, 5, 5], [5, 5, 5]),
        ([5, 4, 3, 6], [5, 5, 5, 6]),
        ([1000, 1, 999, 1001], [1000, 1000, 1000, 1001]),
        ([5.999, 6.0], [5, 6]),
        # Set an hour ahead, and back; a correction of seconds is none.
        ([1000, 3_601_000, 1002, 1003, 1000], [1000, 3_601_000, 1002, 1003, 1003]),
        ([60_000, 50_002, 50_001, 50_000], [60_000, 60_000, 60_000, 50_000]),
    ],
)
def test_stands_still_while_the_time_runs_backwards(read, told):
    now = clock.steady(ticks(*read))
    assert [now() for _ in read] == told


def test_tells_unix_milliseconds():
    before = time.time() * 1000
    assert before - 1 <= clock.now() <= time.time() * 1000
    assert isinstance(clock.now(), int)


def test_no_thread_sees_it_run_backwards():
    now = clock.steady(lambda: random.randrange(5000) * 1_000_000)
    backwards = []

    def watch():
        last = 0
        for _ in range(20_000):
            told = now()
            if told < last:
                backwards.append((last, told))
            last = told

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backwards == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_forked_while_the_lock_is_held_does_not_hang():
    held, release = threading.Event(), threading.Event()

    class Nanos(int):
        def __ge__(self, edge):  # the second comparison runs under the lock
            if not held.is_set() and threading.current_thread() is holder:
                compared.append(1)
                if len(compared) == 2:
                    held.set()
                    release.wait(LONG)
            return int(self) >= edge

    compared: list[int] = []
    now = clock.steady(lambda: Nanos(time.time_ns()))
    holder = threading.Thread(target=now)
    holder.start()
    assert held.wait(LONG)
    child = os.fork()
    if child == 0:
        os._exit(0 if now() > 0 else 1)
    deadline = time.monotonic() + LONG
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    release.set()
    holder.join()
    assert ended == (child, 0)


@pytest.mark.parametrize(
    "points, told",
    [
        ([("m", 0), ("m", 0), ("m", 0)], [5, 6, 7]),  # of one step: each its own time
        ([("m", 0), ("m", 1), ("m", 2)], [5, 5, 5]),  # the step tells them apart
        ([("m", 0), ("n", 0), ("m", 0), ("n", 0)], [5, 5, 6, 6]),
        ([("m", 0), ("m", 1), ("m", 1), ("n", 1)], [5, 5, 6, 5]),
        ([("m", 0), ("mn", 0), ("n", 0)], [5, 6, 7]),  # logged together: one time for all
    ],
)
def test_points_of_one_step_have_times_of_their_own(points, told):
    point_time = clock.distinct(lambda: 5)
    assert [point_time("run", tuple(keys), step) for keys, step in points] == told


def test_only_a_series_without_steps_stays_behind_its_points_of_a_wrong_time():
    """There the last call is the last value, whatever the clock says."""
    times = iter([1000, 3_601_000, 2000, 2001, 2001])
    point_time = clock.distinct(lambda: next(times))
    assert [point_time("run", ["m"], 0) for _ in range(3)] == [1000, 3_601_000, 3_601_001]
    assert (point_time("run", ["m"], 1), point_time("run", ["n"], 0)) == (2001, 2001)


def test_the_time_catches_up_after_a_burst():
    times = iter([5, 5, 5, 9])
    point_time = clock.distinct(lambda: next(times))
    assert [point_time("run", ["m"], 0) for _ in range(4)] == [5, 6, 7, 9]
    assert clock.distinct(lambda: 5)("another", ["m"], 0) == 5
