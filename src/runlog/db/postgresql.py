"""PostgreSQL, and what speaks its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlog.db import bulk
from runlog.db.base import Bindings, Row
from runlog.db.server import ServerDatabase

_NUMBERS = ("bigint", "double precision")
_TYPES = {int: "bigint", float: "double precision", str: "text", bytes: "bytea"}


class PostgreSQL(ServerDatabase):
    """Keeps every double as it is, NaN greater than all; refuses NUL in texts."""

    title = "PostgreSQL"
    driver = "psycopg"
    extra = "postgresql"
    schema = "db/schemas/postgresql.sql"
    PHRASES = (
        (
            r"json_each\(:ids\) (\w+)",
            r"(select value, key - 1 as key from unnest(translate(:ids, '[]', '{}')::bigint[])"
            r" with ordinality as u (value, key)) \1",
        ),
        (
            r"json_each\(:(\w+)\) (\w+)",
            r"(select value, key - 1 as key from jsonb_array_elements_text(:\1::jsonb)"
            r" with ordinality as u (value, key)) \2",
        ),
        # By the index, run after run. Of rows that a list names, the planner has no statistics: it
        # would read the whole table for a tenth of its runs, at four times the CPU.
        (
            r"\bcross join (\w+) (\w+) on \2\.(run|id) = j\.value",
            r"join lateral (select * from \1 where \3 = j.value offset 0) \2 on true",
        ),
        (r"\bcross join\b", "join"),
        (r"\binstr\(", "strpos("),
    )
    BEGIN = ("begin isolation level read committed read write",)
    BEGIN_READING = ("begin isolation level repeatable read read only",)
    # Compiling a statement takes longer than any of these runs.
    SETTINGS = ("set lock_timeout = '{seconds}s'", "set jit = off")
    # Only ASCII, as elsewhere: what lower() does to other letters depends on the machine.
    ILIKE = 'lower({0} collate "C") like lower({1} collate "C") escape \'\''
    COUNT_ON = """select setval(s, greatest(nextval(s), (select max(id) from experiment)))
                  from pg_get_serial_sequence('experiment', 'id') s"""
    LOCK_SCHEMA = "select pg_advisory_xact_lock(1919707757)"
    UNLOCK_SCHEMA = ""
    TABLES = "select tablename from pg_tables where schemaname = any (current_schemas(false))"
    # deadlock, serialization; unique, foreign key: made or deleted by others in between
    CONFLICTS = frozenset(("40001", "40P01", "23505", "23503"))
    BUSY = frozenset(("55P03", "57014", "53300"))
    DENIED = frozenset(("42501",))
    FULL = frozenset(("53100",))
    GONE = frozenset(("25006", "57P01", "57P02", "57P03"))
    MISSING = frozenset(("42P01", "42703"))
    UNTAKEN = frozenset(("22021", "22P05"))
    GREETING = bytes.fromhex("0000000804d2162f")  # does it speak TLS?

    def options(self) -> dict[str, Any]:
        return self.timeouts(("psycopg", "psycopg2"), "connect_timeout")

    READ_ONLY = frozenset(("25006",))
    TEXT = (
        r"[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
        r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
    )

    def code(self, error: Any) -> Any:
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        return "22021" if state is None and "NUL" in str(error) else state

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        """Write all rows in one statement, the columns as arrays; docs/design.md has the
        figures."""
        made = bulk.statement(sql)
        columns: dict[str, Any] | None = bulk.columns(rows, made) if len(rows) > 1 else None
        if columns is None:
            return super().change_many(sql, rows)
        arrays = []
        for name, column in columns.items():
            kind = _TYPES[bulk.type_of(column)]
            arrays.append(f":{name}::{kind}[]")
            if kind in _NUMBERS:  # as text at once: a tenth of the driver's time for a list
                columns[name] = "{" + ",".join(map(repr, column)).replace("None", "null") + "}"
        given = ", ".join(f"_{name}" for name in columns)
        table = f"unnest({', '.join(arrays)}) as f ({given})"
        return self.change(made.sql.replace(bulk.ROWS, table), columns)
