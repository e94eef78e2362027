"""`mlflow.tracking._model_registry`: the functions of the model registry."""

from __future__ import annotations

from importlib import import_module
from typing import Any

DEFAULT_AWAIT_MAX_SLEEP_SECONDS = 300
"""How long MLflow waits for a new version. Here it is ready when the call returns."""


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module("runlog"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_NAMES = (
    "get_registry_uri register_model search_model_versions search_registered_models "
    "set_model_version_tag set_registry_uri"
).split()
