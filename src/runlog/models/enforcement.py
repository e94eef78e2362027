"""Signature enforcement: the data of a prediction, as the model's signature wants it.

Values are converted only where none can change: integer to long, integer to double, float to
double. Columns that the signature does not have are left out; those that it has are put into its
order. A model without a signature gets the data as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.types.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    Schema,
    TensorSpec,
)

_logger = logging.getLogger(__name__)


def enforce(data: Any, schema: Schema | None) -> Any:
    """Return the data of a prediction as the schema of a model's inputs wants it.

    That is a DataFrame for columns, an array or a dictionary of arrays for tensors. Raises
    InvalidParameter if a column or tensor is missing, or cannot be converted without a loss.
    """
    if schema is None:
        return data
    try:
        return _as_tensors(data, schema) if schema.is_tensor_spec() else _as_columns(data, schema)
    except (InvalidParameter, TypeError, ValueError, KeyError) as error:
        message = error.message if isinstance(error, InvalidParameter) else str(error)
        raise InvalidParameter(
            f"Failed to enforce schema of data {shown(data)} with schema {schema!r}. "
            f"Error: {message}"
        ) from error


def validate_schema(data: Any, expected_schema: Schema) -> None:
    """Raise InvalidParameter unless the data fit a schema of inputs. See `predict`."""
    enforce(data, expected_schema)


def enforce_params(
    params: Mapping[str, Any] | None, schema: ParamSchema | None
) -> dict[str, Any] | None:
    """Return the params of a prediction with their defaults. What the schema does not have is left
    out with a warning. Raises InvalidParameter for a value of another type."""
    if schema is None:
        if params:
            _logger.warning(
                "the model was logged without a schema of params, so these are ignored: %s",
                ", ".join(map(str, params)),
            )
        return {} if params else None
    if params is not None and not isinstance(params, Mapping):
        raise InvalidParameter(f"Parameters must be a dictionary, not {shown(params)}")
    given = {str(name): value for name, value in (params or {}).items()}
    specs = {each.name: each for each in schema}
    unknown = [name for name in given if name not in specs]
    if unknown:
        _logger.warning("params that the model does not have are ignored: %s", ", ".join(unknown))
    return {
        name: spec.checked(given[name]) if name in given else spec.default
        for name, spec in specs.items()
    }


# -- columns --------------------------------------------------------------------------------


def _as_columns(data: Any, schema: Schema) -> Any:
    import pandas

    frame = _as_frame(pandas, data, schema)
    if schema.has_input_names():
        _check_names(list(frame.columns), schema)
        pairs = [(each.name, each) for each in schema if each.name in frame]
    else:
        if len(frame.columns) < len(schema):
            raise InvalidParameter(
                f"Model inference is missing inputs. The signature has {len(schema)} columns and "
                f"the data {len(frame.columns)}"
            )
        pairs = list(zip(frame.columns, schema, strict=False))
    return pandas.DataFrame({name: _column(name, frame[name], spec) for name, spec in pairs})


def _as_frame(pandas: Any, data: Any, schema: Schema) -> Any:
    if isinstance(data, pandas.DataFrame):
        return data
    if type(data).__module__.startswith("polars"):
        data = data.to_pandas()
    if isinstance(data, pandas.Series):
        return pandas.DataFrame(data)
    if isinstance(data, dict):
        return _frame_of_dict(pandas, data, schema)
    if hasattr(data, "tocsr"):
        raise InvalidParameter("the signature has columns: give a DataFrame, not a sparse matrix")
    if hasattr(data, "shape") or isinstance(data, (list, tuple)):
        return pandas.DataFrame(data)
    return pandas.DataFrame([data])


def _frame_of_dict(pandas: Any, data: dict[str, Any], schema: Schema) -> Any:
    """Return one row if the values are those of a row, and else a row for each value of a list."""
    nested = any(isinstance(each.type, (Array, Object, Map)) for each in schema)
    plain = all(
        _is_value(value)
        or (isinstance(value, list) and all(isinstance(each, str) for each in value))
        for value in data.values()
    )
    if nested or plain:
        return pandas.DataFrame([data])
    lists = {
        name: value.tolist() if getattr(value, "ndim", 1) != 1 else value
        for name, value in data.items()
    }
    return pandas.DataFrame(lists)


def _is_value(value: Any) -> bool:
    return value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__len__")


def _check_names(names: list[Any], schema: Schema) -> None:
    missing = [name for name in schema.required_input_names() if name not in names]
    extra = [name for name in names if name not in schema.input_names()]
    if missing:
        also = f" Note that there were extra inputs: {extra}." if extra else ""
        raise InvalidParameter(f"Model is missing inputs {missing}.{also}")
    if extra:
        _logger.warning("inputs that the signature does not have are ignored: %s", extra)


def _column(name: Any, values: Any, spec: ColSpec) -> Any:
    import pandas

    if isinstance(spec.type, DataType):
        return _converted(name, values, spec.type)
    found = [value_of(each, spec.type, spec.required) for each in values]
    return pandas.Series(found, index=values.index, name=name, dtype=object)


# what becomes what without a loss: kinds and sizes of numpy
_SAFE: dict[str, Callable[[str, int], bool]] = {
    "integer": lambda kind, size: kind == "i" and size <= 4 or kind == "u" and size < 4,
    "long": lambda kind, size: kind == "i" and size <= 8 or kind == "u" and size < 8,
    "float": lambda kind, size: kind == "f" and size <= 4,
    "double": lambda kind, size: kind == "f" and size <= 8 or kind in "iu" and size <= 6,
}


def _converted(name: Any, values: Any, kind: DataType) -> Any:
    """Return a pandas column as one of a type. Raises InvalidParameter where values would
    change."""
    import pandas

    if values.dtype.kind == "O" and kind not in (DataType.binary, DataType.string):
        values = values.infer_objects()
    dtype = values.dtype
    is_text = dtype.kind == "O"
    if is_text and kind in (DataType.string, DataType.binary, DataType.boolean):
        return values
    if kind is DataType.datetime and (is_text or dtype.kind == "M"):
        return _times(name, values)
    if dtype == kind.to_numpy() or kind is DataType.binary and dtype.kind == "S":
        return values
    if kind is DataType.string and dtype.kind == "U":
        return values
    if is_text and kind is DataType.double and pandas.api.types.infer_dtype(values) == "decimal":
        return pandas.to_numeric(values.astype(float))
    if is_text or dtype.kind == "b" or kind.name not in _SAFE:
        raise _incompatible(name, values, kind)
    is_float = kind in (DataType.float, DataType.double)
    if _SAFE[kind.name](dtype.kind, dtype.itemsize):
        return values.astype(kind.to_numpy())
    if is_float and dtype.name == "int64" and values.isin([0, 1]).all():
        return values.astype(kind.to_numpy())
    raise _incompatible(name, values, kind)


def _times(name: Any, values: Any) -> Any:
    try:
        return values.astype("datetime64[ns]")
    except (ValueError, TypeError) as error:
        raise InvalidParameter(
            f"Incompatible input types for column {name}. It holds no times, or times with a time "
            f"zone, which the signature has not: {error}"
        ) from None


def _incompatible(name: Any, values: Any, kind: DataType) -> InvalidParameter:
    hint = ""
    if kind in (DataType.integer, DataType.long) and values.dtype.kind == "f" and values.hasnans:
        hint = (
            ". Hint: the column has missing values, which make integers floats. Log the model with "
            "a signature in which the column is a double"
        )
    return InvalidParameter(
        f"Incompatible input types for column {name}. Can not safely convert {values.dtype} to "
        f"{kind.numpy_name}{hint}"
    )


# -- values ---------------------------------------------------------------------------------


def value_of(value: Any, kind: Any, required: bool = True) -> Any:
    """Return a value as one of a type of `runlog.types`. Raises InvalidParameter if it is of
    another."""
    if isinstance(kind, AnyType) or (not required and _is_missing(value)):
        return value
    if isinstance(kind, Array):
        if not isinstance(value, (list, tuple)) and not getattr(value, "shape", None):
            raise InvalidParameter(f"Expected data to be list or numpy array, got {shown(value)}")
        found = [value_of(each, kind.dtype, required) for each in value]
        return _like(value, found)
    if isinstance(kind, Object):
        return _object(value, kind, required)
    if isinstance(kind, Map):
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise InvalidParameter(f"Expected a dictionary with texts as keys, got {shown(value)}")
        return {key: value_of(each, kind.value_type, required) for key, each in value.items()}
    import pandas

    if hasattr(value, "__len__") and not isinstance(value, (str, bytes)):
        raise InvalidParameter(f"Expected a value of type {kind!r}, got {shown(value)}")
    column = pandas.Series([value])
    found = _converted("", column, kind)[0]
    if kind is DataType.string and not isinstance(value, str):
        raise InvalidParameter(f"Expected a value of type {kind!r}, got {shown(value)}")
    return found.item() if hasattr(found, "item") and not hasattr(value, "item") else found


def _like(value: Any, found: list[Any]) -> Any:
    if not hasattr(value, "dtype"):
        return found
    import numpy

    return numpy.array(found)


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


def _object(value: Any, kind: Object, required: bool) -> Any:
    if not isinstance(value, dict):
        raise InvalidParameter(f"Expected a dictionary of type {kind!r}, got {shown(value)}")
    known = {each.name: each for each in kind.properties}
    missing = [name for name, each in known.items() if each.required and name not in value]
    unknown = [name for name in value if name not in known]
    if missing:
        raise InvalidParameter(f"Missing required properties: {missing}")
    if unknown:
        raise InvalidParameter(f"Invalid properties not defined in the schema found: {unknown}")
    return {
        name: value_of(each, known[name].dtype, known[name].required)
        for name, each in value.items()
    }


# -- tensors --------------------------------------------------------------------------------


def _as_tensors(data: Any, schema: Schema) -> Any:
    if type(data).__module__.startswith("polars"):
        data = data.to_pandas()
    is_frame = type(data).__name__ == "DataFrame"
    if type(data).__name__ == "Series":
        data, is_frame = data.to_frame(), True
    if not schema.has_input_names():
        spec = schema.inputs[0]
        return _checked(_array_of_frame(data, spec) if is_frame else data, spec)
    if not is_frame and not isinstance(data, dict):
        if len(schema) == 1 and hasattr(data, "shape"):
            data = {schema.inputs[0].name: data}
        else:
            raise InvalidParameter(
                "the signature has named tensors: give a dictionary of arrays or a DataFrame, not "
                f"{type(data).__name__}"
            )
    _check_names(list(data.columns if is_frame else data), schema)
    return {
        each.name: _checked(
            _array_of_column(data[each.name], each) if is_frame else data[each.name], each
        )
        for each in schema
    }


def _array_of_frame(frame: Any, spec: TensorSpec) -> Any:
    if frame.empty:
        raise InvalidParameter("Input DataFrame is empty.")
    if len(frame.columns) == 1:
        return _array_of_column(frame[frame.columns[0]], spec)
    if spec.shape != (-1, len(frame.columns)):
        raise InvalidParameter(
            f"the DataFrame has {len(frame.columns)} columns, which give the shape "
            f"(-1, {len(frame.columns)}), and the signature has {spec.shape}"
        )
    return frame.to_numpy()


def _array_of_column(column: Any, spec: TensorSpec) -> Any:
    """Return the array of a column whose cells are values, lists or arrays."""
    import numpy

    first = column.iloc[0]
    if not isinstance(first, (list, numpy.ndarray)):
        if not numpy.isscalar(first):
            raise InvalidParameter(f"{shown(first)} cannot be a value of a tensor")
        shape = spec.shape if spec.shape == (-1, 1) else (-1,)
        return numpy.array(column, dtype=spec.type).reshape(shape)
    if -1 in spec.shape[1:] or spec.shape[0] != -1:
        raise InvalidParameter(
            f"a column of a DataFrame can only become a tensor of a shape such as (-1, 2, 3), not "
            f"{spec.shape}"
        )
    array = numpy.array(column.tolist()).reshape(spec.shape)
    if len(array) != len(column):
        raise InvalidParameter(f"the column {column.name!r} does not fit the shape {spec.shape}")
    return array.astype(spec.type) if isinstance(first, list) else array


def _checked(array: Any, spec: TensorSpec) -> Any:
    """Return the array. Raises InvalidParameter if its type or shape is not that of the tensor."""
    named = "" if spec.name is None else f" of {spec.name!r}"
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        raise InvalidParameter(f"the tensor{named} must be a numpy array, not {shown(array)}")
    dtype, kind = array.dtype, spec.type
    if dtype != kind and not (dtype.kind == kind.kind and kind.kind in "USM"):
        raise InvalidParameter(
            f"dtype of input {dtype} does not match expected dtype {kind} of the tensor{named}"
        )
    fits = len(array.shape) == len(spec.shape) and all(
        want in (-1, size) for want, size in zip(spec.shape, array.shape, strict=False)
    )
    if not fits:
        raise InvalidParameter(
            f"Shape of input {tuple(array.shape)} does not match expected shape {spec.shape} of "
            f"the tensor{named}"
        )
    return array
