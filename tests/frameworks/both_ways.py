"""Models that runlog and the real MLflow exchange, and whether both predict the same.

A module of examples has `EXAMPLES`: functions by name, each of which makes an `Example`, the same
one in every process. `exchange` logs all of them with runlog and then starts a program under the
real MLflow, one for all: it loads what runlog logged, and saves its own.
"""

from __future__ import annotations

import pickle
import shutil
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from frameworks.environments import run_with_mlflow


class Example(NamedTuple):
    flavor: str  # the module's name
    model: Any
    data: Any  # what its pyfunc predicts
    predict: Callable[[Any, Any], Any]  # the same prediction, from the model and the data
    options: dict[str, Any] = {}  # of save_model
    with_example: bool = True  # it is saved with the data as its input example


class Exchanged(NamedTuple):
    """What became of an example. Predictions are as `plain` makes them, or the text of an error."""

    example: Example
    ours: str  # the folder that runlog logged
    expected: Any  # by the example's own model
    ours_by_flavor: Any  # by the framework's model that MLflow loaded from there
    ours_by_pyfunc: Any
    theirs: str  # the folder that MLflow saved, or the text of an error
    theirs_expected: Any  # by the model that MLflow saved


def exchange(examples: str, version: str, folder: Path) -> dict[str, Exchanged]:
    """Exchange all examples of a module with a version of MLflow, "2" or "3"."""
    import runlog
    from runlog.models.uris import local_folder

    folder.joinpath("ours").mkdir()
    runlog.set_tracking_uri(folder / "runs.db")
    ours = {}
    for name, make in import_module(examples).EXAMPLES.items():
        example = make()
        flavor = import_module(f"runlog.{example.flavor}")
        sample = {"input_example": example.data} if example.with_example else {}
        where = "artifact_path" if version == "2" else "name"
        with runlog.start_run():
            info = flavor.log_model(example.model, **{where: name}, **sample, **example.options)
        target = folder / "ours" / name
        shutil.copytree(local_folder(info.model_uri), target)
        ours[name] = (example, str(target), plain(example.predict(example.model, example.data)))
    program = "import sys; from frameworks import both_ways; both_ways.under_mlflow(*sys.argv[1:])"
    run_with_mlflow(version, program, examples, folder)
    results = pickle.loads((folder / "results").read_bytes())
    return {name: Exchanged(*ours[name], *results[name]) for name in ours}


def under_mlflow(examples: str, path: str) -> None:
    """Load what runlog saved, and save every example. Runs in a process that has MLflow."""
    folder = Path(path)
    results = {}
    for name, make in import_module(examples).EXAMPLES.items():
        try:
            results[name] = _under_mlflow(name, make(), folder)
        except Exception:
            results[name] = [traceback.format_exc()] * 4
    (folder / "results").write_bytes(pickle.dumps(results))


def _under_mlflow(name: str, example: Example, folder: Path) -> list[Any]:
    import mlflow.pyfunc

    flavor = import_module(f"mlflow.{example.flavor}")
    ours, theirs = str(folder / "ours" / name), str(folder / "theirs" / name)

    def by_flavor() -> Any:
        return plain(example.predict(flavor.load_model(ours), example.data))

    def by_pyfunc() -> Any:
        return plain(mlflow.pyfunc.load_model(ours).predict(example.data))

    def save() -> str:
        # With requirements it starts no interpreter to infer them.
        sample = {"input_example": example.data} if example.with_example else {}
        flavor.save_model(
            example.model, theirs, pip_requirements=["numpy"], **sample, **example.options
        )
        return theirs

    def predict() -> Any:
        return plain(example.predict(example.model, example.data))

    return [_or_error(each) for each in (by_flavor, by_pyfunc, save, predict)]


def _or_error(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception:
        return traceback.format_exc()


def plain(prediction: Any) -> Any:
    """Return predictions as lists of numbers and texts: their types in memory may differ."""
    import numpy

    if hasattr(prediction, "detach"):
        prediction = prediction.detach()
    if hasattr(prediction, "to_numpy") and hasattr(prediction, "columns"):
        return {str(name): plain(column.to_list()) for name, column in prediction.items()}
    if isinstance(prediction, dict):
        return {str(name): plain(value) for name, value in prediction.items()}
    if isinstance(prediction, (list, tuple)):
        return [plain(value) for value in prediction]
    if isinstance(prediction, (str, type(None))) or hasattr(prediction, "isoformat"):
        return str(prediction)
    return numpy.asarray(prediction).tolist()


def same(first: Any, second: Any) -> bool:
    """Return whether predictions are the same, numbers up to rounding in 32 bits."""
    import math

    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float) and isinstance(second, float):
        both_nan = math.isnan(first) and math.isnan(second)
        return both_nan or math.isclose(first, second, rel_tol=1e-4, abs_tol=1e-6)
    return bool(first == second)
