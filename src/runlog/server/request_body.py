"""Reading what a request says: its JSON or its query string, within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from runlog.errors import BadRequest, InvalidParameter, RunlogError
from runlog.protocol import codecs
from runlog.server import connections, traffic
from runlog.server.addresses import plain

MAX_JSON = 32 * 2**20  # a data set's profile alone may have 16 MB
MAX_QUERY_FIELDS = 1_000
PIECE = 2**16
BROKEN_SECONDS = (0.05, 0.1, 0.2, 0.3)  # between looks for a broken connection


def fields(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a request, from its query string or, where it has one, its JSON body. Of
    a GET the body counts where there is no query string, whatever its type, as on MLflow's servers.
    """
    verb = environ["REQUEST_METHOD"]
    asks = verb in ("GET", "HEAD")
    if asks and environ.get("QUERY_STRING"):
        return query(environ)
    body = b"".join(pieces(environ, MAX_JSON))
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not asks and (body or verb != "DELETE"):
        raise BadRequest(f"Content-Type must be application/json, not {kind[:100]!r}")
    if verb == "DELETE" and not body:
        return query(environ)
    return _object(body) if body else {}


def _object(body: bytes) -> Mapping[str, Any]:
    given = codecs.parse(body)
    if isinstance(given, str):  # JSON within JSON, which MLflow's servers take
        given = codecs.parse(given)
    if given is None or given == []:  # how R and PHP write an object without fields
        return {}
    if not isinstance(given, dict):
        raise InvalidParameter("the body of the request must be a JSON object")
    return given


def query(environ: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the query string; one that is repeated is a list."""
    try:
        pairs = parse_qsl(
            environ.get("QUERY_STRING", ""),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError as error:
        raise InvalidParameter(f"the query string cannot be read: {error}") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def length(environ: Mapping[str, Any]) -> int | None:
    """Return the Content-Length; None for a body that is sent in chunks. Raises BadRequest."""
    text = environ.get("CONTENT_LENGTH") or ""
    chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
    if not text:
        return None if chunked or environ.get("wsgi.input_terminated") else 0
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest(f"Content-Length {text[:40]!r} is not a number")
    return int(text)


def pieces(environ: Mapping[str, Any], most: int | None = None) -> Iterator[bytes]:
    """Yield the body, piece by piece. Raises RunlogError when it is longer than `most`, ends early
    (half a file must not be taken for a whole one), or when too many bodies are waited for."""
    expected = length(environ)
    if expected == 0:
        return
    if most is not None and expected is not None and expected > most:
        raise _too_long(most)
    read, request, seen = environ["wsgi.input"].read, traffic.of(environ), 0
    if request is not None:
        request.traffic.check(request)
    while expected is None or seen < expected:
        size = PIECE if expected is None else min(PIECE, expected - seen)
        if request is None:
            piece = read(size)
        else:
            request.traffic.wait(request)
            try:
                piece = read(size)
            finally:
                request.traffic.resume(request)
        if not piece:
            break
        seen += len(piece)
        if most is not None and seen > most:
            raise _too_long(most)
        yield piece
    if expected is None:
        _check_end(environ, seen)
    elif seen < expected:
        raise BadRequest(f"the body ended after {seen} of {expected} bytes")


def _check_end(environ: Mapping[str, Any], seen: int) -> None:
    """Raise BadRequest if a body in chunks has broken off, which the WSGI server does not tell from
    one that has ended. A connection of another client, of the same address, may be the broken one,
    but those go away soon, while this one stays until it is answered."""
    if not environ.get("SERVER_PORT", "").isdigit():
        return
    address, port = plain(environ.get("REMOTE_ADDR", "")), int(environ["SERVER_PORT"])
    for seconds in BROKEN_SECONDS:
        if not connections.broken(address, port):
            return
        time.sleep(seconds)
    raise BadRequest(f"the body broke off after {seen} bytes: send it again")


def _too_long(most: int) -> RunlogError:
    return InvalidParameter(f"the body is too long: at most {most} bytes are read here")
