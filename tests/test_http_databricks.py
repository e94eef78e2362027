"""Databricks' profiles and logins, in front of a real tracking server."""

from __future__ import annotations

from contextlib import closing

import pytest

import served
from relay import Relay
from runlog import tracking_uri
from runlog.errors import InvalidParameter, RunlogError
from runlog.store import open_store

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A server, and a ~/.databrickscfg that the test writes."""
    for name in ("HOST", "TOKEN", "CLIENT_ID", "CLIENT_SECRET", "CONFIG_PROFILE"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "cfg"))
    with Relay(f"{served.stores().uri}/none") as relay:
        yield relay


def authorization(uri, relay):
    with closing(open_store(uri)) as store:
        assert store.get_experiment("0").name == "Default"
    return relay.requests[-1][2]["Authorization"]


def test_the_environment(workspace, monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", workspace.uri)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t1")
    assert authorization("databricks", workspace) == "Bearer t1"


@pytest.mark.parametrize(
    "uri, sent",
    [
        ("databricks", "Bearer default%"),
        ("databricks://one", "Bearer one"),
        ("databricks://two", "Basic dTpw"),
    ],
)
def test_profiles(workspace, tmp_path, uri, sent):
    (tmp_path / "cfg").write_text(
        f"[DEFAULT]\nhost = {workspace.uri}\ntoken = default%\n"
        f"[one]\nhost = {workspace.uri}/\ntoken = one\n"
        f"[two]\nhost = {workspace.uri}\nusername = u\npassword = p\n"
    )
    assert authorization(uri, workspace) == sent


def test_a_service_principal(workspace, monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", workspace.uri)
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "id")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "secret")
    workspace.script[:] = [(200, JSON, b'{"access_token":"fresh","expires_in":3600}')]
    assert authorization("databricks", workspace) == "Bearer fresh"
    verb, path, headers = workspace.requests[0]
    assert (verb, path) == ("POST", "/oidc/v1/token")
    assert headers["Authorization"] == "Basic aWQ6c2VjcmV0"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    workspace.script[:] = [(200, JSON, b"{}")]
    with pytest.raises(RunlogError, match="no access token"):
        authorization("databricks", workspace)


@pytest.mark.parametrize(
    "uri, text, words",
    [
        ("databricks", "", "no profile 'DEFAULT'"),
        ("databricks://x", "[y]\nhost = h\ntoken = t\n", "no profile 'x'"),
        ("databricks://x", "[x]\ntoken = t\n", "no host"),
        ("databricks://x", "[x]\nhost = h\n[DEFAULT]\ntoken = t\n", "no token"),
        ("databricks://x", "no section", "cannot be read"),
    ],
)
def test_what_is_missing_is_told(workspace, tmp_path, uri, text, words):
    (tmp_path / "cfg").write_text(text)
    with pytest.raises(InvalidParameter, match=words):
        open_store(uri)


def test_databricks_is_no_file(tmp_path):
    tracking_uri.set_tracking_uri("databricks")
    assert tracking_uri.get_tracking_uri() == "databricks"
    assert tracking_uri.get_tracking_uri() != str(tmp_path / "databricks")
