"""XGBoost: `xgboost.train`, and its estimators for scikit-learn."""

from __future__ import annotations

from runlog.autologging import options, patches, sklearn
from runlog.autologging.boosters import (
    MAX_CELLS,
    log_booster,
    log_data,
    log_importance,
    note_source,
    patch_estimators,
    trained_model,
)
from runlog.autologging.calls import watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "xgboost"
NOT_PARAMS = (
    "params dtrain evals obj feval evals_result xgb_model callbacks learning_rates"
).split()


def autolog(
    importance_types: list[str] | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    model_format: str = "ubj",
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every training of XGBoost from now on, by `xgboost.train` or an estimator: params,
    metrics of each iteration and of the best one, data sets, importance of features, model.

    `importance_types` are those of `Booster.get_score`, by default `["weight"]`. `model_format` is
    ubj, json or xgb. The other options are those of `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_xgboost(module: ModuleType) -> None:
    for name in ("DMatrix", "QuantileDMatrix"):
        if hasattr(module, name):
            patches.patch(NAME, getattr(module, name), "__init__", note_source)
    patches.patch(NAME, module, "train", watched(NAME, _train_of(with_model=True)))
    if (estimators := getattr(module, "sklearn", None)) is not None:
        patches.patch(NAME, estimators, "train", watched(NAME, _train_of(with_model=False)))
        classes = [each for each in vars(estimators).values() if isinstance(each, type)]
        models = [each for each in classes if issubclass(each, estimators.XGBModel)]
        patch_estimators(NAME, models, model_format="model_format")


HOOKS = {"xgboost": _patch_xgboost, "sklearn.metrics": sklearn.metrics_hook(NAME)}


def _train_of(with_model: bool) -> Callable[[Call], Generator[None, Any, None]]:
    def train(call: Call) -> Generator[None, Any, None]:
        run = call.run
        results: list[dict[str, float]] = []
        passed = call.with_defaults(without=NOT_PARAMS)
        with call.attempt("the params"):
            run.log_params({**dict(call.get("params") or {}), **passed})
        _log_matrix(call, call.get("dtrain"), "train")
        for data, _ in call.get("evals") or ():
            _log_matrix(call, data, "eval")
        model_id = trained_model(call, with_model)
        callbacks = [*(call.get("callbacks") or ()), _xgboost_callback(call, results, model_id)]
        call.replace("callbacks", callbacks)
        booster = yield
        run.flush()
        if call.options["log_models"] and with_model:
            log_booster(
                call,
                NAME,
                booster,
                lambda rows: _predict(booster, rows),
                model_id,
                model_format=call.options["model_format"],
                params=passed,
            )
        if call.get("early_stopping_rounds"):
            with call.attempt("the best iteration"):
                last, best = len(results), booster.best_iteration
                stopped = {"stopped_iteration": last - 1, "best_iteration": best}
                run.add_metrics(stopped, model_id=model_id)
                run.add_metrics(results[best], last, model_id)
        for kind in call.options["importance_types"] or ["weight"]:
            with call.attempt(f"the feature importance {kind!r}"):
                log_importance(call, kind, booster.get_score(importance_type=kind))

    return train


def _predict(booster: Any, rows: Any) -> Any:
    import xgboost

    return booster.predict(xgboost.DMatrix(rows))


def _log_matrix(call: Call, matrix: Any, context: str) -> None:
    def read() -> Any:
        if matrix.num_row() * matrix.num_col() > MAX_CELLS:
            raise ValueError("it is too large to be read again, and the program has dropped it")
        return matrix.get_data()

    log_data(call, matrix, context, read)


def _xgboost_callback(call: Call, results: list[dict[str, float]], model_id: str | None) -> Any:
    from xgboost.callback import TrainingCallback

    class Log(TrainingCallback):  # type: ignore[misc]
        """Logs the metrics of each iteration. It never fails and never stops the training."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            with call.attempt("metrics"):
                values = {
                    f"{data}-{metric}": history[-1]
                    for data, metrics in evals_log.items()
                    for metric, history in metrics.items()
                }
                results.append(values)
                call.run.add_metrics(values, epoch, model_id)
            return False

    return Log()
