"""The files of runs: what scripts call to list, fetch and load them."""

from __future__ import annotations

import os
from typing import Any

from runlog import model_uris
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter
from runlog.storage.errors import NoSuchFile
from runlog.storage.opening import LocationRefused, opened
from runlog.storage.repository import ArtifactRepo

__all__ = [
    "ArtifactRepo",
    "LocationRefused",
    "NoSuchFile",
    "download_artifacts",
    "list_artifacts",
    "load_dict",
    "load_image",
    "load_text",
]


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    callback: Any = None,
) -> str:
    """Copy an artifact file or folder to this machine and return its local path.

    Give either `artifact_uri`, which is `runs:/<run id>/<path>`, `models:/<name>/<version>`, a
    local path or a URI of a storage; or `run_id` with `artifact_path`, or `run_id` alone for all
    its files. It is copied into the folder `dst_path`, which is created if it does not exist, or
    into a new temporary folder. `callback`, an fsspec `Callback`, is given the number of bytes to
    copy and of bytes copied. `registry_uri` is not used: scripts for MLflow may pass it.

    Raises NotFound (also a FileNotFoundError) if there is no such artifact, InvalidParameter if the
    URI is wrong, and LocationRefused if the store may not open the location on this machine.

    >>> import os
    >>> with runlog.start_run() as run:
    ...     runlog.log_text("hello", "notes/hello.txt")
    >>> path = runlog.artifacts.download_artifacts(
    ...     run_id=run.info.run_id, artifact_path="notes", dst_path="copies"
    ... )
    >>> os.listdir(path)
    ['hello.txt']
    """
    repo, path = _addressed(artifact_uri, run_id, artifact_path, tracking_uri)
    if dst_path is not None:
        os.makedirs(dst_path, exist_ok=True)
    return repo.download(path, dst_path, callback)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """Return what is directly in a folder of artifacts. The list is empty for a file.

    The arguments are those of `download_artifacts`. Paths are relative to the run's artifacts, or,
    for a URI that is not of a run, to the folder above.

    >>> with runlog.start_run() as run:
    ...     runlog.log_text("hello", "notes/hello.txt")
    >>> [each.path for each in runlog.artifacts.list_artifacts(f"runs:/{run.info.run_id}/notes")]
    ['notes/hello.txt']
    """
    repo, path = _addressed(artifact_uri, run_id, artifact_path, tracking_uri)
    return repo.list(path)


def load_text(artifact_uri: str) -> str:
    """Return the text of an artifact file. Raises BadRequest if it is not UTF-8, NotFound if it
    does not exist."""
    from runlog import media

    return media.load_text(_read_artifact(artifact_uri))


def load_dict(artifact_uri: str) -> Any:
    """Return what a JSON file holds, or a YAML file that ends with .yml or .yaml.

    Raises BadRequest if it holds something else, NotFound if it does not exist.
    """
    from runlog import media

    return media.load_dictionary(_read_artifact(artifact_uri), artifact_uri)


def load_image(artifact_uri: str) -> Any:
    """Return the PIL image of an artifact file. Raises BadRequest if the file is no image,
    NotFound if it does not exist."""
    from runlog import media

    return media.load_image(_read_artifact(artifact_uri))


def _read_artifact(artifact_uri: str) -> bytes:
    repo, path = _addressed(artifact_uri)
    with repo.open(path) as file:
        return file.read()


def _addressed(
    artifact_uri: str | None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> tuple[ArtifactRepo, str]:
    if artifact_uri is not None and (run_id is not None or artifact_path is not None):
        raise InvalidParameter("artifact_uri says it all: give no run_id or artifact_path with it")
    if artifact_uri is not None:
        return model_uris.located(artifact_uri, tracking_uri)
    if run_id is None:
        raise InvalidParameter("Exactly one of `run_id` or `artifact_uri` must be specified")
    from runlog import tracking_uri as uris

    store = uris.store(tracking_uri)
    return opened(store, store.get_run(run_id).info.artifact_uri), artifact_path or ""
