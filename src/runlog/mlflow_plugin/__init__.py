"""The plug-in for the real MLflow: `mlflow.set_tracking_uri("runlog:///path/x.db")` logs to a file
of runlog's, without a server.

MLflow calls the functions here, which setup.cfg lists as its entry points. `stores` has its stores
for runs and for the registry, `in_process` sends their requests to runlog's server application
within the process, `files` reads and writes files.
"""

from __future__ import annotations

from typing import Any


def tracking_store(store_uri: str, artifact_uri: str | None = None, **_: Any) -> Any:
    """Return MLflow's store for experiments, runs and logged models at a `runlog:` URI."""
    from runlog.mlflow_plugin import stores

    return stores.tracking(store_uri)


def model_registry_store(store_uri: str, tracking_uri: str | None = None, **_: Any) -> Any:
    """Return MLflow's store for registered models at a `runlog:` URI."""
    from runlog.mlflow_plugin import stores

    return stores.registry(store_uri)


def artifact_repository(artifact_uri: str, *_: Any, **__: Any) -> Any:
    """Return MLflow's repository for the files at a URI of runlog's: `sqlar:...`, of a database,
    or `runlog:///path/x.db/<run id>`, those of a run."""
    from runlog.mlflow_plugin import files

    return files.repository(artifact_uri)
