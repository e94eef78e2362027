"""TensorFlow models: `tf.Module`s as SavedModels, and Keras models with their custom objects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.autologging.tensorflow import autolog as autolog
from runlog.errors import InvalidParameter, NotFound, RunlogError, shown
from runlog.models import code, pickles, saving
from runlog.models.keras_models import Predictor, check_batches, modules_of, refuse_functions
from runlog.models.model import MLMODEL_FILE_NAME, Model, ModelInfo
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.uris import local_folder

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "autolog",
    "load_checkpoint",
    "get_global_custom_objects",
    "autolog",
    "get_default_pip_requirements",
]

FLAVOR_NAME = "tensorflow"
_DATA, _MODEL, _SAVED_MODEL = "data", "model", "tf2model"
_CUSTOM, _GLOBAL = "custom_objects.cloudpickle", "global_custom_objects.cloudpickle"


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    mlflow_model: Model | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    extra_files: Sequence[str] | None = None,
) -> None:
    """Save a TensorFlow or Keras model to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty, the model is neither, or the signature has
    no free first dimension.
    """
    import tensorflow as tf

    is_keras = isinstance(model, tf.keras.Model)
    if not is_keras and not isinstance(model, tf.Module):
        raise InvalidParameter(
            f"the model must be a Keras model or a tf.Module, not {shown(model)}"
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
    check_batches(folder.model.signature)
    packages, modules = ["tensorflow"], {type(model).__module__}
    if is_keras:
        modules |= _save_keras(folder, model, custom_objects, keras_model_kwargs or {})
        if any(os.path.exists(folder.at(_DATA, name)) for name in (_CUSTOM, _GLOBAL)):
            packages.append("cloudpickle")
    else:
        tf.saved_model.save(model, folder.at(_SAVED_MODEL), **(saved_model_kwargs or {}))
        folder.add_flavor(FLAVOR_NAME, saved_model_dir=_SAVED_MODEL, model_type="tf2-module")
        folder.add_pyfunc("mlflow.tensorflow")
    predictor = Predictor(model) if is_keras else _ModulePredictor(model)
    folder.finish(packages, modules, predictor.predict)


def log_model(
    model: Any,
    artifact_path: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    conda_env: Any = None,
    code_paths: Sequence[str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    registered_model_name: str | None = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
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
    """Log a `tf.Module` or a Keras model, and return its ModelInfo, whose `model_uri` loads it.

    - `custom_objects`: classes and functions of a Keras model by name. They are pickled with it,
      and so are those that are registered with Keras.
    - `saved_model_kwargs`: arguments of `tf.saved_model.save`; `keras_model_kwargs`: those of the
      Keras model's method `save`.
    - The other arguments are those of `runlog.sklearn.log_model`.
    """
    return saving.log(__name__, locals())


def load_model(
    model_uri: str,
    dst_path: str | None = None,
    saved_model_kwargs: Mapping[str, Any] | None = None,
    keras_model_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Return the model at a URI: a Keras model, or what `tf.saved_model.load` makes of a module.

    The URI is `runs:/...`, `models:/...`, a path or another. With `dst_path` the files are copied
    into that folder first. `saved_model_kwargs` and `keras_model_kwargs` are those of
    TensorFlow's and Keras' functions. Raises NotFound if there is none, and RunlogError if it is of
    another flavour, or has pickled objects where these are switched off.
    """
    folder = local_folder(model_uri, dst_path)
    return _load_tensorflow_folder(folder, saved_model_kwargs or {}, keras_model_kwargs or {})


def _conf(folder: str) -> dict[str, Any]:
    flavors = Model.load(folder).flavors
    return flavor_conf(folder, "keras" if "keras" in flavors else FLAVOR_NAME)


def _load_tensorflow_folder(
    folder: str, saved_model_kwargs: Mapping[str, Any], keras_model_kwargs: Mapping[str, Any]
) -> Any:
    import tensorflow as tf

    conf = _conf(folder)
    kind = conf.get("model_type") or ("keras" if "data" in conf else "tf1-estimator")
    if kind == "keras":
        path = code.inside(folder, conf.get("data") or _MODEL)
        return _load_keras(path, conf, keras_model_kwargs)
    path = code.inside(folder, conf["saved_model_dir"])
    if kind == "tf2-module":
        return tf.saved_model.load(path, **saved_model_kwargs)
    if kind == "tf1-estimator":
        loaded = tf.saved_model.load(path, tags=conf["meta_graph_tags"])
        return loaded.signatures[conf["signature_def_key"]]
    raise RunlogError(f"the model is of the type {kind!r}, which is unknown here")


def _save_keras(
    folder: ModelFolder, model: Any, custom_objects: Any, options: Mapping[str, Any]
) -> set[str]:
    """Write a Keras model, and return the names of the modules that it needs."""
    import tensorflow as tf

    modules = modules_of(model)
    os.makedirs(folder.at(_DATA))
    for name, objects in ((_CUSTOM, custom_objects), (_GLOBAL, get_global_custom_objects())):
        if objects:
            modules |= pickles.dump(dict(objects), folder.at(_DATA, name))
    options = dict(options)
    save_format = options.pop("save_format", "tf")
    texts = {"keras_module.txt": "tensorflow.keras", "save_format.txt": save_format}
    for name, text in texts.items():
        with open(folder.at(_DATA, name), "w") as file:
            file.write(text)
    model.save(folder.at(_DATA, f"{_MODEL}.{'h5' if save_format == 'h5' else 'keras'}"), **options)
    folder.add_flavor(
        FLAVOR_NAME,
        data=_DATA,
        model_type="keras",
        keras_version=tf.__version__,
        save_format=save_format,
    )
    folder.add_pyfunc("mlflow.tensorflow", data=_DATA)
    return modules


def _load_keras(folder: str, conf: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    import importlib

    objects: dict[str, Any] = {}
    for name in (_GLOBAL, _CUSTOM):
        file = os.path.join(folder, name)
        if os.path.isfile(file):
            pickles.refuse_unless_allowed(f"the model's custom_objects are a pickle ({name})")
            objects |= pickles.load(file)
    objects |= options.get("custom_objects") or {}
    path = os.path.join(folder, _MODEL) if os.path.isdir(folder) else folder
    for suffix in (".keras", ".h5", ""):
        if os.path.exists(path + suffix):
            refuse_functions(path + suffix)
            models = importlib.import_module(_keras_module(conf) + ".models")
            options = {**options, "custom_objects": objects}
            return models.load_model(path + suffix, **options)
    raise NotFound(f"no file of a Keras model in {folder}")


def _keras_module(conf: Mapping[str, Any]) -> str:
    """The MLmodel file may name the module, and must not name just any."""
    name = str(conf.get("keras_module") or "tensorflow.keras")
    known = ("keras", "tensorflow.keras", "tensorflow.python.keras", "tf_keras")
    return name if name in known else "tensorflow.keras"


def get_global_custom_objects() -> dict[str, Any] | None:
    """Return the classes and functions that are registered with Keras, by name, or None if
    TensorFlow has no Keras."""
    try:
        from tensorflow.keras.saving import get_custom_objects
    except ImportError:
        return None
    objects: dict[str, Any] = get_custom_objects()
    return objects


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Any:
    for folder in (path, os.path.dirname(path)):
        if os.path.isfile(os.path.join(folder, MLMODEL_FILE_NAME)):
            break
    else:
        raise NotFound(f"no {MLMODEL_FILE_NAME} file in {path}")
    conf = _conf(folder)
    model = _load_tensorflow_folder(folder, {}, {"compile": conf.get("save_format") != "h5"})
    kind = conf.get("model_type", "keras")
    if kind == "keras":
        return Predictor(model)
    return _ModulePredictor(model) if kind == "tf2-module" else _SignaturePredictor(model)


class _ModulePredictor:
    """A module that is called with an array or a list."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def get_raw_model(self) -> Any:
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Call the module, and return an array if it returns a tensor."""
        import numpy as np
        import tensorflow as tf

        if not isinstance(data, (np.ndarray, list)):
            raise InvalidParameter(
                f"a tf.Module predicts from an array or a list, not from {type(data).__name__}"
            )
        result = self.model(tf.convert_to_tensor(data))
        return result.numpy() if isinstance(result, tf.Tensor) else result


class _SignaturePredictor(_ModulePredictor):
    """A graph of TensorFlow 1, which is called with named inputs."""

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return the outputs by name: a DataFrame for a DataFrame, a dictionary for one."""
        import numpy as np
        import pandas as pd
        import tensorflow as tf

        if not isinstance(data, (dict, pd.DataFrame)):
            raise TypeError("a graph predicts from a dictionary of arrays or a DataFrame")
        if isinstance(data, pd.DataFrame):
            inputs = {name: np.array(data[name].to_list()) for name in data}
        else:
            inputs = data
        raw = self.model(**{name: tf.constant(value) for name, value in inputs.items()})
        outputs = {name: _flat(value.numpy()) for name, value in raw.items()}
        return pd.DataFrame(outputs) if isinstance(data, pd.DataFrame) else outputs


def _flat(array: Any) -> Any:
    if array.ndim != 1 and all(len(row) == 1 for row in array):
        return array.ravel()
    return array.tolist()


def load_checkpoint(
    model: Any = None,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
) -> Any:
    """Return the Keras model of a checkpoint that autologging stored.

    - `model`: a model that gets the weights, if only these were stored.
    - `run_id`: the run, by default the active one. `epoch` or `global_step`: which checkpoint, by
      default the latest.

    Raises InvalidParameter if both are given, or the `model` is missing, and NotFound if the run
    has no such checkpoint.
    """
    import tensorflow as tf

    from runlog.models import checkpoints

    path = checkpoints.download(run_id, epoch, global_step)
    if ".weights" not in os.path.basename(path):
        refuse_functions(path)
        return tf.keras.models.load_model(path)
    if model is None:
        raise InvalidParameter("the checkpoint has weights only: give the model that gets them")
    model.load_weights(path)
    return model


def get_default_pip_requirements(include_cloudpickle: bool = False) -> list[str]:
    """Return the packages that every model of this flavour needs, with their versions."""
    from runlog.models.requirements import pinned

    return [pinned(name) for name in ("tensorflow", "cloudpickle")[: 1 + include_cloudpickle]]


def __getattr__(name: str) -> Any:
    if name in ("MlflowCallback", "MLflowCallback"):  # a class of Keras', which loads slowly
        from runlog.integrations.keras import MlflowCallback

        return MlflowCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
