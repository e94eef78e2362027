"""Metrics: how points are stored in a SQLite file and read.

A call appends its points to `recent`; a merge moves them in bulk into `point` and brings the
summaries in `metric` up to date. It runs after some thousand points, when a run with many ends,
and before a read if no other writer is in the way; a read that finds points unmerged still reads
the `live_` views instead, which say the same more slowly.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from runlog import validate
from runlog.entities import Metric, MetricSummary, PagedList, metrics_of
from runlog.errors import StoreError
from runlog.sqlstore.ids import active_run, run_number
from runlog.store import History, sampled_range, spread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from runlog.db.base import Database, Snapshot
    from runlog.sqlstore.ids import Fetch
    from runlog.store import Point

# A merge writes at least a page for each metric that has new points: it pays when there are many
# of each. The room that unmerged points took stays in the file, so there must not be too many.
MERGE_EACH = 128  # points of each of a run's metrics,
MERGE_LEAST, MERGE_MOST = 4096, 16384  # within these bounds in all
MERGE_AT_END = 1000  # of a run: a few points of a short run can wait for those of the next

KNOWN_RUNS = 1000  # whose metric ids are remembered: a script has one run, a server many

POINTS_AT_ONCE = 500  # fewer than make the garbage collector look: half the time of 50,000

_SMALL = 2**62


class Metrics:
    """The points and summaries of a database. The caller holds `db.lock` to append."""

    TABLES: tuple[str, ...] = ("point", "recent")

    def __init__(self, db: Database) -> None:
        self.db = db
        # By run id: the run's row, and its metrics' by key. Only what is committed.
        self.known: dict[str, tuple[int, dict[str, int]]] = {}
        self._unmerged = 0

    # -- appending --------------------------------------------------------------------------

    def append_point(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> bool:
        """Append a point of an active run, in one statement that is its own transaction. Return
        False if this process has not logged that metric before, or the run is not active."""
        known = self.known.get(run_id)
        metric = known[1].get(key) if known is not None and type(key) is str else None
        if known is None or metric is None:
            return False
        value = validate.number(key, value)
        appended = self.db.change_alone(
            """insert into recent select :metric, :step, :timestamp, :value
               from run where id = :run and lifecycle_stage = 'active'""",
            {
                "metric": metric,
                "step": validate.integer("step", step),
                "timestamp": validate.timestamp(timestamp),
                "value": self.db.double(value),
                "run": known[0],
            },
        )
        if not appended:  # deleted, or deleted for good and made again
            del self.known[run_id]
            return False
        self._unmerged += 1
        if self._unmerged >= MERGE_LEAST:
            self.merge_if_worth(len(known[1]))
        return True

    def log(self, run_id: str, points: Sequence[Point], log_others: Callable[[int], None]) -> None:
        """Log points to an active run, and what `log_others` logs to the run of that row id, in
        one transaction."""
        with self.db.transaction():
            run = active_run(self.db.execute, run_id)
            log_others(run)
            metrics = self.append(run, points, self.known_metrics(run_id, run)) if points else None
        if metrics is not None:  # committed: what was found may be remembered
            if len(self.known) >= KNOWN_RUNS and run_id not in self.known:
                self.known.clear()
            self.known[run_id] = run, metrics
            self.merge_if_worth(len(metrics))

    def append(self, run: int, points: Sequence[Point], metrics: dict[str, int]) -> dict[str, int]:
        """Append points within a transaction. Return `metrics`, the ids of the run's metrics that
        are known, with those that are new."""
        rows = self.rows_of(run, points, metrics)
        self.db.executemany("insert into recent values (?, ?, ?, ?)", rows)
        self._unmerged += len(rows)
        return metrics

    def known_metrics(self, run_id: str, run: int) -> dict[str, int]:
        """Return the ids of the run's metrics that are known, by key."""
        known = self.known.get(run_id)
        return dict(known[1]) if known is not None and known[0] == run else {}

    def rows_of(
        self, run: int, points: Iterable[Point], metrics: dict[str, int]
    ) -> list[tuple[int, int, int, Any]]:
        """Return the points as rows of metric, step, timestamp, value; add new keys to `metrics`.
        Raises InvalidParameter."""
        rows = []
        nan = self.db.nan
        for key, value, time, step in points:
            metric = metrics.get(key) if type(key) is str else None
            if metric is None:
                metric = metrics[key] = self.metric_id(run, key)
            if type(value) is not float or value != value:
                value = validate.number(key, value)
                value = value if value == value else nan
            # What is plainly right is not sent through a function: this is the loop of all logging.
            if type(step) is not int or not -_SMALL < step < _SMALL:
                step = validate.integer("step", step)
            if type(time) is not int or not 0 <= time < _SMALL:
                time = validate.timestamp(time)
            rows.append((metric, step, time, value))
        return rows

    def metric_id(self, run: int, key: str) -> int:
        """Return the id of the run's metric, made when it is new: mostly one statement."""
        bindings = {"run": run, "key": validate.key(key, "metric")}
        make = """insert into metric (id, run, key)
                  select (select coalesce(max(id), 0) + 1 from metric), :run, id
                  from metric_key where name = :key on conflict do nothing returning id"""
        found = self.db.execute(make, bindings)
        if not found:
            new = self.db.change(
                "insert into metric_key (name) values (:key) on conflict do nothing", bindings
            )
            find = """select m.id from metric m join metric_key k on k.id = m.key
                      where m.run = :run and k.name = :key"""
            found = self.db.execute(make if new else find, bindings)
        return int(found[0][0])

    def delete(self, run: int) -> None:
        """Delete the run's points, within the caller's transaction."""
        metrics = self.db.execute("select id as metric from metric where run = :run", {"run": run})
        for table in self.TABLES:
            self.db.executemany(
                f"delete from {table} where metric = :metric", [{"metric": id} for (id,) in metrics]
            )

    # -- merging ----------------------------------------------------------------------------

    def run_ended(self) -> None:
        """Merge, as a run has ended, if there is much to merge."""
        if self._unmerged >= MERGE_AT_END:
            self.merge()

    def closing(self) -> None:
        """Merge before the file is closed, if there is anything and nobody is in the way."""
        if self._unmerged:
            self.merge(wait=False)
        self.known.clear()  # another file may be there when it is opened again

    def merge_if_worth(self, metrics: int) -> None:
        """Merge if there is much, for a run with that many metrics."""
        if self._unmerged >= min(max(MERGE_EACH * metrics, MERGE_LEAST), MERGE_MOST):
            self.merge()

    def merge(self, wait: bool = True) -> None:
        """Move all points from `recent` to `point`, and bring the summaries up to date.

        What was logged is safe either way, so a merge that cannot be done now is left for later:
        logging does not fail because of it."""
        try:
            if wait:
                with self.db.transaction():
                    self._merge_now()
            else:
                with self.db.transaction_if_free() as free:
                    if free:
                        self._merge_now()
        except StoreError:
            self._unmerged = 0  # try again after as many points more

    def _merge_now(self) -> None:
        execute, change = self.db.execute, self.db.change
        total = execute("select count(*) from recent")[0][0]
        if not total:
            return
        new = change(
            """insert or ignore into point
               select metric, step, timestamp, value from recent
               order by metric, step, timestamp, value"""
        )
        # One sorted pass over the new points, and for each metric that has some a seek to both
        # ends of its history; the step of an extreme is looked for from its first new step on.
        execute(
            """update metric set
                   count = metric.count + f.count,
                   (last, last_step, last_timestamp) = (
                       select value, step, timestamp from point where metric = metric.id
                       order by step desc, timestamp desc, value desc limit 1),
                   (first, first_step, first_timestamp) = (
                       select value, step, timestamp from point where metric = metric.id
                       order by step, timestamp, value limit 1),
                   min = iif(metric.count = 0 or f.low < metric.min, f.low, metric.min),
                   min_step = case
                       when metric.count > 0 and f.low > metric.min then metric.min_step
                       else (select step from point
                             where metric = metric.id and value = f.low
                                 and step >= iif(metric.count > 0 and f.low = metric.min,
                                                 min(f.step, metric.min_step), f.step)
                             order by step limit 1) end,
                   max = iif(metric.count = 0 or (f.high <> 'NaN'
                       and (f.high > metric.max or metric.max = 'NaN')), f.high, metric.max),
                   max_step = case
                       when metric.count > 0 and metric.max <> 'NaN'
                           and (f.high = 'NaN' or f.high < metric.max) then metric.max_step
                       else (select step from point
                             where metric = metric.id and value = f.high
                                 and step >= iif(metric.count > 0 and f.high = metric.max,
                                                 min(f.step, metric.max_step), f.step)
                             order by step limit 1) end
               from (select metric, count(*) as count, min(step) as step, min(value) as low,
                         coalesce(max(value) filter (where value < 'NaN'), 'NaN') as high
                     from recent group by metric) f
               where f.metric = metric.id"""
        )
        if new != total:  # some were there already: count those metrics again
            execute(
                """update metric set count = (select count(*) from point where metric = metric.id)
                   where id in (select metric from recent)"""
            )
        execute("delete from recent")
        self._unmerged = 0

    # -- reading ----------------------------------------------------------------------------

    def reading(self) -> _Reading:
        """Return a consistent view, with the tables that hold all summaries and all points."""
        with self.db.reading() as fetch:
            waiting = fetch("select 1 from recent limit 1")
        if waiting:
            self.merge(wait=False)
        return _Reading(self.db.reading())

    def summary(self, run_id: str) -> dict[str, MetricSummary]:
        """Return the summaries of a run's metrics, by key."""
        with self.reading() as (fetch, table, _):
            rows = fetch(
                f"""select k.name, m.count, m.last, m.last_step, m.last_timestamp, m.first,
                           m.first_step, m.min, m.min_step, m.max, m.max_step
                    from {table} m join metric_key k on k.id = m.key
                    where m.run = :run order by k.name""",
                {"run": run_number(fetch, run_id)},
            )
        return {
            key: MetricSummary(
                key, count, float(last), last_step, last_time, float(first), first_step,
                float(low), low_step, float(high), high_step,
            )  # fmt: skip
            for key, count, last, last_step, last_time, first, first_step,
                low, low_step, high, high_step in rows
        }  # fmt: skip

    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None) -> list[History]:
        """Return histories of runs as columns, of these metrics or of all."""
        found = []
        with self.reading() as (fetch, _, points):
            for run_id in run_ids:
                ids: dict[str, int] = dict(
                    fetch(
                        """select k.name, m.id from metric m join metric_key k on k.id = m.key
                           where m.run = :run order by k.name""",
                        {"run": run_number(fetch, run_id)},
                    )
                )
                for key in ids if keys is None else keys:
                    if key in ids:
                        found.append(_history(run_id, key, _pieces(fetch, points, ids[key])))
        return found

    def history(self, run_id: str, key: str) -> list[Metric]:
        """Return all points of a metric, by timestamp, step, value."""
        with self.reading() as (fetch, _, points):
            history: list[Metric] = []
            for _, metric in _metrics_of(fetch, [run_id], key):
                for rows in _pieces(fetch, points, metric):
                    history += metrics_of(run_id, key, rows)
        if not _is_rising([point.timestamp for point in history]):
            history.sort(key=attrgetter("timestamp", "step"))  # values are in order already
        return history

    def page(self, run_id: str, key: str, limit: int, page_token: str | None) -> PagedList[Metric]:
        """Return up to `limit` points of `history`, those behind the page that gave the token."""
        from runlog.sqlstore import history as parts

        with self.reading() as (fetch, _, points):
            for _, metric in _metrics_of(fetch, [run_id], key):
                rise = partial(self.times_rise, fetch, points, metric)
                return parts.page(
                    fetch, points, metric, run_id, key, limit, page_token, self.db.double, rise
                )
        return PagedList()

    def times_rise(self, fetch: Snapshot, table: str, metric: int) -> bool:
        """Return whether the times never fall from step to step, in a third of the time that SQL's
        lag() takes in SQLite."""
        last = 0  # no time is earlier
        for rows in fetch.pieces(
            f"""select timestamp from {table} where metric = :metric
                order by step, timestamp, value""",
            {"metric": metric},
            POINTS_AT_ONCE,
        ):
            times = [last, *(time for (time,) in rows)]
            if not _is_rising(times):
                return False
            last = times[-1]
        return True

    def sample(
        self,
        run_ids: Sequence[str],
        key: str,
        start_step: int | None,
        end_step: int | None,
        max_results: int,
    ) -> list[Metric]:
        """Return histories thinned out for a chart: see `Store.sampled_histories`."""
        from runlog.sqlstore import history as parts

        low, high, limit = sampled_range(start_step, end_step, max_results)
        with self.reading() as (fetch, _, points):
            for run_id in run_ids:
                run_number(fetch, run_id)
            metrics = _metrics_of(fetch, run_ids, key)
            chosen: set[int] = set()
            for _, metric in metrics:
                if len(chosen) <= limit:
                    chosen.update(parts.steps(fetch, points, metric, low, high, limit))
            if len(chosen) > limit:
                ends = [
                    step
                    for _, metric in metrics
                    for step in parts.edges(fetch, points, metric, low, high)
                ]
                chosen = {*spread(min(ends), max(ends), limit), *ends}
            targets = sorted(chosen)
            return [
                point
                for run_id, metric in metrics
                for point in parts.next_points(fetch, points, metric, run_id, key, targets, high)
            ]


def _metrics_of(fetch: Fetch, run_ids: Sequence[str], key: str) -> list[tuple[str, int]]:
    """Run ids and metric ids of those of the runs that have the metric."""
    found: list[tuple[str, int]] = []
    for run_id in run_ids:
        found += fetch(
            """select r.run_id, m.id from metric m join run r on r.id = m.run
               join metric_key k on k.id = m.key
               where r.run_id = :run_id and k.name = :key""",
            {"run_id": run_id, "key": key},
        )
    return found


class _Reading:
    """`with` it: gives fetch, the table of summaries and the table of points."""

    __slots__ = ("_reading",)

    def __init__(self, reading: AbstractContextManager[Snapshot]) -> None:
        self._reading = reading

    def __enter__(self) -> tuple[Snapshot, str, str]:
        fetch = self._reading.__enter__()
        try:
            unmerged = fetch("select 1 from recent limit 1")
        except BaseException:
            self._reading.__exit__(None, None, None)
            raise
        return (fetch, "live_metric", "live_point") if unmerged else (fetch, "metric", "point")

    def __exit__(self, *_: object) -> None:
        self._reading.__exit__(None, None, None)


def _pieces(fetch: Snapshot, table: str, metric: int) -> Iterator[list[tuple[Any, ...]]]:
    """Return a metric's points, some at a time: rows of timestamp, step, value, in the order by
    step, timestamp, value in which they lie."""
    return fetch.pieces(
        f"""select timestamp, step, value from {table} where metric = :metric
            order by step, timestamp, value""",
        {"metric": metric},
        POINTS_AT_ONCE,
    )


def _is_rising(times: list[int]) -> bool:
    """Ordered by step with times that never fall, points are in the order of their times too.
    Python sorts what is sorted in half the time that comparing neighbours takes."""
    return times == sorted(times)


def _history(run_id: str, key: str, pieces: Iterable[list[tuple[Any, ...]]]) -> History:
    """Return the points of `_pieces` as columns, by timestamp, step, value."""
    from array import array

    times, steps, values = array("q"), array("q"), array("d")
    for rows in pieces:
        times.extend([row[0] for row in rows])  # ten times as fast as zip(*rows)
        steps.extend([row[1] for row in rows])
        numbers = [row[2] for row in rows]
        try:
            values.extend(numbers)
        except TypeError:  # a NaN among them; those before it are there now
            del values[len(times) - len(rows) :]
            values.extend(map(float, numbers))
    if not _is_rising(times.tolist()):
        order = sorted(range(len(times)), key=lambda point: (times[point], steps[point]))
        times, steps = array("q", [times[i] for i in order]), array("q", [steps[i] for i in order])
        values = array("d", [values[i] for i in order])
    return History(run_id, key, times, steps, values)
