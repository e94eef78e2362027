"""SQL queries of those who may read all runs, within limits, so that nobody else has to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from bottle import response

from runlog.db.query import OPEN_TABLES, Limits
from runlog.errors import BadRequest, InvalidParameter, RunlogError
from runlog.sql_results import QueryResult
from runlog.sqlstore.store import SqlStore
from runlog.store import Store

LIMITS = Limits(seconds=20, memory=128 << 20, value=2 << 20, tables=OPEN_TABLES)
MAX_TEXT = 100_000  # characters of a query
AT_ONCE = 2  # queries in a process: the other threads are for those who log
WAIT = 5  # seconds until another query has ended


def handler(store: Store, limits: Limits = LIMITS) -> Callable[[Mapping[str, Any]], QueryResult]:
    """Return what answers the endpoint `sql`."""
    free = threading.BoundedSemaphore(AT_ONCE)

    def answer(given: Mapping[str, Any]) -> QueryResult:
        if not isinstance(store, SqlStore):
            raise BadRequest("this server passes requests on, and takes no SQL")
        if len(given["query"]) > MAX_TEXT:
            raise InvalidParameter(f"SQL: a query has at most {MAX_TEXT} characters")
        if not free.acquire(timeout=WAIT):
            response.set_header("Retry-After", str(WAIT))
            raise RunlogError("too many queries at once: try again", "TEMPORARILY_UNAVAILABLE")
        try:
            return store.sql(given["query"], given["params"], limits)
        finally:
            free.release()

    return answer
