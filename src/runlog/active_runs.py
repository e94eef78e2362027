"""The active runs of this process: which one a log call goes to, and how they end.

A run belongs to the asyncio task, the thread and the process that started it. Others inherit it:
tasks that are made inside it and whatever copies its context; threads without a run, the main
thread's; processes made by fork. An inherited run answers log calls and is the parent of nested
runs. It does not keep anybody from starting runs, and other threads and processes do not end it.

Frameworks do not always run one piece of code in one context (callbacks, cells of a notebook). So a
context in which no run was started sees those of its thread, too.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextvars import ContextVar

from runlog import run_exit, tracking_uri
from runlog.clock import now
from runlog.entities import Run
from runlog.errors import RunlogError, warn
from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from runlog.client import RunlogClient
    from runlog.store import Store
    from runlog.system_metrics import Monitor


class ActiveRun(Run):
    """A run that is being logged to: what `runlog.start_run` returns. As a context manager it
    ends with its block: FINISHED, FAILED after an exception, KILLED after Ctrl-C."""

    __slots__ = ()

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _leave_down_to(self.info.run_id, run_exit.status_after(error), error)


class Active:
    """An active run: where it is logged to, who started it, and the run around it in its context.
    Its client, once there is one, knows where its artifacts are."""

    __slots__ = (
        "client", "ended", "in_main", "monitor", "outer", "process", "run", "store", "task",
        "thread",
    )  # fmt: skip

    def __init__(self, run: ActiveRun, store: Store, monitor: Monitor | None) -> None:
        self.run = run
        self.store = store
        self.monitor = monitor
        self.client: RunlogClient | None = None
        self.ended = False
        self.outer = _not_ended(_innermost.get()) or own()
        self.process = os.getpid()
        self.thread = threading.current_thread()
        self.in_main = self.thread is threading.main_thread()
        self.task = _current_task()

    def is_of_thread(self) -> bool:
        """Return whether this process and thread started it."""
        return self.process == os.getpid() and self.thread is threading.current_thread()

    def is_of_task(self) -> bool:
        """Return whether this task started it, or another one of this thread that is over."""
        is_over = self.task is not None and self.task.done()
        return self.is_of_thread() and (is_over or self.task is _current_task())

    def is_inside(self, other: Active) -> bool:
        around: Active | None = self
        while around is not None and around is not other:
            around = around.outer
        return around is not None


class _Ended(threading.local):
    run: Active | None = None  # the one that this thread ended last


START_TIMEOUT = 2.0  # seconds that the end of the program waits for other threads' starts

_innermost: ContextVar[Active | None] = ContextVar("runlog_innermost", default=None)
_active: list[Active] = []  # all of them, in the order of their starts
_lock = threading.RLock()  # a signal handler may want it where it is held already
_ended = _Ended()
_ended_in_main: Active | None = None
_starting: list[threading.Thread] = []  # those that are in the middle of starting a run
_over = 0  # the process whose runs are ended for good
_warned: set[str] = set()
_model: ContextVar[str | None] = ContextVar("runlog_active_model", default="")
last_logged_model_id: str | None = None  # of the last one that this process created


def _after_fork() -> None:
    _starting.clear()  # the other threads are the parent's
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork
    )


def _current_task() -> asyncio.Task[Any] | None:
    loaded = sys.modules.get("asyncio")
    try:
        return None if loaded is None else loaded.current_task()
    except (RuntimeError, AttributeError):  # no event loop runs here; asyncio is being imported
        return None


def _not_ended(active: Active | None) -> Active | None:
    while active is not None and active.ended:
        active = active.outer
    return active


# -- which run it is --------------------------------------------------------------------------


def innermost() -> Active | None:
    """Return the run that log calls go to here: of this context, of this thread, or of the main
    thread."""
    active = _innermost.get()
    if active is None:
        return _of_threads()
    if active.ended:
        left, active = active, _not_ended(active)
        if active is None and left.is_of_task():  # others stay with the run that they were made in
            active = _of_threads()
    return active


def _of_threads() -> Active | None:
    thread, last = threading.current_thread(), None
    for each in reversed(_active):
        if each.thread is thread:
            last = each
            break
        if last is None and each.in_main:
            last = each
    if last is not None and last.task is not None:
        _warn_of_others(last)
    return last


def _warn_of_others(last: Active) -> None:
    if any(each.thread is last.thread and not last.is_inside(each) for each in tuple(_active)):
        _warn_once(
            "tasks",
            f"several tasks have active runs, and this code is part of none of them: it logs to "
            f"the run that was started last, {last.run.info.run_id}. Give the log calls a run_id, "
            "or use asyncio.to_thread, which takes the run along",
        )


def is_in_context() -> bool:
    """Return whether this context, rather than its thread or the main thread, has an active run."""
    return _not_ended(_innermost.get()) is not None


def own() -> Active | None:
    """Return the run that has to end before another can be started here, unless that is nested."""
    active = _not_ended(_innermost.get())
    if active is not None and active.is_of_task():
        return active
    return next((each for each in reversed(_active) if each.is_of_task()), None)


def around() -> Active | None:
    """Return the run in which a nested run is started here."""
    active = _not_ended(_innermost.get())
    if active is None:
        thread, known = threading.current_thread(), reversed(tuple(_active))
        mine = (each for each in known if each.thread is not thread and each.in_main)
        active = own() or next(mine, None)
    return active


def ended_meanwhile() -> Active | None:
    """Return the run that ended while this thread or task went on; what it still logs belongs
    there. None where a log call starts a run."""
    active = _innermost.get()
    if _over == os.getpid():
        return active or _ended.run or _ended_in_main
    if active is not None and not active.is_of_task():
        late: Active | None = active
    elif threading.current_thread() is threading.main_thread():
        late = None
    else:
        late = _ended_in_main
    if late is not None:
        _warn_once(
            late.run.info.run_id,
            f"the run {late.run.info.run_id} has ended, and {threading.current_thread().name!r} "
            "still logs to it: that is kept. Call start_run() there for a run of its own",
        )
    return late


def last_ended() -> Active | None:
    """Return the run that this thread ended last."""
    return _ended.run


def _warn_once(about: str, text: str) -> None:
    if about not in _warned and len(_warned) < 100:
        _warned.add(about)
        warn(text)


# -- starting and ending ----------------------------------------------------------------------


class Starting:
    """A context in which a run is started; the end of the program waits for it, so that the run is
    ended, too. Raises RunlogError where the runs of this process have ended for good."""

    def __enter__(self) -> None:
        _starting.append(threading.current_thread())
        try:
            _refuse_at_exit()
        except RunlogError:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        _starting.remove(threading.current_thread())


def _refuse_at_exit() -> None:
    if _over == os.getpid():
        raise RunlogError("the program is ending, and with it its runs: no run is started any more")


def start(active: Active) -> None:
    """Make a run the active one here."""
    with _lock:
        _active.append(active)
    _innermost.set(active)
    if _over == os.getpid():  # since a moment
        leave(active, "KILLED", None)
        _refuse_at_exit()


def end(status: str) -> None:
    """End the innermost run that this thread has started; without one it does nothing."""
    active = _not_ended(_innermost.get())
    if active is None or not active.is_of_thread():
        active = own()
    if active is not None:
        leave(active, status, None)


def leave(active: Active, status: str, error: BaseException | None) -> None:
    """End a run. It is forgotten last: a signal handler that comes in between still finds it there
    and ends it."""
    try:
        _end(active, status, error)
    except (KeyboardInterrupt, SystemExit):  # of just this moment: the run gets its end first
        _end(active, "KILLED", None)
        raise
    finally:
        _remember_ended(active)


def _end(active: Active, status: str, error: BaseException | None) -> None:
    run_id = active.run.info.run_id
    if active.monitor is not None:
        active.monitor.stop()
    if status == "FAILED" and error is not None:
        active.store.log(run_id, tags=[(run_exit.TRACEBACK_TAG, run_exit.traceback_of(error))])
    active.store.update_run(run_id, status, now())


def _remember_ended(active: Active) -> None:
    global _ended_in_main
    _ended.run = active
    if active.in_main:
        _ended_in_main = active
    active.ended = True
    with _lock:
        if active in _active:
            _active.remove(active)
    if _innermost.get() is active:
        _innermost.set(_not_ended(active))


def _leave_down_to(run_id: str, status: str, error: BaseException | None) -> None:
    """End a run that is left, and what was started inside it and never ended."""
    known = [each for each in reversed(_active) if each.is_of_thread()]
    left = next((each for each in known if each.run.info.run_id == run_id), None)
    if left is not None:
        for each in known:
            if each is left or (each.is_inside(left) and each.is_of_task()):
                leave(each, status, error)


def _wait_for_starts() -> None:
    end, own_thread = time.monotonic() + START_TIMEOUT, threading.current_thread()
    while any(each is not own_thread for each in tuple(_starting)) and time.monotonic() < end:
        time.sleep(0.001)


def end_all(status: str, error: BaseException | None) -> None:
    """End the runs of all threads when the program ends, and see that what they logged is put in
    order."""
    global _over
    with _lock:
        _over = os.getpid()
        known = [each for each in reversed(_active) if each.process == _over]
    _wait_for_starts()
    interrupted = None
    for each in known:
        try:
            leave(each, status, error)
        except RunlogError as failed:  # the next one may still be ended
            print(f"runlog: a run could not be ended: {failed}", file=sys.stderr)
        except (KeyboardInterrupt, SystemExit) as raised:
            interrupted, status, error = raised, "KILLED", None
    tracking_uri.close()
    if interrupted is not None:
        raise interrupted


def active_model_id() -> str | None:
    """Return the id of the logged model that metrics belong to here, None without one: that of
    `set_active_model_id`, or else of RUNLOG_ACTIVE_MODEL_ID as it was when it was first read."""
    chosen = _model.get()
    if chosen == "":
        chosen = setting("ACTIVE_MODEL_ID")
        _model.set(chosen)
    return chosen


def set_active_model_id(model_id: str | None) -> None:
    """Make metrics belong to a logged model from now on, or with None to none, in this thread or
    asyncio task."""
    _model.set(model_id)
