"""MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from runlog.db import doubles
from runlog.db.base import Bindings, Rows
from runlog.db.dialect import COMPARED, PREFIXES, Phrases
from runlog.db.server import ServerDatabase

_RETURNING = re.compile(r"\s+returning id$")
# What the bytes of a double are as a number: null for NaN and infinities, which it has not.
_PLAIN = (
    "case when {bits} >> 52 = 2047 then null"
    " when {bits} >> 52 = 0 then {sign} * ({bits} & 4503599627370495) * pow(2e0, -1074)"
    " else {sign} * (({bits} & 4503599627370495) + 4503599627370496)"
    " * pow(2e0, cast({bits} >> 52 as signed) - 1075) end"
)
_BITS = (
    "(case when {0} >= x'8000000000000000'"
    " then cast(conv(hex({0}), 16, 10) as unsigned) & 9223372036854775807"
    " else 9223372036854775807 - cast(conv(hex({0}), 16, 10) as unsigned) end)"
)
_SIGN = "(case when {0} >= x'8000000000000000' then 1e0 else -1e0 end)"


class MySQL(ServerDatabase):
    """Keeps tables clustered by their primary keys. Doubles are bytes: see `doubles`."""

    title = "MySQL"
    driver = "pymysql"
    extra = "mysql"
    schema = "db/schemas/mysql.sql"
    PHRASES = (
        (r"(?<![\w:.])(key|schema)\b", r"`\1`"),
        (
            r"json_each\(:ids\) (\w+)",
            r"(select value, number - 1 as `key` from json_table(:ids, '$[*]' columns"
            r" (number for ordinality, value bigint path '$')) numbers) \1",
        ),
        (
            r"json_each\(:(\w+)\) (\w+)",
            r"(select value, number - 1 as `key` from json_table(:\1, '$[*]' columns"
            r" (number for ordinality, value longtext character set utf8mb4"
            r" collate COLLATION path '$')) texts) \2",
        ),
        (r"(?s)^\s*insert into (.*?)\s+on conflict do nothing", r"insert ignore into \1"),
        (r"on conflict \([^)]*\)\s+do update\s+set", "on duplicate key update"),
        (r"\bexcluded\.(\w+)", r"values(\1)"),
        COMPARED,
        (r"\s+returning id$", ""),
        (r" as text\)", " as char)"),
        *PREFIXES,
        (r"\blength\(", "char_length("),
        ("'NaN'", f"x'{doubles.NAN.hex()}'"),
    )
    BEGIN = ("start transaction",)
    BEGIN_READING = (
        "set transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    )
    SETTINGS = (
        # || joins texts, and 0 is an id as any other
        "set session sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_AUTO_VALUE_ON_ZERO'",
        "set session transaction isolation level read committed",
        "set session innodb_lock_wait_timeout = {seconds}",
    )
    ILIKE = "lower({0}) like lower({1}) escape ''"
    LOCK_SCHEMA = "select get_lock(concat('runlog ', md5(database())), 60)"
    UNLOCK_SCHEMA = "select release_lock(concat('runlog ', md5(database())))"
    TABLES = "select table_name from information_schema.tables where table_schema = database()"
    # deadlock, also at commit in a cluster; unique, foreign keys: made or deleted in between
    CONFLICTS = frozenset((1213, 1062, 1451, 1452, 3572))
    BUSY = frozenset((1205, 1040, 1203))
    DENIED = frozenset((1044, 1045, 1142, 1143, 1227, 1370))
    FULL = frozenset((1021, 1114))
    GONE = frozenset((1047, 1290, 1792, 1836))
    MISSING = frozenset((1054, 1146))
    UNTAKEN = frozenset((1366, 1406, 3854))
    READ_ONLY = frozenset((1792,))
    TEXT = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`"
    WRITING = frozenset(("outfile", "dumpfile"))

    GREETING = b""

    double = staticmethod(doubles.sortable)

    def code(self, error: Any) -> Any:
        return error.args[0] if error.args else None

    def quoted(self, word: str) -> str:
        return f"`{word}`" if word in ("key", "schema") else word

    def options(self) -> dict[str, Any]:
        # PyMySQL reads what the server says first with the timeout for statements.
        connecting = self.timeouts(("pymysql", "mysqldb"), "connect_timeout")
        return {"charset": "utf8mb4", **connecting, **self.timeouts(("pymysql",), "read_timeout")}

    def _set_up(self, connection: Any, record: Any) -> None:
        super()._set_up(connection, record)
        if "read_timeout" not in self.url.query and hasattr(connection, "_read_timeout"):
            connection._read_timeout = None

    def read(self, rows: Iterable[Any]) -> Rows:
        return doubles.read(super().read(rows))

    def script(self) -> str:
        def plain(found: re.Match[str]) -> str:
            bits, sign = _BITS.format(found[1]), _SIGN.format(found[1])
            return _PLAIN.format(bits=bits, sign=sign)

        text = super().script().replace("COLLATION", self._collation())
        return re.sub(r"PLAIN\(([\w.]+)\)", plain, text)

    def phrases(self) -> Phrases:
        collation = self._collation()
        return tuple(
            (ours, str(words).replace("COLLATION", collation)) for ours, words in self.PHRASES
        )

    def _collation(self) -> str:
        """Return the collation that compares code points and does not take 'a ' for 'a'."""
        return "utf8mb4_nopad_bin" if self.dialect.is_mariadb else "utf8mb4_0900_bin"

    def rows(self, connection: Any, sql: str, bindings: Bindings | None) -> Rows:
        if not _RETURNING.search(sql):
            return super().rows(connection, sql, bindings)
        cursor = self.cursor_of(connection, sql, bindings)
        return [(cursor.lastrowid,)] if cursor.rowcount else []
