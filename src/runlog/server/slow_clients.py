"""Ends the connections of clients that hold up the server: whose request does not arrive, or who do
not read the answer. Where connections are not visible (`connections`), the bounds of `traffic` are
all there is.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from runlog.server import connections
from runlog.server.connections import Connection
from runlog.server.traffic import Request, Traffic

SLOWEST = 500  # bytes a second
SECONDS, HURRIED_SECONDS = 60.0, 2.0  # for how long a client may be slower, at ease and otherwise
LOOK_SECONDS, HURRIED_LOOK_SECONDS = 5.0, 0.5
MATCHING_SECONDS = 2.0  # between the last byte of a request and the beginning of the work on it


class Progress:
    """Since when each connection has been too slow."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}  # since when, bytes until then

    def update(self, found: Iterable[Connection], now: float) -> dict[Connection, float]:
        """Return for how many seconds each of the connections has made no progress to speak of."""
        seen = {}
        for each in found:
            key, done = (each.address, each.port), each.received + each.taken
            last = now - min(each.silent, each.quiet)
            since, before = (last, done) if each.is_resting else self._seen.get(key, (last, done))
            if done - before > SLOWEST * (now - since):
                since, before = now, done
            seen[key] = since, before
        self._seen = seen
        return {each: now - seen[each.address, each.port][0] for each in found}


def at_work(found: Iterable[Connection], working: Iterable[Request], now: float) -> set[Connection]:
    """Return the connections whose requests the server works on, as far as can be told: those on
    which the last byte came just before the work began."""
    candidates = {each for each in found if not each.is_resting}
    known: set[Connection] = set()
    for request in working:
        age = now - request.since
        near = [
            (abs(each.silent - age), each)
            for each in candidates - known
            if each.address == request.address and each.silent > age - MATCHING_SECONDS
        ]
        if near:
            known.add(min(near)[1])
    return known


def slowest(
    seconds: Mapping[Connection, float], weights: Mapping[str, int], most: int
) -> list[Connection]:
    """Up to `most` connections to end when room must be made, first those of the addresses that
    weigh most, and of each those that have waited for longest."""
    slow = [
        each for each in seconds if seconds[each] > HURRIED_SECONDS and weights.get(each.address)
    ]
    slow.sort(key=lambda each: (-weights[each.address], each.is_resting, -seconds[each]))
    return slow[: max(0, most)]


class Guard:
    """Looks after the connections to a port, of which there may be `most`."""

    def __init__(self, traffic: Traffic, port: int, most: int) -> None:
        self._traffic, self._port, self._most = traffic, port, most
        self._progress = Progress()

    def start(self) -> None:
        """Look again and again, in a thread; nothing where connections are not visible."""
        if connections.ARE_VISIBLE:
            threading.Thread(target=self._go_on, name="runlog-slow-clients", daemon=True).start()

    def _go_on(self) -> None:
        hurried = False
        while True:
            if hurried:
                time.sleep(HURRIED_LOOK_SECONDS)
            else:
                self._traffic.pressure.wait(LOOK_SECONDS)
            self._traffic.pressure.clear()
            try:
                hurried = self.look()
            except Exception as error:  # the next look may be better
                print(
                    f"runlog: slow clients cannot be seen: {error!r}", file=sys.stderr, flush=True
                )

    def look(self) -> bool:
        """End what is too slow; whether there is so little room that another look is due soon."""
        waiting, now = self._traffic.waiting(), time.monotonic()
        excess = self._traffic.excess(waiting)
        crowd = connections.count() - self._most * 3 // 4
        if (
            excess < 0
            and crowd <= 0
            and not any(now - each.since > LOOK_SECONDS for each in waiting)
        ):
            return False
        found = connections.at(self._port)
        seconds = self._progress.update(found, now)
        for each in at_work(found, self._traffic.working(), now):
            del seconds[each]
        ended = {each for each in seconds if seconds[each] > SECONDS}
        if excess >= 0:
            weights = Counter(each.address for each in waiting)
            ended.update(slowest(seconds, weights, len(waiting) // 2))
        if crowd > 0:
            weights = Counter(each.address for each in found)
            ended.update(slowest(seconds, weights, crowd + self._most // 4))
        for each in ended:
            connections.cut(each)
        return excess >= 0 or crowd > 0
