"""Metrics after the fit: what `score` and sklearn.metrics say about a model that was logged.

A key is `{metric}_{dataset}`, as in MLflow: dataset is the name of the variable that was passed to
`predict` or `score`. `metric_info.json` has the call of each.
"""

from __future__ import annotations

import inspect
import sys

from runlog.autologging.arguments import names_of
from runlog.autologging.content import ByIdentity, dataset_of, log_dataset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType, ModuleType
    from typing import Any

    from runlog.autologging.calls import Call
    from runlog.autologging.runs import RunLog

METHODS = ("predict", "predict_proba", "predict_log_proba", "transform")
UNKNOWN = "unknown_dataset"
NOT_METRICS = {"check_scoring", "get_scorer", "make_scorer", "get_scorer_names"}
MAX_DATASETS = 100  # of one model; a loop may predict row by row


class Evaluation:
    """A model that was fitted and logged: its run, and what it was evaluated on since."""

    def __init__(self, run: RunLog, model_id: str | None, with_datasets: bool) -> None:
        self.run, self.model_id, self.with_datasets = run, model_id, with_datasets
        self._datasets: dict[str, list[int]] = {}
        self._calls: dict[str, list[str]] = {}
        self._call_texts: dict[str, str] = {}
        self._logged: set[int] = set()

    def dataset_name(self, data: Any) -> str:
        """Return the name of the caller's variable. Other data of the same name gets a number."""
        name = variable_name(data, UNKNOWN)
        known = self._datasets.setdefault(name, [])
        if id(data) not in known:
            known.append(id(data))
        return _numbered(name, known.index(id(data)))

    def log_dataset(self, data: Any) -> None:
        """Log that the run read this data to evaluate the model, once."""
        if self.with_datasets and id(data) not in self._logged and len(self._logged) < MAX_DATASETS:
            self._logged.add(id(data))
            log_dataset(self.run, dataset_of(data), "eval")

    def log(self, metric: str, dataset: str, value: float, call_text: str) -> None:
        """Log a metric and write metric_info.json again."""
        calls = self._calls.setdefault(metric, [])
        key = f"{_numbered(metric, len(calls))}_{dataset}"
        calls.append(key)
        self._call_texts[key] = call_text
        self.run.log_metrics({key: value}, model_id=self.model_id)
        info = dict(sorted(self._call_texts.items()))
        self.run.client.log_dict(self.run.run_id, info, "metric_info.json")


_models = ByIdentity()
_predictions = ByIdentity()


def note_model(estimator: Any, run: RunLog, model_id: str | None, with_datasets: bool) -> None:
    """Log metrics of this estimator to that run from now on."""
    _models.set(estimator, Evaluation(run, model_id, with_datasets))


def metric_functions(metrics: ModuleType) -> Iterator[tuple[str, Any]]:
    """Return the functions of sklearn.metrics that compute metrics, by name."""
    for name in metrics.__all__:
        function = getattr(metrics, name)
        if callable(function) and not isinstance(function, type) and name not in NOT_METRICS:
            yield name, function


def of_prediction(call: Call) -> Generator[None, Any, None]:
    """Watch a prediction: metrics of its result belong to the model's run."""
    result = yield
    evaluation = _models.get(call.owner)
    if evaluation is not None:
        data = _first_argument(call)
        _predictions.set(result, (evaluation, evaluation.dataset_name(data)))
        with call.attempt("the data set of an evaluation"):
            evaluation.log_dataset(data)


def of_score(call: Call) -> Generator[None, Any, None]:
    """Watch a call of `score`."""
    value = yield
    evaluation = _models.get(call.owner)
    if evaluation is not None and _is_number(value):
        data = _first_argument(call)
        name = f"{type(call.owner).__name__}_score"
        text = _call_text(call, f"{type(call.owner).__name__}.score", skip=1)
        evaluation.log(name, evaluation.dataset_name(data), value, text)


def of_metric(call: Call) -> Generator[None, Any, None]:
    """Watch a call of a function of sklearn.metrics."""
    value = yield
    if not _is_number(value):
        return
    for argument in (*call.args, *call.kwargs.values()):
        known = _predictions.get(argument)
        if known is not None:
            evaluation, dataset = known
            name = call.function.__name__
            evaluation.log(name, dataset, value, _call_text(call, name))
            return


def _first_argument(call: Call) -> Any:
    """Return the data that a method was passed, whatever its name."""
    names = names_of(call.function)
    return call.get(names[1]) if len(names) > 1 else next(iter(call.kwargs.values()), None)


def _numbered(name: str, index: int) -> str:
    return name if index == 0 else f"{name}-{index + 1}"


def _is_number(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    kinds = (int, float) if numpy is None else (int, float, numpy.number)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _call_text(call: Call, function: str, skip: int = 0) -> str:
    names = names_of(call.function)
    named = [*zip(names, call.args, strict=False)][skip:]
    arguments = [
        f"{name}={_argument_text(value)}" for name, value in [*named, *call.kwargs.items()]
    ]
    return f"{function}({', '.join(arguments)})"


def _argument_text(value: Any) -> str:
    if isinstance(value, str) and len(value) > 32:
        return repr(value[:32] + "...")
    if value is None or isinstance(value, str) or not hasattr(value, "__len__"):
        return repr(value)
    return variable_name(value, f"<{type(value).__name__}>")


def variable_name(value: Any, default: str) -> str:
    """Return the name of the variable that holds `value` in the outermost of the calls that were
    passed it, or `default`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        is_ours = str(frame.f_globals.get("__name__")).startswith("runlog.")
        if not is_ours and not any(value is each for each in _arguments(frame)):
            held = (name for name, each in frame.f_locals.items() if each is value)
            return next(held, default)
        frame = frame.f_back
    return default


def _arguments(frame: FrameType) -> list[Any]:
    names, rest, keywords, values = inspect.getargvalues(frame)
    found = [values.get(name) for name in names]
    found += values.get(rest, ()) if rest else ()
    found += values.get(keywords, {}).values() if keywords else ()
    return found
