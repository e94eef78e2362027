"""MLflow's artifact repository over runlog's storage."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from runlog.artifacts import ArtifactRepo
from runlog.client import RunlogClient
from runlog.errors import InvalidParameter
from runlog.mlflow_plugin.in_process import SCHEME, location
from runlog.storage.opening import opened


def opened_at(uri: str) -> tuple[ArtifactRepo, str]:
    """Return the artifacts that a URI belongs to, and the path in them: of `runlog:///path/x.db/
    <run id>/<path>`, those of the run; of another URI, itself and "".

    Raises InvalidParameter if it names no run, and NotFound if there is no such run.
    """
    if not uri.startswith(SCHEME):
        return ArtifactRepo(uri), ""
    database, found, rest = location(uri).partition(".db/")
    run_id, _, path = rest.partition("/")
    if not found or not run_id:
        raise InvalidParameter(
            f"artifact URI {uri!r} names no run: use runlog:///path/x.db/<run id>/<path>"
        )
    client = RunlogClient(database + ".db")
    return opened(client.store, client.get_run(run_id).info.artifact_uri), path


def repository(artifact_uri: str) -> Any:
    """Return MLflow's repository for the files below a URI."""
    base: Any = import_module("mlflow.store.artifact.artifact_repo").ArtifactRepository
    file_info: Any = import_module("mlflow.entities").FileInfo
    repo, root = opened_at(artifact_uri)

    def below(path: str | None) -> str | None:
        return "/".join(each for each in (root, path) if each) or None

    class Repository(base):  # type: ignore[misc]
        def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
            repo.log_artifact(local_file, below(artifact_path))

        def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
            repo.log_artifacts(local_dir, below(artifact_path))

        def list_artifacts(self, path: str | None = None) -> list[Any]:
            start = len(root) + 1 if root else 0
            return [
                file_info(each.path[start:], each.is_dir, each.file_size)
                for each in repo.list(below(path))
            ]

        def _download_file(self, remote_file_path: str, local_path: str) -> None:
            with repo.open(below(remote_file_path) or "") as source, open(local_path, "wb") as file:
                while chunk := source.read(1 << 20):
                    file.write(chunk)

        def delete_artifacts(self, artifact_path: str | None = None) -> None:
            repo.delete(below(artifact_path))

    return Repository(artifact_uri)
