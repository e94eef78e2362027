from __future__ import annotations

import math
import re

import pytest

from contract.names import BAD_KEYS, NOT_IDS, ODD_NAMES
from runlog.clock import now
from runlog.entities import RunInfo
from runlog.errors import AlreadyExists, InvalidParameter, NotFound

UNKNOWN = "f" * 32


def test_a_new_run(store):
    before = now()
    run = store.create_run("0")
    assert re.fullmatch("[0-9a-f]{32}", run.info.run_id)
    assert before <= run.info.start_time <= now()
    assert run.info.artifact_uri.endswith(f"/0/{run.info.run_id}/artifacts")
    assert re.fullmatch("[a-z]+-[a-z]+-[0-9]+", run.info.run_name)
    assert run.data.to_dictionary() == {
        "metrics": {},
        "params": {},
        "tags": {"mlflow.runName": run.info.run_name},
    }
    assert (run.info.status, run.info.end_time, run.info.user_id) == ("RUNNING", None, "")
    assert store.get_run(run.info.run_id) == run


def test_a_run_with_everything_given(store):
    number = store.create_experiment("a")
    tags = {"k": "v", "n": 1.5}
    run = store.create_run(number, "ann", 0, tags, "first", "Own_run-1")
    place = f"{store.get_experiment(number).artifact_location}/Own_run-1/artifacts"
    expected = ("Own_run-1", number, "ann", "RUNNING", 0, None, "active", place, "first")
    assert run.info == RunInfo(*expected)
    assert run.data.tags == {"k": "v", "n": "1.5", "mlflow.runName": "first"}
    assert store.get_run("Own_run-1") == run
    assert tags == {"k": "v", "n": 1.5}


@pytest.mark.parametrize("name", [*ODD_NAMES, "\ud800 is no text"])
def test_what_is_returned_is_what_is_kept(store, name):
    run = store.create_run("0", name, 1, {"k": name}, name)
    assert store.get_run(run.info.run_id) == run
    assert run.info.run_name == run.info.user_id == run.data.tags["k"]
    if name.isprintable():
        assert run.info.run_name == name


def test_ids_are_taken_once(store):
    store.create_run("0", tags={"k": "v"}, run_id="a")
    with pytest.raises(AlreadyExists, match="Run with id=a already exists"):
        store.create_run("0", tags={"k": "other"}, run_id="a")
    assert store.get_run("a").data.tags["k"] == "v"


@pytest.mark.parametrize("given", NOT_IDS)
def test_what_is_no_run_id(store, given):
    for call in (*WRITES.values(), *READS.values()):
        with pytest.raises(InvalidParameter, match="invalid run id"):
            call(store, given)
    if given is not None:
        with pytest.raises(InvalidParameter, match="invalid run id"):
            store.create_run("0", run_id=given)


def test_unknown_runs(store):
    for call in (*WRITES.values(), *READS.values()):
        with pytest.raises(NotFound, match=f"^Run with id={UNKNOWN} not found$"):
            call(store, UNKNOWN)


WRITES = {
    "update": lambda store, run: store.update_run(run, "FINISHED"),
    "update nothing": lambda store, run: store.update_run(run),
    "a point": lambda store, run: store.log_metric(run, "m", 2.0, 0, 0),
    "points": lambda store, run: store.log(run, [("m", 2.0, 0, 0)]),
    "a param": lambda store, run: store.log(run, params=[("p", "1")]),
    "a tag": lambda store, run: store.log(run, tags=[("mlflow.runName", "other")]),
    "log nothing": lambda store, run: store.log(run),
    "untag": lambda store, run: store.delete_tag(run, "mlflow.runName"),
    "inputs": lambda store, run: store.log_inputs(run, []),
}
READS = {
    "get": lambda store, run: store.get_run(run),
    "summary": lambda store, run: store.get_metric_summary(run),
    "histories": lambda store, run: store.histories([run]),
    "some histories": lambda store, run: store.histories([run], ["m"]),
    "delete": lambda store, run: store.delete_run(run),
    "restore": lambda store, run: store.restore_run(run),
}


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_run_with_a_bad_tag_is_not_made(store, key):
    with pytest.raises(InvalidParameter, match="tag key"):
        store.create_run("0", tags={"good": "1", key: "2"}, run_id="a")
    with pytest.raises(NotFound):
        store.get_run("a")


@pytest.mark.parametrize(
    "given",
    [
        {"experiment_id": "7"},
        {"start_time": -1},
        {"start_time": math.inf},
        {"start_time": "now"},
        {"run_name": "a", "tags": {"mlflow.runName": "b"}},
    ],
)
def test_a_run_that_cannot_be_made(store, given):
    with pytest.raises((InvalidParameter, NotFound)):
        store.create_run(**{"experiment_id": "0", **given})
    assert store.search_runs(["0"]) == []


def test_a_name_may_be_given_as_a_tag(store):
    for given in ({"tags": {"mlflow.runName": "a"}}, {"run_name": "a"}):
        run = store.create_run("0", **given)
        assert (run.info.run_name, run.data.tags) == ("a", {"mlflow.runName": "a"})


@pytest.mark.parametrize(
    "number, name",
    [(1, "RUNNING"), (2, "SCHEDULED"), (3, "FINISHED"), (4, "FAILED"), (5, "KILLED")],
)
def test_states(store, run_id, number, name):
    assert store.update_run(run_id, name).status == name
    assert store.update_run(run_id, number).status == name
    assert store.get_run(run_id).info.status == name


@pytest.mark.parametrize(
    "change",
    [{"status": "finished"}, {"status": ""}, {"status": 0}, {"end_time": -1}, {"end_time": "x"}],
)
def test_a_change_is_made_all_or_not(store, run_id, change):
    before = store.get_run(run_id)
    with pytest.raises(InvalidParameter):
        store.update_run(run_id, **{"status": "FAILED", "run_name": "other", **change})
    assert store.get_run(run_id) == before


def test_update(store, run_id):
    info = store.update_run(run_id, "FINISHED", 5, "it's é")
    assert (info.status, info.end_time, info.run_name) == ("FINISHED", 5, "it's é")
    assert store.update_run(run_id) == store.update_run(run_id, run_name="") == info
    run = store.get_run(run_id)
    assert run.info == info
    assert run.data.tags == {"mlflow.runName": "it's é"}


def test_the_name_tag_renames(store, run_id):
    store.log(run_id, tags=[("mlflow.runName", "a"), ("k", "v"), ("mlflow.runName", "it's b")])
    assert store.get_run(run_id).info.run_name == "it's b"


def test_ended_runs_take_more(store, run_id):
    store.update_run(run_id, "FINISHED", 5)
    store.log(run_id, [("m", 1.0, 9, 0)], [("p", "1")], [("t", "1")])
    run = store.get_run(run_id)
    assert (run.info.end_time, run.data.metrics, run.data.params) == (5, {"m": 1.0}, {"p": "1"})


def test_trash(store, run_id):
    store.restore_run(run_id)
    store.delete_run(run_id)
    store.delete_run(run_id)
    assert store.get_run(run_id).info.lifecycle_stage == "deleted"
    assert store.search_runs(["0"]) == []
    store.restore_run(run_id)
    assert store.get_run(run_id).info.lifecycle_stage == "active"


@pytest.mark.parametrize("write", WRITES)
def test_a_deleted_run_is_not_written_to(store, run_id, write):
    store.log(run_id, [("m", 1.0, 0, 0)])
    store.delete_run(run_id)
    before = store.get_run(run_id)
    with pytest.raises(InvalidParameter) as caught:
        WRITES[write](store, run_id)
    assert caught.value.message == (
        f"The run {run_id} must be in the 'active' state. Current state is deleted."
    )
    assert store.get_run(run_id) == before
    assert len(store.get_metric_history(run_id, "m")) == 1


def test_what_was_returned_stays_as_it_was(store, run_id):
    store.log(run_id, [("m", 1.0, 0, 0)], [("p", "1")], [("t", "1")])
    run, text = store.get_run(run_id), repr(store.get_run(run_id))
    found, history = store.search_runs(["0"]), store.get_metric_history(run_id, "m")
    store.log(run_id, [("m", 2.0, 0, 1)], [("q", "1")], [("t", "2")])
    store.update_run(run_id, "FINISHED")
    assert repr(run) == repr(found[0]) == text
    assert len(history) == 1


def test_a_closed_store_goes_on(store, run_id):
    store.log_metric(run_id, "m", 1.0, 0, 0)
    for _ in range(2):
        store.close()
    store.log_metric(run_id, "m", 2.0, 0, 1)
    store.flush()
    assert store.get_run(run_id).data.metrics == {"m": 2.0}
