from __future__ import annotations

import math
import sys

import pytest

from runlog import dataframes
from runlog.errors import MissingExtra, NotFound
from runlog.store import open_store

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

FIRST = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]


@pytest.fixture
def store():
    opened = open_store("runlog.db")
    yield opened
    opened.close()


@pytest.fixture
def two(store):
    """An ended run `a` and a running one `b` that share a param and nothing else."""
    store.create_run("0", start_time=1_000, run_id="a")
    store.create_run("0", start_time=1_700_000_000_123, run_id="b")
    store.log("a", [("loss", 0.5, 0, 0), ("loss", math.nan, 5, 1)], [("p", "1"), ("only a", "é")])
    store.log("b", [("acc", -0.0, 7, 3)], [("p", "")], [("t", "x")])
    store.update_run("a", "FINISHED", 2_500)
    return store


def runs_frame(store, **search):
    return dataframes.runs(store.search_run_columns(["0"], **search))


def test_columns(two):
    frame = runs_frame(two)
    assert list(frame) == [
        *FIRST, "metrics.acc", "metrics.loss", "params.only a", "params.p", "tags.mlflow.runName",
        "tags.t",
    ]  # fmt: skip
    assert frame["run_id"].tolist() == ["b", "a"]
    assert frame["experiment_id"].tolist() == ["0", "0"]
    assert frame["status"].tolist() == ["RUNNING", "FINISHED"]
    assert frame["artifact_uri"].tolist() == [
        two.get_run(run).info.artifact_uri for run in ("b", "a")
    ]


def test_what_a_run_lacks(two):
    frame = runs_frame(two, order_by=["start_time"])
    assert repr(frame["metrics.acc"].tolist()) == "[nan, -0.0]"
    assert frame["params.only a"].dropna().to_dict() == {0: "é"}
    assert frame["params.p"].tolist() == ["1", ""]
    assert frame["tags.t"].dropna().to_dict() == {1: "x"}


def test_types(two):
    frame = runs_frame(two)
    assert frame["metrics.acc"].dtype == frame["metrics.loss"].dtype == "float64"
    for name in ("run_id", "params.p", "tags.t"):
        assert str(frame[name].dtype) in ("object", "str")  # pandas 2 and 3
    for name in ("start_time", "end_time"):
        assert isinstance(frame[name].dtype, pd.DatetimeTZDtype)
        assert str(frame[name].dt.tz) == "UTC"


def test_times(two):
    frame = runs_frame(two)
    assert frame["start_time"].tolist() == [
        pd.Timestamp("2023-11-14T22:13:20.123Z"),
        pd.Timestamp("1970-01-01T00:00:01Z"),
    ]
    assert frame["end_time"].isna().tolist() == [True, False]
    assert frame["end_time"][1] - frame["start_time"][1] == pd.Timedelta("1.5s")


def test_times_beyond_the_calendar_of_nanoseconds(store):
    store.create_run("0", start_time=2**53)
    assert runs_frame(store)["start_time"][0].year > 200_000


def test_nothing_found(store):
    frame = runs_frame(store)
    assert (list(frame), len(frame)) == (FIRST, 0)
    assert isinstance(frame["end_time"].dtype, pd.DatetimeTZDtype)


def test_a_frame_may_be_changed(two):
    frame = runs_frame(two)
    frame.loc[0, "metrics.acc"] = 5.0
    frame["new"] = [1, 2]
    assert repr(two.get_run("b").data.metrics) == "{'acc': -0.0}"


def test_one_history(two):
    found = dataframes.history(two, "a", "loss")
    assert (found.run_id, found.key, len(found)) == ("a", "loss", 2)
    assert (found.steps.tolist(), found.timestamps.tolist()) == ([0, 1], [0, 5])
    assert repr(found.values.tolist()) == "[0.5, nan]"
    kinds = [column.dtype for column in (found.steps, found.timestamps, found.values)]
    assert kinds == ["int64", "int64", "float64"]


def test_a_history_as_a_frame(two):
    frame = dataframes.history(two, "b", "acc").to_pandas()
    assert list(frame) == ["step", "timestamp", "value"]
    assert frame["timestamp"][0] == pd.Timestamp("1970-01-01T00:00:00.007Z")
    assert (frame["step"][0], repr(float(frame["value"][0]))) == (3, "-0.0")


def test_no_history(two):
    with pytest.raises(NotFound, match="run a has no metric 'acc'"):
        dataframes.history(two, "a", "acc")
    with pytest.raises(NotFound, match="Run with id=c not found"):
        dataframes.history(two, "c", "acc")


def test_steps_and_times_of_64_bits(store):
    store.create_run("0", run_id="a")
    steps = [-(2**63), 2**63 - 1, 0]
    store.log("a", [("m", 1.0, 2**53 + 1, step) for step in steps])
    found = dataframes.history(store, "a", "m")
    assert found.steps.tolist() == sorted(steps)
    assert set(found.timestamps.tolist()) == {2**53 + 1}


def test_histories(two):
    frame = dataframes.histories(two, ["b", "a"], None)
    assert list(frame) == ["run_id", "key", "step", "timestamp", "value"]
    assert frame["run_id"].tolist() == ["b", "a", "a"]
    assert frame["key"].tolist() == ["acc", "loss", "loss"]
    assert frame["step"].tolist() == [3, 0, 1]
    assert repr(frame["value"].tolist()) == "[-0.0, 0.5, nan]"
    assert [str(frame[name].dtype) for name in ("run_id", "step", "value")] == [
        "category",
        "int64",
        "float64",
    ]


@pytest.mark.parametrize("runs, keys", [([], None), (["a"], []), (["a", "b"], ["none"])])
def test_no_histories(two, runs, keys):
    frame = dataframes.histories(two, runs, keys)
    assert (len(frame), list(frame)) == (0, ["run_id", "key", "step", "timestamp", "value"])
    assert [str(frame[name].dtype) for name in ("step", "value")] == ["int64", "float64"]


def test_histories_group_by_run_and_key(two):
    frame = dataframes.histories(two, ["a", "b"], ["loss", "acc"])
    counts = frame.groupby(["run_id", "key"], observed=True)["value"].size()
    assert counts.to_dict() == {("a", "loss"): 2, ("b", "acc"): 1}


def test_tables_below_each_other():
    tables = [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2], "b": ["x"]})]
    frame = dataframes.below_each_other(tables)
    assert (frame["a"].tolist(), frame.index.tolist()) == ([1, 2], [0, 1])
    assert len(dataframes.below_each_other([])) == 0


@pytest.mark.parametrize("package", ["numpy", "pandas"])
def test_without_the_package(two, monkeypatch, package):
    columns = two.search_run_columns(["0"])
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra) as caught:
        dataframes.runs(columns)
    assert package in caught.value.message
    assert "pip install 'runlog-tracking[pandas]'" in caught.value.message
    assert isinstance(caught.value, ImportError)
