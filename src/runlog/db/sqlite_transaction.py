"""The `with` blocks of a SQLite file's transactions."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Protocol

    class Database(Protocol):
        """Whose transactions they are; `begin` is called under the lock, which `leave` releases."""

        lock: Any

        @property
        def read_only(self) -> bool: ...

        def inside(self) -> bool: ...

        def begin(self, transaction: Transaction, wait: bool = True) -> bool: ...

        def leave(self, transaction: Transaction, keep: bool) -> None: ...


# Classes and not generators with contextlib, which cost each log call another 5 us.


class Transaction:
    """What `with database.transaction()` runs: the lock, then `begin`, then `leave`."""

    __slots__ = ("_database", "block", "left")

    def __init__(self, database: Database) -> None:
        self._database = database
        self.left = False

    def __enter__(self) -> None:
        self.block = sys._getframe(1)  # of the `with` statement
        self._database.lock.acquire()
        try:
            self._database.begin(self)
        except BaseException:
            self._database.leave(self, keep=False)
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._database.leave(self, keep=kind is None)


class TransactionIfFree(Transaction):
    """A transaction if nobody else writes, in this process or another; gives whether it is."""

    __slots__ = ()

    def __enter__(self) -> bool:  # type: ignore[override]
        database = self._database
        self.block = sys._getframe(1)
        self.left = True
        if database.read_only or not database.lock.acquire(blocking=False):
            return False
        self.left = False
        try:
            if not database.inside() and database.begin(self, wait=False):
                return True
        except BaseException:
            database.leave(self, keep=False)
            raise
        self.left = True
        database.lock.release()
        return False

    def __exit__(self, *error: Any) -> None:
        if not self.left:
            super().__exit__(*error)


def is_running(frame: FrameType | None) -> bool:
    """Return whether this thread is in that frame, or in a call made from it."""
    current: FrameType | None = sys._getframe(1)
    while current is not None and current is not frame:
        current = current.f_back
    return current is not None
