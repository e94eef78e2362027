"""The root of an `ArtifactRepo`: what is below one path of a file system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

from runlog.entities import FileInfo
from runlog.errors import InvalidParameter
from runlog.storage import scheduler
from runlog.storage.connections import Remote, remote
from runlog.storage.errors import explained
from runlog.storage.local import LocalFiles
from runlog.storage.paths import is_hidden, is_safe, join, last_part, parse
from runlog.storage.transfer import Transfer

_WATCHED = 64 << 20  # bytes on a local disk that may take longer than a second


class Root:
    """A directory of a file system, local or remote. Paths in it are relative, with `/` between
    directories; they have been checked. `files` has the methods of fsspec's file systems; `remote`
    is the same object, if it is behind a network."""

    def __init__(self, uri: str, files: Any = None) -> None:
        self._secrets: tuple[str, ...] = ()
        if files is not None:
            self.uri, self.path, self.files = uri, uri.rstrip("/"), files
        elif uri.startswith("sqlar:"):
            from runlog.storage import sqlar

            database, self.path = sqlar.parse(uri)
            self.uri, self.files = uri, sqlar.ArchivedFiles(database)
        else:
            address = parse(uri)
            if address.scheme == "file":
                self.uri, self.path = uri, address.path
                self.files = LocalFiles(self.path)
            else:
                self.uri, self.files = str(address), remote(address)
                self.path = self.files.traits.root(address)
                self._secrets = self.files.secrets
        self.remote = self.files if isinstance(self.files, Remote) else None
        self.moves = bool(
            self.remote.traits.moves if self.remote else getattr(self.files, "moves", True)
        )

    def at(self, path: str) -> str:
        """Return the path in the file system."""
        return f"{self.path.rstrip('/')}/{path}" if path else self.path

    def explained(self, verb: str, path: str) -> AbstractContextManager[None]:
        return explained(verb, path, self._secrets, self.remote is not None)

    def explaining(self, verb: str) -> Callable[[Transfer], AbstractContextManager[None]]:
        return lambda each: self.explained(verb, each.path)

    def make_directory(self, path: str) -> None:
        with self.explained("write", path):
            self.files.makedirs(self.at(path), exist_ok=True)

    def info(self, path: str) -> dict[str, Any]:
        with self.explained("read", path):
            return cast("dict[str, Any]", self.files.info(self.at(path)))

    def file(self, path: str) -> dict[str, Any]:
        info = self.info(path)
        if info["type"] == "directory":
            raise InvalidParameter(f"Invalid path {path!r} of an artifact: it is a directory")
        return info

    def entries(self, directory: str) -> list[tuple[FileInfo, bool]]:
        """Return what is directly in a directory, sorted by path, each with whether it is a
        symbolic link. The list is empty when there is nothing, or a file. Raises
        InvalidParameter where the root is no directory, of which a web server gives no list."""
        target = self.at(directory)
        with self.explained("list", directory):
            try:
                found = self.files.ls(target, detail=True)
            except FileNotFoundError:
                return []
            except NotADirectoryError:
                if directory or self.remote is None:
                    return []
                raise InvalidParameter(
                    f"{self.uri} cannot be listed: it is not a directory"
                ) from None
        # fsspec lists a file as itself, and object stores a directory within itself.
        entries = [
            (
                _file_info(join(directory, last_part(entry["name"])), entry),
                bool(entry.get("islink")),
            )
            for entry in found
            if entry["name"].strip("/") != target.strip("/")
        ]
        entries = [each for each in entries if self._is_listed(each[0].path)]
        return sorted(entries, key=lambda each: each[0].path)

    def _is_listed(self, path: str) -> bool:
        """Return whether an entry of a listing can be the name of an artifact. Every name that a
        server, a bucket or a database gave is checked here; those of the local disk are trusted."""
        return not is_hidden(path) and (isinstance(self.files, LocalFiles) or is_safe(path))

    def below(self, path: str) -> list[FileInfo]:
        """Return the files and the directories at and below `path`. Symbolic links to directories
        are not followed: they may lead in a circle."""
        info = self.info(path)
        if info["type"] != "directory":
            return [_file_info(path, info)]
        if self.remote is not None and not self.remote.traits.directories:
            return self._find(self.remote, path)
        found = [FileInfo(path, True)] if path else []
        waiting = [path]
        while waiting:
            for each, is_link in self.entries(waiting.pop()):
                if each.is_dir and is_link:
                    continue
                found.append(each)
                if each.is_dir:
                    waiting.append(each.path)
        return found

    def _find(self, remote: Remote, path: str) -> list[FileInfo]:
        """Return the same, where one request lists a thousand files in whatever directories."""
        target = self.at(path)
        with self.explained("list", path):
            entries = remote.find(target)
        below = {join(path, entry["name"][len(target) + 1 :]): entry for entry in entries}
        return [
            _file_info(name, entry)
            for name, entry in below.items()
            if entry["type"] != "directory" and name.startswith(join(path, ""))
            if self._is_listed(name) and not any(map(is_hidden, name.split("/")))
        ]

    async def size(self, path: str) -> int:
        return await self.size_at(self.at(path))

    async def size_at(self, path: str) -> int:
        if self.remote is not None:
            return await self.remote.size(path)
        return cast(int, self.files.info(path)["size"])

    async def move(self, target: str, final: str) -> None:
        if self.remote is not None:
            await self.remote.mv(target, final)
        else:
            self.files.mv(target, final)

    def run(
        self,
        transfers: Sequence[Transfer],
        act: scheduler.Act,
        verb: str,
        show: Callable[[int], None] | None = None,
        waits: bool = False,
    ) -> None:
        """Call `scheduler.run` with what suits this file system. With `waits`, the time goes into
        waiting, not into the processor."""
        explaining = self.explaining(verb)
        if self.remote is not None:
            traits = self.remote.traits
            room = self.remote.room if traits.buffered else None
            with self.explained(verb, transfers[0].path if transfers else ""):
                loop = self.remote.loop
            scheduler.run(transfers, act, explaining, traits.workers, loop, room, show)
        else:  # threads gain nothing here, but leave the caller's free to show progress
            threads = int(sum(each.size or 0 for each in transfers) >= _WATCHED)
            if waits and len(transfers) >= 8:
                threads = 8
            scheduler.run(transfers, act, explaining, threads, show=show, attempts=1, limited=False)


def _file_info(path: str, entry: dict[str, Any]) -> FileInfo:
    is_dir = entry["type"] == "directory"
    return FileInfo(path, is_dir, None if is_dir else entry["size"])
