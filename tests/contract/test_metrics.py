from __future__ import annotations

import math
import random

import pytest

from runlog.entities import Metric, MetricSummary

NAN, INF = math.nan, math.inf


def log(store, run_id, points, key="m"):
    store.log(run_id, [(key, value, time, step) for value, time, step in points])


def plain(history):
    return [(point.value, point.timestamp, point.step) for point in history]


def test_a_history(store, run_id):
    store.log_metric(run_id, "m", 0.5, 7, 3)
    assert store.get_metric_history(run_id, "m") == [Metric("m", 0.5, 7, 3, run_id=run_id)]
    assert store.get_run(run_id).data.metric_points == (Metric("m", 0.5, 7, 3, run_id=run_id),)


def test_histories_go_by_time_step_and_value(store, run_id):
    points = [(1.0, 1, 9), (3.0, 2, 1), (1.0, 2, 2), (2.0, 2, 2), (INF, 2, 2), (0.0, 3, 0)]
    shuffled = random.Random(5).sample(points, len(points))
    log(store, run_id, shuffled[:3])
    assert len(store.get_metric_history(run_id, "m")) == 3
    log(store, run_id, shuffled[3:])
    assert plain(store.get_metric_history(run_id, "m")) == points


def test_a_nan_comes_after_the_numbers_of_its_moment(store, run_id):
    log(store, run_id, [(NAN, 1, 0), (INF, 1, 0), (-INF, 1, 0), (1.0, 2, 0)])
    assert repr(plain(store.get_metric_history(run_id, "m"))) == repr(
        [(-INF, 1, 0), (INF, 1, 0), (NAN, 1, 0), (1.0, 2, 0)]
    )


@pytest.mark.parametrize("value", [1.0, NAN, INF, 5e-324])
def test_the_same_point_twice_is_one(store, run_id, value):
    for _ in range(2):
        log(store, run_id, [(value, 1, 0), (value, 1, 0)])
        store.log_metric(run_id, "m", value, 1, 0)
        assert len(store.get_metric_history(run_id, "m")) == 1
        assert store.get_metric_summary(run_id)["m"].count == 1
    log(store, run_id, [(value, 2, 0), (value, 1, 1), (2.0, 1, 0)])
    assert store.get_metric_summary(run_id)["m"].count == 4


# Points as value, time, step; the last one by greatest step, then time, then value.
LAST = [
    ([(1.0, 1, 1), (2.0, 2, 0)], 1.0),
    ([(1.0, 1, 0), (2.0, 2, 0)], 2.0),
    ([(2.0, 1, 0), (1.0, 1, 0)], 2.0),
    ([(INF, 1, 0), (NAN, 1, 0), (1.0, 1, 0)], NAN),
    ([(-INF, 1, 0), (-1.5, 1, 0)], -1.5),
    ([(NAN, 5, -1), (1.0, 0, 0)], 1.0),
    ([(1.0, 0, -1), (2.0, 0, -2)], 1.0),
]


@pytest.mark.parametrize("points, last", LAST)
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("read_between", [False, True])
def test_the_last_value(store, run_id, points, last, turn, read_between):
    for point in points[::turn]:
        log(store, run_id, [point])
        if read_between:
            store.get_run(run_id)
    found = store.search_runs(["0"])[0].data.metrics
    assert repr(store.get_run(run_id).data.metrics) == repr(found) == repr({"m": last})
    assert repr(store.get_metric_summary(run_id)["m"].last) == repr(last)


def test_a_summary(store, run_id):
    log(store, run_id, [(3.0, 50, 2), (1.0, 60, 1), (5.0, 40, 3), (5.0, 10, 9), (4.0, 10, 9)])
    log(store, run_id, [(1.0, 10, 0), (-1.0, 10, 4), (-1.0, 9, 7)])
    assert store.get_metric_summary(run_id) == {
        "m": MetricSummary(
            key="m", count=8, last=5.0, last_step=9, last_timestamp=10, first=1.0, first_step=0,
            min=-1.0, min_step=4, max=5.0, max_step=3,
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    "values, lowest, highest",
    [
        ([NAN, 1.0, 2.0], (1.0, 1), (2.0, 2)),
        ([1.0, NAN, NAN], (1.0, 0), (1.0, 0)),
        ([NAN, NAN], (NAN, 0), (NAN, 0)),
        ([NAN, -INF, INF], (-INF, 1), (INF, 2)),
        ([2.0, 1.0, 1.0, 2.0], (1.0, 1), (2.0, 0)),
    ],
)
@pytest.mark.parametrize("turn", [1, -1])
def test_extremes_are_numbers_where_there_are_any(store, run_id, values, lowest, highest, turn):
    for step, value in list(enumerate(values))[::turn]:
        log(store, run_id, [(value, 0, step)])
        store.get_metric_summary(run_id)
    found = store.get_metric_summary(run_id)["m"]
    assert repr((found.min, found.min_step)) == repr(lowest)
    assert repr((found.max, found.max_step)) == repr(highest)


def test_what_there_is_nothing_of(store, run_id):
    assert store.get_metric_summary(run_id) == {}
    assert store.get_metric_history(run_id, "m") == []
    assert store.get_metric_history("f" * 32, "m") == []
    assert store.get_metric_history(run_id, "it's") == []
    assert store.histories([run_id]) == store.histories([]) == store.histories([run_id], []) == []


def test_histories_of_many_runs_and_keys(store, run_id):
    other = store.create_run("0").info.run_id
    log(store, run_id, [(2.0, 9, 1), (1.0, 8, 2)], "b")
    log(store, run_id, [(NAN, 1, 0)], "a")
    log(store, other, [(5.0, 1, 0)], "b")
    found = store.histories([other, run_id], ["b", "none", "a"])
    plain = [(run, key, list(times), list(steps)) for run, key, times, steps, _ in found]
    assert plain == [
        (other, "b", [1], [0]),
        (run_id, "b", [8, 9], [2, 1]),
        (run_id, "a", [1], [0]),
    ]
    assert repr([list(each.values) for each in found]) == repr([[5.0], [1.0, 2.0], [NAN]])
    assert [each[:2] for each in store.histories([run_id])] == [(run_id, "a"), (run_id, "b")]


def test_points_of_deleted_runs_are_read(store, run_id):
    log(store, run_id, [(1.0, 0, 0)])
    store.delete_run(run_id)
    assert plain(store.get_metric_history(run_id, "m")) == [(1.0, 0, 0)]
    assert store.get_metric_summary(run_id)["m"].count == 1
    assert len(store.histories([run_id])) == 1


def test_more_points_than_are_merged_at_once(store, run_id):
    points = [(math.sin(number), 0, number) for number in range(30_000)]
    for start in range(0, len(points), 3_000):
        log(store, run_id, points[start : start + 3_000])
    assert plain(store.get_metric_history(run_id, "m")) == points
    found = store.get_metric_summary(run_id)["m"]
    assert (found.count, found.last, found.min) == (30_000, points[-1][0], min(points)[0])
