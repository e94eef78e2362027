"""Trash, and what `gc` takes out of it for good."""

from __future__ import annotations

import time

import pytest

from runlog.entities import Dataset, DatasetInput, ViewType
from runlog.errors import InvalidParameter, NotFound


def logged(store, experiment_id="0", run_id=None):
    """A run that has something of everything."""
    info = store.create_run(experiment_id, run_id=run_id).info
    store.log(info.run_id, [("m", 1.0, 0, 0), ("n", 2.0, 0, 0)], [("p", "1")], [("t", "1")])
    store.log_inputs(info.run_id, [DatasetInput(Dataset("d", "1", "local", "{}"))])
    return info


def trashed(store, experiment_id="0"):
    info = logged(store, experiment_id)
    store.delete_run(info.run_id)
    return info


def test_what_is_in_the_trash_goes_and_the_rest_stays(store):
    gone, kept, uris = trashed(store), logged(store), []
    before = store.get_run(kept.run_id)
    assert store.gc(delete_artifacts=uris.append) == (1, 0)
    assert uris == [gone.artifact_uri]
    with pytest.raises(NotFound):
        store.get_run(gone.run_id)
    assert store.get_metric_history(gone.run_id, "m") == []
    assert store.get_run(kept.run_id) == before
    assert len(store.get_metric_history(kept.run_id, "m")) == 1
    assert store.gc() == (0, 0)


def test_a_deleted_experiment_goes_with_its_runs(store):
    number = store.create_experiment("a", tags={"k": "v"})
    logged(store, number)
    store.delete_experiment(number)
    assert store.gc() == (1, 1)
    assert store.search_experiments(ViewType.ALL) == [store.get_experiment("0")]
    assert store.search_runs([number], run_view_type=ViewType.ALL) == []
    assert store.create_experiment("a") != number


def test_an_experiment_stays_while_it_has_runs(store):
    number = store.create_experiment("a")
    run = logged(store, number).run_id
    store.delete_experiment(number)
    store.restore_run(run)
    assert store.gc() == (0, 0)
    assert store.get_experiment(number).lifecycle_stage == "deleted"
    store.delete_run(run)
    assert store.gc() == (1, 1)


def test_only_what_is_old_enough(store):
    old = trashed(store).run_id
    time.sleep(0.05)
    middle = time.time()
    time.sleep(0.05)
    new = trashed(store).run_id
    assert store.gc(older_than=60_000) == (0, 0)
    assert store.gc(older_than=int((time.time() - middle) * 1000)) == (1, 0)
    found = store.search_runs(["0"], run_view_type=ViewType.ALL)
    assert [run.info.run_id for run in found] == [new] != [old]


def test_only_the_chosen(store):
    number = store.create_experiment("a")
    runs = [trashed(store).run_id, trashed(store).run_id, trashed(store, number).run_id]
    assert store.gc(run_ids=[]) == (0, 0)
    assert store.gc(run_ids=[runs[1]]) == (1, 0)
    store.delete_experiment(number)
    assert store.gc(experiment_ids=[number]) == (1, 1)
    found = store.search_runs(["0"], run_view_type=ViewType.ALL)
    assert [run.info.run_id for run in found] == [runs[0]]


def test_what_is_active_is_not_deleted(store):
    run, other = logged(store).run_id, trashed(store).run_id
    with pytest.raises(InvalidParameter, match=f"run {run} is active"):
        store.gc(run_ids=[other, run])
    with pytest.raises(InvalidParameter, match="experiment 0 .* is active"):
        store.gc(experiment_ids=["0"])
    for wrong in ({"run_ids": ["f" * 32]}, {"experiment_ids": ["7"]}):
        with pytest.raises(NotFound):
            store.gc(**wrong)
    assert len(store.search_runs(["0"], run_view_type=ViewType.ALL)) == 2


def test_a_run_whose_artifacts_stay_stays(store):
    first, second, told = trashed(store), trashed(store), []

    def delete_artifacts(uri):
        if uri == second.artifact_uri:
            raise OSError("in the way")

    with pytest.raises(OSError, match="in the way"):
        store.gc(delete_artifacts=delete_artifacts, progress=lambda *done: told.append(done))
    assert told == [(1, 2)]
    assert store.get_run(second.run_id).data.params == {"p": "1"}
    assert store.gc(run_ids=[second.run_id]) == (1, 0)
    with pytest.raises(NotFound):
        store.get_run(first.run_id)


def test_an_id_used_again_is_another_run(store):
    logged(store, run_id="a")
    store.delete_run("a")
    store.gc()
    with pytest.raises(NotFound, match="Run with id=a not found"):
        store.log_metric("a", "m", 5.0, 0, 0)
    logged_again = store.create_run("0", run_id="a")
    assert logged_again.data.metrics == {}
    store.log_metric("a", "m", 6.0, 0, 0)
    assert store.get_run("a").data.metrics == {"m": 6.0}


def test_a_run_made_again_while_its_points_were_being_logged(store):
    logged(store, run_id="a")
    store.delete_run("a")
    store.gc()
    store.create_run("0", run_id="a")
    for step in range(3):
        store.log_metric("a", "m", 7.0, 0, step)
    assert store.get_metric_summary("a")["m"].count == 3


def test_search_goes_on_after_keys_have_gone(store):
    trashed(store)
    store.gc()
    assert store.search_runs(["0"], "metrics.m > 0", order_by=["metrics.n"]) == []
    run = logged(store).run_id
    found = store.search_runs(["0"], "metrics.m > 0 AND params.p = '1'", order_by=["metrics.n"])
    assert [each.info.run_id for each in found] == [run]


@pytest.mark.parametrize(
    "chosen, runs, experiments",
    [
        ({}, "abc", ["1"]),
        ({"run_ids": ["b"]}, "b", []),
        ({"run_ids": ["b", "c"]}, "bc", []),
        ({"experiment_ids": ["1"]}, "bc", ["1"]),
        ({"experiment_ids": ["1"], "run_ids": ["b"]}, "b", []),
        ({"older_than": 60_000}, "", []),
    ],
)
def test_the_trash_is_what_gc_takes(store, chosen, runs, experiments):
    store.create_experiment("a")
    for run_id, number in [("a", "0"), ("b", "1"), ("c", "1"), ("d", "0")]:
        store.create_run(number, run_id=run_id)
        if run_id != "d":
            store.delete_run(run_id)
    store.delete_experiment("1")
    trash = store.trash(**chosen)
    assert "".join(info.run_id for info in trash[0]) == runs
    assert [each.experiment_id for each in trash[1]] == experiments
    assert store.gc(**chosen) == (len(runs), len(experiments))
    left = store.search_runs(["0", "1"], run_view_type=ViewType.ALL)
    assert {run.info.run_id for run in left} == {*"abcd"} - {*runs}


def test_a_run_that_is_restored_meanwhile_keeps_its_files(store):
    first, second = trashed(store).run_id, trashed(store).run_id
    gone = []

    def delete_artifacts(uri):
        gone.append(uri)
        if len(gone) == 1:
            store.restore_run(second)

    assert store.gc(delete_artifacts=delete_artifacts) == (1, 0)
    assert len(gone) == 1 and first in gone[0]
    assert store.get_run(second).info.lifecycle_stage == "active"


def test_a_run_whose_files_may_be_gone_is_not_restored(store):
    run = trashed(store).run_id

    def fail(uri):
        raise OSError("no connection")

    with pytest.raises(OSError, match="no connection"):
        store.gc(delete_artifacts=fail)
    with pytest.raises(InvalidParameter, match=f"run {run} is gone for good"):
        store.restore_run(run)
    assert store.gc(older_than=3_600_000) == (1, 0)


def test_digests_of_files_go_with_their_run(store, run_id):
    store.record_digests(run_id, [("f", 1, "0" * 64)])
    store.delete_run(run_id)
    assert store.get_digests(run_id) == {"f": (1, "0" * 64)}
    store.gc()
    store.create_run("0", run_id=run_id)
    assert store.get_digests(run_id) == {}
