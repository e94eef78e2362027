"""Types of models' inputs, outputs and params: `schema` has the classes, `inference` reads them
off data. The names are those of `mlflow.types`."""

from runlog.types.schema import (
    AnyType,
    Array,
    ColSpec,
    DataType,
    Map,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)

__all__ = [
    "DataType",
    "Array",
    "Object",
    "Property",
    "Map",
    "AnyType",
    "ColSpec",
    "TensorSpec",
    "Schema",
    "ParamSpec",
    "ParamSchema",
]
