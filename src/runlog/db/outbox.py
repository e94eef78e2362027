"""The file of an outbox: log calls on their way to one server, in the order of the calls.

A stream is what one process logs to one run. Its items are points, and calls with the fields of
their request as JSON; a process numbers its items, so that the order holds whatever is deleted.
"""

from __future__ import annotations

import os
import stat
import time

from runlog.db import Undone
from runlog.db.sqlite import Database
from runlog.db.sqlite_file import Kind, inode
from runlog.errors import StoreError, StoreUnusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, ClassVar, NamedTuple, TypeVar

    T = TypeVar("T")
    Item = tuple[int, str, int | None, int, Any, str | None]
    """Sequence number, name, step, timestamp (ms), value, fields. Of a call the name is that of the
    endpoint; of a point, whose fields are None, that of the metric."""

    class StreamRow(NamedTuple):
        id: int
        sender: str
        login: str
        run_id: str

    class RefusedRow(NamedTuple):
        run_id: str
        items: int
        oldest: int
        error: str
else:
    from collections import namedtuple

    StreamRow = namedtuple("StreamRow", "id sender login run_id")
    RefusedRow = namedtuple("RefusedRow", "run_id items oldest error")

SCHEMA = """
create table server (uri text not null);
create table stream (
    id integer primary key,
    sender text not null,            -- the process that logs it
    login text not null,             -- a digest of who logs: nobody else may send it
    run_id text not null,
    unique (sender, login, run_id)
);
create table item (
    stream integer not null,
    sequence integer not null,
    name text not null,              -- of the metric, or of the endpoint
    step integer,
    timestamp integer not null,      -- ms: of a point its own, of a call when it was made
    value,                           -- NaN as text, as in a store
    fields text,                     -- of a call: JSON
    primary key (stream, sequence)
) without rowid;
create table refused (               -- what the server does not take
    login text not null,
    run_id text not null,
    name text not null,
    step integer,
    timestamp integer not null,
    value,
    fields text,
    error text not null
);
create table alias (                 -- what was made without the server, and its id there
    local text primary key,
    name text,                       -- of an experiment
    remote text
) without rowid;
"""
TABLES = ("stream", "item", "refused", "alias")
AT_ONCE = 2000  # items deleted in a transaction: log calls wait for it
BYTES_AT_ONCE = 4 * 2**20  # of fields that are read at once

# Ignored is what is there: a signal handler that comes right after a commit has it repeated.
INSERT = """insert or ignore into item
            values (:stream, :sequence, :name, :step, :timestamp, :value, :fields)"""


class Outbox(Kind):
    """The kind of file, for the server at `uri`."""

    name: ClassVar[str] = "a runlog outbox"
    application_id: ClassVar[int] = 0x726C6F62  # "rlob"
    mode: ClassVar[int | None] = 0o600
    remedy: ClassVar[str] = "move it away; what waited in it is lost"

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def version(self) -> int:
        return 1

    def schema(self) -> str:
        quoted = self._uri.replace("'", "''")
        return f"{SCHEMA}insert into server values ('{quoted}');"

    def steps(self, version: int) -> list[Any]:
        return []


class OutboxFile:
    """An outbox's file; the threads of a process share it. Methods raise a StoreError when the disk
    does not take something, or when the file is somebody else's."""

    def __init__(self, path: str, uri: str) -> None:
        self.path, self.uri = path, uri
        self._refuse_foreign()
        self.db = Database(path, Outbox(uri))
        self._next: Database | None = None
        self._number: int | None = None

    def _refuse_foreign(self) -> None:
        """Refuse a folder that others may write to: files under our names may be theirs."""
        if not hasattr(os, "getuid"):
            return
        for end in ("", "-wal", "-shm", "-journal"):
            try:
                found = os.lstat(self.path + end)
            except OSError:
                continue
            if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode):
                raise StoreUnusable(
                    f"{self.path}{end} is not a file of yours: choose another folder in "
                    "RUNLOG_OUTBOX"
                )

    # -- log calls --------------------------------------------------------------------------
    # The caller holds `db.lock`: items have to be there in the order of their numbers.

    def add_point(
        self, stream: int, sequence: int, key: str, value: float, timestamp: int, step: int
    ) -> None:
        """Store a point in one statement that is its own transaction."""
        self.db.change_alone(
            INSERT,
            {
                "stream": stream,
                "sequence": sequence,
                "name": key,
                "step": step,
                "timestamp": timestamp,
                "value": value if value == value else "NaN",
                "fields": None,
            },
        )

    def add(self, stream: int, items: Iterable[Item]) -> None:
        """Store items, all of them or none."""
        rows = [
            (stream, sequence, name, step, timestamp, "NaN" if value != value else value, fields)
            for sequence, name, step, timestamp, value, fields in items
        ]
        if len(rows) == 1:
            names = ("stream", "sequence", "name", "step", "timestamp", "value", "fields")
            self.db.change_alone(INSERT, dict(zip(names, rows[0], strict=True)))
            return
        with self.db.transaction():
            self.db.executemany("insert or ignore into item values (?, ?, ?, ?, ?, ?, ?)", rows)

    def begin_stream(self, sender: str, login: str, run_id: str) -> int:
        """Make a stream and return its id. Ids rise with time and are the same in a file that
        takes the place of this one."""

        def make() -> int:
            with self.db.transaction():
                latest = self.db.execute("select max(id) from stream")[0][0] or 0
                bindings = {
                    "id": max(time.time_ns() // 1000, latest + 1),
                    "sender": sender,
                    "login": login,
                    "run_id": run_id,
                }
                self.db.execute(
                    """insert into stream values (:id, :sender, :login, :run_id)
                       on conflict do nothing""",
                    bindings,
                )
                find = """select id from stream
                          where sender = :sender and login = :login and run_id = :run_id"""
                return int(self.db.execute(find, bindings)[0][0])

        return self._do(make)

    # -- what waits -------------------------------------------------------------------------

    def streams(self) -> list[StreamRow]:
        """Return all streams, the oldest first."""
        return [StreamRow(*row) for row in self._read_rows("select * from stream order by id")]

    def head(self, stream: int, after: int, most: int) -> list[Item]:
        """Return the first items of a stream behind the number `after`, at most so many and not
        many more bytes than BYTES_AT_ONCE."""
        sql = """select sequence, name, step, timestamp, value, fields from item
                 where stream = :stream and sequence > :after order by sequence limit :most"""
        bindings = {"stream": stream, "after": after, "most": most}

        def read() -> list[Item]:
            found: list[Item] = []
            size = 0
            with self.db.reading() as fetch:
                for item in fetch.each(sql, bindings):
                    found.append(item)
                    size += len(item[5] or "")
                    if size > BYTES_AT_ONCE:
                        break
            return found

        return self._do(read)

    def last(self, stream: int) -> int:
        """Return the number of the last item of a stream, 0 if it has none."""
        sql = "select max(sequence) from item where stream = :stream"
        return self._read_rows(sql, {"stream": stream})[0][0] or 0

    def waiting(self, stream: int) -> tuple[int, int | None]:
        """Return how many items a stream has, and the time (ms) of the oldest."""
        sql = """select (select count(*) from item where stream = :stream),
                     (select timestamp from item where stream = :stream
                      order by sequence limit 1)"""
        count, oldest = self._read_rows(sql, {"stream": stream})[0]
        return count, oldest

    def delete(self, stream: int, last: int) -> bool:
        """Delete the items of a stream up to a number, unless somebody else is writing: then
        return False."""
        bindings = {"stream": stream, "last": last, "most": AT_ONCE}

        def delete() -> int:
            with self.db.transaction_if_free() as free:
                return (
                    -1
                    if not free
                    else self.db.change(
                        """delete from item where stream = :stream and sequence <= :last
                       and sequence < coalesce((
                           select sequence from item where stream = :stream
                           order by sequence limit 1 offset :most), :last + 1)""",
                        bindings,
                    )
                )

        while (deleted := self._do(delete)) == AT_ONCE:
            pass
        return deleted >= 0

    def end_stream(self, stream: int) -> bool:
        """Delete a stream if it has no items and nobody else is writing; return whether it did."""

        def end() -> int:
            with self.db.transaction_if_free() as free:
                return free and self.db.change(
                    """delete from stream where id = :id
                       and not exists (select 1 from item where stream = :id)""",
                    {"id": stream},
                )

        return bool(self._do(end))

    # -- what is refused --------------------------------------------------------------------

    def put_aside(self, stream: StreamRow, last: int, error: str) -> int:
        """Move the items of a stream up to a number to those that are refused, for that reason;
        return how many they were."""

        def move() -> int:
            bindings = {**_stream_bindings(stream), "last": last, "error": error}
            with self.db.transaction():
                self.db.execute(
                    """insert into refused
                       select :login, :run_id, name, step, timestamp, value, fields, :error
                       from item where stream = :stream and sequence <= :last order by sequence""",
                    bindings,
                )
                return self.db.change(
                    "delete from item where stream = :stream and sequence <= :last", bindings
                )

        return self._do(move)

    def refused(self) -> list[RefusedRow]:
        """Return what was refused, by run and reason."""
        return [
            RefusedRow(*row)
            for row in self._read_rows(
                """select run_id, count(*), min(timestamp), error from refused
                   group by run_id, error order by min(rowid)"""
            )
        ]

    def take_back(self, sender: str) -> None:
        """Make what was refused wait again, as logged by `sender`."""
        for login, run_id in self._read_rows("select distinct login, run_id from refused"):
            stream = self.begin_stream(sender, login, run_id)
            bindings = {"stream": stream, "login": login, "run_id": run_id}
            with self.db.transaction():
                self.db.execute(
                    """insert into item
                       select :stream, rowid, name, step, timestamp, value, fields from refused
                       where login = :login and run_id = :run_id""",
                    bindings,
                )
                self.db.execute(
                    "delete from refused where login = :login and run_id = :run_id", bindings
                )

    # -- ids --------------------------------------------------------------------------------

    def alias(self, local: str) -> tuple[str | None, str | None] | None:
        """Return the name of what was made without the server, and its id there if it is made;
        None for what was made there."""
        rows = self._read_rows(
            "select name, remote from alias where local = :local", {"local": local}
        )
        return None if not rows else (rows[0][0], rows[0][1])

    def add_alias(self, local: str, name: str | None, remote: str | None) -> None:
        """Store what an id of ours is called, and its id on the server once that is known."""

        def store() -> None:
            with self.db.transaction():
                self.db.execute(
                    """insert into alias values (:local, :name, :remote) on conflict (local)
                       do update set remote = coalesce(excluded.remote, remote)""",
                    {"local": local, "name": name, "remote": remote},
                )

        self._do(store)

    # -- the file ---------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file now, so that what is wrong is said here."""
        self.db.open()
        self.db.salvage = self._salvage
        self._number = inode(self.path)

    def is_lost(self) -> bool:
        """Return whether the file was deleted, or another is in its place."""
        return inode(self.path) != self._number

    def address(self) -> str:
        """Return the server's address as the file has it."""
        return str(self._read_rows("select uri from server")[0][0])

    def _read_rows(self, sql: str, bindings: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with self.db.reading() as fetch:
                return fetch(sql, bindings)

        return self._do(read)

    def _do(self, action: Callable[[], T]) -> T:
        """Do it again where a signal handler wrote in between, and in a new file where this one was
        deleted."""
        while True:
            try:
                return action()
            except Undone:
                continue
            except StoreError:
                if not self.is_lost():
                    raise
                self.replace()

    def _salvage(self, lost: Any) -> None:
        """Copy what a file that was deleted still says to a new one. Others that had it open do the
        same; what is there twice is stored once."""
        if not os.path.exists(self.path):
            for end in ("-wal", "-shm"):  # SQLite would take them for the new file's
                try:
                    os.unlink(self.path + end)
                except OSError:
                    pass
        new = Database(self.path, Outbox(self.uri))
        new.open()
        for table in TABLES:
            self._copy(lost, new, table)
        self._next = new

    def replace(self) -> None:
        """Go on in a new file, where this one was deleted."""
        with self.db.lock:
            if self.is_lost():
                self.db = self._next or Database(self.path, Outbox(self.uri))
                self._next = None
                self.open()

    @staticmethod
    def _copy(fetch: Any, new: Database, table: str) -> None:
        for rows in fetch.pieces(f"select * from {table}", {}, AT_ONCE):
            marks = ", ".join("?" * len(rows[0]))
            with new.transaction():
                new.executemany(f"insert or ignore into {table} values ({marks})", rows)

    def flush(self) -> None:
        """Return when what was stored survives a power cut."""
        self.db.flush()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self.db.close()


def _stream_bindings(stream: StreamRow) -> dict[str, Any]:
    return {"stream": stream.id, "login": stream.login, "run_id": stream.run_id}
