"""What columns and arrays of data sets hold: schemas, or None where there is no name for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runlog.types import inference
from runlog.types.schema import Schema

named_arrays = inference.named_arrays


@dataclass(frozen=True)
class TensorDatasetSchema:
    """The schemas of arrays of features and of targets."""

    features: Schema
    targets: Schema | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return `{"mlflow_tensorspec": {"features": <JSON>, "targets": <JSON or None>}}`."""
        targets = None if self.targets is None else self.targets.to_json()
        return {"mlflow_tensorspec": {"features": self.features.to_json(), "targets": targets}}


def of_pandas(frame: Any) -> Schema | None:
    """Return the columns of a pandas DataFrame; None if one has no single type."""
    return _schema(inference.of_pandas, frame)


def of_polars(frame: Any) -> Schema | None:
    """Return the columns of a polars DataFrame; None for a type without a name."""
    return _schema(inference.of_polars, frame)


def of_arrays(given: Any) -> Schema | None:
    """Return the tensors of a numpy array, or of named ones; None if one is a number."""
    return _schema(inference.of_arrays, given)


def _schema(infer: Callable[[Any], list[dict[str, Any]]], given: Any) -> Schema | None:
    try:
        columns = infer(given)
    except inference.NoName:
        return None
    return Schema.from_dict(columns) if columns else None
