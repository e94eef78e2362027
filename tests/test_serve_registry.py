"""The model registry behind a server: what clients may name, read, and are told to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.serve import create_app
from runlog.store import open_store
from test_auth import API, Team, cheap_hashes  # noqa: F401 - a fixture
from wsgi import call

MODELS, VERSIONS = API + "registered-models/", API + "model-versions/"


@pytest.fixture
def store(place):
    store = open_store(str(place / "runlog.db"))
    yield store
    store.close()


@pytest.fixture
def app(store, place):
    """A server that passes artifacts on, with the registered model m."""
    store.registry.create_model("m")
    return create_app(store, ArtifactRepo(str(place / "artifacts")))


@pytest.fixture
def run_id(store):
    return store.create_run("0").info.run_id


def create(app, source, **more):
    return call(app, "POST", VERSIONS + "create", {"name": "m", "source": source, **more})


# -- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "mlflow-artifacts:/0/{run}/artifacts/model",
        "runs:/{run}/model",
        "runs:/{run}",
        "{place}/artifacts/0/{run}/artifacts/model",
        "file://{place}/artifacts/0/{run}/artifacts/model",
        "s3://bucket/model",
        "gs://bucket/deep/model",
        "dbfs:/models/m",
        "https://host/model",
        "models:/{model}",
    ],
)
def test_sources_that_a_client_may_name(app, store, place, run_id, source):
    model = store.models.create("0", "tree", source_run_id=run_id).model_id
    source = source.format(run=run_id, place=place, model=model)
    answer = create(app, source, run_id=run_id)
    assert answer.status == 200, answer.body
    assert answer.json["model_version"]["source"] == source


@pytest.mark.parametrize(
    "source",
    [
        "/etc",
        "/etc/passwd",
        "file:///etc",
        "file:/etc",
        "file:etc",
        "FILE:///etc",
        "etc",
        ".",
        "~",
        "{place}",
        "{place}/artifacts",
        "{place}/artifacts/0/other/artifacts/model",
        "{place}/artifacts/0/{run}/artifacts/../../other",
        "file://{place}/artifacts/0/{run}/artifacts/%2e%2e/%2e%2e/other",
        "file://{place}/artifacts/0/{run}/artifacts/%252e%252e/%252e%252e/other",
        "{place}/artifacts/0/{run}/artifacts\\..\\..\\other",
        "file://host/{place}/artifacts/0/{run}/artifacts",
        "mlflow-artifacts:/0/{run}/artifacts/../../other",
        "mlflow-artifacts:/0/{run}/artifacts/%2E%2E/%2e%2e/other",
        "mlflow-artifacts://elsewhere/0/{run}/artifacts/model",
        "mlflow-artifacts:0",
        "runs:/{run}/../../other",
        "runs:/{run}/%2e%2e/other",
        "runs:/",
        "s3://bucket/../other",
        "s3://bucket/%2e%2e/other",
        "zip::s3://bucket/model",
        "simplecache::file:///etc",
        "reference://x",
        "memory2://x",
        "sqlar:///etc/other.db/x",
        "ftp://user:secret@host/model",
        "s3://bucket/a\nb",
        "models:/",
        "models:/m/../x",
        "models:m/1",
        "",
    ],
)
def test_sources_that_a_client_may_not_name(app, store, place, run_id, source):
    source = source.format(run=run_id, place=place)
    answer = create(app, source, run_id=run_id)
    assert answer.status == 400, answer.body
    assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert b"secret" not in answer.body
    assert store.registry.search_versions() == []


def test_a_local_source_needs_its_run(app, place, run_id):
    source = f"{place}/artifacts/0/{run_id}/artifacts/model"
    answer = create(app, source)
    assert (answer.status, "run_id" in answer.json["message"]) == (400, True)
    assert create(app, source, run_id="0" * 32).status == 400


def test_a_link_in_the_artifacts_leads_nowhere(app, place, run_id):
    folder = Path(place, "artifacts", "0", run_id, "artifacts")
    folder.mkdir(parents=True)
    (folder / "link").symlink_to("/etc")
    assert create(app, f"{folder}/link", run_id=run_id).status == 400


def test_sources_that_the_server_allows(store, place):
    store.registry.create_model("m")
    app = create_app(
        store, ArtifactRepo(str(place / "artifacts")), allowed_locations=[str(place / "shared")]
    )
    assert create(app, f"{place}/shared/model").status == 200
    assert create(app, f"{place}/other/model").status == 400


def test_local_sources_without_proxied_artifacts(store, place, run_id):
    store.registry.create_model("m")
    app = create_app(store)
    location = store.get_run(run_id).info.artifact_uri
    assert create(app, f"{location}/model", run_id=run_id).status == 200
    assert create(app, "/etc", run_id=run_id).status == 400


# -- files ------------------------------------------------------------------------------------


def test_files_of_a_version(app, store, place, run_id):
    call(
        app, "PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/model/MLmodel", b"x"
    )
    create(app, f"runs:/{run_id}/model")
    query = "name=m&version=1&path="
    sent = call(app, "GET", "/model-versions/get-artifact", query=query + "MLmodel")
    assert (sent.status, sent.body) == (200, b"x")
    assert sent.headers["content-disposition"].startswith("attachment")
    for path in ("none", "../MLmodel", "/etc/passwd", "%2e%2e/x"):
        assert call(app, "GET", "/model-versions/get-artifact", query=query + path).status >= 400
    uri = call(app, "GET", VERSIONS + "get-download-uri", query="name=m&version=1")
    assert uri.json == {"artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts/model"}


def test_a_bucket_that_the_server_may_not_open_is_not_read(app):
    create(app, "s3://bucket/model")
    query = "name=m&version=1&path=MLmodel"
    answer = call(app, "GET", "/model-versions/get-artifact", query=query)
    assert (answer.status, answer.json["error_code"]) == (403, "PERMISSION_DENIED")


# -- users ------------------------------------------------------------------------------------


def test_what_users_do_to_models_is_noted(tmp_path):
    team = Team(tmp_path)
    team.add("ed", "editor")
    team.add("vic", "viewer")
    team.ask("ed", "POST", MODELS + "create", {"name": "m"})
    team.ask("ed", "POST", VERSIONS + "create", {"name": "m", "source": "s3://b/m"})
    alias = {"name": "m", "alias": "best", "version": "1"}
    assert team.ask("vic", "POST", MODELS + "alias", alias).status == 403
    assert team.ask("ed", "POST", MODELS + "alias", alias).status == 200
    assert team.ask("vic", "GET", MODELS + "get", {"name": "m"}).status == 200
    noted = {(each.user, each.action, each.target, each.result) for each in team.audit()}
    assert noted >= {
        ("ed", "createRegisteredModel", "registered model m", "OK"),
        ("ed", "createModelVersion", "registered model m", "OK"),
        ("ed", "setRegisteredModelAlias", "registered model m version 1", "OK"),
        ("vic", "setRegisteredModelAlias", "registered model m version 1", "PERMISSION_DENIED"),
    }
    team.close()


def test_a_role_in_an_experiment_is_none_in_the_registry(tmp_path):
    team = Team(tmp_path)
    team.store.create_experiment("own")
    team.add("mia", "member", grant="admin")
    run = team.store.create_run("1").info.run_id
    team.store.registry.create_model("m")
    answer = team.ask(
        "mia",
        "POST",
        VERSIONS + "create",
        {"name": "m", "source": f"runs:/{run}/model", "run_id": run},
    )
    assert answer.status == 403 and "runlog users role mia editor" in answer.json["message"]
    answer = team.ask("mia", "GET", MODELS + "search")
    assert answer.status == 403 and "runlog users role mia viewer" in answer.json["message"]
    team.close()


# -- what is not here -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb, path, word",
    [
        ("GET", API + "webhooks", "webhooks"),
        ("POST", API + "webhooks", "webhooks"),
        ("PATCH", API + "webhooks/1", "webhooks"),
        ("DELETE", "/ajax-api/2.0/mlflow/webhooks/1", "webhooks"),
        ("POST", API + "webhooks/1/test", "webhooks"),
        ("POST", API + "unity-catalog/registered-models/create", "set_registry_uri"),
        ("GET", API + "unity-catalog/model-versions/search", "set_registry_uri"),
        ("POST", API + "unity-catalog/prompts", "set_registry_uri"),
        ("GET", "/api/3.0/mlflow/prompts/p", "log_text"),
    ],
)
def test_what_is_not_here_says_what_to_do(app, verb, path, word):
    answer = call(app, verb, path)
    assert (answer.status, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert word in answer.json["message"]


def test_a_prompt_is_refused_with_what_to_do(app):
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    answer = call(app, "POST", MODELS + "create", {"name": "p", "tags": tags})
    assert (answer.status, "log_text" in answer.json["message"]) == (501, True)


def test_a_delete_may_say_what_in_its_query(app, store):
    assert call(app, "DELETE", MODELS + "delete", query="name=m").status == 200
    assert store.registry.search_models() == []
