"""The artifacts that a server passes on, `mlflow-artifacts:/...`, as ArtifactRepo uses them.

A server shows a file when it has all of it, so what is written under a hidden name stays here until
it is moved to its own: then it is sent.
"""

from __future__ import annotations

import os
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast
from urllib.parse import quote, urlencode

from runlog.entities import FileInfo
from runlog.errors import NotFound, RunlogError, shrunk
from runlog.http.session import Session
from runlog.http.transport import Answer, Upload
from runlog.protocol.entities import LISTING
from runlog.protocol.rows import ARTIFACTS
from runlog.storage.paths import HIDDEN

BASE = ARTIFACTS[0] + "artifacts"
PIECE = 2**18
IN_MEMORY = 2**20  # bytes of a file that need no temporary file on the disk


class ProxiedFiles:
    """The methods of fsspec's file systems that ArtifactRepo calls. Paths are URIs, which begin
    with `root`. Directories are what the names of files imply."""

    sends_late = True  # when a file is moved to its name

    def __init__(self, session: Session, root: str) -> None:
        self._session, self._root = session, root
        # By hidden name: a local path and how much of that file to send, or a file.
        self._staged: dict[str, tuple[str, int] | BinaryIO] = {}

    def open(self, path: str, mode: str) -> Any:
        """Return a file of this machine: to write what is to be sent, or with all that was
        fetched."""
        file = cast(BinaryIO, _Kept(IN_MEMORY) if mode == "wb" else SpooledTemporaryFile(IN_MEMORY))
        if mode == "wb":
            self._staged[path] = file
            return file
        try:
            self._fetch(path, file)
        except BaseException:
            file.close()
            raise
        return file

    def info(self, path: str) -> dict[str, Any]:
        staged = self._staged.get(path)
        if staged is not None:
            return {"name": path, "type": "file", "size": _size(staged)}
        relative = self._relative_path(path)
        parent, _, name = relative.rpartition("/")
        for each in self._list_folder(parent):
            if each.path == name:
                return _entry(path, each)
        if not relative or self._list_folder(relative):
            return {"name": path, "type": "directory", "size": 0}
        raise FileNotFoundError(f"{path} is not on {self._session.name}")

    def ls(self, path: str, detail: bool = True) -> list[dict[str, Any]]:
        return [
            _entry(f"{path}/{each.path}", each)
            for each in self._list_folder(self._relative_path(path))
        ]

    def makedirs(self, path: str, exist_ok: bool) -> None:
        """There is nothing to make."""

    def put_first(self, size: int, local: str, path: str) -> None:
        self._staged[path] = (local, size)

    def get_file(self, path: str, local: str) -> None:
        with open(local, "wb") as file:
            self._fetch(path, file)

    def mv(self, hidden: str, path: str) -> None:
        staged = self._staged[hidden]
        if isinstance(staged, tuple):
            local, size = staged
            with open(local, "rb") as file:
                self._upload(path, file, size)
        else:
            self._upload(path, staged, staged.seek(0, os.SEEK_END))
        self._discard_staged(hidden)

    def rm(self, path: str, recursive: bool = False) -> None:
        if self._discard_staged(path):
            return
        if path.rpartition("/")[2].startswith(HIDDEN):  # it was moved, or never written
            raise FileNotFoundError(f"{path} is not here")
        self._session.ask("DELETE", self._url(path), read=_nothing, done=NotFound)

    def _discard_staged(self, hidden: str) -> bool:
        staged: Any = self._staged.pop(hidden, None)
        if isinstance(staged, _Kept):
            staged.discard()
        return staged is not None

    def _relative_path(self, path: str) -> str:
        return path.removeprefix(self._root).strip("/")

    def _url(self, path: str) -> str:
        return f"{BASE}/{quote(self._relative_path(path))}"

    def _list_folder(self, relative: str) -> list[FileInfo]:
        query = f"?{urlencode({'path': relative})}" if relative else ""
        try:
            answer = self._session.json("GET", BASE + query)
        except NotFound:
            return []
        found = LISTING.read(answer, "")["files"]
        # Names relative to the directory: some servers answer whole paths.
        return [FileInfo(each.path.rpartition("/")[2], *_rest(each)) for each in found]

    def _upload(self, path: str, file: BinaryIO, size: int) -> None:
        import mimetypes

        now = file.seek(0, os.SEEK_END)
        if now < size:
            raise shrunk(self._relative_path(path), size, now)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        self._session.ask(
            "PUT",
            self._url(path),
            Upload(file, size),
            {"Content-Type": kind},
            read=_nothing,
        )

    def _fetch(self, path: str, file: BinaryIO) -> None:
        def take(answer: Answer) -> bool:
            file.seek(0)
            file.truncate()
            while piece := answer.read(PIECE):
                file.write(piece)
            return True

        try:
            self._session.ask("GET", self._url(path), read=take, is_file=True)
        except RunlogError as error:
            if error.get_http_status_code() == 404:
                raise FileNotFoundError(f"{path} is not on {self._session.name}") from error
            raise
        file.seek(0)


class _Kept(SpooledTemporaryFile[bytes]):
    """A file that can still be read after whoever wrote it has closed it."""

    def close(self) -> None:
        self.flush()

    def __exit__(self, *_: object) -> None:
        self.close()

    def discard(self) -> None:
        super().close()


def _entry(path: str, info: FileInfo) -> dict[str, Any]:
    if info.is_dir:
        return {"name": path, "type": "directory", "size": 0}
    return {"name": path, "type": "file", "size": info.file_size or 0}


def _rest(info: FileInfo) -> tuple[bool, int | None]:
    return info.is_dir, info.file_size


def _size(staged: tuple[str, int] | BinaryIO) -> int:
    if isinstance(staged, tuple):
        return staged[1]
    at = staged.tell()
    size = staged.seek(0, os.SEEK_END)
    staged.seek(at)
    return size


def _nothing(answer: Answer) -> bool:
    answer.read()
    return True
