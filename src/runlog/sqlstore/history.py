"""Parts of a metric's history in SQL: a page of it, and a sample for a chart.

Points lie by step, timestamp, value; a history is ordered by timestamp, step, value. Mostly that is
the same, and a page is read from where it begins. Whether it is, the first page finds out, and its
token tells the next ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlog.entities import Metric, PagedList, metrics_of
from runlog.errors import InvalidParameter
from runlog.query.page_token import decode_token, encode_token
from runlog.sqlstore.ids import json_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from runlog.sqlstore.ids import Fetch

BY_STEP, BY_TIME = "step", "time"
_ORDERS = {BY_STEP: "step, timestamp, value", BY_TIME: "timestamp, step, value"}


def page(
    fetch: Fetch,
    table: str,
    metric: int,
    run_id: str,
    key: str,
    limit: int,
    token: str | None,
    double: Callable[[float], Any],
    times_rise: Callable[[], bool],
) -> PagedList[Metric]:
    """Return `limit` points behind those of the page that `token` is of. `double` is the
    database's; `times_rise` returns whether the times never fall from step to step."""
    bindings: dict[str, Any] = {"metric": metric, "limit": limit + 1}
    behind = ""
    if token:
        order, first, second, value = _position(token)
        bindings.update({"a": first, "b": second, "c": double(value)})
        behind = f"and ({_ORDERS[order]}) > (:a, :b, :c)"
    else:
        order = BY_STEP if times_rise() else BY_TIME
    rows = fetch(
        f"""select timestamp, step, value from {table} where metric = :metric {behind}
            order by {_ORDERS[order]} limit :limit""",
        bindings,
    )
    found = metrics_of(run_id, key, rows[:limit])
    if len(rows) <= limit:
        return PagedList(found)
    time, step, value = rows[limit - 1]
    value = float(value)
    last = (step, time, value) if order == BY_STEP else (time, step, value)
    return PagedList(found, encode_token((order, *last)))


def _position(token: str) -> tuple[Any, ...]:
    values = decode_token(token)
    if (
        len(values) != 4
        or values[0] not in _ORDERS
        or not all(type(each) is int for each in values[1:3])
        or type(values[3]) is not float
    ):
        raise InvalidParameter("Invalid page token: it is not of a metric's history")
    return values


def steps(fetch: Fetch, table: str, metric: int, low: int, high: int, most: int) -> list[int]:
    """Return the different steps between two, `most` at most: one more if there are more."""
    rows = fetch(
        f"""select distinct step from {table}
            where metric = :metric and step between :low and :high order by step limit :most""",
        {"metric": metric, "low": low, "high": high, "most": most + 1},
    )
    return [step for (step,) in rows]


def edges(fetch: Fetch, table: str, metric: int, low: int, high: int) -> list[int]:
    """Return the first and the last step between two, if there are any."""
    found = []
    for direction in ("asc", "desc"):
        found += fetch(
            f"""select step from {table} where metric = :metric and step between :low and :high
                order by step {direction} limit 1""",
            {"metric": metric, "low": low, "high": high},
        )
    return [step for (step,) in found]


def next_points(
    fetch: Fetch, table: str, metric: int, run_id: str, key: str, targets: list[int], high: int
) -> list[Metric]:
    """Return the points at the first step from each of the targets on, none beyond `high`."""
    rows = fetch(
        f"""select distinct p.timestamp, p.step, p.value
            from json_each(:ids) j
            cross join {table} p on p.metric = :metric and p.step =
                (select step from {table} where metric = :metric and step >= j.value
                 order by step limit 1)
            where p.step <= :high order by p.step, p.timestamp, p.value""",
        {"metric": metric, "high": high, **json_ids(targets)},
    )
    return metrics_of(run_id, key, rows)
