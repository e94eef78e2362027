"""From the ids that users have to the row ids of the database, for the modules that hold SQL."""

from __future__ import annotations

from runlog import validate
from runlog.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Fetch = Callable[..., list[tuple[Any, ...]]]


def run_number(fetch: Fetch, run_id: str) -> int:
    """The row id of a run, deleted or not. Raises NotFound."""
    validate.run_id(run_id)
    found = fetch("select id from run where run_id = :run_id", {"run_id": run_id})
    if not found:
        raise NotFound(f"Run with id={run_id} not found")
    return int(found[0][0])


def json_ids(numbers: Iterable[int]) -> dict[str, str]:
    """Row ids as a JSON list for `json_each(:ids)`: one statement for any number of them."""
    return {"ids": "[" + ",".join(map(str, numbers)) + "]"}
