"""MLflow on PostgreSQL. Its store for reading is filled by COPY: its API would take hours."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import mlflow
import psycopg

import fleet
from adapters import mlflow_api
from copying import copy

RUN = """runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
    start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"""
POINT = "metrics (key, value, timestamp, step, is_nan, run_uuid)"


class Peer(mlflow_api.Peer):
    def __init__(self, place: Path) -> None:
        self.uri = os.environ["BENCHMARK_DATABASE"]
        super().__init__(mlflow, mlflow.MlflowClient(self.uri), place, self.uri)

    def fill(self, count: int) -> None:
        if self.experiment() != "1":
            raise RuntimeError("the store for reading must be a new one")
        with psycopg.connect(self.uri) as connection:
            copy(connection, RUN, (
                (f"{n:032x}", run.name, "LOCAL", "", "", "me", "FINISHED", run.start_time,
                 run.start_time + 500, "", "active", f"/1/{n:032x}/artifacts", 1)
                for n, run in enumerate(fleet.runs(count))
            ))  # fmt: skip
            for table in ("params", "tags"):
                copy(connection, f"{table} (run_uuid, key, value)", pairs(count, table))
            for columns in (POINT, POINT.replace("metrics", "latest_metrics")):
                copy(connection, columns, (
                    (key, value, run.start_time, 0, "f", f"{n:032x}")
                    for n, run in enumerate(fleet.runs(count))
                    for key, value in run.metrics.items()
                ))  # fmt: skip


def pairs(count: int, kind: str) -> Iterable[tuple[object, ...]]:
    for number, run in enumerate(fleet.runs(count)):
        values = getattr(run, kind)
        for key, value in (
            values | {"mlflow.runName": run.name} if kind == "tags" else values
        ).items():
            yield f"{number:032x}", key, value
