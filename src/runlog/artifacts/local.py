"""The local disk: a strict place for artifacts, and what is logged from it or downloaded to it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Any

from runlog.artifacts.failures import ERROR_CODES, NoSuchFile, reason
from runlog.artifacts.paths import HIDDEN, join
from runlog.errors import InvalidParameter, RunlogError


class LocalFiles:
    """fsspec's local file system for ArtifactRepo, made strict: it never leaves `root` by a link,
    and a file that is moved to its final name is on the disk, in place of what was there.
    """

    def __init__(self, root: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self._root = root
        self._files: Any = LocalFileSystem()

    def open(self, path: str, mode: str) -> Any:
        return self._files.open(self._real(path), mode)

    def info(self, path: str) -> dict[str, Any]:
        return {**self._files.info(self._real(path)), "name": path}

    def ls(self, path: str, detail: bool = True) -> list[dict[str, Any]]:
        real = self._real(path)
        if not os.path.isdir(real):  # fsspec's lists a file as itself
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), real)
        found = []
        for entry in self._files.ls(real, detail=True):
            place = f"{path}/{os.path.basename(entry['name'])}"
            if entry.get("islink"):
                try:
                    entry = {**self.info(place), "islink": True}
                except (OSError, InvalidParameter):  # it leads nowhere, or outside
                    continue
            found.append({**entry, "name": place})
        return found

    def makedirs(self, path: str, exist_ok: bool) -> None:
        self._files.makedirs(self._real(path), exist_ok=exist_ok)

    def put_file(self, local: str, path: str) -> None:
        self._files.put_file(local, path)

    def get_file(self, path: str, local: str) -> None:
        self._files.get_file(self._real(path), local)

    def mv(self, hidden: str, path: str) -> None:
        # Without this, a power cut can leave an empty file under the final name: renaming may
        # reach the disk before the data does. Costs 0.4 ms on the disk it was measured on.
        with open(hidden, "rb+") as file:
            os.fsync(file.fileno())
        # fsspec's would move it *into* a directory of that name.
        os.replace(hidden, path)

    def rm(self, path: str, recursive: bool = False) -> None:
        if path == self._root:
            path = os.path.realpath(path)
        else:  # a link is deleted itself, wherever it leads; only its directory must be ours
            self._real(os.path.dirname(path))
        if os.path.islink(path):
            os.unlink(path)
        else:
            self._files.rm(path, recursive=recursive)

    def _real(self, path: str) -> str:
        root, real = os.path.realpath(self._root), os.path.realpath(path)
        if real != root and not real.startswith(os.path.join(root, "")):
            raise InvalidParameter(f"Invalid path {path!r}: it leads out of {self._root!r}")
        return real


def identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:  # our root, before the first artifact
        return None
    return status.st_dev, status.st_ino


def tree(
    directory: str, name: str, above: list[tuple[int, int] | None]
) -> Iterator[tuple[str, str, bool]]:
    """Everything below a local directory: its path, its name relative to the top, and whether
    it is a directory. One that is among those `above`, by way of a link, is left out."""
    above = [*above, identity(directory)]
    try:
        children = sorted(os.listdir(directory))
    except OSError as error:
        code = ERROR_CODES.get(error.errno or 0)
        raise RunlogError(f"cannot read directory {directory!r}: {reason(error)}", code) from error
    for child in children:
        path = os.path.join(directory, child)
        is_dir = os.path.isdir(path)
        if child.startswith(HIDDEN) or (is_dir and identity(path) in above):
            continue
        yield path, join(name, child), is_dir
        if is_dir:
            yield from tree(path, join(name, child), above)


def must_be_file(local: str) -> None:
    try:
        mode = os.stat(local).st_mode
    except FileNotFoundError as error:
        raise NoSuchFile(f"no local file {local!r} to log as an artifact") from error
    except OSError as error:
        raise RunlogError(f"cannot read {local!r}: {reason(error)}") from error
    if not stat.S_ISREG(mode):
        raise InvalidParameter(f"{local!r} is not a regular file, so it cannot be an artifact")


def existing_directory(dst: str | os.PathLike[str] | None) -> str:
    if dst is None:
        from tempfile import mkdtemp

        return mkdtemp(prefix="runlog-")
    dst = os.path.abspath(dst)
    if not os.path.exists(dst):
        raise NoSuchFile(f"no directory {dst!r} to download to")
    if not os.path.isdir(dst):
        raise InvalidParameter(f"cannot download to {dst!r}: it must be a directory")
    return dst
