"""Logs a file of so many bytes with MLflow's client, and compares what comes back."""

import pathlib
import sys
import tempfile

import mlflow

uri, size = sys.argv[1], int(sys.argv[2])
mlflow.set_tracking_uri(uri)
content = (bytes(range(256)) * (size // 256 + 1))[:size]
with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "large.bin")
    path.write_bytes(content)
    mlflow.log_artifact(str(path), "deep")
    back = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="deep/large.bin", dst_path=folder
    )
    assert pathlib.Path(back).read_bytes() == content
