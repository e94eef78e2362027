"""Log calls to a server: stored on this machine at once, sent later, once and in order."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import runlog
from outboxes import paths, relayed, steps, waiting
from processes import finish, start, together
from runlog import RunlogClient, tracking_uri
from runlog.cli import main
from runlog.db.outbox import OutboxFile
from runlog.errors import InvalidParameter, NotFound, RunlogError, ServerUnreachable, StoreUnusable
from runlog.http import address, outbox, session, tls
from runlog.http.outbox import Outbox
from runlog.http.retry import RetryPolicy
from runlog.http.sender import Sender
from runlog.http.session import Unavailable
from runlog.http.store import HttpStore
from runlog.http.transport import Connections
from serving import free_port, serving

POINTS = 500
GONE = (503, {"Retry-After": "0"}, b"")


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    """Attempts follow one another at once, and the end of a test waits for none."""
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")


@pytest.fixture
def relay():
    with relayed() as between:
        yield between


@pytest.fixture
def another(relay):
    """Another user of the same server."""
    made = HttpStore(relay.uri)
    yield made
    relay.script.clear()
    made.close()


@pytest.fixture
def store(relay):
    made = HttpStore(relay.uri)
    yield made
    relay.script.clear()
    made.close()


def command(*words):
    found = CliRunner().invoke(main, words, standalone_mode=False, catch_exceptions=False)
    return found.output


def left_behind(relay, monkeypatch, **login) -> str:
    """A run of a process that ended while the server was away."""
    for name, value in login.items():
        monkeypatch.setenv(f"RUNLOG_TRACKING_{name}", value)
    store = HttpStore(relay.uri)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 1000
    monkeypatch.setenv("RUNLOG_FLUSH_TIMEOUT", "0.2")
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.update_run(run_id, "FINISHED", 7)
    store.close()
    relay.script.clear()
    for name in login:
        monkeypatch.delenv(f"RUNLOG_TRACKING_{name}")
    monkeypatch.delenv("RUNLOG_FLUSH_TIMEOUT")
    return run_id


# -- a call returns at once -------------------------------------------------------------------


def test_metrics_and_tags_do_not_wait_for_the_server(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 100_000
    for step in range(POINTS):
        store.log_metric(run_id, "loss", 1 / (step + 1), 1, step)
    store.log(run_id, [("a", 1.0, 1, 0), ("b", 2.0, 1, 0)], tags=[("state", "late")])
    (row,) = waiting()
    assert (row.uri, row.run_id, row.items, row.in_use) == (relay.uri, run_id, POINTS + 3, True)
    relay.script.clear()
    assert steps(store, run_id) == [*range(POINTS)]
    run = store.get_run(run_id)
    assert (run.data.metrics["b"], run.data.tags["state"]) == (2.0, "late")
    assert waiting() == []


def test_what_is_logged_arrives_as_it_was(store):
    run_id = store.create_run("0").info.run_id
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
    store.log(run_id, [("odd", value, 2**40 + at, -at) for at, value in enumerate(values)])
    store.log_metric(run_id, "caf\xe9/a b", 2.0, 5, 2**61)
    there = {point.step: point.value for point in store.get_metric_history(run_id, "odd")}
    assert {at: repr(value) for at, value in there.items()} == {
        -at: repr(value) for at, value in enumerate(values)
    }
    (point,) = store.get_metric_history(run_id, "caf\xe9/a b")
    assert (point.step, point.timestamp) == (2**61, 5)


def test_what_cannot_be_raises_at_the_call(store):
    run_id = store.create_run("0").info.run_id
    for wrong in (
        ("loss", "x", 1, 1),
        ("", 1.0, 1, 1),
        ("loss", 1.0, 1, 0.5),
        ("loss", 1.0, -1, 1),
    ):
        with pytest.raises(InvalidParameter):
            store.log_metric(run_id, *wrong)
        with pytest.raises(InvalidParameter):
            store.log(run_id, [("fine", 1.0, 1, 1), wrong], tags=[("t", "1")])
    assert waiting() == [] and store.get_run(run_id).data.metrics == {}


def test_an_unknown_or_deleted_run_is_an_error_at_the_call(relay, store):
    store.create_run("0")
    with pytest.raises(NotFound):
        store.log_metric("a" * 32, "loss", 1, 1, 1)
    run_id = store.create_run("0").info.run_id
    store.delete_run(run_id)
    with pytest.raises(InvalidParameter, match="must be in the 'active' state"):
        store.log_metric(run_id, "loss", 1, 1, 1)
    store.restore_run(run_id)
    relay.requests.clear()
    for step in range(3):
        store.log_metric(run_id, "loss", 1, 1, step)
    assert steps(store, run_id) == [0, 1, 2]
    assert relay.asked("runs/get") == 1


def test_a_server_that_never_answered_is_an_error(monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    store = HttpStore(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServerUnreachable):
        store.log_metric("a" * 32, "loss", 1, 1, 1)
    assert waiting() == []


@pytest.mark.parametrize("setting", ["OUTBOX", "SPOOL"])
@pytest.mark.parametrize("chosen", ["0", "file/below"])
def test_without_an_outbox_a_call_waits(relay, store, place, chosen, setting, monkeypatch):
    (place / "file").write_text("no folder")
    monkeypatch.setenv(f"RUNLOG_{setting}", chosen)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 3
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    assert relay.script == [] and steps(store, run_id) == [1]


def test_synchronous_calls_wait_for_the_servers_word(relay, monkeypatch):
    monkeypatch.setenv("RUNLOG_TRACKING_URI", relay.uri)
    with runlog.start_run() as run:
        for step in range(3):
            runlog.log_metric("loss", 1.0, step=step)
        relay.script[:] = ["lose"]
        runlog.log_metric("loss", 1.0, step=3, synchronous=True)
        assert waiting() == []
        runlog.set_tag("state", "1", synchronous=True)
        RunlogClient().log_metric(run.info.run_id, "loss", 1.0, step=4, synchronous=True)
        asked = len(relay.requests)
        assert steps(runlog.tracking_uri.store(), run.info.run_id) == [0, 1, 2, 3, 4]
    assert asked < len(relay.requests)


# -- the order --------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["drop", "lose", "half", GONE])
def test_reading_comes_after_what_waits(relay, store, failure):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["pass", failure, failure]  # the first may be "about"
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.log(run_id, [("loss", 0.25, 2, 2)], [("lr", "1")], [("state", "late")])
    assert steps(store, run_id) == [1, 2]
    assert store.get_run(run_id).data.params == {"lr": "1"}
    assert waiting() == []


def test_a_request_that_the_network_delivers_late_undoes_nothing(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["late"]
    store.log(run_id, [("loss", 1.0, 1, 1)], tags=[("state", "1")])
    store.log(run_id, tags=[("state", "2")])
    assert store.get_run(run_id).data.tags["state"] == "2"
    relay.script[:] = ["late"]
    store.update_run(run_id, "FINISHED", 9)
    store.update_run(run_id, "RUNNING")
    assert store.get_run(run_id).info.status == "RUNNING"
    assert relay.let_late_pass() == [200, 200]
    run = store.get_run(run_id)
    assert (run.data.tags["state"], run.info.status) == ("2", "RUNNING")
    assert steps(store, run_id) == [1]


def test_late_requests_of_synchronous_calls_undo_nothing(relay, store):
    run_id = store.create_run("0").info.run_id
    waits = store.synchronous()
    relay.script[:] = ["late"]
    waits.log(run_id, tags=[("state", "1")])
    waits.log(run_id, tags=[("state", "2")])
    assert relay.let_late_pass() == [200]
    assert store.get_run(run_id).data.tags["state"] == "2"


def test_threads_that_log_while_it_goes_and_comes(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["pass", "drop", "lose", "late", "pass", GONE, "half", "drop"] * 4

    def log(number):
        for step in range(50):
            store.log_metric(run_id, f"m{number}", step, 1, step)
            store.log(run_id, tags=[(f"t{number}", str(step))])

    together(*(lambda number=number: log(number) for number in range(4)))
    relay.script.clear()
    for number in range(4):
        assert steps(store, run_id, f"m{number}") == [*range(50)]
    relay.let_late_pass()
    tags = store.get_run(run_id).data.tags
    assert [tags[f"t{number}"] for number in range(4)] == ["49"] * 4


def test_many_points_are_one_request(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 100_000
    for step in range(3000):
        store.log_metric(run_id, f"m{step % 3}", 0.5, 1, step)
    before = relay.asked("runs/deliver")
    relay.script.clear()
    assert sum(len(steps(store, run_id, f"m{key}")) for key in range(3)) == 3000
    assert relay.asked("runs/deliver") - before < 20


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_a_signal_handler_logs_in_the_middle_of_calls(store):
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "loss", 0.0, 1, 0)
    calls = []

    def handler(*_):
        calls.append(len(calls))
        store.log_metric(run_id, "signals", 1.0, 1, calls[-1])

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        for step in range(1, 2000):
            store.log_metric(run_id, "loss", 1.0, 1, step)
            if step % 100 == 0:
                store.log(run_id, [("both", 1.0, 1, step), ("other", 1.0, 1, step)])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert steps(store, run_id) == [*range(2000)]
    assert steps(store, run_id, "signals") == calls and calls
    assert steps(store, run_id, "both") == [*range(100, 2000, 100)]


# -- params, and the ends of runs -------------------------------------------------------------


def test_another_value_of_a_param_raises_at_the_call(relay, store):
    run_id = store.create_run("0").info.run_id
    store.log(run_id, params=[("lr", "1")])
    relay.script[:] = ["drop"] * 1000
    store.log_metric(run_id, "loss", 1.0, 1, 1)
    with pytest.raises(InvalidParameter, match="key='lr' .*value='1'.*'2'"):
        store.log(run_id, [("loss", 1.0, 1, 2)], params=[("lr", "2")])
    relay.script.clear()
    assert store.get_run(run_id).data.params == {"lr": "1"}
    assert steps(store, run_id) == [1]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("runlog.http.log_calls.LOG_SECONDS", 0.3)
    monkeypatch.setenv("RUNLOG_FLUSH_TIMEOUT", "0.3")


def test_params_and_ends_of_runs_join_the_queue(relay, store, impatient, monkeypatch):
    info = store.create_run("0", "ann", 5).info
    relay.script[:] = ["drop"] * 10_000
    store.log_metric(info.run_id, "loss", 1.0, 1, 1)
    store.log(info.run_id, params=[("lr", "1")])
    told = store.update_run(info.run_id, "FAILED", 9)
    assert (told.status, told.end_time, told.user_id) == ("FAILED", 9, "ann")
    (row,) = waiting()
    assert row.items == 3
    relay.script.clear()
    monkeypatch.delenv("RUNLOG_FLUSH_TIMEOUT")
    run = store.get_run(info.run_id)
    assert run.info == told and run.data.params == {"lr": "1"}


def test_an_outage_is_waited_for_once(relay, store, impatient, monkeypatch):
    waits = []
    real = Sender.wait

    def wait(self, seconds, *rest, **named):
        waits.append(seconds)
        return real(self, seconds, *rest, **named)

    monkeypatch.setattr(Sender, "wait", wait)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 10_000
    store.log_metric(run_id, "loss", 1.0, 1, 1)
    for number in range(5):
        store.log(run_id, params=[(f"p{number}", "1")])
    assert waits[0] == 0.3 and waits[2:] == [0.0] * 3
    relay.script.clear()


def test_what_the_server_refuses_is_put_aside(
    relay, store, another, impatient, monkeypatch, caplog
):
    run_id = store.create_run("0").info.run_id
    another.log(run_id, params=[("lr", "1")])
    relay.script[:] = ["drop"] * 10_000
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.log(run_id, params=[("lr", "2")])
    store.log_metric(run_id, "loss", 0.5, 1, 2)
    relay.script.clear()
    monkeypatch.delenv("RUNLOG_FLUSH_TIMEOUT")
    assert steps(store, run_id) == [1, 2]
    (aside,) = waiting()
    assert (aside.run_id, aside.items) == (run_id, 1) and "'2'" in aside.refused
    assert aside.refused in caplog.text and caplog.text.count("put aside") == 1
    (row,) = json.loads(command("outbox", "list", "--json"))
    assert row["refused"] == aside.refused


def test_a_run_that_is_gone_blocks_nothing(store, another):
    gone, there = (store.create_run("0").info.run_id for _ in range(2))
    another.delete_run(gone)
    for step in range(300):
        store.log_metric(gone, "loss", 1.0, 1, step)
        store.log_metric(there, "loss", 1.0, 1, step)
    assert steps(store, there) == [*range(300)]
    store.flush()
    (aside,) = waiting()
    assert (aside.run_id, aside.items) == (gone, 300) and "active" in aside.refused
    with pytest.raises(InvalidParameter, match="active"):
        store.log_metric(gone, "loss", 1.0, 1, 300)
    another.restore_run(gone)
    command("outbox", "send", "--refused")
    assert steps(store, gone) == [*range(300)]
    assert waiting() == []


# -- the end of a program ---------------------------------------------------------------------


def test_a_server_that_is_killed_and_comes_back(place):
    port = free_port()
    with serving(place, port=port) as server:
        environment = {**os.environ, "RUNLOG_TRACKING_URI": server.uri}
        program = start("outbox_logger", POINTS, env=environment)
        run_id = program.stdout.readline().strip()
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "logged\n"
    with serving(place, port=port) as server:
        program.stdin.write("\n")
        code, _, errors = finish(program)
        assert code == 0 and errors.count("Log calls wait in") == 1, errors
        store = HttpStore(server.uri)
        run = store.get_run(run_id)
        assert steps(store, run_id) == [*range(POINTS)]
        assert (run.info.status, run.data.params, run.data.tags["state"]) == (
            "FINISHED",
            {"lr": "0.1"},
            "last",
        )
        assert waiting() == []
        store.close()


def test_a_client_that_is_killed_leaves_it_to_a_command(place):
    port = free_port()
    with serving(place, port=port) as server:
        environment = {**os.environ, "RUNLOG_TRACKING_URI": server.uri}
        program = start("outbox_logger", POINTS, env=environment)
        run_id = program.stdout.readline().strip()
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "logged\n"
    (row,) = waiting()
    assert row.in_use and row.uri == server.uri
    program.kill()
    finish(program)
    with serving(place, port=port) as server:
        (row,) = json.loads(command("outbox", "list", "--json"))
        assert (row["uri"], row["run_id"], row["in_use"]) == (server.uri, run_id, False)
        assert row["calls"] in (POINTS - 1 + 2, POINTS + 2)
        (sent,) = json.loads(command("spool", "send", "--json"))  # its older name
        assert sent == {"uri": server.uri, "sent": row["calls"]}
        store = HttpStore(server.uri)
        assert steps(store, run_id) == [*range(POINTS)]
        assert store.get_run(run_id).info.status == "RUNNING"
        assert waiting() == []
        store.close()


def test_the_next_program_sends_what_is_left(relay, monkeypatch):
    run_id = left_behind(relay, monkeypatch)
    assert [row.items for row in waiting()] == [2]
    store = HttpStore(relay.uri)
    other = store.create_run("0").info.run_id
    store.log_metric(other, "loss", 1, 1, 1)
    assert steps(store, run_id) == [1]
    assert store.get_run(run_id).info.status == "FINISHED"
    assert waiting() == []
    store.close()


def test_a_wait_ends_in_time_and_says_what_is_left(relay, another, monkeypatch, caplog):
    monkeypatch.setenv("RUNLOG_FLUSH_TIMEOUT", "0.1")
    store = HttpStore(relay.uri)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 10_000
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.flush()
    assert ": 1 log call (" in caplog.text and "runlog outbox send" in caplog.text
    store.close()
    relay.script.clear()
    (row,) = waiting()
    assert not row.in_use
    command("outbox", "send")
    assert steps(another, run_id) == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_the_wait(place):
    with relayed() as relay:
        code = f"""
import os, signal, threading, runlog
from runlog.http import sender
said = sender.warn
def warn(text):
    said(text)
    if "waiting up to" in text:
        os.kill(os.getpid(), signal.SIGINT)
sender.warn, sender.QUIET = warn, 0.1
runlog.set_tracking_uri({relay.uri!r})
runlog.start_run()
runlog.log_metric("a", 1, synchronous=True)
input()
runlog.log_metric("loss", 1.0)
runlog.end_run()
print(runlog.last_active_run is not None)
"""
        program = subprocess.Popen(
            [sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, text=True
        )
        while not relay.asked("runs/log-batch"):
            assert program.poll() is None, program.communicate()
            time.sleep(0.01)
        relay.script[:] = ["drop"] * 100_000
        out, errors = program.communicate("\n", timeout=300)
        relay.script.clear()
        assert (program.returncode, out) == (0, "True\n"), errors
        assert errors.count("waiting up to 60 s for") >= 1 and "Traceback" not in errors
        assert "not sent to" in errors
        (row,) = waiting()
        assert row.items == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_fork_logged_is_sent_by_its_parent(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 10_000
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    if not (child := os.fork()):
        try:
            for step in range(2, 100):
                store.log_metric(run_id, "loss", 0.5, 1, step)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    relay.script.clear()
    assert steps(store, run_id) == [*range(1, 100)]
    store.close()
    assert waiting() == []


# -- without a server -------------------------------------------------------------------------


def test_runs_that_start_without_their_server(relay, another, monkeypatch):
    monkeypatch.setenv("RUNLOG_OFFLINE", "true")
    monkeypatch.setenv("RUNLOG_TRACKING_URI", relay.uri)
    relay.script[:] = ["drop"] * 100_000
    runlog.set_experiment("offline")
    with runlog.start_run(run_name="outer", tags={"a": "1"}) as outer:
        runlog.log_param("lr", 0.1)
        with runlog.start_run(nested=True) as inner:
            runlog.log_metric("loss", 0.5, step=3)
        with pytest.raises(InvalidParameter, match="'0.2'"):
            runlog.log_param("lr", 0.2)
    tracking_uri.close()
    assert {row.run_id for row in waiting()} == {outer.info.run_id, inner.info.run_id}
    relay.script[:] = ["pass", "lose", "drop"]
    monkeypatch.delenv("RUNLOG_OFFLINE")
    for _ in range(3):
        try:
            command("outbox", "send")
        except ServerUnreachable:
            continue
    assert waiting() == []
    run = another.get_run(outer.info.run_id)
    assert (run.info.status, run.info.run_name, run.data.params) == (
        "FINISHED",
        "outer",
        {"lr": "0.1"},
    )
    assert another.get_experiment(run.info.experiment_id).name == "offline"
    child = another.get_run(inner.info.run_id)
    assert child.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert steps(another, inner.info.run_id) == [3]


def test_an_offline_run_is_delivered_while_the_server_answers(relay, another, monkeypatch):
    monkeypatch.setenv("RUNLOG_OFFLINE", "true")
    store = HttpStore(relay.uri)
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "loss", 1.0, 1, 1)
    store.flush()
    store.update_run(run_id, "FINISHED", 9)
    assert store.get_run(run_id).info.status == "FINISHED"
    assert steps(another, run_id) == [1]
    store.close()


# -- whose it is ------------------------------------------------------------------------------


def test_one_server_does_not_get_what_is_for_another(relay, monkeypatch):
    left_behind(relay, monkeypatch)
    assert HttpStore("http://127.0.0.1:1").send_pending() == 0
    assert {row.uri for row in waiting()} == {relay.uri}


def test_nothing_is_sent_under_another_login(relay, another, monkeypatch):
    run_id = left_behind(relay, monkeypatch, TOKEN="secret-of-ann")
    assert not any(b"secret-of-ann" in path.read_bytes() for path in paths())
    assert another.send_pending() == 0 and steps(another, run_id) == []
    (row,) = json.loads(command("outbox", "send", "--any-login", "--json"))
    assert row["sent"] == 2 and steps(another, run_id) == [1]


def test_a_user_is_the_same_after_a_new_password(relay, monkeypatch):
    run_id = left_behind(relay, monkeypatch, USERNAME="ann", PASSWORD="first")
    monkeypatch.setenv("RUNLOG_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("RUNLOG_TRACKING_PASSWORD", "second")
    store = HttpStore(relay.uri)
    assert store.send_pending() == 2 and steps(store, run_id) == [1]
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_its_files_are_for_their_owner_alone(relay, store):
    before = os.umask(0)
    try:
        run_id = store.create_run("0").info.run_id
        relay.script[:] = ["drop"] * 100
        store.log_metric(run_id, "loss", 1.0, 1, 1)
    finally:
        os.umask(before)
    folder = paths()[0].parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) >= 3 and set(modes.values()) == {0o600}, modes


@pytest.mark.skipif(not hasattr(os, "chown") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("end", ["", "-wal"])
def test_files_of_others_are_not_touched(relay, store, monkeypatch, end):
    left_behind(relay, monkeypatch)
    (path,) = paths()
    theirs = path.with_name(path.name + end)
    theirs.touch()
    os.chown(theirs, 12345, -1)
    content = path.read_bytes()
    assert waiting() == []
    with pytest.raises(StoreUnusable, match="not a file of yours"):
        OutboxFile(str(path), relay.uri)
    run_id = store.create_run("0").info.run_id
    store.log_metric(run_id, "loss", 1.0, 1, 1)  # waits for the server instead
    assert path.read_bytes() == content and steps(store, run_id) == [1]


def test_nothing_but_log_calls_is_sent(relay, store, monkeypatch):
    run_id = left_behind(relay, monkeypatch)
    (path,) = paths()
    file = OutboxFile(str(path), relay.uri)
    (stream,) = file.streams()
    file.add(stream.id, [(1000, "deleteRun", None, 1, None, json.dumps({"run_id": run_id}))])
    file.close()
    assert store.send_pending() == 3
    (aside,) = waiting()
    assert "deleteRun is no log call" in aside.refused
    assert store.get_run(run_id).info.lifecycle_stage == "active"


# -- what a server fails at -------------------------------------------------------------------


class Picky:
    """A server that fails at some tags."""

    uri, factor = "http://picky", 0.0

    def __init__(self, error: Exception, *failing: str) -> None:
        self.error, self.failing, self.sent = error, failing, []

    def post(self, endpoint, fields, seconds):
        if endpoint == "getRun":
            raise Unavailable(RunlogError("no"))
        tags = [each["key"] for each in fields["tags"]]
        if any(tag in self.failing for tag in tags):
            raise self.error
        self.sent += tags

    def delivers(self, seconds):
        return False

    def id_there(self, run_id):
        return run_id

    def forget(self, run_id): ...


@pytest.fixture
def queue(place):
    """Makes the sender of a server with a tag waiting for each name."""

    def make(server, *names):
        box = Outbox(outbox.file_for(server.uri), "me")
        sender = Sender(box, server)
        box.added = lambda: None  # no thread: the test sends
        for name in names:
            fields = {"tags": [{"key": name, "value": "1"}]}
            box.add("r" * 32, [("logBatch", None, 1, None, json.dumps(fields))])
        box.owner.release()
        box.sender = "another"
        sender.outbox.streams = {}
        return sender

    return make


FAILURES = [Unavailable(RunlogError("oops")), RunlogError("not yours", "PERMISSION_DENIED")]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("at", [0, 1, 150, 299])
def test_what_a_server_fails_at_blocks_nothing_behind_it(queue, failure, at):
    names = [f"t{number}" for number in range(300)] + ["last"]
    server = Picky(failure, names[at])
    sender = queue(server, *names)
    assert sender.send_all() == 301
    assert server.sent == names[:at] + names[at + 1 :]
    (aside,) = waiting()
    assert aside.items == 1 and str(failure) in aside.refused


@pytest.mark.parametrize("failing", [("bad",), ("bad", "b"), ("bad", "b", "c")])
def test_a_server_that_fails_at_all_gets_it_later(queue, failing):
    server = Picky(Unavailable(RunlogError("oops")), *failing)
    sender = queue(server, "a", *failing)
    with pytest.raises(RunlogError, match="oops"):
        sender.send_all()
    (row,) = waiting()
    assert (server.sent, row.items, row.refused) == (["a"], len(failing), "")


def test_what_cannot_be_sent_now_stays(relay, store, monkeypatch):
    left_behind(relay, monkeypatch)
    relay.script[:] = ["pass", (401, {}, b"{}")]
    with pytest.raises(RunlogError, match="401"):
        store.send_pending()
    assert [row.items for row in waiting()] == [2]


# -- time -------------------------------------------------------------------------------------


def test_an_answer_that_drips_is_late(relay, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_TIMEOUT", "0.5")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "1")
    relay.script[:], relay.delay = ["drip", "drip"], 0.1
    with pytest.raises(ServerUnreachable, match="within 0.5 seconds"):
        HttpStore(relay.uri).search_experiments()
    assert len(relay.requests) == 2


def test_a_server_that_takes_connections_and_says_nothing():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = address.parse(f"http://127.0.0.1:{silent.getsockname()[1]}")
        policy = RetryPolicy(first_seconds=0.5)
        silence = session.Session(str(where), Connections(where, 120.0, tls.context), policy)
        with pytest.raises(ServerUnreachable, match="no answer within 0.5 seconds"):
            silence.json("GET", "/api/runlog/1/about")


def test_an_answer_that_never_ends_is_not_read_to_the_end(relay, store, monkeypatch):
    monkeypatch.setattr(session, "MOST", 2 * 2**20)
    body = b'{"experiments": [' + b" " * (4 * 2**20) + b"]}"
    relay.script[:] = [(200, {"Content-Type": "application/json"}, body)]
    with pytest.raises(RunlogError, match="longer than 2 MB"):
        store.search_experiments()
    assert len(store.search_experiments()) == 1
