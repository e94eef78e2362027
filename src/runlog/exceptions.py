"""`from runlog.exceptions import MlflowException`: the errors under MLflow's name for them."""

from runlog.errors import RunlogError as MlflowException

__all__ = ["MlflowException"]
