"""Which tests are of units: they need no server, no root and no browser, and run on any system.

Nobody marks them. A test is one unless it, a fixture of it, or a function of theirs uses a helper
that starts servers or mounts disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

HELPERS = {"disks", "relay", "served", "servers", "serving", "slow"}
IN_PROCESS = {"sqlite", "sqlite_without_wal", "http_in_process", "local", "memory", "sqlar"}
"""What the contracts run over here; their other kinds are servers."""


def is_unit(item: pytest.Item) -> bool:
    """Return whether a test is of a unit."""
    if item.get_closest_marker("slow") or item.path.parent.name == "ui":
        return False
    given = item.callspec.params if hasattr(item, "callspec") else {}
    kinds = [given[name] for name in ("store", "shared", "kind") if name in given]
    if kinds and item.path.parent.name.startswith("contract"):
        return set(kinds) <= IN_PROCESS
    seen: set[FunctionType] = set()
    return not any(_uses_helper(each, seen) for each in _functions(item))


def _functions(item: Any) -> Iterator[FunctionType]:
    """The test and its fixtures."""
    yield item.function
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        yield from (each.func for each in definitions if isinstance(each.func, FunctionType))


def _uses_helper(function: FunctionType, seen: set[FunctionType]) -> bool:
    if function in seen:
        return False
    seen.add(function)
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        if str(home).partition(".")[0] in HELPERS:
            return True
        is_near = isinstance(value, FunctionType) and home == function.__module__
        if is_near and _uses_helper(value, seen):
            return True
    return False


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
