"""Requests of MLflow's REST protocol, answered by runlog's server application in this process: no
socket, no other process."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from runlog import tracking_uri
from runlog.client import RunlogClient
from runlog.errors import InvalidParameter
from runlog.server.app import create_app

SCHEME = "runlog:"


def location(uri: str) -> str:
    """Return the tracking URI of runlog's that follows `runlog:`, `runlog://x.db` for example.
    Raises InvalidParameter if it is empty."""
    path = uri.removeprefix(SCHEME)
    path = path.removeprefix("//") if path.startswith("//") else path
    if not path or not uri.startswith(SCHEME):
        raise InvalidParameter(
            f"tracking URI {uri!r} names no file: use runlog:///path/x.db, or runlog:x.db for a "
            "file in the working directory"
        )
    return path


class Channel:
    """Sends requests to the application over the store at a `runlog:` URI, which is created in
    the process that uses it."""

    def __init__(self, uri: str) -> None:
        self._uri = tracking_uri.absolute(location(uri))
        self.client = RunlogClient(self._uri)
        self._app: Any = None
        self._process = 0
        self._lock = threading.Lock()

    def send(self, verb: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        """Return the status and the JSON of the answer to a request."""
        data = b"" if verb == "GET" else json.dumps(body or {}).encode()
        environ = {
            "REQUEST_METHOD": verb,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": urlencode(body or {}, doseq=True) if verb == "GET" else "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        begun: list[str] = []
        pieces = self._application()(environ, lambda status, *_: begun.append(status))
        try:
            content = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        return int(begun[0].partition(" ")[0]), json.loads(content or b"{}")

    def _application(self) -> Any:
        with self._lock:
            if self._app is None or self._process != os.getpid():
                store = tracking_uri.store(self._uri)
                self._app, self._process = (
                    create_app(store, allow_local_locations=True),
                    os.getpid(),
                )
            return self._app
