"""Settings from the environment: RUNLOG_<NAME>, or MLFLOW_<NAME> where that is not set."""

from __future__ import annotations

import os


def setting(name: str) -> str | None:
    """The value of RUNLOG_<name>, else of MLFLOW_<name>, else None. Empty counts as not set."""
    return os.environ.get("RUNLOG_" + name) or os.environ.get("MLFLOW_" + name) or None
