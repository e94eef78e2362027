"""Input examples: data that a model can be called with, in JSON beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from runlog.errors import InvalidParameter, NotFound, RunlogError, shown

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"

ModelInputExample = Any
"""What an input example may be: a DataFrame, an array, a dictionary of arrays, a sparse matrix, a
list, dictionary, text, number or time; or a tuple of that and a dictionary of params."""


class Example:
    """An input example: `data` and `params` as they were given, and as JSON."""

    def __init__(self, given: ModelInputExample) -> None:
        self.data, self.params = split_params(given)
        self.info: dict[str, Any] = {"artifact_path": EXAMPLE_FILE}
        plain = self._describe(self.data)
        serving = {"dataframe_split" if self.info["type"] == "dataframe" else "inputs": plain}
        if self.info["type"].startswith("sparse"):
            serving = {"inputs": self.data.toarray()}
        elif _is_chat(self.data):
            serving = dict(self.data)
        if self.params is not None:
            if _is_chat(self.data):
                serving.update(self.params)
            else:
                serving["params"] = self.params
            plain = {"inputs": plain, "params": self.params}
            self.info["params"] = "true"
        self.json = dumps(plain)
        self.serving_json = dumps(serving, indent=2)
        self.info["serving_input_path"] = SERVING_FILE

    def _describe(self, data: Any) -> Any:
        """Return the data as plain values, and note what it was."""
        kind = type(data).__name__
        if hasattr(data, "model_dump"):  # an object of pydantic's
            data = data.model_dump()
        if kind == "ndarray":
            self.info["type"] = "ndarray"
            return _plain_array(data)
        if isinstance(data, dict):
            arrays = [type(each).__name__ == "ndarray" for each in data.values()]
            if any(arrays) and not all(arrays):
                raise InvalidParameter(
                    "the input example is a dictionary of arrays and of other values: use one kind"
                )
            self.info["type"] = "ndarray" if any(arrays) else "json_object"
            return {k: _plain_array(v) for k, v in data.items()} if any(arrays) else data
        if hasattr(data, "tocsr") and hasattr(data, "indptr"):
            self.info["type"] = f"sparse_matrix_{data.format}"
            names = ("data", "indices", "indptr")
            return {**{name: getattr(data, name) for name in names}, "shape": list(data.shape)}
        if kind == "DataFrame":
            return self._describe_frame(data)
        if data is None or hasattr(data, "items") and kind not in ("Series",):
            raise InvalidParameter(f"not an input example: {shown(data)}")
        self.info["type"] = "json_object"
        return data.to_list() if kind == "Series" else data

    def _describe_frame(self, frame: Any) -> dict[str, Any]:
        if not hasattr(frame, "iloc"):  # of polars
            frame = frame.to_pandas()
        found = frame.astype(object).where(frame.notna(), None).to_dict(orient="split")
        del found["index"]
        unnamed = list(frame.columns) == list(range(len(frame.columns)))
        if unnamed:
            del found["columns"]
        self.info["type"] = "dataframe"
        self.info["pandas_orient"] = "values" if unnamed else "split"
        return dict(found)

    def save(self, folder: str) -> None:
        """Write both JSON files."""
        for name, text in ((EXAMPLE_FILE, self.json), (SERVING_FILE, self.serving_json)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)


def split_params(given: Any) -> tuple[Any, dict[str, Any] | None]:
    """Return the data and the params of an input example."""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        return given
    return given, None


def _is_chat(data: Any) -> bool:
    return isinstance(data, dict) and bool(data.keys() & {"messages", "input"})


def _plain_array(array: Any) -> Any:
    if array.dtype.kind == "f":
        import numpy

        array = numpy.where(numpy.isnan(array), numpy.array(None), array)
    return array.tolist()


def dumps(value: Any, indent: int | None = None) -> str:
    """Return plain values, those of numpy and pandas among them, as JSON text."""
    return json.dumps(value, default=_plain, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        from base64 import encodebytes

        return encodebytes(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise InvalidParameter(f"{type(value).__name__} cannot be stored in an input example")


def convert_input_example_to_serving_input(input_example: ModelInputExample) -> str | None:
    """Return the JSON text that a model server takes for an input example, or None for None."""
    return None if input_example is None else Example(input_example).serving_json


def load(info: Mapping[str, Any], folder: str, schema: Any = None) -> Any:
    """Return the data of the example in a model's folder, of the type that it had."""
    kind, plain = info["type"], _content(info, folder)
    if info.get("params"):
        plain = plain["inputs"]
    if kind == "dataframe":
        from runlog.models.serving_input import frame_of_split

        return frame_of_split(plain, schema)
    if kind == "ndarray":
        from runlog.models.serving_input import arrays_of

        return arrays_of(plain, schema)
    if kind.startswith("sparse_matrix_"):
        from scipy import sparse

        matrix = getattr(sparse, kind.removeprefix("sparse_matrix_") + "_matrix")
        return matrix((plain["data"], plain["indices"], plain["indptr"]), shape=plain["shape"])
    if kind == "json_object":
        return plain
    raise RunlogError(f"the input example is of the type {kind!r}, which is unknown here")


def load_params(info: Mapping[str, Any], folder: str) -> dict[str, Any] | None:
    """Return the params of the example in a model's folder, or None."""
    return dict(_content(info, folder)["params"]) if info.get("params") else None


def load_serving_text(info: Mapping[str, Any], folder: str) -> str | None:
    """Return the text that a model server takes for the example, or None if there is none."""
    name = info.get("serving_input_path")
    return None if name is None else _read(folder, name)


def _content(info: Mapping[str, Any], folder: str) -> Any:
    return json.loads(_read(folder, info["artifact_path"]))


def _read(folder: str, name: str) -> str:
    from runlog.models.code import inside

    try:
        with open(inside(folder, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"no input example {name!r} in {folder}") from None
