"""runlog serve and mlflow server side by side: python benchmarks/server.py --help. Linux only.

Eight clients in threads of this process, each with one connection that it keeps, send what MLflow's
clients would. What is read is put into the databases before, MLflow's by SQL.
"""

from __future__ import annotations

import argparse
import compileall
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import fleet
import meter
import peers
import report
from peers import HERE, PEERS

CLIENTS = 8
API = "/api/2.0/mlflow/"
IS_JSON = {"Content-Type": "application/json"}
RETRIES = 5
ROUNDS = 3  # of which the median counts
PAGE = 25_000  # points, as MLflow's clients ask for them
Values = dict[str, float]


@dataclass(frozen=True)
class Kind:
    """A server: the command that starts it on `folder`, and the interpreter that fills it."""

    name: str
    python: str
    command: Callable[[str], list[str]]


@dataclass(frozen=True)
class Row:
    """`limit` is runlog's target; `ratio` how many times less than MLflow's it must be."""

    key: str
    title: str
    show: Callable[[float], str] = report.seconds
    limit: float | None = None
    ratio: float | None = None
    more_is_better: bool = False

    def cells(self, runlog: Values, mlflow: Values) -> list[str]:
        ours, theirs = runlog.get(self.key), mlflow.get(self.key)
        if ours is None:
            return []
        shown = [self.show(ours), "" if theirs is None else self.show(theirs)]
        targets, met = [], []
        if self.limit is not None:
            targets.append(f"at most {self.show(self.limit)}")
            met.append(ours <= self.limit)
        times = None
        if theirs is not None:
            times = ours / theirs if self.more_is_better else theirs / ours
        if self.ratio is not None:
            targets.append(f"{self.ratio:g} times")
            if times is not None:
                met.append(times >= self.ratio)
        verdict = ("met" if all(met) else "**missed**") if met else ""
        better = "" if times is None else report.significant(times)
        return [self.title, *shown, better, " and ".join(targets), verdict]


ROWS = (
    Row("start", "start to first answer, wall time", limit=0.5, ratio=10),
    Row("idle", "idle memory, all processes", report.megabytes, limit=70 * 2**20),
    Row("log-metric", "log-metric of one point, CPU", limit=0.6e-3),
    Row("log-metric rate", "requests a second", report.significant, None, 40, True),
    Row("light 8", "requests a second, 8 light clients", report.significant, None, None, True),
    Row("light 64", "requests a second, 64 light clients", report.significant, None, None, True),
    Row("syncs", "syncs a second of this disk, one after the other", report.significant),
    Row("log-metric p99", "99th of 100 waits", ratio=10),
    Row("batch 100", "log-batch of 100 metrics, CPU", limit=1.5e-3),
    Row("batch 1000", "log-batch of 1000 metrics, CPU", limit=12e-3),
    Row("loaded", "memory after that", report.megabytes),
    Row("search", "runs/search of 1000 runs of 45 fields, CPU", limit=0.15),
    Row("history", "history of 1,000,000 points, pages of 25,000, CPU", ratio=20),
    Row("history peak", "peak of memory meanwhile", report.megabytes),
    Row("interval", "bulk interval of 1,000,000 points, CPU", ratio=20),
    Row("interval peak", "peak of memory meanwhile", report.megabytes),
    Row("whole", "history of 1,000,000 points in one answer, CPU"),
    Row("whole peak", "peak of memory meanwhile", report.megabytes),
)


# -- processes --------------------------------------------------------------------------------


def members(group: int) -> Iterator[Path]:
    """The processes of a process group."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getpgid(int(folder.name)) == group:
                yield folder
        except ProcessLookupError:
            continue


def cpu(group: int) -> float:
    """Seconds, user and system, threads that have ended included."""
    spent = 0.0
    for folder in members(group):
        with suppress(OSError):  # it has just ended
            spent += meter.cpu_of(int(folder.name))
    return spent


def memory(group: int) -> float:
    """Bytes, of what several processes share each its part."""
    text = ""
    for folder in members(group):
        with suppress(OSError):
            text += (folder / "smaps_rollup").read_text()
    return sum(map(int, re.findall(r"^Pss: +(\d+)", text, re.MULTILINE))) * 1024


class Peak(threading.Thread):
    """The most memory that a server had while the block ran."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self._group, self._end, self.bytes = group, threading.Event(), 0.0

    def run(self) -> None:
        while True:
            self.bytes = max(self.bytes, memory(self._group))
            if self._end.wait(0.2):
                return

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


class Client:
    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def call(self, verb: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body)
        for attempt in range(RETRIES + 1):  # MLflow's server hangs up now and then
            try:
                self._connection.request(verb, path, text, IS_JSON)
                answer = self._connection.getresponse()
                said = answer.read()
                break
            except ConnectionError:
                self._connection.close()
                if attempt == RETRIES:
                    raise
                time.sleep(attempt)
        assert answer.status == 200, said
        return said


@contextmanager
def serving(kind: Kind, folder: str) -> Iterator[tuple[int, int, float]]:
    """A server: its process group, its port, and the seconds to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    server = subprocess.Popen(
        [*kind.command(folder), "--port", str(port)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**environment(), **PEERS[kind.name].settings},
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                Client(port).call("GET", "/health")
                break
            except OSError:
                assert server.poll() is None, f"{kind.name} ended"
                time.sleep(0.01)
        started = time.perf_counter() - begun
        time.sleep(5)  # MLflow's other workers
        yield server.pid, port, started
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def environment() -> dict[str, str]:
    """Ours, with bytecode, as servers have it that pip installed."""
    unwanted = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if name != unwanted}


def fill(kind: Kind, folder: str, what: str, count: int) -> None:
    """Makes a store in a folder, by the adapter of the other benchmarks."""
    code = (
        f"import pathlib; from adapters.{kind.name} import Peer; "
        f"Peer(pathlib.Path({folder!r})).{what}({count})"
    )
    path = os.pathsep.join([str(HERE), str(peers.SOURCE)])
    environment = {**os.environ, **PEERS[kind.name].settings, "PYTHONPATH": path}
    subprocess.run([kind.python, "-c", code], check=True, env=environment, cwd=folder)


# -- what is measured -------------------------------------------------------------------------


def together(
    group: int, port: int, calls: int, work: Callable[[Client, int], Any], first: int = 0
) -> tuple[float, float, float]:
    """CPU of the server a call, calls a second, and the 99th of 100 waits, of all clients."""
    waits: list[float] = []

    def client(number: int) -> None:
        mine = Client(port)
        for i in range(first + number, first + calls, CLIENTS):
            begun = time.perf_counter()
            work(mine, i)
            waits.append(time.perf_counter() - begun)

    before, begun = cpu(group), time.perf_counter()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    assert len(waits) == calls
    waits.sort()
    return (cpu(group) - before) / calls, calls / seconds, waits[calls * 99 // 100]


def alone(group: int, port: int, calls: int, work: Callable[[Client], Any]) -> tuple[float, float]:
    """CPU of the server a call, one after the other, and the peak of its memory."""
    client, before = Client(port), cpu(group)
    with Peak(group) as peak:
        for _ in range(calls):
            work(client)
    return (cpu(group) - before) / calls, peak.bytes


def light(port: int, run_id: str, calls: int, connections: int, first: int) -> float:
    """Calls a second of light clients, in two processes."""
    shares = [(calls // 2, connections // 2, first + half * calls) for half in range(2)]
    command = [sys.executable, str(HERE / "light.py"), str(port), run_id]
    clients = [
        subprocess.Popen([*command, *map(str, share)], stdout=subprocess.PIPE) for share in shares
    ]
    return calls / max(float(each.communicate()[0]) for each in clients)


def syncs(folder: str, count: int = 200) -> float:
    """How many a second the disk takes: what durable answers wait for."""
    with open(Path(folder, "syncs"), "wb", buffering=0) as file:
        begun = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fsync(file.fileno())
        return count / (time.perf_counter() - begun)


def logging(kind: Kind, folder: str, scale: int) -> Values:
    """Starting, writing, and searching a thousand runs."""
    fill(kind, folder, "fill", 1000)
    with serving(kind, folder) as (group, port, started):
        values: Values = {"start": started, "idle": memory(group)}
        made = Client(port).call("POST", API + "runs/create", {"experiment_id": "0"})
        run_id = json.loads(made)["run"]["info"]["run_id"]

        def point(i: int) -> dict[str, Any]:
            return {"key": f"m{i % 20}", "value": i / 3, "timestamp": fleet.START, "step": i}

        def single(client: Client, i: int) -> None:
            client.call("POST", API + "runs/log-metric", {"run_id": run_id, **point(i)})

        def batch(size: int, start: int) -> Callable[[Client, int], None]:
            def send(client: Client, i: int) -> None:
                points = [point(start + i * size + j) for j in range(size)]
                client.call("POST", API + "runs/log-batch", {"run_id": run_id, "metrics": points})

            return send

        def search(client: Client) -> None:
            asked = {"experiment_ids": ["1"], "max_results": 1000}
            assert len(json.loads(client.call("POST", API + "runs/search", asked))["runs"]) == 1000

        together(group, port, 2 * CLIENTS, single)  # every worker has its connections
        for name, calls, work in (
            ("log-metric", 6 * scale, single),
            ("batch 100", scale, batch(100, 10**6)),
            ("batch 1000", 2 * CLIENTS, batch(1000, 10**8)),
        ):
            rounds = [together(group, port, calls, work, turn * calls) for turn in range(ROUNDS)]
            values[name], values[f"{name} rate"], values[f"{name} p99"] = map(
                statistics.median, zip(*rounds, strict=True)
            )
        for connections in (8, 64):
            values[f"light {connections}"] = statistics.median(
                light(port, run_id, 20 * scale, connections, 10**9 + 10**7 * (turn + connections))
                for turn in range(ROUNDS)
            )
        if kind.name == "runlog":
            values["syncs"] = statistics.median(syncs(folder) for _ in range(ROUNDS))
        values["loaded"] = memory(group)
        values["search"] = alone(group, port, 5, search)[0]
    return values


def reading(kind: Kind, folder: str, points: int) -> Values:
    """The history of a million points: in pages, whole, and thinned for a chart."""
    fill(kind, folder, "fill_history", points)
    with serving(kind, folder) as (group, port, _):
        asked = {"experiment_ids": ["1"]}
        found = json.loads(Client(port).call("POST", API + "runs/search", asked))["runs"]
        query = {"run_id": found[0]["info"]["run_id"], "metric_key": fleet.HISTORY_KEY}

        def history(client: Client) -> None:
            wanted, seen = {**query, "max_results": PAGE}, 0
            while True:
                page = client.call("GET", f"{API}metrics/get-history?{urlencode(wanted)}")
                answer = json.loads(page)
                seen += len(answer["metrics"])
                if "next_page_token" not in answer:
                    break
                wanted["page_token"] = answer["next_page_token"]
            assert seen == points, seen

        def interval(client: Client) -> None:
            wanted = {"run_ids": query["run_id"], "metric_key": fleet.HISTORY_KEY}
            path = f"{API}metrics/get-history-bulk-interval?{urlencode(wanted)}"
            assert len(json.loads(client.call("GET", path))["metrics"]) > min(2000, points // 2)

        def whole(client: Client) -> None:
            client.call("GET", f"{API}metrics/get-history?{urlencode(query)}")

        values: Values = {}
        for name, calls, work in (
            ("interval", 20, interval),
            ("history", 1, history),
            ("whole", 1, whole),
        ):
            if name != "whole" or kind.name == "runlog":  # MLflow's has no such answer
                values[name], values[f"{name} peak"] = alone(group, port, calls, work)
    return values


def table(results: dict[str, Values]) -> str:
    """Markdown."""
    runlog, mlflow = results.get("runlog", {}), results.get("mlflow", {})
    lines = [cells for row in ROWS if (cells := row.cells(runlog, mlflow))]
    return report.as_table(["", "runlog", "MLflow", "times better", "target", ""], lines)


def kinds(cache: Path) -> dict[str, Kind]:
    mlflow = str(peers.python(PEERS["mlflow"], cache))
    runlog = [sys.executable, "-m", "runlog.cli", "serve"]
    return {
        "runlog": Kind(
            "runlog", sys.executable, lambda at: [*runlog, "--backend-store-uri", f"{at}/runlog.db"]
        ),
        "mlflow": Kind(
            "mlflow",
            mlflow,
            lambda at: [
                *(mlflow, "-m", "mlflow", "server", "--backend-store-uri"),
                *(f"sqlite:///{at}/mlflow.db", "--artifacts-destination", f"{at}/artifacts"),
            ],
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--only", choices=("runlog", "mlflow"), help="this server alone")
    add("--quick", action="store_true", help="small sizes; SERVER.md stays as it is")
    add("--cache", type=Path, default=HERE / ".venvs", help="where environments are kept")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end with us
    cache = given.cache.resolve()
    if given.only != "runlog" and (reason := peers.install(PEERS["mlflow"], cache)):
        sys.exit(reason)
    compileall.compile_dir(str(peers.SOURCE), quiet=1)
    scale, points = (20, 100_000) if given.quick else (100, 1_000_000)
    memory = cache / "server.json"
    results: dict[str, Values] = {}
    if memory.exists() and not given.quick:
        results = json.loads(memory.read_text())
    for kind in kinds(cache).values():
        for part, size in ((logging, scale), (reading, points)):
            if given.only not in (None, kind.name):
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = part(kind, folder, size)
            print(kind.name, json.dumps(found), flush=True)
            results[kind.name] = results.get(kind.name, {}) | found
            if not given.quick:
                memory.write_text(json.dumps(results, indent=1))
    print(table(results))
    if not given.quick:
        versions = f"MLflow {peers.version(PEERS['mlflow'], cache)}, runlog of this tree"
        text = f"Machine: {report.machine()}. {versions}.\n\n{table(results)}"
        report.write(HERE / "SERVER.md", text)


if __name__ == "__main__":
    main()
