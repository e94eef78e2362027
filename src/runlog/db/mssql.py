"""SQL Server. None can run where runlog is tested: there its statements are parsed, not run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from runlog.db import doubles
from runlog.db.servers import COMPARED, Bindings, Row, Rows, ServerDatabase

_NUMBER = re.compile(r"\((\d{3,5})\)")  # of an error, in the drivers' texts


def _merge(found: re.Match[str]) -> str:
    """An insert that updates the row that is there."""
    table, columns, values, keys, changes = found.groups()
    given = ", ".join(f"excluded.{each}" for each in columns.split(", "))
    same = " and ".join(f"{table}.{each} = excluded.{each}" for each in keys.split(", "))
    return (
        f"merge into {table} with (holdlock) using (values ({values})) as excluded ({columns})"
        f" on {same} when matched then update set {changes}"
        f" when not matched then insert ({columns}) values ({given});"
    )


class SQLServer(ServerDatabase):
    """Doubles are bytes: see `doubles`. The database has to allow snapshot isolation."""

    title = "SQL Server"
    driver = "mssqlpython"
    extra = "mssql"
    schema = "schema-mssql.sql"
    PHRASES = (
        (r"\s+", " "),
        (r"^ ", ""),
        (r"(?<![\w:])(key|schema)\b", r"[\1]"),
        (
            r"json_each\(:ids\) (\w+)",
            r"(select cast([key] as int) as [key], cast(value as bigint) as value"
            r" from openjson(:ids)) \1",
        ),
        (
            r"json_each\(:(\w+)\) (\w+)",
            r"(select cast([key] as int) as [key], value collate Latin1_General_100_BIN2"
            r" as value from openjson(:\1)) \2",
        ),
        (r"\bcross join\b", "join"),
        (
            r"insert into (\w+) \(([^)]*)\) values \(([^)]*)\)"
            r" on conflict \(([^)]*)\) do update set (.*)$",
            _merge,
        ),
        # An index ignores it: see the schema. With an id to return, who makes the same one waits.
        (
            r"insert into (\w+) \(((\w+), [^)]*)\) values \(((:\w+), [^)]*)\)"
            r" on conflict do nothing returning id",
            r"insert into \1 (\2) output inserted.id select \4 where not exists"
            r" (select 1 from \1 with (updlock, holdlock) where \3 = \5)",
        ),
        (r"(insert into \w+ \([^)]*\)) (.*) returning id$", r"\1 output inserted.id \2"),
        (r" on conflict do nothing", ""),
        (
            r"^(insert into experiment \(id, .*)$",
            r"set identity_insert experiment on; \1; set identity_insert experiment off",
        ),
        (
            r"(order by (?:[^()]|\([^()]*\))*?) limit (:\w+|\d+)",
            r"\1 offset 0 rows fetch next \2 rows only",
        ),
        (r"\blimit (:\w+|\d+)", r"order by (select null) offset 0 rows fetch next \1 rows only"),
        (r"\binstr\(lower\(([^()]*)\), lower\(([^()]*)\)\)", r"charindex(lower(\2), lower(\1))"),
        (r"\bsubstr\(([^,()]*), (\d+)\)", r"substring(\1, \2, 4000)"),
        (r"\bsubstr\(", "substring("),
        (r"\|\|", "+"),
        # The index has the beginnings of all texts, not short texts alone.
        (r"length\((?:o\.)?value\) <= 250", "1 = 1"),
        (r"length\(value\) > 250", "1 = 0"),
        (r"\blength\(", "len("),
        (r" as text\)", " as varchar(20))"),
        COMPARED,
        ("'NaN'", f"0x{doubles.NAN.hex()}"),
    )
    BEGIN = ("set transaction isolation level read committed", "begin transaction")
    BEGIN_READING = ("set transaction isolation level snapshot", "begin transaction")
    ROLLBACK = "if @@trancount > 0 rollback"
    SETTINGS = ("set lock_timeout {seconds}000", "set xact_abort on")
    LIKE = "{0} like {1} escape '~'"
    ILIKE = "lower({0}) like lower({1}) escape '~'"
    LOCK_SCHEMA = (
        "exec sp_getapplock @Resource = 'runlog schema', @LockMode = 'Exclusive',"
        " @LockOwner = 'Transaction', @LockTimeout = 60000"
    )
    UNLOCK_SCHEMA = ""
    TABLES = "select name from sys.tables where schema_id = schema_id()"
    # deadlock, snapshot; unique, foreign keys: made or deleted by others in between
    CONFLICTS = frozenset((1205, 3960, 2601, 2627, 547))
    BUSY = frozenset((1222,))
    DENIED = frozenset((229, 230, 262, 18456))
    FULL = frozenset((1105, 9002))
    GONE = frozenset((976, 3906))
    MISSING = frozenset((207, 208))
    UNTAKEN = frozenset((2628, 8152))

    double = staticmethod(doubles.sortable)

    @staticmethod
    def pattern(like: str) -> str:
        return like.replace("~", "~~").replace("[", "~[")

    def code(self, error: Any) -> Any:
        found = _NUMBER.search(str(error))
        return int(found[1]) if found else None

    def read(self, rows: Iterable[Any]) -> Rows:
        return doubles.read(rows)

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        # The drivers do not say how many rows several executions changed.
        names = list(dict.fromkeys(re.findall(r":(\w+)", sql)))
        return sum(
            self.change(sql, dict(zip(names, row, strict=True)) if isinstance(row, tuple) else row)
            for row in rows
        )
