"""LightGBM: `lightgbm.train`, and its estimators for scikit-learn."""

from __future__ import annotations

from runlog.autologging import options, patches, sklearn
from runlog.autologging.boosters import (
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

NAME = "lightgbm"
NOT_PARAMS = (
    "params train_set valid_sets valid_names fobj feval init_model learning_rates callbacks"
).split()


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
    """Log every training of LightGBM from now on, by `lightgbm.train` or an estimator: params,
    metrics of each iteration and of the best one, data sets, importance of features, model.

    The options are those of `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_lightgbm(module: ModuleType) -> None:
    patches.patch(NAME, module.Dataset, "__init__", note_source)
    patches.patch(NAME, module, "train", watched(NAME, _train_of(with_model=True)))
    if (estimators := getattr(module, "sklearn", None)) is not None:
        patches.patch(NAME, estimators, "train", watched(NAME, _train_of(with_model=False)))
        classes = [each for each in vars(estimators).values() if isinstance(each, type)]
        models = [each for each in classes if issubclass(each, estimators.LGBMModel)]
        patch_estimators(NAME, models)


HOOKS = {"lightgbm": _patch_lightgbm, "sklearn.metrics": sklearn.metrics_hook(NAME)}


def _train_of(with_model: bool) -> Callable[[Call], Generator[None, Any, None]]:
    def train(call: Call) -> Generator[None, Any, None]:
        run = call.run
        results: list[dict[str, float]] = []
        with call.attempt("the params"):
            passed = call.with_defaults(without=NOT_PARAMS)
            run.log_params({**dict(call.get("params") or {}), **passed})
        _log_lightgbm_data(call, call.get("train_set"), "train")
        valid = call.get("valid_sets") or ()
        for data in valid if isinstance(valid, (list, tuple)) else [valid]:
            _log_lightgbm_data(call, data, "eval")
        model_id = trained_model(call, with_model)
        callbacks = [*(call.get("callbacks") or ()), _lightgbm_callback(call, results, model_id)]
        call.replace("callbacks", callbacks)
        booster = yield
        run.flush()
        if booster.best_iteration > 0:
            with call.attempt("the best iteration"):
                last, best = len(results), booster.best_iteration  # counted from 1
                stopped = {"stopped_iteration": last, "best_iteration": best}
                run.add_metrics(stopped, model_id=model_id)
                run.add_metrics(results[best - 1], last, model_id)
        for kind in ("split", "gain"):
            with call.attempt(f"the feature importance {kind!r}"):
                values = booster.feature_importance(importance_type=kind).tolist()
                named = dict(zip(booster.feature_name(), values, strict=True))
                log_importance(call, kind, named)
        if call.options["log_models"] and with_model:
            log_booster(call, NAME, booster, booster.predict, model_id)

    return train


def _log_lightgbm_data(call: Call, dataset: Any, context: str) -> None:
    with call.attempt("a data set"):
        log_data(call, dataset, context, lambda: dataset.data, dataset.label)


def _lightgbm_callback(call: Call, results: list[dict[str, float]], model_id: str | None) -> Any:
    def log(env: Any) -> None:
        with call.attempt("metrics"):
            values = {f"{each[0]}-{each[1]}": each[2] for each in env.evaluation_result_list}
            results.append(values)
            call.run.add_metrics(values, env.iteration, model_id)

    return log
