"""SQLite's errors in runlog's words: each names the file, the cause and what to do."""

from __future__ import annotations

import errno
import os

import apsw

from runlog.db import Undone
from runlog.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly, StoreUnusable
from runlog.settings import number

FAILURES = (apsw.Error, UnicodeDecodeError)
"""What a statement raises. Text that is not UTF-8 is what a flipped byte in a row can become."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Interrupted(Undone):
    """A signal handler wrote in the middle of a call; nothing of the call was kept."""


def read_only(path: str) -> StoreReadOnly:
    folder = os.path.dirname(path)
    what = f"the directory {folder}" if os.access(path, os.W_OK) else "the file"
    return StoreReadOnly(
        f"{path} is read-only: it can be read but not logged to, because {what} cannot be written"
    )


def damaged(path: str, cause: str, remedy: str) -> StoreUnusable:
    """Return the error for a file that contradicts itself; `remedy` says what to do then."""
    return StoreUnusable(f"{path} is damaged ({cause}): {remedy}")


def interrupted(path: str) -> Interrupted:
    return Interrupted(
        f"a signal handler wrote to {path} in the middle of this call, of which nothing "
        "was kept: call again"
    )


def full(path: str) -> StoreFull:
    return StoreFull(
        f"no room left on the disk for {path}: what was logged before is safe; "
        "make room and log again"
    )


def translated(
    error: apsw.Error | UnicodeDecodeError, path: str, is_read_only: bool, remedy: str
) -> StoreError:
    """Return the error that a user gets for one of `FAILURES`; `remedy` says what to do with a
    damaged file."""
    cause = str(error)
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return StoreBusy(
            f"{path} stayed locked by another process for "
            f"{busy_milliseconds() / 1000:g} s: find who holds it, or raise "
            "RUNLOG_BUSY_TIMEOUT (seconds)"
        )
    if isinstance(error, (apsw.ConnectionClosedError, apsw.CursorClosedError)):
        return interrupted(path)
    if isinstance(error, apsw.FullError):
        return full(path)
    if isinstance(error, apsw.ReadOnlyError):
        if is_read_only:  # even reading would have to write
            return StoreUnusable(
                f"{path} was left in the middle of a write and cannot be put right "
                f"because it is read-only ({cause}): open it once where it can be written"
            )
        return read_only(path)
    if isinstance(error, (apsw.NotADBError, apsw.CorruptError, UnicodeDecodeError)):
        return damaged(path, cause, remedy)
    if isinstance(error, apsw.SQLError) and cause.startswith("no such "):
        return damaged(path, cause, remedy)  # all that our statements name is in the schema
    if isinstance(error, (apsw.CantOpenError, apsw.IOError)) and _no_room(path):
        return full(path)  # making the -shm or the -journal file failed
    if isinstance(error, apsw.CantOpenError):
        return StoreUnusable(f"cannot open {path}: {cause}")
    if isinstance(error, apsw.IOError):
        return StoreError(f"input/output error on {path}: {cause}")
    return StoreError(f"{path}: {cause}")


def _no_room(path: str) -> bool:
    try:
        disk = os.statvfs(os.path.dirname(path))
    except (AttributeError, OSError):  # Windows has no statvfs
        return False
    # File systems such as /proc have no blocks and no files: they are not full, but no disks.
    lacks_blocks = disk.f_blocks > 0 and disk.f_bavail * disk.f_frsize < 65536
    return lacks_blocks or (disk.f_files > 0 and not disk.f_favail)


def busy_milliseconds() -> int:
    """Return how long a call waits for a lock: RUNLOG_BUSY_TIMEOUT, in milliseconds."""
    # At least 10 s: with 200 ms, 16 processes of a burst were locked out of one file.
    return min(int(number("BUSY_TIMEOUT", least=0) * 1000), 2**31 - 1)
