"""Keras 3 models, saved as a `.keras` file, or exported as a TensorFlow SavedModel.

Models of Keras 2, and those of `tf.keras` in TensorFlow's own format, are those of the flavour
`tensorflow`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.keras import autolog as autolog
from runlog.errors import InvalidParameter, NotFound
from runlog.extras import framework
from runlog.models import code, saving
from runlog.models.keras_models import Predictor, check_batches, modules_of, refuse_functions
from runlog.models.model import MLMODEL_FILE_NAME, Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "autolog",
    "get_default_pip_requirements",
]

FLAVOR_NAME = "keras"
_DATA, _MODEL = "data", "model"


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    save_exported_model: bool = False,
    conda_env: Any = None,
    mlflow_model: Model | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    save_model_kwargs: Mapping[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    code_paths: Sequence[str] | None = None,
) -> None:
    """Save a Keras model to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty, the signature has no free first dimension,
    or a model is to be exported without a signature.
    """
    import keras

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
    )
    check_batches(folder.model.signature)
    os.makedirs(folder.at(_DATA))
    with open(folder.at(_DATA, "keras_module.txt"), "w") as file:
        file.write("keras")
    if save_exported_model:
        _export(model, folder.at(_DATA, _MODEL), folder.model.signature)
    else:
        model.save(folder.at(_DATA, _MODEL + ".keras"), **(save_model_kwargs or {}))
    folder.add_flavor(
        FLAVOR_NAME,
        data=_DATA,
        keras_version=keras.__version__,
        keras_backend=keras.backend.backend(),
        save_exported_model=save_exported_model,
    )
    folder.add_pyfunc("mlflow.keras")
    packages = ["keras", keras.backend.backend()]
    folder.finish(packages, modules_of(model), Predictor(model).predict)


def log_model(
    model: Any,
    artifact_path: str | None = None,
    save_exported_model: bool = False,
    conda_env: Any = None,
    signature: Any = None,
    input_example: Any = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    save_model_kwargs: Mapping[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    code_paths: Sequence[str] | None = None,
) -> ModelInfo:
    """Log a Keras model, and return its ModelInfo, whose `model_uri` loads it again.

    - `save_exported_model`: export it as a SavedModel, which TensorFlow runs without Keras. It
      needs a signature.
    - `save_model_kwargs`: arguments of the model's method `save`.
    - The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(
    model_uri: str,
    dst_path: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    load_model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return the Keras model at a URI: `runs:/...`, `models:/...`, a path or another.

    An exported model is a TensorFlow object with the method `serve`. With `dst_path` the files are
    copied into that folder first. `custom_objects` and `load_model_kwargs` are those of
    `keras.saving.load_model`. Raises NotFound if there is none, and RunlogError if it is of another
    flavour.
    """
    folder = local_folder(model_uri, dst_path)
    return _load_keras_folder(folder, custom_objects, load_model_kwargs or {})


def _load_keras_folder(folder: str, custom_objects: Any, options: Mapping[str, Any]) -> Any:
    conf = flavor_conf(folder, FLAVOR_NAME)
    path = code.inside(folder, os.path.join(conf.get("data") or _DATA, _MODEL))
    if conf.get("save_exported_model"):
        return framework("tensorflow").saved_model.load(path)
    import keras

    if os.path.exists(path + ".h5"):  # of MLflow 1
        path += ".h5"
    else:
        path += ".keras"
    if os.path.exists(path):
        refuse_functions(path)
    return keras.saving.load_model(path, custom_objects=custom_objects, **options)


def _export(model: Any, path: str, signature: Any) -> None:
    """Write a SavedModel whose endpoint `serve` takes what the signature says."""
    import keras

    tensorflow = framework("tensorflow")
    if signature is None or not signature.inputs:
        raise InvalidParameter(
            "an exported model needs a signature: pass "
            "signature=runlog.models.infer_signature(inputs, model.predict(inputs))"
        )
    specs = [
        tensorflow.TensorSpec([None if size == -1 else size for size in spec.shape], spec.type)
        for spec in signature.inputs
    ]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(name="serve", fn=model.call, input_signature=specs)
    archive.write_out(path, verbose=False)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Predictor:
    for folder in (path, os.path.dirname(path)):
        if os.path.isfile(os.path.join(folder, MLMODEL_FILE_NAME)):
            return Predictor(_load_keras_folder(folder, None, {}))
    raise NotFound(f"no {MLMODEL_FILE_NAME} file in {path}")


def get_default_pip_requirements() -> list[str]:
    """Return the packages that every model of this flavour needs, with their versions."""
    from runlog.models.requirements import pinned

    return [pinned("keras")]


def __getattr__(name: str) -> Any:
    if name in ("MlflowCallback", "MLflowCallback"):  # a class of Keras', which loads slowly
        from runlog.integrations.keras import MlflowCallback

        return MlflowCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
