"""Many files on their way at once: retries, an end to waiting, a bound on memory.

Coroutines or threads carry the files; the caller's thread watches them, shows progress, and gives
up when one has not come any further for too long. It never waits for a thread that is stuck.
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
from runlog.storage.transfer import Transfer, patience

Act = Callable[[Transfer], Coroutine[Any, Any, object]]
Pause = Callable[[float], Awaitable[object]]

DELAYS = (0.5, 1.0, 2.0, 4.0)  # seconds before the next attempts at a transfer
GRACE = 3.0  # seconds that a cancelled transfer gets to clean up behind it
_TICK = 0.1


def carry(
    transfers: Sequence[Transfer],
    act: Act,
    explained: Callable[[Transfer], AbstractContextManager[None]],
    crew: int,
    loop: Any = None,
    room: int | None = None,
    show: Callable[[int], None] | None = None,
    attempts: int = len(DELAYS) + 1,
    limited: bool = True,
) -> None:
    """Run `act` for every transfer, up to `crew` at once, files of up to `room` bytes in all at a
    time: as coroutines of the event loop `loop`, or, where there is none, in threads, and `act`
    blocks; or with a crew of 0 in the caller's own thread, once and however long it takes. What
    may be over soon is tried again. The first error ends the others and is raised, `explained`."""
    if crew == 0:
        for each in transfers:
            with explained(each):
                finish(act(each))
        if show is not None:
            show(sum(each.size or each.done for each in transfers))
        return
    if not transfers:
        return
    waiting = deque(transfers)
    active: set[Transfer] = set()
    failures: list[BaseException] = []
    stop, ended = threading.Event(), threading.Event()
    lock = threading.Lock()
    state = {"room": room or 0, "crew": min(crew, len(waiting))}

    async def next_one(pause: Pause) -> Transfer | None:
        while True:
            with lock:
                if not waiting or stop.is_set():
                    return None
                cost = _cost(waiting[0], room)
                if cost <= state["room"]:
                    state["room"] -= cost
                    each = waiting.popleft()
                    each.since = time.monotonic()
                    active.add(each)
                    return each
            await pause(_TICK / 10)

    async def work(pause: Pause) -> None:
        try:
            while (each := await next_one(pause)) is not None:
                try:
                    with explained(each):
                        await _persist(each, act, attempts, stop, pause)
                finally:
                    with lock:
                        active.discard(each)
                        state["room"] += _cost(each, room)
        except BaseException as error:
            failures.append(error)
            stop.set()
        with lock:
            state["crew"] -= 1
            if state["crew"] == 0:
                ended.set()

    async def nap(seconds: float) -> None:
        stop.wait(seconds)

    limit = patience() if limited else float("inf")
    cancel = _start(work, state["crew"], loop, nap)
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
            cancel()
            ended.wait(GRACE)
    if failures:
        raise failures[0]
    if show is not None:
        show(sum(each.size or each.done for each in transfers))


def _start(
    work: Callable[[Pause], Coroutine[Any, Any, None]], crew: int, loop: Any, nap: Pause
) -> Callable[[], None]:
    """Start a crew; returns what cancels those who can be."""
    if loop is None:
        for _ in range(crew):
            _in_background(lambda: finish(work(nap)))
        return lambda: None
    import asyncio

    futures = [asyncio.run_coroutine_threadsafe(work(asyncio.sleep), loop) for _ in range(crew)]

    def cancel() -> None:
        for future in futures:
            future.cancel()

    return cancel


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing but blocks."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError(f"{coroutine} waits for an event loop")


async def in_thread(act: Callable[[], Any]) -> Any:
    """Wait in an event loop for what blocks. Its thread keeps no interpreter from ending."""
    import asyncio

    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def tell(result: Any, error: BaseException | None) -> None:
        if not future.done():  # or it was cancelled
            future.set_result(result) if error is None else future.set_exception(error)

    def work() -> None:
        try:
            result = act()
        except BaseException as error:
            loop.call_soon_threadsafe(tell, None, error)
        else:
            loop.call_soon_threadsafe(tell, result, None)

    _in_background(work)
    return await future


async def together(deeds: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Wait for all of them; the first error ends the others before it is raised."""
    import asyncio

    tasks = [asyncio.ensure_future(deed) for deed in deeds]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _in_background(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True, name="runlog-artifacts")
    thread.start()
    return thread


def _look_at(active: set[Transfer], lock: threading.Lock) -> None:
    with lock:
        watched = [each for each in active if each.watched]
    for each in watched:
        try:
            each.absolute_update(os.stat(each.watched).st_size)
        except OSError:  # not begun, or ended
            pass


def _cost(each: Transfer, room: int | None) -> int:
    return 0 if room is None else min(each.size or 0, room)


def _stuck(active: set[Transfer], lock: threading.Lock, limit: float) -> Transfer | None:
    now = time.monotonic()
    with lock:
        return next((each for each in active if now - each.since > limit), None)


def _no_progress(each: Transfer, limit: float) -> TimeoutError:
    last = f"; the last error was {reason(each.trouble)}" if each.trouble else ""
    return TimeoutError(
        f"no progress for {limit:g} seconds, as long as RUNLOG_ARTIFACT_TIMEOUT allows{last}"
    )


async def _persist(
    each: Transfer, act: Act, attempts: int, stop: threading.Event, pause: Pause
) -> None:
    for attempt in range(attempts):
        each.begin()
        try:
            await act(each)
            return
        except Exception as error:
            each.trouble = error
            if attempt == attempts - 1 or is_final(error):
                raise
            await pause(DELAYS[min(attempt, len(DELAYS) - 1)])
            if stop.is_set():
                raise


def briefly(act: Callable[[], object], limit: float = GRACE) -> None:
    """Try to do what is good to have done, without an error and without waiting for long."""

    def work() -> None:
        try:
            act()
        except Exception:
            pass  # the error that led here is the one to show

    _in_background(work).join(limit)
