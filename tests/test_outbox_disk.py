"""Outboxes on disks that are full, files that are deleted, processes that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import served
from disks import fill, mounted
from outboxes import paths, relayed, steps, waiting
from processes import start
from relay import Relay
from runlog.cli import main
from runlog.db.outbox import OutboxFile
from runlog.errors import ServerUnreachable
from runlog.http.store import HttpStore
from serving import free_port, serving


@pytest.fixture
def relay(monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")
    with relayed() as between:
        yield between


@pytest.fixture
def store(relay):
    made = HttpStore(relay.uri)
    yield made
    relay.script.clear()
    made.close()


def away(relay: Relay) -> None:
    relay.script[:] = ["drop"] * 1_000_000


# -- the disk ---------------------------------------------------------------------------------


@pytest.fixture
def disk(place, monkeypatch):
    with mounted(place / "disk", "3m") as folder:
        monkeypatch.setenv("RUNLOG_OUTBOX", str(folder / "outbox"))
        yield folder


def log_until_it_raises(store, run_id, step=0) -> int:
    """The first step that was not acknowledged, since neither disk nor server takes it."""
    with pytest.raises(ServerUnreachable):
        while True:
            store.log(run_id, [("loss", 1.0, 1, step)], tags=[("t", "x" * 5000)])
            step += 1
    return step


@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
def test_a_disk_that_fills_up(relay, disk, store, network, monkeypatch, caplog):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    monkeypatch.setenv("RUNLOG_FLUSH_TIMEOUT", "0.5")
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "first", 1.0, 1, 1)
    fill(disk, free=500_000)
    away(relay)
    first = log_until_it_raises(store, run_id)
    assert first > 10
    relay.script.clear()
    monkeypatch.delenv("RUNLOG_FLUSH_TIMEOUT")
    for step in range(first, first + 20):  # the server does
        store.log_metric(run_id, "loss", 1.0, 1, step)
    assert steps(store, run_id) == [*range(first + 20)]
    assert store.get_run(run_id).data.tags["t"] == "x" * 5000
    assert len(caplog.records) < 20


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_file_that_may_not_grow(relay):
    code = f"""
import resource, runlog, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
runlog.set_tracking_uri({relay.uri!r})
runlog.start_run()
runlog.log_metric("loss", 0.0, step=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
print(runlog.active_run().info.run_id)
for step in range(1, 400):
    runlog.log_metric("loss", 1.0, step=step)
    runlog.set_tag("t", "x" * 1000 + str(step))
print("logged")
"""
    program = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    run_id, said = program.stdout.split()
    assert (program.returncode, said) == (0, "logged"), program.stderr
    with_store = HttpStore(relay.uri)
    try:
        assert steps(with_store, run_id) == [*range(400)]
        run = with_store.get_run(run_id)
        assert (run.info.status, run.data.tags["t"][1000:]) == ("FINISHED", "399")
    finally:
        with_store.close()
    assert len(program.stderr.splitlines()) < 20, program.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there nobody deletes what is open")
@pytest.mark.parametrize("what", ["the file", "the folder", "another in its place"])
def test_an_outbox_that_is_deleted_under_the_process(relay, store, what):
    run_id, other = (store.create_run("0").info.run_id for _ in range(2))
    away(relay)
    for step in range(500):
        store.log_metric(run_id, "loss", 1.0, 1, step)
        store.log_metric(other, "loss", 1.0, 1, step)
    (path,) = paths()
    if what == "the folder":
        shutil.rmtree(path.parent)
    else:
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
    if what == "another in its place":
        in_its_place = OutboxFile(str(path), relay.uri)
        in_its_place.open()
        in_its_place.close()
    for step in range(500, 1000):
        store.log_metric(run_id, "loss", 1.0, 1, step)
    relay.script.clear()
    assert steps(store, run_id) == [*range(1000)]
    assert steps(store, other) == [*range(500)]
    assert paths() == [path] and waiting() == []


@pytest.mark.skipif(sys.platform == "win32", reason="there nobody deletes what is open")
def test_an_outbox_that_is_deleted_before_the_last_of_it_is_sent(relay, store):
    run_id = store.create_run("0").info.run_id
    away(relay)
    for step in range(500):
        store.log_metric(run_id, "loss", 1.0, 1, step)
    shutil.rmtree(paths()[0].parent)
    relay.script.clear()
    assert steps(store, run_id) == [*range(500)]


# -- kills ------------------------------------------------------------------------------------


def killed(seconds: float, processes: int, environment, server=None) -> dict[tuple[str, str], int]:
    """Kill so many programs that log, the server too if one is given, after so many seconds. Return
    how many steps of each run and metric were acknowledged."""
    programs = [start("outbox_loop", env=environment) for _ in range(processes)]
    ids = [program.stdout.readline().strip() for program in programs]
    time.sleep(seconds)
    if server is not None:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        time.sleep(seconds)
    for program in programs:
        program.kill()
    acknowledged = {}
    for program, run_id in zip(programs, ids, strict=True):
        with program:
            lines = program.stdout.read().split("\n")[:-1]
        acknowledged[run_id] = len(lines)
    return acknowledged


def verify(uri: str, acknowledged: dict[str, int], moments: random.Random) -> None:
    """All that was acknowledged is on the server, once and in order, and one step more at most."""
    store = HttpStore(uri)
    store.send_pending()
    for run_id, count in acknowledged.items():
        key = f"m{run_id[:4]}"
        there = steps(store, run_id, key)
        assert there == [*range(len(there))] and len(there) - count in (0, 1), (count, len(there))
        tags = store.get_run(run_id).data.tags
        if count >= 50:
            assert int(tags[key]) in (count // 50 * 50 - 1, (count + 1) // 50 * 50 - 1)
    store.close()
    assert waiting() == []


def trials(place: Path, kills: int, processes: int, seed: int) -> None:
    moments, port = random.Random(seed), free_port()
    environment = {**os.environ, "RUNLOG_TRACKING_URI": f"http://127.0.0.1:{port}"}
    acknowledged: dict[str, int] = {}
    for number in range(kills):
        with serving(place, port=port) as server:
            victim = server if number % 2 else None
            acknowledged |= killed(moments.uniform(0, 0.4), processes, environment, victim)
    with serving(place, port=port) as server:
        verify(server.uri, acknowledged, moments)


@pytest.mark.parametrize("processes", [1, 3])
def test_client_and_server_are_killed(place, processes):
    trials(place, 2, processes, processes)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 8])
def test_client_and_server_are_killed_many_times(place, processes):
    trials(place, 50, processes, processes)


@pytest.mark.slow
def test_ten_million_points_wait_without_memory(place):
    code = """
import resource, runlog, sys
from runlog.http.store import HttpStore
store = HttpStore("http://127.0.0.1:1")
run_id = store.create_run("0").info.run_id
store.log_metric(run_id, "m", 1.0, 1, 0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for at in range(0, 10_000_000, 10_000):
    store.log(run_id, [("m", 1.0, 1, step) for step in range(at, at + 10_000)])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    environment = {**os.environ, "RUNLOG_OFFLINE": "1"}
    program = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert int(program.stdout) < 40_000, program.stderr  # kB
    (row,) = waiting()
    assert row.items == 10_000_002  # with the making of the run


# -- MLflow's server --------------------------------------------------------------------------


@pytest.mark.slow
def test_an_mlflow_server_gets_all_of_it_once(monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")
    with Relay(served.mlflow().uri) as relay:
        store = HttpStore(relay.uri)
        run_id = store.create_run("0").info.run_id
        relay.script[:] = ["pass", "drop", "lose", "pass", "half"]
        for step in range(2500):
            store.log_metric(run_id, "loss", step / 3, 1_700_000_000_000 + step, step)
        assert steps(store, run_id) == [*range(2500)]
        relay.script[:] = ["late"]
        store.log(run_id, tags=[("state", "1")])
        store.flush()
        assert store.get_run(run_id).data.tags["state"] == "1"
        store.log(run_id, tags=[("state", "2")])
        store.flush()
        assert relay.let_late_pass() == [200]
        assert store.get_run(run_id).data.tags["state"] == "1"  # it knows no order
        store.update_run(run_id, "FINISHED", 1_700_000_009_000)
        run = store.get_run(run_id)
        assert (run.data.tags["state"], run.info.status) == ("2", "FINISHED")
        store.close()


@pytest.mark.slow
def test_runs_that_are_made_later_on_an_mlflow_server(monkeypatch, place):
    monkeypatch.setenv("RUNLOG_OFFLINE", "1")
    code = """
import runlog
runlog.set_experiment("offline")
with runlog.start_run(run_name="outer") as outer:
    runlog.log_param("lr", 0.1)
    with runlog.start_run(nested=True, run_name="inner"):
        runlog.log_metric("loss", 0.5, step=3)
"""
    uri = served.mlflow().uri
    with Relay(uri) as relay:
        away(relay)
        environment = {**os.environ, "RUNLOG_TRACKING_URI": relay.uri}
        program = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment
        )
        assert program.returncode == 0, program.stderr
        monkeypatch.delenv("RUNLOG_OFFLINE")
        relay.script[:] = ["pass", "pass", "lose", "lose"]  # what made a run is not known
        for _ in range(4):
            try:
                main(["outbox", "send"], standalone_mode=False)
            except ServerUnreachable:
                continue
        assert waiting() == [], [(each.refused, each.in_use) for each in waiting()]
        store = HttpStore(uri)
        experiment = store.get_experiment_by_name("offline").experiment_id
        runs = {run.info.run_name: run for run in store.search_runs([experiment])}
        assert runs.keys() == {"outer", "inner"}
        outer, inner = runs["outer"], runs["inner"]
        assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
        assert (outer.info.status, outer.data.params) == ("FINISHED", {"lr": "0.1"})
        assert steps(store, inner.info.run_id) == [3]
        store.close()
