"""Processes made by fork log to their parent's run and leave it alone when they end."""

from __future__ import annotations

import os
import sys

import pytest

from processes import check, run
from runlog.store import Store, open_store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def forked(place, how: str) -> tuple[Store, str]:
    """The store, and the run of a program that forked and went well."""
    path = place / "runlog.db"
    run_id, *rest = run("fork", path, how, 20).split()
    assert rest == ["alive"]
    check(path)
    store = open_store(str(path))
    assert store.get_run(run_id).info.status == "FINISHED"
    assert store.get_run(run_id).data.metrics["parent"] == 3
    return store, run_id


@pytest.mark.parametrize(
    "how, steps",
    [
        ("returns", 1),
        ("sys.exit", 1),
        ("os._exit", 1),
        ("ends", 1),
        ("reader", 1),
        ("thread", 1),
        ("multiprocessing", 4),
        ("pool", 8),
        ("threads", 20),
    ],
)
def test_a_child_logs_to_its_parents_run(how, steps, place):
    store, run_id = forked(place, how)
    logged = store.get_metric_history(run_id, "child")
    assert len(logged) == steps
    assert len(store.search_runs(["0"])) == 1
    store.close()


def test_a_thread_that_logs_on_loses_nothing(place):
    store, run_id = forked(place, "threads")
    steps = int(store.get_run(run_id).data.params["x"])
    for key in ("x", "x2", "x3"):
        logged = [point.step for point in store.get_metric_history(run_id, key)]
        assert logged == list(range(steps))
    store.close()


def test_a_child_has_runs_of_its_own(place):
    store, run_id = forked(place, "own")
    runs = store.search_runs(["0"], f"tags.mlflow.parentRunId = '{run_id}'")
    assert {run.info.run_name: run.info.status for run in runs} == {
        f"own{number}": "FINISHED" for number in range(4)
    }
    store.close()


def test_a_process_that_is_terminated_ends_its_own_runs_alone(place):
    store, _ = forked(place, "terminated")
    runs = store.search_runs(["0"], "attributes.run_name = 'own'")
    assert [run.info.status for run in runs] == ["KILLED"]
    store.close()


def test_runs_that_processes_leave_open_are_ended(place):
    """A process of multiprocessing ends without what the interpreter does at its exit."""
    store, _ = forked(place, "left open")
    runs = store.search_runs(["0"], "attributes.run_name LIKE '% %'")
    failed = "FAILED" if sys.version_info < (3, 13) else "FINISHED"  # nobody says so any more
    assert {run.info.run_name: run.info.status for run in runs} == {
        "fork left": "FINISHED",
        "fork failed": failed,
        "spawn left": "FINISHED",
        "spawn failed": failed,
        "forkserver left": "FINISHED",
        "forkserver failed": failed,
    }
    store.close()


@pytest.mark.parametrize("how", ["sweep", "independent"])
def test_a_child_starts_runs_as_if_it_had_inherited_none(how, place):
    store, run_id = forked(place, how)
    runs = store.search_runs(["0"], "attributes.run_name LIKE 'fork trial %'")
    parents = {run.data.tags.get("mlflow.parentRunId") for run in runs}
    assert parents == {run_id if how == "sweep" else None}
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    assert [run.data.metrics for run in runs] == [{"own": 1}] * 4
    assert store.get_run(run_id).data.metrics["child"] == 1  # what it logs outside of its own
    store.close()


def test_a_nested_run_of_a_child_may_have_another_parent(place):
    store, run_id = forked(place, "another")
    (run,) = store.search_runs(["0"], "attributes.run_name = 'nested'")
    assert run.data.tags["mlflow.parentRunId"] != run_id
    store.close()
