"""`from runlog.exceptions import MlflowException`: the errors under MLflow's names for them."""

from runlog.errors import ExecutionException
from runlog.errors import RunlogError as MlflowException

RestException = MlflowException

__all__ = ["ExecutionException", "MlflowException", "RestException"]
