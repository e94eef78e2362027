"""What the real MLflow has: its public names with their parameters, as JSON."""

from __future__ import annotations

import inspect
import json
import types

import mlflow
import mlflow.artifacts
import mlflow.config
import mlflow.data


def described(thing: object) -> object:
    """ "module", a list of parameters, or the name of a type."""
    if isinstance(thing, types.ModuleType) or type(thing).__name__ == "LazyLoader":
        return "module"
    try:
        found = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return type(thing).__name__
    return [[each.name, str(each.kind), each.default is inspect.Parameter.empty] for each in found]


def public(owner: object) -> dict[str, object]:
    return {name: described(getattr(owner, name)) for name in dir(owner) if name[0] != "_"}


print(
    json.dumps(
        {
            "version": mlflow.__version__,
            "": public(mlflow),
            "artifacts": public(mlflow.artifacts),
            "config": public(mlflow.config),
            "data": public(mlflow.data),
            "entities": public(mlflow.entities),
            "exceptions": public(mlflow.exceptions),
            "tracking": public(mlflow.tracking),
            "MlflowClient": public(mlflow.MlflowClient),
        }
    )
)
