"""Artifacts in and out of the server: lists, and files as streams that never lie in memory whole.

A browser must not run what a client has uploaded: everything leaves as an attachment, without
sniffing, in a sandbox.
"""

from __future__ import annotations

import mimetypes
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote

from bottle import request, response

from runlog.artifacts import ArtifactRepo, NoSuchFile
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, RunlogError
from runlog.server import cross_site, request_body
from runlog.server.locations import Allowed
from runlog.server.multipart import Uploads, not_supported, uploads_to
from runlog.storage import opening
from runlog.storage.paths import PROXIED, check_path
from runlog.store import Store

SANDBOX = "sandbox; default-src 'none'"
# A preview in a frame may run its own scripts, but is of no origin and reaches nothing: a plot.
STAGE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:"
)
# Browsers show a PDF in a viewer of their own, which no sandbox lets in; its scripts are not of our
# origin, and nothing else is taken for a PDF: types are not sniffed.
VIEWER = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
# Names, or what follows the last period of them, of texts for which there is no type, or not on
# every system.
TEXTS = frozenset("mlmodel mlproject cfg conf ini jsonl log ndjson toml yaml yml".split())
# What a page could load as code or style of its own; types are not sniffed.
CODE = frozenset(
    f"{group}/{name}"
    for group in ("text", "application")
    for name in "javascript x-javascript ecmascript x-ecmascript jscript livescript css".split()
)
MAX_ZIPPED, MAX_DEPTH = 100_000, 50  # files and directories: links may lead in a circle

Given = Mapping[str, Any]
Location = tuple[ArtifactRepo, str]  # a repository, and a path in it or ""


class BehindTheEnd(RunlogError):
    """A range that begins where the file has ended."""

    def get_http_status_code(self) -> int:
        """Return HTTP's own status for it, which no code of MLflow's has."""
        return 416


class Files:
    """The endpoints that move files, over a store and the artifacts that the server passes on."""

    def __init__(
        self, store: Store, artifacts: ArtifactRepo | None, may: Allowed, prefix: str = ""
    ) -> None:
        """`may` says which locations are opened, `prefix` is what a proxy puts before the server's
        paths."""
        self._store, self._proxied, self._may = store, artifacts, may
        self._uploads = None if artifacts is None else uploads_to(artifacts, prefix)

    @property
    def in_parts(self) -> bool:
        """Return whether clients should upload large files in parts."""
        return self._uploads is not None and self._uploads.offered

    def handlers(self) -> dict[str, Callable[[Given], Any]]:
        """Return the handlers by the names of their rows."""
        return {
            "listArtifacts": self._list_of_run,
            "listLoggedModelArtifacts": self._list_of_model,
            "listFiles": self._list_artifacts,
            "downloadFile": lambda given: _file_chunks(self._artifacts(), given["path"]),
            "uploadFile": self._upload,
            "deleteFile": self._delete,
            "getArtifact": self._get_of_run,
            "getLoggedModelArtifact": self._get_of_model,
            "getModelVersionArtifact": self._get_of_version,
            "uploadArtifact": self._upload_to_run,
            "createMultipartUpload": self._begin_upload,
            "uploadPart": self._upload_part,
            "completeMultipartUpload": self._finish_upload,
            "abortMultipartUpload": self._abort_upload,
            "getPresignedDownloadUrl": _not_supported("Presigned download"),
            "createPresignedDownloadUrl": _not_supported("Presigned download"),
            "createPresignedUploadUrl": _not_supported("Presigned upload"),
        }

    def _artifacts(self) -> ArtifactRepo:
        if self._proxied is None:
            raise RunlogError(
                "This server does not pass artifacts on: start it with --serve-artifacts",
                "TEMPORARILY_UNAVAILABLE",
            )
        return self._proxied

    def location(self, uri: str) -> Location:
        """Return where the artifacts at a URI of the store are."""
        if not uri.startswith(PROXIED):
            return self._open(uri), ""
        return self._artifacts(), uri[len(PROXIED) :].strip("/")

    def _open(self, uri: str) -> ArtifactRepo:
        if not opening.is_own(self._store, uri):
            self._may.check(uri)
        return ArtifactRepo(uri)

    def listing(self, uri: str, path: str | None) -> dict[str, Any]:
        """Return what is directly in a directory of the artifacts at `uri`."""
        repo, base = self.location(uri)
        below = _directory(path)
        found = repo.list(posixpath.join(base, below) or None)
        return {"root_uri": uri, "files": _relative(found, base)}

    def _list_of_run(self, given: Given) -> dict[str, Any]:
        uri = self._store.get_run(given["run_id"]).info.artifact_uri
        return self.listing(uri, given["path"])

    def _list_of_model(self, given: Given) -> dict[str, Any]:
        model = self._store.models.get(given["model_id"])
        return self.listing(model.artifact_location, given["path"])

    def _list_artifacts(self, given: Given) -> dict[str, Any]:
        directory = _directory(given["path"])
        return {"files": _relative(self._artifacts().list(directory or None), directory)}

    def _upload(self, given: Given) -> bytes:
        self._artifacts().write(check_path(given["path"]), request_body.pieces(request.environ))
        return _nothing()

    def _multipart(self) -> Uploads:
        self._artifacts()
        if self._uploads is None:
            raise not_supported("Multipart upload")
        return self._uploads

    def _begin_upload(self, given: Given) -> dict[str, Any]:
        path = _upload_path(given)
        begun = self._multipart().begin(path, given["num_parts"], request.environ)
        response.set_header("Cache-Control", "no-store")
        return {
            "upload_id": begun.upload_id,
            "credentials": [
                {"url": url, "part_number": number, "headers": begun.headers}
                for number, url in enumerate(begun.urls, 1)
            ],
        }

    def _upload_part(self, given: Given) -> bytes:
        path, body = check_path(given["path"]), request_body.pieces(request.environ)
        digest = self._multipart().put(path, given["upload_id"], given["part_number"], body)
        response.set_header("ETag", f'"{digest}"')
        return _nothing()

    def _finish_upload(self, given: Given) -> None:
        self._multipart().finish(_upload_path(given), given["upload_id"], given["parts"])

    def _abort_upload(self, given: Given) -> None:
        self._multipart().abort(_upload_path(given), given["upload_id"])

    def _delete(self, given: Given) -> bytes:
        self._artifacts().delete(check_path(given["path"]))
        response.content_type = "application/json"
        return b"{}"

    def _of_run(self, given: Given) -> Location:
        repo, base = self.location(self._store.get_run(given["run_id"]).info.artifact_uri)
        return repo, posixpath.join(base, check_path(given["path"] or ""))

    def _get_of_run(self, given: Given) -> Iterator[bytes]:
        return _send(*self._of_run(given), given["preview"])

    def _get_of_model(self, given: Given) -> Iterator[bytes]:
        model = self._store.models.get(given["model_id"])
        repo, base = self.location(model.artifact_location)
        return _send(repo, posixpath.join(base, check_path(given["path"])), given["preview"])

    def _get_of_version(self, given: Given) -> Iterator[bytes]:
        uri = self._store.registry.download_uri(given["name"], given["version"])
        repo, base = self.location(uri)
        return _file_chunks(repo, posixpath.join(base, check_path(given["path"])))

    def _upload_to_run(self, given: Given) -> bytes:
        repo, path = self._of_run(given)
        repo.write(path, request_body.pieces(request.environ))
        return _nothing()


def _nothing() -> bytes:
    response.content_type = "text/plain"  # not Bottle's HTML
    return b""


def _not_supported(what: str) -> Callable[[Given], Any]:
    def refuse(given: Given) -> Any:
        raise not_supported(what)

    return refuse


def _upload_path(given: Given) -> str:
    """Return the artifact that an upload in parts is to be: of the client's path, only the name
    counts."""
    name = given["file"].replace("\\", "/").rpartition("/")[2]
    return check_path(posixpath.join(_directory(given["path"]), name))


def _directory(path: str | None) -> str:
    return check_path(path.removesuffix("/")) if path and path not in (".", "./") else ""


def _relative(found: list[FileInfo], base: str) -> list[FileInfo]:
    start = len(base) + 1 if base else 0
    return [FileInfo(info.path[start:], info.is_dir, info.file_size) for info in found]


# -- sending --------------------------------------------------------------------------------


def _file_chunks(repo: ArtifactRepo, path: str) -> Iterator[bytes]:
    file = repo.open(check_path(path))
    try:
        size = file.seek(0, 2)
        start, end = _range(request.environ.get("HTTP_RANGE", ""), size)
        file.seek(start)
    except BaseException:
        file.close()
        raise
    _set_headers(posixpath.basename(path))
    response.set_header("Accept-Ranges", "bytes")
    response.set_header("Content-Length", str(end - start))
    if (start, end) != (0, size):
        response.status = 206
        response.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
    return _Pieces(file, end - start)


def _range(header: str, size: int) -> tuple[int, int]:
    """Start and end of what is asked for; all of it where the header is none that is understood,
    as HTTP wants it. Raises BehindTheEnd."""
    unit, _, text = header.partition("=")
    first, dash, last = text.strip().partition("-")
    digits = first + last
    if unit.strip().lower() != "bytes" or not dash or not digits.isdigit() or len(digits) > 40:
        return 0, size
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1 if last else size, size)
    if last and int(last) < int(first):
        return 0, size
    if start >= size:
        response.set_header("Content-Range", f"bytes */{size}")
        raise BehindTheEnd(f"range {header[:100]!r} is behind the end at {size}", "BAD_REQUEST")
    return start, end


class _Pieces:
    """An open file, piece by piece; the WSGI server closes it when the client is gone, too."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left = file, length

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(request_body.PIECE, self._left)) if self._left else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


def _set_headers(name: str) -> None:
    response.content_type = _type(name)
    response.set_header("Content-Disposition", f"attachment; {_filename(name)}")
    response.set_header("Content-Security-Policy", SANDBOX)


def _type(name: str) -> str:
    if name.rpartition(".")[2].lower() in TEXTS:
        return "text/plain"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return "text/plain" if kind in CODE else kind


def _filename(name: str) -> str:
    """Return the name in both of HTTP's forms: `curl -OJ` and old clients read the first alone."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%]', "_", plain)
    first = f'filename="{plain}"; ' if plain else ""
    return f"{first}filename*=UTF-8''{quote(name, safe='')}"


# -- directories ----------------------------------------------------------------------------


def _send(repo: ArtifactRepo, path: str, preview: bool) -> Iterator[bytes]:
    """A file, to be shown in a page where it is a preview; of a directory, an archive."""
    try:
        sent = _file_chunks(repo, path)
        if preview and cross_site.is_within_a_page(request.environ):
            response.set_header("Content-Disposition", "inline")
            is_pdf = response.content_type == "application/pdf"
            response.set_header("Content-Security-Policy", VIEWER if is_pdf else STAGE)
        return sent
    except (NoSuchFile, InvalidParameter):
        if not repo.list(path):
            raise
    return _send_zip(repo, path)


def _send_zip(repo: ArtifactRepo, path: str) -> Iterator[bytes]:
    _set_headers(posixpath.basename(path) + ".zip")
    return _zipped(repo, path)


class _Sink:
    """Takes what is written to an archive until it is sent. Without `tell` and `seek`, zipfile
    writes an archive that needs neither."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def _zipped(repo: ArtifactRepo, path: str) -> Iterator[bytes]:
    from zipfile import ZIP_DEFLATED, ZipFile

    sink: Any = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        for info in _below(repo, path):
            name = info.path[len(path) + 1 :]
            with repo.open(info.path) as file, archive.open(name, "w", force_zip64=True) as entry:
                while piece := file.read(request_body.PIECE):
                    entry.write(piece)
                    yield sink.take()
    yield sink.take()


def _below(repo: ArtifactRepo, path: str) -> Iterator[FileInfo]:
    waiting, seen = [path], 0
    while waiting:
        for info in repo.list(waiting.pop()):
            seen += 1
            if seen > MAX_ZIPPED:
                return
            if not info.is_dir:
                yield info
            elif info.path.count("/") - path.count("/") < MAX_DEPTH:
                waiting.append(info.path)
