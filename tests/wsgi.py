"""Calls a WSGI application in this process, and checks on the way that both keep to WSGI."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from runlog.http.transport import Upload


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    app: Any,
    verb: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> Answer:
    """`body` goes as it is when it is bytes, and as JSON otherwise. The path is not quoted."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": verb,
        "PATH_INFO": path.encode().decode("latin-1"),
        "SCRIPT_NAME": "",
        "QUERY_STRING": query,
        "HTTP_HOST": "127.0.0.1",
        "wsgi.input": io.BytesIO(data),
    }
    if data or verb not in ("GET", "HEAD"):
        environ["CONTENT_LENGTH"] = str(len(data))
        environ["CONTENT_TYPE"] = "application/json"
    for name, value in (headers or {}).items():
        name = name.upper().replace("-", "_")
        environ[name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"] = value
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start(status: str, given: list[tuple[str, str]], failure: Any = None) -> Any:
        started[:] = [status, given]
        return lambda data: None

    pieces = validator(app)(environ, start)
    try:
        content = b"".join(pieces)
    finally:
        pieces.close()
    status, given = started
    return Answer(int(status[:3]), {name.lower(): value for name, value in given}, content)


class WsgiTransport:
    """Carries an HttpStore's requests to an application in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def send(
        self,
        verb: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Upload | None,
        seconds: float | None = None,
    ) -> _Said:
        path, _, query = target.partition("?")
        data = body.file.read(body.size) if isinstance(body, Upload) else body or b""
        answer = call(self._app, verb, unquote(path), data, headers, query)
        return _Said(answer.status, CaseInsensitive(answer.headers), io.BytesIO(answer.body))

    def close(self) -> None: ...


class CaseInsensitive(dict[str, str]):
    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)


class _Said(NamedTuple):
    status: int
    headers: CaseInsensitive
    content: io.BytesIO

    def read(self, size: int | None = None) -> bytes:
        return self.content.read(size)

    def close(self) -> None: ...
