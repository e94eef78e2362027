from __future__ import annotations

import decimal
import fractions
import math

import pytest

from contract.names import BAD_KEYS, DOUBLES, ODD_KEYS, ODD_NAMES
from runlog.entities import Metric, Param, RunTag
from runlog.errors import InvalidParameter, NotFound


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys(store, run_id, key):
    store.log(run_id, [(key, 1.0, 0, 0)], [(key, "p")], [(key, "t")])
    store.log_metric(run_id, key, 2.0, 0, 1)
    data = store.get_run(run_id).data
    assert (data.metrics, data.params, data.tags[key]) == ({key: 2.0}, {key: "p"}, "t")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_is_no_key(store, run_id, key):
    for given in (
        {"points": [("m", 1.0, 0, 0), (key, 1.0, 0, 0)]},
        {"params": [("p", "1"), (key, "1")]},
        {"tags": [("t", "1"), (key, "1")]},
    ):
        (kind,) = given
        with pytest.raises(InvalidParameter, match=f"{kind[:-1].replace('point', 'metric')} key"):
            store.log(run_id, **given)
    with pytest.raises(InvalidParameter, match="metric key"):
        store.log_metric(run_id, key, 1.0, 0, 0)
    assert is_empty(store, run_id)


def is_empty(store, run_id):
    data = store.get_run(run_id).data
    return (dict(data.metrics), dict(data.params), list(data.tags)) == ({}, {}, ["mlflow.runName"])


def test_keys_differ_by_case(store, run_id):
    store.log(run_id, [("a", 1, 0, 0), ("A", 2, 0, 0)], [("é", "1"), ("É", "2")])
    data = store.get_run(run_id).data
    assert (data.metrics, data.params) == ({"a": 1.0, "A": 2.0}, {"é": "1", "É": "2"})


@pytest.mark.parametrize("value", ["", *ODD_NAMES, "x" * 100_000])
def test_any_text_is_a_value(store, run_id, value):
    store.log(run_id, params=[("p", value)], tags=[("t", value)])
    data = store.get_run(run_id).data
    assert (data.params["p"], data.tags["t"]) == (value, value)


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "None"),
        (True, "True"),
        (0.1, "0.1"),
        (10**30, "1" + "0" * 30),
        ([1, "a"], "[1, 'a']"),
        ("\ud800", "\\ud800"),
        ("a\0b", "a\\x00b"),
    ],
)
def test_values_become_text(store, run_id, value, text):
    store.log(run_id, params=[("p", value)], tags=[("t", value)])
    store.log(run_id, params=[("p", text)])
    data = store.get_run(run_id).data
    assert (data.params["p"], data.tags["t"]) == (text, text)


@pytest.mark.parametrize("value", DOUBLES, ids=repr)
def test_every_double_survives(store, run_id, value):
    store.log_metric(run_id, "m", value, 0, 0)
    store.log(run_id, [("n", value, 0, 0)])
    store.close()
    metrics = store.get_run(run_id).data.metrics
    assert repr(metrics["m"]) == repr(metrics["n"]) == repr(value)


@pytest.mark.parametrize(
    "value, number",
    [
        (True, 1.0),
        (7, 7.0),
        (2**53 + 1, 2.0**53),
        (decimal.Decimal("0.1"), 0.1),
        (fractions.Fraction(1, 4), 0.25),
    ],
)
def test_numbers_of_other_types(store, run_id, value, number):
    for step in (0, 1):  # the second time the key is known
        store.log_metric(run_id, "m", value, 0, step)
        store.log(run_id, [("n", value, 0, step)])
    assert store.get_run(run_id).data.metrics == {"m": number, "n": number}


@pytest.mark.parametrize("value", ["one", "1,5", b"1", None, [1.0], 1j, {}, 10**400, object()])
def test_what_is_no_number(store, run_id, value):
    for step in (0, 1):
        with pytest.raises(InvalidParameter, match="metric 'm' got"):
            store.log_metric(run_id, "m", value, 0, step)
        with pytest.raises(InvalidParameter, match="metric 'm' got"):
            store.log(run_id, [("n", 1.0, 0, step), ("m", value, 0, step)])
        assert len(store.get_metric_history(run_id, "m")) == step
        store.log_metric(run_id, "m", 1.0, 0, step)
    assert store.get_run(run_id).data.metrics == {"m": 1.0}


@pytest.mark.parametrize("step", [0, -1, 2**63 - 1, -(2**63), 5.0, True])
def test_steps(store, run_id, step):
    store.log(run_id, [("m", 1.0, 0, step)])
    store.log_metric(run_id, "m", 1.0, 0, step)
    assert [point.step for point in store.get_metric_history(run_id, "m")] == [int(step)]


@pytest.mark.parametrize("time", [0, 1, 2**63 - 1, 5.0])
def test_timestamps(store, run_id, time):
    store.log(run_id, [("m", 1.0, time, 0)])
    store.log_metric(run_id, "m", 1.0, time, 0)
    assert [point.timestamp for point in store.get_metric_history(run_id, "m")] == [int(time)]


@pytest.mark.parametrize(
    "time, step",
    [(0, 1.5), (0, 2**63), (0, "1"), (0, None), (0, math.nan), (0, math.inf)]
    + [(-1, 0), (math.nan, 0), (2**63, 0), ("now", 0), (None, 0)],
)
def test_what_is_no_time_or_step(store, run_id, time, step):
    store.log(run_id, [("m", 1.0, 0, 0)])
    with pytest.raises(InvalidParameter, match="^(timestamp|step) "):
        store.log(run_id, [("n", 1.0, 0, 0), ("m", 2.0, time, step)])
    with pytest.raises(InvalidParameter, match="^(timestamp|step) "):
        store.log_metric(run_id, "m", 2.0, time, step)
    assert store.get_run(run_id).data.metrics == {"m": 1.0}


# ------------------------------------------------------------------------------------ all or none

GOOD = {"points": [("m", 1.0, 0, 0)], "params": [("p", "1")], "tags": [("t", "1")]}
BAD = {
    "points": [("n", 1.0, 0, 0), ("n", None, 0, 1)],
    "params": [("q", "1"), ("kept", "other")],
    "tags": [("u", "1"), ("", "1")],
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_batch_whose_second_item_fails(store, run_id, kind):
    store.log(run_id, [("k", 1.0, 0, 0)], [("kept", "1")], [("kept", "1")])
    before, history = store.get_run(run_id), store.histories([run_id])
    for _ in range(2):
        with pytest.raises(InvalidParameter):
            store.log(run_id, **{**GOOD, kind: BAD[kind]})
    assert (store.get_run(run_id), store.histories([run_id])) == (before, history)
    store.log(run_id, **GOOD)
    data = store.get_run(run_id).data
    assert (data.metrics, data.params) == ({"k": 1.0, "m": 1.0}, {"kept": "1", "p": "1"})


def test_items_that_raise_while_they_are_read(store, run_id):
    def points():
        yield "m", 1.0, 0, 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.log(run_id, points(), [("p", "1")], [("t", "1")])
    assert is_empty(store, run_id)
    store.log(run_id, (point for point in GOOD["points"]), iter([("p", "1")]))
    assert store.get_run(run_id).data.metrics == {"m": 1.0}


def test_a_large_batch(store, run_id):
    points = [(f"m{number % 700}", float(number), 0, number) for number in range(20_000)]
    pairs = [(f"k{number}", str(number)) for number in range(2_000)]
    store.log(run_id, points, pairs, pairs)
    data = store.get_run(run_id).data
    assert (len(data.metrics), data.metrics["m399"]) == (700, 19_999.0)
    assert data.params == dict(pairs)
    assert len(data.tags) == 2_001


def test_log_batch(store, run_id):
    store.log_batch(
        run_id,
        [Metric("m", 1.0, 5, 1), Metric("m", 2.0, 6)],
        [Param("p", "1")],
        [RunTag("t", "1"), RunTag("t", "2")],
    )
    data = store.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1.0}, {"p": "1"}, "2")
    assert [(point.step, point.timestamp) for point in store.get_metric_history(run_id, "m")] == [
        (1, 5),
        (0, 6),
    ]


# ------------------------------------------------------------------------------- params and tags


def test_a_param_keeps_its_value(store, run_id):
    store.log(run_id, params=[("p", 1), ("p", "1")])
    store.log(run_id, params=[("p", "1")])
    with pytest.raises(InvalidParameter) as caught:
        store.log(run_id, params=[("q", "1"), ("p", "2")])
    assert caught.value.message == (
        "Changing param values is not allowed. Param with key='p' was already logged with "
        f"value='1' for run ID='{run_id}'. Attempted logging new value '2'."
    )
    assert store.get_run(run_id).data.params == {"p": "1"}


def test_a_param_has_one_value_in_a_batch(store, run_id):
    with pytest.raises(InvalidParameter, match="'p'"):
        store.log(run_id, params=[("p", "1"), ("p", "2")])
    assert is_empty(store, run_id)


def test_params_of_runs_are_their_own(store, run_id):
    other = store.create_run("0").info.run_id
    store.log(run_id, params=[("p", "1")])
    store.log(other, params=[("p", "2")])
    assert [store.get_run(each).data.params["p"] for each in (run_id, other)] == ["1", "2"]


def test_the_last_tag_wins(store, run_id):
    store.log(run_id, tags=[("t", "1"), ("t", 2), ("u", "1")])
    store.log(run_id, tags=[("u", "2")])
    tags = store.get_run(run_id).data.tags
    assert (tags["t"], tags["u"]) == ("2", "2")


def test_delete_tag(store, run_id):
    store.log(run_id, tags=[("it", "1"), ("that", "1")])
    store.delete_tag(run_id, "it")
    assert set(store.get_run(run_id).data.tags) == {"that", "mlflow.runName"}
    for key in ("it", "it's", "", None):
        with pytest.raises(NotFound, match=f"^No tag with name: {key} in run with id {run_id}$"):
            store.delete_tag(run_id, key)


# --------------------------------------------------------------------------------------- threads


def test_threads_log_at_once(store, run_id):
    from concurrent.futures import ThreadPoolExecutor

    def log(worker):
        for step in range(8):
            store.log_metric(run_id, f"m{worker % 2}", float(step), worker, step)
            store.log(run_id, [("all", 1.0, worker, step)], [("p", "1")], [("t", worker)])
            store.get_run(run_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(log, range(4)))
    counts = {key: each.count for key, each in store.get_metric_summary(run_id).items()}
    assert counts == {"m0": 16, "m1": 16, "all": 32}
