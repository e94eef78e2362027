"""Open the store that a command works on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runlog.commands import output

if TYPE_CHECKING:
    from runlog.db.sqlite import Database
    from runlog.sqlstore.store import SqlStore
    from runlog.store import Store


def uri_before_command(context: click.Context | None = None) -> str | None:
    """Return the `--tracking-uri` that was given before the name of the command."""
    context = context or click.get_current_context(silent=True)
    found = context.find_root().params.get("tracking_uri") if context else None
    return None if found is None else str(found)


def whole_uri(uri: str | None) -> str:
    """Return `uri`, else that before the command, else the tracking URI, with its password."""
    from runlog import tracking_uri

    return tracking_uri.with_password(uri or uri_before_command())


def open_store(uri: str | None, create: bool = False) -> Store:
    """Open the store at `uri` or else at the tracking URI. A database is created only with
    `create`, so that a mistyped path is an error and leaves no file behind. Raises NotFound."""
    from runlog import tracking_uri
    from runlog.errors import NotFound

    path = database_path(uri)
    if not create and path is not None and not os.path.lexists(path):
        raise NotFound(
            f"no runs here: {path} does not exist. Log a run first, or name the store with "
            "--tracking-uri or RUNLOG_TRACKING_URI"
        )
    report_new_file(path)
    return tracking_uri.store(uri).synchronous()


def report_new_file(path: str | None) -> None:
    """Report that a database will be created, if none is at `path`: it may be mistyped."""
    if path is not None and not os.path.lexists(path):
        output.report("note", f"{path} is a new file")


def open_database(uri: str | None, create: bool = False) -> SqlStore:
    """Open the store at `uri`. Raises InvalidParameter if it is not a database but a server."""
    from runlog.errors import InvalidParameter
    from runlog.sqlstore.store import SqlStore

    store = open_store(uri, create)
    if not isinstance(store, SqlStore):
        raise InvalidParameter(
            f"{store.uri} is a server: run this command where its database is, with "
            "--tracking-uri FILE. You need not stop the server"
        )
    return store


def is_file(store: SqlStore) -> bool:
    """Return whether a store's database is a file, not one on a server."""
    from runlog.db.sqlite import Database

    return isinstance(store.db, Database)


def file_of(store: SqlStore) -> Database:
    """Return the file of a store that `open_file` gave."""
    from runlog.db.sqlite import Database

    assert isinstance(store.db, Database)
    return store.db


def open_file(uri: str | None) -> SqlStore:
    """Open the store at `uri`. Raises InvalidParameter if it is not a database file."""
    from runlog.errors import InvalidParameter

    store = open_database(uri)
    if not is_file(store):
        raise InvalidParameter(
            f"{store.uri} is on a server: this works on the file of a database only. See "
            "docs/databases.md for what to use instead"
        )
    return store


def close_stores() -> None:
    """Close the stores that a command opened."""
    if "runlog.tracking_uri" in sys.modules:
        from runlog import tracking_uri
        from runlog.errors import RunlogError

        try:
            tracking_uri.close()
        except RunlogError:  # the command itself has succeeded
            pass


def database_path(uri: str | None) -> str | None:
    """Return the database file that a tracking URI names, whether it exists or not; None if the
    URI names no file."""
    from runlog import tracking_uri
    from runlog.errors import InvalidParameter
    from runlog.store_uri import database_file

    try:
        return database_file(tracking_uri.get_tracking_uri() if uri is None else uri)
    except InvalidParameter:
        return None
