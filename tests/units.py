"""Which tests are of units: they need no server, no root, no browser and no other program, and run
on any system.

Nobody marks them. A test is one unless it, a fixture of it, or a function of theirs starts a
program or uses a helper that starts servers or mounts disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

import servers

HELPERS = {
    "disks",
    "power",
    "relay",
    "running_projects",
    "served",
    "servers",
    "serving",
    "slow",
    "subprocess",
}
TESTS = str(Path(__file__).parent)
SERVERS = {*servers.KINDS, *servers.CLUSTERS}
IN_PROCESS = {"sqlite", "http_in_process", "local", "memory", "sqlar"}
"""What the contracts run over here. Their other kinds are servers, or wait for the disk."""


def is_unit(item: pytest.Item) -> bool:
    """Return whether a test is of a unit."""
    if item.get_closest_marker("slow") or item.path.parent.name == "ui":
        return False
    given = item.callspec.params if hasattr(item, "callspec") else {}
    kinds = [given[name] for name in ("store", "shared", "kind") if name in given]
    if SERVERS & {each for each in given.values() if isinstance(each, str)}:
        return False
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
    values = _values(function)
    if any(_home(value) in HELPERS for value in values):
        return True
    ours = [each for each in values if isinstance(each, FunctionType) and _is_ours(each)]
    return any(_uses_helper(each, seen) for each in ours)


def _values(function: FunctionType) -> list[Any]:
    """What the names in a function stand for, also those behind a module of the tests."""
    names = {*_names(function.__code__)}
    found = [value for name, value in function.__globals__.items() if name in names]
    for module in [each for each in found if isinstance(each, ModuleType) and _is_ours(each)]:
        found += [value for name, value in vars(module).items() if name in names]
    return found


def _home(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).partition(".")[0]


def _is_ours(value: FunctionType | ModuleType) -> bool:
    code = getattr(value, "__code__", None)
    file = code.co_filename if code else getattr(value, "__file__", None)
    return str(file).startswith(TESTS)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
