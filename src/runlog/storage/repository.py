"""The files of a run: what can be done with them, wherever they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, BinaryIO, cast

from runlog.entities import FileInfo
from runlog.errors import InvalidParameter
from runlog.storage import download, scheduler, upload
from runlog.storage.databases import refuse_part, with_snapshots
from runlog.storage.errors import NoSuchFile
from runlog.storage.local import LocalFiles, existing_directory, identity, must_be_file, tree
from runlog.storage.parts import Parts
from runlog.storage.paths import check_path, checked_directory, join
from runlog.storage.root import Root
from runlog.storage.transfer import Transfer
from runlog.storage.upload import Ledger

_Files = list[FileInfo]  # inside ArtifactRepo, `list` is the method
_AT_A_TIME = 8 << 20  # bytes that are sent as they are: for more, progress is shown


class ArtifactRepo:
    """The artifacts below one root: a local folder, or the URI of a storage.

    Paths of artifacts are relative to the root, with `/` between folders. Every method raises
    InvalidParameter ("Invalid path ...") for a path that is absolute, leads upwards, holds control
    characters or backslashes, or follows a symbolic link out of the root. Creating one connects to
    nothing; the first use raises MissingExtra if a package is missing.

    >>> repo = runlog.artifacts.ArtifactRepo("files")
    >>> repo.write("notes/a.txt", b"hello")
    >>> [each.path for each in repo.files()]
    ['notes/a.txt']
    >>> repo.read("notes/a.txt", 0, 2)
    b'he'
    """

    def __init__(
        self,
        uri: str,
        files: Any = None,
        ledger: Ledger | None = None,
        own_files: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`files` is the file system below `uri`, an object with fsspec's methods. With a
        `ledger`, digests are recorded, and a file that is there already is not sent again.
        `own_files` are paths of the store's files and folders, which `log_artifacts` of a folder
        leaves out."""
        self._ledger = ledger
        self._own_files = own_files
        self._root = Root(uri, files)
        self.uri = self._root.uri

    def __repr__(self) -> str:
        return f"ArtifactRepo({self.uri!r})"

    # -- in -------------------------------------------------------------------------------------

    def log_artifact(
        self,
        local_file: str | os.PathLike[str],
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy a local file, under its own name, into the folder `artifact_path` or the root. A
        folder is copied with everything in it. `callback` is that of `runlog.log_artifact`.
        Raises NoSuchFile if there is no such file."""
        local = os.path.abspath(local_file)
        directory = checked_directory(artifact_path)
        path = check_path(join(directory, os.path.basename(local)))
        if os.path.isdir(local):
            self.log_artifacts(local, path, callback)
        else:
            must_be_file(local)
            refuse_part(local)
            with with_snapshots([Transfer(path, local)]) as transfers:
                self._upload(transfers, callback)

    def log_artifacts(
        self,
        local_dir: str | os.PathLike[str],
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy all that is in a local directory, subdirectories too, into `artifact_path`.

        Symbolic links are followed. Every name is checked before the first file is copied. The
        store's own files are left out; of other runlog databases in use a snapshot is copied.
        Raises NoSuchFile when the directory or the target of a link is missing. `callback` is as
        in `log_artifact`.
        """
        base = checked_directory(artifact_path)
        top = os.path.abspath(local_dir)
        if not os.path.isdir(top):
            raise NoSuchFile(f"no local directory {top!r} to log as artifacts")
        # What is below our own root stays out, or logging "." would copy copies of copies.
        own = {identity(path) for path in self._own_files()} - {None}
        left_out: list[str] = []
        found = [
            (local, check_path(join(base, name)), is_dir)
            for local, name, is_dir in tree(top, "", [identity(self._root.path)], own, left_out)
        ]
        if left_out:
            _report_left_out(top, tuple(left_out))
        for local, _, is_dir in found:
            if not is_dir:
                must_be_file(local)
        files = [Transfer(path, local) for local, path, is_dir in found if not is_dir]
        with with_snapshots(files) as transfers:
            self._upload(
                transfers, callback, [base, *(path for _, path, is_dir in found if is_dir)]
            )

    def write(self, path: str, data: bytes | Iterable[bytes]) -> None:
        """Write `data`, or the chunks that it yields, to the file `path`, in place of what was
        there. For another machine, chunks are collected in a temporary file: they may have
        to be sent again."""
        path = check_path(path)
        is_whole = isinstance(data, (bytes, bytearray, memoryview))
        chunks = cast("Iterable[bytes]", (data,) if is_whole else data)
        if is_whole and len(cast(bytes, data)) <= _AT_A_TIME:
            self._upload([Transfer(path, data=bytes(cast(bytes, data)))])
        elif self._root.remote is None:
            self._upload([Transfer(path, chunks=chunks)])
        else:
            with _collected(chunks) as local:
                self._upload([Transfer(path, local)])

    def copy_to(self, other: ArtifactRepo, path: str | None = None) -> None:
        """Copy the file or the directory `path`, or everything, to the same path of `other`,
        through this machine. Raises NoSuchFile."""
        found = self._root.below(checked_directory(path))
        for info in found:
            if info.is_dir:
                other._root.make_directory(info.path)

        async def copy(each: Transfer) -> None:
            if isinstance(self._root.files, LocalFiles):
                local = self._root.files.real(self._root.at(each.path))
                return other._upload([Transfer(each.path, local)])
            with _collected(()) as local:
                each.local = local
                download.fetch(self._root, [each], os.path.dirname(local))
                other._upload([Transfer(each.path, local)])

        remotes = [repo._root.remote for repo in (self, other) if repo._root.remote]
        scheduler.run(
            [_expected(info) for info in found if not info.is_dir],
            copy,
            lambda each: nullcontext(),
            min(4, max((remote.traits.workers for remote in remotes), default=1)),
            room=min((remote.room for remote in remotes), default=None),
            attempts=1,
            limited=False,
        )

    def _upload(
        self, transfers: Sequence[Transfer], callback: Any = None, directories: Iterable[str] = ()
    ) -> None:
        upload.send(self._root, transfers, self._ledger, directories, callback)

    # -- out ------------------------------------------------------------------------------------

    def list(self, path: str | None = None) -> _Files:
        """Return what is directly in the folder `path` or in the root, sorted by path. The list
        is empty if there is nothing at `path`, or a file."""
        return [info for info, _ in self._root.entries(checked_directory(path))]

    def files(self) -> _Files:
        """Return all files at any depth. The list is empty if there is nothing yet."""
        try:
            return [info for info in self._root.below("") if not info.is_dir]
        except NoSuchFile:
            return []

    def open(self, path: str) -> BinaryIO:
        """Open the file `path` for reading bytes, at any position. Raises NoSuchFile if there is
        none."""
        path = check_path(path)
        with self._root.explained("read", path):
            if self._root.remote is None:
                return cast(BinaryIO, self._root.files.open(self._root.at(path), "rb"))
            self._root.file(path)
            return cast(BinaryIO, self._root.remote.open(self._root.at(path)))

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of the file `path` from `start` up to `end`, or to its end; fewer if
        it is shorter. Nothing else of it is fetched. Raises NoSuchFile if there is none."""
        if start < 0 or (end is not None and end < start):
            raise InvalidParameter(f"no range of bytes: {start} to {end}")
        path = check_path(path)
        if self._root.remote is not None and self._root.remote.traits.ranges:
            size = self._root.file(path)["size"]
            stop = size if end is None else min(end, size)
            with self._root.explained("read", path):
                return (
                    self._root.remote.cat(self._root.at(path), start, stop) if start < stop else b""
                )
        with self.open(path) as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def download(
        self,
        path: str | None,
        dst: str | os.PathLike[str] | None = None,
        callback: Any = None,
    ) -> str:
        """Copy a file or folder to this machine and return its local path.

        It is copied to `dst/path`, where `dst` is a folder that exists, or else to a new temporary
        folder. `callback` is that of `runlog.log_artifact`. Raises NoSuchFile if there is no such
        artifact, and NotFound or InvalidParameter if `dst` is no folder, or holds a link which
        leads out of it where a file is to go.
        """
        path = checked_directory(path)
        found = self._root.below(path)
        dst = existing_directory(dst)
        transfers = []
        for info in found:
            above, _, name = info.path.rpartition("/")
            directory = download.make_directory(dst, info.path if info.is_dir else above)
            if not info.is_dir:
                transfers.append(_expected(info, os.path.join(directory, name)))
        download.fetch(self._root, transfers, dst, callback)
        return os.path.join(dst, *path.split("/")) if path else dst

    def local_path(self, path: str | None = None) -> str | None:
        """Return where the file or folder `path` lies on this machine's disk, or None if the
        artifacts are not files here. Raises NoSuchFile if there is none."""
        if not isinstance(self._root.files, LocalFiles):
            return None
        path = checked_directory(path)
        self._root.info(path)
        return self._root.files.real(self._root.at(path))

    @property
    def parts(self) -> Parts | None:
        """Return how others may send files in parts to this storage, or None if nobody can."""
        remote = self._root.remote
        return Parts(self._root) if remote is not None and remote.traits.signs else None

    def delete(self, path: str | None = None) -> None:
        """Delete the file or the folder `path`, or everything. Do nothing if there is nothing."""
        path = checked_directory(path)
        if self._ledger is not None:
            self._ledger.forget(path)
        with self._root.explained("delete", path):
            try:
                self._root.files.rm(self._root.at(path), recursive=True)
            except FileNotFoundError:
                pass


def _expected(info: FileInfo, target: str = "") -> Transfer:
    each = Transfer(info.path, target)
    each.size = info.file_size
    return each


@cache  # so it is reported once
def _report_left_out(folder: str, names: tuple[str, ...]) -> None:
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    print(
        f"runlog: these files in {folder} are the store's own, so they are not logged: {shown}",
        file=sys.stderr,
    )


@contextmanager
def _collected(chunks: Iterable[bytes]) -> Iterator[str]:
    """The path of a temporary file that holds the chunks."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="runlog-") as folder:
        path = os.path.join(folder, "file")
        with open(path, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
        yield path
