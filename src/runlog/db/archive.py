"""Files inside the database, in the format of SQLite's own archives: `sqlite3 runlog.db -A`.

A file is a row of the table `sqlar`. Its data is deflated where that makes it shorter; what is
bigger than `COMPRESSED` is kept as it is, so that it can be written and read in pieces. (A row can
be renamed only by reading it whole, so a file is written under its final name in one transaction.)
Directories are what the names imply; rows of them, which `sqlite3 -A` may make, are understood.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from runlog.db.sqlite import Database
from runlog.db.sqlite_errors import Interrupted
from runlog.db.sqlite_snapshot import Snapshot
from runlog.errors import InvalidParameter, shrunk

COMPRESSED = 4 << 20
"""The size in bytes up to which a file is compressed, in memory."""

_PIECE = 1 << 20
_FILE = 0o100644
_KIND, _DIRECTORY = 0o170000, 0o040000
_BESIDE_DATA = 1000  # bytes of a row that are not the data, the name not counted


class Entry(NamedTuple):
    """A file or a directory: its full name, what it is, and its bytes when it is a file."""

    name: str
    is_dir: bool
    size: int
    time: float


def put(database: Database, name: str, source: BinaryIO, size: int) -> None:
    """Make the first `size` bytes of `source`, which can be read again from where it is, the file
    `name`: wholly or not at all.

    Raises IsADirectoryError and NotADirectoryError where the name cannot be a file's, and
    InvalidParameter for one that is too big; RunlogError for one that has fewer bytes.
    """
    _refuse_too_big(database, name, size)
    data = _compressed(name, source, size) if size <= COMPRESSED else None
    begin = source.tell()
    while True:
        try:
            _put_row(database, name, data, source, size)
            return
        except Interrupted:
            source.seek(begin)


def _refuse_too_big(database: Database, name: str, size: int) -> None:
    most = database.largest_value() - len(name.encode()) - _BESIDE_DATA
    if size > most:
        raise InvalidParameter(
            f"{name} has {size} bytes, and SQLite keeps at most {most} of a file in {database.path}"
            ": give the experiment an artifact_location that is a folder or a server"
        )


def _compressed(name: str, source: BinaryIO, size: int) -> bytes:
    data = b"".join(_exactly(name, source, size))
    packed = zlib.compress(data)
    return packed if len(packed) < len(data) else data


def _exactly(name: str, source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of a source."""
    left = size
    while piece := source.read(min(_PIECE, left)):
        left -= len(piece)
        yield piece
    if left:
        raise shrunk(name, size, size - left)


def _put_row(
    database: Database, name: str, data: bytes | None, source: BinaryIO, size: int
) -> None:
    row: dict[str, Any] = {"name": name, "mode": _FILE, "time": int(time.time()), "size": size}
    if data is not None:
        with database.transaction():
            _refuse_directories(database, name)
            database.execute("replace into sqlar values (:name, :mode, :time, :size, :data)",
                             {**row, "data": data})  # fmt: skip
        return
    try:
        with database.transaction():
            database.postpone_checkpoint()
            _refuse_directories(database, name)
            ((number,),) = database.execute(
                """replace into sqlar values (:name, :mode, :time, :size, zeroblob(:size))
                   returning rowid""",
                row,
            )
            database.write_blob("sqlar", "data", number, _exactly(name, source, size))
    finally:
        database.checkpoint()


def _refuse_directories(database: Database, name: str) -> None:
    found = _find(database.execute, name)
    if found is not None and found.is_dir:
        raise IsADirectoryError(f"{name} is a directory")
    parts = name.split("/")
    for end in range(1, len(parts)):
        above = _row(database.execute, "/".join(parts[:end]))
        if above is not None and not above.is_dir:
            raise NotADirectoryError(f"{above.name} is a file")


def get(database: Database, name: str, target: BinaryIO) -> None:
    """Write the file `name` to `target`. Raises FileNotFoundError, IsADirectoryError."""
    with database.reading() as fetch:
        entry = _find(fetch, name)
        if entry is None:
            raise FileNotFoundError(f"{name} is not in {database.path}")
        if entry.is_dir:
            raise IsADirectoryError(f"{name} is a directory")
        for piece in _stored_content(database, fetch, entry):
            target.write(piece)


def _stored_content(database: Database, fetch: Snapshot, entry: Entry) -> Iterator[bytes]:
    ((number, stored),) = fetch(
        "select rowid, coalesce(length(data), 0) from sqlar where name = :name",
        {"name": entry.name},
    )
    pieces = fetch.blob("sqlar", "data", number, _PIECE) if stored else iter(())
    if stored == entry.size:
        yield from pieces
        return
    inflate, left = zlib.decompressobj(), entry.size
    try:
        for piece in pieces:
            while piece:
                plain = inflate.decompress(piece, _PIECE)
                left -= len(plain)
                if left < 0:
                    break
                yield plain
                piece = inflate.unconsumed_tail
    except zlib.error as error:
        raise database.damaged(f"{entry.name}: {error}") from error
    if left or not inflate.eof:
        raise database.damaged(f"{entry.name} does not have the {entry.size} bytes that it had")


def info(database: Database, name: str) -> Entry | None:
    """Return the file or directory `name`; None if there is none."""
    with database.reading() as fetch:
        return _find(fetch, name)


def below(database: Database, directory: str) -> list[Entry]:
    """Return the files at any depth below a directory, and its rows of directories, by name."""
    with database.reading() as fetch:
        rows = fetch(
            """select name, mode, sz, mtime from sqlar
               where name > :name || '/' and name < :name || '0' order by name""",
            {"name": directory},
        )
    return [_entry(*row) for row in rows]


def remove(database: Database, name: str) -> int:
    """Delete the file or directory `name` with all that is below it, and return how many rows
    that were. The space is used again; `vacuum` gives it back."""
    with database.transaction():
        return database.change(
            """delete from sqlar
               where name = :name or (name > :name || '/' and name < :name || '0')""",
            {"name": name},
        )


def rename(database: Database, name: str, new_name: str) -> None:
    """Give a file another name; one that has it goes. Raises as `put` and `get` do. The file is
    read whole for it."""
    with database.transaction():
        _refuse_directories(database, new_name)
        if not database.change(
            "update or replace sqlar set name = :new where name = :name",
            {"name": name, "new": new_name},
        ):
            raise FileNotFoundError(f"{name} is not in {database.path}")


def _find(fetch: Any, name: str) -> Entry | None:
    found = _row(fetch, name)
    if found is None and fetch(
        "select 1 from sqlar where name > :name || '/' and name < :name || '0' limit 1",
        {"name": name},
    ):
        return Entry(name, True, 0, 0)
    return found


def _row(fetch: Any, name: str) -> Entry | None:
    rows = fetch("select name, mode, sz, mtime from sqlar where name = :name", {"name": name})
    return _entry(*rows[0]) if rows else None


def _entry(name: str, mode: int | None, size: int | None, changed: int | None) -> Entry:
    is_dir = (mode or _FILE) & _KIND == _DIRECTORY
    return Entry(name, is_dir, 0 if is_dir else size or 0, changed or 0)
