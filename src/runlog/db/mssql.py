"""SQL Server. None can run where runlog is tested: there its statements are parsed, not run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runlog.db import blanks, bulk, doubles
from runlog.db.base import Bindings, Row, Rows
from runlog.db.dialect import COMPARED, PREFIXES
from runlog.db.server import ServerDatabase

_MOST_VALUES = 2_000  # that are bound; SQL Server takes 2,100
_NUMBER = re.compile(r"\((\d+)\) \(SQL")  # of an error, in pyodbc's texts: the first is its cause
# mssql-python says no number: what the server says in English, or else what the driver calls the
# SQLSTATE, tells the errors that matter apart.
_SAID = (
    ("was deadlocked", 1205),
    ("Snapshot isolation transaction aborted due to update conflict", 3960),
    ("Cannot insert duplicate key row", 2601),
    ("Violation of PRIMARY KEY constraint", 2627),
    ("Violation of UNIQUE KEY constraint", 2627),
    ("conflicted with the FOREIGN KEY", 547),
    ("conflicted with the REFERENCE", 547),
    ("Cannot insert the value NULL", 515),
    ("Lock request time out period exceeded", 1222),
    ("waited for another process to make the tables", 51222),
    ("permission was denied", 229),
    ("permission denied in database", 262),
    ("Login failed for user", 18456),
    ("Could not allocate space", 1105),
    ("transaction log for database", 9002),
    ("is participating in an availability group", 976),
    ("because the database is read-only", 3906),
    ("Invalid column name", 207),
    ("Invalid object name", 208),
    ("String or binary data would be truncated", 2628),
    ("Serialization failure", 1205),
    ("Integrity constraint violation", 2627),
    ("Base table or view not found", 208),
    ("Column not found", 207),
    ("String data, right-truncated", 8152),
    ("Invalid authorization specification", 18456),
)

# How a value comes out of a list in JSON: its type there, and what is made of it.
_JSON = {
    int: ("bigint", "{0}"),
    str: ("nvarchar(max)", "{0} collate Latin1_General_100_BIN2"),
    bytes: ("varchar(64)", "convert(varbinary(32), {0}, 2)"),
}

# What the views make of the bytes of a double (null for NaN, infinities and numbers below 2e-308,
# which are none here), and of a time: what is added to a date is an int.
_BITS = (
    "(case when cast({0} as bigint) < 0"
    " then cast({0} as bigint) & cast(0x7FFFFFFFFFFFFFFF as bigint)"
    " else cast(0x7FFFFFFFFFFFFFFF as bigint) - cast({0} as bigint) end)"
)
_PLAIN = (
    "case when {bits} / cast(0x0010000000000000 as bigint) in (0, 2047)"
    " and {bits} <> 0 then null when {bits} = 0 then 0e0 else"
    " case when cast({0} as bigint) < 0 then 1e0 else -1e0 end"
    " * (1e0 + ({bits} & cast(0x000FFFFFFFFFFFFF as bigint)) / 4503599627370496e0)"
    " * power(2e0, {bits} / cast(0x0010000000000000 as bigint) - 1023) end"
)
_TIME = (
    "case when {0} < 253402300800000 then dateadd(millisecond, cast({0} % 86400000 as int),"
    " dateadd(day, cast({0} / 86400000 as int), cast('1970-01-01' as datetime2(3)))) end"
)


def _merge(found: re.Match[str]) -> str:
    """Return an insert that updates the row that is there."""
    table, columns, rows, keys, changes = found.groups()
    given = ", ".join(f"excluded.{each}" for each in columns.split(", "))
    same = " and ".join(f"{table}.{each} = excluded.{each}" for each in keys.split(", "))
    return (
        f"merge into {table} with (holdlock) using ({rows}) as excluded ({columns})"
        f" on {same} when matched then update set {changes}"
        f" when not matched then insert ({columns}) values ({given});"
    )


class SQLServer(ServerDatabase):
    """Doubles are bytes: see `doubles`. The database has to allow snapshot isolation."""

    title = "SQL Server"
    driver = "mssqlpython"
    extra = "mssql"
    PADS = True
    schema = "db/schemas/mssql.sql"
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
            r"insert into (\w+) \(([^)]*)\) (values \([^)]*\)|select .* f)"
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
        (  # nothing is nowhere, says SQL Server, and a blank is nothing
            r"\binstr\(lower\(([^()]*)\), lower\(([^()]*)\)\)",
            r"case when datalength(\2) = 0 then 1 else charindex(lower(\2), lower(\1)) end",
        ),
        (r"\bsubstr\(([^,()]*), (\d+)\)", r"substring(\1, \2, 4000)"),
        (r"\bsubstr\(", "substring("),
        (r"\|\|", "+"),
        *PREFIXES,
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
    LOCK_SCHEMA = (  # what it cannot lock, it says by a number below 0
        "declare @got int; exec @got = sp_getapplock @Resource = 'runlog schema',"
        " @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 60000;"
        " if @got < 0 throw 51222, 'waited for another process to make the tables', 1"
    )
    UNLOCK_SCHEMA = ""
    TABLES = "select name from sys.tables where schema_id = schema_id()"
    # deadlock, snapshot; unique, foreign keys: made or deleted by others in between
    CONFLICTS = frozenset((1205, 3960, 2601, 2627, 547))
    TEXT = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\[[^\]]*\]"
    WRITING = frozenset("insert update delete merge into exec execute".split())
    BUSY = frozenset((1222, 51222))
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
        if error.args and isinstance(error.args[0], int):  # pymssql
            return error.args[0]
        said = str(error)
        found = _NUMBER.search(said)
        if found:
            return int(found[1])
        return next((number for words, number in _SAID if words in said), None)

    def bound(self, text: str, arguments: Any) -> tuple[str, Any]:
        if len(arguments) <= _MOST_VALUES or isinstance(arguments, Mapping):  # pymssql writes them
            return text, arguments
        values = iter(arguments)
        return re.sub(r"\?", lambda _: _literal(next(values)), text), ()

    def read(self, rows: Iterable[Any]) -> Rows:
        return doubles.read(super().read(rows))

    def script(self) -> str:
        text = re.sub(r"TIME\(([\w.]+)\)", lambda found: _TIME.format(found[1]), super().script())
        return re.sub(r"PLAIN\(([\w.]+)\)", lambda found: _plain_column(found[1]), text)

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        """Write all rows in one statement, as one value in JSON: of values there may be 2,100 at
        most."""
        blanks.refuse(self.title, sql, rows)
        made = bulk.statement(sql)
        columns = bulk.columns(rows, made) if len(rows) > 1 else None
        if columns is None:  # the drivers do not say how many rows several executions changed
            return sum(self.change(sql, _by_name(row, made.names)) for row in rows)
        text = made.sql.replace(bulk.ROWS, _rows_of_json(columns))
        values = zip(*map(_json_values, columns.values()), strict=True)
        return self.change(text, {"rows": json.dumps([*values])})


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, str):
        return "N'" + value.replace("'", "''") + "'"
    return repr(+value)


def _plain_column(column: str) -> str:
    return _PLAIN.format(column, bits=_BITS.format(column))


def _by_name(row: Bindings | Row, names: tuple[str, ...]) -> Bindings:
    return dict(zip(names, row, strict=True)) if isinstance(row, tuple) else row


def _rows_of_json(columns: dict[str, list[Any]]) -> str:
    """Return the rows of the value `rows`, a list of lists, as a table `f`."""
    types = {name: _JSON[bulk.type_of(column)] for name, column in columns.items()}
    read = ", ".join(
        f"_{name} {kind} '$[{n}]'" for n, (name, (kind, _)) in enumerate(types.items())
    )
    given = ", ".join(
        f"{made.format('j._' + name)} as _{name}" for name, (_, made) in types.items()
    )
    return f"(select {given} from openjson(:rows) with ({read}) j) f"


def _json_values(column: list[Any]) -> list[Any]:
    if bulk.type_of(column) is bytes:
        return [None if value is None else value.hex() for value in column]
    return column
