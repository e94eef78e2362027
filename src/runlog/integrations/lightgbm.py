"""A callback for LightGBM. It does not import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlog.integrations.target import Target


class RunlogCallback:
    """Log each iteration's evaluations, as `<data>-<metric>`, and the params of the training.

    For `lightgbm.train`, `lightgbm.cv` and the estimators of scikit-learn's kind.

    - `run_id`: the run to log to; by default the active run, or else a new one. It ends with the
      last iteration; if the training stops early, with `close()` or the program.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    """

    order = 15  # among callbacks: before early stopping, which ends the training
    before_iteration = False

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def __call__(self, env: Any) -> None:
        """Log the evaluations of an iteration."""
        if env.iteration == env.begin_iteration:
            self._target.log_params(env.params or {})
        values: dict[str, Any] = {}
        for result in env.evaluation_result_list or ():
            data, metric, value, _, *deviation = result
            name = f"{data}-{metric}"
            if deviation and deviation[0] is not None:  # of a cross-validation
                values[f"{name}-mean"], values[f"{name}-std"] = value, deviation[0]
            else:
                values[name] = value
        self._target.log_metrics(values, env.iteration)
        if env.iteration + 1 == env.end_iteration:
            self._target.end()

    def close(self) -> None:
        """End the run, if it was started here."""
        self._target.end()
