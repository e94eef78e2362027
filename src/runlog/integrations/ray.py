"""A callback for Ray Tune: an experiment as a run, its trials as nested runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.logger import LoggerCallback

from runlog.client import RunlogClient
from runlog.entities import PARENT_RUN_ID
from runlog.integrations.target import Target

UNWANTED = ("config", "trial_id", "pid", "hostname", "node_ip", "date", "timestamp", "done")


class RunlogCallback(LoggerCallback):
    """Log each trial as a run below one for all: `RunConfig(callbacks=[RunlogCallback()])`.

    A trial's run has its config as params and every result that is a number as a metric, with the
    training iteration as the step. The callback runs where `tuner.fit()` is called.

    - `run_id`: the run above; by default the active run, or else a new one, which ends with the
      experiment.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._runs: dict[str, str] = {}

    @property
    def run_id(self) -> str:
        """The id of the run above the trials."""
        return self._target.run_id

    def log_trial_start(self, trial: Any) -> None:
        """Start a run for a trial, with its config as params. A trial that is started again goes
        on with its run."""
        client = RunlogClient()
        if trial.trial_id in self._runs:
            client.update_run(self._runs[trial.trial_id], "RUNNING")
            return
        experiment_id = client.get_run(self.run_id).info.experiment_id
        tags = {PARENT_RUN_ID: self.run_id, "ray.trial_id": trial.trial_id}
        run = client.create_run(experiment_id, tags=tags, run_name=str(trial))
        self._runs[trial.trial_id] = run.info.run_id
        Target(run.info.run_id).log_params(trial.config or {})

    def log_trial_result(self, iteration: int, trial: Any, result: Mapping[str, Any]) -> None:
        """Log the numbers of a result."""
        values = {name: value for name, value in result.items() if name not in UNWANTED}
        step = result.get("training_iteration", iteration)
        Target(self._runs[trial.trial_id]).log_metrics(values, step)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """End the run of a trial."""
        status = "FAILED" if failed else "FINISHED"
        RunlogClient().set_terminated(self._runs[trial.trial_id], status)

    def on_experiment_end(self, trials: Any, **more: Any) -> None:
        """End the run above the trials, if it was started here."""
        self._target.end()
