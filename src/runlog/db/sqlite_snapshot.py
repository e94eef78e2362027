"""Reading a SQLite file: statements that all see the same state of it."""

from __future__ import annotations

from itertools import islice

import apsw

from runlog.db.sqlite_errors import FAILURES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Protocol

    from runlog.errors import StoreError

    Bindings = Mapping[str, Any]
    Rows = list[tuple[Any, ...]]

    class Database(Protocol):
        """Whose connections read."""

        def take_reader(self) -> apsw.Connection: ...

        def give_back(self, connection: apsw.Connection) -> None: ...

        def translated(self, error: apsw.Error | UnicodeDecodeError) -> StoreError: ...


class Reading:
    """A reader taken for the time of a `with` block, in one transaction."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Snapshot:
        self._connection = self._database.take_reader()
        fetch = Snapshot(self._database, self._connection)
        try:
            fetch("begin")
        except BaseException:
            self._database.give_back(self._connection)
            raise
        return fetch

    def __exit__(self, *_: object) -> None:
        self._database.give_back(self._connection)


class Snapshot:
    """`fetch(sql, bindings)` is the rows of a statement; all statements see the same state."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database, connection: apsw.Connection) -> None:
        self._database = database
        self._connection = connection

    def __call__(self, sql: str, bindings: Bindings | None = None) -> Rows:
        try:
            return self._connection.execute(sql, bindings).fetchall()
        except FAILURES as error:
            raise self._database.translated(error) from error

    def each(self, sql: str, bindings: Bindings) -> Iterator[tuple[Any, ...]]:
        """Yield the rows one by one: for many that are not kept as they are."""
        try:
            yield from self._connection.execute(sql, bindings)
        except FAILURES as error:
            raise self._database.translated(error) from error

    def blob(self, table: str, column: str, row: int, size: int) -> Iterator[bytes]:
        """Return the bytes of a value, `size` of them at a time."""
        try:
            with self._connection.blob_open("main", table, column, row, False) as blob:
                while piece := blob.read(size):
                    yield piece
        except apsw.Error as error:
            raise self._database.translated(error) from error

    def pieces(self, sql: str, bindings: Bindings, size: int) -> Iterator[Rows]:
        """Yield the rows, `size` of them at a time."""
        try:
            cursor = self._connection.execute(sql, bindings)
            while rows := list(islice(cursor, size)):
                yield rows
        except FAILURES as error:
            raise self._database.translated(error) from error
