"""Pickles: writing them, with the modules that they need, and refusing to read them.

A pickled model of `runlog.pyfunc` names MLflow's classes instead of runlog's, and on reading names
of MLflow's mean runlog's. So each tracker reads the other's without having it installed.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec
from types import CodeType, FunctionType, ModuleType
from typing import Any

from runlog.errors import RunlogError
from runlog.extras import framework
from runlog.models.mlflow_pickles import STAND_INS, TypeHints
from runlog.settings import flag

_SHARED = "runlog.pyfunc"


def dump(model: Any, path: str | os.PathLike[str], how: str = "cloudpickle") -> set[str]:
    """Pickle a model to a file, with `pickle` or `cloudpickle`, and return the names of the
    modules that it needs."""
    modules: set[str] = set()

    def persistent_id(_: Any, part: Any) -> None:
        """Look at each part that is pickled; none of them is stored elsewhere."""
        if isinstance(part, (type, FunctionType)):
            modules.add(part.__module__)
        elif isinstance(part, ModuleType):
            modules.add(part.__name__)
        elif isinstance(part, CodeType):
            modules.update(imported_by(part))

    base: Any = pickle.Pickler
    if how == "cloudpickle":
        import cloudpickle

        base = cloudpickle.Pickler

    def reducer_override(pickler: Any, part: Any) -> Any:
        if isinstance(part, type) and f"{part.__module__}.".startswith(f"{_SHARED}."):
            module = f"mlflow.{part.__module__.partition('.')[2]}"
            return getattr, (_MlflowModule(module), part.__qualname__)
        if part is TypeHints:
            return getattr, (_MlflowModule("mlflow.models.signature"), "_TypeHints")
        return base.reducer_override(pickler, part) if how == "cloudpickle" else NotImplemented

    members = {"persistent_id": persistent_id, "reducer_override": reducer_override}
    pickler = type("Recording", (base,), members)
    with open(path, "wb") as file:
        pickler(file, pickle.DEFAULT_PROTOCOL).dump(model)
    return modules


class _MlflowModule:
    """A module of MLflow's, pickled as a call that imports it: it may be missing here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self._name,)


def imported_by(code: CodeType) -> set[str]:
    """Return the names of the modules that a function's code imports."""
    import dis

    return {str(each.argval) for each in dis.get_instructions(code) if each.opname == "IMPORT_NAME"}


def imported_by_file(path: str) -> set[str]:
    """Return the names of the modules that a file of Python code imports."""
    import ast

    with open(path, "rb") as file:
        tree = ast.parse(file.read(), path)
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _IMPORTERS:
            return imported
        if (module, name) in _GETTERS:
            return _get
        if module.partition(".")[0] == "mlflow":
            found = STAND_INS.get((module, name)) or self._ours(module, name)
            return super().find_class(module, name) if found is None else found
        return super().find_class(module, name)

    def _ours(self, module: str, name: str) -> Any:
        found = imported(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        return found


_IMPORTERS = {("importlib", "import_module"), ("cloudpickle.cloudpickle", "subimport")}


_GETTERS = {("builtins", "getattr"), ("__builtin__", "getattr")}


def _get(owner: Any, name: str, *default: Any) -> Any:
    """Do what `getattr` does; a name of MLflow's may mean a stand-in."""
    if getattr(owner, "__name__", "") == "runlog.models.signature" and name == "_TypeHints":
        return TypeHints
    return getattr(owner, name, *default)


def imported(name: str) -> Any:
    """Import a module and return it: runlog's for one of MLflow's, where there is one."""
    package, _, rest = name.partition(".")
    if package == "mlflow" and not rest:
        return import_module("runlog")
    if package == "mlflow" and is_ours(name):
        return import_module(f"runlog.{rest}")
    return import_module(name)


def is_ours(name: str) -> bool:
    """Return whether a name is that of a module of runlog, or of MLflow's that runlog has too."""
    package, _, rest = name.partition(".")
    try:
        known = package in ("mlflow", "runlog") and rest
        return bool(known) and find_spec(f"runlog.{rest}") is not None
    except (ModuleNotFoundError, ValueError):
        return False


def load(path: str | os.PathLike[str]) -> Any:
    """Return the model that is pickled in a file. Raises RunlogError if that is switched off."""
    refuse_unless_allowed(f"{os.path.basename(path)} is a pickle")
    with open(path, "rb") as file:
        return _Unpickler(file).load()


def dump_skops(model: Any, path: str | os.PathLike[str]) -> None:
    """Save a model to a file of skops. Raises MissingExtra if that is not installed."""
    framework("skops.io").dump(model, path)


def load_skops(
    path: str | os.PathLike[str],
    trusted: Collection[str] | None = None,
    harmless: Collection[str] = (),
) -> Any:
    """Return the model in a file of skops.

    `trusted` are the types that the model asks to trust, beside those that skops knows. Since the
    list comes with the model, one that is not among the `harmless` raises RunlogError where models
    may not run code.
    """
    asked = sorted({*(trusted or ())} - {*harmless})
    if asked:
        refuse_unless_allowed(f"the model asks to trust {', '.join(asked)}")
    return framework("skops.io").load(path, trusted=[*(trusted or ())])


def allowed() -> bool:
    """Return whether models may run code when they are loaded."""
    return flag("ALLOW_PICKLE_DESERIALIZATION")


def refuse_unless_allowed(reason: str) -> None:
    """Raise RunlogError, code PERMISSION_DENIED, if loading models that run code is switched
    off."""
    if not allowed():
        raise RunlogError(
            f"{reason}, which can run any code when it is loaded, and "
            "RUNLOG_ALLOW_PICKLE_DESERIALIZATION is false. If you trust the model, set that to "
            "true; or save the model in a format without code, such as skops, safetensors or ONNX",
            "PERMISSION_DENIED",
        )
