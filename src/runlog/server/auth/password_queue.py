"""Whose password is hashed next: one at a time, and a guesser's attempts wait behind everybody's.

A hash takes a quarter of a second and whoever waits for one holds a thread of the server, so not
many may wait. Served in the order of their arrival, a flood of wrong passwords would keep out
whoever logs in for the first time.
"""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from runlog.errors import RunlogError

MOST_WAITING = 16


class PasswordQueue:
    """A lock that the lowest rank gets next, and of the same rank who came first."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []  # rank, arrival
        self._arrivals = count()
        self._taken = False

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, rank: int) -> Iterator[None]:
        """Wait for the turn of an attempt whose address has failed `rank` times. Raises
        TEMPORARILY_UNAVAILABLE where too many wait and all of them have a lower rank."""
        self._wait((rank, next(self._arrivals)))
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def _wait(self, own: tuple[int, int]) -> None:
        with self._changed:
            insort(self._waiting, own)
            if len(self._waiting) > self._most:
                self._waiting.pop()
                self._changed.notify_all()
            while own in self._waiting and (self._taken or self._waiting[0] != own):
                self._changed.wait()
            if own not in self._waiting:
                raise RunlogError("too many log-ins at once: try again", "TEMPORARILY_UNAVAILABLE")
            self._waiting.pop(0)
            self._taken = True
