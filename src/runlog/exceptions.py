"""The errors under MLflow's name for their module: `from runlog.exceptions import MlflowException`."""

from runlog.errors import RunlogError as MlflowException

__all__ = ["MlflowException"]
