"""What the modules that hold SQL share: row ids for users' ids, lists of them, beginning again."""

from __future__ import annotations

from functools import wraps

from runlog import validate
from runlog.db import Undone, Unsure
from runlog.errors import NotFound
from runlog.settings import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    Fetch = Callable[..., list[tuple[Any, ...]]]
    Deed = TypeVar("Deed", bound=Callable[..., Any])


def run_number(fetch: Fetch, run_id: str) -> int:
    """The row id of a run, deleted or not. Raises NotFound."""
    validate.run_id(run_id)
    found = fetch("select id from run where run_id = :run_id", {"run_id": run_id})
    if not found:
        raise NotFound(f"Run with id={run_id} not found")
    return int(found[0][0])


def json_ids(numbers: Iterable[int]) -> dict[str, str]:
    """Row ids as a JSON list for `json_each(:ids) j`: one statement for any number of them."""
    return {"ids": "[" + ",".join(map(str, numbers)) + "]"}


def listed(numbers: Iterable[int]) -> str:
    """Row ids as they stand between `in (` and `)`, where not all databases take nothing."""
    return ", ".join(map(str, numbers)) or "null"


def again(deed: Deed, when_unsure: bool = False) -> Deed:
    """A method whose transaction is tried again, from the beginning, when it was undone through no
    fault of its own: a deadlock, a lost connection, a signal handler that wrote in between. For
    RUNLOG_BUSY_TIMEOUT seconds (30), then Undone is raised."""

    @wraps(deed)
    def done(self: Any, *args: Any, **named: Any) -> Any:
        give_up = None
        while True:
            try:
                return deed(self, *args, **named)
            except Undone as undone:
                import random
                import time

                give_up = give_up or time.monotonic() + number("BUSY_TIMEOUT", least=0)
                if time.monotonic() > give_up or (isinstance(undone, Unsure) and not when_unsure):
                    raise
                time.sleep(random.random() * undone.pause)

    return done  # type: ignore[return-value]


def again_if_unsure(deed: Deed) -> Deed:
    """`again` for a method that, done twice, is as done once: also when nobody knows whether its
    transaction was kept."""
    return again(deed, when_unsure=True)
