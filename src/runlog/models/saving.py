"""What all flavours do when they save a model: the folder, and what stands beside the model."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runlog.errors import InvalidParameter, RunlogError
from runlog.models import code, requirements
from runlog.models.environment import CONDA, PYTHON, Environment
from runlog.models.examples import Example
from runlog.models.model import MLMODEL_FILE_NAME, Model, ModelInfo
from runlog.models.signature import ModelSignature, infer_signature

PYFUNC = "python_function"


class ModelFolder:
    """A folder that a flavour saves a model to.

    A flavour creates it, writes its files to `at(...)`, adds its entries to the MLmodel file by
    `add_pyfunc` and `add_flavor`, and calls `finish`. The arguments are those of every flavour's
    `save_model`; `signature=False` means that none is inferred from the input example. Raises
    InvalidParameter if the folder exists and is not empty.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        mlflow_model: Model | None = None,
        *,
        signature: Any = None,
        input_example: Any = None,
        metadata: dict[str, Any] | None = None,
        code_paths: Sequence[str | os.PathLike[str]] | None = None,
        conda_env: Any = None,
        pip_requirements: Any = None,
        extra_pip_requirements: Any = None,
        extra_files: Sequence[str] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self._environment = Environment(conda_env, pip_requirements, extra_pip_requirements)
        if os.path.isfile(self.path) or os.path.isdir(self.path) and os.listdir(self.path):
            raise InvalidParameter(f"Path '{self.path}' already exists and is not empty")
        os.makedirs(self.path, exist_ok=True)
        self.model = Model() if mlflow_model is None else mlflow_model
        self.code = code.copy(code_paths, self.path)
        self.example = None if input_example is None else Example(input_example)
        if self.example is not None:
            self.example.save(self.path)
            self.model.saved_input_example_info = self.example.info
        self._infers = signature is None
        if signature:
            self.model.signature = signature
        if metadata is not None:
            self.model.metadata = metadata
        self._extra_files = {} if extra_files is None else self._with_extra_files(extra_files)

    def at(self, *names: str) -> str:
        """Return the path of a file in the folder."""
        return os.path.join(self.path, *names)

    def _with_extra_files(self, uris: Sequence[str]) -> dict[str, Any]:
        from runlog.models.uris import local_folder

        paths = []
        for uri in uris:
            name = code.copy_into(local_folder(uri), self.at("extra_files"))
            paths.append({"path": f"extra_files/{name}"})
        return {"extra_files": paths}

    def add_pyfunc(self, loader_module: str, **fields: Any) -> None:
        """Make the model loadable by `pyfunc.load_model`, which calls `_load_pyfunc` of the module.
        `fields` are `data`, `predict_fn` and others that MLflow knows."""
        add_pyfunc(
            self.model, loader_module, code=self.code, conda_env=CONDA, python_env=PYTHON, **fields
        )

    def add_flavor(self, name: str, **fields: Any) -> None:
        """Add the entry of a flavour to the MLmodel file. `code` is in it by itself."""
        self.model.add_flavor(name, **{"code": self.code, **fields, **self._extra_files})

    def set_signature(self, signature: ModelSignature | None) -> None:
        """Use a signature that the flavour knows, unless the caller gave one or wants none."""
        if signature is not None and self._infers and self.model.signature is None:
            self.model.signature = signature

    def finish(
        self,
        packages: Iterable[str] = (),
        modules: Iterable[str] = (),
        predict: Callable[..., Any] | None = None,
    ) -> Model:
        """Write the MLmodel file and the files of the environment, and return the Model.

        `packages` are names of packages that the flavour needs in any case, and `modules` names of
        modules that this model needs. `predict` is called with the input example, and its params
        if it has any, to infer a signature that was not given.
        """
        modules = set(modules)
        if self.example is not None:
            modules.add(type(self.example.data).__module__)
            if self._infers and self.model.signature is None and predict is not None:
                self._infer_signature(predict)
        self.model.model_size_bytes = _size(self.path)
        self.model.save(self.at(MLMODEL_FILE_NAME))
        inferred: list[str] = []
        if not self._environment.is_given:
            inferred = requirements.infer(modules)
            named = {requirements.name_of(each) for each in inferred}
            inferred += [
                requirements.pinned(each)
                for each in packages
                if requirements.name_of(each) not in named
            ]
        self._environment.save(self.path, sorted(inferred, key=str.lower))
        return self.model

    def _infer_signature(self, predict: Callable[..., Any]) -> None:
        import logging

        assert self.example is not None
        data, params = self.example.data, self.example.params
        try:
            output = predict(data) if params is None else predict(data, params)
            self.model.signature = infer_signature(data, _as_column(data, output), params)
        except Exception as error:  # of the user's model: it is saved, without a signature
            logging.getLogger(__name__).warning(
                "no signature could be inferred from the input example: %s: %s",
                type(error).__name__,
                error,
            )


def _as_column(data: Any, output: Any) -> Any:
    """Return an array that is predicted from a table as a column, since it has a value a row."""
    if not hasattr(data, "columns") or getattr(output, "ndim", None) != 1:
        return output
    import pandas

    return output if hasattr(output, "index") else pandas.Series(output)


def log(flavor: str, arguments: dict[str, Any]) -> ModelInfo:
    """Log a model with the flavour whose module has that name. `arguments` are those of its
    `log_model`, as `locals()` has them."""
    given = {**arguments, **arguments.get("kwargs", {})}
    given.pop("kwargs", None)
    return Model.log(flavor=sys.modules[flavor], **given)


def add_pyfunc(
    model: Model,
    loader_module: str,
    data: str | None = None,
    code: str | None = None,
    conda_env: str | None = None,
    python_env: str | None = None,
    model_config: Mapping[str, Any] | None = None,
    model_code_path: str | None = None,
    **kwargs: Any,
) -> Model:
    """Add the entry `python_function` to a model: the module whose `_load_pyfunc` loads it, and
    paths relative to its folder."""
    import platform

    named = {"conda": conda_env, "virtualenv": python_env}
    fields = {
        "code": code,
        "data": data,
        "env": {name: file for name, file in named.items() if file},
        "config": dict(model_config or {}),
        "model_code_path": model_code_path,
    }
    given = {name: value for name, value in fields.items() if value}
    version = platform.python_version()
    return model.add_flavor(
        PYFUNC, **kwargs, loader_module=loader_module, python_version=version, **given
    )


def _size(folder: str) -> int:
    return sum(
        os.path.getsize(os.path.join(top, name))
        for top, _, names in os.walk(folder)
        for name in names
    )


def flavor_conf(folder: str, name: str) -> dict[str, Any]:
    """Return the entry of a flavour in the MLmodel file of a local folder, after making the
    model's source files importable. Raises RunlogError if it has no such flavour."""
    flavors = Model.load(folder).flavors
    if name not in flavors:
        raise RunlogError(
            f'Model does not have the "{name}" flavor: it has {", ".join(sorted(flavors))}',
            "RESOURCE_DOES_NOT_EXIST",
        )
    conf = dict(flavors[name])
    code.add_to_path(folder, {"code": conf.get("code") or flavors.get(PYFUNC, {}).get("code")})
    return conf
