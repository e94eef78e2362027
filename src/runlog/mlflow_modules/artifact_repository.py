"""`mlflow.tracking.artifact_utils` and `mlflow.store.artifact`: artifacts by their URI."""

from __future__ import annotations

import os

from runlog.artifacts import ArtifactRepo, download_artifacts
from runlog.client import RunlogClient
from runlog.entities import FileInfo


class ArtifactRepository(ArtifactRepo):
    """The artifacts below a URI, with the methods that MLflow's repositories have."""

    artifact_uri = property(lambda self: self.uri)

    def __init__(
        self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> None:
        super().__init__(artifact_uri)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Return what is directly in the folder `path`."""
        return self.list(path)

    def download_artifacts(self, artifact_path: str, dst_path: str | None = None) -> str:
        """Copy a file or folder to this machine and return its local path."""
        if dst_path is not None:
            os.makedirs(dst_path, exist_ok=True)
        return self.download(artifact_path, dst_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete a file or a folder, or everything."""
        self.delete(artifact_path)


def get_artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> ArtifactRepository:
    """Return the artifacts below a URI or a local folder."""
    return ArtifactRepository(artifact_uri)


def get_artifact_uri(
    run_id: str, artifact_path: str | None = None, tracking_uri: str | None = None
) -> str:
    """Return the URI of a run's artifacts, or of a path in them. Raises NotFound if there is no
    such run."""
    uri = RunlogClient(tracking_uri).get_run(run_id).info.artifact_uri
    return f"{uri.rstrip('/')}/{artifact_path}" if artifact_path else uri


def _download_artifact_from_uri(
    artifact_uri: str,
    output_path: str | None = None,
    lineage_header_info: object = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    return download_artifacts(artifact_uri, dst_path=output_path, tracking_uri=tracking_uri)
