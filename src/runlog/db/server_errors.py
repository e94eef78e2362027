"""Errors of databases on a server in runlog's words, never with a password in them."""

from __future__ import annotations

from typing import Any

from runlog.db import Undone
from runlog.db.engine import Engine, sqlalchemy_module, timeout
from runlog.errors import InvalidParameter, StoreBusy, StoreError, StoreFull, StoreReadOnly


class LostConnection(Undone):
    """The server went away in the middle of a call of which nothing was kept."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 1.0


class Conflict(Undone):
    """Another transaction was in the way, and the server undid this one."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 0.1


def translated(engine: Engine, error: Any, connection: Any) -> StoreError | InvalidParameter:
    """Return the error that a user gets for one of the driver's, or of SQLAlchemy's, on a
    connection, or on the way to one."""
    cause = getattr(error, "orig", None) or error
    code, said = engine.code(cause), first_line(cause)
    if isinstance(error, sqlalchemy_module().exc.TimeoutError):
        return StoreBusy(
            f"all connections to {engine.path} are in use: raise "
            "RUNLOG_SQLALCHEMYSTORE_POOL_SIZE, or RUNLOG_SQLALCHEMYSTORE_MAX_OVERFLOW"
        )
    if code in engine.GONE or _is_lost(engine, cause, connection):
        if connection is not None:
            connection.invalidate()
        return LostConnection(f"{engine.path} went away: {said}")
    if code in engine.CONFLICTS:
        return Conflict(f"{engine.path}: {said}")
    if code in engine.BUSY:
        return StoreBusy(
            f"{engine.path} was locked by another transaction for {timeout():g} s, or has too "
            f"many connections: {said}"
        )
    if code in engine.DENIED:
        return StoreReadOnly(f"{engine.path}: {said}. Look at the user's permissions")
    if code in engine.FULL:
        return StoreFull(f"no room left on the disk of {engine.path}: {said}")
    if code in engine.MISSING:
        return engine.damaged(said)
    if code in engine.UNTAKEN:
        return InvalidParameter(f"{engine.title} cannot keep this text: {said}")
    return StoreError(f"{engine.path}: {said}")


def _is_lost(engine: Engine, error: Any, connection: Any) -> bool:
    dialect = engine.dialect
    if connection is None:  # it did not come to one
        return isinstance(error, dialect.loaded_dbapi.OperationalError)
    driver = connection.dbapi_connection
    return driver is None or bool(dialect.is_disconnect(error, driver, None))


def first_line(error: Any) -> str:
    said = error.args[-1] if getattr(error, "args", ()) else error  # MySQL's have a number first
    return next(iter(str(said).strip().splitlines()), type(error).__name__)
