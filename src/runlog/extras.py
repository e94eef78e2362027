"""Optional packages, imported where a call needs them."""

from __future__ import annotations

from typing import Any

from runlog.errors import MissingExtra


def require(module: str, extra: str, package: str | None = None) -> Any:
    """Return the module, or MissingExtra that names its package, if that is called otherwise."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(package or module, extra) from error


def framework(module: str, package: str | None = None) -> Any:
    """Return the module of a framework that runlog has no extra for, or raise MissingExtra, which
    says how to install its package."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        name = package or module.partition(".")[0]
        raise MissingExtra(name, install=name) from error
