"""Predicting as a model server would: from JSON or CSV, with the model at a URI."""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Any

from runlog.errors import InvalidParameter, NotFound, shown
from runlog.models import examples, serving_input


def _load(model_uri: str) -> Any:
    # Flavours stand above this package, and are found by name, as for any MLmodel file.
    return import_module("runlog.pyfunc").load_model(model_uri)


def validate_serving_input(model_uri: str, serving_input: str | dict[str, Any]) -> Any:
    """Return the predictions for what would be sent to a model server, as text or as a
    dictionary. Raises what the model raises if it does not take that."""
    text = serving_input if isinstance(serving_input, str) else examples.dumps(serving_input)
    return _predicted(_load(model_uri), text)


def _predicted(model: Any, text: str) -> Any:
    data, params = serving_input_of(model, text)
    return model.predict(data, params) if params else model.predict(data)


def serving_input_of(model: Any, text: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the data and the params in a JSON text, as the schema of a model wants them."""
    return serving_input.parse(text, model.metadata.get_input_schema())


def predict(
    model_uri: str,
    input_data: Any = None,
    input_path: str | os.PathLike[str] | None = None,
    content_type: str = "json",
    output_path: str | os.PathLike[str] | None = None,
    env_manager: str | None = None,
    install_mlflow: bool = False,
    pip_requirements_override: Any = None,
    extra_envs: Any = None,
) -> str:
    """Predict with the model at a URI, in this process, and return the predictions as JSON text:
    `{"predictions": ...}`, which is also written to the file `output_path`.

    Give `input_data`, a text or what an input example may be, or the file `input_path`.
    `content_type` is `json`, which is what a model server takes, or `csv`. `env_manager` must be
    None or `local`: runlog makes no environments for models.
    """
    if env_manager not in (None, "local"):
        raise InvalidParameter(
            f"env_manager {env_manager!r}: runlog predicts in this environment. Install what "
            "runlog.pyfunc.get_model_dependencies names, and leave env_manager out"
        )
    if pip_requirements_override or extra_envs:
        raise InvalidParameter("runlog predicts in this environment, without other packages")
    if (input_data is None) == (input_path is None):
        raise InvalidParameter("give either input_data or input_path")
    if content_type not in ("json", "csv"):
        raise InvalidParameter(f"no content type {content_type!r}: use json or csv")
    model = _load(model_uri)
    given = _read(input_path) if input_path is not None else input_data
    if content_type == "csv":
        found = model.predict(_frame_of_csv(given, model))
    elif isinstance(given, str):
        found = _predicted(model, given)
    else:
        found = model.predict(*examples.split_params(given))
    text = examples.dumps({"predictions": plain(found)})
    if output_path is not None:
        with open(output_path, "w", encoding="utf-8") as file:
            file.write(text)
    return text


def _read(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"no file {os.fspath(path)!r} with data to predict from") from None


def _frame_of_csv(given: Any, model: Any) -> Any:
    import io

    import pandas

    if not isinstance(given, str):
        raise InvalidParameter(f"the content type csv needs a text, not {shown(given)}")
    frame = pandas.read_csv(io.StringIO(given))
    records = json.loads(frame.to_json(orient="split"))
    return serving_input.frame_of_split(records, model.metadata.get_input_schema())


def plain(found: Any) -> Any:
    """Return predictions as lists and dictionaries: of a DataFrame, a row is a dictionary."""
    if type(found).__name__ == "DataFrame":
        return found.to_dict(orient="records")
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if hasattr(found, "tolist"):
        return found.tolist()
    return [plain(each) for each in found] if isinstance(found, (list, tuple)) else found
