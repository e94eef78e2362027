"""HttpStore against real servers, with a network in between that fails: see `relay`."""

from __future__ import annotations

import json
import os
import threading
from uuid import uuid4

import pytest

import runlog
import served
from processes import wait_for
from relay import Relay
from runlog import RunlogClient, tracking_uri
from runlog.entities import LoggedModelOutput, Metric, ViewType
from runlog.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameter,
    NotFound,
    RunlogError,
    ServerUnreachable,
)
from runlog.http.session import refusal
from runlog.http.store import HttpStore
from runlog.store import open_store

JSON = {"Content-Type": "application/json"}
PAGE = {"Content-Type": "text/html"}


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch):
    """Attempts follow one another at once, and log calls wait for them: see test_outbox.py."""
    monkeypatch.setenv("RUNLOG_OUTBOX", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_JITTER", "0")


@pytest.fixture
def uri():
    """The address of a new store of our own server."""
    server = served.stores()
    place = server.folder / uuid4().hex
    place.mkdir()
    return f"{server.uri}/{place.name}"


@pytest.fixture
def behind(uri):
    """Makes a store whose server is behind a relay with this script."""
    opened = []

    def make(*script, **options):
        relay = Relay(uri, *script, **options).__enter__()
        store = HttpStore(relay.uri)
        opened.append((store, relay))
        return store, relay

    yield make
    for store, relay in opened:
        store.close()
        relay.__exit__()


# -- asking again -----------------------------------------------------------------------------

FAILURES = [
    "drop",
    "lose",
    "half",
    (500, PAGE, b"<h1>no</h1>"),
    (502, PAGE, b""),
    (503, {"Retry-After": "0"}, b""),
    (429, JSON, b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}'),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_met_failure_is_done_once(behind, failure):
    store, relay = behind()
    run_id = store.create_run("0").info.run_id
    relay.script[:] = [failure, failure]
    store.log(run_id, [("m", 1.0, 5, 0)], [("p", "1")], [("t", "1")])
    relay.script[:] = [failure]
    assert len(store.get_metric_history(run_id, "m")) == 1
    assert relay.asked("log-batch") == 3


@pytest.mark.parametrize("failure", FAILURES)
def test_a_run_is_made_once(behind, failure):
    store, relay = behind("pass", failure)
    run = store.create_run("0", tags={"k": "v"})
    assert [each.info for each in store.search_runs(["0"])] == [run.info]
    assert relay.asked("runs/create") == 2


@pytest.mark.parametrize("failure", FAILURES)
def test_experiments_and_their_ends_too(behind, failure):
    store, relay = behind()
    relay.script[:] = [failure]
    number = store.create_experiment("e", tags={"k": "v"})
    for act in (store.delete_experiment, store.restore_experiment):
        relay.script[:] = [failure]
        act(number)
    relay.script[:] = [failure]
    store.delete_experiment_tag(number, "k")
    assert [each.name for each in store.search_experiments()] == ["e", "Default"]
    assert store.get_experiment(number).tags == {}


def test_what_is_there_already_is_told_where_no_answer_was_lost(behind):
    store, relay = behind()
    store.create_experiment("e")
    relay.script[:] = [(503, {}, b"")]  # turned away: it has changed nothing
    with pytest.raises(AlreadyExists):
        store.create_experiment("e")
    with pytest.raises(NotFound):
        store.delete_tag(store.create_run("0").info.run_id, "none")


def test_a_server_without_our_endpoints_is_not_asked_twice_to_make_a_run(behind):
    store, relay = behind((404, PAGE, b"<h1>Not Found</h1>"), "lose")
    with pytest.raises(ServerUnreachable, match="may have been done"):
        store.create_run("0")
    assert relay.asked("runs/create") == 1
    relay.script[:] = [(503, {}, b"")]
    store.create_run("0")
    assert len(store.search_runs(["0"])) == 2


def test_it_gives_up(behind, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "3")
    store, relay = behind(*["drop"] * 4)
    with pytest.raises(ServerUnreachable, match=f"127.0.0.1:{relay.port}.*cannot be reached"):
        store.get_experiment("0")
    assert len(relay.requests) == 4
    relay.script[:] = [(500, PAGE, b"<title>Oh</title><p>The database is gone</p>")] * 4
    with pytest.raises(RunlogError, match="500: '.*The database is gone'"):
        store.get_experiment("0")


def test_a_wrong_address_is_told_soon():
    with Relay("http://127.0.0.1:1") as gone:
        pass
    store = HttpStore(gone.uri)
    with pytest.raises(ServerUnreachable, match="Connection refused"):
        store.get_experiment("0")


def test_a_slow_server(behind, monkeypatch):
    # A busy machine must be able to answer the second request in time.
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_TIMEOUT", "2")
    store, relay = behind("slow", delay=4.0)
    assert store.get_experiment("0").name == "Default"
    assert len(relay.requests) == 2
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_TIMEOUT", "0.3")
    impatient, relay = behind("slow", delay=1.0)
    with pytest.raises(ServerUnreachable, match="no answer within 0.3 seconds"):
        impatient.get_experiment("0")


@pytest.mark.parametrize("name", ["TIMEOUT", "MAX_RETRIES", "BACKOFF_FACTOR", "BACKOFF_JITTER"])
def test_settings_that_are_none(monkeypatch, name):
    monkeypatch.setenv(f"RUNLOG_HTTP_REQUEST_{name}", "soon")
    with pytest.raises(InvalidParameter, match=f"RUNLOG_HTTP_REQUEST_{name} must be"):
        HttpStore("http://localhost")


# -- connections ------------------------------------------------------------------------------


def test_connections_are_kept(behind):
    store, relay = behind()
    for _ in range(5):
        store.get_experiment("0")
    assert relay.connections == 1
    store.close()
    store.get_experiment("0")
    assert relay.connections == 2


def test_a_connection_that_ended_meanwhile_is_no_failure(behind, caplog):
    store, relay = behind("hang up", "hang up")
    for ended in (1, 2, 2):
        store.get_experiment("0")
        wait_for(lambda ended=ended: relay.ended == ended)
    assert len(relay.requests) == 3
    assert caplog.records == []


def test_threads_share_a_store(behind):
    store, relay = behind()
    run_id = store.create_run("0").info.run_id

    def work(number):
        for step in range(10):
            store.log_metric(run_id, f"m{number}", step, 0, step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.count for each in store.get_metric_summary(run_id).values()} == {10}
    assert relay.connections <= 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_connections_of_its_own(uri):
    store = HttpStore(uri)
    run_id = store.create_run("0").info.run_id
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            try:
                for step in range(20):
                    store.log_metric(run_id, f"m{number}", step, 0, step)
            finally:
                os._exit(0)
        children.append(child)
    for step in range(20):
        store.log_metric(run_id, "parent", step, 0, step)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    summary = store.get_metric_summary(run_id)
    assert {key: each.count for key, each in summary.items()} == dict.fromkeys(
        ["m0", "m1", "m2", "m3", "parent"], 20
    )
    store.close()


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status, body, kind, code, words",
    [
        (404, b'{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no x"}', NotFound,
         "RESOURCE_DOES_NOT_EXIST", "^no x$"),
        (400, b'{"error_code":"RESOURCE_ALREADY_EXISTS","message":"x"}', AlreadyExists,
         "RESOURCE_ALREADY_EXISTS", "^x$"),
        (400, b'{"error_code":"BAD_REQUEST"}', BadRequest, "BAD_REQUEST", "^here answered"),
        (400, b'{"error_code":"BAD_STATE","message":"x"}', RunlogError, "BAD_STATE", "^x$"),
        (401, b"", RunlogError, "UNAUTHENTICATED", "RUNLOG_TRACKING_TOKEN"),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"x"}', RunlogError,
         "PERMISSION_DENIED", "^x$"),
        (404, b"<html><style>p {}</style><h1>Not&nbsp;Found</h1></html>", RunlogError,
         "ENDPOINT_NOT_FOUND", r"^here answered 404: 'Not Found'. Is this the address"),
        (407, b"", BadRequest, "BAD_REQUEST", "HTTP_PROXY"),
        (500, b'["no object"]', RunlogError, "INTERNAL_ERROR", "no object"),
        (503, b"\xff\xfe", RunlogError, "TEMPORARILY_UNAVAILABLE", "^here answered 503"),
    ],
)  # fmt: skip
def test_refusals_become_errors(status, body, kind, code, words):
    error = refusal(status, body, "here")
    assert type(error) is kind
    assert error.error_code == code
    with pytest.raises(kind, match=words):
        raise error


def test_a_servers_words_cannot_write_on_a_terminal():
    said = {"error_code": "INTERNAL_ERROR", "message": "a\x1b]0;x\x07b\nc\u202e"}
    error = refusal(500, json.dumps(said).encode(), "here")
    assert error.message == "a\\x1b]0;x\\x07b\nc\\u202e"
    assert "\x1b" not in str(refusal(500, b"a page \x1b]0;x\x07", "here"))


def test_pages_instead_of_answers(behind):
    store, relay = behind((200, PAGE, b"<h1>Sign in</h1>"))
    with pytest.raises(RunlogError, match="'Sign in', which is not JSON"):
        store.get_experiment("0")
    relay.script[:] = [(302, {"Location": "https://a:b@else.where/login?x=1"}, b"")]
    with pytest.raises(RunlogError, match="302 and points to 'https://else.where/login'"):
        store.get_experiment("0")
    relay.script[:] = [(200, JSON, b'{"experiment": 5}')]
    with pytest.raises(RunlogError, match="getExperiment cannot be understood"):
        store.get_experiment("0")


def test_gc_is_for_the_server(behind):
    with pytest.raises(BadRequest, match="runlog gc  there"):
        behind()[0].gc()


# -- who we are -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings, user, sent",
    [
        ({}, "", None),
        ({"TOKEN": "abc"}, "", "Bearer abc"),
        ({"USERNAME": "u", "PASSWORD": "p:é"}, "", "Basic dTpwOsOp"),
        ({"USERNAME": "u", "PASSWORD": "p", "TOKEN": "abc"}, "", "Basic dTpw"),
        ({"USERNAME": "u", "TOKEN": "abc"}, "", "Bearer abc"),
        ({"TOKEN": "abc"}, "u:p%40@", "Basic dTpwQA=="),
        ({"PASSWORD": "p"}, "u@", "Basic dTpw"),
    ],
)
def test_login(behind, monkeypatch, settings, user, sent):
    _, relay = behind()
    for name, value in settings.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    store = HttpStore(relay.uri.replace("://", f"://{user}"))
    store.get_experiment("0")
    store.close()
    headers = relay.requests[0][2]
    assert headers.get("Authorization") == sent
    assert headers["User-Agent"].startswith("runlog/")


def test_passwords_are_not_shown(behind, monkeypatch):
    _, relay = behind(*["drop"] * 3)
    secret = relay.uri.replace("://", "://user:hunter2@")
    runlog.set_tracking_uri(secret)
    with pytest.raises(ServerUnreachable) as caught:
        tracking_uri.store().get_experiment("0")
    shown = [runlog.get_tracking_uri(), RunlogClient(), tracking_uri.store(), caught.value]
    assert "hunter2" not in repr(shown) + str(caught.value) + tracking_uri.store().uri
    assert tracking_uri.store(runlog.get_tracking_uri()) is tracking_uri.store()
    RunlogClient(runlog.get_tracking_uri()).get_experiment("0")
    assert relay.requests[-1][2]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "wrong", ["http://", "http://a:b@:80", "http://h:x/", "http://h/?a=1", "http://u:secret@é/"]
)
def test_addresses_that_are_none(wrong):
    with pytest.raises(InvalidParameter, match="tracking URI") as caught:
        open_store(wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["a b", "a\nb", "é"])
def test_a_token_that_is_none(monkeypatch, token):
    monkeypatch.setenv("RUNLOG_TRACKING_TOKEN", token)
    with pytest.raises(InvalidParameter, match="RUNLOG_TRACKING_TOKEN") as caught:
        HttpStore("http://localhost")
    assert token not in str(caught.value)


# -- proxies ----------------------------------------------------------------------------------


def test_through_a_proxy(behind, monkeypatch):
    store, relay = behind()
    monkeypatch.setenv("HTTP_PROXY", f"http://me:pw@127.0.0.1:{relay.port}")
    through = HttpStore(f"http://tracking.example{relay.target.path}")
    assert through.get_experiment("0").name == "Default"
    _, path, headers = relay.requests[-1]
    assert path.startswith("http://tracking.example/")
    assert headers["Proxy-Authorization"] == "Basic bWU6cHc="
    assert headers["Host"] == "tracking.example"
    through.close()


@pytest.mark.parametrize("direct", ["127.0.0.1", "*", "example.com,127.0.0.1"])
def test_around_a_proxy(behind, monkeypatch, direct):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", direct)
    store, _ = behind()
    assert store.get_experiment("0").name == "Default"


def test_a_proxy_that_is_away_is_named(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:1")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ServerUnreachable, match="by the proxy http://127.0.0.1:1: ") as caught:
        HttpStore("http://tracking.example").get_experiment("0")
    assert "secret" not in str(caught.value)


def test_a_proxy_of_another_kind(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://me:secret@proxy:1080")
    with pytest.raises(RunlogError, match="proxy") as caught:
        HttpStore("http://tracking.example")
    assert "secret" not in str(caught.value)


# -- the whole way ----------------------------------------------------------------------------


def test_the_fluent_functions(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    runlog.set_experiment("e")
    with runlog.start_run(run_name="r") as run:
        runlog.log_params({"lr": 0.1})
        for step in range(3):
            runlog.log_metrics({"loss": 1 / (step + 1)}, step=step)
    found = runlog.search_runs(["1"], "params.lr = '0.1' OR status = 'x'")
    assert found["run_id"].tolist() == [run.info.run_id]
    assert found["status"].tolist() == ["FINISHED"]
    assert runlog.metric_history(run.info.run_id, "loss").values.tolist() == [1.0, 0.5, 1 / 3]


def test_the_command_line(uri, monkeypatch):
    from click.testing import CliRunner

    from runlog.cli import main

    monkeypatch.setenv("RUNLOG_TRACKING_URI", uri)
    run_id = RunlogClient().create_run("0", run_name="over there").info.run_id
    said = CliRunner().invoke(main, ["runs", "list", "--experiment-id", "0"])
    assert (said.exit_code, run_id in said.output) == (0, True), said.output
    said = CliRunner().invoke(main, ["gc"])
    assert (said.exit_code, "Traceback" in said.output) == (1, False)
    assert "server" in said.output or "database of this machine" in said.output


def test_a_batch_of_any_size_is_one_deed(uri):
    store = HttpStore(uri)
    run_id = store.create_run("0").info.run_id
    points = [(f"m{number % 7}", number, 0, number) for number in range(2500)]
    store.log(run_id, points, [(f"p{number}", "1") for number in range(150)])
    with pytest.raises(InvalidParameter, match="p9"):
        store.log(run_id, [("n", 1.0, 0, 0)] * 1500, [("p9", "2")])
    run = store.get_run(run_id)
    assert (len(run.data.metrics), len(run.data.params)) == (7, 150)
    assert sum(each.count for each in store.get_metric_summary(run_id).values()) == 2500
    store.close()


def test_what_other_servers_say_is_put_together(behind):
    ours, relay = behind()
    run_id = ours.create_run("0", start_time=1, tags={"t": "1"}).info.run_id
    nan = float("nan")
    values = [2.0, nan, -1.0, 5.0, -1.0]
    ours.log(run_id, [("m", value, 9 - step, step) for step, value in enumerate(values)])
    ours.log(run_id, [("n", nan, 3, 2), ("n", nan, 3, 1)], [("p", "1")])
    plain = HttpStore(relay.uri)
    relay.script[:] = [(404, PAGE, b"")]
    assert not plain.is_runlog and ours.is_runlog
    for read in (
        lambda store: store.get_metric_summary(run_id),
        lambda store: store.histories([run_id]),
        lambda store: store.histories([run_id], ["m", "none"]),
        lambda store: store.search_run_columns(["0"], run_view_type=ViewType.ALL),
    ):
        assert repr(read(plain)) == repr(read(ours))
    plain.close()


def test_models(uri):
    store = HttpStore(uri)
    run_id = store.create_run("0").info.run_id
    model = store.models.create("0", "m", source_run_id=run_id, params={"a": "1"})
    store.log(run_id, measured=[Metric("acc", 0.5, 1, 2, model_id=model.model_id)])
    store.models.log_outputs(run_id, [LoggedModelOutput(model.model_id, 2)])
    store.models.set_tags(model.model_id, {"t": "1"})
    assert store.models.finalize(model.model_id, "READY").status == "READY"
    found = store.models.search(["0"], "metrics.acc > 0.1")
    assert [(each.name, each.tags) for each in found] == [("m", {"t": "1"})]
    assert [(each.key, each.value, each.step) for each in found[0].metrics] == [("acc", 0.5, 2)]
    assert [each.model_id for each in store.get_run(run_id).outputs.model_outputs] == [
        model.model_id
    ]
    store.models.delete(model.model_id)
    with pytest.raises(NotFound):
        store.models.get(model.model_id)
    store.close()
