"""Models of LightGBM: boosters, and the estimators of its scikit-learn API.

A booster is saved as LightGBM's text file, which runs no code when it is loaded. An estimator is
saved by cloudpickle, unless `serialization_format` says otherwise: `pickle`, or `skops`, which runs
no code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.lightgbm import autolog as autolog
from runlog.errors import InvalidParameter, shown
from runlog.extras import framework
from runlog.models import code, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model", "autolog"]

FLAVOR_NAME = "lightgbm"
SUPPORTED_SERIALIZATION_FORMATS = ["cloudpickle", "pickle", "skops"]
_BOOSTER = "lightgbm.basic.Booster"
_TRUSTED = {
    "collections.OrderedDict",
    _BOOSTER,
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
}
"""Types that skops does not know and that run no code."""


def save_model(
    lgb_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    serialization_format: str | None = None,
    skops_trusted_types: list[str] | None = None,
    extra_files: Sequence[str] | None = None,
    **kwargs: Any,
) -> None:
    """Save a model of LightGBM to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty or the format is unknown.
    """
    import lightgbm

    how = _known(serialization_format)
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
    is_booster = isinstance(lgb_model, lightgbm.Booster)
    if is_booster:
        name, modules = "model.lgb", {"lightgbm"}
        lgb_model.save_model(folder.at(name), **kwargs)
    elif how == "skops":
        name, modules = "model.skops", {"lightgbm", "sklearn", "skops"}
        skops_trusted_types = sorted({*_TRUSTED, *(skops_trusted_types or [])})
        pickles.dump_skops(lgb_model, folder.at(name))
    else:
        name = "model.pkl"
        modules = pickles.dump(lgb_model, folder.at(name), how)
    kind = type(lgb_model)
    folder.add_pyfunc("mlflow.lightgbm", data=name)
    folder.add_flavor(
        FLAVOR_NAME,
        lgb_version=lightgbm.__version__,
        data=name,
        model_class=f"{kind.__module__}.{kind.__name__}",
        serialization_format=how,
        skops_trusted_types=skops_trusted_types,
    )
    pickled = not is_booster and how == "cloudpickle"
    folder.finish(["cloudpickle"] if pickled else [], modules, lgb_model.predict)


def _known(serialization_format: str | None) -> str:
    how = serialization_format or "cloudpickle"
    if how not in SUPPORTED_SERIALIZATION_FORMATS:
        raise InvalidParameter(
            f"unknown serialization_format {shown(how)}: use one of "
            f"{', '.join(SUPPORTED_SERIALIZATION_FORMATS)}"
        )
    return how


def log_model(
    lgb_model: Any,
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
    serialization_format: str | None = None,
    skops_trusted_types: list[str] | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a Booster of LightGBM or an estimator of its scikit-learn API, and return its ModelInfo.

    - `serialization_format`: how an estimator is saved: cloudpickle (the default), pickle or skops.
      `skops_trusted_types` are types that skops may load, beside those of LightGBM.
    - `kwargs` go to the booster's own `save_model`.

    The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the model of LightGBM at a URI: a Booster, or the estimator that was logged.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    RunlogError if it is of another flavour, or a pickle where these are switched off.
    """
    return _load_lightgbm(local_folder(model_uri, dst_path))


def _load_lightgbm(folder: str) -> Any:
    lightgbm = framework("lightgbm")
    conf = flavor_conf(folder, FLAVOR_NAME)
    path = code.inside(folder, conf["data"])
    if conf.get("model_class", _BOOSTER) == _BOOSTER:
        return lightgbm.Booster(model_file=path)
    if conf.get("serialization_format") == "skops":
        return pickles.load_skops(path, conf.get("skops_trusted_types"), _TRUSTED)
    return pickles.load(path)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    return _Predictor(_load_lightgbm(os.path.dirname(path) if os.path.isfile(path) else path))


class _Predictor:
    def __init__(self, lgb_model: Any) -> None:
        self.lgb_model = lgb_model

    def get_raw_model(self) -> Any:
        return self.lgb_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions. LightGBM takes no params."""
        return self.lgb_model.predict(data)
