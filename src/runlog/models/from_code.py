"""Models from code: a file of Python that defines a model and calls `set_model` with it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from runlog.errors import InvalidParameter, NotFound, RunlogError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_model: ContextVar[list[Any]] = ContextVar("model")
_in_use: ContextVar[Any] = ContextVar("config", default=None)
_MLFLOWS = "mlflow.models.model"


def set_model(model: Any) -> None:
    """Say which model a file of code defines: a PythonModel or a function. The file is given as
    `python_model` to `pyfunc.log_model`."""
    boxes = _model.get(None)
    if boxes is not None:
        boxes.append(model)
    if _MLFLOWS in sys.modules:  # MLflow loads the file: it looks there
        sys.modules[_MLFLOWS].__dict__["__mlflow_model__"] = model


class ModelConfig:
    """The configuration in a file of code: `model_config` of `log_model` or `load_model` while a
    model is logged or loaded, and otherwise `development_config`, a dictionary or a YAML file.

    Raises NotFound if there is neither.
    """

    def __init__(self, *, development_config: Any = None) -> None:
        self.config = _in_use.get() or development_config
        if not self.config:
            raise NotFound("no configuration: give model_config to log_model or load_model")

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration."""
        return read_config(self.config)

    def get(self, key: str) -> Any:
        """Return a value of the configuration. Raises KeyError if there is none."""
        config = self.to_dict()
        if key not in config:
            raise KeyError(f"no {key!r} in the configuration: it has {', '.join(config)}")
        return config[key]


def read_config(given: Any) -> dict[str, Any]:
    """Return a configuration that is given as a dictionary or as a YAML or JSON file."""
    if given is None:
        return {}
    if isinstance(given, (str, os.PathLike)):
        from runlog.models import yaml_files

        try:
            with open(given, encoding="utf-8") as file:
                given = yaml_files.load(file.read(), os.fspath(given))
        except FileNotFoundError:
            raise NotFound(f"no file {os.fspath(given)!r} with a model_config") from None
    if not isinstance(given, dict):
        raise InvalidParameter(f"model_config must be a dictionary or a file, not {shown(given)}")
    return given


@contextmanager
def configured(config: dict[str, Any]) -> Iterator[list[Any]]:
    """Let files of code see a configuration, and yield the list of models that they set."""
    models: list[Any] = []
    tokens = _in_use.set(config), _model.set(models)
    try:
        yield models
    finally:
        _in_use.reset(tokens[0])
        _model.reset(tokens[1])


def load(path: str, config: dict[str, Any]) -> Any:
    """Run a file of code and return the model that it sets. Raises RunlogError if it sets none."""
    from importlib.util import module_from_spec, spec_from_file_location
    from uuid import uuid4

    theirs = sys.modules.get(_MLFLOWS)
    before = getattr(theirs, "__mlflow_model__", None)
    spec = spec_from_file_location(f"code_model_{uuid4().hex}", path)
    if spec is None or spec.loader is None:
        raise InvalidParameter(f"{path} is not a file of Python code")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    with configured(config) as models:
        spec.loader.exec_module(module)
    theirs = sys.modules.get(_MLFLOWS)
    set_there = getattr(theirs, "__mlflow_model__", None)
    if models:
        return models[-1]
    if set_there is not None and set_there is not before:
        return set_there
    raise RunlogError(
        f"{path} defines no model: call runlog.models.set_model(...) in it", "INVALID_STATE"
    )
