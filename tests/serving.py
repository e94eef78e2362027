"""`runlog serve` as a process of its own, for tests that talk to it over a socket."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from processes import LONG
from servers import tied


class Served(NamedTuple):
    port: int
    process: subprocess.Popen[str]
    folder: Path

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ends it, and returns its exit code."""
        self.process.send_signal(how)
        return self.process.wait(LONG)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    folder: Path,
    *options: object,
    command: str = "serve",
    store: str = "",
    port: int | None = None,
    env: dict[str, str] | None = None,
) -> Iterator[Served]:
    """A server with its store in `folder` or at the URI `store`, until the block ends."""
    port = port or free_port()
    words = [command, "--backend-store-uri", store or f"{folder}/", "--port", port, *options]
    with open(folder / "log", "a") as log:
        process = subprocess.Popen(
            [*tied(), sys.executable, "-m", "runlog.cli", *map(str, words)],
            stdout=log,
            stderr=log,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    served = Served(port, process, folder)
    try:
        _wait(served)
        yield served
    finally:
        if process.poll() is None:
            served.stop()
        try:
            os.killpg(process.pid, signal.SIGKILL)  # workers, if the parent left any
        except ProcessLookupError:
            pass


def memory(process: int) -> int:
    """Bytes that the server's processes have of their own, and their share of what they share."""
    total = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getpgid(int(folder.name)) == process:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, ProcessLookupError):
            continue
    return total * 1024


def _wait(served: Served) -> None:
    end = time.monotonic() + LONG
    while served.process.poll() is None and time.monotonic() < end:
        try:
            served.call("GET", "/health")
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError((served.folder / "log").read_text())
