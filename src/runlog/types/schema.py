"""Schemas: the columns or tensors that a model takes and returns, and its params.

In a MLmodel file they are JSON texts, which MLflow reads and writes, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from runlog.errors import InvalidParameter, shown


class DataType(Enum):
    """The type of a value: boolean, integer (32 bits), long (64), float (32), double (64), string,
    binary or datetime."""

    boolean = 1
    integer = 2
    long = 3
    float = 4
    double = 5
    string = 6
    binary = 7
    datetime = 8

    def __repr__(self) -> str:
        return self.name

    @property
    def numpy_name(self) -> str:
        """Return the name of numpy's type, such as float64."""
        return _NUMPY[self.name]

    def to_numpy(self) -> Any:
        """Return the numpy type."""
        import numpy

        return numpy.dtype(_NUMPY[self.name])

    def to_pandas(self) -> Any:
        """Return the type of a pandas column: numpy's, or object for string and binary."""
        import numpy

        is_object = self in (DataType.string, DataType.binary)
        return numpy.dtype("object" if is_object else _NUMPY[self.name])

    def to_python(self) -> type:
        """Return the type of a Python value."""
        return _python_types()[self.name]

    @classmethod
    def all_types(cls) -> list[DataType]:
        """Return all of them."""
        return list(cls)

    @classmethod
    def from_numpy_type(cls, np_type: Any) -> DataType | None:
        """Return the type of this numpy type, or None."""
        import numpy

        return next((each for each in cls if each.to_numpy() == numpy.dtype(np_type)), None)


_NUMPY = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}


def _python_types() -> dict[str, type]:
    from datetime import datetime

    kinds = (bool, int, int, float, float, str, bytes, datetime)
    return dict(zip(_NUMPY, kinds, strict=True))


class _Compared:
    """Equal when of one class and equal as JSON."""

    def to_dict(self) -> Any:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Compared) or type(other) is not type(self):
            return NotImplemented
        return bool(self.to_dict() == other.to_dict())

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True, default=str))


class Property(_Compared):
    """A named value of an object: `dtype` is a DataType, its name, or a type of this module."""

    def __init__(self, name: str, dtype: Type | str, required: bool = True) -> None:
        if not isinstance(name, str):
            raise InvalidParameter(f"the name of a property must be a text, not {shown(name)}")
        self.name, self.dtype, self.required = name, _checked(dtype), bool(required)

    def to_dict(self) -> dict[str, Any]:
        """Return `{name: {"type": ..., "required": ...}}`."""
        return {self.name: {**_type_dict(self.dtype), "required": self.required}}

    def __lt__(self, other: Property) -> bool:
        return self.name < other.name

    def __repr__(self) -> str:
        need = "required" if self.required else "optional"
        return f"{self.name}: {self.dtype!r} ({need})"


class Object(_Compared):
    """A dictionary with known keys."""

    def __init__(self, properties: Sequence[Property]) -> None:
        if not properties or not all(isinstance(each, Property) for each in properties):
            raise InvalidParameter(
                f"an Object needs a list of at least one Property, not {shown(properties)}"
            )
        names = [each.name for each in properties]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidParameter(f"an Object has these properties twice: {', '.join(twice)}")
        self.properties = sorted(properties)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"type": "object", "properties": {...}}`."""
        merged: dict[str, Any] = {}
        for each in self.properties:
            merged.update(each.to_dict())
        return {"type": "object", "properties": merged}

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self.properties)) + "}"


class Array(_Compared):
    """A list of values of one type."""

    def __init__(self, dtype: Type | str) -> None:
        self.dtype = _checked(dtype)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"type": "array", "items": {...}}`."""
        return {"type": "array", "items": _type_dict(self.dtype)}

    def __repr__(self) -> str:
        return f"Array({self.dtype!r})"


class SparkMLVector(Array):
    """A vector of Spark ML, as MLflow's signatures have it: a list of doubles here."""

    def __init__(self) -> None:
        super().__init__(DataType.double)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"type": "sparkml_vector"}`."""
        return {"type": "sparkml_vector"}

    def __repr__(self) -> str:
        return "SparkML vector"


class Map(_Compared):
    """A dictionary with any keys that are texts, and values of one type."""

    def __init__(self, value_type: Type | str) -> None:
        self.value_type = _checked(value_type)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"type": "map", "values": {...}}`."""
        return {"type": "map", "values": _type_dict(self.value_type)}

    def __repr__(self) -> str:
        return f"Map(str -> {self.value_type!r})"


class AnyType(_Compared):
    """A value of any type, None too."""

    def to_dict(self) -> dict[str, Any]:
        """Return `{"type": "any"}`."""
        return {"type": "any"}

    def __repr__(self) -> str:
        return "Any"


Type = DataType | Array | Object | Map | AnyType


def _checked(dtype: Any) -> Type:
    if isinstance(dtype, str):
        if dtype not in DataType.__members__:
            raise InvalidParameter(
                f"no type {dtype!r}: use one of {', '.join(DataType.__members__)}"
            )
        return DataType[dtype]
    if not isinstance(dtype, (DataType, Array, Object, Map, AnyType)):
        raise InvalidParameter(
            f"{shown(dtype)} is no type: use a DataType, Array, Object, Map or AnyType"
        )
    return dtype


def _type_dict(dtype: Type) -> dict[str, Any]:
    return {"type": dtype.name} if isinstance(dtype, DataType) else dtype.to_dict()


def type_from_dict(given: Mapping[str, Any]) -> Type:
    """Return the type that is written so in JSON: `{"type": "array", "items": ...}`..."""
    kind = given.get("type")
    try:
        if kind == "array":
            return Array(type_from_dict(given["items"]))
        if kind == "map":
            return Map(type_from_dict(given["values"]))
        if kind == "object":
            return Object(
                [
                    Property(name, type_from_dict(each), each.get("required", True))
                    for name, each in given["properties"].items()
                ]
            )
    except (KeyError, AttributeError) as error:
        raise InvalidParameter(f"the schema's type {shown(given)} lacks {error}") from None
    if kind == "any":
        return AnyType()
    return SparkMLVector() if kind == "sparkml_vector" else _checked(kind)


class ColSpec(_Compared):
    """A column: its type, its name or None, and whether it must be there, without missing
    values."""

    def __init__(
        self, type: Type | str, name: str | None = None, required: bool | None = None
    ) -> None:
        self.name = name
        self.required = True if required is None else bool(required)
        self.type = _checked(type)

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON has it."""
        named = {} if self.name is None else {"name": self.name}
        return {**_type_dict(self.type), **named, "required": self.required}

    @classmethod
    def from_json_dict(cls, **given: Any) -> ColSpec:
        """Create it from what `to_dict` returns, as keyword arguments."""
        return cls(type_from_dict(given), given.get("name"), given.get("required"))

    def __repr__(self) -> str:
        need = "required" if self.required else "optional"
        named = "" if self.name is None else f"{self.name!r}: "
        return f"{named}{self.type!r} ({need})"


class TensorSpec(_Compared):
    """An array: its numpy type, its shape, where -1 stands for any length, and its name or
    None."""

    required = True

    def __init__(self, type: Any, shape: Sequence[int], name: str | None = None) -> None:
        import numpy

        if not isinstance(type, numpy.dtype):
            raise TypeError(f"the type of a tensor must be a numpy.dtype, not {shown(type)}")
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"the shape of a tensor must be a tuple or list, not {shown(shape)}")
        self.type, self.shape, self.name = type, tuple(shape), name

    def to_dict(self) -> dict[str, Any]:
        """Return the tensor as JSON has it."""
        named = {} if self.name is None else {"name": self.name}
        kind = {"U": "str", "S": "bytes"}.get(self.type.kind, self.type.name)
        return {
            **named,
            "type": "tensor",
            "tensor-spec": {"dtype": kind, "shape": list(self.shape)},
        }

    @classmethod
    def from_json_dict(cls, **given: Any) -> TensorSpec:
        """Create it from what `to_dict` returns, as keyword arguments."""
        import numpy

        try:
            spec = given["tensor-spec"]
            return cls(numpy.dtype(spec["dtype"]), tuple(spec["shape"]), given.get("name"))
        except (KeyError, TypeError) as error:
            raise InvalidParameter(f"not a tensor's schema: {shown(given)}: {error}") from None

    def __repr__(self) -> str:
        named = "" if self.name is None else f"{self.name!r}: "
        kind = self.to_dict()["tensor-spec"]["dtype"]
        return f"{named}Tensor({kind!r}, {self.shape!r})"


class Schema(_Compared):
    """A list of columns, or of tensors. All have names, or none has; raises InvalidParameter
    otherwise, for none at all, and for columns together with tensors.

    >>> from runlog.types import ColSpec, Schema
    >>> Schema([ColSpec("double", "height"), ColSpec("string", "colour", required=False)])
    ['height': double (required), 'colour': string (optional)]
    """

    def __init__(self, inputs: Sequence[ColSpec | TensorSpec]) -> None:
        inputs = list(inputs)
        if not inputs:
            raise InvalidParameter("a Schema needs at least one column or tensor")
        kinds = {TensorSpec if isinstance(each, TensorSpec) else ColSpec for each in inputs}
        nameless = [each for each in inputs if each.name is None]
        if len(kinds) > 1:
            raise InvalidParameter("a Schema has columns or tensors, not both")
        if nameless and len(nameless) < len(inputs):
            names = [each.name for each in inputs]
            raise InvalidParameter(f"name all columns of a Schema or none: {shown(names)}")
        if nameless and kinds == {TensorSpec} and len(inputs) > 1:
            raise InvalidParameter("several tensors in a Schema need names")
        if nameless and not all(each.required for each in inputs):
            raise InvalidParameter("optional columns of a Schema need names")
        self.inputs: list[Any] = inputs

    @classmethod
    def from_dict(cls, given: Iterable[Mapping[str, Any]]) -> Schema:
        """Create it from what `to_dict` returns."""
        return cls(
            [
                (TensorSpec if each.get("type") == "tensor" else ColSpec).from_json_dict(**each)
                for each in given
            ]
        )

    @classmethod
    def from_json(cls, json_str: str) -> Schema:
        """Create it from JSON text."""
        return cls.from_dict(json.loads(json_str))

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the columns as JSON has them."""
        return [each.to_dict() for each in self.inputs]

    def to_json(self) -> str:
        """Return the columns as JSON text."""
        return json.dumps(self.to_dict(), default=str)

    def is_tensor_spec(self) -> bool:
        """Return whether it is of tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Return whether the columns have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[Any]:
        """Return the names of the columns; nameless ones are numbered from 0."""
        return [number if each.name is None else each.name for number, each in self._numbered()]

    def required_input_names(self) -> list[Any]:
        """Return the names of the columns that must be there."""
        names = zip(self.input_names(), self.inputs, strict=True)
        return [name for name, each in names if each.required]

    def optional_input_names(self) -> list[Any]:
        """Return the names of the columns that may be missing."""
        names = zip(self.input_names(), self.inputs, strict=True)
        return [name for name, each in names if not each.required]

    def input_types(self) -> list[Any]:
        """Return the types of the columns."""
        return [each.type for each in self.inputs]

    def input_types_dict(self) -> dict[str, Any]:
        """Return the types of the columns by name."""
        return {name: each.type for name, each in self.input_dict().items()}

    def input_dict(self) -> dict[str, Any]:
        """Return the columns by name. Raises InvalidParameter if they have none."""
        if not self.has_input_names():
            raise InvalidParameter("the columns of this Schema have no names")
        return {each.name: each for each in self.inputs}

    def numpy_types(self) -> list[Any]:
        """Return the numpy types of the columns or tensors."""
        return [
            each.type if isinstance(each, TensorSpec) else each.type.to_numpy()
            for each in self.inputs
        ]

    def pandas_types(self) -> list[Any]:
        """Return the types that pandas columns have. Raises InvalidParameter for tensors."""
        if self.is_tensor_spec():
            raise InvalidParameter("tensors have no pandas types")
        return [each.type.to_pandas() for each in self.inputs]

    def _numbered(self) -> Iterator[tuple[int, Any]]:
        return enumerate(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.inputs)

    def __repr__(self) -> str:
        return repr(self.inputs)


def fits(value: Any, dtype: Any) -> tuple[Any] | None:
    """Return the value as one of a type, alone in a tuple, or None if it would change."""
    if isinstance(dtype, Object):
        return _object_fits(value, dtype)
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()  # a number of numpy's
    if dtype is DataType.datetime:
        return _datetime_fits(value)
    if isinstance(value, bool) or dtype is DataType.boolean:
        return (value,) if isinstance(value, bool) and dtype is DataType.boolean else None
    if dtype is DataType.integer and isinstance(value, int):
        return (value,) if -(2**31) <= value < 2**31 else None
    if dtype in (DataType.float, DataType.double) and isinstance(value, (int, float)):
        return (float(value),)
    kinds: dict[Any, Any] = {
        DataType.long: int,
        DataType.string: str,
        DataType.binary: (bytes, bytearray),
    }
    return (value,) if dtype in kinds and isinstance(value, kinds[dtype]) else None


def _object_fits(value: Any, dtype: Object) -> tuple[Any] | None:
    if not isinstance(value, dict) or {*value} - {each.name for each in dtype.properties}:
        return None
    found = dict(value)
    for each in dtype.properties:
        if each.name not in value or value[each.name] is None:
            if each.required:
                return None
            continue
        if isinstance(each.dtype, Array):
            many = value[each.name]
            fitting = (
                [fits(one, each.dtype.dtype) for one in many] if isinstance(many, list) else [None]
            )
            one = None if None in fitting else ([each[0] for each in fitting if each],)
        else:
            one = fits(value[each.name], each.dtype)
        if one is None:
            return None
        found[each.name] = one[0]
    return (found,)


def _datetime_fits(value: Any) -> tuple[Any] | None:
    from datetime import date, datetime

    if isinstance(value, str):
        try:
            return (datetime.fromisoformat(value),)
        except ValueError:
            return None
    return (value,) if isinstance(value, date) else None


class ParamSpec(_Compared):
    """A param of a prediction: its name, type and default. `shape` is None for one value, (-1,)
    for a list. Raises InvalidParameter if the default is not of the type."""

    def __init__(
        self,
        name: str,
        dtype: DataType | Object | str,
        default: Any,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self.name, self.dtype = str(name), _checked(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.default = self.checked(default)

    def checked(self, value: Any) -> Any:
        """Return `value` as it goes to the model. Raises InvalidParameter for a wrong type."""
        if value is None:
            return None
        if self.shape is None:
            return self._checked_one(value)
        if hasattr(value, "tolist"):
            value = value.tolist()
        if self.shape != (-1,) or not isinstance(value, (list, tuple)):
            raise InvalidParameter(
                f"the param {self.name!r} must be a list of {self.dtype!r}, not {shown(value)}"
            )
        return [self._checked_one(each) for each in value]

    def _checked_one(self, value: Any) -> Any:
        found = fits(value, self.dtype)
        if found is None:
            raise InvalidParameter(
                f"the param {self.name!r} must be of type {self.dtype!r}, not {shown(value)}"
            )
        return found[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the param as JSON has it."""
        default = self.default
        if self.dtype is DataType.datetime and default is not None:
            many = isinstance(default, list)
            texts = [each.isoformat() for each in (default if many else [default])]
            default = texts if many else texts[0]
        named = {"name": self.name, "default": default}
        shape = None if self.shape is None else list(self.shape)
        return {**named, "shape": shape, **_type_dict(self.dtype)}

    @classmethod
    def from_json_dict(cls, **given: Any) -> ParamSpec:
        """Create it from what `to_dict` returns, as keyword arguments."""
        given = {"type": given.get("dtype"), **given}  # MLflow 2.6 wrote `dtype`
        dtype = type_from_dict(given)
        if not isinstance(dtype, (DataType, Object)) or "name" not in given:
            raise InvalidParameter(f"not a param's schema: {shown(given)}")
        shape = given.get("shape")
        return cls(
            given["name"], dtype, given.get("default"), None if shape is None else tuple(shape)
        )

    def __repr__(self) -> str:
        shape = f" (shape: {self.shape})" if self.shape is not None else ""
        return f"{self.name!r}: {self.dtype!r} (default: {self.default}){shape}"


class ParamSchema(_Compared):
    """The params of a prediction, with different names."""

    def __init__(self, params: Sequence[ParamSpec]) -> None:
        if not all(isinstance(each, ParamSpec) for each in params):
            raise InvalidParameter(f"a ParamSchema is a list of ParamSpec, not {shown(params)}")
        names = [each.name for each in params]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidParameter(f"a ParamSchema has these params twice: {', '.join(twice)}")
        self.params = list(params)

    @classmethod
    def from_json(cls, json_str: str) -> ParamSchema:
        """Create it from JSON text."""
        return cls([ParamSpec.from_json_dict(**each) for each in json.loads(json_str)])

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the params as JSON has them."""
        return [each.to_dict() for each in self.params]

    def to_json(self) -> str:
        """Return the params as JSON text."""
        return json.dumps(self.to_dict(), default=str)

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def __repr__(self) -> str:
        return repr(self.params)
