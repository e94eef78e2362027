"""How long to wait for a server, and how often to retry a request."""

from __future__ import annotations

import random
from collections.abc import Iterator
from email.utils import mktime_tz, parsedate_tz
from time import time
from typing import NamedTuple

from runlog.settings import default, number, setting

# 500 is here because a proxy's or a database's bad moment looks like that; what a server will never
# do has other statuses.
RETRIED = frozenset((408, 429, 500, 502, 503, 504))
NOT_DONE = frozenset((429, 503))  # of these, the request was turned away and has changed nothing
LONGEST = 120.0  # seconds between two attempts


class RetryPolicy(NamedTuple):
    """When a request is retried and given up: `timeout` in seconds for a request and its answer
    (of files: for each step), `retries` after the first attempt, before the n-th of which
    `factor` * 2 ** (n-1) seconds pass and up to `jitter` more. `first_retries` holds until the
    server has answered once, and all of that for `first_seconds`: the error for a wrong address
    should not take minutes."""

    timeout: float = default("HTTP_REQUEST_TIMEOUT")
    retries: int = int(default("HTTP_REQUEST_MAX_RETRIES"))
    factor: float = default("HTTP_REQUEST_BACKOFF_FACTOR")
    jitter: float = default("HTTP_REQUEST_BACKOFF_JITTER")
    first_retries: int = 2
    first_seconds: float = 18.0

    def longest(self) -> float:
        """Return the seconds after which a call gives up, whatever its attempts do: all pauses and
        the time for one of them."""
        pauses = [min(LONGEST, self.factor * 2.0**attempt) for attempt in range(self.retries)]
        return self.timeout + sum(pauses) + self.retries * self.jitter

    def limit(self, has_answered: bool) -> float:
        """Return the seconds after which a call of a server gives up."""
        return self.longest() if has_answered else self.first_seconds

    def delays(self, retries: int) -> Iterator[float]:
        """Yield the seconds before each of the attempts after the first."""
        for attempt in range(retries):
            yield min(LONGEST, self.factor * 2**attempt) + random.uniform(0, self.jitter)


def retry_policy() -> RetryPolicy:
    """Return the policy of the settings RUNLOG_HTTP_REQUEST_... Raises InvalidParameter."""
    usual = RetryPolicy()
    retries = int(number("HTTP_REQUEST_MAX_RETRIES", least=0, whole=True))
    timeout = number("HTTP_REQUEST_TIMEOUT", least=0) or usual.timeout
    is_given = setting("HTTP_REQUEST_TIMEOUT") or setting("HTTP_REQUEST_MAX_RETRIES")
    return RetryPolicy(
        timeout,
        retries,
        number("HTTP_REQUEST_BACKOFF_FACTOR", least=0),
        number("HTTP_REQUEST_BACKOFF_JITTER", least=0),
        retries if setting("HTTP_REQUEST_MAX_RETRIES") else usual.first_retries,
        max(timeout, usual.first_seconds) if is_given else usual.first_seconds,
    )


def retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, at most LONGEST; 0 without one."""
    if not header:
        return 0.0
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(LONGEST, float(header[:9]))
    date = parsedate_tz(header)
    return 0.0 if date is None else min(LONGEST, max(0.0, mktime_tz(date) - time()))
