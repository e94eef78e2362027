"""How much memory a server's answers take: few large ones are made at once, and what was freed goes
back to the system."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from runlog.server.addresses import network

# Interpreters work on one request at a time anyway; more at once only means more memory.
MOST_READING, SHARE_OF_READING = 8, 4  # in all, and of one address

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
ARENAS = 2
FREED_FROM = 2**20  # bytes: larger pieces of memory are the system's again when they are freed


class Slots:
    """Turns for whoever asks something: at most so many at once, and of one address."""

    def __init__(self, most: int = MOST_READING, share: int = SHARE_OF_READING) -> None:
        self._most, self._share = most, share
        self._changed = threading.Condition()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for a turn."""
        own = network(address)
        with self._changed:
            while self._taken.total() >= self._most or self._taken[own] >= self._share:
                self._changed.wait()
            self._taken[own] += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken[own] -= 1
                self._taken += Counter()  # without those that have none
                self._changed.notify_all()


def give_back() -> None:
    """Have the C library return freed memory to the system. By default glibc raises the size from
    which on it does so when large pieces are freed, and has an arena for each of many threads:
    after 64 answers of 40 MB each a server kept 2.5 GB. Elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, FREED_FROM)
        mallopt(M_TRIM_THRESHOLD, FREED_FROM)
