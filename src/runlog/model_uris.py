"""URIs of artifacts and models: which files they name.

- `runs:/<run id>/<path>`: a folder of the run's artifacts, or a logged model of that name
- `models:/<name>/<version>`, `models:/<name>/<stage>`, `models:/<name>/latest`,
  `models:/<name>@<alias>`: a version of a registered model
- `models:/m-<id>`: a logged model
- a local path, or the URI of a storage

A path may follow each of them.
"""

from __future__ import annotations

import os

from runlog.client import RunlogClient
from runlog.errors import NotFound
from runlog.registry_client import MODELS_URI
from runlog.storage.opening import opened
from runlog.storage.paths import PROXIED, parse, parse_runs_uri
from runlog.storage.repository import ArtifactRepo
from runlog.store_parts.registered_models import parse_models_uri, version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runlog.entities import LoggedModel
    from runlog.entities.model_registry import ModelVersion
    from runlog.store import Store


def is_model_uri(uri: str) -> bool:
    """Return whether it is a `models:/` URI."""
    return uri.startswith(MODELS_URI)


def split(uri: str) -> tuple[str, str]:
    """Return a `models:/` URI without the path that follows it, and the path.

    >>> from runlog.model_uris import split
    >>> split("models:/digits@best/data/weights.bin"), split("models:/digits/3")
    (('models:/digits@best', 'data/weights.bin'), ('models:/digits/3', ''))
    """
    first, _, rest = uri.removeprefix(MODELS_URI).partition("/")
    if "@" in first or first.startswith("m-") and not _is_version(rest):
        return MODELS_URI + first, rest
    second, slash, path = rest.partition("/")
    return uri[: len(uri) - len(path) - len(slash)], path


def _is_version(rest: str) -> bool:
    """Return whether a version, and not a path, follows the name of a registered model."""
    second = rest.partition("/")[0]
    return second.isdigit() or second.lower() in ("latest", "none", "staging", "production")


def located(uri: str, tracking_uri: str | None = None) -> tuple[ArtifactRepo, str]:
    """Return the artifacts that a URI is in, and the path in them.

    Raises InvalidParameter if it is no URI, NotFound if there is no such run, model or version.
    """
    if uri.startswith(("runs:", "models:")):
        return repository(uri, tracking_uri)
    return _of_storage(uri, tracking_uri)


def repository(uri: str, tracking_uri: str | None = None) -> tuple[ArtifactRepo, str]:
    """Return the artifacts that a `runs:/` or `models:/` URI is in, and the path in them.

    Raises InvalidParameter for another URI, NotFound if there is no such run, model or version.
    """
    client = RunlogClient(tracking_uri)
    if not is_model_uri(uri):
        run_id, path = parse_runs_uri(uri)
        return _of_run(client.store, run_id, path)
    base, path = split(uri)
    parsed = parse_models_uri(base)
    if parsed.model_id:
        return _of_logged_model(client.store, parsed.model_id), path
    repo, inner = _of_version(client, version_of(client.registry, parsed))
    return repo, "/".join(each for each in (inner, path) if each)


def _of_storage(uri: str, tracking_uri: str | None) -> tuple[ArtifactRepo, str]:
    """Return what is above an address, and its last part."""
    root, _, path = uri.rstrip("/").rpartition("/")
    if uri.startswith(PROXIED):
        return ArtifactRepo(root, RunlogClient(tracking_uri).store.files(root)), path
    if not uri.startswith("sqlar:"):
        address = parse(uri)
        if address.scheme == "file":
            root, path = os.path.split(address.path)
            return ArtifactRepo(root), path
        if not address.path.strip("/"):
            return ArtifactRepo(uri), ""
    if uri.startswith(("http:", "https:")):
        from urllib.parse import unquote

        path = unquote(path)
    return ArtifactRepo(root), path


def _of_version(client: RunlogClient, version: ModelVersion) -> tuple[ArtifactRepo, str]:
    source = client.get_model_version_download_uri(version.name, version.version)
    if source.startswith(("runs:/", MODELS_URI)):
        return repository(source, client.tracking_uri)
    if version.run_id:  # a folder of a run's artifacts: open the root, which the store owns
        try:
            root = client.get_run(version.run_id).info.artifact_uri.rstrip("/")
        except NotFound:  # it is in another store, or was deleted
            root = ""
        if root and source.startswith(root + "/"):
            return opened(client.store, root), source[len(root) + 1 :].rstrip("/")
    return opened(client.store, source), ""


def _of_logged_model(store: Store, model_id: str) -> ArtifactRepo:
    return opened(store, store.models.get(model_id).artifact_location)


def _of_run(store: Store, run_id: str, path: str) -> tuple[ArtifactRepo, str]:
    run = store.get_run(run_id)
    repo = opened(store, run.info.artifact_uri)
    outputs = run.outputs.model_outputs
    if outputs and path:
        model = _named(store, [each.model_id for each in outputs], path)
        if model is not None and not repo.list(model.name):  # no folder of files has that name
            return opened(store, model.artifact_location), path[len(model.name) + 1 :]
    return repo, path


def _named(store: Store, model_ids: list[str], path: str) -> LoggedModel | None:
    """Return the newest of some logged models whose name is the path, or a beginning of it."""
    found = []
    for model_id in model_ids:
        try:
            found.append(store.models.get(model_id))
        except NotFound:  # it was deleted
            continue
    found = [each for each in found if f"{path}/".startswith(f"{each.name}/")]
    return max(found, key=lambda each: each.creation_timestamp, default=None)
