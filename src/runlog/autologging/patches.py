"""Wrap functions and methods of a framework, once, and put them back."""

from __future__ import annotations

import functools
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Wrapper = Callable[..., Any]

_MARK = "__runlog_framework__"
_lock = threading.RLock()
_patches: dict[str, list[_Patch]] = {}


class _Patch:
    """An attribute that was replaced. An inherited one is removed again, not set."""

    __slots__ = ("is_own", "name", "original", "owner", "wrapped")

    def __init__(self, owner: Any, name: str, original: Any, wrapped: Any) -> None:
        self.owner, self.name, self.original, self.wrapped = owner, name, original, wrapped
        self.is_own = name in vars(owner)

    def undo(self) -> None:
        if vars(self.owner).get(self.name) is not self.wrapped:
            return  # somebody else has wrapped it since: ours stays below, and logs nothing
        if self.is_own:
            setattr(self.owner, self.name, self.original)
        else:
            delattr(self.owner, self.name)


def patch(framework: str, owner: Any, name: str, wrap: Wrapper) -> None:
    """Replace the function `name` of a class, module or object by one that calls
    `wrap(original, args, kwargs)`. Do nothing if it is missing, or was replaced before.

    Methods that are there only under a condition (scikit-learn's `available_if`) are replaced
    below it.
    """
    with _lock:
        raw = vars(owner).get(name, getattr(owner, name, None))
        if hasattr(raw, "fn") and hasattr(raw, "check"):
            owner, name, raw = raw, "fn", raw.fn
        if not callable(raw) or is_patched(raw):
            return
        replace(framework, owner, name, _wrapped_by(framework, raw, wrap))


def replace(framework: str, owner: Any, name: str, value: Any) -> None:
    """Set an attribute of a class, module or object until `undo`."""
    with _lock:
        patch_of = _Patch(owner, name, vars(owner).get(name), value)
        _patches.setdefault(framework, []).append(patch_of)
        setattr(owner, name, value)


def is_patched(function: object) -> bool:
    """Whether a function, or the function of a method, is one of ours."""
    return hasattr(function, _MARK)


def undo(framework: str) -> None:
    """Put back all functions of this framework, the last first."""
    with _lock:
        for each in reversed(_patches.pop(framework, [])):
            each.undo()


def _wrapped_by(framework: str, original: Any, wrap: Wrapper) -> Any:
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return wrap(original, args, kwargs)

    setattr(wrapper, _MARK, framework)
    return wrapper


def patch_subclassing(framework: str, base: Any, action: Callable[[type], None]) -> None:
    """Call `action` with each subclass of a class, once it is defined."""
    with _lock:
        current = vars(base).get("__init_subclass__")
        if is_patched(getattr(current, "__func__", None)):
            return

        def init_subclass(cls: Any, /, **kwargs: Any) -> None:
            if current is None:
                super(base, cls).__init_subclass__(**kwargs)
            else:
                current.__get__(None, cls)(**kwargs)
            action(cls)

        setattr(init_subclass, _MARK, framework)
        replace(framework, base, "__init_subclass__", classmethod(init_subclass))
