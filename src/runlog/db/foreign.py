"""Databases of other tools, to be read: SQLite files, PostgreSQL and MySQL. Nothing is written.

All statements of one reader see the same state of the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import apsw

from runlog.db.sqlite_file import open_uri
from runlog.errors import NotFound, StoreError
from runlog.extras import require

Row = tuple[Any, ...]
_AT_ONCE = 10_000  # rows that a driver fetches


class ForeignDatabase(Protocol):
    """A database that somebody else writes. Raises StoreError when it cannot be read."""

    path: str

    def tables(self) -> Mapping[str, frozenset[str]]:
        """Return the names of the tables, each with those of its columns."""

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return the rows of a statement, with `:name` for values."""

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        """Yield the rows one by one."""

    def close(self) -> None: ...


class SqliteFile:
    """A SQLite file, which may be in use."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        if not os.path.exists(self.path):
            raise NotFound(f"{path} does not exist")
        try:
            self._connection = open_uri(self.path, "mode=ro")
            self._connection.set_busy_timeout(10_000)
            self._connection.execute("begin")
        except apsw.Error as error:
            raise self._error(error) from error

    def tables(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for table, column in self.each(
            "select t.name, c.name from sqlite_schema t, pragma_table_info(t.name) c"
            " where t.type = 'table'"
        ):
            found.setdefault(table, set()).add(column)
        return {name: frozenset(columns) for name, columns in found.items()}

    def rows(self, sql: str, **values: Any) -> list[Row]:
        return list(self.each(sql, **values))

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        try:
            yield from self._connection.execute(sql, values)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._connection.close()

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"{self.path} cannot be read: {error}")


class ServerDatabase:
    """A database on a server, by SQLAlchemy's URL."""

    def __init__(self, url: str) -> None:
        kind = url.partition(":")[0].partition("+")[0]
        is_mysql = kind in ("mysql", "mariadb")
        self._sqlalchemy = (
            require("sqlalchemy", "mysql") if is_mysql else require("sqlalchemy", "postgresql")
        )
        made = self._sqlalchemy.engine.make_url(url)
        if "+" not in made.drivername:
            driver = "mysql+pymysql" if is_mysql else "postgresql+psycopg"
            made = made.set(drivername=driver)
        self.path = made.render_as_string(hide_password=True)
        self._failures = self._sqlalchemy.exc.SQLAlchemyError
        try:
            self._engine = self._sqlalchemy.create_engine(made, isolation_level="REPEATABLE READ")
            self._connection = self._engine.connect()
            if not is_mysql:
                self._connection.execute(self._sqlalchemy.text("set transaction read only"))
        except self._failures as error:
            raise self._error(error) from error

    def tables(self) -> Mapping[str, frozenset[str]]:
        try:
            inspector = self._sqlalchemy.inspect(self._connection)
            return {
                name: frozenset(column["name"] for column in inspector.get_columns(name))
                for name in inspector.get_table_names()
            }
        except self._failures as error:
            raise self._error(error) from error

    def rows(self, sql: str, **values: Any) -> list[Row]:
        return list(self.each(sql, **values))

    def each(self, sql: str, **values: Any) -> Iterator[Row]:
        try:
            result = self._connection.execution_options(yield_per=_AT_ONCE).execute(
                self._sqlalchemy.text(sql), values
            )
            for row in result:
                yield tuple(row)
        except self._failures as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"{self.path} cannot be read: {str(error).splitlines()[0]}")


def open_foreign(uri: str) -> ForeignDatabase:
    """Open the database at a path, `sqlite:///path` or a URL of a server. Raises NotFound,
    StoreError, and MissingExtra without the driver's package."""
    scheme, colon, rest = uri.partition("://")
    if colon and scheme.partition("+")[0] != "sqlite":
        return ServerDatabase(uri)
    return SqliteFile(rest.removeprefix("/") if colon else uri)
