"""SQL that somebody typed, for a database on a server: it only reads, in the engine's own words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from runlog.db import READS_ONLY
from runlog.db.query import Params
from runlog.db.server import ServerDatabase
from runlog.errors import InvalidParameter

_READING = frozenset("select with values table explain show describe desc".split())
_INT64 = range(-(2**63), 2**63)


def run(
    database: ServerDatabase, sql: str, params: Params = None
) -> tuple[list[str], list[list[Any]]]:
    """Run one statement that reads, in a transaction that is read-only and rolled back, and return
    the names of its columns and the columns, values as a SQLite file has them.

    Raises InvalidParameter for a statement that is wrong, that would write, or that is more than
    one.
    """
    text, arguments = _for_driver(database, sql, params)
    connection = database.begun(database.BEGIN_READING)
    try:
        cursor = database.ask(connection, text, arguments)
        if not cursor.description:
            raise InvalidParameter(READS_ONLY)
        names = [str(column[0]) for column in cursor.description]
        rows = database.read(cursor.fetchall())
    finally:
        database.give_back(connection)
    columns: list[list[Any]] = [[_as_sqlite(row[at]) for row in rows] for at in range(len(names))]
    return names, columns


def _for_driver(database: ServerDatabase, sql: str, params: Params) -> tuple[str, Any]:
    """Return the statement with the driver's marks for values, and the values."""
    pattern = re.compile(_PARTS.replace("TEXT", database.TEXT), re.DOTALL)
    style = database.paramstyle
    by_name = isinstance(params, Mapping)
    marks = list(params.values() if isinstance(params, Mapping) else params or ())
    used: list[Any] = []
    pieces: list[str] = []
    words: list[str] = []
    ended = False
    for part in pattern.finditer(sql):
        kind, text = part.lastgroup, part.group()
        if kind in ("end", "blank"):
            ended = ended or kind == "end"
        elif ended:
            raise InvalidParameter("SQL: one statement at a time, so run each by itself")
        if kind == "name" and by_name:
            used.append(_param(params, text[1:]))
            pieces.append("?" if style == "qmark" else "%s")
        elif kind == "mark" and params is not None and not by_name:
            if len(used) < len(marks):
                used.append(marks[len(used)])
            else:
                raise _wrong_count(sql, marks)
            pieces.append("?" if style == "qmark" else "%s")
        elif kind == "word":
            words.append(text.lower())
            pieces.append(database.quoted(text))
        elif kind != "end":
            pieces.append(text if style == "qmark" else text.replace("%", "%%"))
    if not by_name and len(used) < len(marks):
        raise _wrong_count(sql, marks)
    _refuse_writing(words, database)
    return "".join(pieces), tuple(used)


# What a statement consists of. A cast has two colons; within quotes and comments nothing counts.
_PARTS = r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<text>TEXT)|(?P<cast>::)
|(?P<name>:[A-Za-z_]\w*)|(?P<mark>\?)|(?P<end>;)|(?P<word>[A-Za-z_]\w*)|(?P<other>.)""".replace(
    "\n", ""
)


def _refuse_writing(words: list[str], database: ServerDatabase) -> None:
    if not words:
        raise InvalidParameter("SQL: there is no query in this text: write one select statement")
    if words[0] not in _READING or database.WRITING & set(words):
        raise InvalidParameter(READS_ONLY)


def _param(params: Any, name: str) -> Any:
    try:
        return params[name]
    except KeyError:
        raise InvalidParameter(f"SQL: the query has :{name}, which params does not give") from None


def _wrong_count(sql: str, values: list[Any]) -> InvalidParameter:
    return InvalidParameter(
        f"SQL: params gives {len(values)} values, the query has {sql.count('?')} marks for them"
    )


def _as_sqlite(value: Any) -> Any:
    """Return a value of the driver's as SQLite has it: null, a number, a text or bytes."""
    if value is None or type(value) in (int, float, str, bytes):
        return value
    for kind, change in _PLAIN.items():
        if isinstance(value, kind):
            return change(value)
    return str(value)


def _iso_time(value: datetime.datetime) -> str:
    """Return a time as the views of a SQLite file have it. Without a zone it is UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value.isoformat(timespec="milliseconds") + "Z"


def _number(value: Decimal) -> int | float:
    whole = int(value) if value.is_finite() and value == value.to_integral_value() else None
    return whole if whole is not None and whole in _INT64 else float(value)


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    bool: int,
    datetime.datetime: _iso_time,
    Decimal: _number,
    memoryview: bytes,
    bytearray: bytes,
}
