"""A SQLite file of ours: finding it, recognising it, making it, opening connections to it.

What is not ours, damaged or newer is refused without a write. A `Kind` is what a file of ours is
for: the store, or a subclass's.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import closing, suppress

import apsw

from runlog.db import migrations, sqlite_errors
from runlog.db.file_system import network_file_system
from runlog.db.sqlite_errors import busy_milliseconds
from runlog.db.sqlite_locks import use_ofd_locks
from runlog.errors import InvalidParameter, StoreError, StoreReadOnly, StoreUnusable
from runlog.settings import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


class Kind:
    """A runlog store. A subclass is another kind of file, with an application id of its own."""

    name: ClassVar[str] = "a runlog database"
    application_id: ClassVar[int] = 0x726C6F67  # "rlog"
    mode: ClassVar[int | None] = None  # of a new file; None: what the umask leaves of 0o666
    remedy: ClassVar[str] = "see  runlog db check  and restore a backup"

    def version(self) -> int:
        """Return the version of the schema that this runlog makes."""
        return migrations.VERSION

    def schema(self) -> str:
        """Return the statements that make the tables."""
        return migrations.schema()

    def steps(self, version: int) -> list[migrations.Step]:
        """Return the steps that a file of that version needs, in order."""
        return migrations.pending(version)


class File:
    """One file of a `Kind`; `open` gives connections to it."""

    def __init__(self, path: str, kind: Kind) -> None:
        self.path = os.path.abspath(path)
        self.kind = kind
        self.read_only = False

    # -- before it is opened ----------------------------------------------------------------

    def inspect(self) -> None:
        """Look at the path without opening anything, and decide how it may be opened."""
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
            if error.errno in sqlite_errors.NO_ROOM:
                raise sqlite_errors.full(self.path) from None
            raise StoreReadOnly(
                f"cannot open {self.path}: its directory is missing and cannot be made "
                f"({error.strerror})"
            ) from None

    def recognise(self) -> None:
        """Refuse a file that is not one of its kind, without a lock or a write."""
        # Others may be making the file, or moving their -wal file into it, while it is looked at
        # without a lock. What is wrong for good is wrong the third time too.
        for pause in (0.02, 0.1, None):
            try:
                return self._check_file()
            except StoreUnusable:
                if pause is None:
                    raise
                time.sleep(pause)

    def _check_file(self) -> None:
        file_size = size(self.path)
        if file_size == 0:
            if self.read_only:
                raise StoreUnusable(f"{self.path} is empty and read-only: there is nothing to read")
            return
        journals = size(self.path + "-wal") or size(self.path + "-journal")
        # Through SQLite's own file layer: closing a descriptor that Python opened would drop the
        # locks that another connection of this process holds on the file.
        probe = open_uri(self.path, "mode=ro&immutable=1")
        try:
            if not journals:
                self._refuse_truncated(file_size, probe.read("main", 0, 0, 100)[1])
            application = probe.pragma("application_id")
            version = probe.pragma("user_version")
            tables = [name for (name,) in probe.execute("select name from sqlite_schema")]
        except sqlite_errors.FAILURES as error:
            if journals:  # it may be in the middle of a write, which SQLite puts right
                return
            raise StoreUnusable(
                f"{self.path} is not {self.kind.name}, or it is damaged: {error}. "
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
        if self.read_only and version < self.kind.version():
            raise StoreUnusable(
                f"{self.path} has the older schema {version} and is read-only: open it once where "
                f"it can be written, which brings it to schema {self.kind.version()}"
            )

    def _refuse_truncated(self, size: int, header: bytes) -> None:
        page_size, pages, application = (
            int.from_bytes(header[start:end], "big")
            for start, end in ((16, 18), (28, 32), (68, 72))
        )
        if application == self.kind.application_id and size < pages * page_size:
            raise StoreUnusable(
                f"{self.path} is truncated: it has {size} bytes of {pages * page_size}. "
                "It was left untouched; restore a backup"
            )

    def _refuse_stranger(self, application: int, tables: list[str]) -> None:
        if application == self.kind.application_id or not (application or tables):
            return
        if "alembic_version" in tables and "experiments" in tables:
            raise StoreUnusable(
                f"{self.path} is MLflow's own database, which runlog does not write to: bring its "
                f"runs over with  runlog import {self.path}  or choose another path"
            )
        raise StoreUnusable(
            f"{self.path} is another program's SQLite database (application id "
            f"{application:#x}, {len(tables)} tables and indexes): choose another path"
        )

    def _refuse_newer(self, version: int) -> None:
        if version > self.kind.version():
            raise StoreUnusable(
                f"{self.path} was written by a newer runlog (schema {version}, this one knows "
                f"{self.kind.version()}): upgrade with  pip install -U runlog-tracking"
            )

    def _refuse_triggers(self, triggers: list[str]) -> None:
        # We make none. One in a file that somebody gave away would do with every log call whatever
        # its author wanted, such as making him an administrator.
        if triggers:
            raise StoreUnusable(
                f"{self.path} has the trigger {triggers[0]!r}, which runlog did not make and which "
                "would run with what you log: remove it with SQLite's  drop trigger  if you trust "
                "the rest of the file"
            )

    # -- connections ------------------------------------------------------------------------

    def open(self) -> apsw.Connection:
        """Open a connection, for writing too unless the file is read-only."""
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
        connection.set_busy_timeout(busy_milliseconds())
        distrust(connection)
        # One pragma a call: of several in one text apsw runs only as many as rows are read.
        connection.pragma("foreign_keys", 1)
        connection.pragma("mmap_size", 0)  # an I/O error must be an error, not a SIGBUS
        connection.pragma("temp_store", 2)  # temporary tables in memory: reads never need a disk
        connection.pragma("synchronous", _synchronous())
        return connection

    def _opened(self) -> apsw.Connection:
        use_ofd_locks()
        if not self.read_only:
            if self.kind.mode is not None:
                _make_with_mode(self.path, self.kind.mode)
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            return apsw.Connection(self.path, flags=flags)
        # A reader of a WAL database needs the -shm file, or makes it. In a directory that is
        # read-only nobody can, but without a -wal file nobody is writing either; and a -wal file
        # that lies there without its -shm file has lost its writer.
        if not size(self.path + "-wal"):
            connection = open_uri(self.path, "mode=ro&immutable=1")
            if connection.read("main", 0, 18, 1)[1] == b"\2":  # a WAL database
                return connection
            connection.close()
            return open_uri(self.path, "mode=ro")
        if os.path.exists(self.path + "-shm"):
            return open_uri(self.path, "mode=ro")
        system = "win32" if os.name == "nt" else "unix"
        connection = open_uri(self.path, f"mode=ro&vfs={system}-none")  # takes no locks
        connection.pragma("locking_mode", "exclusive")  # so it keeps what -shm holds to itself
        return connection

    def make(self) -> None:
        """Give a store that is missing its file, whole and in WAL mode from the first moment it has
        its name, so that nobody meets it half made. Where that cannot be, `prepare` makes it."""
        # While SQLite makes the tables under the file's own name, whoever in this process opens and
        # closes that file drops our POSIX locks, and no guard holds it yet.
        path = self.path
        if os.name != "posix" or self.read_only or self.kind.mode is not None:
            return
        # To a file that has its tables SQLite would apply a journal that was left behind.
        if any(os.path.lexists(path + end) for end in ("", "-wal", "-journal")):
            return
        if network_file_system(path):
            return
        content = self._new_content()
        draft = f"{path}.{os.getpid()}-{time.monotonic_ns():x}.new"
        try:
            _write_synced(draft, content)
            # Its descriptor is closed by now, which later would drop locks. Whoever links first has
            # made the file; the others' links fail.
            os.link(draft, path)
            sync(os.path.dirname(path))
        except OSError:
            pass
        finally:
            with suppress(OSError):
                os.unlink(draft)

    def _new_content(self) -> bytes:
        with closing(apsw.Connection(":memory:")) as connection:
            self._bring_up_to_date(connection)
            content = bytearray(connection.serialize("main"))
        content[18:20] = b"\2\2"  # the versions of the format that say WAL mode
        return bytes(content)

    def prepare(self, connection: apsw.Connection) -> None:
        """Make the tables, or bring them up to date, and set the journal mode."""
        # Tables first: with the first of them a new file has its application id too.
        schema = connection.execute("select name, type from sqlite_schema").fetchall()
        names = [(str(name), kind) for name, kind in schema]
        self._refuse_stranger(connection.pragma("application_id"), [name for name, _ in names])
        version = connection.pragma("user_version")
        self._refuse_newer(version)
        self._refuse_triggers([name for name, kind in names if kind == "trigger"])
        if version < self.kind.version():
            self._bring_up_to_date(connection)
        self._set_journal_mode(connection)

    def _bring_up_to_date(self, connection: apsw.Connection) -> None:
        # A new file gets its tables and its application id in one rollback-journal transaction,
        # before WAL is switched on: so the file itself always says what it is, however many
        # processes make it at once and wherever one of them is killed.
        kind = self.kind
        connection.execute("begin exclusive")
        try:
            version = connection.pragma("user_version")
            if version == 0 and not connection.execute("select 1 from sqlite_schema").fetchall():
                connection.execute(kind.schema()).fetchall()
                connection.execute(f"pragma application_id = {kind.application_id}")
                connection.execute(f"pragma user_version = {kind.version()}")
            for step in kind.steps(connection.pragma("user_version")):
                step.apply(connection)
                connection.execute(f"pragma user_version = {step.to}")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _set_journal_mode(self, connection: apsw.Connection) -> None:
        network = network_file_system(self.path)
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


def _write_synced(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)  # as SQLite makes one
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_making = threading.RLock()  # a signal handler may open a file, too


def _make_with_mode(path: str, mode: int) -> None:
    # Under a lock: closing the descriptor drops all locks that this process has on the file, and
    # nobody here may have opened it by then. The -wal and -shm files get the same mode from SQLite.
    with _making:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        except FileExistsError:
            return
        except OSError as error:
            if error.errno in sqlite_errors.NO_ROOM:
                raise sqlite_errors.full(path) from None
            raise StoreUnusable(f"cannot make {path}: {error.strerror}") from None
        os.close(descriptor)


def distrust(connection: apsw.Connection) -> None:
    """Keep what a file's schema says from doing harm, and SQL from damaging the file."""
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)


def open_uri(path: str, query: str) -> apsw.Connection:
    """Open a connection that only reads, with the parameters of SQLite's `file:` URIs."""
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quoted}?{query}", flags=flags)
    distrust(connection)
    return connection


def sync(path: str) -> None:
    """Return when what was written to the file, or to the directory, is on the disk."""
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


def inode(path: str) -> int | None:
    """Return the number of the file at `path`, None if there is none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def size(path: str) -> int:
    """Return the size of a file in bytes, 0 if there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _page_one(wal: str) -> bytes | None:
    """Return the database's first page as a -wal file has it, committed; None if that has none.

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


def _synchronous() -> str:
    mode = text("SYNCHRONOUS").lower()
    if mode not in ("normal", "full", "extra"):
        raise InvalidParameter(f"RUNLOG_SYNCHRONOUS is {mode!r}: use normal, full or extra")
    return mode


def _retry_while_busy(attempt: Callable[[], object]) -> None:
    # Changing the journal mode does not wait for other connections as statements do.
    deadline = time.monotonic() + busy_milliseconds() / 1000
    while True:
        try:
            attempt()
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


_said: set[str] = set()


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        print(text, file=sys.stderr)
