"""`from runlog.exceptions import MlflowException`: the errors under MLflow's names for them."""

from runlog.errors import HTTP_STATUS as ERROR_CODE_TO_HTTP_STATUS
from runlog.errors import ExecutionException, InvalidParameter
from runlog.errors import RunlogError as MlflowException

RestException = MlflowException

__all__ = [
    "ERROR_CODE_TO_HTTP_STATUS",
    "ExecutionException",
    "InvalidUrlException",
    "MissingConfigException",
    "MlflowException",
    "MlflowNotImplementedException",
    "MlflowTracingException",
    "RestException",
]


class InvalidUrlException(InvalidParameter):
    """A URL that is none."""


class MissingConfigException(MlflowException):
    """A configuration that is missing."""


class MlflowNotImplementedException(MlflowException):
    """Something that runlog does not have."""

    error_code = "NOT_IMPLEMENTED"


class MlflowTracingException(MlflowException):
    """An error of traces, which runlog does not record and so never raises."""


MlflowTraceDataException = MlflowTraceDataNotFound = MlflowTracingException
MlflowTraceDataCorrupted = MlflowTraceArchivalMalformedTrace = MlflowTracingException
HTTP_STATUS_TO_ERROR_CODE = {status: code for code, status in ERROR_CODE_TO_HTTP_STATUS.items()}


def get_error_code(http_status: int) -> str:
    """Return the error code that goes with an HTTP status, INTERNAL_ERROR for an unknown one."""
    return HTTP_STATUS_TO_ERROR_CODE.get(http_status, "INTERNAL_ERROR")
