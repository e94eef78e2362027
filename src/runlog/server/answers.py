"""What the server answers with: texts, JSON, errors, and the headers of every answer."""

from __future__ import annotations

import gzip
import sys
import traceback
from collections.abc import Collection
from typing import Any

from bottle import request, response

from runlog.errors import RunlogError, StoreError
from runlog.printable import plain_lines
from runlog.protocol import codecs
from runlog.server import cross_site

JSON = "application/json"
COMPRESSED_FROM, COMPRESSION = 1024, 2  # bytes, zlib's level: 5 takes twice the time for 12 % less


def text(body: str) -> bytes:
    """Return a plain text as the body of the answer."""
    response.content_type = "text/plain; charset=utf-8"
    return body.encode()


def json(value: Any) -> bytes:
    """Return a value as the body of the answer."""
    return json_text(codecs.dump(value))


def json_text(body: str) -> bytes:
    """Return what is JSON already as the body of the answer."""
    response.content_type = JSON
    return body.encode()


def compressed(body: bytes) -> bytes:
    """Return JSON or HTML of some size smaller where the client takes it so: tables to less than
    half. Anything else stays what it is."""
    if len(body) < COMPRESSED_FROM or "Content-Encoding" in response.headers:
        return body
    if response.content_type.partition(";")[0] not in (JSON, "text/html"):
        return body
    response.set_header("Vary", "Accept-Encoding")
    if "gzip" not in request.environ.get("HTTP_ACCEPT_ENCODING", ""):
        return body
    response.set_header("Content-Encoding", "gzip")
    return gzip.compress(body, COMPRESSION, mtime=0)


def set_headers(allowed_origins: Collection[str], request_id: str) -> None:
    """Set the headers that every answer has."""
    headers = response.headers.dict  # Bottle's own spelling costs 10 us for five names
    for name, value in cross_site.HEADERS.items():
        headers.setdefault(name, [value])
    for name, value in cross_site.cors_headers(request.environ, allowed_origins).items():
        response.set_header(name, value)
    if request_id:
        headers["X-Request-Id"] = [request_id]


def of_error(error: RunlogError, root: str, request_id: str) -> bytes:
    """Return what a client is told of an error. The artifact root `root` is left out."""
    message = error.message
    if isinstance(error, StoreError):  # it names the server's files
        _report(request_id, message)
        message = (
            "the server's database cannot do this now: the server's log says why, for request "
            f"{request_id}"
        )
    response.status = error.get_http_status_code()
    # A browser would ask for a password itself, before the page that sent this could.
    if response.status_code == 401 and request.environ.get("HTTP_SEC_FETCH_DEST") != "empty":
        response.set_header("WWW-Authenticate", 'Basic realm="runlog"')
    return error_body(error.error_code, message.replace(root, "artifacts"))


def of_failure(error: Exception, request_id: str) -> bytes:
    """Return what a client is told of an exception that nobody foresaw, and log all of it."""
    _report(request_id, "".join(traceback.format_exception(error)))
    response.status = 500
    return error_body(
        "INTERNAL_ERROR", f"the server failed: its log says how, for request {request_id}"
    )


def error_body(code: str, message: str) -> bytes:
    """Return an error as MLflow's servers write it."""
    return json({"error_code": code, "message": message})


def _report(request_id: str, lines: str) -> None:
    print(f"runlog: request {request_id}: {plain_lines(lines)}", file=sys.stderr, flush=True)
