"""The time of log calls: Unix milliseconds that do not run backwards within a process while the
system's clock is corrected, and that tell the points of a metric apart."""

from __future__ import annotations

import os
import time
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

SET_BACK = 10_000_000_000  # nanoseconds: what is set back further was wrong before, and is followed
RUNS = 1000  # whose latest points are remembered: a script has one run, a server many

_lock = RLock()  # a signal handler may log where the lock is held already


def _renew() -> None:
    global _lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    # A thread that held the lock while another forked does not exist in the child.
    os.register_at_fork(after_in_child=_renew)


def steady(read: Callable[[], int] = time.time_ns) -> Callable[[], int]:
    """Return a clock over `read`, which tells Unix nanoseconds: milliseconds that stand still while
    `read` is back by up to 10 seconds, and go back with it where it is by more. Threads may share
    it; it survives a fork."""
    latest = 0
    edge = floor = 0  # when the next millisecond begins, and what is no correction: nanoseconds

    def now() -> int:
        """Return Unix milliseconds, not less than what any thread of this process was told before,
        unless the system's clock was set back by more than 10 seconds."""
        nonlocal latest, edge, floor
        nanos = read()
        # Division and lock are paid once a millisecond, not once a call. `latest` is written
        # before `edge`, so whoever skips this block returns a time that was already reached.
        if nanos >= edge or nanos < floor:
            with _lock:
                if nanos >= edge or nanos < floor:
                    latest = nanos // 1_000_000
                    edge = (latest + 1) * 1_000_000
                    floor = edge - SET_BACK
        return latest

    return now


def distinct(now: Callable[[], int]) -> Callable[[str, Collection[str], int], int]:
    """Return a function that gives times to points without one, over a clock `now`. Threads may
    share it; it survives a fork."""
    latest: dict[str, dict[str, tuple[int, int]]] = {}  # by run and key: step and time

    def point_time(run_id: str, keys: Collection[str], step: int) -> int:
        """Return the time of a point of each of these metrics: now; or, where the point before was
        of the same step and is not older, the millisecond behind it. So points that come faster
        than milliseconds stay as many as they are, and the last one is the last."""
        with _lock:
            time = now()
            points = latest.get(run_id)
            if points is None:
                if len(latest) >= RUNS:
                    latest.clear()
                points = latest[run_id] = {}
            try:
                for key in keys:
                    before = points.get(key)
                    if before is not None and before[1] >= time and before[0] == step:
                        time = before[1] + 1
                point = step, time
                for key in keys:
                    points[key] = point
            except TypeError:  # a key that is no text: the store says so
                pass
        return time

    return point_time


now = steady()
point_time = distinct(now)
