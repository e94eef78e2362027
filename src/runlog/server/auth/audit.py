"""The audit log of a server: noted in memory, written once a second, so that it costs a request
next to nothing. A killed process loses its last second of it, never what was logged."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.util import Finalize

from runlog import clock
from runlog.errors import RunlogError
from runlog.server.addresses import network
from runlog.sqlstore.accounts import MINUTE, Users
from runlog.store_parts.accounts import Entry

SECONDS = 1.0
MOST_WAITING = 10_000  # entries, while the database cannot be written
DAY = 86_400_000
KEPT_DAYS = 90
MAX_TEXT = 200
MOST_FAILED = 50  # entries of calls of one user that failed, in a minute
MORE = "(more)"  # the action of the entry that stands for all others

Key = tuple[int, str, str, str, str, str, str]


class Audit:
    """Notes who did what; entries older than `days` are forgotten (0: never)."""

    def __init__(
        self, users: Users, days: int = KEPT_DAYS, now: Callable[[], int] = clock.now
    ) -> None:
        self._users, self._days, self._now = users, days, now
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[int]] = {}  # first time, last time, count
        self._used: dict[int, int] = {}  # tokens
        self._minute, self._failed = 0, dict[str, set[Key]]()  # what failed in it, by user
        self._process = 0
        self._forgot = 0
        self._failing = False
        self._stop = threading.Event()

    def note(
        self, user: str, token: str, address: str, action: str, target: str, result: str
    ) -> None:
        """Note one action."""
        now = self._now()
        key = (now // MINUTE, user, token, address, action, target[:MAX_TEXT], result)
        with self._lock:
            if result != "OK":
                key = self._bounded(key)
            found = self._waiting.get(key)
            if found:
                found[1] = now
                found[2] += 1
            elif len(self._waiting) < MOST_WAITING:
                self._waiting[key] = [now, now, 1]
        self._start_writing()

    def _bounded(self, key: Key) -> Key:
        """Return what is noted of a call that failed: beyond so many of a user in a minute only how
        many there were, or somebody who may do nothing could fill the database."""
        minute, user, token, address, _, _, result = key
        if minute != self._minute:
            self._minute, self._failed = minute, {}
        failed = self._failed.setdefault(user, set())
        if key in failed or len(failed) < MOST_FAILED:
            failed.add(key)
            return key
        return (minute, user, token, network(address), MORE, "", result)

    def used(self, token: int) -> None:
        """Note that a token was used."""
        self._used[token] = self._now()
        self._start_writing()

    def _start_writing(self) -> None:
        if self._process == os.getpid():  # threads do not live through a fork
            return
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._stop = threading.Event()
                threading.Thread(
                    target=self._write_every_second, name="runlog-audit", daemon=True
                ).start()
                # Not atexit, which does not happen in processes that multiprocessing forked.
                Finalize(self, self.close, exitpriority=10)

    def _write_every_second(self) -> None:
        stop = self._stop
        while not stop.wait(SECONDS):
            self.write()

    def close(self) -> None:
        """Write what is left."""
        self._stop.set()
        self._process = 0
        self.write()

    def write(self) -> None:
        """Write what was noted, or report once that it cannot."""
        try:
            self.flush()
            self._failing = False
        except RunlogError as error:  # it is tried again
            if not self._failing:
                self._failing = True
                text = f"runlog: the audit log cannot be written: {error}"
                print(text, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Write what was noted."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            used, self._used = self._used, {}
        if not waiting and not used:
            return
        try:
            self._users.note([Entry(*key[1:], *times) for key, times in waiting.items()], used)
        except RunlogError:
            self._put_back(waiting)
            raise
        if self._days and self._now() - self._forgot > DAY // 24:
            self._forgot = self._now()
            self._users.forget(self._now() - self._days * DAY)

    def _put_back(self, waiting: dict[Key, list[int]]) -> None:
        with self._lock:
            for key, (first, last, count) in waiting.items():
                later = self._waiting.get(key, [last, last, 0])
                self._waiting[key] = [first, later[1], count + later[2]]
