"""Which process reads from the terminal, as shells arrange it.

A run's process is in a group of its own, so it may not read from the terminal, and Ctrl-C does not
reach it, unless it is made the terminal's foreground group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TERMINAL = 0  # standard input


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process that leads a group, and return its exit code. If this process
    is in the foreground of a terminal, that one is meanwhile; if it is stopped, this one is."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return process.wait()
    if os.isatty(TERMINAL) and os.isatty(1) and _is_foreground():
        _hand_over(process.pid)
    try:
        while True:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode
            _stopped(process.pid, os.WSTOPSIG(status))
    finally:
        if os.isatty(TERMINAL) and _foreground() == process.pid:
            _hand_over(os.getpgrp())


def _stopped(group: int, number: int) -> None:
    wants_terminal = number in (signal.SIGTTIN, signal.SIGTTOU) and os.isatty(TERMINAL)
    if wants_terminal and _is_foreground():
        _hand_over(group)
    else:
        if os.isatty(TERMINAL) and _foreground() == group:
            _hand_over(os.getpgrp())
        os.killpg(0, signal.SIGSTOP)  # the shell that started the job has it go on later
        if os.isatty(TERMINAL) and os.isatty(1) and _is_foreground():
            _hand_over(group)
    os.killpg(group, signal.SIGCONT)


def _foreground() -> int:
    try:
        return os.tcgetpgrp(TERMINAL)
    except OSError:
        return -1


def _is_foreground() -> bool:
    return _foreground() == os.getpgrp()


def _hand_over(group: int) -> None:
    with _background_may_write():
        try:
            os.tcsetpgrp(TERMINAL, group)
        except OSError:  # the group or the terminal is gone
            pass


@contextmanager
def _background_may_write() -> Iterator[None]:
    # A background process that sets the foreground group would be stopped.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)
