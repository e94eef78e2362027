"""A copy of a runlog database that is in use, as it is at one moment, by SQLite's own backup."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

import apsw

from runlog.db import fork
from runlog.db.sqlite_file import Kind, open_uri
from runlog.errors import RunlogError

Progress = Callable[[int, int], None]

_PAGES_A_STEP = 1000
_WAIT = 30_000  # milliseconds for a lock


def in_use(paths: Iterable[str]) -> set[str]:
    """Return those of the files that are runlog databases which this process, or another, has open,
    or has left in the middle of a write: their content is not in the file alone."""
    with fork.lock:
        ours = {_identity(each.path) for each in fork.databases} - {None}
    return {path for path in paths if (ours and _identity(path) in ours) or _is_written(path)}


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_written(path: str) -> bool:
    beside = any(os.path.exists(path + end) for end in ("-wal", "-shm", "-journal"))
    return beside and _is_ours(path)


def _is_ours(path: str) -> bool:
    # No store of this process is in it, so to open and close it drops no lock of ours.
    try:
        with open(path, "rb") as file:
            header = file.read(100)
    except OSError:  # whoever reads all of it says what is wrong
        return False
    application = int.from_bytes(header[68:72], "big")
    return header.startswith(b"SQLite format 3\0") and application == Kind.application_id


def take(path: str, target: str) -> None:
    """Copy the database at `path` to the file `target`, while others write on. Raises
    RunlogError."""
    try:
        source = open_uri(path, "mode=ro")
        try:
            source.set_busy_timeout(_WAIT)
            copy(source, target)
        finally:
            source.close()
    except apsw.Error as error:
        raise RunlogError(
            f"cannot take a snapshot of the database {path}: {reason(error)}"
        ) from error


def copy(source: apsw.Connection, target: str, progress: Progress | None = None) -> None:
    """Copy the database of a connection to the file `target`. `progress(done, all)` counts
    pages."""
    if source.pragma("journal_mode") == "wal":
        # A snapshot: without it the copy starts anew whenever somebody writes. In the other
        # journal modes it would lock everybody out until the end.
        source.execute("begin")
        source.execute("select 1 from sqlite_schema").fetchall()
    made = apsw.Connection(target)
    try:
        made.set_busy_timeout(_WAIT)
        with made.backup("main", source, "main") as job:
            while not job.done:
                _step(job)
                if progress is not None:
                    progress(job.page_count - job.remaining, job.page_count)
    finally:
        made.close()


def _step(job: apsw.Backup) -> None:
    """Copy some pages. While others have the file locked it waits, as for a statement."""
    until = time.monotonic() + _WAIT / 1000
    while True:
        try:
            job.step(_PAGES_A_STEP)
            return
        except (apsw.BusyError, apsw.LockedError):
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def reason(error: apsw.Error) -> str:
    """Return what went wrong with a copy. SQLite says "not an error" of a lock that a backup
    met."""
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return f"other programs kept it locked for {_WAIT / 1000:g} s. Try again when they log less"
    return str(error)
