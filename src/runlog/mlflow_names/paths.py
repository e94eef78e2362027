"""Which module of runlog answers to an import path of MLflow's.

A module has one identity: `mlflow.sklearn` is `runlog.sklearn`, and both `mlflow.data.dataset` and
`mlflow.data.pandas_dataset` are `runlog.data.datasets`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# Modules of runlog under MLflow's own name for them, with all that is below them.
SAME = frozenset(
    "artifacts autologging catboost client data entities exceptions keras lightgbm models onnx "
    "projects prophet pyfunc pytorch sentence_transformers sklearn spacy statsmodels "
    "system_metrics tensorflow tracking transformers types xgboost".split()
)

# A module of runlog, and the paths below `mlflow` that it also answers to.
_ALSO = {
    "data.datasets": "data.artifact_dataset_sources data.code_dataset_source data.dataset "
    "data.dataset_source data.filesystem_dataset_source data.http_dataset_source "
    "data.huggingface_dataset data.huggingface_dataset_source data.meta_dataset "
    "data.numpy_dataset data.pandas_dataset data.polars_dataset data.sources",
    "data.registry": "data.dataset_registry data.dataset_source_registry",
    "data.schemas": "data.schema",
    "data.spark": "data.spark_dataset data.spark_dataset_source data.delta_dataset_source",
    "data.tensorflow": "data.tensorflow_dataset",
    "entities": "entities.dataset entities.dataset_input entities.experiment "
    "entities.experiment_tag entities.file_info entities.input_tag entities.lifecycle_stage "
    "entities.logged_model entities.logged_model_input entities.logged_model_output "
    "entities.logged_model_parameter entities.logged_model_status entities.logged_model_tag "
    "entities.metric entities.param entities.run entities.run_data "
    "entities.run_info entities.run_inputs entities.run_outputs entities.run_status "
    "entities.run_tag entities.source_type entities.view_type store.entities "
    "store.entities.paged_list",
    "entities.model_registry": "entities.model_registry.model_version "
    "entities.model_registry.model_version_status entities.model_registry.model_version_tag "
    "entities.model_registry.registered_model entities.model_registry.registered_model_alias "
    "entities.model_registry.registered_model_tag",
    "mlflow_modules.annotations": "utils.annotations",
    "mlflow_modules.artifact_repository": "store.artifact.artifact_repo "
    "store.artifact.artifact_repository_registry tracking.artifact_utils",
    "mlflow_modules.autologging": "utils.autologging_utils utils.autologging_utils.safety",
    "mlflow_modules.config": "config",
    "mlflow_modules.databricks": "utils.databricks_utils",
    "mlflow_modules.doctor": "utils.doctor",
    "mlflow_modules.environment_variables": "environment_variables",
    "mlflow_modules.error_codes": "protos.databricks_pb2",
    "mlflow_modules.files": "utils.file_utils utils.uri",
    "mlflow_modules.registry_service": "tracking._model_registry "
    "tracking._model_registry.fluent tracking._model_registry.utils",
    "mlflow_modules.request_headers": "tracking.request_header "
    "tracking.request_header.abstract_request_header_provider tracking.request_header.registry",
    "mlflow_modules.rest": "utils.rest_utils",
    "mlflow_modules.run_context": "tracking.context tracking.context.abstract_context "
    "tracking.context.default_context tracking.context.git_context tracking.context.registry",
    "mlflow_modules.small": "utils.git_utils utils.logging_utils utils.name_utils "
    "utils.os utils.string_utils utils.time",
    "mlflow_modules.store_limits": "store.tracking store.model_registry",
    "mlflow_modules.tags": "utils.mlflow_tags",
    "mlflow_modules.tracking_service": "tracking._tracking_service.utils",
    "mlflow_modules.validation": "utils.validation",
    "mlflow_names.tracing": "entities.span entities.span_event entities.span_status",
    "mlflow_names.version": "version",
    "models": "models.utils",
    "pyfunc": "pyfunc.context",
    "types.inference": "types.utils",
}
PATHS = {path: module for module, also in _ALSO.items() for path in also.split()}
EMPTY = frozenset("protos store store.artifact tracking._tracking_service utils".split())
"""Packages of MLflow's that only hold the others."""


# Single names of MLflow's, and where runlog has what they mean.
NAMES = {
    "RunOperations": ("client", "RunOperations"),
    "VERSION": ("mlflow_names.version", "VERSION"),
    "data.DatasetInput": ("entities", "DatasetInput"),
    "data.MlflowException": ("errors", "RunlogError"),
    "entities.LoggedModelParameter": ("entities", "Param"),
    "entities.LoggedModelTag": ("entities", "RunTag"),
}


def target(path: str) -> str | None:
    """Return which module below `runlog` answers to a path below `mlflow`, None if none does."""
    if path.partition(".")[0] in SAME and _exists(path):
        return path
    return PATHS.get(path)


def _exists(path: str) -> bool:
    """Return whether runlog itself has a module at that path, whatever else answers to it."""
    above, _, _ = f"runlog.{path}".rpartition(".")
    try:
        folders = getattr(importlib.import_module(above), "__path__", None)
    except ModuleNotFoundError:
        return False
    finders = [each for each in sys.meta_path if not hasattr(each, "is_of_runlog")]
    return folders is not None and any(
        each.find_spec(f"runlog.{path}", folders) is not None for each in finders
    )


def find(path: str) -> ModuleType | None:
    """Import and return the module that answers to a path below `mlflow`, None if none does."""
    if path in EMPTY:
        return _packages.setdefault(path, _package(path))
    name = target(path)
    return None if name is None else importlib.import_module(f"runlog.{name}")


def _package(path: str) -> ModuleType:
    """Create a package of MLflow's that only holds others, which are loaded at their first use."""

    def attribute(name: str) -> ModuleType:
        found = None if name.startswith("__") else find(f"{path}.{name}")
        if found is None:
            raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")
        setattr(package, name, found)
        return found

    package: Any = ModuleType(f"mlflow.{path}", "Modules of MLflow's under their import paths.")
    package.__path__ = []
    package.__getattr__ = attribute
    return package  # type: ignore[no-any-return]


_packages: dict[str, ModuleType] = {}
