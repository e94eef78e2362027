"""The errors that runlog raises.

    RunlogError                  the root; `MlflowException` is the same class
    ├── InvalidParameter         a value that cannot be (also a ValueError): INVALID_PARAMETER_VALUE
    ├── BadRequest               a request that makes no sense here: BAD_REQUEST
    ├── NotFound                 no such experiment, run, key...: RESOURCE_DOES_NOT_EXIST
    ├── AlreadyExists            the name is taken: RESOURCE_ALREADY_EXISTS
    ├── MissingExtra             an optional package is not installed (also an ImportError)
    ├── ExecutionException       a project cannot be run, or its run failed
    └── StoreError               the database cannot do it: INTERNAL_ERROR
        ├── StoreUnusable        not a runlog database, damaged, newer than this runlog
        ├── StoreReadOnly        the file or its directory cannot be written
        ├── StoreBusy            locked by somebody else for too long
        ├── StoreFull            no room left on the disk
        └── ServerUnreachable    a tracking server that does not answer

Codes and their HTTP statuses are those of MLflow's REST API.
"""

from __future__ import annotations

HTTP_STATUS = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "CUSTOMER_UNAUTHORIZED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_CONFLICT": 409,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL_ERROR": 500,
    "INVALID_STATE": 500,
    "DATA_LOSS": 500,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def shown(value: object, most: int = 60) -> str:
    """Return `value` as a message shows it: no longer than so many characters."""
    try:
        text = repr(value[: most + 1] if isinstance(value, str) else value)
    except ValueError:  # an integer of more digits than Python writes
        return f"<{type(value).__name__} too long to show>"
    if "\n" in text:  # arrays are written in lines
        text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 3]}...{text[-1]}"


def warn(text: str) -> None:
    """Warn with a UserWarning of the line outside of this package that led here."""
    import sys
    import warnings

    frame, level = sys._getframe(), 1
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith("runlog."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


class RunlogError(Exception):
    """Anything that runlog refuses or cannot do.

    `error_code` is one of MLflow's codes; `message` names the thing, the value and the remedy.

    >>> try:
    ...     runlog.get_run("0" * 32)
    ... except runlog.RunlogError as error:
    ...     print(error.error_code)
    RESOURCE_DOES_NOT_EXIST
    """

    error_code = "INTERNAL_ERROR"

    def __init__(self, message: object = "", error_code: str | None = None) -> None:
        self.message = str(message)
        if error_code is not None:
            self.error_code = error_code
        super().__init__(self.message)

    def get_http_status_code(self) -> int:
        """Return the HTTP status that goes with `error_code`, 500 for an unknown code."""
        return HTTP_STATUS.get(self.error_code, 500)

    def serialize_as_json(self) -> str:
        """Return the error as the JSON body of a REST answer."""
        import json

        return json.dumps({"error_code": self.error_code, "message": self.message})

    @classmethod
    def invalid_parameter_value(cls, message: str) -> RunlogError:
        """Create an InvalidParameter error, under the name that MLflow has for it."""
        return InvalidParameter(message)


def shrunk(path: str, size: int, now: int) -> RunlogError:
    """Return the error for a file that lost, before it was sent, what was to be sent of it."""
    return RunlogError(
        f"cannot write artifact {path!r}: the file had {size} bytes when it was opened and has "
        f"{now} now, so it was not logged. Log it again when nobody shortens it",
        "ABORTED",
    )


class InvalidParameter(RunlogError, ValueError):
    """A value is not possible here. It is a ValueError, too. Code INVALID_PARAMETER_VALUE."""

    error_code = "INVALID_PARAMETER_VALUE"


class BadRequest(RunlogError):
    """A request makes no sense here. Code BAD_REQUEST."""

    error_code = "BAD_REQUEST"


class NotFound(RunlogError):
    """There is no such experiment, run, key or file. Code RESOURCE_DOES_NOT_EXIST."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class AlreadyExists(RunlogError):
    """The name is taken. Code RESOURCE_ALREADY_EXISTS."""

    error_code = "RESOURCE_ALREADY_EXISTS"


class MissingExtra(RunlogError, ImportError):
    """An optional package is needed and not installed; the message has the pip command. It is an
    ImportError, too."""

    def __init__(self, package: str, extra: str = "", install: str = "") -> None:
        """It comes with `extra`, or with the package to `install` where it is in none."""
        install = install or f"'runlog-tracking[{extra}]'"
        super().__init__(
            f"this needs {package}, which is not installed: run  pip install {install}"
        )


class ExecutionException(RunlogError):
    """A project cannot be run, or its run failed. Code INTERNAL_ERROR."""


class StoreError(RunlogError):
    """The database behind the store failed; the message names it and the cause. Code
    INTERNAL_ERROR."""


class StoreUnusable(StoreError):
    """The file is not a runlog database, is damaged, or is newer than this version of runlog.
    Code INVALID_STATE."""

    error_code = "INVALID_STATE"


class StoreReadOnly(StoreError):
    """The file or its folder cannot be written. Code PERMISSION_DENIED."""

    error_code = "PERMISSION_DENIED"


class StoreBusy(StoreError):
    """Another process holds a lock for longer than RUNLOG_BUSY_TIMEOUT. Code
    TEMPORARILY_UNAVAILABLE."""

    error_code = "TEMPORARILY_UNAVAILABLE"


class StoreFull(StoreError):
    """There is no room left on the disk. Code RESOURCE_EXHAUSTED."""

    error_code = "RESOURCE_EXHAUSTED"


class ServerUnreachable(StoreError):
    """A tracking server does not answer. Code TEMPORARILY_UNAVAILABLE."""

    error_code = "TEMPORARILY_UNAVAILABLE"
