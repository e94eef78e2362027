"""Files inside a runlog database, addressed as `sqlar:///folder/runlog.db/<name>`.

Nothing in such an address is decoded: the database is the first part of it that is a file, and the
rest is a name in SQLite's archive format, which `sqlite3 runlog.db -A --list` lists.
"""

from __future__ import annotations

import os
from tempfile import SpooledTemporaryFile
from typing import Any

from runlog.db import archive
from runlog.db.sqlite import Database, opened
from runlog.errors import InvalidParameter
from runlog.storage.errors import NoSuchFile

SCHEME = "sqlar:"


def parse(uri: str) -> tuple[str, str]:
    """Return the path of the database and the name inside it that an address means. Raises
    InvalidParameter for what is none, NoSuchFile where there is no database."""
    path = uri.removeprefix(SCHEME + "//").rstrip("/")
    if not uri.startswith(SCHEME + "///"):
        raise InvalidParameter(f"no address in a database: {uri!r}. Write sqlar:///FILE/NAME")
    if os.name == "nt":
        path = path.lstrip("/")
    end = 0
    while end >= 0:
        end = path.find("/", end + 1)
        file = path if end < 0 else path[:end]
        if os.path.isfile(file):
            return file, path[len(file) + 1 :]
    raise NoSuchFile(f"no database in {uri!r}: none of its parts is a file")


class ArchivedFiles:
    """The files in one database, with the methods of fsspec's file systems that ArtifactRepo
    calls."""

    moves = False  # what is written appears when it is whole

    def __init__(self, path: str) -> None:
        self._database = opened(path)

    def open(self, path: str, mode: str) -> Any:
        """Return a file of its own that holds the content: who reads or writes slowly keeps nobody
        from the database."""
        if mode == "wb":
            return _Writer(self._database, path)
        # An anonymous file: it goes with its last user. Small ones stay in memory.
        file = SpooledTemporaryFile(archive.COMPRESSED)  # noqa: SIM115
        try:
            archive.get(self._database, path, file)  # type: ignore[arg-type]
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def info(self, path: str) -> dict[str, Any]:
        found = archive.info(self._database, path)
        if found is None:
            raise FileNotFoundError(f"{path} is not in {self._database.path}")
        return _as_info(found)

    def ls(self, path: str, detail: bool = True) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for entry in archive.below(self._database, path):
            child, _, deeper = entry.name[len(path) + 1 :].partition("/")
            name = f"{path}/{child}"
            each = archive.Entry(name, True, 0, 0) if deeper else entry
            if not deeper or name not in found:
                found[name] = _as_info(each)
        if not found and not self.info(path)["type"] == "directory":
            raise NotADirectoryError(f"{path} is a file")
        return [*found.values()]

    def makedirs(self, path: str, exist_ok: bool) -> None:
        """Do nothing: directories are what the names of files imply."""

    def put_first(self, size: int, local: str, path: str) -> None:
        with open(local, "rb") as file:
            archive.put(self._database, path, file, size)

    def get_file(self, path: str, local: str) -> None:
        with open(local, "wb") as file:
            archive.get(self._database, path, file)

    def mv(self, path: str, new_path: str) -> None:
        archive.rename(self._database, path, new_path)

    def rm(self, path: str, recursive: bool = False) -> None:
        if not recursive and self.info(path)["type"] == "directory":
            raise IsADirectoryError(f"{path} is a directory")
        if not archive.remove(self._database, path):
            raise FileNotFoundError(f"{path} is not in {self._database.path}")


def _as_info(entry: archive.Entry) -> dict[str, Any]:
    kind = "directory" if entry.is_dir else "file"
    return {"name": entry.name, "type": kind, "size": entry.size, "mtime": entry.time}


class _Writer:
    """Collects a file, whose size has to be known before it can be kept."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        self._file = SpooledTemporaryFile(archive.COMPRESSED)  # noqa: SIM115

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        if self._file.closed:
            return
        with self._file as file:
            size = file.tell()
            file.seek(0)
            archive.put(self._database, self._name, file, size)  # type: ignore[arg-type]
