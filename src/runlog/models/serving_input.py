"""What model servers take: JSON texts, and the data that they stand for."""

from __future__ import annotations

import json
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.types.schema import DataType, Schema

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def parse(text: str, schema: Schema | None = None) -> tuple[Any, dict[str, Any] | None]:
    """Return the data and the params of a request to a model server.

    It is a JSON object with one of `dataframe_split`, `dataframe_records`, `instances` and
    `inputs`, perhaps with `params`. Raises InvalidParameter if it is not.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidParameter(f"the input is not JSON: {error}") from None
    forms = [name for name in _FORMS if isinstance(given, dict) and name in given]
    if len(forms) != 1:
        if isinstance(given, dict) and given.keys() & {"messages", "input"}:
            return given, None
        raise InvalidParameter(
            f"the input must be a JSON object with one of {', '.join(_FORMS)}, not {shown(given)}"
        )
    form, data = forms[0], given[forms[0]]
    if form == "dataframe_split":
        return frame_of_split(data, schema), given.get("params")
    if form == "dataframe_records":
        return frame_of_records(data, schema), given.get("params")
    if form == "instances" and data and isinstance(data[0], dict):
        data = {name: [each[name] for each in data] for name in data[0]}
    is_tensors = schema is not None and schema.is_tensor_spec()
    return (arrays_of(data, schema) if is_tensors else data), given.get("params")


def frame_of_split(plain: Any, schema: Schema | None = None) -> Any:
    """Return the pandas DataFrame of `{"columns": [...], "data": [[...]...]}`."""
    import pandas

    if isinstance(plain, list):
        plain = {"data": plain}
    return _typed(pandas.DataFrame(**{k: v for k, v in plain.items() if k != "index"}), schema)


def frame_of_records(plain: Any, schema: Schema | None = None) -> Any:
    """Return the pandas DataFrame of a list of dictionaries."""
    import pandas

    return _typed(pandas.DataFrame.from_records(plain), schema)


def _typed(frame: Any, schema: Schema | None) -> Any:
    """Give columns back the types that JSON has not: bytes, times, numbers of a size."""
    if schema is None or schema.is_tensor_spec():
        return frame
    from base64 import decodebytes

    import pandas

    names = schema.input_names() if schema.has_input_names() else list(frame.columns)
    for name, kind in zip(names, schema.input_types(), strict=False):
        if name not in frame or not isinstance(kind, DataType):
            continue
        column = frame[name]
        if kind is DataType.binary:
            frame[name] = [
                decodebytes(each.encode()) if isinstance(each, str) else each for each in column
            ]
        elif kind is DataType.datetime:
            frame[name] = pandas.to_datetime(column)
        elif kind is not DataType.string and not column.isna().any():
            try:
                frame[name] = column.astype(kind.to_numpy())
            except (ValueError, TypeError, OverflowError):
                pass  # enforcement will say what is wrong with it
    return frame


def arrays_of(plain: Any, schema: Schema | None = None) -> Any:
    """Return the numpy array of lists, or a dictionary of arrays of a dictionary of lists."""
    import numpy

    types: dict[Any, Any] = {}
    if schema is not None and schema.is_tensor_spec():
        types = {each.name: each.type for each in schema}
    if isinstance(plain, dict):
        return {name: _array(numpy, each, types.get(name)) for name, each in plain.items()}
    return _array(numpy, plain, types.get(None))


def _array(numpy: Any, plain: Any, dtype: Any) -> Any:
    array = numpy.array(plain, dtype=dtype) if dtype is not None else numpy.array(plain)
    if array.dtype.kind == "O":  # None stands for NaN
        try:
            array = array.astype(float)
        except (ValueError, TypeError):
            pass
    return array
