"""Schemas inferred from data: what columns and arrays hold, in the JSON form that MLflow has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.extras import require
from runlog.types.schema import (
    DataType,
    Object,
    ParamSchema,
    ParamSpec,
    Schema,
    type_from_dict,
)

Type = dict[str, Any]
"""A type as MLflow's JSON has it: {"type": "long"}, {"type": "array", "items": {...}}..."""

_ANY: Type = {"type": "any"}
_SCALARS = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "binary"}
_POLARS = {
    name: said
    for said, names in {
        "binary": "Binary",
        "boolean": "Boolean",
        "datetime": "Date Datetime",
        "float": "Float32",
        "double": "Float64",
        "integer": "Int8 Int16 Int32 UInt8 UInt16",
        "long": "Int64 UInt32",
        "string": "String Categorical Enum",
    }.items()
    for name in names.split()
}


class NoName(Exception):
    """A type for which MLflow's schemas have no name."""


def infer_schema(data: Any) -> Schema:
    """Return the schema of data: a DataFrame or Series of pandas or polars, a numpy array, a
    dictionary of arrays, a sparse matrix, a list or dictionary of plain values, or one value.

    Raises InvalidParameter for what has no type that schemas know.
    """
    try:
        return Schema.from_dict(_infer(data))
    except NoName as error:
        raise InvalidParameter(
            f"no schema for {type(data).__name__}: {error}. Use a DataFrame, an array, a "
            "dictionary of arrays, or lists and dictionaries of numbers, texts and times"
        ) from None


def _infer(data: Any) -> list[Type]:
    module, name = type(data).__module__.partition(".")[0], type(data).__name__
    if module == "polars" and name in ("DataFrame", "LazyFrame"):
        return of_polars(data.collect() if name == "LazyFrame" else data)
    if hasattr(data, "columns") and hasattr(data, "dtypes") and hasattr(data, "items"):
        return of_pandas(data)
    if module in ("pandas", "polars") and name == "Series":
        data = data.to_pandas() if module == "polars" else data
        named = {} if data.name is None else {"name": data.name}
        return [{**_column_type(data), **named, "required": not data.isna().any()}]
    if hasattr(data, "tocsr"):
        spec = {"dtype": data.dtype.name, "shape": [-1, *data.shape[1:]]}
        return [{"type": "tensor", "tensor-spec": spec}]
    if name == "ndarray" or (isinstance(data, dict) and data and _are_arrays(data.values())):
        return of_arrays(data)
    if isinstance(data, list) and data and all(isinstance(each, dict) for each in data):
        return _of_rows(data)
    if isinstance(data, dict):
        if not data or not all(isinstance(key, str) for key in data):
            raise NoName("a dictionary needs keys, all of them texts")
        types = {key: _value_type(value) for key, value in data.items()}
        return [
            {**each, "name": key, "required": _is_required(data[key], each)}
            for key, each in types.items()
        ]
    if isinstance(data, list):
        return [{**(_common_type(data) if data else {"type": "string"}), "required": True}]
    return [{**_value_type(data), "required": True}]


def _are_arrays(values: Iterable[Any]) -> bool:
    return all(type(value).__name__ == "ndarray" for value in values)


def _is_required(value: Any, found: Type) -> bool:
    values = value if isinstance(value, list) else [value]
    return not any(_is_missing(each) for each in values)


def _of_rows(rows: list[dict[str, Any]]) -> list[Type]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [
        {
            **_common_type(row[name] for row in rows if name in row),
            "name": name,
            "required": all(row.get(name) is not None for row in rows),
        }
        for name in names
    ]


def infer_params(params: Mapping[str, Any]) -> ParamSchema:
    """Return the schema of params with these defaults. Raises InvalidParameter for a default whose
    type is unknown, None for example."""
    specs = []
    for name, value in params.items():
        default = value.tolist() if type(value).__name__ == "ndarray" else value
        many = isinstance(default, (list, tuple))
        try:
            found = _common_type(default) if many else _value_type(default)
            kind = type_from_dict(found)
        except NoName as error:
            raise InvalidParameter(f"no type for the param {name!r}: {error}") from None
        if not isinstance(kind, (DataType, Object)):
            raise InvalidParameter(
                f"no type for the param {name!r}: its default {shown(value)} must be a value, a "
                "dictionary or a list of values of one type"
            )
        specs.append(
            ParamSpec(name, kind, list(default) if many else default, (-1,) if many else None)
        )
    return ParamSchema(specs)


def of_pandas(frame: Any) -> list[Type]:
    """Return the columns of a pandas DataFrame. Raises NoName when one has no single type."""
    return [
        {**_column_type(column), "name": name, "required": not column.isna().any()}
        for name, column in frame.items()
    ]


def of_polars(frame: Any) -> list[Type]:
    """Return the columns of a polars DataFrame. Raises NoName for a type MLflow cannot name."""
    return [
        {
            **_polars_type(column.dtype),
            "name": column.name,
            "required": column.null_count() == 0,
        }
        for column in frame.get_columns()
    ]


def of_arrays(given: Any) -> list[Type]:
    """Return the tensors of a numpy array, or of a dictionary of named ones. Raises NoName if one
    is a mere number."""
    arrays = named_arrays(given)
    if any(array.ndim == 0 for _, array in arrays):
        raise NoName("an array without dimensions")
    return [_tensor(name, array) for name, array in arrays]


def named_arrays(given: Any) -> list[tuple[str | None, Any]]:
    """Return names and arrays of a dictionary; an array by itself has the name None."""
    asarray = require("numpy", "pandas").asarray
    if isinstance(given, Mapping):
        return [(name, asarray(array)) for name, array in given.items()]
    return [(None, asarray(given))]


# --- columns -----------------------------------------------------------------------------------


def _column_type(column: Any) -> Type:
    from pandas.api.types import infer_dtype

    if column.dtype.kind == "O" and infer_dtype(column) == "string":
        return {"type": "string"}
    if column.dtype.kind == "O":
        column = column.infer_objects()
    if column.dtype.kind != "O":
        return {"type": _number_type(column.dtype)}
    return _common_type(column.to_list()) if len(column) else {"type": "string"}


def _number_type(dtype: Any) -> str:
    kind, size = dtype.kind, dtype.itemsize
    if kind in "iu":
        fits = size if kind == "i" else size + 1  # a signed type that holds every unsigned value
        if fits <= 8:
            return "integer" if fits <= 4 else "long"
    if kind == "f" and size <= 8:
        return "float" if size <= 4 else "double"
    names = {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}
    if kind not in names:
        raise NoName(str(dtype))
    return names[kind]


def _common_type(values: Iterable[Any]) -> Type:
    """Return the type that all of some values have; what is missing has any."""
    common = _ANY
    for value in values:
        common = _merged(common, _value_type(value))
    return common


def _value_type(value: Any) -> Type:
    if type(value) in _SCALARS and value == value:
        return {"type": _SCALARS[type(value)]}
    if _is_missing(value) or (isinstance(value, (list, dict)) and not value):
        return _ANY
    if isinstance(value, dict):
        properties = {key: _property(value[key]) for key in sorted(value, key=str)}
        return {"type": "object", "properties": properties}
    if isinstance(value, list) or len(getattr(value, "shape", "")) > 0:
        return {"type": "array", "items": _common_type(value)}
    if hasattr(value, "dtype"):
        return {"type": _number_type(value.dtype)}
    if hasattr(value, "isoformat") and hasattr(value, "year"):
        return {"type": "datetime"}
    if isinstance(value, bytearray):
        return {"type": "binary"}
    raise NoName(type(value).__name__)


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NAType", "NaTType")  # those of pandas


def _property(value: Any) -> Type:
    found = _value_type(value)
    return {**found, "required": found is not _ANY}


def _merged(one: Type, other: Type) -> Type:
    """Return the type that includes both. Raises NoName when there is none."""
    if one["type"] == "any":
        return other
    if other["type"] == "any":
        return one
    if one["type"] != other["type"]:
        raise NoName(f"{one['type']} and {other['type']}")
    if one["type"] == "array":
        return {"type": "array", "items": _merged(one["items"], other["items"])}
    if one["type"] == "object":
        names = sorted({*one["properties"], *other["properties"]}, key=str)
        properties = {
            name: _merged_property(
                one["properties"].get(name, _ANY), other["properties"].get(name, _ANY)
            )
            for name in names
        }
        return {"type": "object", "properties": properties}
    return {"type": one["type"]}


def _merged_property(one: Type, other: Type) -> Type:
    merged = dict(_merged(one, other))
    merged.pop("required", None)
    return {**merged, "required": bool(one.get("required") and other.get("required"))}


def _polars_type(dtype: Any) -> Type:
    name = dtype.base_type().__name__
    if name in ("List", "Array"):
        return {"type": "array", "items": _polars_type(dtype.inner)}
    if name == "Struct":
        properties = {
            field.name: {**_polars_type(field.dtype), "required": True} for field in dtype.fields
        }
        return {"type": "object", "properties": properties}
    if name not in _POLARS:
        raise NoName(str(dtype))
    return {"type": _POLARS[name]}


# --- arrays ------------------------------------------------------------------------------------


def _tensor(name: str | None, array: Any) -> dict[str, Any]:
    kind = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
    named = {} if name is None else {"name": name}
    # The number of rows is left open: a model takes any.
    spec = {"dtype": kind, "shape": [-1, *array.shape[1:]]}
    return {**named, "type": "tensor", "tensor-spec": spec}
