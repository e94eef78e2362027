"""What columns and arrays hold: schemas as MLflow writes them, inferred from the data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runlog.extras import require

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


@dataclass(frozen=True)
class Schema:
    """Columns or tensors, each a dictionary as MLflow's schemas have it in JSON."""

    inputs: tuple[dict[str, Any], ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the columns as a list."""
        return list(self.inputs)

    def to_json(self) -> str:
        """Return the columns as JSON text."""
        return json.dumps(self.to_dict(), default=str)

    def input_names(self) -> list[Any]:
        """Return the names of the columns; nameless ones are counted."""
        return [each.get("name", position) for position, each in enumerate(self.inputs)]


@dataclass(frozen=True)
class TensorDatasetSchema:
    """The schemas of arrays of features and of targets."""

    features: Schema
    targets: Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """`{"mlflow_tensorspec": {"features": <JSON text>, "targets": <JSON text or None>}}`"""
        targets = None if self.targets is None else self.targets.to_json()
        return {"mlflow_tensorspec": {"features": self.features.to_json(), "targets": targets}}


class _NoName(Exception):
    """A type for which MLflow's schemas have no name."""


def of_pandas(frame: Any) -> Schema | None:
    """Return the columns of a pandas DataFrame; None without any, or when one has no single
    type."""
    try:
        columns = [
            {**_column_type(column), "name": name, "required": not column.isna().any()}
            for name, column in frame.items()
        ]
    except _NoName:
        return None
    return Schema(tuple(columns)) if columns else None


def of_polars(frame: Any) -> Schema | None:
    """Return the columns of a polars DataFrame; None without any, or for a type MLflow cannot
    name."""
    try:
        columns = [
            {
                **_polars_type(column.dtype),
                "name": column.name,
                "required": column.null_count() == 0,
            }
            for column in frame.get_columns()
        ]
    except _NoName:
        return None
    return Schema(tuple(columns)) if columns else None


def of_arrays(given: Any) -> Schema | None:
    """Return a numpy array, or a dictionary of named ones; None if one is a mere number."""
    arrays = named_arrays(given)
    if any(array.ndim == 0 for _, array in arrays):
        return None
    return Schema(tuple(_tensor(name, array) for name, array in arrays))


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
        raise _NoName(str(dtype))
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
    raise _NoName(type(value).__name__)


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NAType", "NaTType")  # those of pandas


def _property(value: Any) -> Type:
    found = _value_type(value)
    return {**found, "required": found is not _ANY}


def _merged(one: Type, other: Type) -> Type:
    """Return the type that includes both. Raises _NoName when there is none."""
    if one["type"] == "any":
        return other
    if other["type"] == "any":
        return one
    if one["type"] != other["type"]:
        raise _NoName(f"{one['type']} and {other['type']}")
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
        raise _NoName(str(dtype))
    return {"type": _POLARS[name]}


# --- arrays ------------------------------------------------------------------------------------


def _tensor(name: str | None, array: Any) -> dict[str, Any]:
    kind = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
    named = {} if name is None else {"name": name}
    # The number of rows is left open: a model takes any.
    spec = {"dtype": kind, "shape": [-1, *array.shape[1:]]}
    return {**named, "type": "tensor", "tensor-spec": spec}
