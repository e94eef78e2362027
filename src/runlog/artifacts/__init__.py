"""The files of runs: what scripts call to list, fetch and load them."""

from __future__ import annotations

import os
from typing import Any

from runlog.artifacts.failures import NoSuchFile
from runlog.artifacts.local import LocalFiles
from runlog.artifacts.opening import LocationRefused, opened
from runlog.artifacts.paths import HIDDEN, PROXIED, check_path, local_root, parse, parse_runs_uri
from runlog.artifacts.repo import ArtifactRepo
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter

__all__ = [
    "HIDDEN",
    "ArtifactRepo",
    "LocalFiles",
    "LocationRefused",
    "NoSuchFile",
    "check_path",
    "download_artifacts",
    "list_artifacts",
    "load_dict",
    "load_image",
    "load_text",
    "local_root",
    "parse_runs_uri",
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
    """Bring an artifact file or directory to this machine and return its local path.

    It is `artifact_uri`: `runs:/<run id>/<path>`, a local path or the URI of any place that
    artifacts can be kept at; or else the `artifact_path` of the run `run_id`, or all that this run
    has. It is copied to `dst_path`, which is made if it does not exist, or else to a new temporary
    directory: what is done to the copy does no harm to the artifact. `callback`, an fsspec
    Callback, is told how many bytes there are and how many have come.
    Raises NoSuchFile (NotFound, and FileNotFoundError) when there is none, InvalidParameter for a
    bad address. `registry_uri` is there for scripts that pass it.
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
    """What is directly in a directory of artifacts, addressed as in `download_artifacts`; nothing
    for a file. Paths are relative to the run's artifacts; to the directory above, for an address
    that is not of a run."""
    repo, path = _addressed(artifact_uri, run_id, artifact_path, tracking_uri)
    return repo.list(path)


def load_text(artifact_uri: str) -> str:
    """The text of an artifact file. Raises BadRequest when it is not UTF-8."""
    from runlog import media

    return media.load_text(_content(artifact_uri))


def load_dict(artifact_uri: str) -> Any:
    """What a JSON file holds, or a YAML file that ends with .yml or .yaml. Raises BadRequest when
    the file is no such thing."""
    from runlog import media

    return media.load_dictionary(_content(artifact_uri), artifact_uri)


def load_image(artifact_uri: str) -> Any:
    """The PIL image of an artifact file. Raises BadRequest when the file is no image."""
    from runlog import media

    return media.load_image(_content(artifact_uri))


def _content(artifact_uri: str) -> bytes:
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
    if artifact_uri is not None and not artifact_uri.startswith("runs:"):
        return _split(artifact_uri, tracking_uri)
    if artifact_uri is not None:
        run_id, artifact_path = parse_runs_uri(artifact_uri)
    if run_id is None:
        raise InvalidParameter("Exactly one of `run_id` or `artifact_uri` must be specified")
    from runlog import places

    store = places.store(tracking_uri)
    return opened(store, store.get_run(run_id).info.artifact_uri), artifact_path or ""


def _split(uri: str, tracking_uri: str | None) -> tuple[ArtifactRepo, str]:
    """What is above an address, and its last part."""
    root, _, path = uri.rstrip("/").rpartition("/")
    if uri.startswith(PROXIED):
        from runlog import places

        return ArtifactRepo(root, places.store(tracking_uri).files(root)), path
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
