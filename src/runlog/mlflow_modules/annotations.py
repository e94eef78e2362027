"""`mlflow.utils.annotations`: decorators that mark functions, here without an effect."""

from __future__ import annotations

from typing import Any


def experimental(*args: Any, **_: Any) -> Any:
    """Return the function or class itself, as `@experimental` and as `@experimental(...)`."""
    return args[0] if args and callable(args[0]) else _same


def deprecated(*_: Any, **__: Any) -> Any:
    """Return a decorator that returns the function itself."""
    return _same


def _same(api: Any) -> Any:
    return api


developer_stable = keyword_only = mark_deprecated = _same
