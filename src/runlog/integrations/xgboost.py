"""A callback for XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xgboost

from runlog import fluent
from runlog.integrations.target import Target


class RunlogCallback(xgboost.callback.TrainingCallback):
    """Log each iteration's evaluations, as `<data>-<metric>`, and in the end the best iteration and
    how important the features are.

    For `xgboost.train`, `xgboost.cv` and the estimators of scikit-learn's kind.

    - `run_id`: the run to log to; by default the active run, or else a new one, which ends with the
      training.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    - `params`: logged as params.
    - `importance_type`: weight, gain, cover...; None logs no importances.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        importance_type: str | None = "gain",
    ) -> None:
        super().__init__()
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._params, self._importance_type = params, importance_type

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def before_training(self, model: Any) -> Any:
        """Log the params."""
        self._target.log_params(self._params or {})
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Log the evaluations of an iteration."""
        values = {}
        for data, metrics in evals_log.items():
            for metric, history in metrics.items():
                last, name = history[-1], f"{data}-{metric}"
                if isinstance(last, tuple):  # of a cross-validation
                    values[f"{name}-mean"], values[f"{name}-std"] = last
                else:
                    values[name] = last
        self._target.log_metrics(values, epoch)
        return False

    def after_training(self, model: Any) -> Any:
        """Log the best iteration and the importances, and end the run, if it was started here."""
        if isinstance(model, xgboost.Booster):
            if model.attr("best_score") is not None:
                best = {"best_score": model.best_score, "best_iteration": model.best_iteration}
                self._target.log_metrics(best)
            if self._importance_type and model.attr("booster") != "gblinear":
                self._log_importances(model)
        self._target.end()
        return model

    def _log_importances(self, model: Any) -> None:
        try:
            scores = model.get_score(importance_type=self._importance_type)
        except ValueError:  # a booster without trees
            return
        name = f"feature_importance_{self._importance_type}.json"
        fluent.log_dict(scores, name, run_id=self.run_id)
