"""What a workload costs its own process: CPU, bytes written, memory. Linux only (/proc)."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid: str) -> tuple[int, float]:
    """Parent and CPU seconds of a live process."""
    fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / TICK


def cpu_of(pid: int) -> float:
    """CPU seconds of another process and the children it has waited for, in ticks."""
    return _stat(str(pid))[1]


def descendants() -> dict[int, float]:
    """CPU seconds of every live process below this one: a peer may work in a helper process."""
    stats = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            stats[int(entry)] = _stat(entry)
        except (OSError, IndexError):
            continue
    family, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, (parent, _) in stats.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return {pid: stats[pid][1] for pid in family - {os.getpid()}}


def own_cpu() -> float:
    """CPU seconds of all threads of this process and of the children it has waited for."""
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited.ru_utime + waited.ru_stime


def written() -> int:
    """Bytes this process has handed to write calls."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    raise OSError("no wchar in /proc/self/io")


@contextmanager
def span() -> Iterator[SimpleNamespace]:
    """Measure the block: `cpu` (with helper processes), `wall` seconds and bytes `written`."""
    used = SimpleNamespace()
    helpers = sum(descendants().values())
    bytes_before, wall, cpu = written(), time.perf_counter(), own_cpu()
    yield used
    used.cpu, used.wall = own_cpu() - cpu, time.perf_counter() - wall
    used.written = written() - bytes_before
    # A helper that ended meanwhile and was waited for is in own_cpu already, with all its time.
    used.cpu += sum(descendants().values()) - helpers


def memory(field: str) -> int:
    """Bytes of this process by /proc's name: VmRSS is now, VmHWM the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in /proc/self/status")


def forget_peak() -> None:
    """Let VmHWM start again from what is in memory now."""
    Path("/proc/self/clear_refs").write_text("5")


def disk_bytes(place: Path) -> int:
    """Size of every file under `place`."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def count_wal_bytes() -> SimpleNamespace:
    """Count what apsw writes to write-ahead logs from now on; `.bytes` of the answer grows.

    A Python layer under SQLite: too slow to measure time with.
    """
    import apsw

    count, base = SimpleNamespace(bytes=0), apsw.vfs_names()[0]

    class File(apsw.VFSFile):
        def __init__(self, name: Any, flags: list[int]) -> None:
            super().__init__(base, name, flags)
            path = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "")
            self.is_wal = path.endswith("-wal")

        def xWrite(self, data: bytes, offset: int) -> None:
            count.bytes += len(data) if self.is_wal else 0
            super().xWrite(data, offset)

    class Layer(apsw.VFS):
        def xOpen(self, name: Any, flags: list[int]) -> File:
            return File(name, flags)

    count.layer = Layer("counting", base, makedefault=True)
    return count
