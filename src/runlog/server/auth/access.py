"""Who may do what. This is where authentication comes in: a server has one `Access`, asked twice.

`identify` sees every request before its body is read, and returns who is calling; `perform` sees
what the call would do, and does it. Either raises RunlogError, UNAUTHENTICATED or
PERMISSION_DENIED, to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from runlog.errors import RunlogError
from runlog.protocol.rows import READ, Row

Environ = Mapping[str, Any]
Call = Callable[[Mapping[str, Any]], Any]


class Page(NamedTuple):
    """Something that a server answers besides the protocol."""

    name: str
    verb: str
    path: str
    view: Callable[[Environ], bytes]


class Access(Protocol):
    """Decides about requests; `caller` is whatever `identify` returned."""

    def identify(self, environ: Environ) -> Any:
        """Return who sends this request. Raises UNAUTHENTICATED."""

    def perform(self, caller: Any, row: Row, arguments: Mapping[str, Any], call: Call) -> Any:
        """Return what `call` returns for the arguments, or for those of them that the caller may
        have. They name the experiments that are concerned, as `experiment_id`,
        `experiment_ids`, `name`, `run_id`, `run_ids`, `model_id`, `models`,
        `points` or, of a file, `path`. Raises PERMISSION_DENIED."""

    def describe(self, caller: Any) -> dict[str, Any]:
        """Return what a page needs to know: the `user` (None: nobody logs in here), its `role`, and
        if it may change nothing (`read_only`)."""

    def pages(self) -> list[Page]:
        """Return the endpoints to log in and out."""

    def close(self) -> None:
        """Store what is still to be stored; the server stops."""


class Everyone:
    """Anyone may do everything, or with `read_only` only look."""

    def __init__(self, read_only: bool = False) -> None:
        self._read_only = read_only

    def identify(self, environ: Environ) -> Any:
        return None

    def perform(self, caller: Any, row: Row, arguments: Mapping[str, Any], call: Call) -> Any:
        if self._read_only:
            refuse_change(row)
        return call(arguments)

    def describe(self, caller: Any) -> dict[str, Any]:
        return {"user": None, "role": None, "read_only": self._read_only}

    def pages(self) -> list[Page]:
        return []

    def close(self) -> None:
        pass


def refuse_change(row: Row) -> None:
    """Raise PERMISSION_DENIED, for a server that is read-only, if the row changes something."""
    if row.access != READ:
        raise RunlogError(
            f"This server is read-only, so {row.name} is refused: start it without --read-only",
            "PERMISSION_DENIED",
        )
