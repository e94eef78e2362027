"""What a log call to a server costs: python benchmarks/outbox.py --help. Linux only.

One process logs points in a loop, to runlog's server at several distances, to one that is dead, and
to files; beside it W&B offline, MLflow with synchronous=False against runlog's server, and Trackio.
Then each is killed with SIGKILL, and what was acknowledged and is nowhere is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peers
import report
from peers import HERE, PEERS

PAGE = HERE / "SERVER.md"
START, END = "<!-- outbox -->", "<!-- end of outbox -->"
CHILD = "outbox_child.py"


class Distance(threading.Thread):
    """A relay that holds each piece of data for half a round trip, in both directions."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self._port, self._delay = port, seconds / 2
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.create_connection(("127.0.0.1", self._port))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(source, selectors.EVENT_READ)
            held: list[tuple[float, bytes]] = []
            while True:
                wait = None if not held else max(0.0, held[0][0] - time.monotonic())
                try:
                    if ready.select(wait):
                        data = source.recv(1 << 16)
                        held.append((time.monotonic() + self._delay, data))
                    while held and held[0][0] <= time.monotonic():
                        data = held.pop(0)[1]
                        if not data:
                            target.shutdown(socket.SHUT_WR)
                            return
                        target.sendall(data)
                except OSError:
                    return


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "runlog.cli", "serve", "--port", str(port)]
    command += ["--backend-store-uri", str(folder / "server.db")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, start_new_session=True, env=environment({}), **quiet)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def environment(settings: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(HERE), str(peers.SOURCE)])
    return {**os.environ, "PYTHONPATH": path, **settings}


def python(name: str) -> str:
    return sys.executable if name == "runlog" else str(peers.python(PEERS[name], HERE / ".venvs"))


def child(name: str, folder: Path, settings: dict[str, str], *words: object) -> subprocess.Popen:
    command = [python(name), str(HERE / CHILD), name, str(folder), *map(str, words)]
    settings = {**PEERS[name].settings, "XDG_STATE_HOME": str(folder), **settings}
    return subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, text=True, cwd=folder
    )


def measured(name: str, settings: dict[str, str], calls: int) -> dict[str, Any]:
    """p50 and CPU a call, of the whole process with its threads until all is delivered."""
    with tempfile.TemporaryDirectory() as folder:
        program = child(name, Path(folder), settings, "time", calls)
        out, _ = program.communicate(timeout=600)
        return json.loads(out.splitlines()[-1])


def lost(name: str, settings: dict[str, str], seconds: float) -> int:
    """How many points were acknowledged before a SIGKILL and are nowhere after it."""
    with tempfile.TemporaryDirectory() as folder:
        program = child(name, Path(folder), settings, "endless")
        run_id = program.stdout.readline().strip()
        time.sleep(seconds)
        program.kill()
        acknowledged = len(program.stdout.read().splitlines())
        program.wait()
        counting = child(name, Path(folder), settings, "count", run_id)
        out, _ = counting.communicate(timeout=600)
        return max(0, acknowledged - int(out.splitlines()[-1]))


def rows(calls: int, wanted: list[str]) -> Iterator[list[str]]:
    """Title, p50, CPU, times the embedded call, points lost."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as port:
        far = {ms: Distance(port, ms / 1000) for ms in (50, 500)}
        for each in far.values():
            each.start()
        uri = "http://127.0.0.1:{}".format
        places = [("runlog", "runlog, embedded", {"RUNLOG_TRACKING_URI": "runlog.db"})]
        for title, where in [("0 ms", port), *((f"{ms} ms", far[ms].port) for ms in far)]:
            settings = {"RUNLOG_TRACKING_URI": uri(where)}
            places.append(("runlog", f"runlog, server at {title}", settings))
        dead = {"RUNLOG_TRACKING_URI": uri(port), "BENCH_DEAD": "1", "RUNLOG_FLUSH_TIMEOUT": "0"}
        places.append(("runlog", "runlog, server dead", dead))
        for ms in (0, 50):
            there = uri(port if not ms else far[ms].port)
            title = f"MLflow, synchronous=False, server at {ms} ms"
            places.append(("mlflow", title, {"MLFLOW_TRACKING_URI": there}))
        places.append(("wandb", "W&B offline", {}))
        places.append(("trackio", "Trackio", {}))
        base: dict[str, float] = {}
        for name, title, settings in places:
            if name not in wanted:
                continue
            found = measured(name, settings, calls)
            gone = "" if "BENCH_DEAD" in settings else str(lost(name, settings, 2.0))
            base = base or found
            times = [f"{found[each] / base[each]:.2f}" for each in ("p50", "cpu")]
            shown = [report.seconds(found[each]) for each in ("p50", "cpu")]
            row = [title, shown[0], times[0], shown[1], times[1], gone]
            print(" | ".join(row), flush=True)
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", default=["runlog", "mlflow", "wandb", "trackio"])
    parser.add_argument("--write", action="store_true", help="put the table into SERVER.md")
    options = parser.parse_args()
    for name in options.only:
        if name != "runlog" and (reason := peers.install(PEERS[name], HERE / ".venvs")):
            parser.error(f"{name}: {reason}")
    head = ["log_metric in a loop", "p50", "times", "CPU", "times", "lost by kill -9"]
    found = [*rows(options.calls, options.only)]
    lines = [head, ["---"] * len(head), *found]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if options.write:
        text = PAGE.read_text()
        before, rest = text.split(START)
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
