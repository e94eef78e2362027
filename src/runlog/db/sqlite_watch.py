"""Whether a database in WAL mode is still what its path names: not replaced, overwritten, or left
without its -wal file, all of which SQLite goes on writing after without a word."""

from __future__ import annotations

import os
import time

import apsw

from runlog.db.sqlite_file import inode, open_uri

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

REPLACED = "was deleted or replaced"
OVERWRITTEN = "was overwritten or truncated"
UNLINKED = "lost its -wal or -shm file"

_TICK = 50_000_000  # nanoseconds in which two changes of a file may have the same time
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)


class Header:
    """The first 100 bytes of a database, and the numbers in them that only grow. Raises
    apsw.CantOpenError for a file that is there and cannot be opened."""

    def __init__(self, path: str) -> None:
        try:  # through SQLite: Python's closing of the file would drop locks
            probe = open_uri(path, "mode=ro&immutable=1")
            self.bytes = probe.read("main", 0, 0, 100)[1]
            probe.close()
        except apsw.Error as error:  # it is shorter, or not there
            if isinstance(error, apsw.CantOpenError) and os.path.exists(path):
                raise  # no descriptors are left, which says nothing about the file
            self.bytes = b""
        self.is_whole = self.bytes.startswith(b"SQLite format 3\0") and len(self.bytes) == 100
        self.changes, self.pages, self.schema, self.application = (
            int.from_bytes(self.bytes[start : start + 4], "big") for start in (24, 28, 40, 68)
        )

    def can_follow(self, earlier: Header, pages: int | None) -> bool:
        """Return whether checkpoints of the same database, which has `pages` pages by now, if
        that is known, may lead from the earlier header to this one."""
        if not self.is_whole or self.application != earlier.application:
            return False
        if self.changes < earlier.changes or self.schema < earlier.schema:
            return False
        # A vacuum or a new table changes the schema's number.
        return self.schema != earlier.schema or (
            earlier.pages <= self.pages <= (self.pages if pages is None else pages)
        )


class Watch:
    """What the path of an open database named when it was opened, and what has become of it."""

    _folder = _index = -1

    def __init__(self, path: str, database: int | None) -> None:
        """`database` is a descriptor of the file; where there is none its path is looked up, and
        the -shm file left alone, since closing that would drop locks."""
        self._path = path
        self._real = os.path.realpath(path)
        self._database: int | str = path if database is None else database
        # Any descriptor of a folder will do, also of one that cannot be read.
        folder = os.path.dirname(self._real)
        self._folder = os.open(folder, _READ | getattr(os, "O_PATH", 0))
        self._folder_time = 0
        self._index = -1 if database is None else os.open(self._real + "-shm", _READ)
        self._progress = self._read_progress()
        found = os.stat(self._database)
        self._file = found.st_dev, found.st_ino
        self._content = found.st_mtime_ns, found.st_size
        self._header = Header(path)
        self._look_closer = True  # whether the content may have changed without a sign
        self._wal, self._shm = self._names()

    def is_same(self) -> bool:
        """Return whether nothing can have happened since the last look, for after each commit.
        Two calls of the system: the time of a folder changes with its names, that of a file with
        its bytes."""
        try:
            found = os.stat(self._database)
            return (
                os.stat(self._folder).st_mtime_ns == self._folder_time
                and found.st_mtime_ns == self._content[0]
                and found.st_size == self._content[1]
            )
        except OSError:  # a path that is gone, or closed by a signal handler just now
            return False

    def look(self, count_pages: Callable[[], int | None]) -> str | None:
        """Return what happened to the open database, None if nothing; `count_pages` asks SQLite how
        many pages it has now."""
        folder_time = os.stat(self._folder).st_mtime_ns
        what = self.look_at_file(count_pages)
        if what is None and self._names() != (self._wal, self._shm):
            what = UNLINKED
        self._folder_time = folder_time if time.time_ns() - folder_time > _TICK else 0
        return what

    def look_at_file(self, count_pages: Callable[[], int | None]) -> str | None:
        """Do as `look`, for the database's file alone, which may be closed."""
        progress = self._read_progress()  # before the file, which may be written meanwhile
        try:
            named = os.stat(self._path)
        except OSError:
            return REPLACED
        if (named.st_dev, named.st_ino) != self._file:
            return REPLACED
        content = named.st_mtime_ns, named.st_size
        is_old = time.time_ns() - content[0] > _TICK
        if content != self._content or (self._look_closer and is_old):
            if not self._is_written_by_checkpoints(content, count_pages):
                return OVERWRITTEN
            self._content = content
            self._look_closer = not is_old
        self._progress = progress
        return None

    def _read_progress(self) -> tuple[bytes, bytes, bytes]:
        """Return what the -shm file says of the checkpoints: salts, pages that are written, that
        are being written. Others who change the file leave these as they are."""
        index = os.pread(self._index, 136, 0) if self._index >= 0 else b""
        return index[32:40], index[96:100], index[128:132]

    def _is_written_by_checkpoints(
        self, content: tuple[int, int], count_pages: Callable[[], int | None]
    ) -> bool:
        # All is read without a lock, so what is wrong has to be so for a while.
        for pause in (0, 0.005, 0.05):
            time.sleep(pause)
            progress, header = self._read_progress(), Header(self._path)
            touched = header.bytes == self._header.bytes and content[1] == self._content[1]
            underway = self._index < 0 or progress[1] != progress[2] or progress != self._progress
            if touched or (underway and header.can_follow(self._header, count_pages())):
                self._header = header
                return True
        return False

    def _names(self) -> tuple[int | None, int | None]:
        return inode(self._real + "-wal"), inode(self._real + "-shm")

    def is_alone(self) -> bool:
        """Return whether nobody can have opened the file with other -wal and -shm files than
        ours, or else shares the -shm file and so knows what we write."""
        wal, shm = self._names()
        return shm == self._shm or (shm is None and wal in (None, self._wal))

    def put_aside(self) -> str:
        """After the connections are closed: rename our -wal file if there is another database at
        the path now, which SQLite would apply it to. Return what to add to an error."""
        wal, shm = self._names()
        if wal is None or wal != self._wal:
            return ""
        try:
            header = Header(self._path)
        except apsw.CantOpenError:
            return ""
        if not header.bytes or header.bytes == self._header.bytes:  # no file, or a copy
            return ""
        target = f"{self._real}-wal.{time.time_ns() // 1_000_000}"
        try:
            os.rename(self._real + "-wal", target)
            if shm == self._shm:
                os.unlink(self._real + "-shm")
        except OSError:
            return ""
        return f". What was logged to the other file since its last checkpoint is in {target}"

    def close(self) -> None:
        opened = self._folder, self._index
        self._folder = self._index = -1
        for each in opened:
            if each >= 0:
                os.close(each)

    __del__ = close
