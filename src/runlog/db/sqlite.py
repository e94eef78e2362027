"""One SQLite file through apsw: transactions, threads, connections.

A `Database` holds one connection for writing behind a lock and a few for reading. One writer and a
lock is what SQLite itself does with many writers, without the waiting (a lock costs 0.1 us, a
busy handler's sleep at least 1 ms); readers do not wait for the writer in WAL mode.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

import apsw

from runlog.db import fork, sqlite_errors
from runlog.db.file_system import network_file_system
from runlog.db.sqlite_errors import FAILURES, busy_milliseconds
from runlog.db.sqlite_file import File, Kind, size, sync
from runlog.db.sqlite_locks import CAN_LOCK, Guard
from runlog.db.sqlite_snapshot import Reading, Snapshot
from runlog.db.sqlite_transaction import Transaction, TransactionIfFree, is_running
from runlog.db.sqlite_watch import REPLACED, UNLINKED, Watch
from runlog.errors import StoreError, StoreUnusable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Bindings = Mapping[str, Any]
    Rows = list[tuple[Any, ...]]


class Database:
    """A SQLite file of ours, a store's unless `kind` is another, made when it is missing.

    Raises a StoreError in runlog's words, with the path and the cause, whenever it cannot be used;
    a file that is not of its kind is never written to.
    """

    nan: float | str = "NaN"
    LIKE, ILIKE = "{0} glob {1}", "{0} like {1}"
    BY_KEY = ""  # rows of a table that lies by its key come so
    COUNT_ON = ""

    def __init__(self, path: str, kind: Kind | None = None) -> None:
        self._file = File(path, kind or Kind())
        self.path = self._file.path
        self.lock = threading.RLock()
        self._current: Transaction | None = None  # of the thread that holds the lock
        self._suspended: list[Transaction] = []  # those that signal handlers interrupted
        self._checked = False
        self._guard: Guard | None = None
        self._watch: Watch | None = None  # of a file in WAL mode
        self._look_again = 0.0  # when to see whether the file still is what it was
        self._lost = ""  # what is wrong with it for good
        # Called with a view of a file that was deleted, before it is closed.
        self.salvage: Callable[[Snapshot], None] | None = None
        self._is_named = False  # whether the -wal file's name is synced, too
        self._writer: apsw.Connection | None = None
        self.readers_back = threading.Condition()  # also the lock of the three below
        self._idle_readers: list[apsw.Connection] = []
        self._reading: list[int] = []  # for each reader in use its thread
        self._closing = False
        with fork.lock:
            fork.databases.add(self)

    @property
    def read_only(self) -> bool:
        """Return whether the file can only be read; known when it was opened."""
        return self._file.read_only

    # -- what the modules above ask every database ------------------------------------------

    @staticmethod
    def double(value: float) -> float | str:
        """Return a metric's value as it is bound: SQLite keeps no NaN."""
        return value if value == value else "NaN"

    @staticmethod
    def pattern(like: str) -> str:
        """Return a LIKE pattern as a GLOB one, which is case-sensitive; SQLite's LIKE is not."""
        special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
        return "".join(special.get(character, character) for character in like)

    @staticmethod
    def pattern_of_any_case(like: str) -> str:
        """Return the operand of ILIKE."""
        return like

    def forget_files(self, run: int) -> None:
        """Delete the files of a run that are in here, where nobody would find them without it,
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
        """Run one statement, in the writer's transaction if one is open, else in its own."""
        try:
            return self._own().execute(sql, bindings).fetchall()
        except FAILURES as error:
            raise self.translated(error) from error

    def executemany(self, sql: str, rows: Sequence[Bindings | tuple[Any, ...]]) -> None:
        """Run one statement once for each of `rows`, inside a transaction of the caller's."""
        try:
            self._own().executemany(sql, rows)
        except apsw.Error as error:
            raise self.translated(error) from error

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Run one statement that writes, inside a transaction of the caller's, and return how
        many rows it changed."""
        try:
            connection = self._own()
            connection.execute(sql, bindings)
            return connection.changes()
        except apsw.Error as error:
            raise self.translated(error) from error

    def change_many(self, sql: str, rows: Sequence[Bindings | tuple[Any, ...]]) -> int:
        """Do as `executemany`, and return how many rows were changed."""
        connection = self._own()
        before = connection.total_changes()
        self.executemany(sql, rows)
        return connection.total_changes() - before

    def change_alone(self, sql: str, bindings: Bindings) -> int:
        """Do as `change`, in a transaction of its own under the lock: at a tenth of the cost of
        one."""
        if self._look_again < time.monotonic():
            self._look_at_file()
        connection = self._writer or self._connect()
        if connection.in_transaction:  # of the call that this one interrupts
            with Transaction(self):
                return self.change(sql, bindings)
        try:
            connection.execute(sql, bindings)
            changed = connection.changes()
        except apsw.ConnectionClosedError:  # by a signal handler, just now
            return self.change_alone(sql, bindings)
        except apsw.Error as error:
            raise self.translated(error) from error
        self._confirm()
        return changed

    def write_blob(self, table: str, column: str, row: int, pieces: Iterable[bytes]) -> None:
        """Fill a blob that is there, all zeros, inside a transaction of the caller's: memory holds
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
            raise sqlite_errors.interrupted(self.path) from error

    def largest_value(self) -> int:
        """Return how many bytes SQLite keeps in a row."""
        with self.lock:  # apsw waits here for other threads while it keeps them from going on
            return self._own().limit(apsw.SQLITE_LIMIT_LENGTH)

    # -- transactions -----------------------------------------------------------------------
    # Two things come between any two instructions of the main thread. A signal handler may log,
    # then return, raise or end the process: its transaction is its own and takes the place of the
    # one that it interrupts, which begins anew if it ever goes on; so that it cannot go on half
    # way, its connection is closed. And Ctrl-C, after which the program goes on in a notebook: it
    # may not leave a transaction open that later calls take for their own and never commit.

    def transaction(self) -> Transaction:
        """Begin a transaction with `with`: its writes are stored together or not at all, when it
        ends. Raises Interrupted when a signal handler wrote in between."""
        return Transaction(self)

    def transaction_if_free(self) -> TransactionIfFree:
        """Begin a transaction with `with`, if it can start without waiting for another writer;
        gives whether it did."""
        return TransactionIfFree(self)

    def postpone_checkpoint(self) -> None:
        """Inside a transaction of the caller's that writes many megabytes: they are not moved from
        the -wal file to the file while it ends, which would take the lock several times as long.
        `checkpoint` has to follow."""
        self._own().wal_autocheckpoint(0)

    def checkpoint(self) -> None:
        """Move what is in the -wal file to the file, while others write."""
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
        """Return whether this thread, which holds the lock, is in the middle of a transaction."""
        current = self._current
        if current is None or is_running(current.block):
            return current is not None
        if not current.left:  # Ctrl-C came right before its end
            self.lock.release()
        self.end(keep=False)
        return False

    def begin(self, transaction: Transaction, wait: bool = True) -> bool:
        """Begin a transaction, under the lock; False if it may not wait and would have to."""
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
        """Commit the transaction or roll it back, the latter also if it cannot be committed."""
        try:
            if keep:
                self.execute("commit")
        finally:
            self._current = None
            self._roll_back()  # does nothing after a commit
        if keep:
            self._confirm()

    def leave(self, transaction: Transaction, keep: bool) -> None:
        """End the transaction and release the lock, whatever comes in between."""
        try:
            if self._current is transaction:
                self.end(keep)
                return
            if self._current is None:
                self._roll_back()  # what it began just when it was suspended
            if keep:
                raise sqlite_errors.interrupted(self.path)
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
        """Return the connection, but not for a transaction that another has taken the place of."""
        connection = self._writer or self._connect()  # first: what comes later closes it
        if self._suspended and self._current is None:
            if any(is_running(transaction.block) for transaction in self._suspended):
                raise sqlite_errors.interrupted(self.path)
        return connection

    def _begin(self, wait: bool) -> bool:
        # Immediate: a transaction that reads first and then writes fails at once, whatever the
        # busy timeout, when somebody else wrote in between.
        if self._look_again < time.monotonic():
            self._look_at_file()
        connection = self._writer or self._connect()
        if self.read_only:
            raise sqlite_errors.read_only(self.path)
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
                connection.set_busy_timeout(busy_milliseconds())
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
        """Read a consistent state in a `with` block, which gets a `Snapshot`."""
        return Reading(self)

    # -- connections ------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file now instead of at the first use, so that what is wrong is said here."""
        with self.lock:
            if self._writer is None:
                self._connect()

    def _connect(self) -> apsw.Connection:
        with self.lock:
            if self._writer is not None:  # another thread was first
                return self._writer
            self._refuse_lost()
            try:
                self._file.inspect()
                self._file.make()
                self._take_guard()
                if not self._checked:
                    self._file.recognise()
                self._is_named = False
                connection = self._open_writer()
                self._checked = True
                return connection
            except apsw.Error as error:
                self._drop_writer(guard=True)
                raise self.translated(error) from error
            except OSError as error:  # no descriptors left, or the file was just deleted
                self._drop_writer(guard=True)
                raise StoreUnusable(f"cannot open {self.path}: {error.strerror}") from error
            except BaseException:
                self._drop_writer(guard=True)
                raise

    def _take_guard(self) -> None:
        """Before anything else of this process opens the file, so that nothing closes it."""
        if not CAN_LOCK or self.read_only or self._guard is not None:
            return
        if network_file_system(self.path) or not os.path.exists(self.path):
            return
        self._guard = Guard(self.path)
        if self._guard.is_wal():
            self._guard.lock(busy_milliseconds() / 1000)

    def _open_writer(self) -> apsw.Connection:
        self._writer = connection = self._file.open()
        if self.read_only:
            return connection
        self._file.prepare(connection)
        # Windows lets nobody delete a file that is open; without WAL SQLite looks itself.
        if os.name != "posix" or connection.pragma("journal_mode") != "wal":
            return connection
        if CAN_LOCK and (self._guard is None or not self._guard.is_locked):  # it was made here
            self._guard = self._guard or Guard(self.path)
            self._guard.lock(busy_milliseconds() / 1000)
            self._drop_writer()  # until now somebody could put its -wal file away
            self._writer = connection = self._file.open()
        if self._guard is not None and self._guard.is_locked:
            # Nor may SQLite, if this object is dropped instead of closed: see `_delete_wal`.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("user_version")  # the first to read makes the -wal file
        self._watch = Watch(self.path, self._guard.file if self._guard else None)
        return connection

    def _drop_writer(self, guard: bool = False) -> None:
        # Whatever is wrong with the file, its -wal file is not ours to move into it.
        connection, self._writer = self._writer, None
        if connection is not None:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()
        if guard and self._guard is not None:
            self._guard.close()
            self._guard = None

    # -- what others do to the file ---------------------------------------------------------

    def _confirm(self) -> None:
        """After a commit: returns when it is in the file that the path names."""
        if self._watch is not None and not self._watch.is_same():
            self._look_at_file()

    def _look_at_file(self) -> None:
        """See whether the file is still what was opened. If its -wal file alone is gone, what that
        holds is moved to the file; all else is an error from now on."""
        self._look_again = time.monotonic() + 0.01
        watch = self._watch
        if watch is None or self._writer is None:
            return
        if not self.lock.acquire(blocking=False):
            return  # whoever writes looks, too
        try:
            what = watch.look(self._count_pages)
            if what == UNLINKED and watch.is_alone() and self._close(checkpoint=False, move=True):
                return
            if what is not None and watch is self._watch:
                self._lose(watch, what)
        except apsw.CantOpenError as error:
            raise self.translated(error) from error
        finally:
            self.lock.release()

    def _count_pages(self) -> int | None:
        try:
            return None if self._writer is None else int(self._writer.pragma("page_count"))
        except apsw.Error:  # closed by a signal handler just now, which has looked itself
            return None

    def _lose(self, watch: Watch, what: str) -> None:
        if what == REPLACED and self.salvage is not None and self._writer is not None:
            self.salvage(Snapshot(self, self._writer))
        self._close(checkpoint=False)
        aside = "" if what == UNLINKED else watch.put_aside()
        self._lost = (
            f"{self.path} {what} while it was in use: nothing more can be kept there; restart the "
            f"program{aside}"
        )
        raise StoreUnusable(self._lost)

    def _refuse_lost(self) -> None:
        if self._lost:
            raise StoreUnusable(self._lost)
        if self._watch is not None:  # it was closed for a fork, or by a signal handler
            try:
                what = self._watch.look_at_file(lambda: None)
            except apsw.CantOpenError as error:
                raise self.translated(error) from error
            if what is not None:
                self._lose(self._watch, what)

    def take_reader(self) -> apsw.Connection:
        if self._look_again < time.monotonic():
            self._look_at_file()
        if self._writer is None:
            self._connect()
        thread = threading.get_ident()
        with self.readers_back:
            self.readers_back.wait_for(lambda: not self._closing or thread in self._reading)
            self._reading.append(thread)
            if self._idle_readers:
                return self._idle_readers.pop()
        try:
            connection = self._file.open()
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the writer's task
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
        """Close all connections; the next use opens the file again.

        The last one to close a file moves what is in the -wal file into it, which syncs;
        `checkpoint=False` leaves that for later, when the same file is expected to be there.
        """
        with self.lock:
            self._suspend()  # what a signal handler interrupted that forks or closes
            try:
                self._look_at_file()
            except StoreUnusable:  # nothing of it can be moved there
                pass
            self._close(checkpoint)
            if checkpoint:
                self._checked, self._watch, self._lost = False, None, ""

    def _close(self, checkpoint: bool, move: bool = False) -> bool:
        """Close all connections; `move` first moves what the -wal file holds to the file, also if
        it has no name any more. Return whether that was wanted and done."""
        moved = False
        guard = self._guard if self._guard is not None and self._guard.is_locked else None
        writer = self._writer
        try:
            for connection in self._let_go():
                if move and not connection.readonly("main"):
                    moved = _checkpoint(connection)
                elif checkpoint and guard and connection is writer and guard.may_be_alone():
                    _empty_wal(connection)
                keep_wal = guard is not None or not checkpoint
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 if keep_wal else 0)
                connection.close()
        except apsw.Error as error:
            raise self.translated(error) from error
        if checkpoint and guard is not None and guard.become_alone():
            _delete_wal(os.path.realpath(self.path))
        self._drop_writer(guard=True)  # the guard alone: the writer is closed
        return moved

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
        """Return when everything committed so far is on the disk, whatever `synchronous` is.

        What the -wal file does not hold any more was synced when it was moved out of there.
        """
        sync(self.path + "-wal")
        if not self._is_named:
            sync(os.path.dirname(self.path))
            # A rollback journal is deleted again and again, which is what commits.
            self._is_named = self._writer is not None and self._watch is not None

    # -- errors -----------------------------------------------------------------------------

    def damaged(self, cause: str) -> StoreUnusable:
        """Return the error for a file that contradicts itself."""
        return sqlite_errors.damaged(self.path, cause, self._file.kind.remedy)

    def translated(self, error: apsw.Error | UnicodeDecodeError) -> StoreError:
        """Return the error that a user gets for one of SQLite's."""
        return sqlite_errors.translated(error, self.path, self.read_only, self._file.kind.remedy)


def _checkpoint(connection: apsw.Connection) -> bool:
    """Move all that is in the -wal file to the file; False if it was not all."""
    busy, frames, moved = connection.execute("pragma wal_checkpoint(passive)").fetchall()[0]
    return not busy and frames == moved


def opened(path: str) -> Database:
    """Return the `Database` that this process has for a file, or else a new one."""
    path = os.path.abspath(path)
    with fork.lock:
        for each in fork.databases:
            if isinstance(each, Database) and each.path == path:
                return each
        return Database(path)


def _empty_wal(connection: apsw.Connection) -> None:
    """Move what is in the -wal file to the file, without waiting for anybody."""
    connection.set_busy_timeout(0)
    with suppress(apsw.BusyError, apsw.LockedError):
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()


def _delete_wal(path: str) -> None:
    """Delete the -wal file, if it is empty, and the -shm file, which nobody uses."""
    # SQLite does it under a POSIX lock, which another library in this process drops when it closes
    # the file: then somebody else may open the -wal file just before it is deleted.
    if not size(path + "-wal"):
        for end in ("-wal", "-shm"):
            with suppress(OSError):
                os.unlink(path + end)
