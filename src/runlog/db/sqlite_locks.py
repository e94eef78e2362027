"""Locks of ours that nothing else in the process takes away.

POSIX locks belong to a process and go when it closes *any* descriptor of the file: after Python's
sqlite3, a copy of the folder or `open("runlog.db").read()`, SQLite believes that it holds locks
that are gone. Linux also has locks that belong to an open file (OFD): they go with that one alone,
and another SQLite in this process meets them as it would another process's. Two things are locked
so, in WAL mode:

- The -shm file, by SQLite itself: `use_ofd_locks` turns its calls of fcntl into their OFD twins.
  SQLite has one descriptor of a -shm file in a process, so a lock's owner is the same as before.
- The database, by a `Guard`: SQLite has a descriptor a connection there and may unlock by another
  than it locked by, so its own locks stay as they are. The guard's lets nobody take himself for
  alone, who would then put the -wal file away.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import apsw

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    import fcntl
except ImportError:  # Windows, whose locks belong to an open file anyway
    fcntl = None  # type: ignore[assignment]

CAN_LOCK = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")

_OFD = 31  # what a command is more as its OFD twin: F_GETLK 5, F_SETLK 6, F_SETLKW 7
_PENDING = (
    0x40000000  # SQLite's lock bytes of a database begin here, and the -shm file's end before
)
_SHARED, _SHARED_BYTES = _PENDING + 2, 510

# fcntl(descriptor, command, lock): if the command is one of those three and the lock begins before
# _PENDING, the command becomes its twin and l_pid 0, as it has to be; then on to the C library's,
# whose address follows. A length of 0 is SQLite's way to unlock all of a database. A callback of
# ctypes costs 1.9 us a lock, of which a commit takes six, and waits for Python's own lock while
# another thread computes.
_CODE = {
    # lea eax,[rsi-5]; cmp eax,2; ja 1f; mov eax,0x40000000; cmp [rdx+8],rax; jae 1f;
    # cmp qword [rdx+16],0; je 1f; mov dword [rdx+24],0; add esi,31; 1: xor eax,eax; jmp [rip]
    "x86_64": "8d46fb 83f802 771c b800000040 48394208 7311 48837a1000 740a c7421800000000 83c61f"
    "31c0 ff2500000000",
    # sub w9,w1,5; cmp w9,2; b.hi 1f; ldr x9,[x2,8]; mov x10,0x40000000; cmp x9,x10; b.hs 1f;
    # ldr x10,[x2,16]; cbz x10,1f; str wzr,[x2,24]; add w1,w1,31; 1: ldr x16,2f; br x16; nop; 2:
    "aarch64": "29140051 3f090071 28010054 490440f9 0a00a8d2 3f010aeb a2000054 4a0840f9 6a0000b4"
    "5f1800b9 217c0011 70000058 00021fd6 1f2003d5",
}
_installing = threading.RLock()
_in_use: list[Any] = []  # what SQLite calls instead of fcntl


def use_ofd_locks() -> bool:
    """Let this process's SQLite lock -shm files by OFD locks, and return whether it does. Once is
    for ever; connections of other code that are in the middle of something put it off."""
    if CAN_LOCK and not _in_use:
        with _installing:
            if not _in_use and _none_is_busy():
                _install()
    return bool(_in_use)


def _install() -> None:
    vfs = apsw.VFS("runlog-locks", "unix")
    try:
        plain = vfs.xGetSystemCall("fcntl")
        if plain:
            address, function = _machine_code(plain) or _callback(plain)
            _never_free(function)
            _in_use.append(function)
            vfs.xSetSystemCall("fcntl", address)
    except (OSError, ImportError, MemoryError):  # neither is permitted here
        pass
    finally:
        vfs.unregister()


def _never_free(function: Any) -> None:
    """Keep it when the interpreter ends and frees all that modules hold: connections that are
    closed after that still call it."""
    from _ctypes import Py_INCREF  # without ctypes around it, which takes 1 ms to load

    Py_INCREF(function)


def _none_is_busy() -> bool:
    """Return whether no connection holds a lock, which it could not unlock by the other kind."""
    try:
        return all(connection.txn_state() in (None, 0) for connection in apsw.connections())
    except apsw.Error:  # used by another thread at this moment
        return False


def _machine_code(plain: int) -> tuple[int, Any] | None:
    """Return the address of the code above, and what keeps it there; None where that cannot be."""
    code = _CODE.get(os.uname().machine)
    if code is None or sys.maxsize < 2**32:
        return None
    import mmap

    try:
        name = f"runlog-fcntl-{os.getpid()}"
        # A file that is written and then mapped: no memory is ever writable and executable.
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        try:
            size = os.write(descriptor, bytes.fromhex(code) + plain.to_bytes(8, sys.byteorder))
            mapped = mmap.mmap(descriptor, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
        finally:
            os.close(descriptor)
        with open("/proc/self/maps") as file:
            line = next(line for line in file if name in line)
    except (AttributeError, OSError, ValueError, StopIteration):
        return None
    return int(line.partition("-")[0], 16), mapped


def _callback(plain: int) -> tuple[int, Any]:
    """Return the same as a function of Python's, for other machines."""
    import ctypes

    class Lock(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_short),
            ("whence", ctypes.c_short),
            ("start", ctypes.c_int64),
            ("length", ctypes.c_int64),
            ("pid", ctypes.c_int),
        )

    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p,
                            use_errno=True)  # fmt: skip
    call = kind(plain)
    twins = {
        fcntl.F_GETLK: fcntl.F_OFD_GETLK,
        fcntl.F_SETLK: fcntl.F_OFD_SETLK,
        fcntl.F_SETLKW: fcntl.F_OFD_SETLKW,
    }

    def ofd_fcntl(descriptor: int, command: int, argument: int | None) -> int:
        if command in twins and argument:
            lock = Lock.from_address(argument)
            if lock.start < _PENDING and lock.length:
                command, lock.pid = twins[command], 0
        return int(call(descriptor, command, argument))

    function = kind(ofd_fcntl)
    return ctypes.cast(function, ctypes.c_void_p).value or 0, function


_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, pid


class Guard:
    """A lock on a database in WAL mode that says: somebody has it open. Its descriptor belongs to
    no connection; it is closed after all of them are, since closing it drops their POSIX locks.

    Whoever opens the file takes the guard first, before anything of this process opens and closes
    the file: that would drop the exclusive lock under which another SQLite library here may just
    be deleting the -wal file, and others would write to a file without a name."""

    file = -1
    is_locked = False

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def is_wal(self) -> bool:
        """Return whether the file's header says WAL mode."""
        return os.pread(self.file, 1, 18) == b"\2"

    def lock(self, timeout: float) -> bool:
        """Take the lock, waiting for whoever is just putting the -wal file away, `timeout` seconds
        at most; return whether it was taken, which some file systems do not do at all."""
        until = time.monotonic() + timeout
        while True:
            try:
                self._lock(fcntl.F_OFD_SETLK, fcntl.F_RDLCK)
                self.is_locked = True
                return True
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(0.001)
            except OSError:
                return False

    def may_be_alone(self) -> bool:
        """Return whether no lock of another process was seen; this one's may have hidden it."""
        import struct

        found = self._lock(fcntl.F_OFD_GETLK, fcntl.F_WRLCK)
        kind, *_, pid = struct.unpack(_FLOCK, found)
        return bool(kind == fcntl.F_UNLCK or pid == os.getpid())

    def become_alone(self) -> bool:
        """Lock out everybody, once all connections of this process are closed. Return False if
        somebody has the file open. Nobody's closing of a descriptor takes this lock away."""
        try:
            self._lock(fcntl.F_OFD_SETLK, fcntl.F_WRLCK)
            return self.is_locked
        except OSError:
            return False

    def _lock(self, command: int, kind: int) -> bytes:
        import struct

        lock = struct.pack(_FLOCK, kind, os.SEEK_SET, _SHARED, _SHARED_BYTES, 0)
        return fcntl.fcntl(self.file, command, lock)

    def close(self) -> None:
        descriptor, self.file = self.file, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close
