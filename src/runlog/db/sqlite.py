"""One SQLite file through apsw: opening it safely, transactions, threads, forks, errors.

A `Database` holds one connection for writing behind a lock and a few for reading. One writer and a
lock is what SQLite itself does with many writers, without the waiting (a lock costs 0.1 us, a
busy handler's sleep at least 1 ms); readers do not wait for the writer in WAL mode.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import apsw

from runlog import migrate
from runlog.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly, StoreUnusable
from runlog.settings import setting

APPLICATION_ID = 0x726C6F67  # "rlog"

Bindings = Mapping[str, Any]
Rows = list[tuple[Any, ...]]

# WAL needs memory shared between all processes that have the file open, which these do not give.
NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs lustre gpfs beegfs beegfs_nodev ceph glusterfs fuse 9p afs "
    "orangefs pvfs2 ocfs2 davfs".split()
)


class Database:
    """A SQLite file that holds a runlog store, made when it is missing.

    Raises a StoreError in runlog's words, with the path and the cause, whenever it cannot be used;
    a file that is not a runlog database is never written to.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.lock = threading.RLock()
        self.read_only = False
        self._immutable = False
        self._checked = False
        self._writer: apsw.Connection | None = None
        self._idle_readers: list[apsw.Connection] = []
        self._all_readers: list[apsw.Connection] = []
        self.readers_back = threading.Condition()  # also the lock of the readers below
        self._reading = 0
        self.instances.add(self)

    instances: WeakSet[Database] = WeakSet()

    # -- statements -------------------------------------------------------------------------

    def execute(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Runs one statement, in the writer's transaction if one is open, else in its own."""
        try:
            return (self._writer or self._connect()).execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise self._translated(error) from error

    def executemany(self, sql: str, rows: Sequence[Bindings]) -> None:
        """Runs one statement once for each of `rows`, inside a transaction of the caller's."""
        try:
            (self._writer or self._connect()).executemany(sql, rows)
        except apsw.Error as error:
            raise self._translated(error) from error

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Runs one statement that writes and returns how many rows it changed."""
        try:
            connection = self._writer or self._connect()
            connection.execute(sql, bindings)
            return connection.changes()
        except apsw.Error as error:
            raise self._translated(error) from error

    def change_many(self, sql: str, rows: Sequence[Bindings]) -> int:
        """`executemany` that returns how many rows were changed."""
        connection = self._writer or self._connect()
        before = connection.total_changes()
        self.executemany(sql, rows)
        return connection.total_changes() - before

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together or not at all; they are kept when it ends."""
        with self.lock:
            self._begin()
            try:
                yield
                self.execute("commit")
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[Callable[..., Rows]]:
        """A consistent view for several statements: yields `fetch(sql, bindings) -> rows`."""
        connection = self._take_reader()

        def fetch(sql: str, bindings: Bindings | None = None) -> Rows:
            try:
                return connection.execute(sql, bindings).fetchall()
            except apsw.Error as error:
                raise self._translated(error) from error

        try:
            fetch("begin")
            yield fetch
        finally:
            self._give_back(connection)

    def _begin(self, wait: bool = True) -> None:
        # Immediate: a transaction that reads first and then writes fails at once, whatever the
        # busy timeout, when somebody else wrote in between.
        if self.read_only:
            raise self._read_only_error()
        connection = self._writer or self._connect()
        if connection.in_transaction:  # left open by an exception between two bytecodes
            self._roll_back()
        try:
            if not wait:
                connection.set_busy_timeout(0)
            connection.execute("begin immediate")
        except apsw.Error as error:
            raise self._translated(error) from error
        finally:
            if not wait:
                connection.set_busy_timeout(_busy_milliseconds())

    def _roll_back(self) -> None:
        connection = self._writer
        if connection is not None and connection.in_transaction:
            connection.execute("rollback")

    @contextmanager
    def transaction_if_free(self) -> Iterator[bool]:
        """A transaction if it can start without waiting for another writer, else yields False."""
        if self.read_only or not self.lock.acquire(blocking=False):
            yield False
            return
        try:
            try:
                self._begin(wait=False)
            except StoreBusy:
                yield False
                return
            try:
                yield True
                self.execute("commit")
            except BaseException:
                self._roll_back()
                raise
        finally:
            self.lock.release()

    # -- connections ------------------------------------------------------------------------

    def open(self) -> None:
        """Opens the file now instead of at the first use, so that what is wrong is said here."""
        with self.lock:
            if self._writer is None:
                self._connect()

    def _connect(self) -> apsw.Connection:
        with self.lock:
            if self._writer is not None:  # another thread was first
                return self._writer
            try:
                self._inspect()
                self._writer = connection = self._connection()
                if not self.read_only:
                    self._prepare(connection)
                self._checked = True
                return connection
            except apsw.Error as error:
                self._drop_writer()
                raise self._translated(error) from error
            except BaseException:
                self._drop_writer()
                raise

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _connection(self) -> apsw.Connection:
        if self._immutable:
            connection = _open_uri(self.path, "mode=ro&immutable=1")
        elif self.read_only:
            connection = _open_uri(self.path, "mode=ro")
        else:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            connection = apsw.Connection(self.path, flags=flags)
        connection.set_busy_timeout(_busy_milliseconds())
        # One pragma a call: of several in one text apsw runs only as many as rows are read.
        connection.pragma("foreign_keys", 1)
        connection.pragma("mmap_size", 0)  # an I/O error must be an error, not a SIGBUS
        connection.pragma("temp_store", 2)  # temporary tables in memory: reads never need a disk
        connection.pragma("synchronous", _synchronous())
        return connection

    def _inspect(self) -> None:
        """Looks at the file without a lock or a write, and decides how it may be opened."""
        path = self.path
        if os.path.isdir(path):
            raise StoreUnusable(f"{path} is a directory: name a file in it, such as runlog.db")
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            if os.path.exists(folder):
                raise StoreUnusable(f"cannot open {path}: {folder} is not a directory")
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError as error:
                raise StoreReadOnly(
                    f"cannot open {path}: its directory is missing and cannot be made "
                    f"({error.strerror})"
                ) from None
        if not os.path.exists(path):
            if not os.access(folder, os.W_OK):
                raise StoreReadOnly(f"cannot make {path}: the directory {folder} is read-only")
            return
        if not os.access(path, os.R_OK):
            raise StoreReadOnly(f"cannot read {path}: permission denied")
        self.read_only = not (os.access(path, os.W_OK) and os.access(folder, os.W_OK))
        # Without a -wal file nobody is writing, and a read-only directory has no room for the
        # shared memory that a reader of a WAL database otherwise makes.
        self._immutable = self.read_only and not _size(path + "-wal")
        self._recognise()

    def _recognise(self) -> None:
        if self._checked:
            return
        if _size(self.path) == 0:
            if self.read_only:
                raise StoreUnusable(f"{self.path} is empty and read-only: there is nothing to read")
            return
        # Through SQLite's own file layer: closing a descriptor that Python opened would drop the
        # locks that another connection of this process holds on the file.
        probe = _open_uri(self.path, "mode=ro&immutable=1")
        try:
            application = probe.pragma("application_id")
            version = probe.pragma("user_version")
            pages, page_size = probe.pragma("page_count"), probe.pragma("page_size")
            if application != APPLICATION_ID:
                tables = [name for (name,) in probe.execute("select name from sqlite_schema")]
                self._refuse_stranger(application, tables)
        except (apsw.NotADBError, apsw.CorruptError, apsw.IOError) as error:
            if not _size(self.path + "-wal"):
                raise StoreUnusable(
                    f"{self.path} is not a runlog database, or it is damaged: {error}. "
                    "It was left untouched; choose another path or restore a backup"
                ) from None
            return
        finally:
            probe.close()
        self._refuse_newer(version)
        if _size(self.path) < pages * page_size and not _size(self.path + "-wal"):
            raise StoreUnusable(
                f"{self.path} is truncated: it has {_size(self.path)} bytes of "
                f"{pages * page_size}. It was left untouched; restore a backup"
            )

    def _refuse_stranger(self, application: int, tables: list[str]) -> None:
        if "alembic_version" in tables and "experiments" in tables:
            raise StoreUnusable(
                f"{self.path} is MLflow's own database, which runlog does not write to: choose "
                "another path. (Importing MLflow's runs is not part of this version.)"
            )
        if tables or application:
            raise StoreUnusable(
                f"{self.path} is another program's SQLite database (application id "
                f"{application:#x}, {len(tables)} tables and indexes): choose another path"
            )

    def _refuse_newer(self, version: int) -> None:
        if version > migrate.VERSION:
            raise StoreUnusable(
                f"{self.path} was written by a newer runlog (schema {version}, this one knows "
                f"{migrate.VERSION}): upgrade with  pip install -U runlog-tracking"
            )

    def _prepare(self, connection: apsw.Connection) -> None:
        version = connection.pragma("user_version")
        self._refuse_newer(version)
        if version < migrate.VERSION:
            self._bring_up_to_date(connection)
        self._set_journal_mode(connection)

    def _bring_up_to_date(self, connection: apsw.Connection) -> None:
        # A new file gets its tables and its application id in one rollback-journal transaction,
        # before WAL is switched on: so the file itself always says what it is, however many
        # processes make it at once and wherever one of them is killed.
        connection.execute("begin exclusive")
        try:
            version = connection.pragma("user_version")
            if version == 0 and not connection.execute("select 1 from sqlite_schema").fetchall():
                connection.execute(migrate.schema()).fetchall()
                connection.execute(f"pragma application_id = {APPLICATION_ID}")
                connection.execute(f"pragma user_version = {migrate.VERSION}")
            for step in migrate.pending(connection.pragma("user_version")):
                step.apply(connection)
                connection.execute(f"pragma user_version = {step.to}")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _set_journal_mode(self, connection: apsw.Connection) -> None:
        network = _network_file_system(self.path)
        mode = "delete" if network else "wal"
        if network:
            _say_once(
                f"runlog: {self.path} is on a network file system ({network}): using the rollback "
                "journal instead of WAL, which is slower with many writers"
            )
        if connection.pragma("journal_mode") != mode:
            _retry_while_busy(lambda: connection.pragma("journal_mode", mode))

    def _take_reader(self) -> apsw.Connection:
        if self._writer is None:
            self._connect()
        with self.readers_back:
            self._reading += 1
            if self._idle_readers:
                return self._idle_readers.pop()
        try:
            connection = self._connection()
            connection.pragma("query_only", 1)
        except BaseException as error:
            with self.readers_back:
                self._reading -= 1
                self.readers_back.notify_all()
            if isinstance(error, apsw.Error):
                raise self._translated(error) from error
            raise
        with self.readers_back:
            self._all_readers.append(connection)
        return connection

    def _give_back(self, connection: apsw.Connection) -> None:
        if connection.in_transaction:
            connection.execute("rollback")
        with self.readers_back:
            self._idle_readers.append(connection)
            self._reading -= 1
            self.readers_back.notify_all()

    def close(self, checkpoint: bool = True) -> None:
        """Closes all connections; the next use opens the file again.

        The last one to close a file moves what is in the -wal file into it, which syncs;
        `checkpoint=False` leaves that for later.
        """
        with self.lock:
            with self.readers_back:
                self.readers_back.wait_for(lambda: self._reading == 0)
                connections = [*self._all_readers, *([self._writer] if self._writer else [])]
                self._all_readers.clear()
                self._idle_readers.clear()
                self._writer = None
            for connection in connections:
                try:
                    connection.config(
                        apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0 if checkpoint else 1
                    )
                    connection.close()
                except apsw.Error as error:
                    raise self._translated(error) from error

    def flush(self) -> None:
        """Returns when everything committed so far is on the disk, whatever `synchronous` is.

        What the -wal file does not hold any more was synced when it was moved out of there.
        """
        for path in (self.path + "-wal", os.path.dirname(self.path)):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError:  # no -wal: everything is in the file, synced
                continue
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise StoreError(f"cannot sync {path}: {error.strerror}") from None
            finally:
                os.close(descriptor)

    # -- errors -----------------------------------------------------------------------------

    def _read_only_error(self) -> StoreReadOnly:
        return StoreReadOnly(f"{self.path} is read-only: it can be read but not logged to")

    def _translated(self, error: apsw.Error) -> StoreError:
        cause = str(error)
        if isinstance(error, (apsw.BusyError, apsw.LockedError)):
            return StoreBusy(
                f"{self.path} stayed locked by another process for "
                f"{_busy_milliseconds() / 1000:g} s: find who holds it, or raise "
                "RUNLOG_BUSY_TIMEOUT (seconds)"
            )
        if isinstance(error, apsw.FullError):
            return StoreFull(
                f"no room left on the disk for {self.path}: what was logged before is safe; "
                "make room and log again"
            )
        if isinstance(error, apsw.ReadOnlyError):
            return self._read_only_error()
        if isinstance(error, (apsw.NotADBError, apsw.CorruptError)):
            return StoreUnusable(
                f"{self.path} is damaged ({cause}): see  runlog db check  and restore a backup"
            )
        if isinstance(error, apsw.CantOpenError):
            return StoreUnusable(f"cannot open {self.path}: {cause}")
        if isinstance(error, apsw.IOError):
            return StoreError(f"input/output error on {self.path}: {cause}")
        return StoreError(f"{self.path}: {cause}")


def _open_uri(path: str, query: str) -> apsw.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{quoted}?{query}", flags=flags)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _busy_milliseconds() -> int:
    # At least 10 s: with 200 ms, 16 processes of a burst were locked out of one file.
    return int(float(setting("BUSY_TIMEOUT") or 30) * 1000)


def _synchronous() -> str:
    mode = (setting("SYNCHRONOUS") or "normal").lower()
    if mode not in ("normal", "full", "extra"):
        raise StoreError(f"RUNLOG_SYNCHRONOUS is {mode!r}: use normal, full or extra")
    return mode


def _retry_while_busy(attempt: Callable[[], object]) -> None:
    # Changing the journal mode does not wait for other connections as statements do.
    import time

    deadline = time.monotonic() + _busy_milliseconds() / 1000
    while True:
        try:
            attempt()
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _network_file_system(path: str) -> str | None:
    """The type of the network file system that `path` is on, None on a local one."""
    override = setting("NETWORK_FILE_SYSTEM")  # 1 or 0 where the type does not tell
    if override:
        return "RUNLOG_NETWORK_FILE_SYSTEM" if override == "1" else None
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            kind = file_system_type(os.path.realpath(path), file)
    except OSError:
        return None
    base = kind.partition(".")[0]
    return kind if kind in NETWORK_FILE_SYSTEMS or base in NETWORK_FILE_SYSTEMS else None


def file_system_type(path: str, mountinfo: Iterator[str]) -> str:
    """The type of the file system of `path` by the lines of Linux's /proc/self/mountinfo."""
    best, kind = -1, ""
    for line in mountinfo:
        fields = line.split(" ")
        point = fields[4].replace("\\040", " ")
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-") + 1]
    return kind


_said: set[str] = set()


def _say_once(text: str) -> None:
    import sys

    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr)


# -- forks ----------------------------------------------------------------------------------
# SQLite keeps its locks per process in memory that a fork copies: a child that used the file would
# believe it holds its parent's locks, or wait for ever for one that a thread of the parent held.
# So before a fork every file is let go, between two transactions, and opened again by whoever uses
# it next. Nothing of SQLite crosses the fork.

_at_fork: list[Database] = []


def _before_fork() -> None:
    for database in list(Database.instances):
        database.lock.acquire()
        database.readers_back.acquire()
        _at_fork.append(database)
        try:
            database.close(checkpoint=False)
        except StoreError:  # the fork goes on; the next use says what is wrong with the file
            pass


def _after_fork() -> None:
    while _at_fork:
        database = _at_fork.pop()
        database.readers_back.release()
        database.lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
