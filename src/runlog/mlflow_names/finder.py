"""Makes `import mlflow` find runlog: in this process, and in the processes that it starts.

A process inherits it by PYTHONPATH, which names a folder that holds a package `mlflow` (it does
what `install` does) and the description of a distribution of that name. So it works for any way
to start Python, beside a `sitecustomize` of the user's own, and costs nothing before the import.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from runlog.errors import warn
from runlog.mlflow_names import absent, paths
from runlog.mlflow_names.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "as_mlflow_path")


def install() -> bool:
    """Make `import mlflow` find runlog from now on, in this process and its children.

    Return False, with a warning and without any change, if another `mlflow` is imported already.
    """
    current = sys.modules.get("mlflow")
    if current is _mlflow:
        return True
    if current is not None and not _is_ours(current):
        version = getattr(current, "__version__", "?")
        warn(
            f"mlflow {version} is imported already, from {getattr(current, '__file__', '?')}: it "
            "stays in use. Import runlog.as_mlflow before anything that imports mlflow"
        )
        return False
    os.environ.update(environment())
    if FOLDER not in sys.path:
        sys.path.insert(0, FOLDER)
        if "pkg_resources" in sys.modules:  # it has read the path already
            sys.modules["pkg_resources"].working_set.add_entry(FOLDER)
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        first: Any = _Finder("mlflow")
        last: Any = _Finder("runlog")
        sys.meta_path.insert(0, first)
        sys.meta_path.append(last)
    sys.modules["mlflow"] = _mlflow
    return True


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables to add to the environment `base` (by default this process') of a
    program, so that `import mlflow` finds runlog in it: PYTHONPATH."""
    before = (os.environ if base is None else base).get("PYTHONPATH", "")
    folders = [FOLDER, *(each for each in before.split(os.pathsep) if each and each != FOLDER)]
    return {"PYTHONPATH": os.pathsep.join(folders)}


def _is_ours(module: ModuleType) -> bool:
    return os.path.dirname(os.path.dirname(getattr(module, "__file__", None) or "")) == FOLDER


def _named_mlflow() -> ModuleType:
    """Create the module `mlflow`: what `runlog` has, with MLflow's version. A plain module, since
    cloudpickle takes no other."""

    def attribute(name: str) -> Any:
        if name in absent.MODULES or name in paths.EMPTY or name == "context":
            # Modules of runlog are called so, which have nothing to do with MLflow's.
            return absent.find(name) or paths.find(name)
        return getattr(importlib.import_module("runlog"), name)

    module: Any = ModuleType("mlflow", "runlog, under the name of MLflow's module.")
    module.__version__ = VERSION
    module.__path__ = []
    module.__file__ = os.path.join(FOLDER, "mlflow", "__init__.py")
    module.__spec__ = ModuleSpec("mlflow", None, origin=module.__file__, is_package=True)
    module.__getattr__ = attribute
    module.__dir__ = lambda: dir(importlib.import_module("runlog"))
    return module  # type: ignore[no-any-return]


_mlflow = _named_mlflow()


class _Finder:
    """Finds `mlflow.a.b`; and, after all others, `runlog.a.b` where that is a path of MLflow's:
    `from mlflow.tracking import context` looks for it, as `mlflow.tracking` is `runlog.tracking`.
    """

    is_of_runlog = True

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, below = name.partition(".")
        if package != self.package or not below:
            return None
        if package == "runlog":
            known = below in paths.PATHS
        else:
            known = below in paths.EMPTY or bool(paths.target(below) or absent.module_reason(below))
        loader: Any = _Loader(below)
        return ModuleSpec(name, loader, is_package=True) if known else None


class _Loader:
    """Gives the import system a module that exists under another name."""

    def __init__(self, path: str) -> None:
        self.path = path

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        found: Any = paths.find(self.path) or absent.module(self.path)
        if not hasattr(found, "__path__"):  # modules of MLflow's are packages where ours are not
            found.__path__ = []
        sys.modules[module.__name__] = found
