"""What is measured: jobs that run workloads, and the rows of the table they fill."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import meter
import processes
from peers import SOURCE, Peer, python

Values = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where things are kept and how much of the full sizes to run."""

    cache: Path
    quick: bool
    limit: int = 600

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def child(self, peer: Peer, workload: str, place: Path, **options: Any) -> Values:
        return processes.child(self.cache, peer, workload, place, self.limit, **options)

    def script(self, peer: Peer, code: str, place: Path) -> processes.Cost:
        cost = processes.run([str(python(peer, self.cache)), "-c", code], peer, place, self.limit)
        if cost.status:
            raise processes.Failed(f"{peer.name}: {cost.output.strip().splitlines()[-1]}")
        return cost


@contextmanager
def new_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder, "data")
        place.mkdir()
        yield place


def _script_cpu(bench: Bench, peer: Peer, code: str, times: int) -> float:
    took = []
    for _ in range(times):
        with new_place() as place:
            took.append(bench.script(peer, code, place).cpu)
    return statistics.median(took)


def start(bench: Bench, peer: Peer) -> Values:
    """Import, and the smallest script."""
    times = 7 if peer.name in ("runlog", "floor") else 1
    smallest = f"{peer.imports}\n{peer.first}"
    with new_place() as place:
        peak = "\nfor line in open('/proc/self/status'):\n if 'VmHWM' in line: print('PEAK', line)"
        # The first run compiles the peer's modules; this one is only asked for its memory.
        output = bench.script(peer, smallest + peak, place).output
    bare, imported = (_script_cpu(bench, peer, code, times) for code in ("pass", peer.imports))
    return {
        "bare": bare,
        "import": imported,
        "import over bare": imported - bare,
        "first": _script_cpu(bench, peer, smallest, times),
        "first memory": int(output.rpartition("PEAK")[2].split()[1]) * 1024,
    }


CALLS = {"mlflow": 300, "wandb": 5000, "aim": 5000}
MANY_CALLS = {"mlflow": 10, "wandb": 200, "aim": 100, "tensorboardX": 500}


def _log(bench: Bench, peer: Peer, calls: int, keys: int) -> Values:
    with new_place() as place:
        answer = bench.child(peer, "log", place, calls=calls, keys=keys)
        size = meter.disk_bytes(place)
    with new_place() as place:
        bench.child(peer, "log_little", place, keys=keys)
        answer["disk"] = (size - meter.disk_bytes(place)) / (calls * keys)
    return answer


def log_metric(bench: Bench, peer: Peer) -> Values:
    calls = bench.size(CALLS.get(peer.name, 20_000), 200)
    answer = _log(bench, peer, calls, 1)
    with new_place() as place:
        beside = bench.child(peer, "log_beside_a_thread", place, calls=calls)
    return {
        "call threads": beside["loop_cpu"],
        "call threads p50": beside["p50"],
        "call": answer["cpu"],
        "call loop": answer["loop_cpu"],
        "call p50": answer["p50"],
        "disk 1": answer["disk"],
    }


def log_metrics(bench: Bench, peer: Peer) -> Values:
    values: Values = {}
    for keys in (10, 100):
        full = MANY_CALLS.get(peer.name, 2000) * (1 if keys == 100 else 4)
        answer = _log(bench, peer, bench.size(full, 20), keys)
        values |= {f"keys {keys}": answer["cpu"], f"keys {keys} loop": answer["loop_cpu"]}
        values |= {f"written {keys}": answer["written"], f"disk {keys}": answer["disk"]}
    if peer.name in ("runlog", "floor"):
        with new_place() as place:
            calls = bench.size(2000, 20)
            values["wal"] = bench.child(peer, "wal", place, calls=calls, keys=100)["wal"]
    return values


def log_batch(bench: Bench, peer: Peer) -> Values:
    batches = bench.size(3 if peer.name == "mlflow" else 200, 2)
    with new_place() as place:
        answer = bench.child(peer, "log_batch", place, batches=batches)
        return {"batch": answer["points_per_second"]}


def many_runs(bench: Bench, peer: Peer) -> Values:
    with new_place() as place:
        return {"runs": bench.child(peer, "many_runs", place, runs=bench.size(300, 10))["cpu"]}


def _schema(peer: Peer) -> str:
    """What a kept store depends on: our own schema changes while it is being written."""
    files = [Path(__file__).with_name("fleet.py")]
    files += [SOURCE / "runlog" / "schema.sql"] if peer.name == "runlog" else []
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def store(bench: Bench, peer: Peer, **options: int) -> Path:
    """A filled store of the peer, kept for the next time."""
    (kind, size), *_ = options.items()
    place = bench.cache / "stores" / f"{peer.name}-{kind}-{size}-{_schema(peer)}"
    if not (place / "filled.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        cost = bench.child(peer, "fill", place, **options)
        (place / "filled.json").write_text(json.dumps(cost))
    return place


# CPU seconds, the interpreter's start included.
SEARCH_LIMIT = 200


def searcher(runs: int) -> Callable[[Bench, Peer], Values]:
    def search(bench: Bench, peer: Peer) -> Values:
        place = store(bench, peer, runs=bench.size(runs, runs // 100))
        patient = replace(bench, limit=SEARCH_LIMIT)
        values: Values = {}
        for query in ("common", "rare", "none", "metric order", "newest"):
            key = f"search {runs} {query}"
            try:
                answer = patient.child(peer, "search", place, query=query)
            except processes.TooSlow:
                values |= {key: math.inf, f"{key} first": math.inf}
                continue
            values |= {key: answer["cpu"], f"{key} first": answer["first"]}
            values[f"{key} answer"] = answer["answer"]
        return values

    return search


def framer(runs: int) -> Callable[[Bench, Peer], Values]:
    def frame(bench: Bench, peer: Peer) -> Values:
        size = bench.size(runs, runs // 100)
        place = store(bench, peer, runs=size)
        try:
            answer = bench.child(peer, "frame", place, runs=size)
        except processes.TooSlow:
            return {f"frame {runs}": math.inf}
        return {f"frame {runs}": answer["cpu"], f"frame {runs} memory": answer["memory"]}

    return frame


def history(bench: Bench, peer: Peer) -> Values:
    points = bench.size(1_000_000, 10_000)
    place = store(bench, peer, points=points)
    entities = bench.child(peer, "history_entities", place, points=points)
    values = {"history entities": entities["cpu"]}
    if peer.name != "mlflow":
        columns = bench.child(peer, "history_columns", place, points=points)
        values["history columns"] = columns["cpu"]
    return values


def _together(bench: Bench, peer: Peer, place: Path, writers: int, seconds: float) -> list[Values]:
    """`writers` processes that log to one place in the same `seconds`."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        go, marks = Path(folder, "go"), [Path(folder, f"ready-{n}") for n in range(writers)]
        results = [Path(folder, f"result-{n}") for n in range(writers)]
        running = []
        for ready, result in zip(marks, results, strict=True):
            options = {"ready": str(ready), "go": str(go), "seconds": seconds}
            command = processes.child_command(bench.cache, peer, "timed", result, options)
            running.append(processes.start(command, peer, place, output))
        _until(lambda: all(mark.exists() for mark in marks), 120)
        go.touch()
        for process in running:
            process.wait(seconds + 120)
        processes.reap_orphans()
        if not all(result.exists() for result in results):
            output.seek(0)
            raise processes.Failed(f"{peer.name}: {output.read().decode().strip()[-300:]}")
        return [json.loads(result.read_text()) for result in results]


def _until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise processes.Failed("the processes did not get ready in time")
        time.sleep(0.002)


def four_processes(bench: Bench, peer: Peer) -> Values:
    seconds = 1 if bench.quick else 4
    rates = {}
    for writers in (1, 4):
        with new_place() as place:
            bench.child(peer, "log_little", place)
            answers = _together(bench, peer, place, writers, seconds)
        rates[writers] = sum(answer["rate"] for answer in answers)
    return {
        "four": rates[4] / rates[1],
        "four rate": rates[4],
        "one rate": rates[1],
        "four errors": sum(len(answer["errors"]) for answer in answers),
        "four error": next((error for a in answers for error in a["errors"]), ""),
    }


def killed(bench: Bench, peer: Peer) -> Values:
    """Percent of the acknowledged points that are gone after kill -9."""
    return {
        "kill paced": _lost(bench, peer, 0.001),
        "kill tight": _lost(bench, peer, 0),
    }


def _lost(bench: Bench, peer: Peer, pause: float) -> float:
    with new_place() as place, tempfile.TemporaryFile() as output:
        acks = place.parent / "acks"
        options = {"acks": str(acks), "pause": pause}
        result = place.parent / "result"
        command = processes.child_command(bench.cache, peer, "endless", result, options)
        process = processes.start(command, peer, place, output)
        _until(lambda: process.poll() is not None or _acknowledged(acks) > 0, 120)
        time.sleep(2)
        os.kill(process.pid, signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            output.seek(0)
            raise processes.Failed(f"{peer.name}: {output.read().decode().strip()[-300:]}")
        processes.reap_orphans()
        kept, logged = bench.child(peer, "count", place)["points"], _acknowledged(acks)
        return max(0.0, 100 * (logged - int(kept)) / logged)


def _acknowledged(acks: Path) -> int:
    return int.from_bytes(acks.read_bytes(), "little") if acks.exists() else 0


@dataclass(frozen=True)
class Job:
    """`only` names the peers that have the feature; `once` those too slow to repeat."""

    name: str
    run: Callable[[Bench, Peer], Values]
    only: tuple[str, ...] = ()
    once: tuple[str, ...] = ()


READERS = ("runlog", "floor", "mlflow")
JOBS = (
    Job("start", start),
    Job("log_metric", log_metric),
    Job("log_metrics", log_metrics),
    Job("log_batch", log_batch, READERS),
    Job("many_runs", many_runs, READERS),
    Job("search_10k", searcher(10_000), READERS),
    Job("search_100k", searcher(100_000), READERS, once=("mlflow",)),
    Job("frame_10k", framer(10_000), READERS, once=("mlflow",)),
    Job("frame_100k", framer(100_000), READERS, once=("mlflow",)),
    Job("history", history, READERS, once=("mlflow",)),
    Job("four_processes", four_processes, READERS),
    Job("kill", killed),
)
