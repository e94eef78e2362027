"""Metrics in a database on a server: points and summaries are written in one transaction.

A server writes a record for each row where SQLite writes a page, and its clients see what others
do at once: so there is nothing to merge, and all statements read `metric` and `point`.
"""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from runlog import validate
from runlog.db import Undone
from runlog.sqlstore.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlog.store import Point

# Each condition holds again when the columns that it names already have the new values, and those
# are set from the least significant on: MySQL sets columns one after the other.
_LATER = """(count = 0 or :last_step > last_step or (:last_step = last_step and
    (:last_timestamp > last_timestamp or (:last_timestamp = last_timestamp and :last >= last))))"""
_EARLIER = """(count = 0 or :first_step < first_step or (:first_step = first_step and
    (:first_timestamp < first_timestamp
     or (:first_timestamp = first_timestamp and :first <= first))))"""
_LOWER = "(count = 0 or :min < min or (:min = min and :min_step <= min_step))"
_HIGHER = """(count = 0 or (:max = 'NaN' and max = 'NaN' and :max_step <= max_step)
    or (:max < 'NaN' and (max = 'NaN' or :max > max or (:max = max and :max_step <= max_step))))"""
_SETS = [
    (_LATER, ("last", "last_timestamp", "last_step")),
    (_EARLIER, ("first", "first_timestamp", "first_step")),
    (_LOWER, ("min_step", "min")),
    (_HIGHER, ("max_step", "max")),
]
_SUMMARY = ", ".join(
    f"{column} = case when {condition} then :{column} else {column} end"
    for condition, columns in _SETS
    for column in columns
)


class DirectMetrics(Metrics):
    """The points and summaries of a database on a server."""

    TABLES = ("point",)

    def append_point(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> bool:
        return False  # a transaction as any other

    def append(self, run: int, points: Sequence[Point], metrics: dict[str, int]) -> dict[str, int]:
        new = {point[0] for point in points if type(point[0]) is str} - metrics.keys()
        if new:
            metrics.update(self._made(run, new))
        rows = self.rows_of(run, points, metrics)
        rows.sort(key=itemgetter(0, 1, 2))  # who writes the same waits for one another in turn
        double = self.db.double
        added = self.db.change_many(
            """insert into point (metric, step, timestamp, value)
               values (:metric, :step, :timestamp, :value) on conflict do nothing""",
            [(metric, step, time, double(value)) for metric, step, time, value in rows],
        )
        self._summarise(rows, recount=added < len(rows))
        return metrics

    def _summarise(self, rows: list[tuple[int, int, int, float]], recount: bool) -> None:
        """Bring the summaries up to date with points that were added, by metric."""
        summaries = [
            _summary(metric, list(group)) for metric, group in groupby(rows, key=itemgetter(0))
        ]
        double = self.db.double
        for each in summaries:
            each.update({name: double(each[name]) for name in ("last", "first", "min", "max")})
        found = self.db.change_many(
            f"update metric set {_SUMMARY}, count = count + :count where id = :id", summaries
        )
        if found < len(summaries):
            self.known.clear()
            raise Undone("a run was deleted for good while it was logged to")
        if recount:  # some were there already
            self.db.executemany(
                """update metric set count = (select count(*) from point where metric = metric.id)
                   where id = :id""",
                [{"id": each["id"]} for each in summaries],
            )

    def metric_id(self, run: int, key: str) -> int:
        return self._made(run, {key})[validate.key(key, "metric")]

    def _made(self, run: int, keys: set[str]) -> dict[str, int]:
        """Return the ids of the run's metrics of these keys, by key, those that are new made."""
        names = sorted(validate.key(each, "metric") for each in keys)
        bindings = {"run": run, "names": json.dumps(names)}
        find = """select k.name, m.id from json_each(:names) j
                  join metric_key k on k.name = j.value
                  join metric m on m.key = k.id and m.run = :run"""
        found: dict[str, int] = dict(self.db.execute(find, bindings))
        new = [name for name in names if name not in found]
        if not new:
            return found
        self.db.executemany(
            "insert into metric_key (name) values (:name) on conflict do nothing",
            [{"name": name} for name in new],
        )
        self.db.execute(
            """insert into metric (run, key)
               select :run, k.id from json_each(:names) j join metric_key k on k.name = j.value
               where 1 = 1 order by k.id on conflict do nothing""",
            bindings,
        )
        return dict(self.db.execute(find, bindings))

    # -- there is nothing to merge ----------------------------------------------------------

    def run_ended(self) -> None:
        pass

    def closing(self) -> None:
        self.known.clear()

    def merge_if_worth(self, metrics: int) -> None:
        pass

    def merge(self, wait: bool = True) -> None:
        pass

    def reading(self) -> Any:
        return _Whole(self.db.reading())

    def times_rise(self, fetch: Any, table: str, metric: int) -> bool:
        # Overrides what would carry a whole column from the server.
        falls = fetch(
            f"""select 1 from (
                    select timestamp,
                           lag(timestamp) over (order by step, timestamp, value) as previous
                    from {table} where metric = :metric) falls
                where timestamp < previous limit 1""",
            {"metric": metric},
        )
        return not falls


class _Whole:
    """`with` it: gives fetch, the table of summaries and the table of points."""

    def __init__(self, reading: Any) -> None:
        self._reading = reading

    def __enter__(self) -> tuple[Any, str, str]:
        return self._reading.__enter__(), "metric", "point"

    def __exit__(self, *error: object) -> None:
        self._reading.__exit__(*error)


def _summary(metric: int, rows: list[tuple[int, int, int, float]]) -> dict[str, Any]:
    """Return what the points of a metric say of it."""
    last = first = low = high = rows[0]
    if len(rows) > 1:
        last = max(rows, key=_time_order)
        first = min(rows, key=_time_order)
        low = min(rows, key=lambda row: (*_rank(row[3]), row[1]))
        numbers = [row for row in rows if row[3] == row[3]]
        high = max(numbers, key=lambda row: (row[3], -row[1])) if numbers else first
    return {
        "id": metric, "count": len(rows),
        "last": last[3], "last_step": last[1], "last_timestamp": last[2],
        "first": first[3], "first_step": first[1], "first_timestamp": first[2],
        "min": low[3], "min_step": low[1],
        "max": high[3], "max_step": high[1],
    }  # fmt: skip


def _time_order(row: tuple[int, int, int, float]) -> tuple[Any, ...]:
    return row[1], row[2], *_rank(row[3])


def _rank(value: float) -> tuple[bool, float]:
    """Return where a value comes among others: NaN after all."""
    return (False, value) if value == value else (True, 0.0)
