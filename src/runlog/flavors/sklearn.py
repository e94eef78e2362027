"""Models of scikit-learn.

They are saved by cloudpickle, unless `serialization_format` says otherwise: `pickle`, or `skops`,
which runs no code when it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.sklearn import autolog as autolog
from runlog.errors import InvalidParameter, RunlogError
from runlog.models import code, pickles, saving
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = ["save_model", "log_model", "load_model", "autolog"]

FLAVOR_NAME = "sklearn"
SERIALIZATION_FORMAT_PICKLE = "pickle"
SERIALIZATION_FORMAT_CLOUDPICKLE = "cloudpickle"
SERIALIZATION_FORMAT_SKOPS = "skops"
SUPPORTED_SERIALIZATION_FORMATS = [
    SERIALIZATION_FORMAT_PICKLE,
    SERIALIZATION_FORMAT_CLOUDPICKLE,
    SERIALIZATION_FORMAT_SKOPS,
]


def save_model(
    sk_model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    serialization_format: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    skops_trusted_types: list[str] | None = None,
    extra_files: Sequence[str] | None = None,
) -> None:
    """Save a model of scikit-learn to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty or the format is unknown.
    """
    import sklearn

    how = serialization_format or SERIALIZATION_FORMAT_CLOUDPICKLE
    if how not in SUPPORTED_SERIALIZATION_FORMATS:
        raise InvalidParameter(
            f"Unrecognized serialization format: {how}. Please specify one of the following "
            f"supported formats: {SUPPORTED_SERIALIZATION_FORMATS}."
        )
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
    if how == SERIALIZATION_FORMAT_SKOPS:
        name, modules = "model.skops", {"skops"}
        pickles.dump_skops(sk_model, folder.at(name))
    else:
        name = "model.pkl"
        modules = pickles.dump(sk_model, folder.at(name), how)
    predict = getattr(sk_model, pyfunc_predict_fn, None)
    if predict is not None:
        folder.add_pyfunc("mlflow.sklearn", model_path=name, predict_fn=pyfunc_predict_fn)
    folder.add_flavor(
        FLAVOR_NAME,
        pickled_model=name,
        sklearn_version=sklearn.__version__,
        serialization_format=how,
        skops_trusted_types=skops_trusted_types,
    )
    packages = ["scikit-learn", *({"cloudpickle": ["cloudpickle"]}.get(how, []))]
    folder.finish(packages, modules, predict)


def log_model(
    sk_model: Any,
    artifact_path: str | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    serialization_format: str | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    pyfunc_predict_fn: str = "predict",
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    name: str | None = None,
    skops_trusted_types: list[str] | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model of scikit-learn, and return its ModelInfo, whose `model_uri` loads it again.

    - `name` or `artifact_path`: where it goes, see `Model.log`, which also describes `params`,
      `tags`, `model_type`, `step`, `model_id` and `registered_model_name`.
    - `signature`: by default inferred from the `input_example`. `False`: none.
    - `conda_env`, `pip_requirements`, `extra_pip_requirements`: the packages that it needs, or
      some more; by default those that it imports. `code_paths`: files of source that it needs.
    - `serialization_format`: cloudpickle (the default), pickle or skops. `skops_trusted_types` are
      types that skops may load.
    - `pyfunc_predict_fn`: what `pyfunc.load_model(...).predict` calls: predict, predict_proba,
      predict_log_proba, predict_joint_log_proba or score.
    - `metadata`: a dictionary that is stored in the MLmodel file.

    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier().fit([[1], [2]], ["low", "high"])
    >>> with runlog.start_run():
    ...     logged = runlog.sklearn.log_model(tree, name="tree", params={"kind": "tree"})
    >>> runlog.sklearn.load_model(logged.model_uri).predict([[3]]).tolist()
    ['high']
    """
    return saving.log(__name__, locals())


def load_model(model_uri: str, dst_path: str | None = None) -> Any:
    """Return the model of scikit-learn at a URI: `runs:/...`, `models:/...`, a path or another.

    With `dst_path` its files are copied into that folder first. Raises NotFound if there is none,
    RunlogError if it is of another flavour, or a pickle where these are switched off.
    """
    folder = local_folder(model_uri, dst_path)
    return _load(folder, flavor_conf(folder, FLAVOR_NAME))


def _load(folder: str, conf: Mapping[str, Any]) -> Any:
    how = conf.get("serialization_format", SERIALIZATION_FORMAT_PICKLE)
    path = code.inside(folder, conf["pickled_model"])
    if how == SERIALIZATION_FORMAT_SKOPS:
        return pickles.load_skops(path, conf.get("skops_trusted_types"))
    if how not in SUPPORTED_SERIALIZATION_FORMATS:
        raise RunlogError(f"the model is saved as {how!r}, which is unknown here")
    return pickles.load(path)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    if os.path.isfile(path):  # MLflow 1 named the file itself
        return _Predictor(pickles.load(path))
    return _Predictor(_load(path, flavor_conf(path, FLAVOR_NAME)))


class _Predictor:
    """A model behind `pyfunc.load_model(...).predict`, which calls one of these by name."""

    def __init__(self, sk_model: Any) -> None:
        self.sklearn_model = sk_model

    def get_raw_model(self) -> Any:
        return self.sklearn_model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions. scikit-learn takes no params."""
        return self.sklearn_model.predict(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["sklearn_model"], name)  # predict_proba, score...
