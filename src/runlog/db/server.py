"""A database on a server: SQLAlchemy's URLs and pool, and the driver's own cursors.

Statements are written once, as SQLite takes them, beside the methods that run them. What a server
says otherwise is data of its class, a file each: phrases to be put in another way, how transactions
begin, which errors mean what. Nothing that another process may change is remembered here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Any
from weakref import WeakSet

from runlog.db import READS_ONLY, Unsure, blanks, dialect, migrations
from runlog.db.base import Bindings, Row, Rows
from runlog.db.engine import Engine, sqlalchemy_module, timeout, url_of
from runlog.db.server_errors import LostConnection, first_line, translated
from runlog.db.watchdog import Watchdog
from runlog.errors import (
    InvalidParameter,
    MissingExtra,
    ServerUnreachable,
    StoreError,
    StoreUnusable,
)
from runlog.settings import number

ENGINES = {  # what a URI begins with, before a + and the driver: module and class
    "postgresql": "postgresql.PostgreSQL",
    "postgres": "postgresql.PostgreSQL",
    "mysql": "mysql.MySQL",
    "mariadb": "mysql.MySQL",
    "mssql": "mssql.SQLServer",
}

PACKAGES = {  # of drivers' modules that are called otherwise
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
    "psycopg2": "psycopg2-binary",
}

# The errors by which drivers say that they do not know an option.
_UNKNOWN_OPTION = frozenset(("TypeError", "ConnectionStringParseError"))

_instances: WeakSet[ServerDatabase] = WeakSet()


class ServerDatabase(Engine):
    """A runlog store's database on a server. Threads may share it; a fork begins anew.

    A subclass is an engine. Raises a StoreError in runlog's words whenever it cannot be used, and
    never with a password in it.
    """

    read_only = False

    def __init__(self, uri: str) -> None:
        self.url = url_of(uri, self)
        host = self.url.host or "localhost"
        port = f":{self.url.port}" if self.url.port else ""
        self.path = f"{self.url.get_backend_name()}://{host}{port}/{self.url.database or ''}"
        self.lock = nullcontext()
        self._opened = False
        self._local = threading.local()
        self._watchdog = self._make_watchdog()
        self._engine = self._make_engine()
        self.dialect = self._engine.dialect
        self._failures = (
            self.dialect.loaded_dbapi.Error,
            sqlalchemy_module().exc.SQLAlchemyError,
        )
        _instances.add(self)

    # -- statements -------------------------------------------------------------------------

    def execute(self, sql: str, bindings: Bindings | None = None) -> Rows:
        """Run one statement, in this thread's transaction if one is open, else in its own."""
        open_ones = self._transactions()
        if open_ones:
            return self.rows(open_ones[-1], sql, bindings)
        return self._alone(lambda connection: self.rows(connection, sql, bindings))

    def change(self, sql: str, bindings: Bindings | None = None) -> int:
        """Run one statement that writes, inside a transaction of the caller's, and return how
        many rows it changed."""
        return int(self.cursor_of(self._transactions()[-1], sql, bindings).rowcount)

    def executemany(self, sql: str, rows: Sequence[Bindings | Row]) -> None:
        """Run one statement once for each of `rows`, inside a transaction of the caller's. Rows
        that are tuples have the values in the order of the statement."""
        self.change_many(sql, rows)

    def change_alone(self, sql: str, bindings: Bindings) -> int:
        """Do as `change`, in a transaction of its own."""
        with self.transaction():
            return self.change(sql, bindings)

    def change_many(self, sql: str, rows: Sequence[Bindings | Row]) -> int:
        """Do as `executemany`, and return how many rows were changed."""
        if not rows:
            return 0
        if self.PADS:
            blanks.refuse(self.title, sql, rows)
        connection = self._transactions()[-1]
        text, names = self._translation(sql, isinstance(rows[0], Mapping))
        arguments = [dialect.arguments(row, names) for row in rows]
        cursor = connection.cursor()
        self._wait(connection, lambda: cursor.executemany(text, arguments))
        return int(cursor.rowcount)

    def cursor_of(self, connection: Any, sql: str, bindings: Bindings | None) -> Any:
        if self.PADS and bindings:
            blanks.refuse(self.title, sql, (bindings,))
        text, names = self._translation(sql)
        text, arguments = self.bound(text, dialect.arguments(bindings or {}, names))
        cursor = connection.cursor()
        self._wait(connection, lambda: cursor.execute(text, arguments))
        return cursor

    def _wait(self, connection: Any, call: Callable[[], object]) -> None:
        """Wait for the server, but not for one that does not answer anybody."""
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
                    f"{self.path} has not answered for {timeout():g} s "
                    "(RUNLOG_BUSY_TIMEOUT): what this call wrote may be kept or not"
                ) from error
            raise translated from error

    def _make_watchdog(self) -> Watchdog | None:
        return None if self.GREETING is None else Watchdog(self.GREETING, timeout())

    def rows(self, connection: Any, sql: str, bindings: Bindings | None) -> Rows:
        cursor = self.cursor_of(connection, sql, bindings)
        return self.read(cursor.fetchall()) if cursor.description else []

    @property
    def paramstyle(self) -> str:
        """Return how the driver marks values: qmark, or one that takes %s."""
        return str(self.dialect.paramstyle)

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
                raise InvalidParameter(f"SQL: {first_line(error)}") from error
            raise known from error

    def _alone(self, action: Callable[[Any], Rows]) -> Rows:
        """Run a statement that only reads, as its own transaction; again if its connection, idle
        until now, turns out to be lost."""
        while True:
            connection = self._open_connection()
            try:
                return action(connection)
            except LostConnection:
                continue  # to a new connection, which fails if there is no server
            finally:
                connection.close()

    def _translation(self, sql: str, named: bool = True) -> tuple[str, tuple[str, ...] | None]:
        style = self.dialect.paramstyle
        return dialect.translation(
            self.phrases(), style if named else style.removeprefix("py"), sql
        )

    # -- transactions -----------------------------------------------------------------------
    # Each has a connection of its own from the pool. One that a signal handler begins in the
    # middle of another does not touch that.

    def transaction(self) -> Transaction:
        """Begin a transaction with `with`: its writes are stored together or not at all, when it
        ends. Raises Undone when it was undone by others, Unsure when the server went away while
        it was being kept."""
        return Transaction(self)

    def transaction_if_free(self) -> TransactionIfFree:
        """Begin a transaction with `with`, since writers do not wait for all others here; gives
        that it has begun."""
        return TransactionIfFree(self)

    def reading(self) -> Reading:
        """Read a consistent state in a `with` block, which gets a `Snapshot`."""
        return Reading(self)

    def begun(self, statements: Sequence[str]) -> Any:
        """Return a connection on which a transaction has begun. A connection that was lost while
        nobody used it is noticed here, and another one taken."""
        until = time.monotonic() + timeout()
        while True:
            connection = self._open_connection()
            try:
                for statement in statements:
                    self.cursor_of(connection, statement, None)
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
        """End this thread's transaction."""
        connection = self._transactions().pop()
        if not keep:
            self.give_back(connection)
            return
        try:
            self.cursor_of(connection, "commit", None)
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
        """Roll back what is open on a connection and return it to the pool."""
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
        """Connect now instead of at the first use, so that what is wrong is said here, and make
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
        """Close all connections that nobody uses; the next use connects again."""
        self._engine.dispose()

    def flush(self) -> None:
        """Return when everything committed so far is as safe as the server makes it: it is."""

    def forked(self) -> None:
        """Forget, in the child, the parent's connections without touching them."""
        self._engine.dispose(close=False)
        self._local = threading.local()
        self._watchdog = self._make_watchdog()

    def _make_engine(self) -> Any:
        # The names of MLflow's settings for the same things.
        given = {
            "pool_size": int(number("SQLALCHEMYSTORE_POOL_SIZE", least=0, whole=True)),
            "max_overflow": int(number("SQLALCHEMYSTORE_MAX_OVERFLOW", least=-1, whole=True)),
            "pool_recycle": int(number("SQLALCHEMYSTORE_POOL_RECYCLE", least=-1, whole=True)),
            "pool_timeout": timeout(),
        }
        alchemy = sqlalchemy_module()
        try:
            if self.url.get_dialect().is_async:
                raise InvalidParameter(
                    f"the driver of {self.url.drivername}:// is asynchronous, which does not work "
                    f"here: write {self.url.get_backend_name()}://, and  pip install "
                    f"'runlog-tracking[{self.extra}]'"
                )
            engine = alchemy.create_engine(
                self.url,
                isolation_level="AUTOCOMMIT",  # transactions begin and end in our own words
                pool_reset_on_return=None,
                connect_args=self.options(),
                **given,
            )
        except ImportError as error:
            name = error.name or self.driver
            if self.url.get_driver_name() == self.driver:
                raise MissingExtra(name, self.extra) from error
            raise MissingExtra(name, install=PACKAGES.get(name, name)) from error
        except alchemy.exc.ArgumentError as error:
            raise InvalidParameter(f"tracking URI of {self.path}: {error}") from None
        alchemy.event.listen(engine, "connect", self._set_up)
        alchemy.event.listen(engine, "checkin", self._given_back)
        return engine

    def _given_back(self, _: Any, record: Any) -> None:
        """Close a connection that was in use when the others were closed: they had another pool,
        which nobody asks for it any more."""
        if record.info.get("pool") is not self._engine.pool:
            record.invalidate()

    def _set_up(self, connection: Any, record: Any) -> None:
        record.info["pool"] = self._engine.pool
        cursor = connection.cursor()
        for statement in self.SETTINGS:
            cursor.execute(statement.format(seconds=int(timeout())))
        cursor.close()

    def _open_connection(self) -> Any:
        """Return a connection. While the server of a store that was open before is away, it
        waits."""
        until = time.monotonic() + (timeout() if self._opened else 0)
        while True:
            try:
                return self._engine.raw_connection()
            except self._failures as error:
                translated = self._translated(error, None)
                if not isinstance(translated, LostConnection):
                    raise translated from error
                if time.monotonic() > until:
                    reason = first_line(getattr(error, "orig", None) or error)
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
            for statement in dialect.statements(self.script()):
                self.define(statement)
            self.execute(f"insert into runlog_schema (version) values ({migrations.VERSION})")
        for step in migrations.pending(self._version() or 0):
            step.apply(self)
            self.execute(f"update runlog_schema set version = {step.to}")

    def define(self, statement: str) -> None:
        """Run a statement of the schema's file, which is in the engine's own words."""
        connection = self._transactions()[-1]
        self._wait(connection, lambda: connection.cursor().execute(statement))

    def _version(self) -> int | None:
        """Return the version of the schema that is there. Raises StoreUnusable for a newer one."""
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

    def _translated(self, error: Any, connection: Any) -> StoreError | InvalidParameter:
        known = translated(self, error, connection)
        if isinstance(known, LostConnection):
            self._engine.dispose()  # the others go the same way
        return known

    def forget_files(self, run: int) -> None:
        """Do nothing: these databases hold no files."""


class Transaction:
    __slots__ = ("_database",)

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.enter(self._database.begun(self._database.BEGIN))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._database.leave(keep=kind is None)


class TransactionIfFree(Transaction):
    __slots__ = ()

    def __enter__(self) -> bool:  # type: ignore[override]
        super().__enter__()
        return True


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
        return self._database.rows(self._connection, sql, bindings)

    def each(self, sql: str, bindings: Bindings) -> Iterator[Row]:
        """Yield the rows one by one: for many that are not kept as they are."""
        for rows in self.pieces(sql, bindings, 1000):
            yield from rows

    def pieces(self, sql: str, bindings: Bindings, size: int) -> Iterator[Rows]:
        """Yield the rows, `size` of them at a time."""
        cursor = self._database.cursor_of(self._connection, sql, bindings)
        while rows := cursor.fetchmany(size):
            yield self._database.read(rows)


def database(uri: str) -> ServerDatabase:
    """Return the database behind a URI as SQLAlchemy's users write it. Raises InvalidParameter, and
    MissingExtra without the driver."""
    module, name = ENGINES[uri.partition(":")[0].partition("+")[0].lower()].split(".")
    made: ServerDatabase = getattr(import_module(f"runlog.db.{module}"), name)(uri)
    return made


def _after_fork() -> None:
    for each in list(_instances):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
