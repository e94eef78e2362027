"""The workloads, run in a peer's interpreter: child.py PEER WORKLOAD RESULT_FILE OPTIONS_JSON.

The current directory is the peer's place, temporary unless the driver says otherwise.
"""

from __future__ import annotations

import importlib
import json
import mmap
import random
import statistics
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import fleet
import meter

WARM_CALLS = 10


def _logger(peer: Any, keys: int) -> Any:
    """A function of the step that logs `keys` values in one call."""
    values = [random.random() for _ in range(1009)]
    if keys == 1:
        return lambda step: peer.log_one("loss", values[step % 1009], step)
    names = [f"group/metric_{k}" for k in range(keys)]
    return lambda step: peer.log_many(
        {name: values[(step + k) % 1009] for k, name in enumerate(names)}, step
    )


def log(peer: Any, calls: int, keys: int = 1) -> dict[str, Any]:
    """`calls` log calls in a loop. CPU is up to the end: what a peer postpones is counted."""
    peer.open()
    call = _logger(peer, keys)
    for step in range(WARM_CALLS):
        call(step)
    clock, took = time.perf_counter_ns, []
    with meter.span() as all_of_it:
        loop = meter.own_cpu()
        for step in range(WARM_CALLS, WARM_CALLS + calls):
            begin = clock()
            call(step)
            took.append(clock() - begin)
        loop = meter.own_cpu() - loop
        peer.close()
    points = calls * keys
    return {
        "cpu": all_of_it.cpu / points,
        "loop_cpu": loop / points,
        "p50": statistics.median(took) / 1e9,
        "written": all_of_it.written / points,
    }


def log_beside_a_thread(peer: Any, calls: int) -> dict[str, Any]:
    """`log` in a process with a second thread that wakes up now and then, as a data loader does."""
    ended = threading.Event()

    def wake_up() -> None:
        while not ended.wait(0.01):
            pass

    thread = threading.Thread(target=wake_up)
    thread.start()
    try:
        return log(peer, calls)
    finally:
        ended.set()
        thread.join()


def log_little(peer: Any, keys: int = 1) -> dict[str, Any]:
    """The smallest run of the kind `log` makes: its files are what a point's are added to."""
    peer.open()
    call = _logger(peer, keys)
    for step in range(WARM_CALLS):
        call(step)
    peer.close()
    return {}


def wal(peer: Any, calls: int, keys: int) -> dict[str, Any]:
    """Bytes a point in the write-ahead log."""
    peer.open()
    call = _logger(peer, keys)
    call(0)
    before = WAL.bytes
    for step in range(1, calls + 1):
        call(step)
    peer.close()
    return {"wal": (WAL.bytes - before) / (calls * keys)}


def log_batch(peer: Any, batches: int) -> dict[str, Any]:
    """Batches of 1000 points: 100 steps of 10 keys."""
    now = int(time.time() * 1000)
    prepared = []
    for batch in range(batches):
        steps = range(batch * 100, batch * 100 + 100)
        points = [(f"m{k}", random.random(), now + step, step) for step in steps for k in range(10)]
        prepared.append(peer.prepare_batch(points))
    peer.log_batches(prepared[:1])
    with meter.span() as used:
        peer.log_batches(prepared)
    return {"points_per_second": batches * 1000 / used.cpu}


def many_runs(peer: Any, runs: int) -> dict[str, Any]:
    """Short runs of 10 params, 10 metrics and 5 tags."""
    prepared = [_short(fleet.run(number)) for number in range(runs + 1)]
    peer.many_runs(prepared[:1])
    with meter.span() as used:
        peer.many_runs(prepared[1:])
    return {"cpu": used.cpu / runs}


def _short(run: fleet.FleetRun) -> fleet.FleetRun:
    def first(values: dict[str, Any], count: int) -> dict[str, Any]:
        return dict(list(values.items())[:count])

    return run._replace(
        metrics=first(run.metrics, 10), params=first(run.params, 10), tags=first(run.tags, 5)
    )


def fill(peer: Any, runs: int = 0, points: int = 0) -> dict[str, Any]:
    with meter.span() as used:
        peer.fill(runs) if runs else peer.fill_history(points)
    return {"cpu": used.cpu}


def search(peer: Any, query: str, calls: int = 7, seconds: float = 20) -> dict[str, Any]:
    """One search: the first of the process, and the median of those after it."""
    took, until = list[float](), time.monotonic() + seconds
    while len(took) < calls and time.monotonic() < until:
        with meter.span() as used:
            order, fields = peer.search(fleet.QUERIES[query])
        took.append(used.cpu)
    return {
        "first": took[0],
        "cpu": statistics.median(took[1:] or took),
        "rows": len(order),
        "answer": [len(order), fields, round(sum(v * k for k, v in enumerate(order, 1)), 9)],
    }


def frame(peer: Any, runs: int) -> dict[str, Any]:
    """All runs as a DataFrame. Importing pandas is not counted."""
    import pandas as pd

    pd.DataFrame({"a": ["x"], "b": [1.0]}).pivot(index="a", columns="b", values="b")
    peer.search(fleet.QUERIES["newest"])
    meter.forget_peak()
    before = meter.memory("VmRSS")
    with meter.span() as used:
        made = peer.frame(runs)
    peak = meter.memory("VmHWM") - before
    if len(made) != runs:
        raise RuntimeError(f"the DataFrame has {len(made)} rows instead of {runs}")
    size = int(made.memory_usage(deep=True).sum())
    return {"cpu": used.cpu, "memory": peak / size, "frame_bytes": size}


def history_columns(peer: Any, points: int) -> dict[str, Any]:
    import numpy  # noqa: F401  (whoever asks for its columns has it loaded)

    return _history(peer.history_columns, peer.history_run(), points)


def history_entities(peer: Any, points: int) -> dict[str, Any]:
    return _history(peer.history_entities, peer.history_run(), points)


def _history(read: Any, run: Any, points: int) -> dict[str, Any]:
    with meter.span() as used:
        count = read(run)
    if count != points:
        raise RuntimeError(f"the history has {count} points instead of {points}")
    return {"cpu": used.cpu}


def timed(peer: Any, ready: str, go: str, seconds: float) -> dict[str, Any]:
    """Log for `seconds` from the moment the file `go` appears; count points and errors."""
    peer.open()
    call = _logger(peer, 1)
    call(0)
    Path(ready).touch()
    while not Path(go).exists():
        time.sleep(0.002)
    points, errors, begin = 1, [], time.monotonic()
    with meter.span() as used:
        while time.monotonic() - begin < seconds:
            try:
                call(points)
                points += 1
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}")
    took = time.monotonic() - begin
    peer.close()
    return {"points": points, "rate": points / took, "errors": errors, "cpu": used.cpu / points}


def endless(peer: Any, acks: str, pause: float) -> dict[str, Any]:
    """Log until killed; the file `acks` holds how many calls have returned."""
    Path(acks).write_bytes(bytes(8))
    with open(acks, "r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        peer.open()
        call, step = _logger(peer, 1), 0
        while True:
            call(step)
            step += 1
            struct.pack_into("q", counter, 0, step)
            if pause:
                time.sleep(pause)


def count(peer: Any) -> dict[str, Any]:
    return {"points": peer.count()}


if __name__ == "__main__":
    name, workload, result, options = sys.argv[1:]
    if workload == "wal":
        WAL = meter.count_wal_bytes()
    peer = importlib.import_module(f"adapters.{name}").Peer(Path.cwd())
    Path(result).write_text(json.dumps(globals()[workload](peer, **json.loads(options))))
