"""How runs end when the program does.

    with-block left normally, interpreter exits normally    FINISHED
    an exception leaves the block or ends the program       FAILED, with the traceback as a tag
    Ctrl-C, a cancelled task, SIGTERM, SIGHUP               KILLED

MLflow says FINISHED when an exception or Ctrl-C ends the program outside a with-block, and leaves
RUNNING after SIGTERM.
"""

from __future__ import annotations

import os
import sys
import threading

from runlog.errors import InvalidParameter
from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    EndAll = Callable[[str, BaseException | None], None]

TRACEBACK_TAG = "runlog.traceback"
MAX_TRACEBACK = 5000  # a tag of MLflow 1.x holds no more

# What RUNLOG_SIGNALS may name: signals from outside that end a program which does not handle them.
# Of the others some end no program, and some are faults of the program's own code.
SIGNALS = frozenset(
    "HUP INT QUIT TERM USR1 USR2 ALRM VTALRM PROF IO POLL PWR STKFLT XCPU RTMIN RTMAX BREAK".split()
)

_process = 0  # the one whose end is watched
_replaced: dict[int, Any] = {}  # the signals that are handled here, with the handlers before ours
_terminated = False  # a signal came, and the handler before ours let the program go on
_dying = False  # a signal came, and the runs are being ended


def status_after(error: BaseException | None) -> str:
    """Return the status of a run that `error` ended; None is a normal end, as is `sys.exit(0)`."""
    if _terminated and (error is None or isinstance(error, (SystemExit, KeyboardInterrupt))):
        return "KILLED"
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) or _is_cancelled(error) else "FAILED"


def _is_cancelled(error: BaseException) -> bool:
    # asyncio.run turns Ctrl-C into this, inside the task that it interrupts.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def traceback_of(error: BaseException) -> str:
    """Return the traceback as Python prints it; its end where it is too long for a tag."""
    from traceback import format_exception

    lines = format_exception(type(error), error, error.__traceback__)
    text = "".join(lines).encode(errors="replace").decode()  # no lone surrogates of file names
    return text if len(text) <= MAX_TRACEBACK else "...\n" + text[-MAX_TRACEBACK + 4 :]


def install(end_all: EndAll) -> None:
    """Make sure that `end_all(status, error)` is called when this process ends, whichever thread
    asks first and how often. Raises InvalidParameter for a signal that RUNLOG_SIGNALS cannot
    name."""
    global _process
    if _process != os.getpid():
        _watch_exit(end_all, forked=bool(_process))
        _process = os.getpid()
    if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
        _watch_signals(end_all)


# -- the end of the interpreter ---------------------------------------------------------------


class _LastHook:
    """Ends the runs behind every hook of atexit, those that were registered earlier included.

    Hooks are called latest first, and this one is as late as the first run. So it does not act when
    it is called, but when atexit drops it: CPython drops its hooks when all have been called.
    """

    def __init__(self, end_all: EndAll) -> None:
        self.end_all = end_all
        self.was_called = False  # not so where somebody else clears the hooks

    def __call__(self) -> None:
        if sys.implementation.name == "cpython":
            self.was_called = True
        else:  # without reference counts nobody knows when it is dropped
            self.end_all(*_at_exit())

    def __del__(self) -> None:
        if self.was_called:
            self.end_all(*_at_exit())


def _watch_exit(end_all: EndAll, forked: bool) -> None:
    if not forked:  # a fork inherits this
        import atexit

        atexit.register(_LastHook(end_all))
    # The processes that multiprocessing forks leave without it; all they run is this, in the order
    # of priorities, the lowest last.
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, lambda: end_all(*_in_finally()), exitpriority=-1000)


def _in_finally() -> tuple[str, BaseException | None]:
    # Up to Python 3.12 multiprocessing calls it before it handles the exception that ends the
    # process; later ones tell nobody that there was one.
    error = sys.exc_info()[1]
    return status_after(error), error


def _at_exit() -> tuple[str, BaseException | None]:
    # The interpreter leaves the exception that ended a program in sys.last_value, whoever printed
    # it; in an interactive session that is just the last one somebody saw.
    interactive = hasattr(sys, "ps1") or sys.flags.interactive
    error = None if interactive else getattr(sys, "last_value", None)
    return status_after(error), error


# -- signals ----------------------------------------------------------------------------------


def _watch_signals(end_all: EndAll) -> None:
    import signal

    named = _named_signals()
    if named is None:
        return
    for name in dict.fromkeys(("TERM", "HUP", *named)):
        number = getattr(signal, f"SIG{name}", None)
        if number is None or number in _replaced:
            continue
        before = signal.getsignal(number)
        # Many servers read their settings again at SIGHUP: that ends no run, unless it is named.
        if before is signal.SIG_DFL or (callable(before) and (name != "HUP" or name in named)):
            _replaced[number] = before
            signal.signal(number, _Handler(before, end_all))


def _named_signals() -> list[str] | None:
    """Return what RUNLOG_SIGNALS names beside TERM and HUP; None means that none are handled."""
    text = setting("SIGNALS") or ""
    if text.strip() == "0":
        return None
    names = [name.strip().upper().removeprefix("SIG") for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SIGNALS:
            raise InvalidParameter(
                f"RUNLOG_SIGNALS names {name!r}, which is not a signal that can end runs. Give "
                f"names separated by commas, such as USR1,USR2 (possible: "
                f"{', '.join(sorted(SIGNALS))}), or 0 to leave all signals alone"
            )
    return names


class _Handler:
    """What a signal does: the handler from before decides, or the runs and the program end."""

    def __init__(self, before: Any, end_all: EndAll) -> None:
        self.before, self.end_all = before, end_all

    def __call__(self, number: int, frame: Any) -> None:
        global _terminated, _dying
        _terminated = True
        if callable(self.before):
            # It may raise, exit, or take a note and let the program go on.
            self.before(number, frame)
        elif not _dying:  # launchers send the same signal twice: the first one goes on
            _dying = True
            try:
                self.end_all("KILLED", None)
            finally:
                _die_of(number)


def _die_of(number: int) -> None:
    import signal

    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    # Process 1 of a container gets here, since the kernel keeps such signals from it.
    os._exit(128 + number)


def _give_back() -> None:
    # In a forked process: the runs are the parent's. And a signal that comes just before a process
    # waits for a lock is lost to a handler: a pool waits forever for such a process.
    if not _replaced:
        return
    import signal

    for number, before in _replaced.items():
        if isinstance(signal.getsignal(number), _Handler):
            signal.signal(number, before)
    _replaced.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_give_back)
