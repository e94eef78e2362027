"""`mlflow.protos.databricks_pb2`: the error codes. Here a code is its own name, as in
`MlflowException.error_code`."""

from __future__ import annotations

from runlog.errors import HTTP_STATUS

_CODES = [*HTTP_STATUS, "MALFORMED_REQUEST", "IO_ERROR", "FEATURE_DISABLED", "UNKNOWN"]
globals().update({code: code for code in _CODES})


class ErrorCode:
    """The error codes by name."""

    @staticmethod
    def Name(code: str) -> str:
        """Return the code: it is a name."""
        return code

    @staticmethod
    def Value(name: str) -> str:
        """Return the code of a name. Raises ValueError for another text."""
        if name not in _CODES:
            raise ValueError(f"no error code {name!r}: use one of {', '.join(_CODES)}")
        return name

    @staticmethod
    def keys() -> list[str]:
        """Return all codes."""
        return [*_CODES]


for _code in _CODES:
    setattr(ErrorCode, _code, _code)
