"""One SQLite file through apsw: opening it safely, transactions, threads, forks, errors.

A `Database` holds one connection for writing behind a lock and a few for reading. One writer and a
lock is what SQLite itself does with many writers, without the waiting (a lock costs 0.1 us, a
busy handler's sleep at least 1 ms); readers do not wait for the writer in WAL mode.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from itertools import islice
from weakref import WeakSet

import apsw

from runlog import migrate
from runlog.db import Undone
from runlog.errors import (
    InvalidParameter,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnusable,
)
from runlog.settings import number, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import FrameType
    from typing import Any

    Bindings = Mapping[str, Any]
    Rows = list[tuple[Any, ...]]

APPLICATION_ID = 0x726C6F67  # "rlog"

# WAL needs memory shared between all processes that have the file open, which these do not give.
NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs lustre gpfs beegfs beegfs_nodev ceph glusterfs fuse 9p afs "
    "orangefs pvfs2 ocfs2 davfs wekafs virtiofs vboxsf prl_fs".split()
)

# Text that is not UTF-8 is what a flipped byte in a row can become.
_FAILURES = (apsw.Error, UnicodeDecodeError)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_instances_lock = threading.RLock()
_instances: WeakSet[Database] = WeakSet()


class Interrupted(Undone):
    """A signal handler wrote in the middle of a call; nothing of the call was kept."""


class Database:
    """A SQLite file that holds a runlog store, made when it is missing.

    Raises a StoreError in runlog's words, with the path and the cause, whenever it cannot be used;
    a file that is not a runlog database is never written to.
    """

    nan: float | str = "NaN"
    LIKE, ILIKE = "{0} glob {1}", "{0} like {1}"
    BY_KEY = ""  # rows of a table that lies by its key come so
    COUNT_ON = ""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.lock = threading.RLock()
        self.read_only = False
        self._current: Transaction | None = None  # of the thread that holds the lock
        self._suspended: list[Transaction] = []  # those that signal handlers interrupted
        self._checked = False
        self._files: tuple[int | None, int | None] = (None, None)  # numbers of file and -wal file
        self._look_again = 0.0  # when to see whether they still are those
        self._is_named = False  # whether the -wal file's name is synced, too
        self._writer: apsw.Connection | None = None
        self.readers_back = threading.Condition()  # also the lock of the three below
        self._idle_readers: list[apsw.Connection] = []
        self._reading: list[int] = []  # for each reader in use its thread
        self._closing = False
        with _instances_lock:
            _instances.add(self)

    # -- what the modules above ask every database ------------------------------------------

    @staticmethod
    def double(value: float) -> float | str:
        """A metric's value as it is bound: SQLite keeps no NaN."""
        return value if value == value else "NaN"

    @staticmethod
    def pattern(like: str) -> str:
        """A LIKE pattern as a GLOB one, which is case-sensitive; SQLite's LIKE is not."""
        special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
        return "".join(special.get(character, character) for character in like)

    @staticmethod
    def pattern_of_any_case(like: str) -> str:
        """The operand of ILIKE."""
        return like

    def forget_files(self, run: int) -> None:
        """Deletes the files of a run that are in here, where nobody would find them without it,
        inside a transaction of the caller's."""
        self.execute(
            """delete from sqlar where name > (select experiment || '/' || run_id || '/'
                                           from run where id = :run)
                   and name < (select experiment || '/' || run_id || '0'
                               from run where id = :run)""",
            {"run": run},
        )

    # -- statements -------------------------------------------------------------------------

    def execute(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Runs one statement, in the writer's transaction if one is open, else in its own."""
        try:
            return self._own().execute(sql, bindings).fetchall()
        except _FAILURES as error:
            raise self.translated(error) from error

    def executemany(self, sql: str, rows: Sequence[Bindings | tuple[Any, ...]]) -> None:
        """Runs one statement once for each of `rows`, inside a transaction of the caller's."""
        try:
            self._own().executemany(sql, rows)
        except apsw.Error as error:
            raise self.translated(error) from error

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Runs one statement that writes, inside a transaction of the caller's, and returns how
        many rows it changed."""
        try:
            connection = self._own()
            connection.execute(sql, bindings)
            return connection.changes()
        except apsw.Error as error:
            raise self.translated(error) from error

    def change_many(self, sql: str, rows: Sequence[Bindings | tuple[Any, ...]]) -> int:
        """`executemany` that returns how many rows were changed."""
        connection = self._own()
        before = connection.total_changes()
        self.executemany(sql, rows)
        return connection.total_changes() - before

    def change_alone(self, sql: str, bindings: Bindings) -> int:
        """`change` as a transaction of its own, under the lock: at a tenth of the cost of one."""
        if self._look_again < time.monotonic():
            self._look_for_files()
        connection = self._writer or self._connect()
        if connection.in_transaction:  # of the call that this one interrupts
            with Transaction(self):
                return self.change(sql, bindings)
        try:
            connection.execute(sql, bindings)
            return connection.changes()
        except apsw.ConnectionClosedError:  # by a signal handler, just now
            return self.change_alone(sql, bindings)
        except apsw.Error as error:
            raise self.translated(error) from error

    def write_blob(self, table: str, column: str, row: int, pieces: Iterable[bytes]) -> None:
        """Fills a blob that is there, all zeros, inside a transaction of the caller's: memory holds
        a piece at a time."""
        try:
            blob = self._own().blob_open("main", table, column, row, True)
        except apsw.Error as error:
            raise self.translated(error) from error
        try:
            for piece in pieces:
                self._write_piece(blob, piece)
        finally:
            blob.close(True)

    def _write_piece(self, blob: apsw.Blob, piece: bytes) -> None:
        try:
            blob.write(piece)
        except apsw.Error as error:
            raise self.translated(error) from error
        except ValueError as error:  # its connection was closed
            raise self._interrupted_error() from error

    def largest_value(self) -> int:
        """How many bytes SQLite keeps in a row."""
        with self.lock:  # apsw waits here for other threads while it keeps them from going on
            return self._own().limit(apsw.SQLITE_LIMIT_LENGTH)

    # -- transactions -----------------------------------------------------------------------
    # Two things come between any two instructions of the main thread. A signal handler may log,
    # then return, raise or end the process: its transaction is its own and takes the place of the
    # one that it interrupts, which begins anew if it ever goes on; so that it cannot go on half
    # way, its connection is closed. And Ctrl-C, after which the program goes on in a notebook: it
    # may not leave a transaction open that later calls take for their own and never commit.

    def transaction(self) -> Transaction:
        """`with` it: all writes inside are kept together or not at all; they are kept when it
        ends. Raises Interrupted when a signal handler wrote in between."""
        return Transaction(self)

    def transaction_if_free(self) -> TransactionIfFree:
        """`with` it: a transaction if it can start without waiting for another writer; gives
        whether it did."""
        return TransactionIfFree(self)

    def postpone_checkpoint(self) -> None:
        """Inside a transaction of the caller's that writes many megabytes: they are not moved from
        the -wal file to the file while it ends, which would take the lock several times as long.
        `checkpoint` has to follow."""
        self._own().wal_autocheckpoint(0)

    def checkpoint(self) -> None:
        """Moves what is in the -wal file to the file, while others write."""
        connection = self.take_reader()
        try:
            connection.execute("pragma wal_checkpoint(passive)").fetchall()
        except apsw.Error:  # what is in the -wal file is safe there; somebody else will move it
            pass
        finally:
            self.give_back(connection)
            with self.lock:
                if self._writer is not None:
                    self._writer.wal_autocheckpoint(1000)  # as SQLite has it

    def inside(self) -> bool:
        """Whether this thread, which holds the lock, is in the middle of a transaction."""
        current = self._current
        if current is None or _is_running(current.block):
            return current is not None
        if not current.left:  # Ctrl-C came right before its end
            self.lock.release()
        self.end(keep=False)
        return False

    def begin(self, transaction: Transaction, wait: bool = True) -> bool:
        """Begins a transaction, under the lock; False if it may not wait and would have to."""
        if self.inside():
            self._suspend()
            self._drop_writer()
        self._current = transaction
        free = False
        try:
            free = self._begin(wait)
            return free
        finally:
            if not free:
                self.end(keep=False)

    def _suspend(self) -> None:
        if self._current is not None:
            self._suspended.append(self._current)
            self._current = None

    def end(self, keep: bool) -> None:
        """Commits the transaction or rolls it back, the latter if it cannot be committed too."""
        try:
            if keep:
                self.execute("commit")
        finally:
            self._current = None
            self._roll_back()  # does nothing after a commit

    def leave(self, transaction: Transaction, keep: bool) -> None:
        """`end` and the lock let go, whatever comes in between."""
        try:
            if self._current is transaction:
                self.end(keep)
                return
            if self._current is None:
                self._roll_back()  # what it began just when it was suspended
            if keep:
                raise self._interrupted_error()
        except BaseException:
            if self._current is transaction:
                self.end(keep=False)
            raise
        finally:
            if transaction in self._suspended:
                self._suspended.remove(transaction)
            transaction.left = True
            self.lock.release()

    def _own(self) -> apsw.Connection:
        """The connection, but not for a transaction that another has taken the place of."""
        connection = self._writer or self._connect()  # first: what comes later closes it
        if self._suspended and self._current is None:
            if any(_is_running(transaction.block) for transaction in self._suspended):
                raise self._interrupted_error()
        return connection

    def _begin(self, wait: bool) -> bool:
        # Immediate: a transaction that reads first and then writes fails at once, whatever the
        # busy timeout, when somebody else wrote in between.
        if self._look_again < time.monotonic():
            self._look_for_files()
        connection = self._writer or self._connect()
        if self.read_only:
            raise self._read_only_error()
        self._roll_back()  # what a second Ctrl-C, in the middle of a rollback, has left
        try:
            if wait:
                connection.execute("begin immediate")
                return True
            try:
                connection.set_busy_timeout(0)
                connection.execute("begin immediate")
                return True
            except apsw.BusyError:
                return False
            finally:
                connection.set_busy_timeout(_busy_milliseconds())
        except apsw.Error as error:
            raise self.translated(error) from error

    def _roll_back(self) -> None:
        connection = self._writer
        try:
            if connection is not None and connection.in_transaction:
                connection.execute("rollback")
        except apsw.Error:  # closing it rolls back too
            self._drop_writer()

    def reading(self) -> Reading:
        """`with` it: a consistent view for several statements; gives a `Snapshot`."""
        return Reading(self)

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
                self._refuse_replaced()
                self._inspect()
                if not self._checked:
                    self._recognise()
                self._is_named = False
                self._writer = connection = self._connection()
                if not self.read_only:
                    self._prepare(connection)
                    self._note_files(connection)
                self._checked = True
                return connection
            except apsw.Error as error:
                self._drop_writer()
                raise self.translated(error) from error
            except BaseException:
                self._drop_writer()
                raise

    def _drop_writer(self) -> None:
        # Whatever is wrong with the file, its -wal file is not ours to move into it.
        connection, self._writer = self._writer, None
        if connection is not None:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    def _connection(self) -> apsw.Connection:
        deadline = time.monotonic() + 1
        while True:
            try:
                return self._set_up(self._opened())
            except (apsw.ReadOnlyError, apsw.CantOpenError):
                # A writer is just making its -wal and -shm files, or deleting them.
                if not self.read_only or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _set_up(self, connection: apsw.Connection) -> apsw.Connection:
        connection.set_busy_timeout(_busy_milliseconds())
        # One pragma a call: of several in one text apsw runs only as many as rows are read.
        connection.pragma("foreign_keys", 1)
        connection.pragma("mmap_size", 0)  # an I/O error must be an error, not a SIGBUS
        connection.pragma("temp_store", 2)  # temporary tables in memory: reads never need a disk
        connection.pragma("synchronous", _synchronous())
        return connection

    def _opened(self) -> apsw.Connection:
        if not self.read_only:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            return apsw.Connection(self.path, flags=flags)
        # A reader of a WAL database needs the -shm file, or makes it. In a directory that is
        # read-only nobody can, but without a -wal file nobody is writing either; and a -wal file
        # that lies there without its -shm file has lost its writer.
        if not _size(self.path + "-wal"):
            connection = _open_uri(self.path, "mode=ro&immutable=1")
            if connection.read("main", 0, 18, 1)[1] == b"\2":  # a WAL database
                return connection
            connection.close()
            return _open_uri(self.path, "mode=ro")
        if os.path.exists(self.path + "-shm"):
            return _open_uri(self.path, "mode=ro")
        system = "win32" if os.name == "nt" else "unix"
        connection = _open_uri(self.path, f"mode=ro&vfs={system}-none")  # takes no locks
        connection.pragma("locking_mode", "exclusive")  # so it keeps what -shm holds to itself
        return connection

    def _note_files(self, connection: apsw.Connection) -> None:
        # Windows lets nobody delete a file that is open; without WAL SQLite looks itself.
        if os.name == "posix" and connection.pragma("journal_mode") == "wal":
            connection.pragma("user_version")  # the first to read makes the -wal file
            self._files = (_inode(self.path), _inode(self.path + "-wal"))

    def _look_for_files(self) -> None:
        """Opens the file again if its -wal file is gone, which SQLite would go on writing to.

        Another SQLite in this process, Python's sqlite3 say, gave up our locks when it closed the
        file; a second process then took itself for the last one and put the -wal file away. What
        was committed until then is in the file.
        """
        self._look_again = time.monotonic() + 0.01  # looking takes 5 us
        file, wal = self._files
        if wal is None or self._writer is None:
            return
        if (_inode(self.path), _inode(self.path + "-wal")) != (file, wal):
            with self.lock:
                self._refuse_replaced()
                self._close(checkpoint=False)

    def _refuse_replaced(self) -> None:
        if self._files[0] is not None and _inode(self.path) != self._files[0]:
            self._look_again = 0.0  # and say it every time
            raise StoreUnusable(
                f"{self.path} was deleted or replaced while it was in use: nothing more can be "
                "kept there; restart the program"
            )

    def _inspect(self) -> None:
        """Looks at the path without opening anything, and decides how it may be opened."""
        path = self.path
        folder = os.path.dirname(path)
        if path != path.encode(errors="replace").decode():
            raise StoreUnusable(f"cannot open {path!r}: SQLite takes no names that are not UTF-8")
        if os.path.isdir(path):
            raise StoreUnusable(f"{path} is a directory: name a file in it, such as runlog.db")
        if not os.path.isdir(folder):
            self._make_folder(folder)
        if not os.path.exists(path):
            if not os.access(folder, os.W_OK):
                raise StoreReadOnly(f"cannot make {path}: the directory {folder} is read-only")
            return
        if not os.path.isfile(path):
            raise StoreUnusable(f"{path} is not a regular file: choose another path")
        if not os.access(path, os.R_OK):
            raise StoreReadOnly(f"cannot read {path}: permission denied")
        self.read_only = not (os.access(path, os.W_OK) and os.access(folder, os.W_OK))

    def _make_folder(self, folder: str) -> None:
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise self._full_error() from None
            raise StoreReadOnly(
                f"cannot open {self.path}: its directory is missing and cannot be made "
                f"({error.strerror})"
            ) from None

    def _recognise(self) -> None:
        """Refuses a file that is not a runlog store of ours, without a lock or a write."""
        # Others may be making the file, or moving their -wal file into it, while it is looked at
        # without a lock. What is wrong for good is wrong the third time too.
        for pause in (0.02, 0.1, None):
            try:
                return self._look()
            except StoreUnusable:
                if pause is None:
                    raise
                time.sleep(pause)

    def _look(self) -> None:
        size = _size(self.path)
        if size == 0:
            if self.read_only:
                raise StoreUnusable(f"{self.path} is empty and read-only: there is nothing to read")
            return
        journals = _size(self.path + "-wal") or _size(self.path + "-journal")
        # Through SQLite's own file layer: closing a descriptor that Python opened would drop the
        # locks that another connection of this process holds on the file.
        probe = _open_uri(self.path, "mode=ro&immutable=1")
        try:
            if not journals:
                self._refuse_truncated(size, probe.read("main", 0, 0, 100)[1])
            application = probe.pragma("application_id")
            version = probe.pragma("user_version")
            tables = [name for (name,) in probe.execute("select name from sqlite_schema")]
        except _FAILURES as error:
            if journals:  # it may be in the middle of a write, which SQLite puts right
                return
            raise StoreUnusable(
                f"{self.path} is not a runlog database, or it is damaged: {error}. "
                "It was left untouched; choose another path or restore a backup"
            ) from None
        finally:
            probe.close()
        later = _page_one(self.path + "-wal")
        if later is not None:
            application = int.from_bytes(later[68:72], "big")
            version = int.from_bytes(later[60:64], "big")
            tables = tables or ["?"] * int.from_bytes(later[103:105], "big")
        self._refuse_stranger(application, tables)
        self._refuse_newer(version)
        if self.read_only and version < migrate.VERSION:
            raise StoreUnusable(
                f"{self.path} has the older schema {version} and is read-only: open it once where "
                f"it can be written, which brings it to schema {migrate.VERSION}"
            )

    def _refuse_truncated(self, size: int, header: bytes) -> None:
        page_size, pages, application = (
            int.from_bytes(header[start:end], "big")
            for start, end in ((16, 18), (28, 32), (68, 72))
        )
        if application == APPLICATION_ID and size < pages * page_size:
            raise StoreUnusable(
                f"{self.path} is truncated: it has {size} bytes of {pages * page_size}. "
                "It was left untouched; restore a backup"
            )

    def _refuse_stranger(self, application: int, tables: list[str]) -> None:
        if application == APPLICATION_ID or not (application or tables):
            return
        if "alembic_version" in tables and "experiments" in tables:
            raise StoreUnusable(
                f"{self.path} is MLflow's own database, which runlog does not write to: choose "
                "another path. (Importing MLflow's runs is not part of this version.)"
            )
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
        # Tables first: with the first of them a new file has its application id too.
        tables = [name for (name,) in connection.execute("select name from sqlite_schema")]
        self._refuse_stranger(connection.pragma("application_id"), tables)
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
            # With this journal NORMAL may damage the file in a power cut, and only EXTRA makes
            # sure that what was committed is not taken back by a journal that reappears.
            connection.pragma("synchronous", "full" if _synchronous() == "normal" else "extra")
        if connection.pragma("journal_mode") != mode:
            _retry_while_busy(lambda: connection.pragma("journal_mode", mode))

    def take_reader(self) -> apsw.Connection:
        if self._look_again < time.monotonic():
            self._look_for_files()
        if self._writer is None:
            self._connect()
        thread = threading.get_ident()
        with self.readers_back:
            self.readers_back.wait_for(lambda: not self._closing or thread in self._reading)
            self._reading.append(thread)
            if self._idle_readers:
                return self._idle_readers.pop()
        try:
            connection = self._connection()
            connection.pragma("query_only", 1)
            return connection
        except BaseException as error:
            with self.readers_back:
                self._reading.remove(thread)
                self.readers_back.notify_all()
            if isinstance(error, apsw.Error):
                raise self.translated(error) from error
            raise

    def give_back(self, connection: apsw.Connection) -> None:
        if connection.in_transaction:
            connection.execute("rollback")
        # A reader that takes no locks would not see what others write later, or see half of it.
        if self.read_only:
            connection.close()
        with self.readers_back:
            if not self.read_only:
                self._idle_readers.append(connection)
            self._reading.remove(threading.get_ident())
            self.readers_back.notify_all()

    def close(self, checkpoint: bool = True) -> None:
        """Closes all connections; the next use opens the file again.

        The last one to close a file moves what is in the -wal file into it, which syncs;
        `checkpoint=False` leaves that for later, when the same file is expected to be there.
        """
        with self.lock:
            self._suspend()  # what a signal handler interrupted that forks or closes
            if checkpoint:
                self._checked, self._files = False, (None, None)
            self._close(checkpoint)

    def _close(self, checkpoint: bool) -> None:
        try:
            for connection in self._let_go():
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0 if checkpoint else 1)
                connection.close()
        except apsw.Error as error:
            raise self.translated(error) from error

    def _let_go(self) -> list[apsw.Connection]:
        """Every connection, when nobody reads but this thread: in a signal handler, which cannot
        wait for the call that it interrupted."""
        thread = threading.get_ident()
        with self.readers_back:
            self._closing = True  # or readers that take turns would never let it happen
            try:
                self.readers_back.wait_for(lambda: all(each == thread for each in self._reading))
            finally:
                self._closing = False
                self.readers_back.notify_all()
            connections, self._idle_readers = self._idle_readers, []
            if self._writer is not None:
                connections.append(self._writer)
                self._writer = None
            return connections

    def flush(self) -> None:
        """Returns when everything committed so far is on the disk, whatever `synchronous` is.

        What the -wal file does not hold any more was synced when it was moved out of there.
        """
        _sync(self.path + "-wal")
        if not self._is_named:
            _sync(os.path.dirname(self.path))
            # A rollback journal is deleted again and again, which is what commits.
            self._is_named = self._writer is not None and self._files[1] is not None

    # -- errors -----------------------------------------------------------------------------

    def _read_only_error(self) -> StoreReadOnly:
        folder = os.path.dirname(self.path)
        what = f"the directory {folder}" if os.access(self.path, os.W_OK) else "the file"
        return StoreReadOnly(
            f"{self.path} is read-only: it can be read but not logged to, because {what} cannot "
            "be written"
        )

    def damaged(self, cause: str) -> StoreUnusable:
        """The error for a file that contradicts itself."""
        return StoreUnusable(
            f"{self.path} is damaged ({cause}): see  runlog db check  and restore a backup"
        )

    def _interrupted_error(self) -> Interrupted:
        return Interrupted(
            f"a signal handler wrote to {self.path} in the middle of this call, of which nothing "
            "was kept: call again"
        )

    def _full_error(self) -> StoreFull:
        return StoreFull(
            f"no room left on the disk for {self.path}: what was logged before is safe; "
            "make room and log again"
        )

    def translated(self, error: apsw.Error | UnicodeDecodeError) -> StoreError:
        cause = str(error)
        if isinstance(error, (apsw.BusyError, apsw.LockedError)):
            return StoreBusy(
                f"{self.path} stayed locked by another process for "
                f"{_busy_milliseconds() / 1000:g} s: find who holds it, or raise "
                "RUNLOG_BUSY_TIMEOUT (seconds)"
            )
        if isinstance(error, (apsw.ConnectionClosedError, apsw.CursorClosedError)):
            return self._interrupted_error()
        if isinstance(error, apsw.FullError):
            return self._full_error()
        if isinstance(error, apsw.ReadOnlyError):
            if self.read_only:  # even reading would have to write
                return StoreUnusable(
                    f"{self.path} was left in the middle of a write and cannot be put right "
                    f"because it is read-only ({cause}): open it once where it can be written"
                )
            return self._read_only_error()
        if isinstance(error, (apsw.NotADBError, apsw.CorruptError, UnicodeDecodeError)):
            return self.damaged(cause)
        if isinstance(error, apsw.SQLError) and cause.startswith("no such "):
            return self.damaged(cause)  # all that our statements name is in the schema
        if isinstance(error, (apsw.CantOpenError, apsw.IOError)) and self._no_room():
            return self._full_error()  # making the -shm or the -journal file failed
        if isinstance(error, apsw.CantOpenError):
            return StoreUnusable(f"cannot open {self.path}: {cause}")
        if isinstance(error, apsw.IOError):
            return StoreError(f"input/output error on {self.path}: {cause}")
        return StoreError(f"{self.path}: {cause}")

    def _no_room(self) -> bool:
        try:
            disk = os.statvfs(os.path.dirname(self.path))
        except (AttributeError, OSError):  # Windows has no statvfs
            return False
        # File systems such as /proc have no blocks and no files: they are not full, but no disks.
        full = disk.f_blocks > 0 and disk.f_bavail * disk.f_frsize < 65536
        return full or (disk.f_files > 0 and not disk.f_favail)


# Classes and not generators with contextlib, which cost each log call another 5 us.


class Transaction:
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


class Reading:
    """A reader taken for the time of a `with` block, in one transaction."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Snapshot:
        self._connection = self._database.take_reader()
        fetch = Snapshot(self._database, self._connection)
        try:
            fetch("begin")
        except BaseException:
            self._database.give_back(self._connection)
            raise
        return fetch

    def __exit__(self, *_: object) -> None:
        self._database.give_back(self._connection)


class Snapshot:
    """`fetch(sql, bindings)` is the rows of a statement; all statements see the same state."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database, connection: apsw.Connection) -> None:
        self._database = database
        self._connection = connection

    def __call__(self, sql: str, bindings: Bindings | None = None) -> Rows:
        try:
            return self._connection.execute(sql, bindings).fetchall()
        except _FAILURES as error:
            raise self._database.translated(error) from error

    def each(self, sql: str, bindings: Bindings) -> Iterator[tuple[Any, ...]]:
        """The rows one by one: for many that are not kept as they are."""
        try:
            yield from self._connection.execute(sql, bindings)
        except _FAILURES as error:
            raise self._database.translated(error) from error

    def blob(self, table: str, column: str, row: int, size: int) -> Iterator[bytes]:
        """The bytes of a value, `size` of them at a time."""
        try:
            with self._connection.blob_open("main", table, column, row, False) as blob:
                while piece := blob.read(size):
                    yield piece
        except apsw.Error as error:
            raise self._database.translated(error) from error

    def pieces(self, sql: str, bindings: Bindings, size: int) -> Iterator[Rows]:
        """The rows, `size` of them at a time."""
        try:
            cursor = self._connection.execute(sql, bindings)
            while rows := list(islice(cursor, size)):
                yield rows
        except _FAILURES as error:
            raise self._database.translated(error) from error


def opened(path: str) -> Database:
    """The `Database` that this process has for a file, or else a new one."""
    path = os.path.abspath(path)
    with _instances_lock:
        return next((each for each in _instances if each.path == path), None) or Database(path)


def _is_running(frame: FrameType | None) -> bool:
    """Whether this thread is in that frame, or in a call made from it."""
    current: FrameType | None = sys._getframe(1)
    while current is not None and current is not frame:
        current = current.f_back
    return current is not None


def _open_uri(path: str, query: str) -> apsw.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{quoted}?{query}", flags=flags)


def _sync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # no -wal: everything is in the file, synced
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise StoreError(f"cannot sync {path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _page_one(wal: str) -> bytes | None:
    """The database's first page as a -wal file has it, committed; None if that has none.

    Read without a lock, so it may be wrong while somebody writes. (Python may open this file: no
    locks are kept on it.)
    """
    latest = changed = None
    try:
        with open(wal, "rb") as file:
            header = file.read(32)
            size = int.from_bytes(header[8:12], "big")
            frame = file.read(24)
            while len(frame) == 24 and frame[8:16] == header[16:24]:
                if frame[:4] == b"\0\0\0\1":
                    changed = file.read(size)
                else:
                    file.seek(size, os.SEEK_CUR)
                if frame[4:8] != b"\0\0\0\0":  # the last of its transaction
                    latest = changed
                frame = file.read(24)
    except OSError:
        pass
    # Without the beginning of a database it is a page that a power cut kept from being written.
    return latest if latest and latest.startswith(b"SQLite format 3\0") else None


def _busy_milliseconds() -> int:
    # At least 10 s: with 200 ms, 16 processes of a burst were locked out of one file.
    return min(int(number("BUSY_TIMEOUT", 30, least=0) * 1000), 2**31 - 1)


def _synchronous() -> str:
    mode = (setting("SYNCHRONOUS") or "normal").lower()
    if mode not in ("normal", "full", "extra"):
        raise InvalidParameter(f"RUNLOG_SYNCHRONOUS is {mode!r}: use normal, full or extra")
    return mode


def _retry_while_busy(attempt: Callable[[], object]) -> None:
    # Changing the journal mode does not wait for other connections as statements do.
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
        point = fields[4]
        for escape, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
            point = point.replace("\\" + escape, character)
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-", 6) + 1]
    return kind


_said: set[str] = set()


def _say_once(text: str) -> None:
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
    _instances_lock.acquire()
    for database in list(_instances):
        database.lock.acquire()
        database.readers_back.acquire()
        _at_fork.append(database)
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


def _after_fork() -> None:
    while _at_fork:
        database = _at_fork.pop()
        database.readers_back.release()
        database.lock.release()
    _instances_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
