"""Types of models' inputs, outputs and params, with the names of `mlflow.types`: `schema` has the
classes, `inference` reads them off data, `hints` off type hints."""

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
