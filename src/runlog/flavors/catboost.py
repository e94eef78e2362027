"""Models of CatBoost, saved in its own formats, which run no code when they are loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.catboost import autolog as autolog
from runlog.errors import RunlogError
from runlog.extras import framework
from runlog.models import code, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model", "autolog"]

FLAVOR_NAME = "catboost"
_FILE = "model.cb"
_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")


def save_model(
    cb_model: Any,
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
    **kwargs: Any,
) -> None:
    """Save a model of CatBoost to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty.
    """
    import catboost

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
    cb_model.save_model(folder.at(_FILE), **kwargs)
    folder.add_pyfunc("mlflow.catboost", data=_FILE)
    folder.add_flavor(
        FLAVOR_NAME,
        catboost_version=catboost.__version__,
        model_type=type(cb_model).__name__,
        save_format=kwargs.get("format", "cbm"),
        data=_FILE,
    )
    folder.finish(modules={"catboost"}, predict=_Predictor(cb_model).predict)


def log_model(
    cb_model: Any,
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
    """Log a model of CatBoost, and return its ModelInfo.

    - `cb_model`: a CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker.
    - `kwargs` go to its own `save_model`: `format="json"`, for example. Formats that CatBoost does
      not load, such as `cpp`, cannot be loaded here.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the model of CatBoost at a URI: an instance of the class that was logged.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    and RunlogError if it is of another flavour.
    """
    return _load_catboost(local_folder(model_uri, dst_path))


def _load_catboost(folder: str) -> Any:
    catboost = framework("catboost")
    conf = flavor_conf(folder, FLAVOR_NAME)
    kind = conf.get("model_type")
    if kind not in _CLASSES:
        raise RunlogError(f"{kind!r} is no model of CatBoost: it has {', '.join(_CLASSES)}")
    model = getattr(catboost, kind)()
    path = code.inside(folder, conf.get("data", _FILE))
    return model.load_model(path, conf.get("save_format", "cbm"))


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_catboost(os.path.dirname(path)))


class _Predictor:
    def __init__(self, cb_model: Any) -> None:
        self.cb_model = cb_model

    def get_raw_model(self) -> Any:
        return self.cb_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions. CatBoost takes no params."""
        return self.cb_model.predict(data)
