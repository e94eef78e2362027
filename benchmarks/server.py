"""Servers side by side: CPU of all their processes a request, latencies, memory, time to start.

    python benchmarks/server.py                             # runlog serve
    python benchmarks/server.py --mlflow .venv/bin/mlflow   # mlflow server beside it

Eight clients in threads of this process, each with one connection that it keeps. Linux only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLIENTS = 8
API = "/api/2.0/mlflow/"


def members(group: int) -> list[Path]:
    """The processes of a process group."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getpgid(int(folder.name)) == group:
                found.append(folder)
        except ProcessLookupError:
            continue
    return found


def cpu(group: int) -> float:
    ticks = 0
    for folder in members(group):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(group: int) -> float:
    """Megabytes, of what several share each its part."""
    lines = [
        line
        for folder in members(group)
        for line in (folder / "smaps_rollup").read_text().splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


class Client:
    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, verb: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body)
        self._connection.request(verb, path, text, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return said


def measure(
    name: str, group: int, port: int, calls: int, work: Callable[[Client, int], Any]
) -> None:
    latencies: list[float] = []

    def client(number: int) -> None:
        mine = Client(port)
        for i in range(number, calls, CLIENTS):
            begun = time.perf_counter()
            work(mine, i)
            latencies.append(time.perf_counter() - begun)

    before, begun = cpu(group), time.perf_counter()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    latencies.sort()
    print(
        f"  {name:24} {(cpu(group) - before) / calls * 1000:8.2f} ms CPU a request, "
        f"{calls / seconds:6.0f}/s, p50 {latencies[calls // 2] * 1000:.1f} ms, "
        f"p99 {latencies[calls * 99 // 100] * 1000:.1f} ms"
    )


def bench(title: str, command: list[str], scale: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                Client(port).call("GET", "/health")
                break
            except OSError:
                time.sleep(0.01)
        started = time.perf_counter() - begun
        time.sleep(2)
        print(f"{title}: {started:.2f} s to the first answer, idle {memory(server.pid):.0f} MB")
        run = Client(port).call("POST", API + "runs/create", {"experiment_id": "0"})
        run_id = json.loads(run)["run"]["info"]["run_id"]

        def point(i: int) -> dict[str, Any]:
            return {"key": f"m{i % 20}", "value": i / 3, "timestamp": 1_700_000_000_000, "step": i}

        def single(client: Client, i: int) -> None:
            client.call("POST", API + "runs/log-metric", {"run_id": run_id, **point(i)})

        def batch(size: int) -> Callable[[Client, int], None]:
            def send(client: Client, i: int) -> None:
                points = [point(1_000_000 + i * size + j) for j in range(size)]
                client.call("POST", API + "runs/log-batch", {"run_id": run_id, "metrics": points})

            return send

        def search(client: Client, i: int) -> None:
            client.call("POST", API + "runs/search", {"experiment_ids": ["0"], "max_results": 100})

        measure("log-metric", server.pid, port, 20 * scale, single)
        measure("log-batch of 100", server.pid, port, 2 * scale, batch(100))
        measure("log-batch of 1000", server.pid, port, scale // 2, batch(1000))
        measure("search", server.pid, port, scale, search)
        print(f"  after that {memory(server.pid):.0f} MB")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlflow", help="the mlflow command to measure too")
    parser.add_argument("--scale", type=int, default=100, help="how many requests, roughly")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runlog = [sys.executable, "-m", "runlog.cli", "serve"]
        bench("runlog", [*runlog, "--backend-store-uri", f"{folder}/a.db"], given.scale)
        if given.mlflow:
            store = f"sqlite:///{folder}/b.db"
            bench("mlflow", [given.mlflow, "server", "--backend-store-uri", store], given.scale)


if __name__ == "__main__":
    main()
