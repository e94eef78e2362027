"""Registering a model that was logged: where its files are, and which run and model it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlog.errors import AlreadyExists, NotFound
from runlog.registry_client import MODELS_URI
from runlog.storage.paths import parse_runs_uri
from runlog.store_parts.registered_models import parse_models_uri

if TYPE_CHECKING:
    from runlog.client import RunlogClient
    from runlog.entities import Run
    from runlog.entities.model_registry import ModelVersion

MODEL_VERSIONS = "mlflow.modelVersions"  # the tag of a logged model with its versions, as JSON


def register(
    client: RunlogClient, model_uri: str, name: str, tags: Mapping[str, Any] | None = None
) -> ModelVersion:
    """Create the registered model if there is none of that name, and its next version. Raises
    NotFound if a run has no such model."""
    source, run_id, model_id = _source_of(client, str(model_uri))
    try:
        client.create_registered_model(name)
    except AlreadyExists:
        pass
    version = client.create_model_version(name, source, run_id, tags, model_id=model_id)
    if model_id is not None:
        _note_version(client, model_id, version)
    return version


def _source_of(client: RunlogClient, uri: str) -> tuple[str, str | None, str | None]:
    """The source of a model, its run and its logged model, from the URI."""
    if uri.startswith(MODELS_URI):
        return uri, None, parse_models_uri(uri).model_id or None
    if not uri.startswith("runs:/"):
        return uri, None, None
    run_id, path = parse_runs_uri(uri)
    run, path = client.get_run(run_id), path.strip("/")
    here = [each.path.rpartition("/")[2] for each in client.list_artifacts(run_id, path or None)]
    if "MLmodel" not in here:
        model_id = _latest_logged(client, run, path)
        if model_id is not None:
            return f"{MODELS_URI}{model_id}", run_id, model_id
        above, _, last = path.rpartition("/")
        files = client.list_artifacts(run_id, above or None) if path else []
        if not here and path not in [each.path for each in files]:
            raise NotFound(
                f"Unable to find a logged_model with artifact_path {path} under run {run_id}, and "
                "the run has no such artifacts: log the model first"
            )
    return f"{run.info.artifact_uri}/{path}".rstrip("/"), run_id, None


def _latest_logged(client: RunlogClient, run: Run, name: str) -> str | None:
    """The id of the run's logged model of that name: of several, the one of the latest step."""
    steps = {each.model_id: each.step for each in run.outputs.model_outputs}
    found: list[str] = []
    token = None
    while name and "'" not in name:  # which no logged model has in its name
        page = client.search_logged_models(
            [run.info.experiment_id], f"name = '{name}'", page_token=token
        )
        found += [each.model_id for each in page if each.source_run_id == run.info.run_id]
        token = page.token
        if token is None:
            break
    # Newest first, so that of one step the latest counts.
    return max(found, key=lambda each: steps.get(each, -1), default=None)


def _note_version(client: RunlogClient, model_id: str, version: ModelVersion) -> None:
    """Add a version to the tag of its logged model, where MLflow's pages look for it."""
    try:
        model = client.get_logged_model(model_id)
    except NotFound:  # in another store
        return
    before = json.loads(model.tags.get(MODEL_VERSIONS) or "[]")
    entry = {"name": version.name, "version": version.version}
    client.set_logged_model_tags(model_id, {MODEL_VERSIONS: json.dumps([*before, entry])})
