"""A server's version, clock and login, each asked for once, for `runlog doctor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from runlog.errors import NotFound, RunlogError
from runlog.http.session import Session, Unavailable
from runlog.http.transport import Answer
from runlog.protocol.rows import MLFLOW, OURS

SECONDS = 10.0  # for each step of a request

Result = TypeVar("Result")


class Greeting(NamedTuple):
    """A server's first answer. `ahead` is by how many seconds its clock is before ours, within one
    second; None where it tells no time."""

    version: str
    seconds: float
    ahead: float | None


class LogIn(NamedTuple):
    """As whom the server knows us. `user` is None where it asks nobody; `is_known` is False for
    servers that do not say."""

    is_known: bool
    user: str | None = None
    role: str | None = None
    read_only: bool = False


def greet(session: Session) -> Greeting:
    """Ask for the version, without retries. Raises ServerUnreachable, RunlogError."""
    before, started = time.time(), time.perf_counter()
    try:
        answer = _once(
            lambda: session.ask("GET", "/version", read=_version_and_date, seconds=SECONDS)
        )
    except NotFound:  # Databricks, or a proxy that passes the API only
        answer = None
    version, date = answer or ("", "")
    seconds = time.perf_counter() - started
    ahead = _seconds(date) - (before + seconds / 2) if date else None
    return Greeting(version, seconds, ahead)


def log_in(session: Session) -> LogIn:
    """Ask who we are, or on a server of another kind for an experiment. Raises RunlogError, such as
    UNAUTHENTICATED."""
    try:
        known = _once(lambda: session.json("GET", f"{OURS[0]}session", seconds=SECONDS))
        return LogIn(True, known["user"], known["role"], known["read_only"])
    except (NotFound, KeyError, TypeError):
        pass
    except RunlogError as error:
        if "not JSON" not in error.message and error.get_http_status_code() != 404:
            raise
    path = f"{MLFLOW[0]}experiments/search"
    _once(lambda: session.json("POST", path, b'{"max_results": 1}', seconds=SECONDS))
    return LogIn(False)


def _once(ask: Callable[[], Result]) -> Result:
    try:
        return ask()
    except Unavailable as failure:
        raise failure.error from None


def _version_and_date(answer: Answer) -> tuple[str, str]:
    text = answer.read().decode(errors="replace").strip()
    is_version = text[:1].isdigit() and len(text) < 50
    return text if is_version else "", answer.headers.get("Date") or ""


def _seconds(date: str) -> float:
    # The middle of the second that it names.
    return parsedate_to_datetime(date).timestamp() + 0.5
