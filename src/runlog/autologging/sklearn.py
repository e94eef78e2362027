"""scikit-learn: estimators, pipelines and parameter searches, as they are fitted."""

from __future__ import annotations

import sys
from html import escape

from runlog.autologging import options, patches
from runlog.autologging.calls import Quiet, is_inside, noted, patch_quiet, watched
from runlog.autologging.content import (
    copied,
    dataset_of,
    first_rows,
    log_dataset,
    log_model,
    signature_and_example,
)
from runlog.autologging.sklearn_evaluation import (
    METHODS,
    metric_functions,
    note_model,
    of_metric,
    of_prediction,
    of_score,
)
from runlog.autologging.sklearn_metrics import training_metrics
from runlog.autologging.sklearn_search import estimator_tags, is_search, log_search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "sklearn"
# What only prepares data is logged as a part of a pipeline, not for itself.
PREPARING = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose._column_transformer",
)
FITS = ("fit", "fit_transform", "fit_predict")
# Functions that fit many times to evaluate, and what they call where they were imported before.
EVALUATIONS = (
    "cross_validate cross_val_predict cross_val_score learning_curve permutation_test_score "
    "validation_curve _fit_and_score _fit_and_predict _permutation_test_score "
    "_incremental_fit_estimator"
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
    max_tuning_runs: int | None = 5,
    log_post_training_metrics: bool = True,
    serialization_format: str = "cloudpickle",
    registered_model_name: str | None = None,
    pos_label: Any = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every fit of a scikit-learn estimator from now on: params, metrics on the training data,
    data set, model. A search gets a child run for each of its best `max_tuning_runs` candidates
    (None: for all).

    `log_post_training_metrics` logs what `score` and the functions of `sklearn.metrics` return
    after the fit. `pos_label` makes precision, recall and F1 those of that class. The other options
    are those of `runlog.autolog`. Raises InvalidParameter if `max_tuning_runs` is negative.
    """
    chosen = dict(locals())
    if max_tuning_runs is not None and max_tuning_runs < 0:
        from runlog.errors import InvalidParameter

        raise InvalidParameter(f"max_tuning_runs must be 0 or more, or None: {max_tuning_runs}")
    options.enable(NAME, chosen, HOOKS)


# -- patching -------------------------------------------------------------------------------


def _patch_estimators(base: ModuleType) -> None:
    """Patch all estimator classes: those that are defined, and from now on those that will be."""
    for estimator in _below(base.BaseEstimator):
        _patch_class(estimator)
    patches.patch_subclassing(NAME, base.BaseEstimator, _patch_class)


def _below(base: type) -> Iterator[type]:
    below: list[type] = type.__subclasses__(base)
    for each in below:
        yield each
        yield from _below(each)


def _patch_class(estimator: type) -> None:
    """Patch the methods that an estimator defines or takes from scikit-learn's mixins."""
    for each in estimator.__mro__:
        if each.__module__.startswith("sklearn."):
            for name in vars(each).keys() & WRAPPERS.keys():
                patches.patch(NAME, each, name, WRAPPERS[name])


def _is_logged(call: Call) -> bool:
    """Whether it is an estimator of scikit-learn, or of a subclass, that does more than prepare."""
    from sklearn.base import BaseEstimator

    ours = (
        each
        for each in type(call.owner).__mro__
        if each.__module__.startswith("sklearn.") and issubclass(each, BaseEstimator)
    )
    nearest = next(ours, BaseEstimator)
    return nearest is not BaseEstimator and not nearest.__module__.startswith(PREPARING)


def metrics_hook(framework: str) -> Callable[[ModuleType], None]:
    """Return a function that patches the functions of sklearn.metrics for a framework."""

    def patch_metrics(metrics: ModuleType) -> None:
        for name, function in metric_functions(metrics):
            patches.patch(framework, metrics, name, noted(framework, of_metric))
            home = sys.modules.get(function.__module__)
            if getattr(home, name, None) is function:  # where pickle looks for it
                patches.replace(framework, home, name, getattr(metrics, name))

    return patch_metrics


def _patch_evaluations(module: ModuleType) -> None:
    for name in EVALUATIONS:
        if hasattr(module, name):
            patch_quiet(NAME, module, name)


def _patch_parallel(module: ModuleType) -> None:
    if hasattr(module, "Parallel"):
        patches.patch(NAME, module.Parallel, "__call__", _in_parallel)


def _in_parallel(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What scikit-learn runs in threads belongs to the call that runs it."""
    if is_inside() and len(args) == 2 and not kwargs:
        args = args[0], _quiet_tasks(args[1])
    return function(*args, **kwargs)


def _quiet_tasks(tasks: Iterable[Any]) -> Iterator[Any]:
    for task, args, kwargs in tasks:
        if hasattr(task, "function"):  # scikit-learn's wrapper, which passes its config on
            task.function = Quiet(task.function)
        yield task, args, kwargs


# -- a fit ----------------------------------------------------------------------------------


def _fit_sklearn(call: Call) -> Generator[None, Any, None]:
    estimator, run = call.owner, call.run
    call.states = _random_states(estimator)
    features, targets, weights = _training_data(call)
    with call.attempt("the params"):
        run.log_params(estimator.get_params(deep=not is_search(estimator)))
    with call.attempt("the tags"):
        run.set_tags(estimator_tags(estimator))
    dataset = None
    with call.attempt("the data set"):
        dataset = dataset_of(features, targets)
        if call.options["log_datasets"]:
            log_dataset(run, dataset, "train")
    yield
    example: Any = None
    with call.attempt("the input example"):
        example = first_rows(features)
    model_id, signature, rows = None, None, None
    if call.options["log_models"]:
        signature, rows = signature_and_example(call, lambda: example, _output_of(estimator))
        model_id = _log_estimator(call, estimator, "model", signature, rows)
    metrics, curves = training_metrics(call, estimator, features, targets, weights)
    with call.attempt("the metrics"):
        run.log_metrics(metrics, model_id=model_id)
    for log_curve in curves:
        with call.attempt("a curve"):
            log_curve(run)
    with call.attempt("estimator.html"):
        run.client.log_text(run.run_id, _html(estimator), "estimator.html")
    if is_search(estimator):
        best_id = None
        if call.options["log_models"] and hasattr(estimator, "best_estimator_"):
            best = estimator.best_estimator_
            best_id = _log_estimator(call, best, "best_estimator", signature, rows)
        log_search(call, estimator, dataset, model_id, best_id)
    if call.options["log_post_training_metrics"]:
        note_model(estimator, run, model_id, call.options["log_datasets"])


def _training_data(call: Call) -> tuple[Any, Any, Any]:
    """Return features, targets and sample weights. They are copied where the estimator, or code
    that is not scikit-learn's, might change them, when it is fitted or asked to predict."""
    names = [name for name in _fit_arguments(call) if name != "self"]
    features, targets = (call.get(name) for name in [*names, "X", "y"][:2])
    weights = call.get("sample_weight")
    if _may_change_data(call.owner):
        features, targets = copied(features), copied(targets)
    return features, targets, weights


def _fit_arguments(call: Call) -> tuple[str, ...]:
    from runlog.autologging.arguments import names_of

    return names_of(call.function)


def _may_change_data(estimator: Any) -> bool:
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] in {"copy", "copy_X", "copy_x"} and value is False:
            return True
        if callable(value) and not isinstance(value, type):
            return True
        if hasattr(value, "get_params") and not _is_of_sklearn(value):
            return True
    return not _is_of_sklearn(estimator)


def _is_of_sklearn(estimator: Any) -> bool:
    return type(estimator).__module__.startswith("sklearn.")


def _random_states(estimator: Any) -> list[Any]:
    """Random states that the estimator would draw from when it predicts."""
    values = estimator.get_params(deep=True).values()
    return [each for each in values if hasattr(each, "get_state") or hasattr(each, "bit_generator")]


def _output_of(estimator: Any) -> Any:
    method = "predict" if hasattr(estimator, "predict") else "transform"
    if not hasattr(estimator, method):
        raise TypeError(f"{type(estimator).__name__} has neither predict nor transform")
    return getattr(estimator, method)


def _log_estimator(
    call: Call, estimator: Any, name: str, signature: Any, example: Any
) -> str | None:
    params = estimator.get_params(deep=not is_search(estimator))
    best = getattr(estimator, "best_params_", None) or {}
    params |= {f"best_{key}": value for key, value in best.items()}
    return log_model(
        call,
        NAME,
        estimator,
        name,
        signature=signature,
        input_example=example,
        serialization_format=call.options["serialization_format"],
        params=params,
    )


def _html(estimator: Any) -> str:
    """Draw an estimator: as scikit-learn does if it consists of others, or else as a table of its
    params, which takes a tenth of the time."""
    params = estimator.get_params(deep=False)
    if any(isinstance(each, (list, tuple)) or hasattr(each, "fit") for each in params.values()):
        from sklearn.utils import estimator_html_repr

        body = estimator_html_repr(estimator)
    else:
        rows = [
            f"<tr><th>{escape(name)}</th><td>{escape(repr(value))}</td></tr>"
            for name, value in params.items()
        ]
        name = escape(type(estimator).__name__)
        body = f"<h1>{name}</h1>\n<table>\n{chr(10).join(rows)}\n</table>"
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"></head>'
    return f"{head}\n{body}\n</html>\n"


WRAPPERS = {
    **dict.fromkeys(
        ("fit", "fit_transform", "fit_predict"), watched(NAME, _fit_sklearn, _is_logged)
    ),
    **dict.fromkeys(METHODS, noted(NAME, of_prediction)),
    "score": noted(NAME, of_score),
}
HOOKS = {
    "sklearn.base": _patch_estimators,
    "sklearn.metrics": metrics_hook(NAME),
    "sklearn.model_selection": _patch_evaluations,
    "sklearn.model_selection._validation": _patch_evaluations,
    "sklearn.utils.parallel": _patch_parallel,
}
