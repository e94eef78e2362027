"""The files of a run: how they get in and out of the place that holds them.

`ArtifactRepo` speaks to a file system in the words of fsspec's `AbstractFileSystem`. A file is
written under a hidden name beside its place and then moved there, so nobody ever sees half of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, cast

from runlog.artifacts.failures import NoSuchFile, explained
from runlog.artifacts.local import (
    LocalFiles,
    existing_directory,
    identity,
    must_be_file,
    tree,
)
from runlog.artifacts.paths import (
    HIDDEN,
    check_path,
    checked_directory,
    is_hidden,
    join,
    local_root,
)
from runlog.entities import FileInfo

_Files = list[FileInfo]  # inside ArtifactRepo, `list` is the method
_Entries = list[tuple[FileInfo, bool]]
_Staged = list[tuple[str, str]]


class ArtifactRepo:
    """The artifacts below one root: `uri` is a local path or a `file:` URI.

    Paths of artifacts are relative to the root, with `/` between directories. Every method
    raises InvalidParameter ("Invalid path ...") for one that is absolute, leads upwards, holds
    control characters or backslashes, or follows a symbolic link out of the root.
    """

    def __init__(self, uri: str, files: Any = None) -> None:
        """`files` is the file system below `uri`, an object with fsspec's methods."""
        self.uri = uri
        self._root = local_root(uri) if files is None else uri.rstrip("/")
        self._files = LocalFiles(self._root) if files is None else files

    def log_artifact(
        self, local_file: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy a local file, under its own name, into the directory `artifact_path` or the root.
        A directory is copied with all that is in it. Raises NoSuchFile when there is none."""
        local = os.path.abspath(local_file)
        directory = checked_directory(artifact_path)
        path = check_path(join(directory, os.path.basename(local)))
        if os.path.isdir(local):
            self.log_artifacts(local, path)
        else:
            self._publish(path, self._copier(local))

    def log_artifacts(
        self, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy all that is in a local directory, subdirectories too, into `artifact_path`.

        Symbolic links are followed. Every name is checked before the first file is copied.
        Raises NoSuchFile when the directory or the target of a link is missing.
        """
        base = checked_directory(artifact_path)
        top = os.path.abspath(local_dir)
        if not os.path.isdir(top):
            raise NoSuchFile(f"no local directory {top!r} to log as artifacts")
        # What is below our own root stays out, or logging "." would copy copies of copies.
        found = [
            (local, check_path(join(base, name)), is_dir)
            for local, name, is_dir in tree(top, "", [identity(self._root)])
        ]
        self._make_directory(base)
        staged: _Staged = []
        try:
            for local, path, is_dir in found:
                if is_dir:
                    self._make_directory(path)
                else:
                    staged.append((self._stage(path, self._copier(local)), path))
            self._reveal_all(staged)
        except BaseException:
            for hidden, _ in staged:
                self._discard(hidden)
            raise

    def write(self, path: str, data: bytes | Iterable[bytes]) -> None:
        """Make `data`, or the chunks that it yields, the content of the file `path`."""
        chunks = (data,) if isinstance(data, (bytes, bytearray, memoryview)) else data

        def fill(hidden: str) -> None:
            with self._files.open(hidden, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)

        self._publish(check_path(path), fill)

    def list(self, path: str | None = None) -> _Files:
        """What is directly in the directory `path` or in the root, sorted by path. The list is
        empty when there is nothing at `path`, or a file."""
        return [info for info, _ in self._entries(checked_directory(path))]

    def open(self, path: str) -> BinaryIO:
        """The file `path`, open for reading bytes. Raises NoSuchFile."""
        path = check_path(path)
        with explained("read", path):
            return cast(BinaryIO, self._files.open(self._place(path), "rb"))

    def download(self, path: str | None, dst: str | os.PathLike[str] | None = None) -> str:
        """Bring a file or a directory here and return its local path.

        With `dst`, a directory that exists, it is copied to `dst/path`. Without, local artifacts
        are not copied at all: the path returned is their own.
        Raises NoSuchFile, and NotFound or InvalidParameter for a `dst` that is no directory.
        """
        path = checked_directory(path)
        if dst is None and isinstance(self._files, LocalFiles):
            self._info(path)
            return self._place(path)
        dst = existing_directory(dst)
        for info in self._below(path):
            target = os.path.join(dst, *info.path.split("/"))
            if info.is_dir:
                os.makedirs(target, exist_ok=True)
            else:
                self._fetch(info.path, target)
        return os.path.join(dst, *path.split("/")) if path else dst

    def delete(self, path: str | None = None) -> None:
        """Delete the file or the directory `path`, or everything. Nothing there is fine."""
        path = checked_directory(path)
        with explained("delete", path):
            try:
                self._files.rm(self._place(path), recursive=True)
            except FileNotFoundError:
                pass

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _make_directory(self, path: str) -> None:
        with explained("write", path):
            self._files.makedirs(self._place(path), exist_ok=True)

    def _copier(self, local: str) -> Callable[[str], None]:
        must_be_file(local)
        return lambda hidden: self._files.put_file(local, hidden)

    def _publish(self, path: str, fill: Callable[[str], None]) -> None:
        """Make what `fill` writes the content of `path`, whose directory need not exist."""
        self._make_directory(os.path.dirname(path))
        self._reveal(self._stage(path, fill), path)

    def _stage(self, path: str, fill: Callable[[str], None]) -> str:
        """Let `fill` write a file of a hidden name in the directory of `path`, and return where.
        A process that is killed now leaves a file that nobody lists or reads."""
        hidden = self._place(join(os.path.dirname(path), HIDDEN + os.urandom(8).hex()))
        try:
            with explained("write", path):
                fill(hidden)
        except BaseException:
            self._discard(hidden)
            raise
        return hidden

    def _reveal(self, hidden: str, path: str) -> None:
        try:
            with explained("write", path):
                self._files.mv(hidden, self._place(path))
        except BaseException:
            self._discard(hidden)
            raise

    def _reveal_all(self, staged: _Staged) -> None:
        """Moving waits for the disk. One after the other, 1000 small files took 2.7 s; after all
        were written, in 8 threads, 1.0 s (copying in threads as well was slower again)."""
        if len(staged) < 8:
            for hidden, path in staged:
                self._reveal(hidden, path)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as threads:
            for each in [threads.submit(self._reveal, *pair) for pair in staged]:
                each.result()

    def _discard(self, hidden: str) -> None:
        try:
            self._files.rm(hidden)
        except OSError:
            pass

    def _info(self, path: str) -> dict[str, Any]:
        with explained("read", path):
            return cast("dict[str, Any]", self._files.info(self._place(path)))

    def _entries(self, directory: str) -> _Entries:
        """What is directly in a directory, each with whether it is a symbolic link."""
        place = self._place(directory)
        with explained("list", directory):
            try:
                found = self._files.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # fsspec lists a file as itself, and object stores a directory within itself.
        entries = [
            (_file_info(directory, entry), bool(entry.get("islink")))
            for entry in found
            if entry["name"].rstrip("/") != place.rstrip("/")
        ]
        entries = [each for each in entries if not is_hidden(each[0].path)]
        return sorted(entries, key=lambda each: each[0].path)

    def _below(self, path: str) -> _Files:
        """The files at and below `path`, and the directories. Symbolic links to directories are
        not entered: they may lead in a circle."""
        info = self._info(path)
        if info["type"] != "directory":
            return [FileInfo(path, False, info["size"])]
        found = [FileInfo(path, True)] if path else []
        waiting = [path]
        while waiting:
            for each, is_link in self._entries(waiting.pop()):
                if each.is_dir and is_link:
                    continue
                found.append(each)
                if each.is_dir:
                    waiting.append(each.path)
        return found

    def _fetch(self, path: str, target: str) -> None:
        hidden = os.path.join(os.path.dirname(target), HIDDEN + os.urandom(8).hex())
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with explained("download", path):
            try:
                self._files.get_file(self._place(path), hidden)
                os.replace(hidden, target)
            except BaseException:
                if os.path.exists(hidden):
                    os.unlink(hidden)
                raise


def _file_info(directory: str, entry: dict[str, Any]) -> FileInfo:
    path = join(directory, entry["name"].rstrip("/").rpartition("/")[2])
    is_dir = entry["type"] == "directory"
    return FileInfo(path, is_dir, None if is_dir else entry["size"])
