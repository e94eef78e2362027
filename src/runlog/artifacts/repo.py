"""The files of a run: how they get in and out of the place that holds them.

`ArtifactRepo` speaks to a file system in the words of fsspec's `AbstractFileSystem`. Where a file
could be seen while it grows, it is written under a hidden name beside its place and then moved
there, so nobody ever sees half of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from typing import Any, BinaryIO, Protocol, cast

from runlog.artifacts import transfer
from runlog.artifacts.failures import NoSuchFile, explained
from runlog.artifacts.local import LocalFiles, existing_directory, identity, must_be_file, tree
from runlog.artifacts.parts import Parts
from runlog.artifacts.paths import (
    HIDDEN,
    check_path,
    checked_directory,
    is_hidden,
    is_safe,
    join,
    parse,
)
from runlog.artifacts.progress import Progress
from runlog.artifacts.remote import Remote, remote
from runlog.artifacts.transfer import Transfer
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, RunlogError

_Files = list[FileInfo]  # inside ArtifactRepo, `list` is the method
_Entries = list[tuple[FileInfo, bool]]
_AT_ONCE = 8  # files whose sizes are asked for one by one, not by listing their directories
_AT_A_TIME = 8 << 20  # bytes that are sent as they are: of more, progress must be seen
_WATCHED = 64 << 20  # bytes on a local disk that may take longer than a second


class Ledger(Protocol):
    """Who remembers what the files of one place were when they were logged. Paths are those of
    the repository, digests SHA-256 as hex digits."""

    def known(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Size and digest of those of the paths that were recorded."""

    def record(self, digests: Iterable[tuple[str, int, str]]) -> None:
        """Keep path, size and digest of files that are in place."""

    def forget(self, path: str) -> None:
        """Forget the file, or what is below the directory `path`; everything, if it is empty."""


class ArtifactRepo:
    """The artifacts below one root: `uri` is a local path, or the URI of a place that
    `runlog.artifacts.schemes` has a row for.

    Paths of artifacts are relative to the root, with `/` between directories. Every method
    raises InvalidParameter ("Invalid path ...") for one that is absolute, leads upwards, holds
    control characters or backslashes, or follows a symbolic link out of the root.
    Making one connects to nothing. The first use raises MissingExtra where a package is missing.
    """

    def __init__(self, uri: str, files: Any = None, ledger: Ledger | None = None) -> None:
        """`files` is the file system below `uri`, an object with fsspec's methods. With a
        `ledger`, digests are recorded, and a file that is there already is not sent again."""
        self._ledger = ledger
        self._secrets: tuple[str, ...] = ()
        if files is not None:
            self.uri, self._root, self._files = uri, uri.rstrip("/"), files
        elif uri.startswith("sqlar:"):
            from runlog.artifacts import archive

            database, self._root = archive.parse(uri)
            self.uri, self._files = uri, archive.ArchivedFiles(database)
        else:
            address = parse(uri)
            if address.scheme == "file":
                self.uri, self._root = uri, address.path
                self._files = LocalFiles(self._root)
            else:
                self.uri, self._files = str(address), remote(address)
                self._root = self._files.traits.root(address)
                self._secrets = self._files.secrets
        self._remote = self._files if isinstance(self._files, Remote) else None
        self._moves = (
            self._remote.traits.moves if self._remote else getattr(self._files, "moves", True)
        )
        self._threads = 1 if self._remote is None else self._remote.traits.threads

    def __repr__(self) -> str:
        return f"ArtifactRepo({self.uri!r})"

    # -- in -------------------------------------------------------------------------------------

    def log_artifact(
        self,
        local_file: str | os.PathLike[str],
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy a local file, under its own name, into the directory `artifact_path` or the root.
        A directory is copied with all that is in it. `callback` is an fsspec Callback, told of
        the bytes to come and of those sent. Raises NoSuchFile when there is no such file."""
        local = os.path.abspath(local_file)
        directory = checked_directory(artifact_path)
        path = check_path(join(directory, os.path.basename(local)))
        if os.path.isdir(local):
            self.log_artifacts(local, path, callback)
        else:
            must_be_file(local)
            self._log([Transfer(path, local)], callback)

    def log_artifacts(
        self,
        local_dir: str | os.PathLike[str],
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy all that is in a local directory, subdirectories too, into `artifact_path`.

        Symbolic links are followed. Every name is checked before the first file is copied.
        Raises NoSuchFile when the directory or the target of a link is missing. `callback` is as
        in `log_artifact`.
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
        for local, _, is_dir in found:
            if not is_dir:
                must_be_file(local)
        for directory in [base, *(path for _, path, is_dir in found if is_dir)]:
            self._make_directory(directory)
        self._log([Transfer(path, local) for local, path, is_dir in found if not is_dir], callback)

    def write(self, path: str, data: bytes | Iterable[bytes]) -> None:
        """Make `data`, or the chunks that it yields, the content of the file `path`. On their way
        to another machine, chunks are collected in a temporary file: they may have to be sent
        again."""
        path = check_path(path)
        is_whole = isinstance(data, (bytes, bytearray, memoryview))
        chunks = cast("Iterable[bytes]", (data,) if is_whole else data)
        if is_whole and len(cast(bytes, data)) <= _AT_A_TIME:
            self._log([Transfer(path, data=bytes(cast(bytes, data)))])
        elif self._remote is None:
            self._log([Transfer(path, chunks=chunks)])
        else:
            with _collected(chunks) as local:
                self._log([Transfer(path, local)])

    def copy_to(self, other: ArtifactRepo, path: str | None = None) -> None:
        """Copy the file or the directory `path`, or everything, to the same path of `other`,
        through this machine. Raises NoSuchFile."""
        files = self._below(checked_directory(path))
        for info in files:
            if info.is_dir:
                other._make_directory(info.path)

        def copy(each: Transfer) -> None:
            if isinstance(self._files, LocalFiles):
                return other._log([Transfer(each.path, self.download(each.path))])
            with _collected(()) as local:
                each.local = local
                self._fetch_all([each])
                other._log([Transfer(each.path, local)])

        rooms = [repo._remote.room for repo in (self, other) if repo._remote]
        transfer.carry(
            [_expected(info) for info in files if not info.is_dir],
            copy,
            lambda each: nullcontext(),
            min(4, max(self._threads, other._threads)),
            min(rooms, default=None),
            attempts=1,
            limited=False,
        )

    def _log(self, transfers: Sequence[Transfer], callback: Any = None) -> None:
        """Make each of the transfers the content of its path."""
        known = {}
        for each in transfers:
            each.size = each.size_now()
        if self._ledger is not None:
            known = self._ledger.known([each.path for each in transfers])
        for directory in sorted({os.path.dirname(each.path) for each in transfers}):
            self._make_directory(directory)
        total = sum(each.size or 0 for each in transfers)
        try:
            with Progress("Uploading", total, callback) as show:
                self._carry(transfers, lambda each: self._send(each, known), "write", show)
            sent = [each for each in transfers if each.place]
            self._check(sent)
            if self._moves:
                self._reveal_all(sent)
        except BaseException:
            self._discard([each for each in transfers if each.place])
            raise
        if self._ledger is not None and sent:
            self._ledger.record(
                [(each.path, each.size or 0, each.digest) for each in sent if each.digest]
            )

    def _send(self, each: Transfer, known: dict[str, tuple[int, str]]) -> None:
        """Bring one file to where it is seen at last, or, if it would be seen half on the way,
        to a hidden name. A process that is killed now leaves a file that nobody lists or reads."""
        final = self._place(each.path)
        if self._ledger is not None and each.chunks is None and not each.place:
            each.take_digest()
            if self._has(each, known):
                return
            if each.path in known:
                self._ledger.forget(each.path)  # better none than that of another content
        if not each.place:
            hidden = join(os.path.dirname(each.path), HIDDEN + os.urandom(8).hex())
            each.place = self._place(hidden) if self._moves else final
        if self._remote is not None:
            self._remote.put(each)
            each.arrived = True
        elif each.chunks is not None:
            self._fill(each, each.chunks)
        elif each.data is not None:
            self._fill(each, (each.data,))
        else:
            each.watched = each.place
            self._files.put_file(each.local, each.place)

    def _fill(self, each: Transfer, chunks: Iterable[bytes]) -> None:
        digest = sha256()
        size = 0
        with self._files.open(each.place, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
                if self._ledger is not None:
                    digest.update(chunk)
        if each.chunks is not None:
            each.size, each.digest = size, digest.hexdigest() if self._ledger else ""

    def _has(self, each: Transfer, known: dict[str, tuple[int, str]]) -> bool:
        """Whether that very file is there already."""
        if known.get(each.path) != (each.size, each.digest):
            return False
        try:
            return bool(self._files.info(self._place(each.path))["size"] == each.size)
        except FileNotFoundError:
            return False

    def _check(self, sent: Sequence[Transfer]) -> None:
        """Compare the size of what has arrived with that of what was sent. A local file that was
        written to meanwhile is what it was at some moment, so it gets no digest."""
        stored = self._sizes([each.place for each in sent])
        for each in sent:
            each.drop_digest_if_changed()
            if stored.get(each.place) not in (each.size, each.size_now()):
                each.arrived = False
                raise RunlogError(
                    f"artifact {each.path!r} did not arrive whole: {stored.get(each.place)} "
                    f"of {each.size} bytes",
                    "DATA_LOSS",
                )

    def _sizes(self, places: Sequence[str]) -> dict[str, int]:
        with self._explained("check", os.path.basename(places[0]) if places else ""):
            if len(places) <= _AT_ONCE or self._remote is None:
                return {place: self._files.info(place)["size"] for place in places}
            directories = {os.path.dirname(place) for place in places}
            return {
                f"{directory}/{_name(entry)}": entry["size"]
                for directory in directories
                for entry in self._files.ls(directory)
            }

    def _reveal_all(self, sent: Sequence[Transfer]) -> None:
        """Moving waits for the disk or the network. On a local disk, 1000 small files took 2.7 s
        one after the other; after all were written, in 8 threads, 1.0 s (copying in threads as
        well was slower again)."""

        def reveal(each: Transfer) -> None:
            final = self._place(each.path)
            try:
                self._files.mv(each.place, final)
            except FileNotFoundError:  # it was moved before, and only the answer was lost
                if each.trouble is None or self._sizes([final])[final] != each.size:
                    raise

        for each in sent:
            each.trouble = None
        if self._remote is None and len(sent) >= _AT_ONCE:
            writing = self._explaining("write")
            transfer.carry(sent, reveal, writing, 8, attempts=1, limited=False)
        else:
            self._carry(sent, reveal, "write")

    def _discard(self, failed: Sequence[Transfer]) -> None:
        """Take away what a failure has left, unless that takes long. What does not move is in
        place whole, or what was there before is."""
        if self._remote is not None:
            left = [each.place for each in failed if self._moves or not each.arrived]
            abandon = self._remote.abandon
            if left:
                transfer.briefly(lambda: [abandon(place) for place in left])
        elif self._moves:
            for each in failed:
                try:
                    self._files.rm(each.place)
                except OSError:
                    pass

    # -- out ------------------------------------------------------------------------------------

    def list(self, path: str | None = None) -> _Files:
        """What is directly in the directory `path` or in the root, sorted by path. The list is
        empty when there is nothing at `path`, or a file."""
        return [info for info, _ in self._entries(checked_directory(path))]

    def files(self) -> _Files:
        """All files at any depth; none where there is nothing yet."""
        try:
            return [info for info in self._below("") if not info.is_dir]
        except NoSuchFile:
            return []

    def open(self, path: str) -> BinaryIO:
        """The file `path`, open for reading bytes, at any position. Raises NoSuchFile."""
        path = check_path(path)
        with self._explained("read", path):
            if self._remote is None:
                return cast(BinaryIO, self._files.open(self._place(path), "rb"))
            self._file(path)
            return cast(BinaryIO, self._remote.open(self._place(path)))

    def read(self, path: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of the file `path` from `start` up to `end`, or to its end; fewer where it is
        shorter. Nothing else of it is fetched. Raises NoSuchFile."""
        if start < 0 or (end is not None and end < start):
            raise InvalidParameter(f"no range of bytes: {start} to {end}")
        path = check_path(path)
        if self._remote is not None and self._remote.traits.ranges:
            size = self._file(path)["size"]
            stop = size if end is None else min(end, size)
            with self._explained("read", path):
                return self._remote.cat(self._place(path), start, stop) if start < stop else b""
        with self.open(path) as file:
            file.seek(start)
            return file.read() if end is None else file.read(end - start)

    def download(
        self,
        path: str | None,
        dst: str | os.PathLike[str] | None = None,
        callback: Any = None,
    ) -> str:
        """Bring a file or a directory here and return its local path.

        It is copied to `dst/path`, where `dst` is a directory that exists, or to a new temporary
        directory, also where it is on this machine already. `callback` is as in `log_artifact`.
        Raises NoSuchFile, and NotFound or InvalidParameter for a `dst` that is no directory.
        """
        path = checked_directory(path)
        found = self._below(path)
        dst = existing_directory(dst)
        transfers = []
        for info in found:
            target = os.path.join(dst, *info.path.split("/"))
            os.makedirs(target if info.is_dir else os.path.dirname(target), exist_ok=True)
            if not info.is_dir:
                transfers.append(_expected(info, target))
        self._fetch_all(transfers, callback)
        return os.path.join(dst, *path.split("/")) if path else dst

    def _fetch_all(self, transfers: Sequence[Transfer], callback: Any = None) -> None:
        total = sum(each.size or 0 for each in transfers)
        with Progress("Downloading", total, callback) as show:
            self._carry(transfers, self._fetch, "download", show)

    def _fetch(self, each: Transfer) -> None:
        """Bring one file to `each.local`, where it appears when it is whole."""
        target = each.local
        hidden = os.path.join(os.path.dirname(target), HIDDEN + os.urandom(8).hex())
        try:
            if self._remote is not None:
                self._remote.get(self._place(each.path), each, hidden)
            else:
                each.watched = hidden
                self._files.get_file(self._place(each.path), hidden)
            arrived = os.stat(hidden).st_size
            if each.size not in (None, arrived):
                now = self._files.info(self._place(each.path))["size"]
                if arrived != now:  # or else it was replaced meanwhile
                    raise OSError(f"{arrived} of {now} bytes arrived")
            os.replace(hidden, target)
        except BaseException:
            if os.path.exists(hidden):
                os.unlink(hidden)
            raise

    @property
    def parts(self) -> Parts | None:
        """How others may be let send files in parts to where this keeps them; None where nobody
        can."""
        if self._remote is None or not self._remote.traits.signs:
            return None
        return Parts(self._remote, self._place, self._explained)

    def delete(self, path: str | None = None) -> None:
        """Delete the file or the directory `path`, or everything. Nothing there is fine."""
        path = checked_directory(path)
        if self._ledger is not None:
            self._ledger.forget(path)
        with self._explained("delete", path):
            try:
                self._files.rm(self._place(path), recursive=True)
            except FileNotFoundError:
                pass

    def _entries(self, directory: str) -> _Entries:
        """What is directly in a directory, each with whether it is a symbolic link."""
        place = self._place(directory)
        with self._explained("list", directory):
            try:
                found = self._files.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # fsspec lists a file as itself, and object stores a directory within itself.
        entries = [
            (_file_info(join(directory, _name(entry)), entry), bool(entry.get("islink")))
            for entry in found
            if entry["name"].strip("/") != place.strip("/")
        ]
        entries = [each for each in entries if self._is_listed(each[0].path)]
        return sorted(entries, key=lambda each: each[0].path)

    def _is_listed(self, path: str) -> bool:
        # Others may have put names into a bucket that lead a download out of its directory.
        return not is_hidden(path) and (self._remote is None or is_safe(path))

    def _below(self, path: str) -> _Files:
        """The files at and below `path`, and the directories. Symbolic links to directories are
        not entered: they may lead in a circle."""
        info = self._info(path)
        if info["type"] != "directory":
            return [_file_info(path, info)]
        if self._remote is not None and not self._remote.traits.directories:
            return self._found(path)
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

    def _found(self, path: str) -> _Files:
        """The same, where one request lists a thousand files in whatever directories."""
        assert self._remote is not None
        place = self._place(path)
        with self._explained("list", path):
            entries = self._remote.find(place)
        below = {join(path, entry["name"][len(place) + 1 :]): entry for entry in entries}
        return [
            _file_info(name, entry)
            for name, entry in below.items()
            if entry["type"] != "directory" and name.startswith(join(path, ""))
            if is_safe(name) and not any(is_hidden(part) for part in name.split("/"))
        ]

    def _place(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}" if path else self._root

    def _make_directory(self, path: str) -> None:
        with self._explained("write", path):
            self._files.makedirs(self._place(path), exist_ok=True)

    def _info(self, path: str) -> dict[str, Any]:
        with self._explained("read", path):
            return cast("dict[str, Any]", self._files.info(self._place(path)))

    def _file(self, path: str) -> dict[str, Any]:
        info = self._info(path)
        if info["type"] == "directory":
            raise InvalidParameter(f"Invalid path {path!r} of an artifact: it is a directory")
        return info

    def _explained(self, verb: str, path: str) -> AbstractContextManager[None]:
        return explained(verb, path, self._secrets, self._remote is not None)

    def _explaining(self, verb: str) -> Callable[[Transfer], AbstractContextManager[None]]:
        return lambda each: self._explained(verb, each.path)

    def _carry(
        self,
        transfers: Sequence[Transfer],
        act: Callable[[Transfer], None],
        verb: str,
        show: Progress | None = None,
    ) -> None:
        explaining = self._explaining(verb)
        if self._remote is not None:
            traits = self._remote.traits
            room = self._remote.room if traits.buffered else None
            transfer.carry(transfers, act, explaining, traits.threads, room, show)
        else:  # a thread gains nothing here, but somebody who can watch
            threads = int(sum(each.size or 0 for each in transfers) >= _WATCHED)
            transfer.carry(
                transfers, act, explaining, threads, show=show, attempts=1, limited=False
            )


def _expected(info: FileInfo, target: str = "") -> Transfer:
    each = Transfer(info.path, target)
    each.size = info.file_size
    return each


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


def _name(entry: dict[str, Any]) -> str:
    return cast(str, entry["name"].rstrip("/").rpartition("/")[2])


def _file_info(path: str, entry: dict[str, Any]) -> FileInfo:
    is_dir = entry["type"] == "directory"
    return FileInfo(path, is_dir, None if is_dir else entry["size"])
