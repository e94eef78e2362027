"""SQL that somebody typed, which only reads: a query of a store's file, or a session on it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import apsw

from runlog.db import READS_ONLY
from runlog.db.maintenance import reader
from runlog.db.sqlite import Database
from runlog.errors import InvalidParameter, RunlogError, StoreError

Params = Mapping[str, Any] | Sequence[Any] | None

# What does no harm in a query. Whatever is not named here is refused: writes, attach, transactions.
_READING = frozenset(
    (apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE)
)
_PRAGMAS = frozenset(  # which tell of the schema
    "table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list".split()
)
_PRAGMAS_HERE = _PRAGMAS | frozenset(  # and of the file
    """application_id collation_list compile_options database_list encoding foreign_key_check
    freelist_count function_list integrity_check journal_mode page_count page_size quick_check
    schema_version user_version""".split()
)
# What anybody may read who may read all runs: neither users nor their rights, tokens and actions.
OPEN_TABLES = frozenset(
    """experiment experiment_tag run param tag dataset input input_tag artifact sqlar model
    model_param model_tag model_metric model_link metric_key metric point recent
    registered_model registered_model_tag model_version model_version_tag model_alias
    registered_models registered_model_tags model_versions model_version_tags model_aliases
    fresh_metric live_metric live_point
    experiments experiment_tags runs params tags metrics metric_summary models inputs artifacts
    sqlite_master sqlite_schema json_each json_tree
    pragma_table_info pragma_table_xinfo pragma_table_list pragma_index_list pragma_index_info
    pragma_index_xinfo pragma_foreign_key_list""".split()
)
_STEPS = 20_000  # of SQLite's machine, between two looks at the clock
_ROWS = 50  # fetched between two looks at the memory: at 2 MB a value, 100 MB
_CELL = 40  # bytes of memory that a value takes beside its text
_COMMENT = re.compile(r"--[^\n]*|/\*.*?(\*/|$)", re.DOTALL)


class Limits(NamedTuple):
    """What a query may take that somebody else's server runs: seconds, bytes of memory for its
    result, bytes of a value, and the tables and views that it may read."""

    seconds: float
    memory: int
    value: int
    tables: frozenset[str]


def run(
    database: Database, sql: str, params: Params = None, limits: Limits | None = None
) -> tuple[list[str], list[list[Any]]]:
    """Run one statement that reads, and return the names of its columns and the columns.

    Raises InvalidParameter for a statement that is wrong, that would write, or that is more than
    one, and for a result or a value beyond the limits; RunlogError, DEADLINE_EXCEEDED, for one
    that takes too long.
    """
    if "\0" in sql:
        raise InvalidParameter("SQL: there is a NUL character in the query: leave it out")
    connection = database.take_reader()
    try:
        return _Query(database, connection, limits).run(sql, params)
    finally:
        database.give_back(connection)


class _Query:
    """One query on a connection that others use afterwards."""

    def __init__(
        self, database: Database, connection: apsw.Connection, limits: Limits | None
    ) -> None:
        self._database = database
        self._connection = connection
        self._limits = limits
        self._refused = ""  # what the statement wanted and may not
        self._names: list[str] = []
        self._statements = 0
        self._until = time.monotonic() + limits.seconds if limits else None

    def run(self, sql: str, params: Params) -> tuple[list[str], list[list[Any]]]:
        connection, limits = self._connection, self._limits
        connection.authorizer = self._allow
        # Called now and then, so that Ctrl-C ends a query that takes for ever.
        connection.set_progress_handler(self._is_late, _STEPS)
        most = connection.limit(apsw.SQLITE_LIMIT_LENGTH)
        pattern = connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH)
        try:
            if limits is not None:
                connection.limit(apsw.SQLITE_LIMIT_LENGTH, limits.value)
                connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
            return self._fetch(sql, params)
        except (apsw.Error, UnicodeDecodeError, LookupError, TypeError, OverflowError) as error:
            raise self._translated(error) from error
        finally:
            connection.limit(apsw.SQLITE_LIMIT_LENGTH, most)
            connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, pattern)
            connection.set_progress_handler(None)
            connection.authorizer = None

    def _fetch(self, sql: str, params: Params) -> tuple[list[str], list[list[Any]]]:
        cursor = self._connection.cursor()
        cursor.exec_trace = self._note
        cursor.execute(sql, params, can_cache=False)
        columns: list[list[Any]] = [[] for _ in self._names]
        left = self._limits.memory if self._limits else None
        while rows := list(islice(cursor, _ROWS)):
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
                if left is not None:
                    left -= sum(map(_memory, values))
            if left is not None and left < 0:
                raise apsw.TooBigError
        if not self._names:
            raise InvalidParameter(
                "SQL: there is no query in this text: write one select statement"
            )
        return self._names, columns

    def _note(self, cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
        """Keep the names of the columns, which only here a statement without rows tells, and
        refuse a second statement."""
        if not _COMMENT.sub("", statement).strip("; \t\r\n"):
            return True
        self._statements += 1
        if self._statements > 1:
            raise InvalidParameter("SQL: one statement at a time, so run each by itself")
        self._names = [str(column[0]) for column in cursor.get_description()]
        return True

    def _allow(
        self, action: int, name: str | None, other: str | None, base: str | None, view: str | None
    ) -> int:
        if action == apsw.SQLITE_PRAGMA:
            allowed = name in _PRAGMAS or (
                name in _PRAGMAS_HERE and other is None and self._limits is None
            )
        elif action == apsw.SQLITE_READ and self._limits is not None:
            # Without a column: of a name of the statement's own, or to count rows.
            allowed = not other or name in self._limits.tables
        else:
            allowed = action in _READING
        if not allowed and not self._refused:
            self._refused = name or "?" if action == apsw.SQLITE_READ else READS_ONLY
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    def _is_late(self) -> bool:
        return self._until is not None and time.monotonic() > self._until

    def _translated(self, error: Exception) -> RunlogError:
        if isinstance(error, (apsw.ReadOnlyError, apsw.AuthError)):
            if self._refused in ("", READS_ONLY):
                return InvalidParameter(READS_ONLY)
            return RunlogError(
                f"{self._refused} cannot be read here: for users, their rights and tokens and the "
                "audit log use  runlog users  and  runlog audit,  where the database is",
                "PERMISSION_DENIED",
            )
        if self._limits is not None and isinstance(error, apsw.InterruptError):
            return RunlogError(
                f"the query took longer than {self._limits.seconds:g} s, so it was stopped: ask "
                "for less, or query a copy of the database",
                "DEADLINE_EXCEEDED",
            )
        if self._limits is not None and isinstance(error, (apsw.TooBigError, apsw.NoMemError)):
            return _too_big(self._limits)
        return translated(self._database.path, error)


def _memory(value: Any) -> int:
    return _CELL + len(value) if isinstance(value, (str, bytes)) else _CELL


def _too_big(limits: Limits) -> InvalidParameter:
    return InvalidParameter(
        f"the result is bigger than {limits.memory >> 20} MB, or one of its values than "
        f"{limits.value >> 20} MB: ask for fewer rows, fewer columns, or substr(value, 1, 1000)"
    )


def translated(path: str, error: Exception) -> RunlogError:
    """Return the error for what SQLite or apsw says of somebody's statement."""
    if isinstance(error, (apsw.ReadOnlyError, apsw.AuthError)):
        return InvalidParameter(READS_ONLY)
    if isinstance(error, UnicodeDecodeError):
        return StoreError(f"{path} is damaged: {error}")
    if isinstance(error, KeyError):
        return InvalidParameter(f"SQL: the query has :{error.args[0]}, which params does not give")
    if isinstance(
        error, (apsw.SQLError, apsw.CantOpenError, apsw.BindingsError, TypeError, OverflowError)
    ):
        return InvalidParameter(f"SQL: {error}")
    return StoreError(f"{path}: {error}")


# -- a session ------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What a statement found: the names of its columns, and its rows as they are fetched."""

    names: list[str]
    rows: Iterator[tuple[Any, ...]]


class Reader:
    """A store's file for SQL that somebody typed: everything can be read, nothing written."""

    def __init__(self, path: str) -> None:
        self._database = Database(path)
        self._database.open()
        self.path = self._database.path
        self._connection = reader(self._database)
        self._connection.authorizer = _allow_reading
        # SQLite calls back now and then, so that Ctrl-C ends a statement that takes for ever.
        self._connection.set_progress_handler(lambda: False, 20_000)

    def close(self) -> None:
        self._connection.close()  # first: the last one to close that may write tidies up
        self._database.close()

    def answers(self, sql: str) -> Iterator[Answer]:
        """Run the statements of `sql`, one after the other. Take the rows of an answer before
        the next. Raises InvalidParameter for one that is wrong or that writes."""
        for statement in split(sql):
            yield self._answer(statement)

    def _answer(self, statement: str) -> Answer:
        names: list[str] = []
        cursor = self._connection.cursor()

        def note_names(cursor: apsw.Cursor, statement: str, bindings: apsw.Bindings | None) -> bool:
            # Only here a statement without rows tells its columns.
            names[:] = [str(column[0]) for column in cursor.get_description()]
            return True

        cursor.exec_trace = note_names
        rows = self._translated(lambda: cursor.execute(statement))
        return Answer(names, self._fetch_rows(rows))

    def _fetch_rows(self, cursor: apsw.Cursor) -> Iterator[tuple[Any, ...]]:
        while True:
            row = self._translated(lambda: next(cursor, None))
            if row is None:
                return
            yield row

    def _translated(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (apsw.Error, UnicodeDecodeError) as error:
            raise translated(self._database.path, error) from error

    def names(self) -> list[tuple[Any, ...]]:
        """Return what there is to read: name and kind, the views that are made for it first."""
        return self._connection.execute(
            """select name,
                      iif(type = 'view' and name not glob 'live_*' and name not glob 'fresh_*',
                          'view', 'internal ' || type) as kind
               from sqlite_schema
               where type in ('view', 'table') and name not glob 'sqlite_*'
               order by kind = 'view' desc, kind, name"""
        ).fetchall()

    def columns(self, name: str) -> list[str]:
        """Return the columns of a table or view."""
        rows = self._connection.execute("select name from pragma_table_info(:name)", {"name": name})
        return [column for (column,) in rows]

    def schema(self, name: str | None = None) -> list[str]:
        """Return the statements that made the table or view `name` with its indexes, or all."""
        rows = self._connection.execute(
            """select sql from sqlite_schema
               where sql is not null and (:name is null or lower(tbl_name) = lower(:name))
               order by type = 'view', tbl_name, type = 'index'""",
            {"name": name},
        )
        return [sql + ";" for (sql,) in rows]


def _allow_reading(
    action: int, name: str | None, other: str | None, database: str | None, trigger: str | None
) -> int:
    """Keep `vacuum into` from making a file, which a read-only connection may do: it attaches one
    that does not exist or is empty. Others can be attached, and only be read, too."""
    if action == apsw.SQLITE_ATTACH and not (
        name and os.path.exists(name) and os.stat(name).st_size
    ):
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK


def split(sql: str) -> Iterator[str]:
    """Return the statements in a text, with what ends each; the last may lack its semicolon."""
    begin = 0
    for position, character in enumerate(sql):
        if character == ";" and apsw.complete(sql[begin : position + 1]):
            yield sql[begin : position + 1].strip()
            begin = position + 1
    if sql[begin:].strip():
        yield sql[begin:].strip()


def is_complete(sql: str) -> bool:
    """Return whether the text ends with a whole statement, its semicolon included."""
    return apsw.complete(sql)


VIEWS = (
    "runs experiments params metrics metric_summary tags experiment_tags models inputs artifacts"
).split()


class ServerReader:
    """What `Reader` is, for a store on a server: `ask(statement)` is what it finds, the names of
    its columns and its rows."""

    def __init__(
        self, title: str, ask: Callable[[str], tuple[list[str], Iterator[tuple[Any, ...]]]]
    ) -> None:
        self.path = title
        self._ask = ask

    def close(self) -> None:
        """There is nothing to close."""

    def answers(self, sql: str) -> Iterator[Answer]:
        """Do as `Reader.answers`."""
        return (Answer(*self._ask(statement)) for statement in split(sql))

    def names(self) -> list[tuple[Any, ...]]:
        """Return the views, which every store has."""
        return [(name, "view") for name in VIEWS]

    def columns(self, name: str) -> list[str]:
        """Return the columns of a view or table."""
        return self._ask(f"select * from {name} where 1 = 0")[0]

    def schema(self, name: str | None = None) -> list[str]:
        """Return the view or table `name`, or all views, with their columns."""
        return [f"{each} ({', '.join(self.columns(each))})" for each in ([name] if name else VIEWS)]
