"""Looking after a store's file: what is in it, whether it is sound, a copy of it, its free space
given back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from runlog.db import snapshots
from runlog.db.snapshots import Progress
from runlog.db.sqlite import Database
from runlog.db.sqlite_file import Kind, distrust, open_uri, size
from runlog.errors import AlreadyExists, InvalidParameter, RunlogError, StoreError, StoreFull

_CHECKPOINT = "pragma wal_checkpoint(truncate)"
_WAIT = 30_000  # milliseconds for a lock


# -- what is in it --------------------------------------------------------------------------


def information(database: Database) -> dict[str, Any]:
    """Return the file's path, sizes in bytes and settings, and how much of everything it holds."""
    with database.reading() as fetch:

        def one(sql: str) -> Any:
            return fetch(sql)[0][0]

        page = one("pragma page_size")
        found = {
            "path": database.path,
            "file_bytes": size(database.path),
            "wal_bytes": size(database.path + "-wal"),
            "free_bytes": page * one("pragma freelist_count"),
            "schema_version": one("pragma user_version"),
            "journal_mode": one("pragma journal_mode"),
            "read_only": database.read_only,
            "experiments": one("select count(*) from experiment where lifecycle_stage = 'active'"),
            "deleted_experiments": one(
                "select count(*) from experiment where lifecycle_stage = 'deleted'"
            ),
            "runs": one("select count(*) from run where lifecycle_stage = 'active'"),
            "deleted_runs": one("select count(*) from run where lifecycle_stage = 'deleted'"),
            "running_runs": one(
                "select count(*) from run where lifecycle_stage = 'active' and status = 'RUNNING'"
            ),
            "params": one("select count(*) from param"),
            "tags": one("select count(*) from tag"),
            "metrics": one("select count(*) from metric"),
            "points": one("select coalesce(sum(count), 0) from metric"),
            "unmerged_points": one("select count(*) from recent"),
            "recorded_files": one("select count(*) from artifact"),
            "packed_files": one("select count(*) from sqlar"),
            "packed_bytes": one("select coalesce(sum(length(data)), 0) from sqlar"),
        }
    return found


class SilentRun(NamedTuple):
    """A run that is RUNNING and has not been heard of since `last_time` (Unix milliseconds)."""

    run_id: str
    run_name: str
    last_time: int


def silent_runs(database: Database, before: int) -> list[SilentRun]:
    """Return the RUNNING runs that neither started nor logged a metric after `before` (ms)."""
    with database.reading() as fetch:
        rows = fetch(
            """select r.run_id, r.name, max(r.start_time,
                   coalesce((select max(last_timestamp) from metric where run = r.id), 0),
                   coalesce((select max(timestamp) from recent
                             where metric in (select id from metric where run = r.id)), 0)) as seen
               from run r
               where r.lifecycle_stage = 'active' and r.status = 'RUNNING'
                   and r.start_time <= :before and seen <= :before
               order by seen""",
            {"before": before},
        )
    return [SilentRun(*row) for row in rows]


def sqlite_version() -> str:
    """Return SQLite's version and apsw's, which brings it."""
    return f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})"


def is_free(database: Database) -> bool:
    """Return whether the file can be written now, without waiting for another program."""
    with database.transaction_if_free() as free:
        return free


# -- is it sound ----------------------------------------------------------------------------


def check(path: str, quick: bool = False) -> list[str]:
    """Return what is wrong with the file, a sentence each; an empty list when it is sound.

    `quick` leaves out comparing indexes with their tables and summaries with their points.
    """
    try:
        database = Database(path)
        database.open()
        connection = reader(database)
    except StoreError as error:
        return [error.message]
    try:
        return [
            *_damage(connection, quick),
            *_schema_changes(connection),
            *_loose_ends(connection, quick),
        ]
    except apsw.Error as error:
        return [f"{path} cannot be read through: {error}"]
    finally:
        connection.close()
        database.close()


def _damage(connection: apsw.Connection, quick: bool) -> list[str]:
    pragma = "quick_check" if quick else "integrity_check"
    said = [str(row[0]) for row in connection.execute(f"pragma {pragma}")]
    return [] if said == ["ok"] else said


def _schema_changes(connection: apsw.Connection) -> Iterator[str]:
    """Yield what of the tables, indexes and views is not as runlog makes it. Others of the user's
    are nobody's business, but for triggers, which are refused when the file is opened to be
    written."""
    ours = apsw.Connection(":memory:")
    ours.execute(Kind().schema()).fetchall()
    there, wanted = _schema(connection), _schema(ours)
    ours.close()
    for (kind, name), sql in wanted.items():
        if (kind, name) not in there:
            yield f"the {kind} {name} is missing"
        elif there[kind, name] != sql:
            yield f"the {kind} {name} is not as runlog makes it: {there[kind, name]}"
    yield from (f"there is a trigger {name}: {sql}" for (kind, name), sql in there.items()
                if kind == "trigger")  # fmt: skip


def _schema(connection: apsw.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("select type, name, sql from sqlite_schema where sql is not null")
    return {(kind, name): sql for kind, name, sql in rows}


def _loose_ends(connection: apsw.Connection, quick: bool) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("pragma foreign_key_check"):
        yield f"row {row} of {table} refers to a {parent} that does not exist"
    if quick:
        return
    for table in ("point", "recent"):
        (lost,) = connection.execute(
            f"select count(*) from {table} where metric not in (select id from metric)"
        ).fetchall()[0]
        if lost:
            yield f"{lost} points in {table} belong to no metric"
    rows = connection.execute(
        """select r.run_id, k.name, m.count, (select count(*) from point where metric = m.id) as n
           from metric m join run r on r.id = m.run join metric_key k on k.id = m.key
           where m.count <> n"""
    )
    for run_id, key, count, points in rows:
        yield f"metric {key!r} of run {run_id} has {points} points, its summary says {count}"


# -- copies and space -----------------------------------------------------------------------


def backup(
    database: Database, target: str, overwrite: bool = False, progress: Progress | None = None
) -> int:
    """Copy the database as it is at this moment to the file `target`, while others log on, and
    returns the size of the copy. `target` appears when it is complete. `progress(done, all)` counts
    pages. Raises AlreadyExists, and RunlogError when it cannot be written."""
    target = backup_path(database.path, target)
    _check_backup_target(database.path, target, overwrite)
    hidden = f"{target}.{os.getpid()}.part"
    database.open()
    source = reader(database)
    try:
        snapshots.copy(source, hidden, progress)
        os.replace(hidden, target)
        _sync_folder(target)
    except apsw.Error as error:
        raise RunlogError(
            f"cannot back {database.path} up to {target}: {snapshots.reason(error)}"
        ) from error
    finally:
        source.close()
        for left in (hidden, hidden + "-journal"):
            if os.path.exists(left):
                os.unlink(left)
    return size(target)


def backup_path(path: str, target: str) -> str:
    """Return the file that a backup of the database at `path` to `target`, a file or folder, is."""
    target = os.path.abspath(target)
    return os.path.join(target, os.path.basename(path)) if os.path.isdir(target) else target


def _check_backup_target(path: str, target: str, overwrite: bool) -> None:
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise InvalidParameter(f"cannot back up to {target}: there is no directory {folder}")
    if os.path.exists(target):
        if os.path.samefile(path, target):
            raise InvalidParameter(f"{target} is the database itself: name another file")
        if not overwrite:
            raise AlreadyExists(f"{target} exists: name another file, or say --overwrite")
        if os.path.exists(target + "-wal"):
            raise InvalidParameter(
                f"{target} is a database in use (it has a -wal file): name another file"
            )


def _sync_folder(path: str) -> None:
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def vacuum(database: Database, progress: Progress | None = None) -> tuple[int, int]:
    """Write the database anew without the space that deleted rows left, and return its size
    before and after, in bytes. Others can read meanwhile; who logs has to wait. For a time it
    takes as much space again, twice: beside the file and in SQLite's directory for temporary
    files. Raises StoreReadOnly, StoreBusy, StoreFull."""
    with database.transaction():
        pass  # it says what is wrong if the file cannot be written
    # A connection of its own, since the store's keeps temporary tables in memory.
    connection = apsw.Connection(database.path, flags=apsw.SQLITE_OPEN_READWRITE)
    before = 0
    try:
        connection.set_busy_timeout(_WAIT)
        distrust(connection)
        # The -wal file is emptied first, so that the sizes are those of the data.
        for done, statement in enumerate((_CHECKPOINT, "vacuum", _CHECKPOINT)):
            if progress is not None:
                progress(done, 3)
            connection.execute(statement).fetchall()
            if done == 0:
                before = size(database.path)
        if progress is not None:
            progress(3, 3)
    except apsw.FullError:
        raise StoreFull(
            f"no room to write {database.path} anew: this takes its size again beside it and in "
            "the directory for temporary files (SQLITE_TMPDIR). Nothing was changed"
        ) from None
    except apsw.BusyError:
        raise StoreError(
            f"{database.path} is in use: vacuum it when nobody logs", "TEMPORARILY_UNAVAILABLE"
        ) from None
    except apsw.Error as error:
        raise StoreError(f"cannot vacuum {database.path}: {error}") from error
    finally:
        connection.close()
    return before, size(database.path)


def upgrade(path: str) -> tuple[int, int]:
    """Bring the schema of the file up to date, as opening the store does, too, and return its
    version before and after."""
    before = 0
    if size(path):
        probe = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            before = probe.pragma("user_version")
        except apsw.Error:
            pass  # what is wrong is said below
        finally:
            probe.close()
    database = Database(path)
    try:
        with database.reading() as fetch:
            return before, fetch("pragma user_version")[0][0]
    finally:
        database.close()


# -- small things ---------------------------------------------------------------------------


def reader(database: Database) -> apsw.Connection:
    """Return a connection that SQLite itself keeps from writing, unlike `pragma query_only`."""
    immutable = database.read_only and not size(database.path + "-wal")
    connection = open_uri(database.path, "mode=ro" + ("&immutable=1" if immutable else ""))
    connection.set_busy_timeout(_WAIT)
    connection.pragma("mmap_size", 0)
    return connection
