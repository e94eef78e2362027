"""Type hints of a model's `predict`: the schema that they mean, and data checked against them."""

from __future__ import annotations

import datetime
from typing import Any, Union, get_args, get_origin

from runlog.errors import InvalidParameter, shown
from runlog.types.schema import AnyType, Array, ColSpec, DataType, Map, Object, Property, Schema

_VALUES = {
    bool: DataType.boolean,
    int: DataType.long,
    float: DataType.double,
    str: DataType.string,
    bytes: DataType.binary,
    datetime.datetime: DataType.datetime,
}


def schema_of(hint: Any) -> Schema | None:
    """Return the schema that a type hint means, or None if it means none: there is no hint, or one
    such as pandas.DataFrame."""
    found = _type_of(hint)
    if found is None:
        return None
    kind, _ = found
    if isinstance(kind, Array) and get_origin(hint) is list:
        kind = kind.dtype  # a list has a row for each element
    return Schema([ColSpec(kind)])


def is_input_hint(hint: Any) -> bool:
    """Return whether data can be checked against a hint of the input: it is a list of something
    that has a schema."""
    return get_origin(hint) is list and bool(get_args(hint)) and _type_of(hint) is not None


def _type_of(hint: Any) -> tuple[Any, bool] | None:
    """Return the type of a hint, and whether a value must be there; None if there is none."""
    if hint is Any:
        return AnyType(), False
    if hint in _VALUES:
        return _VALUES[hint], True
    origin, inner = get_origin(hint), get_args(hint)
    if origin is list and inner:
        found = _type_of(inner[0])
        return None if found is None else (Array(found[0]), True)
    if origin is dict and len(inner) == 2 and inner[0] is str:
        found = _type_of(inner[1])
        return None if found is None else (Map(found[0]), True)
    if hint in (list, dict):
        return AnyType(), True
    if _is_union(origin):
        others = [each for each in inner if each is not type(None)]
        found = _type_of(others[0]) if len(others) == 1 else (AnyType(), True)
        return None if found is None else (found[0], len(others) == len(inner) and found[1])
    if _is_pydantic(hint):
        return _object_of(hint), True
    return None


def _is_union(origin: Any) -> bool:
    import types

    return origin is Union or origin is types.UnionType


def _is_pydantic(hint: Any) -> bool:
    return isinstance(hint, type) and hasattr(hint, "model_fields") and hasattr(hint, "model_dump")


def _object_of(model: Any) -> Object:
    properties = []
    for name, field in model.model_fields.items():
        kind, required = _type_of(field.annotation) or (AnyType(), False)
        properties.append(Property(name, kind, required and field.is_required()))
    return Object(properties)


def converted(data: Any, hint: Any) -> Any:
    """Return the data of a prediction as a hint of the input wants it, a list of values or of
    objects. Raises InvalidParameter if they are of another type."""
    (inner,) = get_args(hint)
    return [_fitting(each, inner) for each in _rows(data, inner)]


def _rows(data: Any, inner: Any) -> list[Any]:
    if type(data).__name__ == "DataFrame":
        is_record = _is_pydantic(inner) or get_origin(inner) is dict or inner is dict
        if not is_record and len(data.columns) == 1:
            return list(data[data.columns[0]])
        return list(data.to_dict(orient="records"))
    if hasattr(data, "tolist"):
        data = data.tolist()
    if not isinstance(data, (list, tuple)):
        raise InvalidParameter(f"the model takes a list of {_named(inner)}, not {shown(data)}")
    return list(data)


def _fitting(value: Any, hint: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint in (list, dict) and isinstance(value, hint):
        return value
    if _is_pydantic(hint):
        return _object(value, hint)
    if _is_union(origin):
        return _first_that_fits(value, inner)
    if hint is type(None) and value is None:
        return None
    if origin is list and isinstance(value, (list, tuple)):
        return [_fitting(each, inner[0]) for each in value]
    if origin is dict and isinstance(value, dict):
        return {key: _fitting(each, inner[1]) for key, each in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in _VALUES and isinstance(value, hint) and (hint is bool or type(value) is not bool):
        return value
    raise InvalidParameter(f"the model takes {_named(hint)}, not {shown(value)}")


def _object(value: Any, hint: Any) -> Any:
    if isinstance(value, hint):
        return value
    try:
        return hint.model_validate(value)
    except ValueError as error:  # of pydantic
        raise InvalidParameter(f"the model takes {_named(hint)}: {error}") from None


def _first_that_fits(value: Any, hints: tuple[Any, ...]) -> Any:
    for each in hints:
        try:
            return _fitting(value, each)
        except InvalidParameter:
            continue
    names = " or ".join(_named(each) for each in hints)
    raise InvalidParameter(f"the model takes {names}, not {shown(value)}")


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
