"""What XGBoost and LightGBM have in common: a function `train`, and estimators that call it."""

from __future__ import annotations

from runlog.autologging import patches
from runlog.autologging.calls import noted, watched
from runlog.autologging.content import (
    ByIdentity,
    Source,
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
    from collections.abc import Callable, Generator, Iterable, Mapping
    from typing import Any

    from runlog.autologging.calls import Call

MAX_CELLS = 10_000_000  # of a data set whose numbers are read again to describe it

_sources = ByIdentity()


def note_source(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call the `__init__` of a data set, and note what it is made from."""
    data = args[1] if len(args) > 1 else kwargs.get("data")
    if data is not None:
        _sources.set(args[0], Source(data))
    function(*args, **kwargs)


def source_of(dataset: Any) -> Source:
    """Return what is known of the data that a data set was made from."""
    return _sources.get(dataset) or Source(None)


def log_data(
    call: Call, dataset: Any, context: str, read: Callable[[], Any], label: Any = None
) -> None:
    """Log a data set of the framework. `read` returns its numbers, if the data itself is gone."""
    if dataset is not None and call.options["log_datasets"]:
        with call.attempt("a data set"):
            data = source_of(dataset).data()
            log_dataset(call.run, dataset_of(read() if data is None else data, label), context)


def log_importance(call: Call, kind: str, importance: Mapping[str, Any]) -> None:
    """Log how important each feature is, as feature_importance_{kind}.json."""
    with call.attempt(f"the feature importance {kind!r}"):
        run = call.run
        run.client.log_dict(run.run_id, dict(importance), f"feature_importance_{kind}.json")


def fit_of(framework: str, **arguments: str) -> Callable[[Call], Generator[None, Any, None]]:
    """Return a watcher of an estimator's `fit`: `train` inside of it logs all but the model.

    `arguments` are options that `log_model` gets, by its own names.
    """

    def fit(call: Call) -> Generator[None, Any, None]:
        call.lets = "train"
        example: Any = None
        with call.attempt("the input example"):
            example = first_rows(call.get("X"))
        yield
        estimator, model_id = call.owner, None
        if call.options["log_models"]:
            signature, rows = signature_and_example(call, lambda: example, estimator.predict)
            given = {name: call.options[option] for name, option in arguments.items()}
            model_id = log_model(
                call, framework, estimator, signature=signature, input_example=rows, **given
            )
        note_model(estimator, call.run, model_id, call.options["log_datasets"])

    return fit


def log_booster(
    call: Call, framework: str, model: Any, predict: Any, model_id: str | None, **arguments: Any
) -> None:
    """Log what `train` returned, with signature and example of its training data."""
    source = source_of(call.args[1] if len(call.args) > 1 else call.get(_DATA[framework]))
    signature, rows = signature_and_example(call, source.rows, predict)
    log_model(
        call,
        framework,
        model,
        signature=signature,
        input_example=rows,
        model_id=model_id,
        **arguments,
    )


def patch_estimators(framework: str, classes: Iterable[type], **arguments: str) -> None:
    """Log fits of these estimators, and metrics of what they predict afterwards."""
    for each in classes:
        if "fit" in vars(each):
            fit = watched(framework, fit_of(framework, **arguments))
            patches.patch(framework, each, "fit", fit)
        for name in METHODS:
            if name in vars(each):
                patches.patch(framework, each, name, noted(framework, of_prediction))
        if hasattr(each, "score"):
            patches.patch(framework, each, "score", noted(framework, of_score))


def trained_model(call: Call, with_model: bool) -> str | None:
    """Create the logged model of a `train` call, if one is wanted."""
    return start_model(call) if with_model and call.options["log_models"] else None


_DATA = {"xgboost": "dtrain", "lightgbm": "train_set"}
