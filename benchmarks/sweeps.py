"""The runs that the pages show: the same in runlog's store and in MLflow's."""

from __future__ import annotations

import math
import random
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from peers import SOURCE

START = 1_700_000_000_000
SPIKES = (17_777, 40_000, 55_000, 73_210, 91_234)  # steps; a thinned line must show each
NAMES = ("sweep of 63 nested runs", "5 runs of 100,000 steps", "5,000 runs", "100,000 runs")


class Run(NamedTuple):
    run_id: str
    experiment: int  # 1 is the first of NAMES
    name: str
    parent: str | None
    start: int
    metrics: dict[str, list[float]]
    params: dict[str, str]


def _id(experiment: int, number: int) -> str:
    return f"{experiment:04x}{number:028x}"


def _trial(number: int, parent: str, rng: random.Random) -> Run:
    rate = 10 ** rng.uniform(-4, -1)

    def curve(low: float, high: float, noise: float) -> list[float]:
        return [
            high + (low - high) * math.exp(-i / (100 + number)) + rng.gauss(0, noise)
            for i in range(1000)
        ]

    metrics = {"lr": curve(rate, 0, 0), "grad_norm": curve(3, 1, 0.2)}
    for part in ("train", "val"):
        metrics |= {f"{part}/loss": curve(2.4, 0.5, 0.05), f"{part}/accuracy": curve(0, 0.8, 0.01)}
    params = {"lr": f"{rate:.5f}", "depth": str(number % 7), "batch": rng.choice(["64", "128"])}
    name = f"trial-{number:02}"
    return Run(_id(1, number + 3), 1, name, parent, START + number * 10**6, metrics, params)


def _nested() -> Iterator[Run]:
    rng = random.Random(1)
    for family in range(3):
        parent = _id(1, family)
        yield Run(parent, 1, f"family-{family}", None, START, {}, {"family": str(family)})
        for number in range(20 * family, 20 * family + 20):
            yield _trial(number, parent, rng)


def _long() -> Iterator[Run]:
    rng = random.Random(2)
    for number in range(5):
        metrics = {}
        for key in ("loss", "grad_norm", "tokens_per_second", "memory"):
            values = [1 + math.exp(-i / 30_000) + rng.gauss(0, 0.02) for i in range(100_000)]
            for step in SPIKES:
                values[step] = 9.0
            metrics[key] = values
        start = START + number * 10**6
        yield Run(_id(2, number), 2, f"long-{number}", None, start, metrics, {"width": str(number)})


def _many(experiment: int, count: int) -> Iterator[Run]:
    rng = random.Random(experiment)
    for number in range(count):
        metrics = {f"metric_{k}": [rng.random() * 10**k] for k in range(10)}
        params = {f"param_{k}": f"{rng.random():.4g}" for k in range(5)}
        params |= {f"param_{k}": rng.choice(["adam", "sgd", "lion"]) for k in range(5, 10)}
        start = START + number * 1000
        run_id = _id(experiment, number)
        yield Run(run_id, experiment, f"run-{number}", None, start, metrics, params)


def runs(large: bool) -> Iterator[Run]:
    yield from _nested()
    yield from _long()
    yield from _many(3, 5_000)
    if large:
        yield from _many(4, 100_000)


def fill_runlog(database: Path, large: bool) -> None:
    """Through the store, which gives ids of its own: the pages are asked for runs by name."""
    sys.path.insert(0, str(SOURCE))
    from runlog.sqlstore.store import SqlStore

    store = SqlStore(str(database))
    for name in NAMES:
        store.create_experiment(name)
    made: dict[str | None, str] = {}
    for run in runs(large):
        tags = {"mlflow.parentRunId": made[run.parent]} if run.parent else {}
        run_id = store.create_run(str(run.experiment), "me", run.start, tags, run.name).info.run_id
        made[run.run_id] = run_id
        points = [
            (key, value, run.start + step * 700, step)
            for key, values in run.metrics.items()
            for step, value in enumerate(values)
        ]
        store.log(run_id, points, params=run.params.items())
        store.update_run(run_id, "FINISHED", run.start + 700_000)
    store.close()


def fill_more(database: Path) -> None:
    """An experiment of runlog's alone: a run with a metric of 100,000 points, and a log."""
    sys.path.insert(0, str(SOURCE))
    from runlog.artifacts import ArtifactRepo
    from runlog.sqlstore.store import SqlStore

    store = SqlStore(str(database))
    experiment = store.create_experiment("100,000 steps and 20,000 lines")
    run = store.create_run(experiment, "me", START, {}, "logged").info
    values = next(_long()).metrics["loss"]
    points = [("loss", value, START + 700 * step, step) for step, value in enumerate(values)]
    store.log(run.run_id, points)
    store.update_run(run.run_id, "FINISHED", START + 700 * len(values))
    lines = (
        f"2026-01-01 12:00:00 INFO step {k} of 20000: loss {values[k]:.5f}\n" for k in range(20_000)
    )
    files = ArtifactRepo(run.artifact_uri)
    files.write("train.log", ["".join(lines).encode()])
    files.write("notes.txt", [b"A run's only file would be shown at once."])
    store.close()


RUN = """insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,
    status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    values (?, ?, 'LOCAL', '', '', 'me', 'FINISHED', ?, ?, '', 'active', ?, ?)"""
POINT = """insert into {} (key, value, timestamp, step, is_nan, run_uuid)
    values (?, ?, ?, ?, 0, ?)"""
PAIR = "insert into {} (key, value, run_uuid) values (?, ?, ?)"


def fill_mlflow(database: Path, large: bool) -> None:
    """By SQL into the schema that MLflow has made, with its experiments: its API takes hours."""
    with sqlite3.connect(database) as store:
        for run in runs(large):
            times = (run.start, run.start + 700_000)
            where = f"/nowhere/{run.run_id}/artifacts"
            store.execute(RUN, (run.run_id, run.name, *times, where, run.experiment))
            points = [
                (key, value, run.start + step * 700, step, run.run_id)
                for key, values in run.metrics.items()
                for step, value in enumerate(values)
            ]
            last = [point for point in points if point[3] == len(run.metrics[point[0]]) - 1]
            store.executemany(POINT.format("metrics"), points)
            store.executemany(POINT.format("latest_metrics"), last)
            tags = {"mlflow.runName": run.name}
            tags |= {"mlflow.parentRunId": run.parent} if run.parent else {}
            for table, pairs in (("params", run.params), ("tags", tags)):
                rows = ((key, value, run.run_id) for key, value in pairs.items())
                store.executemany(PAIR.format(table), rows)
