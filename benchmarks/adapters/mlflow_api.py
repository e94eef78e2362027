"""MLflow's Python API, as MLflow and runlog both offer it: one set of calls measures both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import fleet

if TYPE_CHECKING:
    import pandas as pd

EXPERIMENT = "bench"


class Peer:
    """`api` is the module, `uri` its store, `client` a MlflowClient of that store."""

    def __init__(self, api: Any, client: Any, place: Path, uri: str) -> None:
        self.api, self.client, self.place = api, client, place
        api.set_tracking_uri(uri)

    def experiment(self) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        return str(found.experiment_id if found else self.client.create_experiment(EXPERIMENT))

    def open(self) -> None:
        self.api.set_experiment(EXPERIMENT)
        self.api.start_run()

    def log_one(self, key: str, value: float, step: int) -> None:
        self.api.log_metric(key, value, step=step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self.api.log_metrics(values, step=step)

    def close(self) -> None:
        self.api.end_run()

    def count(self) -> int:
        runs = self.client.search_runs([self.experiment()], max_results=100)
        histories = (self.client.get_metric_history(run.info.run_id, "loss") for run in runs)
        return sum(map(len, histories))

    def prepare_batch(self, points: list[tuple[str, float, int, int]]) -> Any:
        return [self.api.entities.Metric(*point) for point in points]

    def log_batches(self, batches: list[Any]) -> None:
        run = self.client.create_run(self.experiment())
        for batch in batches:
            self.client.log_batch(run.info.run_id, metrics=batch)
        self.client.set_terminated(run.info.run_id)

    def many_runs(self, runs: list[fleet.FleetRun]) -> None:
        """As a training script logs them: fluent, one call for each kind."""
        self.api.set_experiment(EXPERIMENT)
        for run in runs:
            with self.api.start_run(run_name=run.name):
                self.api.log_params(run.params)
                self.api.log_metrics(run.metrics)
                self.api.set_tags(run.tags)

    def search(self, query: fleet.Query) -> tuple[list[float], int]:
        runs = self.client.search_runs(
            ["1"], query.filter, order_by=query.order_by, max_results=fleet.TOP
        )
        fields = sum(len(_fields(run.data)) for run in runs)
        return [run.data.metrics["m7"] for run in runs], fields

    def frame(self, count: int) -> pd.DataFrame:
        frame: pd.DataFrame = self.api.search_runs(experiment_ids=["1"], max_results=count)
        return frame

    def history_run(self) -> str:
        return str(self.client.search_runs(["1"], max_results=1)[0].info.run_id)

    def history_entities(self, run: str) -> int:
        return len(self.client.get_metric_history(run, fleet.HISTORY_KEY))


def _fields(data: Any) -> list[str]:
    """Keys of what the user logged."""
    own_tags = (key for key in data.tags if not key.startswith("mlflow."))
    return [*data.metrics, *data.params, *own_tags]
