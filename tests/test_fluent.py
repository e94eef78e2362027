"""The module-level functions, as a script uses them. How runs end is in test_endings.py."""

from __future__ import annotations

import decimal
import json
import math
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import runlog
from runlog.clock import now
from runlog.entities import Dataset, LoggedModelInput, LoggedModelOutput, Metric, ViewType
from runlog.errors import AlreadyExists, InvalidParameter, NotFound, RunlogError


def data(run):
    return runlog.get_run(run.info.run_id).data


def status(run):
    return runlog.get_run(run.info.run_id).info.status


# -------------------------------------------------------------------------------------- places


def test_the_place_is_the_working_directory_by_default(tmp_path):
    assert runlog.get_tracking_uri() == str(tmp_path / "runlog.db")
    assert not runlog.is_tracking_uri_set()
    runlog.create_experiment("a")
    assert (tmp_path / "runlog.db").is_file()


@pytest.mark.parametrize(
    "uri, file",
    [
        ("x.db", "x.db"),
        ("folder/", "folder/runlog.db"),
        ("sqlite:///x.db", "x.db"),
        ("file:{}/some%20folder", "some folder/runlog.db"),
        ("{}/deep/x.db", "deep/x.db"),
    ],
)
def test_places(tmp_path, uri, file):
    runlog.set_tracking_uri(uri.format(tmp_path))
    assert runlog.is_tracking_uri_set()
    with runlog.start_run() as run:
        runlog.log_text("x", "a.txt")
    assert (tmp_path / file).is_file()
    assert (tmp_path / file).parent / "artifacts" / "0" / run.info.run_id / "artifacts" == (
        tmp_path / runlog.get_run(run.info.run_id).info.artifact_uri
    )


def test_a_place_as_a_path_stays_where_it_was_said(tmp_path, monkeypatch):
    runlog.set_tracking_uri(tmp_path / "x.db")
    (tmp_path / "other").mkdir()
    runlog.set_tracking_uri("y.db")
    monkeypatch.chdir("other")
    assert runlog.get_tracking_uri() == str(tmp_path / "y.db")
    assert os.environ["RUNLOG_TRACKING_URI"] == str(tmp_path / "y.db")
    runlog.set_tracking_uri("")
    assert runlog.get_tracking_uri() == str(tmp_path / "other" / "runlog.db")


def test_places_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "mlflow.db")
    assert runlog.get_tracking_uri() == str(tmp_path / "mlflow.db")
    monkeypatch.setenv("RUNLOG_TRACKING_URI", "ours.db")
    assert runlog.get_tracking_uri() == str(tmp_path / "ours.db")
    assert runlog.is_tracking_uri_set()
    runlog.set_tracking_uri("said.db")
    assert runlog.get_tracking_uri() == str(tmp_path / "said.db")


@pytest.mark.parametrize("uri", ["oracle://x/y", "s3://x", "sqlite:///:memory:"])
def test_places_that_are_none(uri):
    runlog.set_tracking_uri(uri)
    with pytest.raises(InvalidParameter, match="tracking URI"):
        runlog.start_run()
    assert runlog.active_run() is None


def test_a_run_stays_in_the_place_where_it_started():
    run = runlog.start_run()
    first = runlog.get_tracking_uri()
    runlog.set_tracking_uri("other.db")
    runlog.log_metric("m", 1)
    runlog.log_text("x", "a.txt")
    runlog.end_run()
    assert runlog.search_runs(output_format="list") == []
    runlog.set_tracking_uri(first)
    assert (data(run).metrics, status(run)) == ({"m": 1.0}, "FINISHED")


# --------------------------------------------------------------------------------- experiments


def test_experiments():
    number = runlog.create_experiment("a", tags={"k": "v"})
    assert runlog.get_experiment(number) == runlog.get_experiment_by_name("a")
    assert runlog.get_experiment_by_name("b") is None
    with pytest.raises(AlreadyExists):
        runlog.create_experiment("a")
    runlog.delete_experiment(number)
    assert runlog.get_experiment(number).lifecycle_stage == "deleted"
    assert [each.name for each in runlog.search_experiments()] == ["Default"]
    assert [each.name for each in runlog.list_experiments(ViewType.DELETED_ONLY)] == ["a"]


def test_experiment_searches():
    for number in range(5):
        runlog.create_experiment(f"e{number}", tags={"even": number % 2 == 0})
    found = runlog.search_experiments(filter_string="tags.even = 'True'", order_by=["name DESC"])
    assert [each.name for each in found] == ["e4", "e2", "e0"]
    assert len(runlog.search_experiments(max_results=4)) == 4
    assert len(runlog.search_experiments(max_results=10)) == 6
    assert runlog.search_experiments(max_results=0) == []
    with pytest.raises(InvalidParameter, match="max_results"):
        runlog.search_experiments(max_results=-1)


def test_set_experiment():
    made = runlog.set_experiment("a")
    assert (made.name, made.experiment_id) == ("a", "1")
    assert runlog.set_experiment("a") == made
    assert runlog.set_experiment(experiment_id="1") == made
    assert os.environ["RUNLOG_EXPERIMENT_NAME"] == "a"
    with runlog.start_run() as run:
        assert run.info.experiment_id == "1"
    with runlog.start_run(experiment_id="0") as run:
        assert run.info.experiment_id == "0"


@pytest.mark.parametrize(
    "given, error",
    [
        ({}, InvalidParameter),
        ({"experiment_name": "a", "experiment_id": "0"}, InvalidParameter),
        ({"experiment_id": "7"}, NotFound),
        ({"experiment_id": "x"}, InvalidParameter),
        ({"experiment_name": ""}, InvalidParameter),
    ],
)
def test_set_experiment_refuses(given, error):
    with pytest.raises(error):
        runlog.set_experiment(**given)
    with runlog.start_run() as run:
        assert run.info.experiment_id == "0"


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_deleted_experiment_is_not_set(by):
    number = runlog.create_experiment("a")
    runlog.delete_experiment(number)
    given = {"name": "a", "id": number}[by]
    with pytest.raises(InvalidParameter, match="Cannot set a deleted experiment 'a'"):
        runlog.set_experiment(**{f"experiment_{by}": given})


def test_tags_of_the_experiment_in_use():
    runlog.set_experiment("a")
    runlog.set_experiment_tag("k", 1)
    runlog.set_experiment_tags({"l": 2, "m": 3})
    runlog.delete_experiment_tag("l")
    assert runlog.get_experiment_by_name("a").tags == {"k": "1", "m": "3"}
    assert runlog.get_experiment("0").tags == {}


@pytest.mark.parametrize("prefix", ["MLFLOW_", "RUNLOG_"])
def test_the_experiment_of_the_environment(monkeypatch, prefix):
    monkeypatch.setenv(prefix + "EXPERIMENT_NAME", "a")
    assert runlog.start_run().info.experiment_id == "1"
    runlog.end_run()
    monkeypatch.setenv(prefix + "EXPERIMENT_ID", "1")
    assert runlog.start_run().info.experiment_id == "1"
    runlog.end_run()
    monkeypatch.setenv(prefix + "EXPERIMENT_ID", "0")
    with pytest.raises(InvalidParameter, match="experiment 'a', which has the id 1, and the id 0"):
        runlog.start_run()
    monkeypatch.delenv(prefix + "EXPERIMENT_NAME")
    assert runlog.start_run().info.experiment_id == "0"
    runlog.end_run()
    monkeypatch.setenv(prefix + "EXPERIMENT_ID", "7")
    with pytest.raises(InvalidParameter, match="experiment id 7, which does not exist"):
        runlog.start_run()


def test_what_is_said_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "a")
    assert runlog.set_experiment("b").experiment_id == "1"
    with runlog.start_run() as run:
        assert run.info.experiment_id == "1"
    # A process that is started now finds one experiment in its environment, not two.
    assert "MLFLOW_EXPERIMENT_NAME" not in os.environ
    assert runlog.get_experiment_by_name("a") is None


# ---------------------------------------------------------------------------------------- runs


def test_a_run():
    before = now()
    with runlog.start_run() as run:
        assert runlog.active_run() is run
        assert isinstance(run, runlog.ActiveRun) and isinstance(run, runlog.Run)
        assert runlog.last_active_run() is run
        assert status(run) == "RUNNING"
    assert runlog.active_run() is None
    ended = runlog.last_active_run()
    assert ended == runlog.get_run(run.info.run_id) != run
    assert (ended.info.status, run.info.status) == ("FINISHED", "RUNNING")
    assert before <= ended.info.start_time <= ended.info.end_time <= now()


def test_a_run_is_shown():
    with runlog.start_run(run_name="<b>") as run:
        assert repr(run).startswith(f"ActiveRun(info=RunInfo(run_id={run.info.run_id!r}")
        assert run.to_dictionary() == runlog.get_run(run.info.run_id).to_dictionary()
        assert "Run &lt;b&gt; (RUNNING)" in run._repr_html_()


def test_there_is_no_run_at_first():
    assert runlog.active_run() is runlog.last_active_run() is None
    runlog.end_run()


def test_everything_a_run_is_started_with():
    number = runlog.create_experiment("a")
    runlog.start_run(
        experiment_id=number, run_name="it's", tags={"k": 1, "mlflow.user": "ann"},
        description="**new**",
    )  # fmt: skip
    run = runlog.last_active_run()
    assert (run.info.experiment_id, run.info.run_name) == (number, "it's")
    assert (run.info.user_id, run.data.tags["k"]) == ("ann", "1")
    assert run.data.tags["mlflow.note.content"] == "**new**"


def test_default_tags():
    with runlog.start_run() as run:
        tags = data(run).tags
    assert tags["mlflow.user"] == run.info.user_id
    assert tags["mlflow.source.name"] == sys.argv[0]
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.runName"] == run.info.run_name


@pytest.mark.parametrize("how", ["FINISHED", "FAILED", "KILLED", "SCHEDULED"])
def test_end_run(how):
    run = runlog.start_run()
    runlog.end_run(how)
    assert (status(run), runlog.active_run()) == (how, None)


def test_a_second_run_needs_to_be_nested():
    run = runlog.start_run()
    with pytest.raises(RunlogError) as caught:
        runlog.start_run()
    assert f"Run with UUID {run.info.run_id} is already active" in caught.value.message
    assert runlog.active_run() is run


def test_nested_runs():
    with runlog.start_run() as outer:
        with runlog.start_run(nested=True) as middle:
            with runlog.start_run(nested=True) as inner:
                runlog.log_metric("m", 3)
            runlog.log_metric("m", 2)
        assert runlog.active_run() is outer
        runlog.log_metric("m", 1)
    assert [data(run).metrics["m"] for run in (outer, middle, inner)] == [1, 2, 3]
    parents = [data(run).tags.get("mlflow.parentRunId") for run in (outer, middle, inner)]
    assert parents == [None, outer.info.run_id, middle.info.run_id]
    assert runlog.get_parent_run(inner.info.run_id).info.run_id == middle.info.run_id
    assert runlog.get_parent_run(outer.info.run_id) is None
    assert {status(run) for run in (outer, middle, inner)} == {"FINISHED"}


def test_what_was_not_ended_ends_with_what_is_around_it():
    with runlog.start_run() as outer:
        inner = runlog.start_run(nested=True)
    assert (status(inner), status(outer), runlog.active_run()) == ("FINISHED", "FINISHED", None)


def test_an_inner_run_ends_for_itself():
    with pytest.raises(ZeroDivisionError), runlog.start_run() as outer:
        with runlog.start_run(nested=True) as inner:
            runlog.end_run("KILLED")
        runlog.start_run(nested=True)
        raise ZeroDivisionError("not today")
    assert (status(inner), status(outer)) == ("KILLED", "FAILED")
    assert "ZeroDivisionError: not today" in data(outer).tags["runlog.traceback"]


def test_a_parent_elsewhere():
    with runlog.start_run() as parent:
        pass
    with runlog.start_run(parent_run_id=parent.info.run_id) as child:
        assert data(child).tags["mlflow.parentRunId"] == parent.info.run_id
        with runlog.start_run(nested=True, parent_run_id=child.info.run_id) as grandchild:
            assert data(grandchild).tags["mlflow.parentRunId"] == child.info.run_id
        with pytest.raises(RunlogError, match="does not match the specified parent_run_id"):
            runlog.start_run(nested=True, parent_run_id=parent.info.run_id)


def test_parents_that_cannot_be():
    with runlog.start_run() as parent:
        pass
    runlog.delete_run(parent.info.run_id)
    with pytest.raises(RunlogError, match="in the deleted state"):
        runlog.start_run(parent_run_id=parent.info.run_id)
    with pytest.raises(NotFound):
        runlog.start_run(parent_run_id="f" * 32)
    assert runlog.active_run() is None


def test_going_on_with_a_run():
    with runlog.start_run(run_name="first", tags={"k": "1", "l": "1"}) as run:
        runlog.log_metric("m", 1)
    with runlog.start_run(run.info.run_id, tags={"k": 2}, description="more") as again:
        assert (again.info.run_id, again.info.status) == (run.info.run_id, "RUNNING")
        assert again.data.metrics == {"m": 1.0}
        runlog.log_metric("m", 2, step=1)
    tags = data(run).tags
    assert (tags["k"], tags["l"], tags["mlflow.note.content"]) == ("2", "1", "more")
    assert (status(run), data(run).metrics) == ("FINISHED", {"m": 2.0})
    with runlog.start_run(run.info.run_id, run_name="second") as again:
        assert again.info.run_name == "second"
    assert len(runlog.search_runs(output_format="list")) == 1


def test_going_on_in_an_experiment():
    with runlog.start_run() as run:
        pass
    runlog.set_experiment("a")
    with pytest.raises(RunlogError, match="active experiment ID 1 does not match the run's 0"):
        runlog.start_run(run.info.run_id)
    runlog.set_experiment(experiment_id="0")
    with runlog.start_run(run.info.run_id):
        pass


@pytest.mark.parametrize("run_id, error", [("f" * 32, NotFound), ("not an id", InvalidParameter)])
def test_no_run_to_go_on_with(run_id, error):
    with pytest.raises(error):
        runlog.start_run(run_id)
    assert runlog.active_run() is None


def test_a_deleted_run_is_over():
    with runlog.start_run() as run:
        pass
    runlog.delete_run(run.info.run_id)
    with pytest.raises(RunlogError, match="because it is in the deleted state"):
        runlog.start_run(run.info.run_id)


@pytest.mark.parametrize("prefix", ["MLFLOW_", "RUNLOG_"])
def test_the_run_of_the_environment(monkeypatch, prefix):
    with runlog.start_run() as run:
        pass
    monkeypatch.setenv(prefix + "RUN_ID", run.info.run_id)
    other = runlog.RunlogClient().create_run("0").info.run_id
    with runlog.start_run(other) as active:
        assert active.info.run_id == other
    with runlog.start_run() as active:
        assert active.info.run_id == run.info.run_id
        assert prefix + "RUN_ID" not in os.environ
    with runlog.start_run() as active:
        assert active.info.run_id not in (other, run.info.run_id)


def test_a_description_twice():
    with pytest.raises(InvalidParameter, match="Description is already set via the tag"):
        runlog.start_run(description="a", tags={"mlflow.note.content": "b"})
    assert runlog.search_runs(output_format="list") == []


def test_a_run_that_cannot_start_leaves_no_trace():
    with pytest.raises(NotFound):
        runlog.start_run(experiment_id="7")
    with pytest.raises(InvalidParameter):
        runlog.start_run(tags={"bad\nkey": "1"})
    with pytest.raises(InvalidParameter, match="tags 'bad' is a str: it must be a dictionary"):
        runlog.start_run(tags="bad")
    assert runlog.active_run() is None
    assert runlog.search_runs(output_format="list") == []


def test_deleting():
    with runlog.start_run() as run:
        pass
    runlog.delete_run(run.info.run_id)
    assert runlog.search_runs(output_format="list") == []
    assert runlog.get_run(run.info.run_id).info.lifecycle_stage == "deleted"


# ------------------------------------------------------------------------------------- threads


def test_a_thread_logs_to_the_run_of_the_main_one():
    with runlog.start_run() as run:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda step: runlog.log_metric("m", step, step), range(100)))
        assert len(runlog.metric_history(run, "m")) == 100
    assert len(runlog.search_runs(output_format="list")) == 1


def test_a_thread_has_runs_of_its_own():
    found = {}

    def work():
        with runlog.start_run(nested=True) as mine:
            runlog.log_metric("m", 2)
            found["mine"], found["active"] = mine, runlog.active_run()
        found["after"] = runlog.active_run()

    with runlog.start_run() as run:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        runlog.log_metric("m", 1)
    assert found["active"] is found["mine"] and found["after"] is run
    assert [data(each).metrics for each in (run, found["mine"])] == [{"m": 1.0}, {"m": 2.0}]
    assert data(found["mine"]).tags["mlflow.parentRunId"] == run.info.run_id
    assert status(found["mine"]) == "FINISHED"


# ------------------------------------------------------------------------------------- logging


@pytest.mark.parametrize(
    "call",
    [
        lambda: runlog.log_metric("m", 1),
        lambda: runlog.log_metrics({"m": 1}),
        lambda: runlog.log_param("p", 1),
        lambda: runlog.log_params({"p": 1}),
        lambda: runlog.set_tag("t", 1),
        lambda: runlog.set_tags({"t": 1}),
        lambda: runlog.log_text("x", "a.txt"),
        lambda: runlog.log_dict({}, "a.json"),
        lambda: runlog.log_inputs(),
        lambda: runlog.get_artifact_uri(),
    ],
)
def test_a_run_starts_by_itself(call):
    call()
    run = runlog.active_run()
    assert status(run) == "RUNNING"
    call()
    assert runlog.active_run() is run
    runlog.end_run()
    assert status(run) == "FINISHED"


def test_metrics():
    before = now()
    with runlog.start_run() as run:
        runlog.log_metric("a", 1)
        runlog.log_metric("a", 2, 5, timestamp=7)
        runlog.log_metrics({"a": 3, "b": math.nan}, step=6, timestamp=8)
        runlog.log_metrics({})
    run_id = run.info.run_id
    *early, late = runlog.RunlogClient().get_metric_history(run_id, "a")
    assert early == [Metric("a", 2.0, 7, 5, run_id=run_id), Metric("a", 3.0, 8, 6, run_id=run_id)]
    assert (late.value, late.step) == (1.0, 0)
    assert before <= late.timestamp <= now()
    assert repr(data(run).metrics) == "{'a': 3.0, 'b': nan}"


def test_metrics_are_kept_all_or_none():
    with runlog.start_run() as run:
        with pytest.raises(InvalidParameter, match="metric 'b' got 'two'"):
            runlog.log_metrics({"a": 1, "b": "two"})
        with pytest.raises(InvalidParameter, match="metric key"):
            runlog.log_metrics({"a": 1, "b\n": 2})
    assert data(run).metrics == {}


class Tensor:
    """As a scalar of torch: not a number, but it gives one."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value

    def __float__(self):
        return float(self.value)


@pytest.mark.parametrize("value", [True, 1, 1.0, decimal.Decimal(1), Tensor(1), Tensor(1.0)])
def test_numbers(value):
    with runlog.start_run() as run:
        runlog.log_metric("m", value)
        runlog.log_metrics({"n": value}, step=Tensor(3))
    assert data(run).metrics == {"m": 1.0, "n": 1.0}


def test_numpy_numbers():
    np = pytest.importorskip("numpy")
    with runlog.start_run() as run:
        for step in np.arange(3):
            runlog.log_metric("m", np.float32(0.1), step)
        runlog.log_metrics({"i": np.int64(3), "b": np.bool_(True), "a": np.array([2.5])})
        runlog.log_param("p", np.float64(0.5))
    assert data(run).metrics == {"m": float(np.float32(0.1)), "i": 3.0, "b": 1.0, "a": 2.5}
    assert data(run).params == {"p": "0.5"}
    assert runlog.metric_history(run, "m").steps.tolist() == [0, 1, 2]


def test_params():
    with runlog.start_run() as run:
        assert runlog.log_param("a", 0.1) == 0.1
        assert runlog.log_params({"b": None, "c": [1], "d": "x" * 10_000}) is None
        runlog.log_param("a", "0.1")
        with pytest.raises(InvalidParameter, match="Changing param values is not allowed"):
            runlog.log_params({"new": 1, "a": 0.2})
    assert data(run).params == {"a": "0.1", "b": "None", "c": "[1]", "d": "x" * 10_000}


def test_tags():
    with runlog.start_run() as run:
        runlog.set_tag("a", 1)
        runlog.set_tags({"a": 2, "b": "é", "mlflow.runName": "other"})
        runlog.delete_tag("b")
        with pytest.raises(NotFound, match="No tag with name: b in run"):
            runlog.delete_tag("b")
    assert data(run).tags["a"] == "2"
    assert "b" not in data(run).tags
    assert runlog.get_run(run.info.run_id).info.run_name == "other"


def test_logging_to_another_run(tmp_path):
    other = runlog.RunlogClient().create_run("0")
    run_id = other.info.run_id
    (tmp_path / "f.txt").write_text("f")
    with runlog.start_run() as run:
        runlog.log_metric("m", 1, run_id=run_id)
        runlog.log_metrics({"n": 1}, run_id=run_id)
        runlog.log_params({"p": 1}, run_id=run_id)
        runlog.log_text("x", "a.txt", run_id=run_id)
        runlog.log_dict({}, "b.json", run_id=run_id)
        runlog.log_artifact("f.txt", run_id=run_id)
        runlog.log_artifacts(tmp_path / "artifacts" / "0" / run_id, "all", run_id)
    assert (data(other).metrics, data(other).params) == ({"m": 1.0, "n": 1.0}, {"p": "1"})
    assert data(run).metrics == data(run).params == {}
    client = runlog.RunlogClient()
    names = [file.path for file in client.list_artifacts(run_id)]
    assert names == ["a.txt", "all", "b.json", "f.txt"]
    assert client.list_artifacts(run.info.run_id) == []


def test_synchronous_or_not():
    with runlog.start_run() as run:
        waiting = [
            runlog.log_metric("m", 1, synchronous=False),
            runlog.log_metrics({"n": 1}, synchronous=False),
            runlog.log_param("p", 1, synchronous=False),
            runlog.log_params({"q": 1}, synchronous=False),
            runlog.set_tag("t", 1, synchronous=False),
            runlog.set_tags({"u": 1}, synchronous=False),
        ]
        assert (data(run).metrics, data(run).params) == ({"m": 1.0, "n": 1.0}, {"p": "1", "q": "1"})
        assert [each.wait() for each in waiting] == [None] * 6
        assert runlog.log_metric("m", 1, synchronous=True) is None
        assert runlog.log_param("p", 1, synchronous=True) == 1
    runlog.flush_async_logging()
    runlog.flush()


# ----------------------------------------------------------------------------------- artifacts


def artifacts(run, path=None):
    return [file.path for file in runlog.artifacts.list_artifacts(
        run_id=run.info.run_id, artifact_path=path)]  # fmt: skip


def test_files(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    with runlog.start_run() as run:
        runlog.log_artifact("in/a.txt")
        runlog.log_artifact(tmp_path / "in", "x")
        runlog.log_artifacts("in", "y")
        runlog.log_text("é", "t.txt")
        runlog.log_dict({"a": 1}, "d.json")
        with open("in/a.txt", "rb") as file:
            runlog.log_stream(file, "s.bin")
    assert artifacts(run) == ["a.txt", "d.json", "s.bin", "t.txt", "x", "y"]
    assert artifacts(run, "x/in") == ["x/in/a.txt"]
    assert artifacts(run, "y") == ["y/a.txt"]


def test_artifacts_are_read_by_uri():
    with runlog.start_run() as run:
        runlog.log_text("é", "deep/t.txt")
        runlog.log_dict({"a": [1]}, "d.json")
        uri = runlog.get_artifact_uri("deep/t.txt")
        assert runlog.get_artifact_uri() == run.info.artifact_uri
    of_run = f"runs:/{run.info.run_id}/"
    assert runlog.artifacts.load_text(of_run + "deep/t.txt") == "é"
    assert runlog.artifacts.load_text(uri) == "é"
    assert runlog.artifacts.load_dict(of_run + "d.json") == {"a": [1]}
    path = runlog.artifacts.download_artifacts(of_run + "deep")
    assert os.listdir(path) == ["t.txt"]
    found = runlog.artifacts.list_artifacts(of_run + "deep")
    assert [file.path for file in found] == ["deep/t.txt"]


def test_pictures():
    np = pytest.importorskip("numpy")
    pytest.importorskip("PIL")
    with runlog.start_run() as run:
        assert runlog.log_image(np.zeros((3, 2)), "a.png") is None
        runlog.log_image(np.ones((3, 2, 3)), key="k", step=2)
    assert artifacts(run) == ["a.png", "images"]
    assert len(artifacts(run, "images")) == 2
    assert runlog.artifacts.load_image(f"runs:/{run.info.run_id}/a.png").size == (2, 3)


def test_figures():
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib.figure import Figure

    with runlog.start_run() as run:
        runlog.log_figure(Figure(), "f.png")
        runlog.log_figure(Figure(), "g.svg", save_kwargs={"transparent": True})
    assert artifacts(run) == ["f.png", "g.svg"]


def test_plotly_figures():
    plotly = pytest.importorskip("plotly.graph_objects")
    with runlog.start_run() as run:
        runlog.log_figure(plotly.Figure(plotly.Scatter(y=[1, 2])), "f.html")
    assert "plotly" in runlog.artifacts.load_text(f"runs:/{run.info.run_id}/f.html")


def test_tables():
    pytest.importorskip("pandas")
    runlog.set_experiment("a")
    for value in range(3):
        with runlog.start_run(tags={"value": value}) as run:
            runlog.log_table({"x": [value], "y": ["a"]}, "t.json")
            runlog.log_table({"x": [value + 10], "y": ["b"]}, "t.json")
    frame = runlog.load_table("t.json", extra_columns=["tags.value"])
    assert sorted(frame["x"]) == [0, 1, 2, 10, 11, 12]
    assert (frame["tags.value"].astype(int) == frame["x"] % 10).all()
    assert runlog.load_table("t.json", [run.info.run_id])["x"].tolist() == [2, 12]
    runlog.set_experiment("b")
    with pytest.raises(NotFound, match="No runs found"):
        runlog.load_table("t.json")


# -------------------------------------------------------------------------------------- inputs


def inputs(run):
    found = runlog.get_run(run.info.run_id).inputs.dataset_inputs
    return [(each.dataset.name, {tag.key: tag.value for tag in each.tags}) for each in found]


def test_inputs():
    one, two = Dataset("one", "1", "local", "{}"), Dataset("two", "2", "local", "{}")
    with runlog.start_run() as run:
        runlog.log_input(one, "training", {"k": "v"})
        runlog.log_input(two)
        runlog.log_input(None)
        runlog.log_inputs([one, two], [None, "test"], [{"l": "w"}, None])
    context = "mlflow.data.context"
    assert inputs(run) == [
        ("one", {"k": "v", "l": "w", context: "training"}),
        ("two", {context: "test"}),
    ]


@pytest.mark.parametrize("given", [([1], [], []), ([], ["a"], []), ([1], ["a"], None)])
def test_inputs_go_together(given):
    with runlog.start_run(), pytest.raises(InvalidParameter, match="as many of each"):
        runlog.log_inputs(*given)


def test_data_sets_from_memory():
    pd, np = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frame = runlog.data.from_pandas(pd.DataFrame({"a": [1, 2]}), name="frame", targets="a")
    array = runlog.data.from_numpy(np.zeros((2, 3)), name="array")
    with runlog.start_run() as run:
        runlog.log_input(frame, context="training")
        runlog.log_input(array)
    assert [name for name, _ in inputs(run)] == ["frame", "array"]
    kept = runlog.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset
    assert (kept.digest, json.loads(kept.profile)["num_rows"]) == (frame.digest, 2)
    found = runlog.search_runs(filter_string="datasets.name = 'frame'", output_format="list")
    assert [each.info.run_id for each in found] == [run.info.run_id]


# ------------------------------------------------------------------------------- logged models

DIGITS = Dataset("digits", "1", "local", "{}")


def test_a_model_is_made_by_the_active_run():
    runlog.set_experiment("used")
    alone = runlog.initialize_logged_model("alone", tags={"k": "v"})
    with runlog.start_run(experiment_id="0") as run:
        made = runlog.initialize_logged_model()
    assert (made.experiment_id, made.source_run_id) == ("0", run.info.run_id)
    assert (alone.experiment_id, alone.source_run_id, alone.status) == ("1", None, "PENDING")
    assert alone.tags["k"] == "v" and "mlflow.user" in alone.tags
    assert runlog.finalize_logged_model(alone.model_id, "READY").status == "READY"


def test_what_is_measured_of_a_model_makes_it_an_input_unless_the_run_made_it():
    read, made = (runlog.initialize_logged_model().model_id for _ in range(2))
    with runlog.start_run() as run:
        runlog.log_outputs([LoggedModelOutput(made, 2)])
        runlog.log_metric("acc", 0.5, model_id=read, dataset=DIGITS)
        runlog.log_metrics({"acc": 0.7, "f1": 0.6}, step=2, model_id=made, dataset=DIGITS)
        runlog.log_metric("loss", 1, dataset=DIGITS)
    kept = runlog.get_run(run.info.run_id)
    assert inputs(run) == [("digits", {})]
    assert kept.inputs.model_inputs == [LoggedModelInput(read)]
    assert dict(kept.data.metrics) == {"acc": 0.7, "f1": 0.6, "loss": 1.0}
    points = runlog.get_logged_model(made).metrics
    assert [(each.key, each.value, each.dataset_name, each.step) for each in points] == [
        ("acc", 0.7, "digits", 2),
        ("f1", 0.6, "digits", 2),
    ]


def test_a_bad_value_leaves_no_input_behind():
    model_id = runlog.initialize_logged_model().model_id
    with runlog.start_run() as run, pytest.raises(InvalidParameter, match="'x'"):
        runlog.log_metrics({"a": 1, "b": "x"}, model_id=model_id, dataset=DIGITS)
    assert inputs(run) == runlog.get_run(run.info.run_id).inputs.model_inputs == []
    assert data(run).metrics == {}


def test_a_search_for_models_goes_through_all_pages():
    for number in range(120):
        runlog.initialize_logged_model(f"m{number}")
    order = [{"field_name": "name", "ascending": False}]
    found = runlog.search_logged_models(order_by=order, output_format="list")
    assert [each.name for each in found] == sorted((f"m{n}" for n in range(120)), reverse=True)
    few = runlog.search_logged_models(["0"], "name LIKE 'm1%'", max_results=3, output_format="list")
    assert len(few) == 3


@pytest.mark.parametrize("call", [runlog.create_experiment, runlog.set_experiment])
def test_there_are_no_traces(call):
    call("a", trace_location=None)
    with pytest.raises(InvalidParameter, match="keeps no traces"):
        call("b", trace_location="somewhere")
    assert runlog.get_experiment_by_name("b") is None


# ------------------------------------------------------------------------------------- reading


@pytest.fixture
def three():
    """Runs with x = 0, 1, 2; the last is in the experiment `other`."""
    pytest.importorskip("pandas")
    made = []
    for x in range(3):
        number = "0" if x < 2 else runlog.create_experiment("other")
        with runlog.start_run(experiment_id=number, run_name=f"run {x}") as run:
            runlog.log_param("x", x)
            for step in range(x):
                runlog.log_metric("m", step * 0.5, step, timestamp=step)
        made.append(run)
    return made


def xs(frame):
    return sorted(map(int, frame["params.x"])) if len(frame) else []


def test_search_runs(three):
    frame = runlog.search_runs(order_by=["params.x"])
    assert list(frame)[:6] == [
        "run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time",
    ]  # fmt: skip
    assert frame["run_id"].tolist() == [run.info.run_id for run in three[:2]]
    assert repr(frame["metrics.m"].tolist()) == "[nan, 0.0]"
    assert frame["params.x"].tolist() == ["0", "1"]
    assert frame["tags.mlflow.runName"].tolist() == ["run 0", "run 1"]


@pytest.mark.parametrize(
    "given, found",
    [
        ({}, [0, 1]),
        ({"experiment_ids": ["1"]}, [2]),
        ({"experiment_ids": ["0", "1"]}, [0, 1, 2]),
        ({"experiment_ids": []}, [0, 1]),
        ({"experiment_names": ["other", "none"]}, [2]),
        ({"max_results": 0}, []),
        ({"search_all_experiments": True}, [0, 1, 2]),
        ({"search_all_experiments": True, "experiment_ids": []}, [0, 1, 2]),
        ({"filter_string": "params.x = '1'"}, [1]),
        ({"filter_string": "count(metrics.m) = 0 OR metrics.m = 0"}, [0, 1]),
        ({"search_all_experiments": True, "max_results": 2, "order_by": ["params.x"]}, [0, 1]),
    ],
)
def test_where_is_searched(three, given, found):
    assert xs(runlog.search_runs(**given)) == found
    runs = runlog.search_runs(**given, output_format="list")
    assert sorted(int(run.data.params["x"]) for run in runs) == found


def test_the_experiment_in_use_is_searched(three):
    runlog.set_experiment("other")
    assert xs(runlog.search_runs()) == [2]


def test_deleted_runs_are_found_if_asked_for(three):
    runlog.delete_run(three[0].info.run_id)
    assert xs(runlog.search_runs(run_view_type=ViewType.DELETED_ONLY)) == [0]
    assert xs(runlog.search_runs(run_view_type=ViewType.ALL)) == [0, 1]


@pytest.mark.parametrize(
    "given, error",
    [
        ({"output_format": "arrow"}, ValueError),
        ({"experiment_ids": ["0"], "experiment_names": ["other"]}, InvalidParameter),
        ({"filter_string": "params.x = 1"}, InvalidParameter),
        ({"order_by": "params.x"}, InvalidParameter),
        ({"max_results": -1}, InvalidParameter),
        ({"max_results": -1, "output_format": "list"}, InvalidParameter),
        ({"experiment_ids": "01"}, InvalidParameter),
        ({"experiment_names": "other"}, InvalidParameter),
    ],
)
def test_searches_that_cannot_be(three, given, error):
    with pytest.raises(error):
        runlog.search_runs(**given)


def test_one_history(three):
    found = runlog.metric_history(three[2].info.run_id, "m")
    assert found.values.tolist() == [0.0, 0.5]
    assert (found.steps.tolist(), found.timestamps.tolist()) == ([0, 1], [0, 1])
    assert found.to_pandas()["value"].tolist() == [0.0, 0.5]
    with pytest.raises(NotFound, match="has no metric 'n'"):
        runlog.metric_history(three[2], "n")


@pytest.mark.parametrize("keys", [None, "m", ["m"], ["n", "m"]])
def test_many_histories(three, keys):
    frame = runlog.metric_history([three[2], three[1].info.run_id, three[0]], keys)
    assert list(frame) == ["run_id", "key", "step", "timestamp", "value"]
    assert frame["run_id"].tolist() == [three[2].info.run_id] * 2 + [three[1].info.run_id]
    assert frame["value"].tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("keys", [None, ["m"]])
def test_histories_of_one_run(three, keys):
    assert runlog.metric_history(three[2], keys)["value"].tolist() == [0.0, 0.5]


# ------------------------------------------------------------------------------------- names


def test_every_public_name_is_there():
    assert all(getattr(runlog, name) is not None for name in runlog.__all__)
    assert set(dir(runlog)) >= {*runlog.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'log_models'"):
        runlog.log_models  # noqa: B018


@pytest.mark.parametrize("values", [list(range(300, 0, -1)), [0.5] * 100, [math.nan, 1.0]])
def test_points_without_a_step_are_kept_in_the_order_of_the_calls(values):
    client = runlog.RunlogClient()
    with runlog.start_run() as run:
        for value in values:
            runlog.log_metric("one", value)
            runlog.log_metrics({"many": value, "other": 1})
            client.log_metric(run.info.run_id, "by_client", value)
    for key in ("one", "many", "by_client"):
        kept = [point.value for point in client.get_metric_history(run.info.run_id, key)]
        assert repr(kept) == repr([float(value) for value in values])
        assert repr(client.get_run(run.info.run_id).data.metrics[key]) == repr(kept[-1])


def test_runs_that_ended_are_forgotten():
    from runlog import active_runs

    def work():
        with runlog.start_run():
            pass

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        work()
    assert active_runs._active == []


def test_the_name_given_comes_before_one_among_the_tags():
    with runlog.start_run(run_name="q", tags={"mlflow.runName": "zz"}) as run:
        pass
    assert runlog.get_run(run.info.run_id).info.run_name == "q"


def test_times_with_fractions_and_numbers_as_text():
    client = runlog.RunlogClient()
    run_id = client.create_run("0", start_time=1700000000000.5).info.run_id
    client.log_metric(run_id, "loss", "1.5", timestamp=1700000000000.7, step=2.0)
    client.set_terminated(run_id, end_time=1700000000001.9)
    (point,) = client.get_metric_history(run_id, "loss")
    assert (point.value, point.timestamp, point.step) == (1.5, 1700000000001, 2)
    assert client.get_run(run_id).info.end_time == 1700000000002
    with pytest.raises(InvalidParameter, match="whole"):
        client.log_metric(run_id, "loss", 1, step=1.5)


def test_runs_and_experiments_go_into_sets():
    with runlog.start_run(tags={"a": "b"}) as run:
        pass
    again = [runlog.get_run(run.info.run_id), runlog.get_run(run.info.run_id)]
    assert len(set(again)) == len({each.inputs for each in again}) == 1
    assert len({runlog.get_experiment("0"), runlog.get_experiment("0")}) == 1


def test_a_client_of_a_relative_place_stays_there(tmp_path, monkeypatch):
    client = runlog.RunlogClient(Path("mine.db"))
    run_id = client.create_run("0").info.run_id
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert client.get_run(run_id).info.run_id == run_id
    assert client.tracking_uri == str(tmp_path / "mine.db") and not os.listdir()


def test_what_is_restored():
    number = runlog.create_experiment("back")
    runlog.delete_experiment(number)
    runlog.restore_experiment(number)
    with runlog.start_run(experiment_id=number) as run:
        pass
    runlog.delete_run(run.info.run_id)
    runlog.restore_run(run.info.run_id)
    assert [each.info.run_id for each in runlog.search_runs([number], output_format="list")] == [
        run.info.run_id
    ]


def test_histories_of_what_a_search_found():
    pytest.importorskip("pandas")
    for value in (1.0, 2.0):
        with runlog.start_run():
            runlog.log_metric("m", value)
    found = runlog.search_runs()
    by_frame = runlog.metric_history(found, "m")
    assert list(by_frame["run_id"]) == list(found["run_id"])  # two of one millisecond: either order
    assert sorted(by_frame["value"]) == [1.0, 2.0]
    assert by_frame.equals(runlog.metric_history(runlog.search_runs(output_format="list"), "m"))


def test_module_names_of_mlflow():
    from runlog.exceptions import MlflowException, RestException
    from runlog.tracking.client import MlflowClient
    from runlog.tracking.fluent import log_metric

    assert MlflowClient is runlog.MlflowClient and log_metric is runlog.log_metric
    assert RestException is MlflowException is runlog.MlflowException


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda run: runlog.log_input("x"), "'x' is no data set"),
        (lambda run: runlog.set_tags(["a"]), "tags ['a'] is a list"),
        (lambda run: runlog.log_params([("a", 1)]), "params [('a', 1)] is a list"),
        (lambda run: runlog.log_metrics(5), "metrics 5 is a int"),
        (lambda run: runlog.set_experiment_tags("a"), "tags 'a' is a str"),
        (lambda run: runlog.log_text(5, "a.txt"), "the text for 'a.txt' is 5"),
        (lambda run: runlog.RunlogClient().log_text(run, None, "a.txt"), "is None"),
        (lambda run: runlog.RunlogClient().log_inputs(run, [{"a": 1}]), "{'a': 1} is no data set"),
        (lambda run: runlog.log_inputs(models=["m-1"]), "'m-1' is no logged model of a run"),
        (lambda run: runlog.log_outputs([LoggedModelInput("m")]), "is no logged model of a run"),
        (
            lambda run: runlog.search_logged_models(order_by=[{"field": "name"}]),
            "order_by holds {'field': 'name'}",
        ),
        (
            lambda run: runlog.search_logged_models(datasets=[{"dataset_digest": "1"}]),
            "datasets holds {'dataset_digest': '1'}",
        ),
        (lambda run: runlog.search_logged_models("0"), "must be a list of ids: ['0']"),
    ],
)
def test_a_value_of_another_kind_is_named(call, said):
    with runlog.start_run() as run, pytest.raises(InvalidParameter) as caught:
        call(run.info.run_id)
    assert said in caught.value.message
