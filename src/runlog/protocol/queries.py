"""Kinds of the endpoint that runs a SQL query: the values bound in it, and what it found.

A column whose values are all of one type travels as `columns` has them, its nulls as positions.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple

from runlog.protocol import codecs
from runlog.protocol.arrays import DOUBLES, INTEGERS
from runlog.protocol.codecs import DOUBLE, INT64, TEXT, Field, Kind, many, message, needed
from runlog.sql_results import QueryResult


def _read_blob(value: Any, where: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise codecs.refusal(where, value, "it must be base64") from None


_BLOB = Kind(
    _read_blob,
    lambda value: b64encode(value).decode(),
    {"type": "string", "format": "byte"},
)
_CELLS = {"integer": INT64, "double": DOUBLE, "text": TEXT, "blob": _BLOB}
_CELL_OF = {int: "integer", float: "double", str: "text", bytes: "blob"}


def _read_cell(value: Any, where: str) -> Any:
    if value is None:
        return None
    given = codecs.object_of(value, where)
    if len(given) != 1 or not given.keys() <= _CELLS.keys():
        raise codecs.refusal(where, value, f"it must have one of {', '.join(_CELLS)}")
    ((name, inner),) = given.items()
    return _CELLS[name].read(inner, f"{where}.{name}")


def _write_cell(value: Any) -> Any:
    if value is None:
        return None
    name = _CELL_OF[type(value)]
    return {name: _CELLS[name].write(value)}


CELL = Kind(
    _read_cell,
    _write_cell,
    {
        "type": "object",
        "nullable": True,
        "description": "null, or a value by its type",
        "properties": {name: kind.schema for name, kind in _CELLS.items()},
    },
)


class _Column(NamedTuple):
    """A column by what its values are: all of one type, but for the nulls, or of several."""

    name: str
    rows: int
    nulls: Sequence[int] | None = None
    integers: Sequence[int] | None = None
    doubles: Sequence[float] | None = None
    texts: Sequence[str] | None = None
    mixed: Sequence[Any] | None = None


_COLUMN = message(
    _Column,
    needed("name", TEXT),
    needed("rows", INT64),
    Field("nulls", INTEGERS),
    Field("integers", INTEGERS),
    Field("doubles", DOUBLES),
    Field("texts", many(TEXT)),
    Field("mixed", many(CELL)),
)
_BY_TYPE: dict[type, str] = {int: "integers", float: "doubles", str: "texts"}


def _apart_by_type(name: str, values: list[Any]) -> _Column:
    kinds = {*map(type, values)} - {type(None)}
    kind = _BY_TYPE.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None:
        return _Column(name, len(values), mixed=values)
    known = [value for value in values if value is not None]
    nulls = [at for at, value in enumerate(values) if value is None]
    return _Column(name, len(values), nulls or None, **{kind: known})


def _values_of(column: _Column) -> list[Any]:
    if column.mixed is not None:
        return list(column.mixed)
    known = column.integers or column.doubles or column.texts or ()
    if not column.nulls:
        return list(known)
    missing, left = {*column.nulls}, iter(known)
    return [None if at in missing else next(left) for at in range(column.rows)]


def _read_result(value: Any, where: str) -> QueryResult:
    given = codecs.object_of(value, where).get("columns", ())
    columns = [_COLUMN.read(each, f"columns[{at}]") for at, each in enumerate(given)]
    return QueryResult([each.name for each in columns], [_values_of(each) for each in columns])


def _write_result(result: QueryResult) -> dict[str, Any]:
    columns = map(_apart_by_type, result.names, result.columns)
    return {"columns": [_COLUMN.write(each) for each in columns]}


QUERY_RESULT = Kind(
    _read_result,
    _write_result,
    {"type": "object", "properties": {"columns": {"type": "array", "items": _COLUMN.schema}}},
)


def _read_params(value: Any, where: str) -> dict[str, Any] | list[Any]:
    if isinstance(value, list):
        return [_read_cell(each, f"{where}[{at}]") for at, each in enumerate(value)]
    given = codecs.object_of(value, where)
    return {name: _read_cell(each, f"{where}.{name}") for name, each in given.items()}


def _write_params(params: dict[str, Any] | Sequence[Any]) -> Any:
    if isinstance(params, dict):
        return {name: _write_cell(value) for name, value in params.items()}
    return [_write_cell(value) for value in params]


QUERY_PARAMS = Kind(
    _read_params,
    _write_params,
    {"description": "a list of values for ?, or an object of values by name for :name"},
)
