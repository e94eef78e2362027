"""URIs of models: which files `runs:/...` and `models:/...` name.

- `runs:/<run id>/<path>`: a folder of the run's artifacts, or a logged model of that name
- `models:/<name>/<version>`, `models:/<name>/<stage>`, `models:/<name>/latest`,
  `models:/<name>@<alias>`: a version of a registered model
- `models:/m-<id>`: a logged model
"""

from __future__ import annotations

import re

from runlog.client import RunlogClient
from runlog.errors import InvalidParameter, NotFound
from runlog.storage.opening import opened
from runlog.storage.paths import parse_runs_uri

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runlog.entities import LoggedModel
    from runlog.storage.repository import ArtifactRepo
    from runlog.store import Store

LOGGED_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_REMEDY = "use models:/<name>/<version>, models:/<name>@<alias> or models:/m-<id of a logged model>"


class ModelsUri:
    """A `models:/` URI in its parts: either a `model_id`, or a `name` with a `version` (digits), an
    `alias` or a `stage` (`latest` is one). `path` is what follows."""

    __slots__ = ("alias", "model_id", "name", "path", "stage", "version")

    def __init__(self, uri: str) -> None:
        from urllib.parse import unquote

        self.model_id = self.version = self.alias = self.stage = None
        text = uri.removeprefix("models:/")
        if not uri.startswith("models:/") or text.startswith("/"):
            raise InvalidParameter(f"not a model's URI: {uri!r}: {_REMEDY}")
        first, _, rest = text.partition("/")
        self.name = unquote(first)
        if LOGGED_MODEL_ID.fullmatch(first):
            self.model_id, self.path = first, rest
            return
        if "@" in first:
            self.name, _, self.alias = self.name.rpartition("@")
            self.path = rest
        else:
            last, _, self.path = rest.partition("/")
            if last.isdigit():
                self.version = last
            else:
                self.stage = last
        if not self.name or not (self.version or self.alias or self.stage):
            raise InvalidParameter(f"not a model's URI: {uri!r}: {_REMEDY}")


def is_model_uri(uri: str) -> bool:
    """Return whether it is a `models:/` URI."""
    return uri.startswith("models:/")


def repository(uri: str, tracking_uri: str | None = None) -> tuple[ArtifactRepo, str]:
    """Return the artifacts that a `runs:/` or `models:/` URI is in, and the path in them.

    Raises InvalidParameter for another URI, NotFound if there is no such run, model or version.
    """
    client = RunlogClient(tracking_uri)
    if not is_model_uri(uri):
        run_id, path = parse_runs_uri(uri)
        return _of_run(client.store, run_id, path)
    parsed = ModelsUri(uri)
    if parsed.model_id:
        return _of_logged_model(client.store, parsed.model_id), parsed.path
    repo, inner = _of_version(client, version_of(client, parsed))
    return repo, "/".join(each for each in (inner, parsed.path) if each)


def version_of(client: Any, parsed: ModelsUri) -> Any:
    """Return the version of a registered model that a URI names. Raises NotFound."""
    if parsed.version:
        return client.get_model_version(parsed.name, parsed.version)
    if parsed.alias:
        return client.get_model_version_by_alias(parsed.name, parsed.alias)
    assert parsed.stage is not None
    if parsed.stage.lower() == "latest":
        found = client.get_latest_versions(parsed.name)
    else:
        found = client.get_latest_versions(parsed.name, [parsed.stage])
    if not found:
        what = "version" if parsed.stage.lower() == "latest" else f"version in {parsed.stage!r}"
        raise NotFound(f"the registered model {parsed.name!r} has no {what}")
    return max(found, key=lambda each: int(each.version))


def _of_version(client: Any, version: Any) -> tuple[ArtifactRepo, str]:
    source = client.get_model_version_download_uri(version.name, version.version)
    if source.startswith(("runs:/", "models:/")):
        return repository(source, client.tracking_uri)
    above, _, name = source.rstrip("/").rpartition("/")
    if version.run_id:  # a folder of a run's artifacts: open the root, which the store owns
        root = client.get_run(version.run_id).info.artifact_uri.rstrip("/")
        if source.startswith(root + "/"):
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
