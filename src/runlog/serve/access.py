"""Who may do what. This is where authentication comes in: a server has one `Access`, asked twice.

`identify` sees every request before its body is read, and returns who is calling; `permit` sees
what the call would do before it is done. Either raises RunlogError, UNAUTHENTICATED or
PERMISSION_DENIED, to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runlog.errors import RunlogError
from runlog.protocol.rows import READ, Row

Environ = Mapping[str, Any]


class Access(Protocol):
    """Decides about requests; `caller` is whatever `identify` returned."""

    def identify(self, environ: Environ) -> Any:
        """Who sends this request. Raises UNAUTHENTICATED."""

    def permit(self, caller: Any, row: Row, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments that the call may have, mostly as they are: which experiments are concerned
        stands in them, as `experiment_id`, `experiment_ids`, `name`, `run_id`, `run_ids`,
        `model_id` or, of a file, `path`. Raises PERMISSION_DENIED."""


class Everyone:
    """Anyone may do everything, or with `read_only` only look."""

    def __init__(self, read_only: bool = False) -> None:
        self._read_only = read_only

    def identify(self, environ: Environ) -> Any:
        return None

    def permit(self, caller: Any, row: Row, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._read_only and row.access != READ:
            raise RunlogError(
                f"This server is read-only, so {row.name} is refused: start it without --read-only",
                "PERMISSION_DENIED",
            )
        return arguments
