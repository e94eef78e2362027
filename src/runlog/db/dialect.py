"""Statements as SQLite takes them, put in the words of an engine and of its driver."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from runlog.db.base import Bindings, Row

Phrases = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

# Compared as a whole, what an index is in the order of, where the engine makes no use of it so.
COMPARED = (
    r"\((\w+), (\w+), (\w+)\) > \((:\w+), (:\w+), (:\w+)\)",
    r"(\1 >= \4 and (\1 > \4 or \2 > \5 or (\2 = \5 and \3 > \6)))",
)

# Where an index has the beginnings of all texts, not short texts alone.
PREFIXES = (
    (r"length\((?:o\.)?value\) <= 250", "1 = 1"),
    (r"length\(value\) > 250", "1 = 0"),
)

_NAME = re.compile(r"(?<![:\w]):(\w+)")  # :name, but not what follows in a cast ::name
_STATEMENTS = 2000  # whose translations are remembered


def statements(script: str) -> list[str]:
    """Return the statements of a schema's file: each ends with a semicolon at the end of a line."""
    plain = re.sub(r"--[^\n]*", "", script)
    return [each.strip() for each in re.split(r";\s*\n", plain + "\n") if each.strip()]


@lru_cache(_STATEMENTS)
def translation(phrases: Phrases, style: str, sql: str) -> tuple[str, tuple[str, ...] | None]:
    """Return a statement in the engine's words, with the driver's marks for values; the names of
    the values in their order if the driver wants them so."""
    for pattern, replacement in phrases:
        sql = re.sub(pattern, replacement, sql)
    if style in ("pyformat", "format"):
        sql = sql.replace("%", "%%")
    if style == "pyformat":
        return _NAME.sub(r"%(\1)s", sql), None
    names = tuple(_NAME.findall(sql))
    return _NAME.sub("?" if style == "qmark" else "%s", sql), names


def arguments(row: Bindings | Row, names: tuple[str, ...] | None) -> Any:
    if names is None or not isinstance(row, Mapping):
        return row
    return tuple(row[name] for name in names)
