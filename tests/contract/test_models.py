from __future__ import annotations

import math

import pytest

from runlog.entities import (
    Dataset,
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    RunInputs,
    RunTag,
)
from runlog.errors import InvalidParameter, NotFound
from runlog.store_parts.logged_models import ModelOrder

DIGITS = DatasetInput(Dataset("digits", "d1", "local", "{}"))


@pytest.fixture
def model_id(store, run_id):
    return store.models.create("0", "tree", source_run_id=run_id).model_id


def measured(store, model_id):
    return store.models.get(model_id).metrics


def test_what_is_measured_of_a_model_is_kept_with_it_and_with_its_run(store, run_id, model_id):
    first = Metric("acc", 0.5, 7, 1, model_id, "digits", "d1", run_id)
    second = Metric("acc", math.nan, 8, 2, model_id, run_id=run_id)
    store.log_batch(run_id, [first, Metric("loss", 1.0, 7), second])
    store.log_batch(run_id, [first, second])
    assert repr(measured(store, model_id)) == repr([first, second])
    assert [each.step for each in store.get_metric_history(run_id, "acc")] == [1, 2]
    assert sorted(store.get_run(run_id).data.metrics) == ["acc", "loss"]


@pytest.mark.parametrize("key, value, step", [("a\n", 1.0, 0), ("m", "x", 0), ("m", 1.0, 2**63)])
def test_of_a_batch_with_a_bad_value_nothing_is_kept(store, run_id, model_id, key, value, step):
    good = Metric("acc", 1.0, 7, 0, model_id)
    with pytest.raises(InvalidParameter):
        store.log_batch(
            run_id, [good, Metric(key, value, 7, step, model_id)], tags=[RunTag("t", "1")]
        )
    data = store.get_run(run_id).data
    assert (measured(store, model_id), data.metrics, "t" in data.tags) == ([], {}, False)


def test_nothing_is_kept_of_a_model_that_is_not_there(store, run_id, model_id):
    store.models.delete(model_id)
    metrics = [Metric("m", 1.0, 7), Metric("acc", 1.0, 7, 0, model_id)]
    with pytest.raises(NotFound, match=model_id):
        store.log_batch(run_id, metrics, tags=[RunTag("t", "1")])
    data = store.get_run(run_id).data
    assert (data.metrics, "t" in data.tags) == ({}, False)


def test_inputs_and_outputs(store, run_id, model_id):
    other = store.models.create("0").model_id
    store.log_inputs(run_id, [DIGITS], [LoggedModelInput(model_id)])
    store.models.log_outputs(run_id, [LoggedModelOutput(other, 1)])
    store.models.log_outputs(run_id, [LoggedModelOutput(other, 3)])
    run = store.get_run(run_id)
    assert run.inputs == RunInputs([DIGITS], [LoggedModelInput(model_id)])
    assert run.outputs.model_outputs == [LoggedModelOutput(other, 3)]
    with pytest.raises(NotFound, match="m-none"):
        store.log_inputs(run_id, [], [LoggedModelInput(model_id), LoggedModelInput("m-none")])


def test_metrics_and_what_was_read_for_them(store, run_id, model_id):
    inputs = RunInputs([DIGITS], [LoggedModelInput(model_id)])
    metric = Metric("acc", 0.5, 7, 1, model_id, "digits", "d1", run_id)
    store.log_batch(run_id, [metric], inputs=inputs)
    assert store.get_run(run_id).inputs == inputs
    assert measured(store, model_id) == [metric]


def test_many_points_of_a_model(store, run_id, model_id):
    points = [Metric("acc", float(step), 7, step, model_id, run_id=run_id) for step in range(1500)]
    store.log_batch(run_id, points)
    assert measured(store, model_id) == points
    assert store.get_metric_summary(run_id)["acc"].count == 1500


def test_a_search_by_what_was_measured_on_a_data_set(store, run_id):
    ids = [store.models.create("0").model_id for _ in range(3)]
    for model_id, value in zip(ids, [0.5, 0.7, 0.9], strict=True):
        store.log_batch(
            run_id,
            [
                Metric("acc", value, 7, 2, model_id, "test", "d1"),
                Metric("acc", 1 - value, 8, 2, model_id, "train", "d2"),
            ],
        )

    def found(*datasets):
        page = store.models.search(["0"], "metrics.acc > 0.6", datasets)
        return sorted(ids.index(model.model_id) for model in page)

    assert found(("test", None)) == found(("test", "d1")) == [1, 2]
    assert found(("train", "d2")) == found(("test", "d2")) == []

    def ordered(*order):
        page = store.models.search(["0"], order_by=[ModelOrder("metrics.acc", *order)])
        return [ids.index(model.model_id) for model in page]

    assert ordered(True, "test") == ordered(False, "train", "d2") == [0, 1, 2]
    assert ordered(True, "train") == ordered(False, "test", "d1") == [2, 1, 0]
    assert sorted(ordered(True, "none")) == [0, 1, 2]


@pytest.fixture
def on_data_sets(store, run_id):
    """Models that were measured on data sets, each as its name and digest; the last on none."""
    for name, digest, value in (("d", "1", 1.0), ("d", "2", 2.0), ("e", "1", 3.0), (None, None, 4)):
        made = store.models.create("0", f"{name}{digest}").model_id
        store.log_batch(run_id, [Metric("acc", value, 1, 0, made, name, digest, run_id)])


@pytest.mark.parametrize(
    "datasets, names",
    [
        ([("d", None)], {"d1", "d2"}),
        ([("d", "2")], {"d2"}),
        ([("d", ""), ("e", "1")], {"d1", "d2", "e1"}),
        ([("f", None)], set()),
        ([], {"d1", "d2", "e1", "NoneNone"}),
    ],
)
def test_models_that_were_measured_on_data_sets(store, on_data_sets, datasets, names):
    assert {each.name for each in store.models.search(["0"], datasets=datasets)} == names
    among = store.models.search(["0"], "name LIKE '%1'", datasets)
    assert {each.name for each in among} == {each for each in names if each.endswith("1")}


def test_a_data_set_to_search_for_has_a_name(store):
    with pytest.raises(InvalidParameter, match="dataset_name"):
        store.models.search(["0"], datasets=[("", "1")])


def test_an_order_by_the_digest_alone(store, on_data_sets):
    order = [ModelOrder("metrics.acc", False, None, "1")]
    found = [each.name for each in store.models.search(["0"], order_by=order)]
    assert found[:2] == ["e1", "d1"] and len(found) == 4


def test_a_page_token_of_another_search_for_models(store, on_data_sets):
    order = [ModelOrder("name")]
    first = store.models.search(["0"], "name != 'x'", max_results=1, order_by=order)
    more = {"page_token": first.token, "max_results": 2}
    rest = store.models.search(["0"], "name != 'x'", order_by=order, **more)
    assert [each.name for each in [*first, *rest]] == ["NoneNone", "d1", "d2"]
    for ids, text, datasets, by in (
        (["0"], "name != 'y'", [], order),
        (["0"], "name != 'x'", [], []),
        (["0"], "name != 'x'", [("d", None)], order),
        (["0", "1"], "name != 'x'", [], order),
    ):
        with pytest.raises(InvalidParameter, match="Invalid page token"):
            store.models.search(ids, text, datasets, order_by=by, **more)


def test_points_on_data_sets_whose_names_are_the_same_in_a_row(store, run_id, model_id):
    points = [
        Metric("acc", 0.5, 7, 1, model_id, name, digest, run_id)
        for name, digest in (("a", "b/c"), ("a/b", "c"), ("a/b/c", "d"), (None, None))
    ]
    points.append(Metric("acc/1", 0.5, 7, 1, model_id, "a", "b", run_id))
    store.log_batch(run_id, points)
    store.log_batch(run_id, points)
    assert len(measured(store, model_id)) == len(points)
