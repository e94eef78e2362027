"""`runlog doctor` asks a server: real ones, and one whose clock is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import runlog
from processes import LONG
from relay import Relay
from runlog.sqlstore.accounts import Users
from runlog.store import open_store
from serving import serving


def findings(uri: str) -> dict[str, tuple[str, str]]:
    command = [sys.executable, "-m", "runlog.cli", "doctor", "--json", "--tracking-uri", uri]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    found = {each["topic"]: (each["level"], each["text"]) for each in json.loads(result.stdout)}
    assert result.returncode == any(level == "wrong" for level, _ in found.values())
    return found


@pytest.fixture
def served(place):
    with serving(place) as served:
        yield served


def test_a_server_of_ones_own(served):
    found = findings(served.uri)
    assert found["server"][0] == "ok" and f"version {runlog.__version__}" in found["server"][1]
    assert found["log-in"] == ("ok", "the server has no log-ins")
    assert found["clock"] == ("ok", "the server's and this machine's agree")
    assert found["to be sent"] == ("ok", "nothing waits for this server")


def test_as_whom_the_server_knows_us(place, monkeypatch):
    store = open_store(f"{place}/")
    users = Users(store.db)
    users.add("ann", "editor")
    tokens = {only: users.add_token("ann", str(only), read_only=only) for only in (True, False)}
    store.close()
    with serving(place, "--auth") as served:
        level, text = findings(served.uri)["log-in"]
        assert level == "wrong" and "RUNLOG_TRACKING_TOKEN" in text
        monkeypatch.setenv("RUNLOG_TRACKING_TOKEN", tokens[False])
        assert findings(served.uri)["log-in"] == ("ok", "as ann, with the role editor")
        monkeypatch.setenv("RUNLOG_TRACKING_TOKEN", tokens[True])
        level, text = findings(served.uri)["log-in"]
        assert level == "note" and "only read" in text


@pytest.mark.parametrize(
    "seconds, level, words",
    [(0, "ok", "agree"), (20, "note", "s ahead of"), (-7200, "wrong", "120 min behind")],
)
def test_the_clocks_are_compared(served, seconds, level, words):
    with Relay(served.uri, (200, {}, b"3.1.0"), ahead=seconds) as relay:
        found = findings(relay.uri)
    assert found["server"][1].endswith("version 3.1.0")
    assert found["clock"][0] == level and words in found["clock"][1]


def test_a_server_that_is_none(served):
    """Whatever answers there: a page, nothing that is understood, or an error."""
    page = (200, {"Content-Length": "6"}, b"<html>")
    with Relay(served.uri, page, page, page) as relay:
        found = findings(relay.uri)
    assert "version unknown" in found["server"][1]
    assert found["log-in"][0] == "wrong" and "not JSON" in found["log-in"][1]
    with Relay(served.uri, (503, {"Content-Length": "0"}, b"")) as relay:
        assert findings(relay.uri)["server"][0] == "wrong"


def test_what_waits_is_counted(served):
    with Relay(served.uri) as relay:
        runlog.set_tracking_uri(relay.uri)
        with runlog.start_run() as run:
            client = runlog.RunlogClient()
            client.log_metric(run.info.run_id, "m", 1.0)
            relay.script += ["drop"] * 50
            client.log_metric(run.info.run_id, "m", 2.0)
            level, text = findings(relay.uri)["to be sent"]
            assert level == "note" and "see  runlog outbox list" in text
            relay.script.clear()
            client.get_run(run.info.run_id)  # sends what waits before it asks
        assert findings(relay.uri)["to be sent"][0] == "ok"
