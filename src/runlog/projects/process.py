"""The process of a run: in a group of its own, so that a signal ends it with its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from runlog.projects import terminal

GRACE = 30.0  # seconds that a process has to end after a signal, before it is killed
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_POLL = 0.02  # seconds


class Process:
    """A command that was started. `log` is a file that also gets its output; `reads` says whether
    it has this process's standard input."""

    def __init__(
        self,
        command: Sequence[str],
        folder: str | None,
        environment: Mapping[str, str],
        log: IO[bytes] | None = None,
        reads: bool = True,
    ) -> None:
        self.interrupts = 0
        pipe = None if log is None else subprocess.PIPE
        self._process = subprocess.Popen(
            [*command],
            cwd=folder,
            env={**environment},
            stdin=None if reads else subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            **_own_group(),
        )
        self.pid = self._process.pid
        self._pumps = [] if log is None else _pumps(self._process, log)
        self._ended = False

    def wait(self) -> int:
        """Wait for the end and return the exit code, or the negative number of the signal that
        ended it. In the main thread of a terminal's foreground job it may read from there."""
        code = terminal.wait(self._process)
        self._ended = True
        if self.interrupts:
            self._end_group()
        for each in self._pumps:  # a background process may hold the pipe open for ever
            each.join(GRACE if self.interrupts else 1)
        return code

    def interrupt(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process and its children: the second time SIGTERM and the third
        time SIGKILL, which also comes when they have not ended after GRACE seconds."""
        self.interrupts += 1
        if self._ended:
            return
        kill = getattr(signal, "SIGKILL", signal.SIGTERM)
        self._send({1: number, 2: signal.SIGTERM}.get(self.interrupts, kill))
        timer = threading.Timer(GRACE, self._kill)
        timer.daemon = True
        timer.start()

    def _kill(self) -> None:
        if not self._ended:
            self._send(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _send(self, number: int) -> bool:
        """Whether somebody is there who gets the signal."""
        if sys.platform == "win32":
            self._process.terminate()
            return not self._ended
        try:
            os.killpg(self.pid, number)
            if number:
                os.killpg(self.pid, signal.SIGCONT)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _end_group(self) -> None:
        """Wait for the children of a process that has ended, and kill them at last."""
        if sys.platform == "win32":
            return
        end = time.monotonic() + GRACE
        while self._send(0) and time.monotonic() < end:
            _reap(self.pid)
            time.sleep(_POLL)
        self._send(signal.SIGKILL)


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    if sys.version_info >= (3, 11):
        return {"process_group": 0}
    else:
        return {"preexec_fn": os.setpgrp}


def _reap(group: int) -> None:
    # As process 1 of a container this process inherits the orphans of the group.
    try:
        os.waitpid(-group, os.WNOHANG)
    except ChildProcessError:
        pass


_AT_ONCE = 65536  # bytes


def _pumps(process: subprocess.Popen[bytes], log: IO[bytes]) -> list[threading.Thread]:
    lock = threading.Lock()

    def record(text: bytes) -> None:
        with lock:
            if text and not log.closed:  # as it is when a background process outlives the run's
                log.write(text)
                log.flush()

    def pump(source: IO[bytes], target: int) -> None:
        rest = b""
        while part := os.read(source.fileno(), _AT_ONCE):
            # Whole lines, or those of the two streams would be mixed in the file.
            whole, end, rest = (rest + part).rpartition(b"\n")
            record(whole + end)
            if len(rest) > _AT_ONCE:
                record(rest)
                rest = b""
            _write(target, part)
        record(rest)

    threads = []
    for source, target in ((process.stdout, 1), (process.stderr, 2)):
        assert source is not None
        threads.append(threading.Thread(target=pump, args=(source, target), daemon=True))
        threads[-1].start()
    return threads


def _write(target: int, part: bytes) -> None:
    while part:
        try:
            part = part[os.write(target, part) :]
        except OSError:  # nobody reads it there any more: the log still gets it
            return


class Signals:
    """Passes the signals that this process gets on to a run's process, while it runs.

    `received` is the first of them. Once the end of the run is recorded, `again` has it do what
    it would have done here.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.process: Process | None = None

    @contextmanager
    def passed_on(self) -> Iterator[None]:
        """Handle signals, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.getsignal(each) for each in SIGNALS}
        mine = [each for each, handler in before.items() if handler not in (signal.SIG_IGN, None)]
        for each in mine:
            signal.signal(each, self._handle)
        try:
            yield
        finally:
            for each in mine:
                signal.signal(each, before[each])

    def attach(self, process: Process) -> None:
        """Pass signals on to this process, also one that came before it was started."""
        self.process = process
        if self.received is not None:
            process.interrupt(self.received)

    def again(self) -> None:
        """Raise the signal that was received, if there was one."""
        if self.received is not None:
            signal.raise_signal(self.received)

    def _handle(self, number: int, frame: Any) -> None:
        if self.received is None:
            self.received = number
        if self.process is not None:
            self.process.interrupt(number)


def is_interruption(code: int) -> bool:
    """Return whether an exit code says that a signal ended the process, or a shell's child."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return code in {sign for each in numbers for sign in (-each, 128 + each)}
