"""The model registry through the client and the functions of the module."""

from __future__ import annotations

import json

import pytest

import runlog
from runlog import RunlogClient
from runlog.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel
from runlog.errors import InvalidParameter, NotFound
from runlog.model_registration import MODEL_VERSIONS

SOURCE = "s3://bucket/model"


@pytest.fixture
def client(place):
    return RunlogClient(str(place / "runlog.db"))


@pytest.fixture
def run(place):
    runlog.set_tracking_uri(str(place / "runlog.db"))
    yield RunlogClient().create_run("0")
    runlog.set_tracking_uri("")


@pytest.fixture
def logged(run):
    """The logged model m of the run, with an MLmodel file."""
    client = RunlogClient()
    model = client.create_logged_model("0", "m", run.info.run_id)
    return client.finalize_logged_model(model.model_id, "READY")


def test_a_model_is_registered_by_the_path_of_its_files(run):
    run_id = run.info.run_id
    RunlogClient().log_text(run_id, "flavors: {}", "deep/model/MLmodel")
    for at in ("1", "2"):
        made = runlog.register_model(f"runs:/{run_id}/deep/model", "digits", tags={"at": at})
        assert (made.version, made.run_id, made.tags) == (at, run_id, {"at": at})
        assert made.source == f"{run.info.artifact_uri}/deep/model"


def test_a_model_is_registered_by_the_name_of_its_logged_model(run, logged):
    made = runlog.register_model(f"runs:/{run.info.run_id}/m", "digits")
    assert (made.model_id, made.run_id) == (logged.model_id, run.info.run_id)
    assert made.source == f"models:/{logged.model_id}"


def test_of_several_logged_models_the_one_of_the_last_step_counts(run, logged):
    client = RunlogClient()
    later = client.create_logged_model("0", "m", run.info.run_id)
    outputs = [
        runlog.entities.LoggedModelOutput(logged.model_id, 7),
        runlog.entities.LoggedModelOutput(later.model_id, 3),
    ]
    client.log_outputs(run.info.run_id, outputs)
    made = runlog.register_model(f"runs:/{run.info.run_id}/m", "digits")
    assert made.model_id == logged.model_id


def test_a_logged_model_knows_its_versions(run, logged):
    for name in ("a", "a", "b"):
        runlog.register_model(f"models:/{logged.model_id}", name)
    tag = RunlogClient().get_logged_model(logged.model_id).tags[MODEL_VERSIONS]
    assert [(each["name"], each["version"]) for each in json.loads(tag)] == [
        ("a", "1"), ("a", "2"), ("b", "1"),
    ]  # fmt: skip


def test_a_model_that_is_not_there_is_not_registered(run):
    with pytest.raises(NotFound, match="none"):
        runlog.register_model(f"runs:/{run.info.run_id}/none", "digits")
    with pytest.raises(NotFound):
        runlog.register_model("models:/m-none", "digits")
    with pytest.raises(InvalidParameter, match="models:/"):
        runlog.register_model("models:/", "digits")
    with pytest.raises(InvalidParameter, match="env_pack"):
        runlog.register_model(SOURCE, "digits", env_pack="x")


def test_a_source_that_is_not_there_leaves_no_empty_model(run):
    for uri in ("runs:/absent/model", f"runs:/{run.info.run_id}/absent"):
        with pytest.raises(NotFound):
            runlog.register_model(uri, "typo")
    assert runlog.search_registered_models() == []


@pytest.mark.parametrize("count", [-1, "x"])
def test_a_wrong_number_of_results_is_refused(run, count):
    for search in (runlog.search_registered_models, runlog.search_model_versions):
        with pytest.raises(InvalidParameter, match="max_results"):
            search(max_results=count)
        assert search(max_results=0) == []


def test_a_logged_model_is_named_by_text(run):
    with pytest.raises(InvalidParameter, match="must be text"):
        runlog.create_external_model(name=5)


def test_a_local_folder_is_registered(run, place):
    made = runlog.register_model("folder/model", "digits")
    assert made.source == str(place / "folder" / "model")


def test_all_pages_of_a_search(run):
    client = RunlogClient()
    for at in range(5):
        client.create_registered_model(f"m{at}")
        client.create_model_version(f"m{at}", SOURCE)
    assert len(runlog.search_registered_models()) == 5
    assert [each.name for each in runlog.search_registered_models(2)] == ["m0", "m1"]
    found = runlog.search_model_versions(3, "name != 'm1'", ["name DESC"])
    assert [each.name for each in found] == ["m4", "m3", "m2"]
    runlog.set_model_version_tag("m0", 1, "k", "v")
    assert client.get_model_version("m0", 1).tags == {"k": "v"}


def test_a_version_is_copied(client):
    client.create_registered_model("a")
    client.create_model_version("a", SOURCE, tags={"k": "v"}, description="d")
    client.set_registered_model_alias("a", "best", 1)
    for at, uri in enumerate(("models:/a/1", "models:/a@best", "models:/a/latest"), 1):
        made = client.copy_model_version(uri, "b")
        assert (made.name, made.version, made.source) == ("b", str(at), "models:/a/1")
        assert (made.tags, made.description) == ({"k": "v"}, "d")
        assert client.get_model_version_download_uri("b", at) == SOURCE
    for uri in ("models:/m-1", "runs:/x/y", "models:/a/b/c"):
        with pytest.raises(InvalidParameter, match="models:/|m-1"):
            client.copy_model_version(uri, "b")


def test_tags_by_stage(client):
    client.create_registered_model("a")
    for _ in range(2):
        client.create_model_version("a", SOURCE)
        client.transition_model_version_stage("a", 1, "Staging")
    client.set_model_version_tag("a", key="k", value=1, stage="staging")
    assert client.get_model_version("a", "1").tags == {"k": "1"}
    client.delete_model_version_tag("a", key="k", stage="Staging")
    assert client.get_model_version("a", "1").tags == {}
    for wrong in (
        {"key": "k", "value": 1},
        {"version": 1, "stage": "Staging", "key": "k", "value": 1},
        {"version": 1, "key": "k"},
        {"version": 1, "value": 1},
    ):
        with pytest.raises(InvalidParameter):
            client.set_model_version_tag("a", **wrong)
    with pytest.raises(NotFound, match="Production"):
        client.set_model_version_tag("a", key="k", value=1, stage="Production")


def test_the_registry_may_be_in_another_store(place, run, logged):
    runlog.set_registry_uri(str(place / "registry.db"))
    try:
        assert runlog.get_registry_uri() == str(place / "registry.db")
        made = runlog.register_model(f"models:/{logged.model_id}", "digits")
        assert (made.source, made.run_id) == (logged.artifact_location, run.info.run_id)
        assert made.model_id == logged.model_id
        assert runlog.search_registered_models()[0].name == "digits"
    finally:
        runlog.set_registry_uri("")
    assert runlog.search_registered_models() == []
    assert runlog.get_registry_uri() == runlog.get_tracking_uri()
    other = RunlogClient(registry_uri=str(place / "registry.db"))
    assert other.registry_uri == str(place / "registry.db")
    assert other.get_registered_model("digits").name == "digits"


@pytest.mark.parametrize("uri", ["databricks-uc", "uc:http://localhost", "databricks-uc://profile"])
def test_unity_catalog_is_refused_when_it_is_used(client, uri, place):
    runlog.set_registry_uri(uri)  # as scripts do, whatever they use then
    try:
        with pytest.raises(InvalidParameter, match="Unity Catalog.*databricks"):
            client.search_registered_models()
    finally:
        runlog.set_registry_uri("")
    assert not (place / uri.partition(":")[0]).exists()


def test_entities_as_mlflow_makes_them():
    version = ModelVersion("m", 1, 5, tags=[ModelVersionTag("k", "v")], aliases=["best"])
    assert (version.version, version.tags, version.aliases) == ("1", {"k": "v"}, ["best"])
    assert (version.status, version.current_stage, version.run_id) == ("READY", None, None)
    model = RegisteredModel("m", 5, 6, latest_versions=[version])
    assert dict(model)["latest_versions"] == [version]
    assert model.to_dictionary()["latest_versions"][0]["tags"] == {"k": "v"}
