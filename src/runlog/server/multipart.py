"""Uploads in parts: a client sends the parts of a large file in requests of their own, several at
a time, and then says that these are all. MLflow's clients do so above 500 MB.

Where the server keeps artifacts on its disk, parts wait in a hidden folder of the artifact root, so
any process of the server takes them, and moving the whole into place is as for any other file. To a
bucket that speaks S3 clients send them themselves, at addresses that the server signs. Elsewhere
there are no such uploads: the server would have to keep the file twice.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, NotFound, RunlogError
from runlog.protocol.file_endpoints import UploadedPart
from runlog.protocol.limits import MAX_PARTS
from runlog.protocol.rows import ARTIFACTS
from runlog.storage.errors import explained
from runlog.storage.parts import Parts
from runlog.storage.paths import HIDDEN, parse

SILENT_SECONDS = 86_400  # after which nobody is expected to go on
PIECE = 2**20
_FOLDER = re.compile(re.escape(HIDDEN) + "[0-9a-f]{32}")
_ETAG = re.compile('"?([0-9a-f]{64})"?')

Environ = Mapping[str, Any]


class Begun(NamedTuple):
    """An upload that can be sent: its id, the addresses of its parts, and the headers that each
    part is to be sent with."""

    upload_id: str
    urls: list[str]
    headers: dict[str, str]


class Uploads(Protocol):
    """Unfinished uploads. They are `offered` to all clients, or open to those that ask."""

    offered: bool

    def begin(self, path: str, count: int, environ: Environ) -> Begun:
        """Return a new upload to `path`, in that many parts, and where to send each."""

    def put(self, path: str, upload_id: str, number: int, pieces: Iterable[bytes]) -> str:
        """Take a part, and return its digest. One that comes twice may differ: both are kept."""

    def finish(self, path: str, upload_id: str, parts: Sequence[UploadedPart]) -> None:
        """Make the parts the content of the file. Raises InvalidParameter unless all of them have
        arrived."""

    def abort(self, path: str, upload_id: str) -> None:
        """Forget an upload. One that is not there is fine."""


def uploads_to(repo: ArtifactRepo, prefix: str) -> Uploads | None:
    """Return how parts come to a repository, for a server whose paths begin with `prefix`; None
    where it takes none."""
    address = parse(repo.uri)
    if address.scheme == "file":
        return ToDisk(repo, address.path, prefix)
    parts = repo.parts
    return None if parts is None else ToBucket(parts)


class ToBucket:
    """Uploads whose parts do not pass the server, for clients that can reach the bucket: whether
    they can, only they know, and MLflow's have no second way once an upload has begun."""

    offered = False

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def begin(self, path: str, count: int, environ: Environ) -> Begun:
        _check_count(count)
        upload_id = self._parts.begin(path)
        urls = [self._parts.address(path, upload_id, number + 1) for number in range(count)]
        return Begun(upload_id, urls, {})

    def put(self, path: str, upload_id: str, number: int, pieces: Iterable[bytes]) -> str:
        raise InvalidParameter("parts are sent to the addresses that the upload began with")

    def finish(self, path: str, upload_id: str, parts: Sequence[UploadedPart]) -> None:
        _check_order(parts)
        self._parts.finish(path, upload_id, [(part.part_number, part.etag) for part in parts])

    def abort(self, path: str, upload_id: str) -> None:
        self._parts.abort(path, upload_id)


class ToDisk:
    """Uploads to a repository on the local disk, whose folder is `root`."""

    offered = True

    def __init__(self, repo: ArtifactRepo, root: str, prefix: str) -> None:
        self._repo, self._root, self._prefix = repo, root, prefix

    def begin(self, path: str, count: int, environ: Environ) -> Begun:
        _check_count(count)
        address = address_of(environ, self._prefix, path)
        self._forget_silent()
        upload_id = os.urandom(16).hex()
        with explained("write", path):
            os.makedirs(self._folder(path, upload_id))
        # Clients send there what they are told and nothing else, so they are told again how they
        # have logged in.
        authorization = environ.get("HTTP_AUTHORIZATION")
        queries = [
            urlencode({"upload_id": upload_id, "part_number": number + 1})
            for number in range(count)
        ]
        return Begun(
            upload_id,
            [f"{address}?{query}" for query in queries],
            {"Authorization": authorization} if authorization else {},
        )

    def put(self, path: str, upload_id: str, number: int, pieces: Iterable[bytes]) -> str:
        _check_count(number)
        folder = self._begun(path, upload_id)
        partial = os.path.join(folder, HIDDEN + os.urandom(8).hex())
        digest = sha256()
        with explained("write", path):
            try:
                with open(partial, "wb") as file:
                    for piece in pieces:
                        file.write(piece)
                        digest.update(piece)
                os.replace(partial, os.path.join(folder, f"{number}-{digest.hexdigest()}"))
            except BaseException:
                if os.path.exists(partial):
                    os.unlink(partial)
                raise
        return digest.hexdigest()

    def finish(self, path: str, upload_id: str, parts: Sequence[UploadedPart]) -> None:
        folder = self._begun(path, upload_id)
        files = [_arrived(folder, part) for part in parts]
        _check_order(parts)
        self._repo.write(path, _joined(files))
        shutil.rmtree(folder, ignore_errors=True)

    def abort(self, path: str, upload_id: str) -> None:
        shutil.rmtree(self._folder(path, upload_id), ignore_errors=True)

    def _folder(self, path: str, upload_id: str) -> str:
        # An id is good for its own path only, and cannot be read off the disk.
        digest = sha256(f"{upload_id}/{path}".encode()).hexdigest()
        return os.path.join(self._root, HIDDEN + digest[:32])

    def _begun(self, path: str, upload_id: str) -> str:
        folder = self._folder(path, upload_id)
        if not os.path.isdir(folder):
            raise NotFound(
                f"no upload {upload_id[:100]!r} to {path[:500]!r}: it was completed, or aborted, "
                "or has been silent for a day. Begin anew"
            )
        return folder

    def _forget_silent(self) -> None:
        before = time.time() - SILENT_SECONDS
        try:
            found = [each.path for each in os.scandir(self._root) if _FOLDER.fullmatch(each.name)]
        except FileNotFoundError:  # nothing was uploaded yet
            return
        for folder in found:
            try:
                if os.stat(folder).st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                pass


def _check_count(number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise InvalidParameter(f"an upload has 1 to {MAX_PARTS} parts, not {number}")


def _check_order(parts: Iterable[UploadedPart]) -> None:
    numbers = [part.part_number for part in parts]
    if not numbers or numbers != sorted(set(numbers)):
        raise InvalidParameter(
            f"the parts of an upload must be in order, each once, and at least one: {numbers}"
        )


def _arrived(folder: str, part: UploadedPart) -> str:
    etag = _ETAG.fullmatch(part.etag)
    path = os.path.join(folder, f"{part.part_number}-{etag[1]}") if etag else ""
    if not os.path.isfile(path):
        raise InvalidParameter(
            f"part {part.part_number} with the etag {part.etag[:100]!r} has not arrived: send it "
            "again, and name the etag that is answered"
        )
    return path


def _joined(files: Iterable[str]) -> Iterator[bytes]:
    for path in files:
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                yield piece


def address_of(environ: Mapping[str, Any], prefix: str, path: str) -> str:
    """Return where the client may send the parts of a file. A proxy that does not say how the
    client sees the server, or may have let it in by itself, makes that unknowable: the file is
    better sent in one request."""
    scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").lower()
    host = environ["HTTP_HOST"]
    by_proxy = any(environ.get(f"HTTP_{name}") for name in ("X_FORWARDED_FOR", "FORWARDED", "VIA"))
    if by_proxy and (
        scheme not in ("http", "https")
        or environ.get("HTTP_X_FORWARDED_HOST", host) != host
        or not environ.get("HTTP_AUTHORIZATION")
    ):
        raise not_supported("Multipart upload")
    if scheme not in ("http", "https"):
        scheme = environ["wsgi.url_scheme"]
    return f"{scheme}://{host}{prefix}{ARTIFACTS[0]}mpu/part/{quote(path)}"


def not_supported(what: str) -> RunlogError:
    """Return the refusal whose words MLflow's client knows; it then sends the file in one
    request."""
    return RunlogError(
        f"{what} is not supported for the current artifact repository: transfer the file "
        "through the server in one request",
        "NOT_IMPLEMENTED",
    )
