from __future__ import annotations

import pytest

from runlog.entities import Dataset, DatasetInput, InputTag
from runlog.errors import InvalidParameter

DIGITS = Dataset("digits", "d1", "local", '{"uri": "a"}', '{"columns": []}', '{"num_rows": 5}')
IRIS = Dataset('it\'s "iris"', "é", "http", "", None, None)


def given(dataset, **tags):
    return DatasetInput(dataset, [InputTag(key, value) for key, value in tags.items()])


def inputs(store, run_id):
    return store.get_run(run_id).inputs.dataset_inputs


def test_inputs_in_the_order_they_came(store, run_id):
    first, second = given(IRIS), given(DIGITS, **{"context": "train", "it's\"é": "it's"})
    store.log_inputs(run_id, [first])
    store.log_inputs(run_id, [second])
    assert inputs(store, run_id) == [first, DatasetInput(DIGITS, sorted_tags(second))]
    assert store.search_runs(["0"])[0].inputs == store.get_run(run_id).inputs


def sorted_tags(given):
    return sorted(given.tags, key=lambda tag: tag.key)


def test_the_same_again_keeps_its_first_tags(store, run_id):
    store.log_inputs(run_id, [given(DIGITS, a="1", b="1"), given(DIGITS, b="2")])
    store.log_inputs(run_id, [given(DIGITS, a="3", c="3")])
    assert inputs(store, run_id)[0].tags[:2] == given(DIGITS, a="1", b="1").tags


def test_the_same_again_gets_further_tags(store, run_id):
    store.log_inputs(run_id, [given(DIGITS, a="1")])
    store.log_inputs(run_id, [given(DIGITS, b="2")])
    assert inputs(store, run_id) == [given(DIGITS, a="1", b="2")]


def test_names_that_are_the_same_in_a_row_are_two_data_sets(store, run_id):
    both = [Dataset("a", "b/c", "local", "{}"), Dataset("a/b", "c", "local", "{}")]
    store.log_inputs(run_id, [given(each) for each in both])
    assert {(each.dataset.name, each.dataset.digest) for each in inputs(store, run_id)} == {
        ("a", "b/c"), ("a/b", "c"),
    }  # fmt: skip


def test_another_digest_is_another_data_set(store, run_id):
    other = Dataset("digits", "d2", "local", "{}")
    store.log_inputs(run_id, [given(DIGITS), given(other)])
    assert inputs(store, run_id) == [given(DIGITS), given(other)]


def test_runs_share_data_sets_and_not_tags(store, run_id):
    other = store.create_run("0").info.run_id
    store.log_inputs(run_id, [given(DIGITS, context="train")])
    store.log_inputs(other, [given(DIGITS, context="test")])
    assert inputs(store, run_id) == [given(DIGITS, context="train")]
    assert inputs(store, other) == [given(DIGITS, context="test")]


@pytest.mark.parametrize(
    "second",
    [
        DatasetInput(Dataset("", "d", "local", "{}")),
        DatasetInput(Dataset("a", "", "local", "{}")),
        DatasetInput(Dataset(None, "d", "local", "{}")),
        DatasetInput(IRIS, [InputTag("", "v")]),
        DatasetInput(IRIS, [InputTag(None, "v")]),
        DatasetInput(IRIS, [InputTag("k" * 256, "v")]),
    ],
)
def test_inputs_are_kept_all_or_none(store, run_id, second):
    with pytest.raises(InvalidParameter):
        store.log_inputs(run_id, [given(DIGITS, a="1"), second])
    assert inputs(store, run_id) == []
