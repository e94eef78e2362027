"""How often a password may be guessed: failures are counted by user and address, in bounded memory,
and those of the server's other processes and of before its start are read from the audit log.

Whoever was let in with a password already is let in with it again, whatever others have guessed:
a lock-out that an attacker causes does not stop a training.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from runlog import clock
from runlog.errors import RunlogError
from runlog.server.addresses import network

WINDOW = 300_000  # milliseconds
MOST = {"user and address": 10, "address": 50, "user": 200}  # failures in a window
MOST_KEPT = 10_000  # counters, 200 bytes each


Failures = Iterable[tuple[str, str, int, int]]  # user, address, time of the first, how many


class Attempts:
    """Failed log-ins of this process, and those that `noted` tells of since a time."""

    def __init__(
        self,
        now: Callable[[], int] = clock.now,
        noted: Callable[[int], Failures] = lambda since: (),
    ) -> None:
        self._now, self._noted = now, noted
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], tuple[int, int]] = OrderedDict()
        self._held: OrderedDict[tuple[str, ...], int] = OrderedDict()  # when a password last held

    def __len__(self) -> int:
        return len(self._counts)

    def begin(self, user: str, address: str) -> int:
        """Count an attempt as failed before it is made, so that many at once count too, and return
        how many of the same address have failed. Raises REQUEST_LIMIT_EXCEEDED, with the seconds to
        wait as `retry_after`.

        An address without failures is let try once, however often others have guessed at the user:
        a flood keeps nobody out who knows the password."""
        noted = self._in_all(self._noted(self._now() - WINDOW))
        with self._lock:
            keys = _keys(user, address)
            found = {
                key[0]: max(self._current(key), noted.get(key, (0, 0)), key=_count) for key in keys
            }
            failed = found["address"][1]
            for kind, (start, count) in found.items():
                if count >= MOST[kind] and (failed or kind != "user"):
                    raise TooManyAttempts(1 + (start + WINDOW - self._now()) // 1000)
            for key in keys:
                start, count = self._current(key)
                self._counts[key] = (start, count + 1)
            while len(self._counts) > MOST_KEPT:
                self._counts.popitem(last=False)
            return failed

    def withdraw(self, user: str, address: str) -> None:
        """Take back an attempt that was not made after all."""
        with self._lock:
            self._count_less(_keys(user, address))

    def succeeded(self, user: str, address: str) -> None:
        """Forget the attempts of whoever has now logged in."""
        with self._lock:
            first, *others = _keys(user, address)
            self._counts.pop(first, None)
            self._held[first] = self._now()
            while len(self._held) > MOST_KEPT:
                self._held.popitem(last=False)
            self._count_less(others)

    def _count_less(self, keys: Iterable[tuple[str, ...]]) -> None:
        for key in keys:
            if key in self._counts:
                start, count = self._counts[key]
                self._counts[key] = (start, max(0, count - 1))

    def _in_all(self, failures: Failures) -> dict[tuple[str, ...], tuple[int, int]]:
        found: dict[tuple[str, ...], tuple[int, int]] = {}
        for user, address, first, count in failures:
            for key in _keys(user, address):
                if key[0] == "user and address" and first <= self._held.get(key, -1):
                    continue
                start, before = found.get(key, (first, 0))
                found[key] = (min(start, first), before + count)
        return found

    def _current(self, key: tuple[str, ...]) -> tuple[int, int]:
        start, count = self._counts.get(key, (0, 0))
        return (start, count) if self._now() < start + WINDOW else (self._now(), 0)


class TooManyAttempts(RunlogError):
    error_code = "REQUEST_LIMIT_EXCEEDED"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"too many failed log-ins: try again in {retry_after} seconds, or log in with a token"
        )
        self.retry_after = retry_after


def _count(counter: tuple[int, int]) -> int:
    return counter[1]


def _keys(user: str, address: str) -> list[tuple[str, ...]]:
    address = network(address)
    return [("user and address", user, address), ("address", address), ("user", user)]
