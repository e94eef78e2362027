"""Call a function when a module is imported, or at once if it is loaded already."""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Action = Callable[[ModuleType], None]

_waiting: dict[str, dict[str, Action]] = {}  # by module, then by owner: one action for each
_lock = threading.RLock()


def when_imported(module: str, owner: str, action: Action) -> None:
    """Call `action(module)` now if the module is loaded, or else once, right after its import.

    A later call for the same module and owner replaces an action that still waits.
    """
    with _lock:
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        _waiting.setdefault(module, {})[owner] = action
    if module in sys.modules:
        _act(module)


def forget(owner: str) -> None:
    """Drop all actions of this owner that still wait."""
    with _lock:
        for module in list(_waiting):
            _waiting[module].pop(owner, None)
            if not _waiting[module]:
                del _waiting[module]


def _act(module: str) -> None:
    with _lock:
        actions = _waiting.pop(module, {})
    for action in actions.values():
        action(sys.modules[module])


class _Finder:
    """Finds nothing itself. Lets the loader of a module that is waited for report its end."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                _report(name, spec.loader)
                return spec
        return None


def _report(name: str, loader: Any) -> None:
    """Act after the loader has executed the module. The loader stays the module's own."""

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        loader.exec_module(module)
        _act(name)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a built-in or frozen module: none that logs anything
        pass


_finder = _Finder()
