"""What an operator sees: counts and times of requests for Prometheus, and the access log."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple


class Watch(NamedTuple):
    """A request on its way."""

    request_id: str
    environ: Mapping[str, Any]
    started: float


class Counts:
    """Requests of this process by endpoint and status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, int], list[float]] = {}  # count, seconds
        self._started = time.time()
        self._active = 0

    def start(self, environ: Mapping[str, Any]) -> Watch:
        """Notes that a request came in; it keeps the id that a proxy gave it."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        is_plain = 0 < len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum()
        with self._lock:
            self._active += 1
        request_id = given if is_plain else os.urandom(8).hex()
        return Watch(request_id, environ, time.perf_counter())

    def finish(self, watch: Watch, endpoint: str, status: int) -> None:
        """Notes that it was answered."""
        seconds = time.perf_counter() - watch.started
        with self._lock:
            self._active -= 1
            sums = self._requests.setdefault((endpoint, status), [0, 0.0])
            sums[0] += 1
            sums[1] += seconds

    def exposition(self) -> str:
        """The counts in Prometheus' text format."""
        with self._lock:
            requests = sorted((key, sums[0], sums[1]) for key, sums in self._requests.items())
            active = self._active
        lines = [_head("requests_total", "Requests answered, by endpoint and status.", "counter")]
        lines += [
            f"runlog_requests_total{_labels(*key)} {count:.0f}\n" for key, count, _ in requests
        ]
        lines += [_head("request_seconds_total", "Seconds spent on requests.", "counter")]
        lines += [
            f"runlog_request_seconds_total{_labels(*key)} {seconds:.6f}\n"
            for key, _, seconds in requests
        ]
        lines += [_head("requests_active", "Requests being answered.", "gauge")]
        lines += [f"runlog_requests_active {active}\n"]
        lines += [_head("start_time_seconds", "When this process started, Unix time.", "gauge")]
        lines += [f"runlog_start_time_seconds {self._started:.3f}\n"]
        return "".join(lines)


def _head(name: str, text: str, kind: str) -> str:
    return f"# HELP runlog_{name} {text}\n# TYPE runlog_{name} {kind}\n"


def _labels(endpoint: str, status: int) -> str:
    return f'{{pid="{os.getpid()}",endpoint="{endpoint}",status="{status}"}}'


def version() -> str:
    """This runlog's version."""
    from runlog import __version__

    return __version__


def greeting() -> str:
    """What the front page says."""
    return (
        f"runlog {version()}: an experiment tracking server that speaks MLflow's REST API.\n"
        "Point a client here: MLFLOW_TRACKING_URI or RUNLOG_TRACKING_URI is this address.\n"
        "The API is described at /openapi.json.\n"
    )


def line(watch: Watch, endpoint: str, status: int) -> str:
    """A request as a line of the access log."""
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
