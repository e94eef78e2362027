"""A database on a server: SQLAlchemy's URLs and pool, and the driver's own cursors.

Statements are written once, as SQLite takes them, beside the methods that run them. What a server
says otherwise is data of its class, a file each: phrases to be put in another way, how transactions
begin, which errors mean what. Nothing that another process may change is remembered here.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar
from weakref import WeakSet

from runlog.db import READS_ONLY, Undone, Unsure, blanks, migrations
from runlog.db.watchdog import Watchdog
from runlog.errors import (
    InvalidParameter,
    MissingExtra,
    ServerUnreachable,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnusable,
)
from runlog.settings import number

Bindings = Mapping[str, Any]
Phrases = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]
Row = tuple[Any, ...]
Rows = list[Row]

ENGINES = {  # what a URI begins with, before a + and the driver: module and class
    "postgresql": "postgresql.PostgreSQL",
    "postgres": "postgresql.PostgreSQL",
    "mysql": "mysql.MySQL",
    "mariadb": "mysql.MySQL",
    "mssql": "mssql.SQLServer",
}

# Compared as a whole, what an index is in the order of, where the engine makes no use of it so.
COMPARED = (
    r"\((\w+), (\w+), (\w+)\) > \((:\w+), (:\w+), (:\w+)\)",
    r"(\1 >= \4 and (\1 > \4 or \2 > \5 or (\2 = \5 and \3 > \6)))",
)

# Where an index has the beginnings of all texts, not short texts alone.
PREFIXES = (
    (r"length\((?:o\.)?value\) <= 250", "1 = 1"),
    (r"length\(value\) > 250", "1 = 0"),
)

PACKAGES = {  # of drivers' modules that are called otherwise
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "psycopg2": "psycopg2-binary",
}

# The errors by which drivers say that they do not know an option.
_UNKNOWN_OPTION = frozenset(("TypeError", "ConnectionStringParseError"))
_NAME = re.compile(r"(?<![:\w]):(\w+)")  # :name, but not what follows in a cast ::name
_STATEMENTS = 2000  # whose translations are remembered

_instances: WeakSet[ServerDatabase] = WeakSet()


class LostConnection(Undone):
    """The server went away in the middle of a call of which nothing was kept."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 1.0


class Conflict(Undone):
    """Another transaction was in the way, and the server undid this one."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 0.1


class ServerDatabase:
    """A runlog store's database on a server. Threads may share it; a fork begins anew.

    A subclass is an engine. Raises a StoreError in runlog's words whenever it cannot be used, and
    never with a password in it.
    """

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

    nan: float | str = math.nan
    read_only = False

    def __init__(self, uri: str) -> None:
        self._url = _url(uri, self)
        host = self._url.host or "localhost"
        port = f":{self._url.port}" if self._url.port else ""
        self.path = f"{self._url.get_backend_name()}://{host}{port}/{self._url.database or ''}"
        self.lock = nullcontext()
        self._opened = False
        self._local = threading.local()
        self._watchdog = self._make_watchdog()
        self._engine = self._make_engine()
        self._failures = (
            self._engine.dialect.loaded_dbapi.Error,
            _sqlalchemy().exc.SQLAlchemyError,
        )
        _instances.add(self)

    def code(self, error: Any) -> Any:
        """The engine's code for an error of the driver."""
        raise NotImplementedError

    @staticmethod
    def double(value: float) -> Any:
        """A metric's value as it is bound."""
        return value

    @staticmethod
    def pattern(like: str) -> str:
        """The operand of LIKE as the engine takes it."""
        return like

    def pattern_of_any_case(self, like: str) -> str:
        """The operand of ILIKE."""
        return self.pattern(like)

    def phrases(self) -> Phrases:
        """PHRASES, for the server that there is."""
        return self.PHRASES

    def script(self) -> str:
        """What makes the tables, for the server that there is."""
        return migrations.schema(self.schema)

    def options(self) -> dict[str, Any]:
        """What the driver is told beside what the URI says."""
        return {}

    def timeouts(self, drivers: Sequence[str], *names: str) -> dict[str, Any]:
        """These options of those drivers, set to the seconds for which a call waits, if the URI
        does not say otherwise."""
        if self._url.get_driver_name() not in drivers:
            return {}
        return {name: math.ceil(_patience()) for name in names if name not in self._url.query}

    # -- statements -------------------------------------------------------------------------

    def execute(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Runs one statement, in this thread's transaction if one is open, else in its own."""
        open_ones = self._transactions()
        if open_ones:
            return self._rows(open_ones[-1], sql, bindings)
        return self._alone(lambda connection: self._rows(connection, sql, bindings))

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Runs one statement that writes, inside a transaction of the caller's, and returns how
        many rows it changed."""
        return int(self._cursor(self._transactions()[-1], sql, bindings).rowcount)

    def executemany(self, sql: str, rows: Sequence[Bindings | Row]) -> None:
        """Runs one statement once for each of `rows`, inside a transaction of the caller's. Rows
        that are tuples have the values in the order of the statement."""
        self.change_many(sql, rows)

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        """`executemany` that returns how many rows were changed."""
        if not rows:
            return 0
        if self.PADS:
            blanks.refuse(self.title, sql, rows)
        connection = self._transactions()[-1]
        text, names = self._translation(sql, isinstance(rows[0], Mapping))
        arguments = [_arguments(row, names) for row in rows]
        cursor = connection.cursor()
        self._wait(connection, lambda: cursor.executemany(text, arguments))
        return int(cursor.rowcount)

    def _cursor(self, connection: Any, sql: str, bindings: Bindings | None) -> Any:
        if self.PADS and bindings:
            blanks.refuse(self.title, sql, (bindings,))
        text, names = self._translation(sql)
        text, arguments = self.bound(text, _arguments(bindings or {}, names))
        cursor = connection.cursor()
        self._wait(connection, lambda: cursor.execute(text, arguments))
        return cursor

    def _wait(self, connection: Any, call: Callable[[], object]) -> None:
        """Waits for the server, but not for one that does not answer anybody."""
        if self._watchdog is None:
            watched: Any = nullcontext()
        else:
            watched = self._watchdog.call(connection.dbapi_connection)
        try:
            with watched:
                call()
        except self._failures as error:
            translated = self._translated(error, connection)
            if getattr(watched, "ended", False):
                raise ServerUnreachable(
                    f"{self.path} has not answered for {_patience():g} s "
                    "(RUNLOG_BUSY_TIMEOUT): what this call wrote may be kept or not"
                ) from error
            raise translated from error

    def _make_watchdog(self) -> Watchdog | None:
        return None if self.GREETING is None else Watchdog(self.GREETING, _patience())

    def _rows(self, connection: Any, sql: str, bindings: Bindings | None) -> Rows:
        cursor = self._cursor(connection, sql, bindings)
        return self.read(cursor.fetchall()) if cursor.description else []

    def read(self, rows: Iterable[Any]) -> Rows:
        """Rows as the driver gives them, made tuples of Python's values. Some drivers have a class
        of their own for rows, of which none is equal to a tuple."""
        found = rows if isinstance(rows, list) else list(rows)
        return found if not found or type(found[0]) is tuple else [*map(tuple, found)]

    def bound(self, text: str, arguments: Any) -> tuple[str, Any]:
        """A statement and its values as the driver takes them: all that are bound, unless the
        engine takes fewer."""
        return text, arguments

    @property
    def paramstyle(self) -> str:
        """How the driver marks values: qmark, or one that takes %s."""
        return str(self._engine.dialect.paramstyle)

    def quoted(self, word: str) -> str:
        """A word of somebody's statement; in quotes if it is a column of the views whose name the
        engine keeps for itself."""
        return word

    def ask(self, connection: Any, text: str, arguments: Any) -> Any:
        """Run a statement that somebody typed, in the engine's own words, on a connection, and
        return its cursor. Raises InvalidParameter for one that is wrong or that writes."""
        cursor = connection.cursor()
        try:
            cursor.execute(text, arguments)
            return cursor
        except self._failures as error:
            if self.code(error) in self.READ_ONLY:
                raise InvalidParameter(READS_ONLY) from error
            known = self._translated(error, connection)
            if type(known) in (StoreError, StoreUnusable):  # what it says of the statement
                raise InvalidParameter(f"SQL: {_first_line(error)}") from error
            raise known from error

    def _alone(self, deed: Callable[[Any], Rows]) -> Rows:
        """A statement that only reads, as its own transaction; again if its connection, idle until
        now, turns out to be lost."""
        while True:
            connection = self._connect()
            try:
                return deed(connection)
            except LostConnection:
                continue  # to a new connection, which fails if there is no server
            finally:
                connection.close()

    def _translation(self, sql: str, named: bool = True) -> tuple[str, tuple[str, ...] | None]:
        style = self._engine.dialect.paramstyle
        return _translation(self.phrases(), style if named else style.removeprefix("py"), sql)

    # -- transactions -----------------------------------------------------------------------
    # Each has a connection of its own from the pool. One that a signal handler begins in the
    # middle of another does not touch that.

    def transaction(self) -> Transaction:
        """`with` it: all writes inside are kept together or not at all; they are kept when it
        ends. Raises Undone when it was undone by others, Unsure when the server went away while
        it was being kept."""
        return Transaction(self)

    def reading(self) -> Reading:
        """`with` it: a consistent view for several statements; gives a `Snapshot`."""
        return Reading(self)

    def begun(self, statements: Sequence[str]) -> Any:
        """A connection on which a transaction has begun. A connection that was lost while nobody
        used it is noticed here, and another one taken."""
        until = time.monotonic() + _patience()
        while True:
            connection = self._connect()
            try:
                for statement in statements:
                    self._cursor(connection, statement, None)
                return connection
            except LostConnection:
                connection.close()
                if time.monotonic() > until:
                    raise
            except BaseException:
                self.give_back(connection)
                raise

    def enter(self, connection: Any) -> None:
        self._transactions().append(connection)

    def leave(self, keep: bool) -> None:
        """Ends this thread's transaction."""
        connection = self._transactions().pop()
        if not keep:
            self.give_back(connection)
            return
        try:
            self._cursor(connection, "commit", None)
        except LostConnection as error:
            raise Unsure(
                f"{self.path} went away while it kept something: it may be kept or not"
            ) from error
        except BaseException:
            self.give_back(connection)
            raise
        else:
            connection.close()

    def give_back(self, connection: Any) -> None:
        """Rolls back what is open on a connection and returns it to the pool."""
        try:
            if connection.is_valid:
                cursor = connection.cursor()
                self._wait(connection, lambda: cursor.execute(self.ROLLBACK))
        except StoreError:
            connection.invalidate()
        finally:
            connection.close()

    def _transactions(self) -> list[Any]:
        try:
            found: list[Any] = self._local.transactions
        except AttributeError:
            found = self._local.transactions = []
        return found

    # -- connections ------------------------------------------------------------------------

    def open(self) -> None:
        """Connects now instead of at the first use, so that what is wrong is said here, and makes
        the tables if there are none."""
        if self._opened:
            return
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise
        self._opened = True

    def close(self) -> None:
        """Closes all connections that nobody uses; the next use connects again."""
        self._engine.dispose()

    def flush(self) -> None:
        """Returns when everything committed so far is as safe as the server makes it: it is."""

    def forked(self) -> None:
        """In the child: forgets the parent's connections without touching them."""
        self._engine.dispose(close=False)
        self._local = threading.local()
        self._watchdog = self._make_watchdog()

    def _make_engine(self) -> Any:
        # The names of MLflow's settings for the same things.
        given = {
            "pool_size": int(number("SQLALCHEMYSTORE_POOL_SIZE", least=0, whole=True)),
            "max_overflow": int(number("SQLALCHEMYSTORE_MAX_OVERFLOW", least=-1, whole=True)),
            "pool_recycle": int(number("SQLALCHEMYSTORE_POOL_RECYCLE", least=-1, whole=True)),
            "pool_timeout": _patience(),
        }
        alchemy = _sqlalchemy()
        try:
            if self._url.get_dialect().is_async:
                raise InvalidParameter(
                    f"the driver of {self._url.drivername}:// is asynchronous, which does not work "
                    f"here: write {self._url.get_backend_name()}://, and  pip install "
                    f"'runlog-tracking[{self.extra}]'"
                )
            engine = alchemy.create_engine(
                self._url,
                isolation_level="AUTOCOMMIT",  # transactions begin and end in our own words
                pool_reset_on_return=None,
                connect_args=self.options(),
                **given,
            )
        except ImportError as error:
            name = error.name or self.driver
            if self._url.get_driver_name() == self.driver:
                raise MissingExtra(name, self.extra) from error
            raise MissingExtra(name, install=PACKAGES.get(name, name)) from error
        except alchemy.exc.ArgumentError as error:
            raise InvalidParameter(f"tracking URI of {self.path}: {error}") from None
        alchemy.event.listen(engine, "connect", self._set_up)
        alchemy.event.listen(engine, "checkin", self._given_back)
        return engine

    def _given_back(self, _: Any, record: Any) -> None:
        """Closes a connection that was in use when the others were closed: they had another pool,
        which nobody asks for it any more."""
        if record.info.get("pool") is not self._engine.pool:
            record.invalidate()

    def _set_up(self, connection: Any, record: Any) -> None:
        record.info["pool"] = self._engine.pool
        cursor = connection.cursor()
        for statement in self.SETTINGS:
            cursor.execute(statement.format(seconds=int(_patience())))
        cursor.close()

    def _connect(self) -> Any:
        """A connection. While the server of a store that was open before is away, it waits."""
        until = time.monotonic() + (_patience() if self._opened else 0)
        while True:
            try:
                return self._engine.raw_connection()
            except self._failures as error:
                translated = self._translated(error, None)
                if not isinstance(translated, LostConnection):
                    raise translated from error
                if time.monotonic() > until:
                    reason = _first_line(getattr(error, "orig", None) or error)
                    raise ServerUnreachable(f"cannot connect to {self.path}: {reason}") from error
            except Exception as error:
                if type(error).__name__ not in _UNKNOWN_OPTION:
                    raise
                said = " ".join(str(error).split())
                raise InvalidParameter(f"options in the URI of {self.path}: {said}") from error
            time.sleep(0.2)

    # -- the schema -------------------------------------------------------------------------

    def _prepare(self) -> None:
        if self._version() == migrations.VERSION:
            return
        with self.transaction():
            self.execute(self.LOCK_SCHEMA)
            try:
                self._bring_up_to_date()
            finally:
                if self.UNLOCK_SCHEMA:
                    self.execute(self.UNLOCK_SCHEMA)

    def _bring_up_to_date(self) -> None:
        if self._version() is None:
            self._refuse_strangers()
            for statement in statements(self.script()):
                self._define(statement)
            self.execute(f"insert into runlog_schema (version) values ({migrations.VERSION})")
        for step in migrations.pending(self._version() or 0):
            step.apply(self)
            self.execute(f"update runlog_schema set version = {step.to}")

    def _define(self, statement: str) -> None:
        """Runs a statement of the schema's file, which is in the engine's own words."""
        connection = self._transactions()[-1]
        self._wait(connection, lambda: connection.cursor().execute(statement))

    def _version(self) -> int | None:
        """The version of the schema that is there. Raises StoreUnusable for a newer one."""
        if ("runlog_schema",) not in self.execute(self.TABLES):
            return None
        rows = self.execute("select version from runlog_schema")
        version = int(rows[0][0]) if rows else None
        if version is not None and version > migrations.VERSION:
            raise StoreUnusable(
                f"{self.path} was written by a newer runlog (schema {version}, this one knows "
                f"{migrations.VERSION}): upgrade with  pip install -U runlog-tracking"
            )
        return version

    def _refuse_strangers(self) -> None:
        tables = {name for (name,) in self.execute(self.TABLES)}
        if {"alembic_version", "experiments"} <= tables:
            raise StoreUnusable(
                f"{self.path} is MLflow's own database, which runlog does not write to: make "
                "another one for it"
            )
        taken = sorted(tables & {"experiment", "run", "metric", "point"})
        if taken and "runlog_schema" not in tables:
            raise StoreUnusable(
                f"{self.path} has tables of another program ({', '.join(taken)}): make a database "
                "of its own for runlog"
            )

    # -- errors -----------------------------------------------------------------------------

    def damaged(self, cause: str) -> StoreUnusable:
        """The error for a database that contradicts itself."""
        return StoreUnusable(f"{self.path} is damaged ({cause}): restore a backup")

    def _translated(self, error: Any, connection: Any) -> StoreError | InvalidParameter:
        cause = getattr(error, "orig", None) or error
        code, said = self.code(cause), _first_line(cause)
        if isinstance(error, _sqlalchemy().exc.TimeoutError):
            return StoreBusy(
                f"all connections to {self.path} are in use: raise "
                "RUNLOG_SQLALCHEMYSTORE_POOL_SIZE, or RUNLOG_SQLALCHEMYSTORE_MAX_OVERFLOW"
            )
        if code in self.GONE or self._is_lost(cause, connection):
            if connection is not None:
                connection.invalidate()
            self._engine.dispose()  # the others go the same way
            return LostConnection(f"{self.path} went away: {said}")
        if code in self.CONFLICTS:
            return Conflict(f"{self.path}: {said}")
        if code in self.BUSY:
            return StoreBusy(
                f"{self.path} was locked by another transaction for {_patience():g} s, or has too "
                f"many connections: {said}"
            )
        if code in self.DENIED:
            return StoreReadOnly(f"{self.path}: {said}. Look at the user's permissions")
        if code in self.FULL:
            return StoreFull(f"no room left on the disk of {self.path}: {said}")
        if code in self.MISSING:
            return self.damaged(said)
        if code in self.UNTAKEN:
            return InvalidParameter(f"{self.title} cannot keep this text: {said}")
        return StoreError(f"{self.path}: {said}")

    def _is_lost(self, error: Any, connection: Any) -> bool:
        dialect = self._engine.dialect
        if connection is None:  # it did not come to one
            return isinstance(error, dialect.loaded_dbapi.OperationalError)
        driver = connection.dbapi_connection
        return driver is None or bool(dialect.is_disconnect(error, driver, None))

    def forget_files(self, run: int) -> None:
        """No files are kept in here."""


class Transaction:
    __slots__ = ("_database",)

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.enter(self._database.begun(self._database.BEGIN))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._database.leave(keep=kind is None)


class Reading:
    __slots__ = ("_connection", "_database")

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def __enter__(self) -> Snapshot:
        self._connection = self._database.begun(self._database.BEGIN_READING)
        return Snapshot(self._database, self._connection)

    def __exit__(self, *_: object) -> None:
        self._database.give_back(self._connection)


class Snapshot:
    """`fetch(sql, bindings)` is the rows of a statement; all statements see the same state."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: ServerDatabase, connection: Any) -> None:
        self._database = database
        self._connection = connection

    def __call__(self, sql: str, bindings: Bindings | None = None) -> Rows:
        return self._database._rows(self._connection, sql, bindings)

    def each(self, sql: str, bindings: Bindings) -> Iterator[Row]:
        """The rows one by one: for many that are not kept as they are."""
        for rows in self.pieces(sql, bindings, 1000):
            yield from rows

    def pieces(self, sql: str, bindings: Bindings, size: int) -> Iterator[Rows]:
        """The rows, `size` of them at a time."""
        cursor = self._database._cursor(self._connection, sql, bindings)
        while rows := cursor.fetchmany(size):
            yield self._database.read(rows)


def database(uri: str) -> ServerDatabase:
    """The database behind a URI as SQLAlchemy's users write it. Raises InvalidParameter, and
    MissingExtra without the driver."""
    module, name = ENGINES[uri.partition(":")[0].partition("+")[0].lower()].split(".")
    made: ServerDatabase = getattr(import_module(f"runlog.db.{module}"), name)(uri)
    return made


def statements(script: str) -> list[str]:
    """The statements of a schema's file: each ends with a semicolon at the end of a line."""
    plain = re.sub(r"--[^\n]*", "", script)
    return [each.strip() for each in re.split(r";\s*\n", plain + "\n") if each.strip()]


@lru_cache(_STATEMENTS)
def _translation(phrases: Phrases, style: str, sql: str) -> tuple[str, tuple[str, ...] | None]:
    """A statement in the engine's words, with the driver's marks for values; the names of the
    values in their order if the driver wants them so."""
    for pattern, replacement in phrases:
        sql = re.sub(pattern, replacement, sql)
    if style in ("pyformat", "format"):
        sql = sql.replace("%", "%%")
    if style == "pyformat":
        return _NAME.sub(r"%(\1)s", sql), None
    names = tuple(_NAME.findall(sql))
    return _NAME.sub("?" if style == "qmark" else "%s", sql), names


def _arguments(row: Bindings | Row, names: tuple[str, ...] | None) -> Any:
    if names is None or not isinstance(row, Mapping):
        return row
    return tuple(row[name] for name in names)


def _url(uri: str, engine: ServerDatabase) -> Any:
    alchemy = _sqlalchemy(engine.extra)
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


def _sqlalchemy(extra: str = "postgresql") -> Any:
    try:
        import sqlalchemy
    except ImportError as error:
        raise MissingExtra("SQLAlchemy", extra) from error
    return sqlalchemy


def _patience() -> float:
    return max(1.0, number("BUSY_TIMEOUT", least=0))


def _first_line(error: Any) -> str:
    said = error.args[-1] if getattr(error, "args", ()) else error  # MySQL's have a number first
    return next(iter(str(said).strip().splitlines()), type(error).__name__)


def _after_fork() -> None:
    for each in list(_instances):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
