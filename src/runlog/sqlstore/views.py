"""The views of a SqlStore, each statement beside the method that runs it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from runlog import validate
from runlog.entities import PARENT_RUN_ID, RUN_NAME, RunInfo, ViewType
from runlog.errors import InvalidParameter, NotFound
from runlog.sqlstore import experiments
from runlog.sqlstore import runs as of_runs
from runlog.sqlstore.ids import json_ids, listed, run_number
from runlog.sqlstore.search import RunQuery, page_of
from runlog.store_parts.views import (
    AGGREGATES,
    MAX_CHILDREN,
    MAX_COMPLETIONS,
    MAX_RUNS,
    MAX_TEXT,
    Activity,
    Changes,
    Completion,
    MetricColumn,
    Overview,
    RunTable,
    Series,
    TextColumn,
    Views,
    check_aggregates,
    check_points,
    thinned,
    within,
)

if TYPE_CHECKING:
    from runlog.db.base import Snapshot
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.metrics import Metrics
    from runlog.sqlstore.rows import Rows

# Up to so many points a series is read whole and thinned in Python. Two statements a bucket, which
# read what they need where it lies, take half the time of that from some thousand points on.
READ_WHOLE = 5_000
MAX_DEPTH = 50  # of runs below runs
WHOLE = {"count", "last_step", "min_step", "max_step"}  # aggregates that are integers


class SqlViews(Views):
    def __init__(self, rows: Rows, metrics: Metrics) -> None:
        self._db, self._rows, self._metrics = rows.db, rows, metrics

    # -- experiments ------------------------------------------------------------------------

    def activity(self, experiment_ids: Sequence[str]) -> list[Activity]:
        numbers = [validate.experiment_id(each) for each in experiment_ids]
        found = {number: Activity(str(number), {}, None) for number in numbers}
        with self._db.reading() as fetch:
            for number, status, count, start, end in fetch(
                """select r.experiment, r.status, count(*), max(r.start_time), max(r.end_time)
                   from json_each(:ids) j cross join run r on r.experiment = j.value
                       and r.lifecycle_stage = 'active'
                   group by r.experiment, r.status""",
                json_ids(found),
            ):
                one = found[number]
                times = [time for time in (start, end, one.last_time) if time is not None]
                found[number] = one._replace(
                    statuses={**one.statuses, status: count}, last_time=max(times, default=None)
                )
        return [found[number] for number in numbers]

    # -- runs -------------------------------------------------------------------------------

    def run_table(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = MAX_RUNS,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        aggregates: Sequence[str] = ("last",),
    ) -> RunTable:
        if not 0 <= max_results <= MAX_RUNS:
            raise InvalidParameter(f"Invalid value {max_results} for max_results: 0 to {MAX_RUNS}")
        check_aggregates(aggregates)
        query = RunQuery(experiment_ids, filter_string, run_view_type, order_by)
        with self._metrics.reading() as (fetch, table, _):
            search = query.search(self._rows, fetch, table)
            ids, token = (
                page_of(search, fetch, max_results, page_token) if max_results else ([], None)
            )
            statuses = search.counts_by(fetch, "r.status")
            if query.clause is None and token is None and not page_token:
                ancestors: list[int] = []  # all are there already
            else:
                ancestors = _ancestors(fetch, ids, query.scope)
            cursor = _cursor(fetch, table, query.scope)
            return self._table(fetch, table, ids, ancestors, aggregates, statuses, cursor, token)

    def table_of(self, run_ids: Sequence[str], aggregates: Sequence[str] = AGGREGATES) -> RunTable:
        check_aggregates(aggregates)
        with self._metrics.reading() as (fetch, table, _):
            ids = [run_number(fetch, run_id) for run_id in run_ids]
            statuses: dict[str, int] = {}
            for info in self._rows.infos(fetch, ids).values():
                statuses[info.status] = statuses.get(info.status, 0) + 1
            cursor = _cursor(fetch, table, f"r.id in ({listed(ids)})")
            return self._table(fetch, table, ids, [], aggregates, statuses, cursor, None)

    def overview(self, run_id: str, children: int = MAX_CHILDREN) -> Overview:
        run = of_runs.get(self._rows, self._metrics, run_id)
        experiment = run.info.experiment_id
        parent = self._parent(run.data.tags.get(PARENT_RUN_ID), experiment)
        below = f"tags.`{PARENT_RUN_ID}` = '{run_id}'"
        return Overview(
            run,
            experiments.get(self._rows, experiment),
            parent,
            self.table_of([run_id]),
            self.run_table([experiment], below, max_results=children),
        )

    def _parent(self, run_id: str | None, experiment: str) -> RunInfo | None:
        """Return the run that a tag names, in this experiment: of others the caller may see
        nothing."""
        try:
            info = of_runs.get(self._rows, self._metrics, run_id).info if run_id else None
        except (NotFound, InvalidParameter):
            return None
        return info if info and info.experiment_id == experiment else None

    def _table(
        self,
        fetch: Snapshot,
        table: str,
        matching: list[int],
        ancestors: list[int],
        aggregates: Sequence[str],
        statuses: dict[str, int],
        cursor: str,
        token: str | None,
    ) -> RunTable:
        ids = [*matching, *ancestors]
        infos: list[RunInfo] = list(self._rows.infos(fetch, ids).values())
        return RunTable(
            infos,
            _metrics(fetch, table, ids, aggregates),
            _text_columns(fetch, "param", ids),
            _text_columns(fetch, "tag", ids),
            len(ancestors),
            sum(statuses.values()),
            statuses,
            _last_logged(fetch, table, ids),
            cursor,
            token,
        )

    def changes(
        self,
        experiment_ids: Sequence[str],
        cursor: str,
        filter_string: str | None = None,
        aggregates: Sequence[str] = ("last",),
        run_ids: Sequence[str] = (),
        keys: Sequence[str] = (),
        after_steps: Sequence[int] = (),
    ) -> Changes:
        check_aggregates(aggregates)
        if not len(run_ids) == len(keys) == len(after_steps):
            raise InvalidParameter("run_ids, keys and after_steps must be equally long")
        query = RunQuery(experiment_ids, filter_string)
        newest, watched = _read_cursor(cursor)
        with self._metrics.reading() as (fetch, table, points):
            now = _cursor(fetch, table, query.scope, watched)
            _, states = _read_cursor(now)
            changed = [run for run, state in states.items() if state != watched.get(run)]
            touched = f"(r.id > {newest} or r.id in ({listed(changed)}))"
            statuses = query.search(self._rows, fetch, table).counts_by(fetch, "r.status")
            search = query.search(self._rows, fetch, table, touched)
            ids = [row[0] for row in search.rows(fetch, MAX_RUNS)]
            cursor = _cursor(fetch, table, query.scope)
            found = self._table(fetch, table, ids, [], aggregates, statuses, cursor, None)
            series = []
            for run_id, key, after in zip(run_ids, keys, after_steps, strict=True):
                for metric, count in _metric_ids(fetch, table, [run_id], [key]).values():
                    rows = _raw(fetch, points, metric, after + 1)
                    if rows:
                        series.append(_series(run_id, key, rows, count, 2000))
        return Changes(found, series)

    def completions(
        self, experiment_ids: Sequence[str], kind: str, key: str = "", text: str = ""
    ) -> list[Completion]:
        numbers = listed(validate.experiment_id(each) for each in experiment_ids)
        runs = f"select id from run where experiment in ({numbers}) and lifecycle_stage = 'active'"
        if kind not in ("metrics", "params", "tags") or (key and kind == "metrics"):
            raise InvalidParameter(
                f"no completions of {kind!r}: ask for the keys of metrics, params or tags, or for "
                "the values of a param or tag"
            )
        if kind == "metrics":
            column = "k.name"
            source = f"metric m join metric_key k on k.id = m.key where m.run in ({runs})"
        else:
            column = "t.value" if key else "t.key"
            source = f"{kind.removesuffix('s')} t where t.run in ({runs})"
            source += " and t.key = :key and length(t.value) <= 250" if key else ""
        with self._db.reading() as fetch:
            rows = fetch(
                f"""select {column}, count(*) from {source}
                        and instr(lower({column}), lower(:text)) > 0
                    group by {column} order by 2 desc, 1 limit {MAX_COMPLETIONS}""",
                {"text": text, "key": key} if key else {"text": text},
            )
        return [Completion(*row) for row in rows]

    # -- series -----------------------------------------------------------------------------

    def series(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        points: int = 1000,
        axis: str = "step",
        start: int | None = None,
        end: int | None = None,
    ) -> list[Series]:
        if axis not in ("step", "time"):
            raise InvalidParameter(f"no axis {axis!r}: it is step or time")
        check_points(points, len(run_ids) * len(keys))
        with self._metrics.reading() as (fetch, table, point_table):
            found = _metric_ids(fetch, table, run_ids, keys)
            by_step = axis == "step"
            return [
                _bucketed(fetch, point_table, run_id, key, metric, count, points, start, end)
                if by_step and count > READ_WHOLE and points < count / 2
                else _series(
                    run_id,
                    key,
                    _raw(fetch, point_table, metric),
                    count,
                    points,
                    axis,
                    start,
                    end,
                )
                for (run_id, key), (metric, count) in found.items()
            ]


# -- columns --------------------------------------------------------------------------------


def _metrics(
    fetch: Snapshot, table: str, ids: list[int], aggregates: Sequence[str]
) -> list[MetricColumn]:
    names: dict[int, str] = dict(fetch("select id, name from metric_key"))
    wanted = [each for each in AGGREGATES if each in aggregates]
    found: dict[int, list[array[Any]]] = {}
    chosen = "".join(f", m.{each}" for each in ["last", *wanted])
    for key, position, *values in fetch.each(
        f"""select m.key, j.key{chosen} from json_each(:ids) j
            cross join {table} m on m.run = j.value where m.count > 0""",
        json_ids(ids),
    ):
        columns = found.get(key)
        if columns is None:
            columns = found[key] = [array("q"), array("d")]
            columns += [array("q" if each in WHOLE else "d") for each in wanted]
        columns[0].append(position)
        for column, value in zip(columns[1:], values, strict=True):
            column.append(float(value) if value.__class__ is str else value)
    table_columns = []
    for key, (runs, last, *others) in found.items():
        given = dict(zip(wanted, others, strict=True))
        table_columns.append(
            MetricColumn(
                names[key],
                len(runs) < len(ids) or len(set(last)) > 1,
                None if len(runs) == len(ids) else runs,
                *(given.get(each) for each in AGGREGATES),
            )
        )
    return sorted(table_columns, key=lambda column: (not column.differs, column.key))


def _last_logged(fetch: Fetch, table: str, ids: list[int]) -> dict[str, int]:
    rows = fetch(
        f"""select r.run_id, max(m.last_timestamp) from json_each(:ids) j
            cross join run r on r.id = j.value and r.status = 'RUNNING'
            cross join {table} m on m.run = r.id where m.count > 0 group by r.run_id""",
        json_ids(ids),
    )
    return dict(rows)


def _text_columns(fetch: Snapshot, table: str, ids: list[int]) -> list[TextColumn]:
    found: dict[str, tuple[array[int], list[str]]] = {}
    for key, position, value in fetch.each(
        f"""select t.key, j.key, t.value from json_each(:ids) j
            cross join {table} t on t.run = j.value and t.key <> '{RUN_NAME}'""",
        json_ids(ids),
    ):
        column = found.get(key)
        if column is None:
            column = found[key] = (array("q"), [])
        column[0].append(position)
        column[1].append(value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…")
    columns = [
        TextColumn(
            key,
            len(runs) < len(ids) or len(set(values)) > 1,
            None if len(runs) == len(ids) else runs,
            values,
        )
        for key, (runs, values) in found.items()
    ]
    return sorted(columns, key=lambda column: (not column.differs, column.key))


def _ancestors(fetch: Fetch, ids: Sequence[int], scope: str) -> list[int]:
    """Return the runs above these which are not among them, the nearest first."""
    known, found, below = set(ids), [], list(ids)
    for _ in range(MAX_DEPTH):
        rows = fetch(
            f"""select distinct r.id from json_each(:ids) j
                cross join tag t on t.run = j.value and t.key = '{PARENT_RUN_ID}'
                join run r on r.run_id = t.value where {scope} order by r.id""",
            json_ids(below),
        )
        below = [number for (number,) in rows if number not in known]
        if not below:
            break
        known.update(below)
        found += below
    return found


# -- cursors --------------------------------------------------------------------------------


def _cursor(fetch: Fetch, table: str, scope: str, also: Iterable[int] = ()) -> str:
    """Return the newest run, and of those that run (and of `also`) a number that grows with what is
    logged: how many points, params and tags it has, and its state."""
    newest = fetch("select max(id) from run")[0][0] or 0
    rows = fetch(
        f"""select r.id, r.status, r.lifecycle_stage, r.name,
                (select coalesce(sum(m.count), 0) from {table} m where m.run = r.id),
                (select count(*) from param p where p.run = r.id),
                (select count(*) from tag t where t.run = r.id)
            from run r where ({scope} and r.status = 'RUNNING') or r.id in ({listed(also)})"""
    )
    states = [[run, " ".join(map(str, state))] for run, *state in rows]
    return json.dumps([newest, states], separators=(",", ":"))


def _read_cursor(cursor: str) -> tuple[int, dict[int, str]]:
    try:
        newest, rows = json.loads(cursor)
        return int(newest), {int(run): str(state) for run, state in rows}
    except (TypeError, ValueError, RecursionError):
        raise InvalidParameter("Invalid cursor: it must be one that a table came with") from None


# -- points ---------------------------------------------------------------------------------


def _metric_ids(
    fetch: Fetch, table: str, run_ids: Sequence[str], keys: Sequence[str]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Row id and number of points, by run and key in the order given."""
    rows = fetch(
        f"""select r.run_id, k.name, m.id, m.count
            from json_each(:runs) jr cross join run r on r.run_id = jr.value
            cross join json_each(:keys) jk on 1 = 1 cross join metric_key k on k.name = jk.value
            cross join {table} m on m.run = r.id and m.key = k.id
            where m.count > 0 order by jk.key, jr.key""",
        {"runs": json.dumps([*run_ids]), "keys": json.dumps([*keys])},
    )
    missing = {*run_ids} - {row[0] for row in rows}
    for run_id in missing:
        validate.run_id(run_id)
        if not fetch("select 1 from run where run_id = :run_id", {"run_id": run_id}):
            raise NotFound(f"Run with id={run_id} not found")
    return {(run_id, key): (metric, count) for run_id, key, metric, count in rows}


def _raw(fetch: Fetch, table: str, metric: int, start: int = -(2**63)) -> list[tuple[Any, ...]]:
    """Return the points from a step on: step, timestamp, value, in that order."""
    return fetch(
        f"""select step, timestamp, value from {table} where metric = :metric and step >= :start
            order by step, timestamp, value""",
        {"metric": metric, "start": start},
    )


def _series(
    run_id: str,
    key: str,
    rows: Sequence[tuple[Any, ...]],
    count: int,
    most: int,
    axis: str = "step",
    start: int | None = None,
    end: int | None = None,
) -> Series:
    numbers = [row for row in rows if not _is_nan(row[2])]
    column = 1 if axis == "time" else 0
    nans = [
        row
        for row in rows
        if _is_nan(row[2])
        and (start is None or start <= row[column])
        and (end is None or row[column] <= end)
    ]
    if axis == "time":
        by_time = sorted((time, step, value) for step, time, value in numbers)
        seen = within(by_time, start, end)
        chosen = [(step, time, value) for time, step, value in thinned(seen, most)]
    else:
        seen = within(numbers, start, end)
        chosen = list(thinned(seen, most))
    return _columns(run_id, key, chosen, count, len(chosen) < len(seen), len(nans), nans[:1])


def _columns(
    run_id: str,
    key: str,
    points: Sequence[tuple[Any, ...]],
    count: int,
    is_thinned: bool,
    nans: int,
    first_nan: Sequence[Sequence[int]],
) -> Series:
    return Series(
        run_id,
        key,
        array("q", [point[0] for point in points]),
        array("q", [point[1] for point in points]),
        array("d", [point[2] for point in points]),
        count,
        is_thinned,
        nans,
        *(first_nan[0][:2] if first_nan else (None, None)),
    )


def _bucketed(
    fetch: Snapshot,
    table: str,
    run_id: str,
    key: str,
    metric: int,
    count: int,
    most: int,
    start: int | None,
    end: int | None,
) -> Series:
    """Return a long series by step, thinned by the database. What is not merged yet lies in no
    order, so it is read once and thinned together with the rest."""
    bindings = {"metric": metric}
    recent = (
        fetch("select distinct step, timestamp, value from recent where metric = :metric", bindings)
        if table != "point"
        else []
    )
    edges = fetch("select min(step), max(step) from point where metric = :metric", bindings)[0]
    steps = [row[0] for row in recent] + [edge for edge in edges if edge is not None]
    low = max(min(steps), min(steps) if start is None else start)
    high = min(max(steps), max(steps) if end is None else end)
    low, high = _beyond(fetch, metric, low, high)
    inside = fetch(
        f"""select count(*) from (select 1 as one from point where metric = :metric
                and step between :low and :high limit {max(most, READ_WHOLE) + 1}) inside""",
        {**bindings, "low": low, "high": high},
    )[0][0]
    if inside <= max(most, READ_WHOLE):
        rows = fetch(
            """select step, timestamp, value from point where metric = :metric
                   and step between :low and :high order by step, timestamp, value""",
            {**bindings, "low": low, "high": high},
        )
        nans = sum(_is_nan(row[2]) for row in rows)
    else:
        rows, nans = _extremes(fetch, metric, low, high, max(1, most // 2 - 1))
    new = {row for row in recent if low <= row[0] <= high}
    numbers = sorted({row for row in (*rows, *new) if not _is_nan(row[2])})
    nans += sum(_is_nan(row[2]) for row in new)
    first = nans and fetch(
        f"""select step, timestamp from {table} where metric = :metric and value = 'NaN'
                and step between :low and :high order by step, timestamp limit 1""",
        {**bindings, "low": low, "high": high},
    )
    was_thinned = inside > len(rows)
    # Buckets that are mostly empty leave fewer points than there may be, more never by much.
    chosen = numbers if was_thinned else thinned(numbers, most)
    is_thinned = was_thinned or len(chosen) < len(numbers)
    return _columns(run_id, key, chosen, count, is_thinned, nans, first or ())


def _beyond(fetch: Fetch, metric: int, low: int, high: int) -> tuple[int, int]:
    """Return the range and the next step on each side of it."""
    before, after = fetch(
        """select (select max(step) from point where metric = :metric and step < :low),
                  (select min(step) from point where metric = :metric and step > :high)""",
        {"metric": metric, "low": low, "high": high},
    )[0]
    return low if before is None else before, high if after is None else after


def _extremes(
    fetch: Fetch, metric: int, low: int, high: int, buckets: int
) -> tuple[list[tuple[Any, ...]], int]:
    """Return the points with the smallest and the greatest value of each bucket, the first and the
    last point, and the number of NaNs."""
    found: set[tuple[Any, ...]] = set()
    inside = "where metric = :metric and step between :low and :high"
    whole = {"metric": metric, "low": low, "high": high}
    for order in ("", " desc"):
        found.update(
            fetch(
                f"""select step, timestamp, value from point {inside} and value < 'NaN'
                    order by step{order}, timestamp{order} limit 1""",
                whole,
            )
        )
    width = high - low + 1
    for bucket in range(buckets):
        for order in ("", " desc"):
            found.update(
                fetch(
                    f"""select step, timestamp, value from point {inside} and value < 'NaN'
                        order by value{order} limit 1""",
                    {
                        "metric": metric,
                        "low": low + width * bucket // buckets,
                        "high": low + width * (bucket + 1) // buckets - 1,
                    },
                )
            )
    nans = fetch(f"select count(*) from point {inside} and value = 'NaN'", whole)[0][0]
    return [*found], nans


def _is_nan(value: Any) -> bool:
    return value.__class__ is str or value != value  # SQLite has it as text
