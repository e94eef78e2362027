"""Many transfers at once: retries, a timeout, a bound on memory.

Workers, which are coroutines or threads, run the transfers; the caller's thread watches them, shows
progress, and gives up when one has made none for too long. It never waits for a thread that is
stuck.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any

from runlog.storage.errors import is_final, reason
from runlog.storage.transfer import Transfer, timeout

Act = Callable[[Transfer], Coroutine[Any, Any, object]]
Explain = Callable[[Transfer], AbstractContextManager[None]]
Pause = Callable[[float], Awaitable[object]]
Show = Callable[[int], None]

DELAYS = (0.5, 1.0, 2.0, 4.0)  # seconds before the next attempts at a transfer
GRACE = 3.0  # seconds that a cancelled transfer gets to clean up
_TICK = 0.1


def run(
    transfers: Sequence[Transfer],
    act: Act,
    explained: Explain,
    workers: int,
    loop: Any = None,
    room: int | None = None,
    show: Show | None = None,
    attempts: int = len(DELAYS) + 1,
    limited: bool = True,
) -> None:
    """Run `act` for every transfer, with up to `workers` at once, and files of up to `room` bytes
    in all at a time: as coroutines of the event loop `loop`, or, where there is none, in threads,
    and `act` blocks. With 0 workers, run it in the caller's own thread, once and however long it
    takes. Retry what may succeed later. The first error ends the others and is raised, `explained`.
    Unless it is `limited`, a transfer may go without progress for ever."""
    if workers == 0:
        for transfer in transfers:
            with explained(transfer):
                finish(act(transfer))
    elif transfers:
        limit = timeout() if limited else float("inf")
        _Job(transfers, act, explained, room, attempts).run(workers, loop, limit, show)
    else:
        return
    if show is not None:
        show(sum(transfer.size or transfer.done for transfer in transfers))


class _Job:
    """The transfers of one call of `run`: which wait, which are active, what has failed."""

    def __init__(
        self,
        transfers: Sequence[Transfer],
        act: Act,
        explained: Explain,
        room: int | None,
        attempts: int,
    ) -> None:
        self._transfers = transfers
        self._act, self._explained, self._attempts = act, explained, attempts
        self._waiting = deque(transfers)
        self._active: set[Transfer] = set()
        self._room, self._free = room, room or 0
        self._workers = 0
        self._lock = threading.Lock()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._failures: list[BaseException] = []

    def run(self, workers: int, loop: Any, limit: float, show: Show | None) -> None:
        """Start the workers and watch them. Raises the first error, and TimeoutError where a
        transfer has made no progress for `limit` seconds."""
        self._workers = min(workers, len(self._waiting))
        cancel = self._start(loop)
        try:
            while not self._ended.wait(_TICK) and not self._failures:
                if show is not None:
                    show(sum(transfer.done for transfer in self._transfers))
                    self._measure()
                if stuck := self._stuck(limit):
                    with self._explained(stuck):
                        raise _no_progress(stuck, limit)
        finally:
            if not self._ended.is_set():
                self._stop.set()
                cancel()
                self._ended.wait(GRACE)
        if self._failures:
            raise self._failures[0]

    def _start(self, loop: Any) -> Callable[[], None]:
        """Start the workers and return a function that cancels those that can be cancelled."""
        workers = range(self._workers)
        if loop is None:
            for _ in workers:
                _in_background(lambda: finish(self._work(self._sleep)))
            return lambda: None
        import asyncio

        futures = [
            asyncio.run_coroutine_threadsafe(self._work(asyncio.sleep), loop) for _ in workers
        ]

        def cancel() -> None:
            for future in futures:
                future.cancel()

        return cancel

    async def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    async def _work(self, pause: Pause) -> None:
        """Run one transfer after the other."""
        try:
            while (transfer := await self._next(pause)) is not None:
                try:
                    with self._explained(transfer):
                        await self._persist(transfer, pause)
                finally:
                    with self._lock:
                        self._active.discard(transfer)
                        self._free += self._cost(transfer)
        except BaseException as error:
            self._failures.append(error)
            self._stop.set()
        with self._lock:
            self._workers -= 1
            if self._workers == 0:
                self._ended.set()

    async def _next(self, pause: Pause) -> Transfer | None:
        """The next transfer, as soon as there is room for it; None if there is none left."""
        while True:
            with self._lock:
                if not self._waiting or self._stop.is_set():
                    return None
                cost = self._cost(self._waiting[0])
                if cost <= self._free:
                    self._free -= cost
                    transfer = self._waiting.popleft()
                    transfer.since = time.monotonic()
                    self._active.add(transfer)
                    return transfer
            await pause(_TICK / 10)

    def _cost(self, transfer: Transfer) -> int:
        return 0 if self._room is None else min(transfer.size or 0, self._room)

    async def _persist(self, transfer: Transfer, pause: Pause) -> None:
        """Attempt a transfer, and again after an error that is not final."""
        for attempt in range(self._attempts):
            transfer.begin()
            try:
                await self._act(transfer)
                return
            except Exception as error:
                transfer.last_error = error
                if attempt == self._attempts - 1 or is_final(error):
                    raise
                await pause(DELAYS[min(attempt, len(DELAYS) - 1)])
                if self._stop.is_set():
                    raise

    def _measure(self) -> None:
        """Take the progress of transfers from the sizes of the files that they write."""
        with self._lock:
            watched = [transfer for transfer in self._active if transfer.watched]
        for transfer in watched:
            try:
                transfer.absolute_update(os.stat(transfer.watched).st_size)
            except OSError:  # not begun, or ended
                pass

    def _stuck(self, limit: float) -> Transfer | None:
        now = time.monotonic()
        with self._lock:
            return next((each for each in self._active if now - each.since > limit), None)


def _no_progress(transfer: Transfer, limit: float) -> TimeoutError:
    error = transfer.last_error
    last = f"; the last error was {reason(error)}" if error else ""
    return TimeoutError(
        f"no progress for {limit:g} seconds, as long as RUNLOG_ARTIFACT_TIMEOUT allows{last}"
    )


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing but blocks."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError(f"{coroutine} waits for an event loop")


async def in_thread(action: Callable[[], Any]) -> Any:
    """Wait in an event loop for what blocks. Its thread keeps no interpreter from ending."""
    import asyncio

    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def resolve(result: Any, error: BaseException | None) -> None:
        if not future.done():  # or it was cancelled
            future.set_result(result) if error is None else future.set_exception(error)

    def work() -> None:
        try:
            result = action()
        except BaseException as error:
            loop.call_soon_threadsafe(resolve, None, error)
        else:
            loop.call_soon_threadsafe(resolve, result, None)

    _in_background(work)
    return await future


async def together(coroutines: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Wait for all coroutines; the first error cancels the others before it is raised."""
    import asyncio

    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _in_background(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True, name="runlog-artifacts")
    thread.start()
    return thread


def briefly(action: Callable[[], object], limit: float = GRACE) -> None:
    """Attempt a cleanup, without an error and without waiting for more than `limit` seconds."""

    def work() -> None:
        try:
            action()
        except Exception:
            pass  # the error that led here is the one to show

    _in_background(work).join(limit)
