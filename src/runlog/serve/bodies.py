"""Reading what a request says: its JSON or its query string, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from runlog.errors import BadRequest, InvalidParameter, RunlogError
from runlog.protocol import wire

MAX_JSON = 32 * 2**20  # a data set's profile alone may have 16 MB
MAX_QUERY_FIELDS = 1_000
PIECE = 2**16


def fields(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a request, from its query string or, where it has one, its JSON body."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
        return query(environ)
    body = b"".join(pieces(environ, MAX_JSON))
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (body or environ["REQUEST_METHOD"] != "DELETE"):
        raise BadRequest(f"Content-Type must be application/json, not {kind[:100]!r}")
    if not body:
        return {}
    given = wire.parse(body)
    if isinstance(given, str):  # JSON within JSON, which MLflow's servers take
        given = wire.parse(given)
    if not isinstance(given, dict):
        raise InvalidParameter("the body of the request must be a JSON object")
    return given


def query(environ: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the query string; one that is repeated is a list."""
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
    """The Content-Length; None for a body that is sent in chunks. Raises BadRequest."""
    text = environ.get("CONTENT_LENGTH") or ""
    chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
    if not text:
        return None if chunked or environ.get("wsgi.input_terminated") else 0
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest(f"Content-Length {text[:40]!r} is not a number")
    return int(text)


def pieces(environ: Mapping[str, Any], most: int | None = None) -> Iterator[bytes]:
    """The body, piece by piece. Raises RunlogError when it is longer than `most` or ends early:
    half a file must not be taken for a whole one."""
    expected = length(environ)
    if most is not None and expected is not None and expected > most:
        raise _too_long(most)
    stream, seen = environ["wsgi.input"], 0
    while expected is None or seen < expected:
        piece = stream.read(PIECE if expected is None else min(PIECE, expected - seen))
        if not piece:
            break
        seen += len(piece)
        if most is not None and seen > most:
            raise _too_long(most)
        yield piece
    if expected is not None and seen < expected:
        raise BadRequest(f"the body ended after {seen} of {expected} bytes")


def _too_long(most: int) -> RunlogError:
    return InvalidParameter(f"the body is too long: at most {most} bytes are read here")
