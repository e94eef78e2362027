"""runlog, embedded: everything through its public API."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import fleet
import runlog
from adapters import mlflow_api
from runlog.entities import Metric, Param, RunTag


class Peer(mlflow_api.Peer):
    def __init__(self, place: Path) -> None:
        uri = str(place / "runlog.db")
        runlog.set_tracking_uri(uri)
        super().__init__(runlog, runlog.RunlogClient(), place, uri)

    def fill(self, count: int) -> None:
        experiment = self.experiment()
        for run in fleet.runs(count):
            created = self.client.create_run(
                experiment, start_time=run.start_time, run_name=run.name
            )
            self.client.log_batch(
                created.info.run_id,
                metrics=[Metric(k, v, run.start_time, 0) for k, v in run.metrics.items()],
                params=[Param(k, v) for k, v in run.params.items()],
                tags=[RunTag(k, v) for k, v in run.tags.items()],
            )
            self.client.set_terminated(created.info.run_id, end_time=run.start_time + 500)

    def fill_history(self, count: int) -> None:
        run_id = self.client.create_run(self.experiment()).info.run_id
        points = (
            Metric(fleet.HISTORY_KEY, value, timestamp, step)
            for step, timestamp, value in fleet.history(count)
        )
        while batch := list(islice(points, 1000)):
            self.client.log_batch(run_id, metrics=batch)
        self.client.set_terminated(run_id)

    def history_columns(self, run: str) -> int:
        return len(runlog.metric_history(run, fleet.HISTORY_KEY).values)
