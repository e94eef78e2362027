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

_installed = False
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

    text = "".join(format_exception(type(error), error, error.__traceback__))
    return text if len(text) <= MAX_TRACEBACK else "...\n" + text[-MAX_TRACEBACK + 4 :]


def install(end_all: EndAll) -> None:
    """Makes sure that `end_all(status, error)` is called when the program ends. Only once."""
    global _installed
    if _installed:
        return
    _installed = True
    import atexit

    atexit.register(lambda: end_all(*_at_exit()))
    if setting("SIGNALS") != "0" and threading.current_thread() is threading.main_thread():
        _handle_sigterm(end_all)


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
    owner = os.getpid()

    def handler(number: int, frame: Any) -> None:
        global _terminated
        _terminated = True
        if callable(before):
            # Its word counts: it may raise, exit, or take a note and let the program go on.
            before(number, frame)
            return
        # If this interrupted a log call, its transaction is rolled back: it had not returned, and
        # it never will.
        if os.getpid() == owner:
            end_all("KILLED", None)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handler)
