"""A callback for CatBoost. It does not import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlog.integrations.target import Target


class RunlogCallback:
    """Log each iteration's metrics, as `<data>-<metric>`: `model.fit(..., callbacks=[callback])`.

    - `run_id`: the run to log to; by default the active run, or else a new one, which ends with
      `close()` or the program.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    - `params`: logged as params, such as `model.get_params()`.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._params = params

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def after_iteration(self, info: Any) -> bool:
        """Log the metrics of an iteration, and have the training go on."""
        if self._params:
            self._target.log_params(self._params)
            self._params = None
        values = {
            f"{data}-{metric}": history[-1]
            for data, metrics in (info.metrics or {}).items()
            for metric, history in metrics.items()
        }
        self._target.log_metrics(values, info.iteration)
        return True

    def close(self) -> None:
        """End the run, if it was started here."""
        self._target.end()
