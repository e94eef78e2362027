"""Standing in a store's way, as another program does that has the same file open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from runlog.sqlstore.store import SqlStore


@contextmanager
def another_writer(store: SqlStore) -> Iterator[apsw.Connection]:
    """While it lasts nobody else can write to the store's file. So a read finds the last points
    where logging left them, in the table `recent`: they cannot be merged before it."""
    connection = apsw.Connection(store.db.path)
    try:
        connection.execute("begin immediate")
        yield connection
    finally:
        connection.close()
