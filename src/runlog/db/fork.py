"""Forks: every SQLite file is let go before one, and opened again by whoever uses it next.

SQLite keeps its locks per process in memory that a fork copies: a child that used the file would
believe it holds its parent's locks, or wait for ever for one that a thread of the parent held. So
a fork waits until every database is between two transactions, and nothing of SQLite crosses it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from weakref import WeakSet

from runlog.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Database(Protocol):
        """What a fork closes, and keeps locked until it is over."""

        lock: Any
        readers_back: Any

        @property
        def path(self) -> str: ...

        def close(self, checkpoint: bool = True) -> None: ...


lock = threading.RLock()
"""Held by whoever adds to or reads `databases`, and during a fork."""

databases: WeakSet[Database] = WeakSet()
_held: list[Database] = []


def _before() -> None:
    lock.acquire()
    for database in list(databases):
        database.lock.acquire()
        database.readers_back.acquire()
        _held.append(database)
        try:
            database.close(checkpoint=False)
        except StoreError:  # the fork goes on; the next use says what is wrong with the file
            pass
    _wait_for_imports()


def _wait_for_imports() -> None:
    # What a thread is importing at this moment its parent's child could never import. Much of
    # runlog is imported at its first use.
    locks = getattr(sys.modules["_frozen_importlib"], "_module_locks", {})
    for _ in range(5000):
        held = [name for name, lock in list(locks.items()) if lock() is not None]
        if not any(name.startswith("runlog.") for name in held):
            return
        time.sleep(0.001)


def _after() -> None:
    while _held:
        database = _held.pop()
        database.readers_back.release()
        database.lock.release()
    lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
