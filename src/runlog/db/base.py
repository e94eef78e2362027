"""What the SQL store asks of a database, whichever engine it is.

`db.sqlite` and `db.server` are such databases. Statements are written as SQLite takes them, with
`:name` for a value; an engine on a server puts them in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from runlog.errors import StoreUnusable

Bindings = Mapping[str, Any]
Row = tuple[Any, ...]
Rows = list[Row]


class Snapshot(Protocol):
    """Reads a database as it is at one moment: all statements see the same state."""

    def __call__(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Return the rows of a statement."""

    def each(self, sql: str, bindings: Bindings) -> Iterator[Row]:
        """Yield the rows one by one, for many that do not stay in memory."""

    def pieces(self, sql: str, bindings: Bindings, size: int) -> Iterator[Rows]:
        """Yield the rows in lists of `size`."""


class Database(Protocol):
    """A database with the tables of `schema.sql`. Threads may share it.

    Every method raises a StoreError, with the path and the cause, when the database cannot be
    used.
    """

    @property
    def nan(self) -> float | str:
        """NaN as a statement's value."""

    @property
    def LIKE(self) -> str:
        """LIKE, case-sensitive: a text for `format` with the value and the operand."""

    @property
    def ILIKE(self) -> str:
        """ILIKE, in the same way."""

    @property
    def BY_KEY(self) -> str:
        """Return the `order by` of rows that should come by their first two columns."""

    @property
    def COUNT_ON(self) -> str:
        """Return a statement after which new ids of experiments go on behind those that are
        there."""

    @property
    def path(self) -> str:
        """Return the file's path, or the URI of a database on a server, without a password."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held by a thread that writes and remembers what it wrote."""

    @property
    def read_only(self) -> bool:
        """Return whether nothing can be written."""

    # -- what engines differ in -------------------------------------------------------------

    def double(self, value: float) -> Any:
        """Return a metric's value as it is bound."""

    def pattern(self, like: str) -> str:
        """Return the operand of `LIKE` for a pattern with % and _."""

    def pattern_of_any_case(self, like: str) -> str:
        """Return the operand of `ILIKE` for a pattern with % and _."""

    # -- statements -------------------------------------------------------------------------

    def execute(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Run one statement, in this thread's transaction if one is open, else in its own, and
        return its rows."""

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Run one statement that writes, inside a transaction, and return how many rows it
        changed."""

    def change_alone(self, sql: str, bindings: Bindings) -> int:
        """Run one statement that writes as a transaction of its own, and return how many rows it
        changed. The caller holds `lock`."""

    def executemany(self, sql: str, rows: Sequence[Bindings | Row]) -> None:
        """Run one statement once for each of `rows`, inside a transaction. Rows that are tuples
        have the values in the order of the statement."""

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        """Do as `executemany`, and return how many rows were changed."""

    # -- transactions -----------------------------------------------------------------------

    def transaction(self) -> AbstractContextManager[None]:
        """Begin a transaction with `with`: what is written inside is stored together or not at
        all, and it is stored when the block ends. Raises `Undone` when the database undid it, and
        `Unsure` when a server went away during the commit."""

    def transaction_if_free(self) -> AbstractContextManager[bool]:
        """Begin a transaction with `with`, unless it would have to wait for another writer; gives
        whether it began."""

    def reading(self) -> AbstractContextManager[Snapshot]:
        """Read a consistent state in a `with` block."""

    # -- the whole database -----------------------------------------------------------------

    def open(self) -> None:
        """Connect now instead of at the first use, and make the tables if there are none."""

    def flush(self) -> None:
        """Return when everything that was committed so far is on the disk."""

    def close(self) -> None:
        """Close all connections; the next use opens them again."""

    def forget_files(self, run: int) -> None:
        """Delete the files of a run that are inside the database, inside a transaction."""

    def damaged(self, cause: str) -> StoreUnusable:
        """Return the error for a database that contradicts itself."""
