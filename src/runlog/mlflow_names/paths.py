"""Which module of runlog answers to an import path of MLflow's.

A module has one identity: `mlflow.sklearn` is `runlog.sklearn`, and both `mlflow.data.dataset` and
`mlflow.data.pandas_dataset` are `runlog.data.datasets`.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import ModuleType

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
    "entities.logged_model_status entities.metric entities.param entities.run entities.run_data "
    "entities.run_info entities.run_inputs entities.run_outputs entities.run_status "
    "entities.run_tag entities.source_type entities.view_type store.entities "
    "store.entities.paged_list",
    "mlflow_modules.annotations": "utils.annotations",
    "mlflow_modules.artifact_repository": "store.artifact.artifact_repo "
    "store.artifact.artifact_repository_registry tracking.artifact_utils",
    "mlflow_modules.autologging": "utils.autologging_utils utils.autologging_utils.safety",
    "mlflow_modules.config": "config",
    "mlflow_modules.databricks": "utils.databricks_utils",
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
    "mlflow_modules.small": "utils.doctor utils.git_utils utils.logging_utils utils.name_utils "
    "utils.os utils.string_utils utils.time",
    "mlflow_modules.store_limits": "store.tracking store.model_registry",
    "mlflow_modules.tags": "utils.mlflow_tags",
    "mlflow_modules.tracking_service": "tracking._tracking_service.utils",
    "mlflow_modules.validation": "utils.validation",
    "mlflow_names.version": "version",
    "models": "models.utils",
    "pyfunc": "pyfunc.context pyfunc.model",
    "types.inference": "types.utils",
}
PATHS = {path: module for module, also in _ALSO.items() for path in also.split()}
EMPTY = frozenset("protos store store.artifact tracking._tracking_service utils".split())
"""Packages of MLflow's that only hold the others."""


def target(path: str) -> str | None:
    """Return which module below `runlog` answers to a path below `mlflow`, None if none does."""
    if path in PATHS:
        return PATHS[path]
    if path.partition(".")[0] not in SAME:
        return None
    try:
        return path if find_spec(f"runlog.{path}") else None
    except ModuleNotFoundError:  # below a module that is no package
        return None


def find(path: str) -> ModuleType | None:
    """Import and return the module that answers to a path below `mlflow`, None if none does."""
    if path in EMPTY:
        return _packages.setdefault(path, _Package(path))
    name = target(path)
    return None if name is None else importlib.import_module(f"runlog.{name}")


class _Package(ModuleType):
    """A package of MLflow's that only holds the others, which are loaded at their first use."""

    def __init__(self, path: str) -> None:
        super().__init__(f"mlflow.{path}", "Modules of MLflow's under their import paths.")
        self.__path__: list[str] = []
        self._path = path

    def __getattr__(self, name: str) -> ModuleType:
        found = None if name.startswith("__") else find(f"{self._path}.{name}")
        if found is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, found)
        return found


_packages: dict[str, ModuleType] = {}
