"""Every double survives, and summaries kept by merges say what a fold over the points says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import strategies
from locks import another_writer
from runlog import dataframes
from runlog.query.clauses import Comparison, Field
from runlog.query.render import render_clause
from runlog.sqlstore.store import SqlStore
from runlog.store import Store, open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(str(tmp_path_factory.mktemp("metrics") / "runlog.db"))
    yield opened
    opened.close()


def new_run(store: Store) -> str:
    return store.create_run(store.create_experiment(f"e{next(NUMBERS)}")).info.run_id


NUMBERS = iter(range(10**9))


# ----------------------------------------------------------------------------- every double


def told(values):
    """Numbers so that NaN equals NaN and -0.0 is not 0.0."""
    return [repr(float(value)) for value in values]


def ways_to_read(store: SqlStore, run: str, keys: list[str]) -> dict[str, list[str]]:
    """What each way to read says of metrics that have one point each."""
    experiment = store.get_run(run).info.experiment_id
    found = store.search_runs([experiment])[0].data
    summaries = store.get_metric_summary(run)
    frame = dataframes.runs(store.search_run_columns([experiment]))
    return {
        "history": told(store.get_metric_history(run, key)[0].value for key in keys),
        "histories": told(each.values[0] for each in store.histories([run], keys)),
        "run": told(store.get_run(run).data.metrics[key] for key in keys),
        "search": told(found.metrics[key] for key in keys),
        "points": told(point.value for point in found.metric_points),
        **{
            name: told(getattr(summaries[key], name) for key in keys)
            for name in ("last", "first", "min", "max")
        },
        "numpy": told(dataframes.history(store, run, key).values[0] for key in keys),
        "DataFrame of histories": told(dataframes.histories(store, [run], keys)["value"]),
        "DataFrame of runs": told(frame["metrics." + key][0] for key in keys),
        "views": views(store, run),
    }


def views(store: SqlStore, run: str) -> list[str]:
    """The values as somebody reads them who opens the file: NaN is null there and marked."""
    connection = apsw.Connection(store.db.path, flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        """select m.value, m.is_nan, s.last, s.last_is_nan, s.min, s.max, s.first from metrics m
           join metric_summary s using (run_id, key) where run_id = ? order by key""",
        [run],
    ).fetchall()
    connection.close()
    for value, is_nan, *others in rows:
        assert is_nan == (value is None)
        assert repr(others) == repr([value, is_nan, value, value, value])
    return told(math.nan if value is None else value for value, *_ in rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(strategies.doubles | strategies.floats, min_size=1, max_size=10))
@example([math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324])
@example([2.0**53 + 2, 2.0**63, -(2.0**63), 1e308, 0.1, 1.0, -1.0, 123456789012345680.0])
def test_every_double_survives(store, values):
    run, keys = new_run(store), [f"m{number:02}" for number in range(len(values))]
    store.log(run, [(key, value, 0, 0) for key, value in zip(keys, values, strict=True)])
    for busy in (another_writer(store), nullcontext()):
        with busy:
            for way, found in ways_to_read(store, run, keys).items():
                assert found == told(values), way


@settings(max_examples=60, deadline=None)
@given(strategies.doubles | strategies.floats)
def test_every_double_is_found(store, value):
    run = new_run(store)
    experiment = [store.get_run(run).info.experiment_id]
    store.log_metric(run, "m", value, 0, 0)
    equal = Comparison(Field("metric", "m"), "=", value)
    text = render_clause(equal)
    for busy in (another_writer(store), nullcontext()):
        with busy:
            assert [each.info.run_id for each in store.search_runs(experiment, text)] == [run]
            assert store.search_runs(experiment, f"NOT {text}") == []


# ------------------------------------------------------------------------------- summaries


def comparable(summaries):
    """Summaries so that NaN equals NaN; 0.0 and -0.0 at one moment are one point, either one."""
    return {
        key: [repr(value + 0.0) if isinstance(value, float) else value for _, value in summary]
        for key, summary in summaries.items()
    }


def folded(points):
    """The summaries by a plain fold over the distinct points."""
    by_key = {}
    for point in points:
        by_key.setdefault(point.key, []).append(point)
    return comparable({key: strategies.summary(each) for key, each in by_key.items()})


def histories(store, run):
    return [
        (each.key, time, step, repr(value + 0.0))
        for each in store.histories([run])
        for time, step, value in zip(each.timestamps, each.steps, each.values, strict=True)
    ]


def distinct(points):
    """The points as histories list them, each once."""
    by_moment = {strategies.moment(point): point for point in points}
    ordered = sorted(by_moment.items(), key=lambda item: (item[0][0], item[1].timestamp, item[0]))
    return [(p.key, p.timestamp, p.step, repr(p.value + 0.0)) for _, p in ordered]


def log(store, run, points):
    if len(points) == 1:
        (p,) = points
        store.log_metric(run, p.key, p.value, p.timestamp, p.step)
    else:
        store.log_batch(run, points)


BATCHES = st.lists(
    st.tuples(st.lists(strategies.points(), min_size=1, max_size=6), st.booleans()),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(BATCHES)
def test_a_summary_is_the_fold_over_the_points(store, batches):
    run, logged = new_run(store), []
    for points, merge in batches:
        log(store, run, points)
        logged += points
        with another_writer(store):
            assert comparable(store.get_metric_summary(run)) == folded(logged)
            assert histories(store, run) == distinct(logged)
        if merge:
            assert comparable(store.get_metric_summary(run)) == folded(logged)
            assert histories(store, run) == distinct(logged)


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.randoms(use_true_random=False))
def test_the_order_of_logging_does_not_matter(store, batches, random):
    first, second = new_run(store), new_run(store)
    points = [point for batch, _ in batches for point in batch]
    for batch, merge in batches:
        log(store, first, batch)
        if merge:
            store.get_run(first)
    again = points + random.choices(points, k=3)
    random.shuffle(again)
    for point in again:
        log(store, second, [point])
    found = [comparable(store.get_metric_summary(run)) for run in (first, second)]
    assert found[0] == found[1]
    assert histories(store, first) == histories(store, second)


def rows(store, run, metrics, points):
    """What the tables or views hold of a run, and how many points of any run wait to be merged."""
    connection = apsw.Connection(store.db.path, flags=apsw.SQLITE_OPEN_READONLY)
    number = connection.execute("select id from run where run_id = ?", [run]).fetchall()[0]
    of_run = "(select id from metric where run = ?)"
    found = [
        connection.execute(f"select * from {name} where {column} in {of_run} order by 1, 2, 3, 4",
                           number).fetchall()
        for name, column in ((metrics, "id"), (points, "metric"))
    ]  # fmt: skip
    (recent,) = connection.execute("select count(*) from recent").fetchall()[0]
    connection.close()
    return found, recent


@settings(max_examples=60, deadline=None)
@given(BATCHES)
def test_what_is_live_is_what_a_merge_makes_of_it(store, batches):
    run = new_run(store)
    for points, merge in batches:
        store.log_batch(run, points)
        live, recent = rows(store, run, "live_metric", "live_point")
        assert recent >= len(points)
        if merge:
            store.get_run(run)
            assert rows(store, run, "metric", "point") == (live, 0)
            assert rows(store, run, "live_metric", "live_point") == (live, 0)
