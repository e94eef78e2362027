"""Durable answers at the cost of one sync for many: what waits at the same time is synced together.

A commit to the -wal file is safe from the process' end but not from a power cut; only a sync is,
and it takes milliseconds. The first to ask does it; who asks meanwhile waits for the next, which
counts for all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE = 0.0005  # seconds, in which more may come where some are there already


class Group:
    """`wait` returns when a call of `sync` that began after it was called has returned."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._changed = threading.Condition()
        self._begun = self._done = 0  # syncs, counted from 1
        self._waiting = 0
        self._failure: tuple[int, BaseException] | None = None

    def wait(self) -> None:
        """Wait for a sync, or do it for all that wait. Raises what the sync raises."""
        with self._changed:
            mine = self._begun + 1  # the one that runs may have begun before our commit
            self._waiting += 1
            self._changed.wait_for(lambda: self._done >= mine or self._begun == self._done)
            self._waiting -= 1
            if self._done >= mine:
                if self._failure is not None and self._failure[0] >= mine:
                    raise self._failure[1]
                return
            self._begun = number = self._begun + 1
            is_alone = not self._waiting
        failure = None
        try:
            if not is_alone:
                time.sleep(PAUSE)
            self._sync()
        except BaseException as error:
            failure = (number, error)
            raise
        finally:
            with self._changed:
                self._done, self._failure = number, failure
                self._changed.notify_all()
