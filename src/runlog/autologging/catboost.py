"""CatBoost: the `fit` of its models."""

from __future__ import annotations

from runlog.autologging import options, patches, sklearn
from runlog.autologging.boosters import log_importance
from runlog.autologging.calls import noted, watched
from runlog.autologging.content import (
    dataset_of,
    first_rows,
    log_dataset,
    log_model,
    signature_and_example,
    start_model,
)
from runlog.autologging.sklearn_evaluation import METHODS, note_model, of_prediction, of_score

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "catboost"


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every fit of a CatBoost model from now on: params, metrics of each iteration and of the
    best one, data sets, importance of features, model.

    MLflow has no such function. The options are those of `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_catboost(module: ModuleType) -> None:
    for name in ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"):
        if (each := getattr(module, name, None)) is not None and "fit" in vars(each):
            patches.patch(NAME, each, "fit", watched(NAME, _fit_catboost))
            for method in METHODS:
                if method in vars(each):
                    patches.patch(NAME, each, method, noted(NAME, of_prediction))
            if "score" in vars(each):
                patches.patch(NAME, each, "score", noted(NAME, of_score))


HOOKS = {"catboost": _patch_catboost, "sklearn.metrics": sklearn.metrics_hook(NAME)}


def _fit_catboost(call: Call) -> Generator[None, Any, None]:
    model, run = call.owner, call.run
    features, targets = call.get("X"), call.get("y")
    example: Any = None
    with call.attempt("the params"):
        run.log_params(model.get_params())
    with call.attempt("the input example"):
        example = first_rows(features) if targets is not None else None
    if call.options["log_datasets"]:
        with call.attempt("the data set"):
            log_dataset(run, dataset_of(features, targets), "train")
    model_id = start_model(call) if call.options["log_models"] else None
    steps = _Steps(call, model_id)
    is_live = "GPU" not in str(model.get_params().get("task_type"))  # which takes no callbacks
    if is_live:
        call.replace("callbacks", [*(call.get("callbacks") or ()), steps])
    yield
    with call.attempt("the metrics"):
        steps.add_missing(model.get_evals_result())
        best = model.get_best_iteration()
        if best is not None:
            run.add_metrics({"best_iteration": best}, model_id=model_id)
    run.flush()
    with call.attempt("the feature importance"):
        values = model.get_feature_importance().tolist()
        named = dict(zip(model.feature_names_, values, strict=True))
        log_importance(call, str(model.get_all_params().get("loss_function", "value")), named)
    if model_id is not None:
        signature, rows = signature_and_example(call, lambda: example, model.predict)
        log_model(call, NAME, model, signature=signature, input_example=rows, model_id=model_id)
    note_model(model, run, model_id, call.options["log_datasets"])


class _Steps:
    """A callback of CatBoost that logs the metrics of each iteration. It never stops a training."""

    def __init__(self, call: Call, model_id: str | None) -> None:
        self._call, self._model_id = call, model_id
        self._known: dict[str, int] = {}

    def after_iteration(self, info: Any) -> bool:
        """Log what is new since the last iteration."""
        with self._call.attempt("metrics"):
            self.add_missing(info.metrics or {})
        return True

    def add_missing(self, metrics: Any) -> None:
        """Log the values that were not there before, each at its iteration."""
        for data, by_name in metrics.items():
            for name, history in by_name.items():
                key = f"{data}-{_metric_name(name)}"
                for step in range(self._known.get(key, 0), len(history)):
                    self._call.run.add_metrics({key: history[step]}, step, self._model_id)
                self._known[key] = len(history)


def _metric_name(name: str) -> str:
    """A metric of CatBoost has its parameters in its name: `PrecisionAt:top=3`."""
    return name.replace("=", "_").replace(";", "_").replace(",", "_")
