"""MLflow on SQLite. Its stores for reading are filled by SQL: its API would take hours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import mlflow

import fleet
from adapters import mlflow_api

RUN = """insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,
    status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    values (?, ?, 'LOCAL', '', '', 'me', 'FINISHED', ?, ?, '', 'active', ?, 1)"""
POINT = """insert into metrics (key, value, timestamp, step, is_nan, run_uuid)
    values (?, ?, ?, ?, 0, ?)"""
PAIR = "insert into {} (key, value, run_uuid) values (?, ?, ?)"
LATEST = POINT.replace("into metrics", "into latest_metrics")


class Peer(mlflow_api.Peer):
    def __init__(self, place: Path) -> None:
        uri = f"sqlite:///{place / 'mlflow.db'}"
        super().__init__(mlflow, mlflow.MlflowClient(uri), place, uri)

    def _insert_run(self, database: sqlite3.Connection, run_id: str, run: fleet.FleetRun) -> None:
        times = (run.start_time, run.start_time + 500)
        artifacts = str(self.place / "mlruns" / "1" / run_id / "artifacts")
        database.execute(RUN, (run_id, run.name, *times, artifacts))
        points = [(k, v, run.start_time, 0, run_id) for k, v in run.metrics.items()]
        database.executemany(POINT, points)
        database.executemany(LATEST, points)
        tags = run.tags | {"mlflow.runName": run.name}
        for table, pairs in (("params", run.params), ("tags", tags)):
            rows = ((k, v, run_id) for k, v in pairs.items())
            database.executemany(PAIR.format(table), rows)

    def _database(self) -> sqlite3.Connection:
        if self.experiment() != "1":
            raise RuntimeError("the store for reading must be a new one")
        return sqlite3.connect(self.place / "mlflow.db")

    def fill(self, count: int) -> None:
        with self._database() as database:
            for number, run in enumerate(fleet.runs(count)):
                self._insert_run(database, f"{number:032x}", run)

    def fill_history(self, count: int) -> None:
        run_id = "0" * 32
        with self._database() as database:
            self._insert_run(database, run_id, fleet.run(0))
            rows = ((fleet.HISTORY_KEY, v, t, s, run_id) for s, t, v in fleet.history(count))
            database.executemany(POINT, rows)
