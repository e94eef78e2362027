"""runlog on PostgreSQL. Its store for reading is filled by COPY, as MLflow's is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psycopg

import fleet
import runlog
from adapters import mlflow_api
from copying import copy


class Peer(mlflow_api.Peer):
    def __init__(self, place: Path) -> None:
        self.uri = os.environ["BENCHMARK_DATABASE"]
        runlog.set_tracking_uri(self.uri)
        super().__init__(runlog, runlog.RunlogClient(), place, self.uri)

    def fill(self, count: int) -> None:
        experiment = int(self.experiment())
        with psycopg.connect(self.uri) as connection:
            copy(connection, "metric_key (id, name)", ((k + 1, f"m{k}") for k in range(20)))
            runs = "run (id, run_id, experiment, name, status, start_time, end_time, artifact_uri)"
            copy(connection, runs, (
                (n + 1, f"{n:032x}", experiment, run.name, "FINISHED", run.start_time,
                 run.start_time + 500, f"./{experiment}/{n:032x}/artifacts")
                for n, run in enumerate(fleet.runs(count))
            ))  # fmt: skip
            copy(connection, "param (run, key, value)", pairs(count, "params"))
            copy(connection, "tag (run, key, value)", pairs(count, "tags"))
            columns = (
                "metric (id, run, key, count, last, last_step, last_timestamp, first, first_step,"
                " first_timestamp, min, min_step, max, max_step)"
            )
            copy(connection, columns, (
                (20 * n + k + 1, n + 1, k + 1, 1, v, 0, run.start_time, v, 0, run.start_time,
                 v, 0, v, 0)
                for n, run in enumerate(fleet.runs(count))
                for k, v in enumerate(run.metrics.values())
            ))  # fmt: skip
            copy(connection, "point (metric, step, timestamp, value)", (
                (20 * n + k + 1, 0, run.start_time, v)
                for n, run in enumerate(fleet.runs(count))
                for k, v in enumerate(run.metrics.values())
            ))  # fmt: skip
            for table in ("run", "metric", "metric_key"):
                connection.execute(f"alter table {table} alter id restart with {20 * count + 21}")


def pairs(count: int, kind: str) -> Iterable[tuple[object, ...]]:
    for number, run in enumerate(fleet.runs(count)):
        for key, value in getattr(run, kind).items():
            yield number + 1, key, value
        if kind == "tags":
            yield number + 1, "mlflow.runName", run.name
