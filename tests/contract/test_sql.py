"""Queries of a store in SQL: the same views, values and refusals wherever the database is."""

from __future__ import annotations

import math

import pytest

from runlog.errors import InvalidParameter

READS_ONLY = "reads only"


@pytest.fixture
def run_id(store):
    run_id = store.create_run("0", start_time=1_700_000_000_123, run_name="it's").info.run_id
    store.log(run_id, [("loss", 0.5, 1, 0), ("loss", 0.25, 2, 1)], [("lr", "0.1"), ("é", "日本")])
    return run_id


def test_views_have_what_was_logged(store, run_id):
    found = store.sql("select run_id, last, last_step from metric_summary")
    assert found.names == ["run_id", "last", "last_step"]
    assert list(found.rows) == [(run_id, 0.25, 1)]
    assert list(store.sql("select value, step from metrics order by step").rows) == [
        (0.5, 0),
        (0.25, 1),
    ]


def test_columns_that_engines_keep_for_themselves_can_be_named(store, run_id):
    found = store.sql("select key, value from params where key <> 'schema' order by value")
    assert found.columns == [["lr", "é"], ["0.1", "日本"]]


def test_values_are_of_five_types_everywhere(store, run_id):
    found = store.sql(
        "select run_name, start_time, end_time, duration_seconds, 1 as whole, 0.5 as half from runs"
    )
    (row,) = found.rows
    assert row == ("it's", "2023-11-14T22:13:20.123Z", None, None, 1, 0.5)
    assert [type(value) for value in row[4:]] == [int, float]


def test_a_result_without_rows_has_its_names(store, run_id):
    found = store.sql("select run_id, key from params where 1 = 0")
    assert (found.names, found.columns) == (["run_id", "key"], [[], []])


def test_a_nan_is_a_nan_or_missing(store, run_id):
    store.log(run_id, [("nan", math.nan, 1, 0)])
    (value,) = store.sql("select last from metric_summary where key = 'nan'").columns[0]
    assert value is None or math.isnan(value)


def test_values_are_bound_by_name(store, run_id):
    query = "select value from params where key = :key and run_id = :run and ':no' <> '::' -- :no"
    assert store.sql(query, {"key": "lr", "run": run_id, "more": 1}).columns == [["0.1"]]


def test_values_are_bound_by_position(store, run_id):
    query = "select value from params where key = ? and '?' <> '%s' and run_id = ? /* ? % */;"
    assert store.sql(query, ["é", run_id]).columns == [["日本"]]


@pytest.mark.parametrize(
    "query, params, words",
    [
        ("select value from params where key = :key", {"kye": 1}, "key"),
        ("select value from params where key = ?", [], "SQL"),
        ("select value from params where key = ?", ["a", "b"], "SQL"),
        ("select value from params where key = ?", "a", "params"),
        ("select value from params where key = :key", {"key": ["a"]}, "key"),
        ("select value from params where key = :key", {"key": 2**63}, "key"),
        ("select nope from runs", None, "SQL"),
        ("selec", None, "(?i)sql|reads only"),
        ("", None, "no query"),
        ("-- nothing", None, "no query"),
        ("select 1; select 2", None, "one statement"),
        ("delete from param", None, READS_ONLY),
        ("insert into tag values (1, 'a', 'b')", None, READS_ONLY),
        ("update run set name = 'x'", None, READS_ONLY),
        ("drop view runs", None, READS_ONLY),
        ("create table t (a int)", None, READS_ONLY),
        ("commit", None, READS_ONLY),
        ("begin", None, READS_ONLY),
    ],
)
def test_what_is_wrong_or_writes_is_refused(store, run_id, query, params, words):
    with pytest.raises(InvalidParameter, match=words):
        store.sql(query, params)
    assert store.get_run(run_id).data.params == {"lr": "0.1", "é": "日本"}
    assert store.sql("select count(*) as n from runs").columns == [[1]]
