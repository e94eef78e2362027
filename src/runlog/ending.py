"""How runs end when the program does.

    with-block left normally, interpreter exits normally    FINISHED
    an exception leaves the block or ends the program       FAILED, with the traceback as a tag
    Ctrl-C, SIGTERM                                          KILLED

MLflow says FINISHED when an exception or Ctrl-C ends the program outside a with-block, and leaves
RUNNING after SIGTERM.
"""

from __future__ import annotations

import os
import sys
import threading

from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    EndAll = Callable[[str, BaseException | None], None]

TRACEBACK_TAG = "runlog.traceback"
MAX_TRACEBACK = 5000  # a tag of MLflow 1.x holds no more

_process = 0  # the one whose end is watched
_sigterm = False  # whether that signal is handled
_terminated = False  # SIGTERM came, and the handler before ours let the program go on


def status_after(error: BaseException | None) -> str:
    """The status of a run that `error` ended; None is a normal end, as is `sys.exit(0)`."""
    if _terminated and (error is None or isinstance(error, (SystemExit, KeyboardInterrupt))):
        return "KILLED"
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, its end where it is too long for a tag."""
    from traceback import format_exception

    lines = format_exception(type(error), error, error.__traceback__)
    text = "".join(lines).encode(errors="replace").decode()  # no lone surrogates of file names
    return text if len(text) <= MAX_TRACEBACK else "...\n" + text[-MAX_TRACEBACK + 4 :]


def install(end_all: EndAll) -> None:
    """Makes sure that `end_all(status, error)` is called when this process ends, whichever thread
    asks first and how often."""
    global _process, _sigterm
    if _process != os.getpid():
        _watch_exit(end_all, forked=bool(_process))
        _process = os.getpid()
    if _sigterm or setting("SIGNALS") == "0":
        return
    if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
        _sigterm = True
        _handle_sigterm(end_all)


def _watch_exit(end_all: EndAll, forked: bool) -> None:
    if not forked:  # a fork inherits this
        import atexit

        atexit.register(lambda: end_all(*_at_exit()))
    # The processes that multiprocessing forks leave without it; all they run is this.
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, lambda: end_all(*_in_finally()), exitpriority=100)


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


def _handle_sigterm(end_all: EndAll) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_IGN or before is None:
        return

    def handler(number: int, frame: Any) -> None:
        global _terminated
        _terminated = True
        if callable(before):
            # Its word counts: it may raise, exit, or take a note and let the program go on.
            before(number, frame)
            return
        end_all("KILLED", None)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def let_go() -> None:
        # The runs are those of the process that was forked. And a signal that comes just before a
        # process waits for a lock is lost to a handler: a pool waits forever for such a process.
        global _sigterm
        if signal.getsignal(signal.SIGTERM) is handler:
            signal.signal(signal.SIGTERM, before)
            _sigterm = False

    signal.signal(signal.SIGTERM, handler)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=let_go)
