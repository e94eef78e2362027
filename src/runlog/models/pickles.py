"""Pickles: writing them, with the modules that they need, and refusing to read them."""

from __future__ import annotations

import os
from types import CodeType, FunctionType, ModuleType
from typing import Any

from runlog.errors import RunlogError
from runlog.settings import flag


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

    import pickle

    base: Any = pickle.Pickler
    if how == "cloudpickle":
        import cloudpickle

        base = cloudpickle.Pickler
    pickler = type("Recording", (base,), {"persistent_id": persistent_id})
    with open(path, "wb") as file:
        pickler(file, pickle.DEFAULT_PROTOCOL).dump(model)
    return modules


def imported_by(code: CodeType) -> set[str]:
    """Return the names of the modules that a function's code imports."""
    import dis

    return {str(each.argval) for each in dis.get_instructions(code) if each.opname == "IMPORT_NAME"}


def load(path: str | os.PathLike[str]) -> Any:
    """Return the model that is pickled in a file. Raises RunlogError if that is switched off."""
    refuse_unless_allowed(f"{os.path.basename(path)} is a pickle")
    import pickle

    with open(path, "rb") as file:
        return pickle.load(file)


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
