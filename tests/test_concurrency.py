"""Many processes and threads on one file: nobody is locked out, nothing is lost or doubled."""

from __future__ import annotations

import threading

import pytest

import runlog
from processes import check, finish, start, together
from runlog.store import open_store


@pytest.mark.parametrize("processes, points, network", [(16, 50, "0"), (4, 20, "1")])
def test_a_crowd_makes_a_file_and_logs_to_it(processes, points, network, place, monkeypatch):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    path = place / "made" / "by" / "all" / "runlog.db"
    crowd = [start("crowd", path, points) for _ in range(processes)]
    for process in crowd:
        assert process.stdout.readline() == "ready\n"
    for process in crowd:
        process.stdin.close()
        process.stdin = None
    ends = [finish(process) for process in crowd]
    assert [code for code, _, _ in ends] == [0] * processes, ends
    said = [err for _, _, err in ends]
    assert all(err.count("\n") == int(network) for err in said), said
    store = open_store(str(path))
    runs = store.search_runs(["0"], max_results=1000)
    assert {run.info.run_id for run in runs} == {id for _, out, _ in ends for id in out.split()}
    assert len(runs) == processes * 4
    for run in runs:
        assert run.info.status == "FINISHED"
        steps = [point.step for point in store.get_metric_history(run.info.run_id, "loss")]
        assert steps == list(range(points))
        assert len(store.get_metric_history(run.info.run_id, "a")) == points // 10
    assert [each.name for each in store.search_experiments()] == ["Default"]
    store.close()
    check(path)


def test_threads_log_to_one_run():
    run = runlog.start_run()

    def log(thread: int) -> None:
        for step in range(200):
            runlog.log_metric("loss", thread, step=step)
            runlog.log_metrics({f"a{thread}": step, "b": step}, step=step, timestamp=thread)
        runlog.log_param(f"done{thread}", True)
        runlog.get_run(run.info.run_id)

    together(*(lambda thread=thread: log(thread) for thread in range(8)))
    data = runlog.get_run(run.info.run_id).data
    summary = runlog.RunlogClient().get_metric_summary(run.info.run_id)
    assert {key: each.count for key, each in summary.items() if key[0] == "a"} == {
        f"a{thread}": 200 for thread in range(8)
    }
    assert summary["b"].count == 1600
    assert len(data.params) == 8
    assert len(runlog.search_runs(output_format="list")) == 1


def test_threads_register_versions_and_share_no_connection(place, monkeypatch):
    def own(database):
        if not database.lock._is_owned():
            strangers.append(threading.current_thread().name)
        return before(database)

    strangers = []
    store = open_store(str(place / "runlog.db"))
    run_id = store.create_run("0").info.run_id
    model_id = store.models.create("0", "m", run_id).model_id
    store.registry.create_model("digits")
    before = type(store.db)._own
    monkeypatch.setattr(type(store.db), "_own", own)
    sources = (f"models:/{model_id}", f"runs:/{run_id}/m", "s3://bucket/m", "models:/digits/1")
    for source in sources:
        store.registry.create_version("digits", source, run_id)
        store.registry.create_version("digits", source, model_id=model_id)
    assert strangers == []
    store.close()


def test_threads_have_runs_of_their_own():
    def log(name: str) -> None:
        with runlog.start_run(run_name=name):
            with runlog.start_run(nested=True):
                runlog.log_param("inner", name)
            for step in range(50):
                runlog.log_metric(name, step, step=step)

    together(*(lambda name=f"t{each}": log(name) for each in range(8)))
    runs = runlog.search_runs(output_format="list", filter_string="params.inner IS NULL")
    assert {run.info.run_name: dict(run.data.metrics) for run in runs} == {
        f"t{each}": {f"t{each}": 49.0} for each in range(8)
    }
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_thread_without_a_run_logs_to_the_main_threads():
    seen: list[object] = []
    with runlog.start_run() as run:
        together(
            lambda: runlog.log_metric("loss", 0.5),
            lambda: runlog.set_tag("seen", "yes"),
            lambda: seen.append(runlog.active_run()),
        )
    assert seen == [run]
    data = runlog.get_run(run.info.run_id).data
    assert data.metrics == {"loss": 0.5}
    assert data.tags["seen"] == "yes"


def test_readers_see_whole_steps_while_others_write():
    run = runlog.start_run()
    runlog.log_metrics({"a": 0, "b": 0}, step=0)
    done = threading.Event()

    def write() -> None:
        for step in range(1, 3000):
            runlog.log_metrics({"a": step, "b": step}, step=step)
        done.set()

    def read() -> None:
        last = 0.0
        while not done.is_set():
            metrics = runlog.get_run(run.info.run_id).data.metrics
            assert metrics["a"] == metrics["b"] >= last
            last = metrics["a"]

    together(write, read, read)
