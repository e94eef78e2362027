"""The time of log calls: Unix milliseconds that never run backwards within a process."""

from __future__ import annotations

import os
import time
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def steady(read: Callable[[], int] = time.time_ns) -> Callable[[], int]:
    """A clock over `read`, which tells Unix nanoseconds: milliseconds that stand still while
    `read` runs backwards. Threads may share it; it survives a fork."""
    latest = 0
    edge = 0  # when the next millisecond begins, in nanoseconds
    lock = RLock()  # a signal handler may log where the lock is held already

    def now() -> int:
        """Unix milliseconds, never less than what any thread of this process was told before."""
        nonlocal latest, edge
        nanos = read()
        # Division and lock are paid once a millisecond, not once a call. `latest` is written
        # before `edge`, so whoever skips this block returns a time that was already reached.
        if nanos >= edge:
            with lock:
                if nanos >= edge:
                    latest = nanos // 1_000_000
                    edge = (latest + 1) * 1_000_000
        return latest

    def renew() -> None:
        nonlocal lock
        lock = RLock()

    # A thread that held the lock while another forked does not exist in the child.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
    return now


now = steady()
