"""Models of XGBoost: boosters and the estimators of its scikit-learn API.

They are saved in XGBoost's own formats, which run no code when they are loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from runlog.autologging.xgboost import autolog as autolog
from runlog.extras import framework
from runlog.models import code, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model", "autolog"]

FLAVOR_NAME = "xgboost"


def save_model(
    xgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    model_format: str = "ubj",
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a model of XGBoost to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    import xgboost

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
    name = f"model.{model_format}"
    xgb_model.save_model(folder.at(name), **kwargs)
    kind = type(xgb_model)
    folder.add_pyfunc("mlflow.xgboost", data=name)
    folder.add_flavor(
        FLAVOR_NAME,
        xgb_version=xgboost.__version__,
        data=name,
        model_class=f"{kind.__module__}.{kind.__name__}",
        model_format=model_format,
    )
    modules = {"xgboost", kind.__module__}
    if not isinstance(xgb_model, xgboost.Booster):
        modules.add("sklearn")
    folder.finish(modules=modules, predict=_Predictor(xgb_model).predict)


def log_model(
    xgb_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    model_format: str = "ubj",
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
    """Log a Booster of XGBoost or an estimator of its scikit-learn API, and return its ModelInfo.

    - `model_format`: the format of its file: `ubj` (the default), `json`, or others that the
      installed XGBoost writes. `kwargs` go to its own `save_model`.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the model of XGBoost at a URI: an instance of the class that was logged.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    return _load_xgboost(local_folder(model_uri, dst_path))


def _load_xgboost(folder: str) -> Any:
    conf = flavor_conf(folder, FLAVOR_NAME)
    framework("xgboost")
    model = _class(conf.get("model_class", "xgboost.core.Booster"))()
    model.load_model(code.inside(folder, conf["data"]))
    return model


def _class(name: str) -> Any:
    """Return the class of a model. One of the user's own runs the user's code."""
    module, _, kind = name.rpartition(".")
    if module.partition(".")[0] != "xgboost":
        pickles.refuse_unless_allowed(f"the model is of the class {name}")
    return getattr(import_module(module), kind)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_xgboost(os.path.dirname(path) if os.path.isfile(path) else path))


class _Predictor:
    def __init__(self, xgb_model: Any) -> None:
        self.xgb_model = xgb_model

    def get_raw_model(self) -> Any:
        return self.xgb_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions. `params` are arguments of the model's own `predict`."""
        import xgboost

        model = self.xgb_model
        arguments = _accepted(model.predict, {"validate_features": True, **(params or {})})
        if isinstance(model, xgboost.Booster):
            data = xgboost.DMatrix(data)
        return model.predict(data, **arguments)


def _accepted(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a function has, and warn of the others."""
    import inspect

    parameters = inspect.signature(function).parameters
    unknown = sorted(arguments.keys() - parameters.keys())
    if unknown:
        import logging

        logging.getLogger(__name__).warning(
            "this model of XGBoost has no params %s: they are ignored", ", ".join(unknown)
        )
    return {name: value for name, value in arguments.items() if name in parameters}
