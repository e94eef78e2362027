"""What outbox.py measures: outbox_child.py PEER FOLDER time CALLS | endless | count RUN_ID"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any


class Runlog:
    """To the tracking URI that the environment names."""

    def __init__(self, folder: Path) -> None:
        import runlog

        self.tracker = runlog

    def store(self) -> Any:
        return self.tracker.RunlogClient().store

    def open(self) -> str:
        self.tracker.start_run()
        if "BENCH_DEAD" in os.environ:  # from here on nothing can be reached
            store = self.store()
            store.session._transport._address = store.session._transport._address._replace(port=9)
            store.session.close()
        return self.tracker.active_run().info.run_id

    def log_one(self, key: str, value: float, step: int) -> None:
        self.tracker.log_metric(key, value, step=step)

    def close(self) -> None:
        self.tracker.end_run()

    def count(self, run_id: str) -> int:
        store = self.store()
        if hasattr(store, "send_pending"):
            store.send_pending()
        return len(store.get_metric_history(run_id, "loss"))


class MLflow(Runlog):
    """Its own client, which logs in a thread."""

    def __init__(self, folder: Path) -> None:
        import mlflow

        self.tracker = mlflow

    def log_one(self, key: str, value: float, step: int) -> None:
        self.tracker.log_metric(key, value, step=step, synchronous=False)

    def close(self) -> None:
        self.tracker.flush_async_logging()
        self.tracker.end_run()

    def count(self, run_id: str) -> int:
        return len(self.tracker.MlflowClient().get_metric_history(run_id, "loss"))


class Adapted:
    """One of the adapters of the other benchmarks."""

    def __init__(self, name: str, folder: Path) -> None:
        self.peer = importlib.import_module(f"adapters.{name}").Peer(folder)
        self.log_one, self.close = self.peer.log_one, self.peer.close

    def open(self) -> str:
        self.peer.open()
        return "its run"

    def count(self, run_id: str) -> int:
        return int(self.peer.count())


def opened(name: str, folder: Path) -> Any:
    if name == "runlog":
        return Runlog(folder)
    return MLflow(folder) if name == "mlflow" else Adapted(name, folder)


def timed(peer: Any, calls: int) -> dict[str, float]:
    peer.open()
    for step in range(100):
        peer.log_one("warm", 1.0, step)
    waits = []
    before = time.process_time()
    for step in range(calls):
        begun = time.perf_counter()
        peer.log_one("loss", step / 3, step + 100)
        waits.append(time.perf_counter() - begun)
    peer.close()
    return {
        "p50": statistics.median(waits),
        "cpu": (time.process_time() - before) / calls,
    }


def endless(peer: Any) -> None:
    print(peer.open(), flush=True)
    step = 0
    while True:
        peer.log_one("loss", step / 3, step)
        os.write(1, b".\n")
        step += 1


def main() -> None:
    name, folder, what, *rest = sys.argv[1:]
    peer = opened(name, Path(folder))
    if what == "time":
        print(json.dumps(timed(peer, int(rest[0]))))
    elif what == "endless":
        endless(peer)
    else:
        print(peer.count(rest[0]))


if __name__ == "__main__":
    main()
