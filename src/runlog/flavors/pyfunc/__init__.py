"""Models of any kind, as Python functions: `load_model(uri).predict(data)`.

`loaded` has what `load_model` returns, `model` the models that are classes and functions of Python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from runlog.errors import InvalidParameter, RunlogError
from runlog.models import code, from_code, pickles, saving
from runlog.models.environment import CONDA, REQUIREMENTS
from runlog.models.model import Model, ModelInfo
from runlog.models.saving import PYFUNC as FLAVOR_NAME
from runlog.models.saving import ModelFolder, flavor_conf
from runlog.models.saving import add_pyfunc as add_to_model
from runlog.models.uris import local_folder

from . import model as model
from .loaded import PyFuncModel
from .model import PythonModel, PythonModelContext

__all__ = [
    "save_model",
    "log_model",
    "load_model",
    "get_model_dependencies",
    "spark_udf",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
]

_add_to_model = add_to_model  # a name of MLflow's
_CODE_LOADERS = ("mlflow.pyfunc.loaders.code_model",)


def save_model(
    path: str | os.PathLike[str],
    loader_module: str | None = None,
    data_path: str | None = None,
    code_paths: Sequence[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: Any = None,
    mlflow_model: Model | None = None,
    python_model: Any = None,
    artifacts: Mapping[str, str] | None = None,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Any = None,
    streamable: bool | None = None,
    resources: Any = None,
    auth_policy: Any = None,
    **kwargs: Any,
) -> None:
    """Save a model that is Python code to a local folder. See `log_model`.

    Raises InvalidParameter if the folder is not empty, or unless one of `python_model` and
    `loader_module` is given.
    """
    if (loader_module is None) == (python_model is None):
        raise InvalidParameter("Either `loader_module` or `python_model` must be specified")
    if code_paths is None and infer_code_paths:
        code_paths = code.own_modules_of(python_model)
    if isinstance(python_model, (str, os.PathLike)) and not os.path.isfile(python_model):
        raise InvalidParameter(f"no file {os.fspath(python_model)!r} with a python_model")
    folder = ModelFolder(
        path,
        kwargs.pop("model", mlflow_model),
        signature=signature,
        input_example=input_example,
        metadata=metadata,
        code_paths=code_paths,
        conda_env=conda_env,
        pip_requirements=pip_requirements,
        extra_pip_requirements=extra_pip_requirements,
    )
    if kwargs:
        raise TypeError(f"save_model() got unexpected keyword arguments: {', '.join(kwargs)}")
    if python_model is not None:
        model.save(folder, python_model, artifacts, model_config, streamable)
        return
    data = None if data_path is None else code.copy_into(data_path, folder.at("data"))
    folder.add_pyfunc(
        str(loader_module),
        data=None if data is None else f"data/{data}",
        model_config=from_code.read_config(model_config),
        **({} if streamable is None else {"streamable": streamable}),
    )
    folder.finish([], [str(loader_module)])


def log_model(
    artifact_path: str | None = None,
    loader_module: str | None = None,
    data_path: str | None = None,
    code_paths: Sequence[str] | None = None,
    infer_code_paths: bool = False,
    conda_env: Any = None,
    python_model: Any = None,
    artifacts: Mapping[str, str] | None = None,
    registered_model_name: str | None = None,
    signature: Any = None,
    input_example: Any = None,
    await_registration_for: int | None = 300,
    pip_requirements: Any = None,
    extra_pip_requirements: Any = None,
    metadata: dict[str, Any] | None = None,
    model_config: Any = None,
    streamable: bool | None = None,
    resources: Any = None,
    auth_policy: Any = None,
    prompts: list[str] | None = None,
    name: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log a model that is Python code, and return its ModelInfo.

    - `python_model`: a PythonModel or a class of one, a function of one argument, or the path of a
      file that calls `runlog.models.set_model`. Only the last is stored as text; the others are
      pickled.
    - `artifacts`: files and folders that the model needs, by name; their URIs or paths. The model
      finds them in `context.artifacts`.
    - `loader_module`, `data_path`: instead of a `python_model`, a module whose function
      `_load_pyfunc(path)` returns an object with `predict`, and the file or folder that it loads.
    - `model_config`: a dictionary or a YAML file, which the model finds in `context.model_config`.
    - `streamable`: whether it has `predict_stream`; by default it is seen.

    The other arguments are those of `sklearn.log_model`.

    >>> def shout(model_input: list[str]) -> list[str]:
    ...     return [text.upper() for text in model_input]
    >>> with runlog.start_run():
    ...     logged = runlog.pyfunc.log_model(name="shout", python_model=shout)
    >>> runlog.pyfunc.load_model(logged.model_uri).predict(["hello"])
    ['HELLO']
    """
    return saving.log(__name__, locals())


def load_model(
    model_uri: str,
    suppress_warnings: bool = False,
    dst_path: str | None = None,
    model_config: str | os.PathLike[str] | dict[str, Any] | None = None,
) -> PyFuncModel:
    """Return the model at a URI, of whatever flavour, as an object with `predict`.

    `model_uri` is `runs:/...`, `models:/...`, a path, or the URI of a storage. With `dst_path` its
    files are copied into that folder first. `model_config`, a dictionary or a file of YAML,
    replaces values of the configuration that the model was logged with. Raises NotFound if there
    is no model, RunlogError if it has no function to predict with, or needs to run code where that
    is switched off.

    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier().fit([[1], [2]], ["low", "high"])
    >>> with runlog.start_run():
    ...     logged = runlog.sklearn.log_model(tree, "tree")
    >>> runlog.pyfunc.load_model(logged.model_uri).predict([[3]]).tolist()
    ['high']
    """
    folder = local_folder(model_uri, dst_path)
    conf = flavor_conf(folder, FLAVOR_NAME)
    data = code.inside(folder, conf.get("data") or "")
    load = getattr(_loader(conf["loader_module"]), "_load_pyfunc")  # noqa: B009
    given = from_code.read_config(model_config)
    config = {**(conf.get("config") or {}), **given}
    implementation = load(data, config) if config else load(data)
    return PyFuncModel(folder, implementation, conf)


def load_pyfunc(model_uri: str, suppress_warnings: bool = False) -> PyFuncModel:
    """Return the model at a URI: `load_model` under its MLflow 0.x name."""
    return load_model(model_uri, suppress_warnings)


def _loader(name: str) -> Any:
    """Return the module that loads a model: runlog's, where the file names one of MLflow's."""
    if name in _CODE_LOADERS:
        return model
    if not pickles.is_ours(name):  # importing a module runs its code
        pickles.refuse_unless_allowed(f"the model is loaded by the module {name}")
    try:
        return pickles.imported(name)
    except ModuleNotFoundError as error:
        raise RunlogError(
            f"the model is loaded by the module {name}, which cannot be imported: {error}. "
            "Install what has it, or log the model with the source files (code_paths)"
        ) from error


def get_model_dependencies(model_uri: str, format: str = "pip") -> str:
    """Return the path of a local file with the packages that a model needs: requirements.txt, or
    conda.yaml if `format` is `conda`. Raises NotFound if the model has none."""
    names = {"pip": REQUIREMENTS, "conda": CONDA}
    if format not in names:
        raise InvalidParameter(f"no format {format!r}: use one of {', '.join(names)}")
    path = os.path.join(local_folder(model_uri), names[format])
    if not os.path.exists(path):
        raise RunlogError(f"{model_uri} has no {names[format]}", "RESOURCE_DOES_NOT_EXIST")
    return path


def spark_udf(spark: Any, model_uri: str, *args: Any, **kwargs: Any) -> Any:
    """Raise RunlogError: runlog has no functions for Spark. Load the model in a pandas UDF of your
    own instead; each worker needs the files."""
    raise RunlogError(
        "runlog makes no Spark UDFs. Write a pandas UDF that calls runlog.pyfunc.load_model"
        f"({model_uri!r}) once a process, and predict",
        "NOT_IMPLEMENTED",
    )
