"""Retry of transactions that were undone through no fault of their own."""

from __future__ import annotations

from functools import wraps

from runlog.db import Undone, Unsure
from runlog.settings import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Action = TypeVar("Action", bound=Callable[..., Any])


def retry(action: Action, when_unsure: bool = False) -> Action:
    """Make a function start its transaction again, from the beginning, when it was undone through
    no fault of its own: a deadlock, a lost connection, a signal handler that wrote in between. It
    does so for RUNLOG_BUSY_TIMEOUT seconds (30), then raises Undone."""

    @wraps(action)
    def retried(*args: Any, **named: Any) -> Any:
        give_up = None
        while True:
            try:
                return action(*args, **named)
            except Undone as undone:
                import random
                import time

                give_up = give_up or time.monotonic() + number("BUSY_TIMEOUT", least=0)
                if time.monotonic() > give_up or (isinstance(undone, Unsure) and not when_unsure):
                    raise
                time.sleep(random.random() * undone.pause)

    return retried  # type: ignore[return-value]


def retry_if_unsure(action: Action) -> Action:
    """`retry` for a function that has the same effect when it is done twice: also when it is not
    known whether its transaction was committed."""
    return retry(action, when_unsure=True)
