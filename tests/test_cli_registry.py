"""runlog models: registered models on the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from runlog import RunlogClient, cli


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli.main, [str(each) for each in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def run_id(place):
    client = RunlogClient()
    run = client.create_run("0").info.run_id
    client.log_text(run, "x", "model/weights.txt")
    return run


def data(*words: object):
    return json.loads(call(*words, "--json"))


def test_a_model_from_birth_to_its_end(run_id):
    uri = f"runs:/{run_id}/model"
    said = call("models", "register", uri, "digits", "-t", "n=1", "--description", "first")
    assert said == "Registered version 1 of model 'digits'\n"
    call("models", "register", uri, "digits", "--alias", "best")
    (row,) = data("models", "list")
    assert (row["name"], row["latest_version"], row["aliases"]) == ("digits", "2", {"best": "2"})
    found = data("models", "describe", "digits")
    assert [each["version"] for each in found["versions"]] == ["2", "1"]
    first = data("models", "describe", "digits", "1")
    assert (first["tags"], first["description"], first["run_id"]) == ({"n": "1"}, "first", run_id)
    assert first["storage_location"].endswith(f"{run_id}/artifacts/model")

    call("models", "alias", "set", "digits", "best", "1")
    assert data("models", "describe", "digits", "best")["version"] == "1"
    call("models", "alias", "remove", "digits", "best")
    call("models", "stage", "digits", "1", "production")
    call("models", "stage", "digits", "2", "Production", "--archive-existing")
    assert data("models", "describe", "digits", "1")["current_stage"] == "Archived"
    call("models", "tag", "digits", "team", "red")
    call("models", "tag", "digits", "n", "one", "--version", "1")
    assert data("models", "list", "tags.team = 'red'")[0]["tags"] == {"team": "red"}
    assert data("models", "describe", "digits", "1")["tags"] == {"n": "one"}
    call("models", "tag", "digits", "team", "--remove")
    call("models", "tag", "digits", "n", "--remove", "--version", "1")
    assert data("models", "list", "tags.team = 'red'") == []
    call("models", "rename", "digits", "numbers")
    assert call("models", "delete", "numbers", "--version", "1").startswith("Version 1 of")
    assert [row["name"] for row in data("models", "list")] == ["numbers"]
    call("models", "delete", "numbers")
    assert data("models", "list") == []


def test_what_people_read(run_id):
    call("models", "register", f"runs:/{run_id}/model", "digits", "-t", "n=1", "--alias", "best")
    assert "best 1" in call("models", "list")
    text = call("models", "describe", "digits")
    assert "digits" in text and run_id in text
    text = call("models", "describe", "digits", "1")
    assert "READY" in text and "tag n" in text and "/artifacts/model" in text
    assert "digits" in call("models", "list", "--csv")
    assert run_id in call("models", "describe", "digits", "--csv")
    assert run_id in call("models", "describe", "digits", "1", "--csv")


def test_what_cannot_be(run_id):
    assert "no such artifacts" in call("models", "register", f"runs:/{run_id}/none", "m", code=1)
    assert "KEY=VALUE" in call("models", "register", "s3://b/m", "m", "-t", "x", code=2)
    assert "name=none not found" in call("models", "describe", "none", code=1)
    assert "VALUE, or --remove" in call("models", "tag", "m", "k", code=2)
    call("models", "register", "s3://b/m", "m2")
    assert "reserved" in call("models", "alias", "set", "m2", "v1", "1", code=1)


def test_gc_says_which_versions_lose_their_files(run_id):
    call("models", "register", f"runs:/{run_id}/model", "digits")
    RunlogClient().delete_run(run_id)
    said = call("gc", "--dry-run")
    assert "1 version of registered models stay without" in said and "digits 1" in said
    assert "digits 1" in call("gc")
    assert RunlogClient().get_model_version("digits", 1).run_id == run_id
    assert "warning" not in call("gc")


def test_a_registry_in_another_store(run_id, monkeypatch, place):
    monkeypatch.setenv("RUNLOG_REGISTRY_URI", str(place / "registry.db"))
    client = RunlogClient()
    assert client.registry_uri.endswith("registry.db")
    call("models", "register", f"runs:/{run_id}/model", "digits")
    location = client.get_run(run_id).info.artifact_uri
    assert client.get_model_version("digits", 1).source == f"{location}/model"
    assert [each.name for each in client.search_registered_models()] == ["digits"]
    monkeypatch.delenv("RUNLOG_REGISTRY_URI")
    assert client.search_registered_models() == []
