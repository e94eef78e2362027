"""A callback for Optuna: a study as a run, its trials as nested runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import optuna

from runlog import fluent
from runlog.client import RunlogClient
from runlog.clock import now
from runlog.entities import PARENT_RUN_ID, Metric, Param
from runlog.integrations.target import Target, key, numbered

STATUSES = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class RunlogCallback:
    """Log each trial of a study as a run below the study's, with its params, intermediate values
    and result: `study.optimize(objective, callbacks=[callback])`.

    - `run_id`: the run of the study; by default the active run, or else a new one, which ends with
      `close()`, at the end of a `with` statement, or with the program.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    - `metric_name`: of what the objective returns, by default the study's metric names, or value.

    A trial that is pruned is KILLED, one that fails FAILED. The study's storage is left alone.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        metric_name: str | None = None,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._metric_name = metric_name
        self._runs: dict[int, str] = {}  # of trials that `tracked` has started

    @property
    def run_id(self) -> str:
        """The id of the study's run."""
        return self._target.run_id

    def tracked(self, objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the objective with the trial's run as the active run, so that it can log to it.
        A decorator."""
        self._target.run_id  # noqa: B018  # starts it here, not in a thread of the study's

        @wraps(objective)
        def run(trial: optuna.Trial) -> Any:
            with fluent.start_run(
                experiment_id=fluent.get_run(self.run_id).info.experiment_id,
                run_name=f"trial {trial.number}",
                nested=True,
                parent_run_id=self.run_id,
            ) as active:
                self._runs[trial.number] = active.info.run_id
                try:
                    return objective(trial)
                except optuna.TrialPruned:
                    fluent.end_run("KILLED")
                    raise

        return run

    def __call__(self, study: Any, trial: Any) -> None:
        """Log a trial that has ended."""
        names = None if self._metric_name else study.metric_names
        first = names[0] if names else self._metric_name or "value"
        result = numbered(trial.values or (), names, first)
        self._log_trial(study, trial, result, first)
        if len(study.directions) == 1:
            self._log_best(study, trial, first)

    def _log_trial(self, study: Any, trial: Any, result: Mapping[str, Any], name: str) -> None:
        client = RunlogClient()
        start = _milliseconds(trial.datetime_start)
        end = _milliseconds(trial.datetime_complete) or now()
        run_id = self._runs.pop(trial.number, None)
        if run_id is None:
            experiment_id = client.get_run(self.run_id).info.experiment_id
            tags = {PARENT_RUN_ID: self.run_id}
            run_name = f"trial {trial.number}"
            run_id = client.create_run(experiment_id, start, tags, run_name).info.run_id
        points = [
            Metric(key(name), value, end, step) for step, value in trial.intermediate_values.items()
        ]
        last = max(trial.intermediate_values, default=-1) + 1
        points += [Metric(key(each), value, end, last) for each, value in result.items()]
        params = [Param(key(each), str(value)) for each, value in trial.params.items()]
        client.log_batch(run_id, points, params)
        tags = {
            "optuna.study": study.study_name,
            "optuna.trial": str(trial.number),
            "optuna.state": trial.state.name,
            **{f"optuna.user.{key(each)}": str(value) for each, value in trial.user_attrs.items()},
        }
        for each, value in tags.items():
            client.set_tag(run_id, each, value)
        client.set_terminated(run_id, STATUSES.get(trial.state.name, "FINISHED"), end)

    def _log_best(self, study: Any, trial: Any, name: str) -> None:
        try:
            best = study.best_trial
        except ValueError:  # no trial is complete
            return
        self._target.log_metrics({f"best_{name}": best.value}, trial.number)
        client = RunlogClient()
        client.set_tag(self.run_id, "optuna.study", study.study_name)
        client.set_tag(self.run_id, "optuna.best_trial", str(best.number))
        for each, value in best.params.items():
            client.set_tag(self.run_id, f"optuna.best.{key(each)}", str(value))

    def close(self, status: str = "FINISHED") -> None:
        """End the study's run, if it was started here."""
        self._target.end(status)

    def __enter__(self) -> RunlogCallback:
        self._target.run_id  # noqa: B018
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._target.end(error=error)


def _milliseconds(at: Any) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)
