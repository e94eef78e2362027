"""Many files on their way at once: retries, an end to waiting, a bound on memory.

Threads carry the files; the caller's thread watches them, shows progress, and gives up when one
has not come any further for too long. It never waits for a thread that is stuck.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from runlog.artifacts.failures import is_final, reason
from runlog.errors import InvalidParameter
from runlog.settings import setting

DELAYS = (0.5, 1.0, 2.0, 4.0)  # seconds before the next attempts at a transfer
GRACE = 3.0  # seconds that a cancelled transfer gets to clean up behind it
_TICK = 0.1


def patience() -> float:
    """How many seconds a server may leave us without progress or answer: RUNLOG_ARTIFACT_TIMEOUT,
    120 if it is not set: a line of 0.3 MB/s brings the parts of a file along in that time."""
    return _number("ARTIFACT_TIMEOUT", 120.0)


def memory() -> int:
    """How many bytes the files on their way may take up in memory: RUNLOG_ARTIFACT_MEMORY, in MB,
    128 if it is not set."""
    return int(_number("ARTIFACT_MEMORY", 128.0) * 2**20)


def _number(name: str, default: float) -> float:
    text = setting(name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InvalidParameter(f"RUNLOG_{name} must be a number above 0, not {text!r}")
    return number


class Transfer:
    """One file on its way, and how far it has come. File systems call it as an fsspec callback.

    `since` is when it last got further than ever before: an attempt that starts anew and fails
    again is no progress.
    """

    def __init__(
        self,
        path: str,
        local: str = "",
        data: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> None:
        self.path, self.local, self.data, self.chunks = path, local, data, chunks
        self.place = ""  # where it goes first; empty while nothing of it was sent
        self.arrived = False
        self.size: int | None = None
        self.digest = ""
        self._digested: tuple[int, int] | None = None
        self.watched = ""  # a local file whose growth is the progress
        self.done = 0
        self.since = time.monotonic()
        self.trouble: BaseException | None = None
        self.cancel: Callable[[], object] | None = None
        self._now = 0

    def begin(self) -> None:
        self._now = 0
        self.cancel = None

    def size_now(self) -> int | None:
        """Of what is to be sent. None for chunks that are still to come."""
        if self.data is not None:
            return len(self.data)
        return self.size if self.chunks is not None else os.stat(self.local).st_size

    def take_digest(self) -> None:
        """SHA-256 of what is to be sent, as hex digits."""
        digest = hashlib.sha256(b"" if self.data is None else self.data)
        if self.data is None:
            self._digested = _state(self.local)
            with open(self.local, "rb", buffering=0) as file:
                while chunk := file.read(2**20):
                    digest.update(chunk)
                    self.since = time.monotonic()
        self.digest = digest.hexdigest()

    def drop_digest_if_changed(self) -> None:
        """A file that was written to since may have been sent with another content."""
        if self._digested is not None and self._digested != _state(self.local):
            self.digest = ""

    def set_size(self, size: int | None) -> None:
        """What fsspec's callbacks have; the size is known better here."""

    def relative_update(self, inc: int = 1) -> None:
        self.absolute_update(self._now + inc)

    def absolute_update(self, value: int) -> None:
        self._now = value
        if value > self.done:
            self.since = time.monotonic()
            self.done = value if self.size is None else min(value, self.size)

    def branched(self, *_: Any, **__: Any) -> Transfer:
        return self


def carry(
    transfers: Sequence[Transfer],
    act: Callable[[Transfer], None],
    explained: Callable[[Transfer], AbstractContextManager[None]],
    threads: int,
    room: int | None = None,
    show: Callable[[int], None] | None = None,
    attempts: int = len(DELAYS) + 1,
    limited: bool = True,
) -> None:
    """Call `act` for every transfer, in up to `threads` threads, files of up to `room` bytes in
    all at a time; in the caller's own thread, once and however long it takes, if that is 0. What
    may be over soon is tried again. The first error ends the others and is raised, `explained`."""
    if threads == 0:
        for each in transfers:
            with explained(each):
                act(each)
        if show is not None:
            show(sum(each.size or each.done for each in transfers))
        return
    waiting = deque(transfers)
    active: set[Transfer] = set()
    failures: list[BaseException] = []
    stop, ended = threading.Event(), threading.Event()
    lock = threading.Condition()
    state = {"room": room or 0, "crew": min(threads, len(waiting))}

    def next_one() -> Transfer | None:
        with lock:
            while waiting and not stop.is_set():
                cost = _cost(waiting[0], room)
                if cost <= state["room"]:
                    state["room"] -= cost
                    each = waiting.popleft()
                    each.since = time.monotonic()
                    active.add(each)
                    return each
                lock.wait(_TICK)
        return None

    def work() -> None:
        try:
            while (each := next_one()) is not None:
                try:
                    with explained(each):
                        _persist(each, act, stop, attempts)
                finally:
                    with lock:
                        active.discard(each)
                        state["room"] += _cost(each, room)
                        lock.notify_all()
        except BaseException as error:
            failures.append(error)
            stop.set()
        with lock:
            state["crew"] -= 1
            if state["crew"] == 0:
                ended.set()

    if not transfers:
        return
    limit = patience() if limited else float("inf")
    for _ in range(state["crew"]):
        threading.Thread(target=work, daemon=True, name="runlog-artifacts").start()
    try:
        while not ended.wait(_TICK) and not failures:
            if show is not None:
                show(sum(each.done for each in transfers))
                _look_at(active, lock)
            if stuck := _stuck(active, lock, limit):
                with explained(stuck):
                    raise _no_progress(stuck, limit)
    finally:
        if not ended.is_set():
            stop.set()
            with lock:
                running = [each.cancel for each in active]
            for cancel in running:
                if cancel is not None:
                    cancel()
            ended.wait(GRACE)
    if failures:
        raise failures[0]
    if show is not None:
        show(sum(each.size or each.done for each in transfers))


def _look_at(active: set[Transfer], lock: threading.Condition) -> None:
    with lock:
        watched = [each for each in active if each.watched]
    for each in watched:
        try:
            each.absolute_update(os.stat(each.watched).st_size)
        except OSError:  # not begun, or ended
            pass


def _cost(each: Transfer, room: int | None) -> int:
    return 0 if room is None else min(each.size or 0, room)


def _stuck(active: set[Transfer], lock: threading.Condition, limit: float) -> Transfer | None:
    now = time.monotonic()
    with lock:
        return next((each for each in active if now - each.since > limit), None)


def _no_progress(each: Transfer, limit: float) -> TimeoutError:
    last = f"; the last error was {reason(each.trouble)}" if each.trouble else ""
    return TimeoutError(
        f"no progress for {limit:g} seconds, as long as RUNLOG_ARTIFACT_TIMEOUT allows{last}"
    )


def _persist(
    each: Transfer, act: Callable[[Transfer], None], stop: threading.Event, attempts: int
) -> None:
    for attempt in range(attempts):
        each.begin()
        try:
            return act(each)
        except Exception as error:
            each.trouble = error
            last = attempt == attempts - 1 or is_final(error)
            if last or stop.wait(DELAYS[min(attempt, len(DELAYS) - 1)]):
                raise


def briefly(act: Callable[[], object], limit: float = GRACE) -> None:
    """Try to do what is good to have done, without an error and without waiting for long."""

    def work() -> None:
        try:
            act()
        except Exception:
            pass  # the error that led here is the one to show

    thread = threading.Thread(target=work, daemon=True, name="runlog-artifacts")
    thread.start()
    thread.join(limit)


def _state(local: str) -> tuple[int, int]:
    status = os.stat(local)
    return status.st_size, status.st_mtime_ns
