"""Runs a command, then names and ends every process that it has left behind.

    python tests/leftovers.py COMMAND [ARGUMENT...]

The exit code is the command's, or 1 where that was 0 and something was left. Of each process the
test is named in which it was started. It is Linux that tells; elsewhere the command is only run.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDING = 10  # seconds that processes have which are about to end


class Left(NamedTuple):
    pid: int
    command: str
    test: str


def main(command: list[str]) -> int:
    if sys.platform != "linux":
        return subprocess.call(command)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # whoever loses its parent becomes a child of ours
    process = subprocess.Popen(command, preexec_fn=_begin)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command gets it from the terminal, too
    for number in (signal.SIGTERM, signal.SIGHUP):  # at SIGINT pytest ends what it has started
        signal.signal(number, lambda number, frame: process.send_signal(signal.SIGINT))
    code = process.wait()
    left = _wait_for_the_last()
    for each in left:
        print(f"left behind: {each.pid} {each.command} (of {each.test})", file=sys.stderr)
    _end(left)
    return code if code or not left else 1


def _begin() -> None:
    """In the command's process: it is interrupted when this program ends, even if it was started
    in the background, where shells have SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_for_the_last() -> list[Left]:
    """The processes that are still there after some time."""
    until = time.monotonic() + ENDING
    while True:
        _reap()
        left = [*_below(os.getpid())]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)


def _end(left: list[Left]) -> None:
    while left:
        for each in left:
            try:
                os.kill(each.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
        _reap()
        left = [*_below(os.getpid())]  # whom those had started


def _below(pid: int) -> Iterator[Left]:
    """The processes that one has started, and those that they have."""
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _read(children).split()):
            yield Left(child, _command(child), _test(child))
            yield from _below(child)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def _command(pid: int) -> str:
    words = _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()
    return words[:200] or _read(Path(f"/proc/{pid}/comm")).strip()


def _test(pid: int) -> str:
    """The test in which a process was started, by the environment that it was given."""
    for each in _read(Path(f"/proc/{pid}/environ")).split("\0"):
        name, _, value = each.partition("=")
        if name == "PYTEST_CURRENT_TEST":
            return value
    return "no test"


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
