"""`from runlog.tracking.client import MlflowClient`, as scripts say it."""

from runlog.client import RunlogClient

MlflowClient = RunlogClient

__all__ = ["MlflowClient", "RunlogClient"]
