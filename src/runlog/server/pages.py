"""The web pages: the built front end, from memory, compressed ahead and cached for good.

Every page is one document, index.html; its script reads the address. Its `<base>` leads back to the
application's root by the depth of the address, so the pages work below any path of a proxy. The
documents hold nothing of the store, only who is logged in: what is secret comes through the API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from bottle import response

from runlog import html_page
from runlog.errors import RunlogError
from runlog.store import Store

FOLDER = Path(__file__).parents[1] / "ui"
ROUTES = (
    "/",
    "/experiments",
    "/experiments/<id>",
    "/experiments/<id>/models/<model>",
    "/runs/<id>",
    "/compare",
    "/models",
    "/models/<id>",
    "/models/<id>/versions/<version>",
)
# Without 'unsafe-inline' anywhere: styles of elements are set by script, as properties.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self'; frame-src 'self'; font-src 'self'; "
    "manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
NOT_BUILT = (
    "The web pages are not built: install Node 20 and runlog again, or npm run build in ui/.\n"
)
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
BASE, HEAD_END = b'<base href="./"', b"</head>"


class _Asset(NamedTuple):
    kind: str
    bodies: dict[str, bytes]  # by encoding; "" is none


class Pages:
    """The built files of a folder; `built` says whether there are any."""

    def __init__(self, folder: Path = FOLDER) -> None:
        index = folder / "index.html"
        self.built = index.is_file()
        note = folder / "not-built.txt"
        self.why_not = note.read_text() if note.is_file() else NOT_BUILT
        self._index = index.read_bytes() if self.built else b""
        self._assets = {
            path.name: _Asset(KINDS[path.suffix], _bodies(path))
            for path in (sorted((folder / "assets").iterdir()) if self.built else ())
            if path.suffix in KINDS
        }

    def document(self, environ: Any, route: str, session: str | None) -> bytes:
        """Return the page of an address in ROUTES. `session` saves the page from asking for it."""
        base = b'<base href="%s"' % (b"../" * (route.count("/") - 1) or b"./")
        body = self._index.replace(BASE, base)
        if session is not None:
            meta = f'<meta name="runlog-session" content="{escape(session)}">'
            body = body.replace(HEAD_END, meta.encode() + HEAD_END)
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        response.content_type = "text/html; charset=utf-8"
        response.set_header("Content-Security-Policy", POLICY)
        response.set_header("Cache-Control", "private, no-cache")
        response.set_header("ETag", tag)
        if environ.get("HTTP_IF_NONE_MATCH") == tag:
            response.status = 304
            return b""
        return body

    def asset(self, environ: Any, name: str) -> bytes:
        """Return a file that the documents name. Its name changes with its content."""
        found = self._assets.get(name)
        if found is None:
            raise RunlogError(f"no file {name[:100]!r} here: reload the page", "ENDPOINT_NOT_FOUND")
        accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
        encoding = next((each for each, _ in ENCODINGS if each in accepted), "")
        encoding = encoding if encoding in found.bodies else ""
        if encoding:
            response.set_header("Content-Encoding", encoding)
        response.set_header("Vary", "Accept-Encoding")
        response.set_header("Cache-Control", "public, max-age=31536000, immutable")
        response.content_type = found.kind
        return found.bodies[encoding]


def saved_runs(store: Store, run_ids: Sequence[str]) -> bytes:
    """Return runs as one HTML file, to be saved."""
    body = html_page.document(store, run_ids).encode()
    name = "run" if len(run_ids) == 1 else f"{len(run_ids)}-runs"
    response.content_type = "text/html; charset=utf-8"
    response.set_header(
        "Content-Disposition", f'attachment; filename="{name}-{run_ids[0][:8]}.html"'
    )
    response.set_header("Content-Security-Policy", "sandbox allow-scripts allow-downloads")
    response.set_header("Cache-Control", "no-store")
    return body


def _bodies(path: Path) -> dict[str, bytes]:
    found = {"": path.read_bytes()}
    for encoding, suffix in ENCODINGS:
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            found[encoding] = compressed.read_bytes()
    return found
