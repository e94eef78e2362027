"""Requests to an application in the same process, as a client or a browser would send them."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any, NamedTuple
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    app, verb: str, path: str, given: Any = None, *, origin: str = "", **headers: str
) -> Answer:
    """What the application answers. `given` becomes the query string, or else a JSON body; headers
    are named as in WSGI, with REMOTE_ADDR among them."""
    path, _, query = path.partition("?")
    body = b""
    environ = {"REQUEST_METHOD": verb, "PATH_INFO": path, "SCRIPT_NAME": "", **headers}
    environ.setdefault("HTTP_HOST", "localhost:5000")
    if verb == "GET":
        query = query or urlencode(given or {}, doseq=True)
    elif isinstance(given, bytes):
        body = given
    elif given is not None:
        body = json.dumps(given).encode()
        environ.setdefault("CONTENT_TYPE", "application/json")
    environ.update({"QUERY_STRING": query, "CONTENT_LENGTH": str(len(body))})
    environ["wsgi.input"] = io.BytesIO(body)
    environ.setdefault("REMOTE_ADDR", "127.0.0.1")
    if origin:
        environ["HTTP_ORIGIN"] = origin
    setup_testing_defaults(environ)
    said: list[Any] = []
    pieces = validator(app)(
        environ, lambda status, headers, error=None: said.extend((status, headers))
    )
    try:
        content = b"".join(pieces)
    finally:
        pieces.close()
    return Answer(int(said[0][:3]), {name.lower(): value for name, value in said[1]}, content)


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
