"""Log calls while their server is away: kept on the disk, sent later, once and in order."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner

import served
from processes import finish, start, together
from relay import Relay
from runlog.cli import main
from runlog.errors import InvalidParameter, NotFound, RunlogError, ServerUnreachable
from runlog.http import spool
from runlog.http.link import Away
from runlog.http.store import HttpStore
from serving import free_port, serving

POINTS = 500
GONE = (503, {"Retry-After": "0"}, b"")


@pytest.fixture
def relay(monkeypatch):
    """A relay in front of a new store; its script says when the server is away."""
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")
    server = served.stores()
    place = server.folder / uuid4().hex
    place.mkdir()
    with Relay(f"{server.uri}/{place.name}") as between:
        yield between


@pytest.fixture
def store(relay):
    made = HttpStore(relay.uri)
    yield made
    relay.script.clear()
    made.close()


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(spool, "PAUSES", (1e-9,))


def spools() -> list[Path]:
    return sorted(Path(spool.folder()).glob("*.jsonl"))


def steps(store, run_id, key="loss"):
    return [point.step for point in store.get_metric_history(run_id, key)]


def left_behind(relay) -> str:
    """A run of a process that ended while the server was away, whose lock is gone."""
    store = HttpStore(relay.uri)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 5
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.update_run(run_id, "FINISHED", 7)
    store.close()
    relay.script.clear()
    return run_id


def test_a_server_that_is_killed_and_comes_back(place):
    port = free_port()
    with serving(place, port=port) as server:
        environment = {**os.environ, "RUNLOG_TRACKING_URI": server.uri}
        program = start("spooling", POINTS, env=environment)
        run_id = program.stdout.readline().strip()
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "logged\n"
    with serving(place, port=port) as server:
        program.stdin.write("\n")
        code, _, errors = finish(program)
        assert code == 0 and errors.count("is kept in") == 1, errors
        store = HttpStore(server.uri)
        run = store.get_run(run_id)
        assert steps(store, run_id) == [*range(POINTS)]
        assert (run.info.status, run.data.params, run.data.tags["state"]) == (
            "FINISHED",
            {"lr": "0.1"},
            "last",
        )
        assert spools() == []
        store.close()


def test_a_client_that_is_killed_leaves_it_to_a_command(place):
    port = free_port()
    with serving(place, port=port) as server:
        environment = {**os.environ, "RUNLOG_TRACKING_URI": server.uri}
        program = start("spooling", POINTS, env=environment)
        run_id = program.stdout.readline().strip()
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "logged\n"
    (kept,) = spool.left(spool.folder())
    assert kept.in_use and kept.uri == server.uri
    program.kill()
    finish(program)
    with serving(place, port=port) as server:
        shown = CliRunner().invoke(main, ["spool", "list", "--json"], standalone_mode=False)
        (row,) = json.loads(shown.output)
        assert (row["uri"], row["requests"]) == (server.uri, POINTS - 1 + 2)
        CliRunner().invoke(main, ["spool", "send"], standalone_mode=False, catch_exceptions=False)
        store = HttpStore(server.uri)
        assert steps(store, run_id) == [*range(POINTS)]
        assert store.get_run(run_id).info.status == "RUNNING"
        assert spools() == []
        store.close()


def test_the_next_program_sends_what_is_left(relay):
    run_id = left_behind(relay)
    assert len(spools()) == 1
    store = HttpStore(relay.uri)
    other = store.create_run("0").info.run_id
    store.log_metric(other, "loss", 1, 1, 1)
    assert spools() == [] and steps(store, run_id) == [1]
    assert store.get_run(run_id).info.status == "FINISHED"
    store.close()


@pytest.mark.parametrize("trouble", ["drop", "lose", GONE])
def test_reading_comes_after_what_waits(relay, store, trouble):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = [trouble]
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.log(run_id, [("loss", 0.25, 2, 2)], [("lr", "1")], [("state", "late")])
    assert len(spools()) == 1
    assert steps(store, run_id) == [1, 2]
    assert store.get_run(run_id).data.params == {"lr": "1"}
    assert spools() == []


def test_points_that_wait_go_together(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"]
    for step in range(2500):
        store.log_metric(run_id, "loss", 0.5, 1, step)
    assert steps(store, run_id) == [*range(2500)]
    assert relay.asked("log-batch") == 3


def test_what_became_of_a_run_is_told_while_the_server_is_away(relay, store):
    info = store.create_run("0", "ann", 5).info
    relay.script[:] = ["drop"] * 3
    told = store.update_run(info.run_id, "FAILED", 9)
    assert (told.status, told.end_time, told.user_id) == ("FAILED", 9, "ann")
    assert store.get_run(info.run_id).info == told


def test_threads_that_log_while_it_goes_and_comes(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["pass", "drop", "lose", "pass", GONE, "half", "drop"] * 4

    def log(number):
        for step in range(50):
            store.log_metric(run_id, f"m{number}", step, 1, step)

    together(*(lambda number=number: log(number) for number in range(4)))
    relay.script.clear()
    for number in range(4):
        assert steps(store, run_id, f"m{number}") == [*range(50)]


def test_a_changed_param_raises_at_the_call(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"]
    store.log(run_id, params=[("lr", "1")])
    with pytest.raises(InvalidParameter, match="'1' and '2'"):
        store.log(run_id, params=[("lr", "2")])
    assert store.get_run(run_id).data.params == {"lr": "1"}


def test_a_program_that_ends_in_a_bad_moment_tries_again(relay, no_pauses):
    store = HttpStore(relay.uri)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop", "drop", "pass", "drop"]
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    store.log(run_id, tags=[("state", "late")])
    store.finish()
    assert spools() == [] and steps(store, run_id) == [1]
    store.close()


def test_what_the_server_refuses_is_put_aside(relay, store, caplog):
    run_id = store.create_run("0").info.run_id
    store.log(run_id, params=[("lr", "1")])
    relay.script[:] = ["drop"]
    store.log(run_id, params=[("lr", "2")])
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    assert steps(store, run_id) == [1]
    (aside,) = Path(spool.folder()).glob("*.refused")
    header, said = map(json.loads, aside.read_text().splitlines())
    assert header == {"uri": relay.uri}
    assert said["given"]["params"] == [{"key": "lr", "value": "2"}]
    assert str(aside) in caplog.text


def left_requests(*names, process=1) -> None:
    """The spool of a program that has ended: a tag a line."""
    folder = Path(spool.folder())
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"uri": "http://x"}, *({"endpoint": "setTag", "given": {"key": n}} for n in names)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"{spool._key('http://x')}-{process}-a.jsonl").write_text(text)


def server(sent, trouble, *failing):
    """Takes all but some tags."""

    def send(endpoint, given):
        if given["key"] in failing:
            raise trouble
        sent.append(given["key"])

    return send


@pytest.mark.parametrize(
    "trouble", [Away(RunlogError("oops")), RunlogError("not yours", "PERMISSION_DENIED")]
)
def test_what_a_server_fails_at_blocks_nothing_behind_it(trouble, no_pauses):
    left_requests("a", "bad", "b", "c")
    sent = []
    assert spool.adopt(spool.folder(), "http://x", server(sent, trouble, "bad")) == 3
    (aside,) = spool.left(spool.folder())
    assert (sent, aside.requests, aside.refused) == (["a", "b", "c"], 1, str(trouble))
    shown = CliRunner().invoke(main, ["spool", "list", "--json"], standalone_mode=False)
    assert json.loads(shown.output)[0]["refused"] == str(trouble)
    spool.take_back(spool.folder())
    spool.adopt(spool.folder(), "http://x", server(sent, trouble))
    assert sent[-1] == "bad" and spool.left(spool.folder()) == []


def test_what_one_program_left_does_not_block_what_others_did(no_pauses):
    left_requests("bad", process=1)
    left_requests("a", process=2)
    sent = []
    with pytest.raises(Away):
        spool.adopt(spool.folder(), "http://x", server(sent, Away(RunlogError("oops")), "bad"))
    assert sent == ["a"] and len(spools()) == 1


@pytest.mark.parametrize("failing", [("bad",), ("bad", "b"), ("bad", "b", "c")])
def test_a_server_that_fails_at_all_gets_it_later(failing, no_pauses):
    left_requests("a", *failing)
    trouble, sent = Away(RunlogError("oops")), []
    with pytest.raises(Away):
        spool.adopt(spool.folder(), "http://x", server(sent, trouble, *failing))
    (kept,) = spool.left(spool.folder())
    assert (sent, kept.requests, kept.refused) == (["a"], 1 + len(failing), "")


def test_a_call_that_was_never_whole_is_none(relay, store):
    run_id = left_behind(relay)
    (path,) = spools()
    with open(path, "ab") as file:
        file.write(b'{"endpoint": "logMetric", "given": {"run_')
    assert store.send_left() == 2
    assert steps(store, run_id) == [1]


def test_one_server_does_not_get_what_is_for_another(relay):
    left_behind(relay)
    assert spool.left(spool.folder(), "http://127.0.0.1:1") == []
    assert HttpStore("http://127.0.0.1:1").send_left() == 0
    assert len(spools()) == 1


def test_what_cannot_be_sent_now_stays(relay, store):
    left_behind(relay)
    relay.script[:] = [(401, {}, b"{}")]
    with pytest.raises(Exception, match="401"):
        store.send_left()
    assert len(spools()) == 1


def test_a_server_that_never_answered_is_an_error(monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    store = HttpStore(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServerUnreachable):
        store.log_metric("a" * 32, "loss", 1, 1, 1)
    assert spools() == []


def test_an_unknown_run_is_an_error(store):
    store.create_run("0")
    with pytest.raises(NotFound):
        store.log_metric("a" * 32, "loss", 1, 1, 1)


@pytest.mark.parametrize("chosen", ["0", "file/below"])
def test_without_a_spool_a_log_call_waits(relay, store, place, chosen, monkeypatch):
    (place / "file").write_text("no folder")
    monkeypatch.setenv("RUNLOG_SPOOL", chosen)
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"] * 3
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    assert relay.script == [] and steps(store, run_id) == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_keeps_its_own(relay, store):
    run_id = store.create_run("0").info.run_id
    relay.script[:] = ["drop"]
    store.log_metric(run_id, "loss", 0.5, 1, 1)
    relay.script[:] = ["drop"] * 2
    if not (child := os.fork()):
        store.log_metric(run_id, "loss", 0.5, 1, 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    relay.script.clear()
    assert steps(store, run_id) == [1]
    assert len(spools()) == 1 and store.send_left() == 1
    assert steps(store, run_id) == [1, 2]
