"""DBFS, as far as its REST interface is documented (API 2.0): no server of Databricks's own can run
here. Written for the tests, so what it shares with the real one is the documentation alone.

Run as a program, it serves a folder: dbfs_api.py FOLDER PORT CERTIFICATE KEY
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

TOKEN = "dapi-example"
MOST = 2**20  # bytes that one request reads or writes
AT_ONCE = 20  # files that one request deletes


class Refused(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class Files:
    """A method for each endpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.handles: dict[int, Path] = {}
        self.numbers = count(1)

    def place(self, path: str, exists: bool = False) -> Path:
        if not path.startswith("/"):
            raise Refused("INVALID_PARAMETER_VALUE")
        place = self.folder / path[1:]
        if exists and not place.exists():
            raise Refused("RESOURCE_DOES_NOT_EXIST", 404)
        return place

    def facts(self, place: Path) -> dict[str, Any]:
        is_dir = place.is_dir()
        path = f"/{place.relative_to(self.folder)}"
        return {"path": path, "is_dir": is_dir, "file_size": 0 if is_dir else place.stat().st_size}

    def create(self, path: str, overwrite: bool = False) -> dict[str, Any]:
        place = self.place(path)
        if place.is_dir() or (place.exists() and not overwrite):
            raise Refused("RESOURCE_ALREADY_EXISTS")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
        handle = next(self.numbers)
        self.handles[handle] = place
        return {"handle": handle}

    def add_block(self, handle: int, data: str) -> dict[str, Any]:
        block = base64.b64decode(data)
        if handle not in self.handles:
            raise Refused("RESOURCE_DOES_NOT_EXIST", 404)
        if len(block) > MOST:
            raise Refused("MAX_BLOCK_SIZE_EXCEEDED")
        with open(self.handles[handle], "ab") as file:
            file.write(block)
        return {}

    def close(self, handle: int) -> dict[str, Any]:
        if self.handles.pop(handle, None) is None:
            raise Refused("RESOURCE_DOES_NOT_EXIST", 404)
        return {}

    def read(self, path: str, offset: int, length: int) -> dict[str, Any]:
        place = self.place(path, exists=True)
        if place.is_dir() or offset < 0 or length < 0:
            raise Refused("INVALID_PARAMETER_VALUE")
        if length > MOST:
            raise Refused("MAX_READ_SIZE_EXCEEDED")
        with open(place, "rb") as file:
            file.seek(offset)
            data = file.read(length)
        return {"bytes_read": len(data), "data": base64.b64encode(data).decode()}

    def list(self, path: str) -> dict[str, Any]:
        place = self.place(path, exists=True)
        found = sorted(place.iterdir()) if place.is_dir() else [place]
        return {"files": [self.facts(each) for each in found]} if found else {}

    def get_status(self, path: str) -> dict[str, Any]:
        return self.facts(self.place(path, exists=True))

    def mkdirs(self, path: str) -> dict[str, Any]:
        try:
            self.place(path).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Refused("RESOURCE_ALREADY_EXISTS") from None
        return {}

    def delete(self, path: str, recursive: bool = False) -> dict[str, Any]:
        place = self.place(path, exists=True)
        if not place.is_dir():
            place.unlink()
        elif not recursive and any(place.iterdir()):
            raise Refused("IO_ERROR")
        else:
            files = [each for each in place.rglob("*") if each.is_file()]
            for each in files[:AT_ONCE]:
                each.unlink()
            if len(files) > AT_ONCE:
                raise Refused("PARTIAL_DELETE", 503)
            shutil.rmtree(place)
        return {}

    def move(self, source_path: str, destination_path: str) -> dict[str, Any]:
        source, target = self.place(source_path, exists=True), self.place(destination_path)
        if target.exists():
            raise Refused("RESOURCE_ALREADY_EXISTS")
        os.rename(source, target)
        return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Files

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                raise Refused("PERMISSION_DENIED", 403)
            name = self.path.removeprefix("/api/2.0/dbfs/").replace("-", "_")
            status, answer = 200, getattr(self.files, name)(**json.loads(body))
        except Refused as error:
            status, answer = error.status, {"error_code": error.code, "message": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    folder, port, certificate, key = sys.argv[1:]
    Handler.files = Files(Path(folder))
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.serve_forever()
