"""Our server with a store for each name: /<name>/... is served from <folder>/<name>/runlog.db.

Arguments: the folder. Prints the port, then serves until it is told to stop.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

from runlog.serve import create_app
from runlog.server import process
from runlog.store import open_store

OPEN = 4  # stores: a test uses one or two


class Stores:
    def __init__(self, folder: Path) -> None:
        self._folder, self._open, self._lock = folder, {}, threading.Lock()

    def __call__(self, environ, start_response):
        name = environ["PATH_INFO"].split("/")[1]
        with self._lock:
            application = self._application(name)
        return application(environ, start_response)

    def _application(self, name):
        if name not in self._open:
            while len(self._open) >= OPEN:
                self._open.pop(next(iter(self._open)))[0].close()
            store = open_store(str(self._folder / name / "runlog.db"))
            may = {"allow_local_locations": True, "allowed_locations": ("s3://bucket",)}
            app = create_app(store, static_prefix=name, **may)
            self._open[name] = store, app
        return self._open[name][1]


def application(config, *_):
    return Stores(Path(sys.argv[1]))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "none").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    print(port, flush=True)
    process.serve(process.Config(str(folder / "none" / "runlog.db"), port=port), application)
