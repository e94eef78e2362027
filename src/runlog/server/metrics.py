"""What an operator sees: counts and times of requests for Prometheus, and the access log."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

ACTIVE, STARTED, FIRST, WIDTH = 0, 1, 4, 4
SIZE = 8 * (FIRST + WIDTH * 4_000)  # bytes, of which a file takes as many as it uses


class Watch(NamedTuple):
    """A request on its way."""

    request_id: str
    environ: Mapping[str, Any]
    started: float


class Counts:
    """Requests by endpoint and status, of all processes of a server that have the same `folder`:
    each keeps its sums in a file there, which outlives it, and whoever is asked reads all of them.
    Without a folder a process counts alone.

    A file holds doubles: requests on their way, the time of the start, and from FIRST on for each
    endpoint and status the number of the endpoint, the status, how many, and their seconds.
    """

    def __init__(self, folder: str = "") -> None:
        self._lock = threading.Lock()
        self._folder = folder
        self._names: list[str] = []  # the same in every process, which make the same application
        self._places: dict[tuple[int, int], int] = {}
        self._cells = _cells(os.path.join(folder, str(os.getpid())) if folder else "")
        self._cells[STARTED] = time.time()

    def endpoint(self, name: str) -> int:
        """Return the number of an endpoint, for `finish`."""
        self._names.append(name)
        return len(self._names)

    def start(self, environ: Mapping[str, Any]) -> Watch:
        """Note that a request came in; it keeps the id that a proxy gave it."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        is_plain = 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum()
        with self._lock:
            self._cells[ACTIVE] += 1
        request_id = given if is_plain else os.urandom(8).hex()
        return Watch(request_id, environ, time.perf_counter())

    def finish(self, watch: Watch, endpoint: int, status: int) -> None:
        """Note that it was answered."""
        seconds = time.perf_counter() - watch.started
        with self._lock:
            self._cells[ACTIVE] -= 1
            at = self._places.get((endpoint, status)) or self._new_cell(endpoint, status)
            self._cells[at + 2] += 1
            self._cells[at + 3] += seconds

    def _new_cell(self, endpoint: int, status: int) -> int:
        at = FIRST + WIDTH * len(self._places)
        self._places[endpoint, status] = at
        self._cells[at + 1] = status
        self._cells[at] = endpoint
        return at

    def exposition(self) -> str:
        """Return the counts in Prometheus' text format."""
        active, started, sums = 0.0, self._cells[STARTED], dict[tuple[str, int], list[float]]()
        for pid, cells in self._all():
            active += cells[ACTIVE] if _lives(pid) else 0
            started = min(started, cells[STARTED])
            for at in range(FIRST, len(cells), WIDTH):
                if not cells[at]:
                    break
                key = (self._names[int(cells[at]) - 1], int(cells[at + 1]))
                found = sums.setdefault(key, [0, 0])
                found[0] += cells[at + 2]
                found[1] += cells[at + 3]
        requests = [(_labels(*key), *found) for key, found in sorted(sums.items())]
        lines = [_head("requests_total", "Requests answered, by endpoint and status.", "counter")]
        lines += [f"runlog_requests_total{labels} {count:.0f}\n" for labels, count, _ in requests]
        lines += [_head("request_seconds_total", "Seconds spent on requests.", "counter")]
        lines += [
            f"runlog_request_seconds_total{labels} {seconds:.6f}\n"
            for labels, _, seconds in requests
        ]
        lines += [_head("requests_active", "Requests being answered.", "gauge")]
        lines += [f"runlog_requests_active {active:.0f}\n"]
        lines += [_head("start_time_seconds", "When the server started, Unix time.", "gauge")]
        lines += [f"runlog_start_time_seconds {started:.3f}\n"]
        return "".join(lines)

    def _all(self) -> Iterator[tuple[int, Sequence[float]]]:
        if not self._folder:
            yield os.getpid(), self._cells
            return
        for name in os.listdir(self._folder):
            with open(os.path.join(self._folder, name), "rb") as file:
                data = file.read()
            if len(data) == SIZE:  # or it is just being made
                yield int(name), memoryview(data).cast("d")


def _cells(path: str) -> memoryview[float]:
    """Return doubles of this process, in a file that others can read, if there is a path."""
    if not path:
        return memoryview(bytearray(SIZE)).cast("d")
    from mmap import mmap

    with open(path, "w+b") as file:
        file.truncate(SIZE)
        return memoryview(mmap(file.fileno(), SIZE)).cast("d")


def _lives(pid: int) -> bool:
    if os.name != "posix":  # where asking would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _head(name: str, text: str, kind: str) -> str:
    return f"# HELP runlog_{name} {text}\n# TYPE runlog_{name} {kind}\n"


def _labels(endpoint: str, status: int) -> str:
    return f'{{endpoint="{endpoint}",status="{status}"}}'


def version() -> str:
    """Return this runlog's version."""
    from runlog._version import __version__

    return __version__


def greeting() -> str:
    """Return what the front page says."""
    return (
        f"runlog {version()}: an experiment tracking server that speaks MLflow's REST API.\n"
        "Point a client here: MLFLOW_TRACKING_URI or RUNLOG_TRACKING_URI is this address.\n"
        "The API is described at /openapi.json.\n"
    )


def line(watch: Watch, endpoint: str, status: int) -> str:
    """Return a request as a line of the access log."""
    environ = watch.environ
    said = {
        "time": round(time.time(), 3),
        "request_id": watch.request_id,
        "client": environ.get("REMOTE_ADDR", ""),
        "verb": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", "")[:500],
        "endpoint": endpoint,
        "status": status,
        "ms": round((time.perf_counter() - watch.started) * 1000, 3),
    }
    return json.dumps(said)
