"""Fresh processes for the workloads, and what they and their helpers cost."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import meter
from peers import HERE, Peer, environment, python

PR_SET_CHILD_SUBREAPER = 36
# Times the CPU limit in wall time, after which a process waits for something that never comes.
HUNG = 10


class Failed(Exception):
    """A workload that ended with an error."""


class TooSlow(Failed):
    """A workload that was ended at its limit of CPU time."""


@dataclass(frozen=True)
class Cost:
    status: int
    cpu: float
    output: str


def adopt_orphans() -> None:
    """Helpers that outlive their peer become ours: waited for, counted, ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(command: list[str], peer: Peer, place: Path, output: Any) -> subprocess.Popen[bytes]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
    home = place.parent / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(command, cwd=place, env=environment(peer, home), **streams)


def _children() -> list[int]:
    return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]


def reap_orphans(patience: float = 10) -> float:
    """CPU seconds of the helpers left behind, after they ended or `patience` seconds."""
    cpu, until = 0.0, time.monotonic() + patience
    while True:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
            continue
        if time.monotonic() > until:
            for orphan in _children():
                os.kill(orphan, signal.SIGKILL)
        time.sleep(0.01)


def run(command: list[str], peer: Peer, place: Path, limit: int) -> Cost:
    """Run to the end; the CPU is that of the process, its children and its left-over helpers."""
    with tempfile.TemporaryFile() as output:
        process = start(command, peer, place, output)
        status, usage = _wait(process.pid, limit)
        process.returncode = status
        cpu = usage.ru_utime + usage.ru_stime + reap_orphans()
        output.seek(0)
        return Cost(status, cpu, output.read().decode(errors="replace"))


def _wait(pid: int, limit: int) -> tuple[int, resource.struct_rusage]:
    """Wait for the end, or make it when `limit` seconds of CPU are used up.

    Neither by the wall clock, which would be unfair on a shared machine, nor by RLIMIT_CPU, under
    which Linux counts a process's CPU in ticks of milliseconds.
    """
    hung = time.monotonic() + HUNG * limit
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage
        if meter.cpu_of(pid) > limit or time.monotonic() > hung:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def child_command(
    cache: Path, peer: Peer, workload: str, result: Path, options: dict[str, Any]
) -> list[str]:
    script = str(HERE / "child.py")
    return [str(python(peer, cache)), script, peer.name, workload, str(result), json.dumps(options)]


def child(
    cache: Path, peer: Peer, workload: str, place: Path, limit: int, **options: Any
) -> dict[str, Any]:
    """Run a workload of child.py in `place` and return what it measured."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        command = child_command(cache, peer, workload, result, options)
        cost = run(command, peer, place, limit)
        if not result.exists():
            if cost.status == -signal.SIGKILL:
                raise TooSlow(f"{peer.name} {workload}: not done in {limit} s of CPU")
            lines = cost.output.strip().splitlines() or ["no output"]
            raise Failed(f"{peer.name} {workload}: {lines[-1]}")
        answer: dict[str, Any] = json.loads(result.read_text())
        return answer
