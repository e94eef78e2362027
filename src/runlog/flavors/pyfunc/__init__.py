"""Models of any kind, as Python functions: `load_model(uri).predict(data)`.

`loaded` has what `load_model` returns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from runlog.errors import RunlogError
from runlog.models import code, pickles
from runlog.models.saving import PYFUNC as FLAVOR_NAME
from runlog.models.saving import add_pyfunc as add_to_model
from runlog.models.saving import flavor_conf
from runlog.models.uris import local_folder

from .loaded import PyFuncModel

__all__ = ["FLAVOR_NAME", "PyFuncModel", "add_to_model", "load_model"]


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
    config = _configuration(conf.get("config"), model_config)
    implementation = load(data, config) if config else load(data)
    return PyFuncModel(folder, implementation, conf)


def _loader(name: str) -> Any:
    """Return the module that loads a model: runlog's, where the file names one of MLflow's."""
    package, _, rest = name.partition(".")
    if package == "mlflow":
        ours = f"runlog.{rest}"
        try:
            if find_spec(ours) is not None:
                return import_module(ours)
        except ModuleNotFoundError:
            pass
    pickles.refuse_unless_allowed(f"the model is loaded by the module {name}")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise RunlogError(
            f"the model is loaded by the module {name}, which cannot be imported: {error}. "
            "Install what has it, or log the model with the source files (code_paths)"
        ) from error


def _configuration(logged: Mapping[str, Any] | None, given: Any) -> dict[str, Any]:
    if isinstance(given, (str, os.PathLike)):
        from runlog.models import yaml_files

        with open(given, encoding="utf-8") as file:
            given = yaml_files.load(file.read(), os.fspath(given))
    return {**(logged or {}), **(given or {})}
