"""What is logged of most frameworks: data sets, models with signature and example."""

from __future__ import annotations

import copy
import sys
import weakref
from importlib import import_module

from runlog import context
from runlog.autologging.runs import RunLog, param_key
from runlog.entities import Dataset, DatasetInput, InputTag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runlog.autologging.calls import Call

EXAMPLE_ROWS = 5
DATASET_CONTEXT = "mlflow.data.context"


class ByIdentity:
    """Notes about objects that are neither changed nor kept alive for it."""

    def __init__(self) -> None:
        self._notes: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def set(self, thing: Any, note: Any) -> None:
        """Note something about an object. Do nothing if it cannot be referred to weakly."""
        identity = id(thing)
        try:
            reference = weakref.ref(thing, lambda _: self._notes.pop(identity, None))
        except TypeError:
            return
        self._notes[identity] = reference, note

    def get(self, thing: Any) -> Any:
        """Return the note about an object, or None."""
        reference, note = self._notes.get(id(thing), (None, None))
        return note if reference is not None and reference() is thing else None


def is_frame(data: Any) -> bool:
    """Whether this is a DataFrame of pandas. pandas is not imported for it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, getattr(pandas, "DataFrame", ()))


def copied(data: Any) -> Any:
    """Return a copy of an array, a table or anything else."""
    if is_frame(data) or type(data).__module__ == "numpy":
        return data.copy()
    return copy.deepcopy(data)


def first_rows(data: Any) -> Any:
    """Return a copy of the first rows, as an example of the input. Raises TypeError if it has
    none."""
    if isinstance(data, (str, bytes)) or not hasattr(data, "__getitem__"):
        raise TypeError(f"a {type(data).__name__} has no first rows")
    return copied(data[:EXAMPLE_ROWS])


def dataset_of(features: Any, targets: Any = None, name: str | None = None) -> Dataset | None:
    """Describe training data for `log_dataset`, or return None if it is of no known type."""
    from runlog import data

    if is_frame(features):
        described: Any = data.from_pandas(features, name=name)
    elif type(features).__module__.startswith("polars"):
        described = data.from_polars(features, name=name)
    else:
        features, targets = _dense(features), _dense(targets)
        if not type(features).__module__ == "numpy":
            return None
        described = data.from_numpy(features, targets=targets, name=name)
    return Dataset(**described.to_dict())


def _dense(array: Any) -> Any:
    return array.toarray() if hasattr(array, "toarray") else array


class Source:
    """What a data set of a framework was made from: an example of its rows and, as long as the
    program has it, the data itself."""

    def __init__(self, data: Any) -> None:
        self.example: Any = None
        self.reason = "the data set was made before autologging was enabled"
        try:
            self.example = first_rows(data)
        except Exception as error:
            self.reason = str(error)
        try:
            self._data: Any = weakref.ref(data)
        except TypeError:
            self._data = lambda: None

    def data(self) -> Any:
        """Return the data, or None if the program has dropped it."""
        return self._data()

    def rows(self) -> Any:
        """Return the example. Raises ValueError if there is none."""
        if self.example is None:
            raise ValueError(self.reason)
        return self.example


def log_dataset(run: RunLog, dataset: Dataset | None, context: str) -> None:
    """Log that the run read a data set, for training ("train") or evaluation ("eval")."""
    if dataset is not None:
        tags = [InputTag(DATASET_CONTEXT, context)]
        run.client.log_inputs(run.run_id, [DatasetInput(dataset, tags)])


def signature_and_example(
    call: Call, example: Callable[[], Any], predict: Callable[[Any], Any]
) -> tuple[Any, Any]:
    """Return signature and input example for `log_model`, as far as the options want them.

    `example` returns a few rows, and `predict` what the model says about them. The signature is
    False if there is none, so that `log_model` does not infer it either.
    """
    wants_signature = call.options.get("log_model_signatures", False)
    wants_example = call.options.get("log_input_examples", False)
    signature: Any = False if wants_example else None
    rows: Any = None
    if wants_signature or wants_example:
        with call.attempt("the input example"):
            rows = example()
    if wants_signature and rows is not None:
        with call.attempt("the signature"):
            from runlog.models import infer_signature

            signature = infer_signature(rows, predict(copied(rows)))
    return signature, rows if wants_example else None


def log_model(
    call: Call, flavor: str, model: Any, name: str = "model", **arguments: Any
) -> str | None:
    """Log a model to the call's run by `runlog.{flavor}.log_model`. Return the id of the logged
    model, or None if that failed. The model `model` is registered, if the options want it."""
    model_id: str | None = None
    with call.attempt(f"the model {name!r}"):
        registered = call.options.get("registered_model_name") if name == "model" else None
        module: Any = import_module(f"runlog.{flavor}")
        if "params" in arguments:
            params = arguments["params"].items()
            arguments["params"] = {param_key(each): value for each, value in params}
        logged = module.log_model(model, name=name, registered_model_name=registered, **arguments)
        model_id = logged.model_id
    return model_id


def start_model(call: Call) -> str | None:
    """Create the logged model that `log_model` fills after the training, so that metrics of the
    training are the model's, too. Return its id, or None."""
    model_id: str | None = None
    with call.attempt("the model"):
        run = call.run
        created = run.client.create_logged_model(
            run.experiment_id, "model", run.run_id, context.default_tags()
        )
        model_id = created.model_id
    return model_id
