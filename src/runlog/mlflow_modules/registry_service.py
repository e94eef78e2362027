"""`mlflow.tracking._model_registry`: the functions of the model registry."""

from __future__ import annotations

from runlog.fluent import (
    register_model,
    search_model_versions,
    search_registered_models,
    set_model_version_tag,
)
from runlog.tracking_uri import get_registry_uri, set_registry_uri

__all__ = [
    "get_registry_uri",
    "register_model",
    "search_model_versions",
    "search_registered_models",
    "set_model_version_tag",
    "set_registry_uri",
]

DEFAULT_AWAIT_MAX_SLEEP_SECONDS = 300
"""How long MLflow waits for a new version. Here it is ready when the call returns."""
