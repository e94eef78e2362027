"""What engines on a server differ in, and what is the same for all of their databases."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from runlog.db import migrations
from runlog.db.base import Rows
from runlog.db.dialect import Phrases
from runlog.errors import InvalidParameter, MissingExtra, StoreUnusable
from runlog.settings import number


class Engine:
    """An engine, such as PostgreSQL: its words, its codes for errors and its drivers."""

    path: str  # the URI without user, password and options
    url: Any  # SQLAlchemy's
    dialect: Any  # SQLAlchemy's
    nan: float | str = math.nan

    # -- what engines differ in -------------------------------------------------------------

    title: ClassVar[str]
    driver: ClassVar[str]  # where a URI names none
    extra: ClassVar[str]
    schema: ClassVar[str]  # the file that makes the tables
    PHRASES: ClassVar[Phrases] = ()  # of SQLite's SQL, and the engine's
    BEGIN: ClassVar[Sequence[str]]
    ROLLBACK: ClassVar[str] = "rollback"
    BEGIN_READING: ClassVar[Sequence[str]]  # all statements that follow see the same state
    SETTINGS: ClassVar[Sequence[str]] = ()  # of each connection; {seconds} to wait for a lock
    PADS: ClassVar[bool] = False  # whether 'a ' is 'a' to it
    LIKE: ClassVar[str] = "{0} like {1} escape ''"
    ILIKE: ClassVar[str]
    BY_KEY: ClassVar[str] = "order by 1, 2"
    COUNT_ON: ClassVar[str] = ""  # for new experiments to have ids beyond those that were given
    LOCK_SCHEMA: ClassVar[str]  # so that one process alone makes or changes the tables
    UNLOCK_SCHEMA: ClassVar[str]
    TABLES: ClassVar[str]  # the names of all tables that are there
    CONFLICTS: ClassVar[frozenset[Any]]  # codes of errors: undone because of other transactions,
    BUSY: ClassVar[frozenset[Any]]  # waited too long for them,
    DENIED: ClassVar[frozenset[Any]]  # not permitted,
    FULL: ClassVar[frozenset[Any]]  # no room,
    GONE: ClassVar[frozenset[Any]]  # the server cannot write now, another one will,
    MISSING: ClassVar[frozenset[Any]]  # a table is not there,
    UNTAKEN: ClassVar[frozenset[Any]]  # a text that it does not take
    GREETING: ClassVar[bytes | None] = None  # what a server that works answers to, without log-in
    READ_ONLY: ClassVar[frozenset[Any]] = frozenset()  # a write in a read-only transaction
    TEXT: ClassVar[str]  # a pattern of what is in quotes
    WRITING: ClassVar[frozenset[str]] = frozenset()  # words that write, where all transactions do

    def code(self, error: Any) -> Any:
        """Return the engine's code for an error of the driver."""
        raise NotImplementedError

    @staticmethod
    def double(value: float) -> Any:
        """Return a metric's value as it is bound."""
        return value

    @staticmethod
    def pattern(like: str) -> str:
        """Return the operand of LIKE as the engine takes it."""
        return like

    def pattern_of_any_case(self, like: str) -> str:
        """Return the operand of ILIKE."""
        return self.pattern(like)

    def phrases(self) -> Phrases:
        """PHRASES, for the server that there is."""
        return self.PHRASES

    def script(self) -> str:
        """Return what makes the tables, for the server that there is."""
        return migrations.schema(self.schema)

    def options(self) -> dict[str, Any]:
        """Return what the driver is told beside what the URI says."""
        return {}

    def timeouts(self, drivers: Sequence[str], *names: str) -> dict[str, Any]:
        """These options of those drivers, set to the seconds for which a call waits, if the URI
        does not say otherwise."""
        if self.url.get_driver_name() not in drivers:
            return {}
        return {name: math.ceil(timeout()) for name in names if name not in self.url.query}

    def bound(self, text: str, arguments: Any) -> tuple[str, Any]:
        """Return a statement and its values as the driver takes them: all that are bound, unless
        the engine takes fewer."""
        return text, arguments

    def quoted(self, word: str) -> str:
        """Return a word of somebody's statement; in quotes if it is a column of the views whose
        name the engine keeps for itself."""
        return word

    def read(self, rows: Iterable[Any]) -> Rows:
        """Return rows as the driver gives them, made tuples of Python's values. Some drivers
        have a class of their own for rows, of which none is equal to a tuple."""
        found = rows if isinstance(rows, list) else list(rows)
        return found if not found or type(found[0]) is tuple else [*map(tuple, found)]

    def damaged(self, cause: str) -> StoreUnusable:
        """Return the error for a database that contradicts itself."""
        return StoreUnusable(f"{self.path} is damaged ({cause}): restore a backup")


def url_of(uri: str, engine: Engine) -> Any:
    alchemy = sqlalchemy_module(engine.extra)
    try:
        url = alchemy.make_url(uri)
    except (ValueError, alchemy.exc.ArgumentError):
        url = None
    if url is None or "@" in (url.host or ""):  # the URI, which may hold a password, is kept out
        raise InvalidParameter(
            f"the tracking URI for {engine.title} cannot be read: write "
            f"{uri.partition(':')[0]}://user:password@host:port/database, and what is special in "
            "the password as %40 for @, %2F for / and so on"
        )
    backend, _, driver = url.drivername.lower().partition("+")
    backend = {"postgres": "postgresql"}.get(backend, backend)
    return url.set(drivername=f"{backend}+{driver or engine.driver}")


def sqlalchemy_module(extra: str = "postgresql") -> Any:
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtra("SQLAlchemy", extra) from error
    return sqlalchemy


def timeout() -> float:
    return max(1.0, number("BUSY_TIMEOUT", least=0))
