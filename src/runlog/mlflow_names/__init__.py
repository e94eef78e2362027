"""MLflow's names in runlog, as tables that are read at the first use of such a name.

- `paths`: which of runlog's modules answers to which import path of MLflow's
- `absent`: the names that runlog does not have, and what to use instead
- `tracing`: spans and decorators of traces, which pass everything through
- `finder`: makes `import mlflow` find runlog, in this process and in its children
- `version`: the version of MLflow whose interface this is
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attribute(owner: str, name: str) -> Any:
    """Return what MLflow's name `name` means in the module `owner` of runlog ("" for runlog
    itself), where the module does not have it: a module, or an object that says what to use
    instead. Raises AttributeError if MLflow has no such name either."""
    from runlog.mlflow_names import absent, paths

    path = f"{owner}.{name}" if owner else name
    if path in paths.NAMES:
        home, meant = paths.NAMES[path]
        return getattr(import_module(f"runlog.{home}"), meant)
    if not name.startswith("__"):
        module = paths.find(path)
        if module is not None:
            return module
        found = absent.find(path)
        if found is not None:
            return found
    whole = f"runlog.{owner}" if owner else "runlog"
    raise AttributeError(f"module {whole!r} has no attribute {name!r}")
