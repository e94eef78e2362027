"""`mlflow.utils.databricks_utils`: whether a program runs on Databricks."""

from __future__ import annotations

import os


def get_databricks_runtime_version() -> str | None:
    """Return the version of the Databricks runtime, None elsewhere."""
    return os.environ.get("DATABRICKS_RUNTIME_VERSION")


def is_in_databricks_runtime() -> bool:
    """Return whether the program runs on Databricks."""
    return get_databricks_runtime_version() is not None


def _no() -> bool:
    """Return False: runlog does not look into notebooks, jobs and repositories of Databricks."""
    return False


is_in_databricks_notebook = is_in_databricks_job = is_in_databricks_repo = _no
is_in_databricks_model_serving_environment = is_databricks_connect = _no
