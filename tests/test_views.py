"""Tables, series, changes and completions as pages ask for them."""

from __future__ import annotations

import json
import math
from array import array
from uuid import uuid4

import pytest

from runlog.entities import PARENT_RUN_ID as PARENT
from runlog.errors import InvalidParameter, NotFound
from runlog.protocol import arrays
from runlog.protocol.endpoints import BY_NAME
from runlog.store import Store, open_store
from runlog.store_parts.views import thinned, within

LAST = {"loss": [1.0, 2.0]}
SPIKES = {7: -5.0, 12_345: 99.0, 19_998: -77.0}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def store(request, place, server):
    uri = str(place / "views.db")
    if request.param != "sqlite":
        uri = server(request.param).database("v" + uuid4().hex)
    store = open_store(uri)
    yield store
    store.close()


def run_of(store, params=(), tags=(), **metrics):
    run_id = store.create_run("0", tags=dict(tags)).info.run_id
    points = [
        (key, v, 1000 + i, i) for key, values in metrics.items() for i, v in enumerate(values)
    ]
    store.log(run_id, points, dict(params).items())
    return run_id


def long_run(store, count=20_000):
    return run_of(store, loss=[SPIKES.get(step, math.sin(step / 500)) for step in range(count)])


def answered(name, store, **arguments):
    """The answer of an endpoint, through its row's encoding and back."""
    row = BY_NAME[name]
    return row.answer.read(row.answer.write(row.apply(store, row.arguments(arguments))), "")


def test_an_overview_has_what_stands_around_a_run(store):
    family = run_of(store)
    child = run_of(store, {"lr": "1"}, {PARENT: family}, loss=[3.0, 1.0])
    above, below = (answered("overview", store, run_id=each) for each in (family, child))
    assert (below.run.info.run_id, below.parent.run_id) == (child, family)
    assert below.experiment.name == "Default" and below.children.total == 0
    assert [*below.table.metrics[0].min] == [1.0]
    assert above.children.runs[0].run_id == child and above.parent is None
    assert answered("overview", store, run_id=family, children=0).children.total == 1


@pytest.mark.parametrize("above", ["elsewhere", "f" * 32, "no id"])
def test_an_overview_names_no_parent_of_another_experiment(store, above):
    if above == "elsewhere":
        above = store.create_run(store.create_experiment("other")).info.run_id
    assert answered("overview", store, run_id=run_of(store, tags={PARENT: above})).parent is None


@pytest.mark.parametrize("kind", [arrays.DOUBLES, arrays.PLANES])
def test_columns_of_doubles_are_exact(kind):
    numbers = array("d", [0.1, -0.0, math.inf, 5e-324, -1.7e308, math.nan, 1e16 + 2])
    read = kind.read(json.loads(json.dumps(kind.write(numbers))), "")
    assert read.tobytes() == numbers.tobytes()
    assert not kind.read(kind.write(array("d")), "")


@pytest.mark.parametrize("kind", [arrays.INTEGERS, arrays.DIFFERENCES])
def test_columns_of_integers_are_exact(kind):
    numbers = array("q", [5, 5, -(2**63), 2**63 - 1, 0])
    assert kind.read(json.loads(json.dumps(kind.write(numbers))), "") == numbers


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (arrays.PLANES, "AAAA"),
        (arrays.PLANES, 7),
        (arrays.DIFFERENCES, [1, "x"]),
        (arrays.DIFFERENCES, [2**63, 1]),
        (arrays.DIFFERENCES, 7),
    ],
)
def test_columns_that_cannot_be_read(kind, value):
    with pytest.raises(InvalidParameter, match="it must be"):
        kind.read(value, "values")


def test_a_table_says_what_differs_first(store):
    for lr, depth in (("0.1", "3"), ("0.2", "3")):
        run_of(store, {"alpha": depth, "lr": lr}, loss=[3.0, 1.0, 2.0], same=[1.0])
    table = answered(
        "runTable", store, experiment_ids=["0"], aggregates=["last", "min", "min_step"]
    )
    assert [(column.key, column.differs) for column in table.params] == [
        ("lr", True),
        ("alpha", False),
    ]
    loss = next(column for column in table.metrics if column.key == "loss")
    assert loss.runs is None and [*loss.last] == [2.0, 2.0]
    assert ([*loss.min], [*loss.min_step], loss.max) == ([1.0, 1.0], [1, 1], None)


def test_a_table_counts_all_that_match_on_every_page(store):
    runs = [run_of(store, loss=[float(value)]) for value in range(5)]
    store.update_run(runs[0], "FAILED")
    found, token, seen = {"experiment_ids": ["0"], "max_results": 2}, None, []
    while token or not seen:
        table = answered("runTable", store, **found, page_token=token)
        assert (table.total, table.statuses) == (5, {"FAILED": 1, "RUNNING": 4})
        seen += [info.run_id for info in table.runs]
        token = table.page_token
    assert sorted(seen) == sorted(runs)


def test_a_column_that_some_runs_lack_says_which_have_it(store):
    run_of(store, {"lr": "1"}, loss=[math.nan])
    run_of(store, {}, other=[1.0])
    table = answered("runTable", store, experiment_ids=["0"], order_by=["metrics.other"])
    (lr,) = table.params
    assert ([*lr.runs], lr.values, lr.differs) == ([1], ["1"], True)
    loss = next(column for column in table.metrics if column.key == "loss")
    assert [*loss.runs] == [1] and math.isnan(loss.last[0])


def test_a_match_comes_with_its_ancestors(store):
    top = run_of(store)
    middle = run_of(store, tags={"mlflow.parentRunId": top})
    leaf = run_of(store, {"lr": "1"}, tags={"mlflow.parentRunId": middle})
    table = answered("runTable", store, experiment_ids=["0"], filter="params.lr = '1'")
    assert [info.run_id for info in table.runs] == [leaf, middle, top]
    assert (table.ancestors, table.total) == (2, 1)


def test_long_texts_are_cut(store):
    run_of(store, {"long": "x" * 6000})
    (column,) = answered("runTable", store, experiment_ids=["0"]).params
    assert len(column.values[0]) == 500 and column.values[0].endswith("…")


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("axis", ["step", "time"])
def test_no_spike_is_lost(store, merged, axis, monkeypatch):
    if not merged:  # as when another process is writing
        monkeypatch.setattr(store.metrics, "merge", lambda wait=True: None)
    run_id = long_run(store)
    (series,) = answered("series", store, run_ids=[run_id], keys=["loss"], points=100, axis=axis)
    points = dict(zip(series.steps, series.values, strict=True))
    assert {step: points.get(step) for step in SPIKES} == SPIKES
    assert {0, 19_999} <= points.keys() and len(points) <= 104
    assert (series.total, series.thinned) == (20_000, True)
    assert sorted(series.timestamps) == [*series.timestamps]


def test_zoomed_in_a_series_is_whole_and_reaches_beyond(store):
    run_id = long_run(store)
    found = {"run_ids": [run_id], "keys": ["loss"], "points": 500}
    (series,) = answered("series", store, **found, start=12_300, end=12_400)
    assert [*series.steps] == [*range(12_299, 12_402)]
    assert not series.thinned and 99.0 in series.values


def test_nans_are_counted_and_infinities_kept(store):
    run_id = run_of(store, loss=[1.0, math.inf, math.nan, math.nan, 2.0])
    (series,) = answered("series", store, run_ids=[run_id], keys=["loss"])
    assert [*series.values] == [1.0, math.inf, 2.0]
    assert (series.nans, series.nan_step, series.nan_timestamp, series.total) == (2, 2, 1002, 5)
    (zoomed,) = answered("series", store, run_ids=[run_id], keys=["loss"], start=3, end=9)
    assert (zoomed.nans, zoomed.nan_step) == (1, 3)


def test_nans_of_a_long_series_are_counted(store):
    run_id = run_of(store, loss=[math.nan if step > 15_000 else 1.0 for step in range(20_000)])
    (series,) = answered("series", store, run_ids=[run_id], keys=["loss"], points=100)
    assert (series.nans, series.nan_step, series.nan_timestamp) == (4999, 15_001, 16_001)
    assert not any(math.isnan(value) for value in series.values)


def test_a_table_says_when_running_runs_last_logged(store):
    running, ended, quiet = (run_of(store, **logged) for logged in (LAST, LAST, {}))
    store.update_run(ended, "FINISHED", 5)
    table = answered("runTable", store, experiment_ids=["0"])
    assert table.last_logged == {running: 1001} and table.total == len({running, ended, quiet})


def test_changes_are_what_was_logged_since(store):
    quiet, busy = run_of(store, loss=[1.0]), run_of(store, loss=[1.0])
    cursor = answered("runTable", store, experiment_ids=["0"]).cursor
    assert answered("changes", store, experiment_ids=["0"], cursor=cursor).table.runs == []
    store.log(busy, [("loss", 0.5, 2000, 1)])
    new = run_of(store)
    follow = {"run_ids": [busy, quiet], "keys": ["loss", "loss"], "after_steps": [0, 0]}
    changes = answered("changes", store, experiment_ids=["0"], cursor=cursor, **follow)
    assert {info.run_id for info in changes.table.runs} == {busy, new}
    assert [(each.run_id, [*each.steps]) for each in changes.series] == [(busy, [1])]
    again = answered("changes", store, experiment_ids=["0"], cursor=changes.table.cursor)
    assert again.table.runs == [] and again.table.total == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda store, run: store.update_run(run, "FINISHED"),
        lambda store, run: store.update_run(run, run_name="new"),
        lambda store, run: store.log(run, params=[("a", "b")]),
        lambda store, run: store.log(run, tags=[("a", "b")]),
    ],
)
def test_what_changes_of_a_running_run_is_told(store, change):
    run_id = run_of(store)
    cursor = answered("runTable", store, experiment_ids=["0"]).cursor
    change(store, run_id)
    changes = answered("changes", store, experiment_ids=["0"], cursor=cursor)
    assert [info.run_id for info in changes.table.runs] == [run_id]


def test_a_deleted_run_is_gone_from_the_total(store):
    run_id = run_of(store)
    cursor = answered("runTable", store, experiment_ids=["0"]).cursor
    store.delete_run(run_id)
    assert answered("changes", store, experiment_ids=["0"], cursor=cursor).table.total == 0


def test_chosen_runs_come_in_their_order(store):
    runs = [run_of(store, loss=[float(value)]) for value in range(3)]
    store.delete_run(runs[2])
    table = answered("tableOfRuns", store, run_ids=[runs[2], runs[0]])
    assert [info.run_id for info in table.runs] == [runs[2], runs[0]]
    assert table.total == 2


def test_keys_and_values_are_completed(store):
    for lr in ("0.1", "0.1", "0.01"):
        run_of(store, {"optimizer.lr": lr}, tags={"team": "vision"}, val_loss=[1.0])

    def completed(**asked):
        found = answered("completions", store, experiment_ids=["0"], **asked)
        return [(each.text, each.runs) for each in found]

    assert completed(kind="metrics", text="LOSS") == [("val_loss", 3)]
    assert completed(kind="params") == [("optimizer.lr", 3)]
    assert completed(kind="params", key="optimizer.lr") == [("0.1", 2), ("0.01", 1)]
    assert completed(kind="tags", key="team", text="x") == []


def test_activity_counts_by_status(store):
    run_of(store)
    store.update_run(run_of(store), "FAILED", end_time=2**45)
    other = store.create_experiment("other")
    first, second = answered("activity", store, experiment_ids=["0", other])
    assert (first.statuses, first.last_time) == ({"FAILED": 1, "RUNNING": 1}, 2**45)
    assert (second.statuses, second.last_time) == ({}, None)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("series", {"run_ids": [], "keys": [], "axis": "epoch"}),
        ("series", {"run_ids": [], "keys": [], "points": 3}),
        ("series", {"run_ids": ["0" * 32] * 100, "keys": ["a"], "points": 100_000}),
        ("runTable", {"experiment_ids": ["0"], "aggregates": ["median"]}),
        ("runTable", {"experiment_ids": ["0"], "max_results": 50_001}),
        ("changes", {"experiment_ids": ["0"], "cursor": "yesterday"}),
        ("changes", {"experiment_ids": ["0"], "cursor": "[0,[]]", "keys": ["a"]}),
        ("completions", {"experiment_ids": ["0"], "kind": "metrics", "key": "loss"}),
        ("completions", {"experiment_ids": ["0"], "kind": "files"}),
    ],
)
def test_what_cannot_be_answered_is_refused(store, name, arguments):
    with pytest.raises(InvalidParameter):
        answered(name, store, **arguments)


def test_series_of_an_unknown_run_are_refused(store):
    with pytest.raises(NotFound, match="ffffffffffffffffffffffffffffffff"):
        answered("series", store, run_ids=["f" * 32], keys=["loss"])


def test_thinning_keeps_ends_and_extremes():
    points = [(x, float(x % 10)) for x in range(1000)]
    few = thinned(points, 20)
    assert len(few) <= 20 and {points[0], points[-1]} <= {*few}
    assert thinned(points[:20], 20) == points[:20]
    assert within(points, 10, 12) == points[9:14]
    assert within(points, None, None) == points


def test_a_store_that_is_no_database_says_so():
    with pytest.raises(Exception, match="no views"):
        Store.views.fget(type("Remote", (), {"uri": "http://there"}))
