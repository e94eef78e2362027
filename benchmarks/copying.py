"""Rows into a table of PostgreSQL, as fast as that goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def copy(connection: Any, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """`table` has its columns in parentheses."""
    with connection.cursor().copy(f"copy {table} from stdin") as target:
        for row in rows:
            target.write_row(row)
