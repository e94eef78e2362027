"""Forecasts of Prophet, saved as JSON, which runs no code when it is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.extras import framework
from runlog.models import code, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model"]

FLAVOR_NAME = "prophet"
_FILE = "model.pr"


def save_model(
    pr_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
) -> None:
    """Save a model of Prophet to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    import json

    import prophet
    from prophet.serialize import model_to_json

    folder = ModelFolder(
        path,
        mlflow_model,
        signature=signature,
        input_example=input_example,
        metadata=metadata,
        code_paths=code_paths,
        conda_env=conda_env,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
        extra_files=extra_files,
    )
    with open(folder.at(_FILE), "w", encoding="utf-8") as file:
        json.dump(model_to_json(pr_model), file)  # a text in JSON: so MLflow reads it
    folder.add_pyfunc("mlflow.prophet", data=_FILE)
    folder.add_flavor(
        FLAVOR_NAME,
        prophet_version=prophet.__version__,
        model_type=type(pr_model).__name__,
        data=_FILE,
    )
    folder.finish(modules={"prophet"}, predict=pr_model.predict)


def log_model(
    pr_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a Prophet model that was fitted, and return its ModelInfo.

    - The pyfunc model predicts a DataFrame with the column `ds`, and the regressors if it has any.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the Prophet model at a URI.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    folder = local_folder(model_uri, dst_path)
    return _load_forecaster(
        code.inside(folder, flavor_conf(folder, FLAVOR_NAME).get("data", _FILE))
    )


def _load_forecaster(path: str) -> Any:
    import json

    serialize = framework("prophet.serialize")
    with open(path, encoding="utf-8") as file:
        return serialize.model_from_json(json.load(file))


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_forecaster(path))


class _Predictor:
    def __init__(self, pr_model: Any) -> None:
        self.pr_model = pr_model

    def get_raw_model(self) -> Any:
        return self.pr_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the forecast. Prophet takes no params."""
        return self.pr_model.predict(data)
