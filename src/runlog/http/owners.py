"""Which processes that log to a server are alive: each holds a lock that ends with it."""

from __future__ import annotations

import errno
import os
import sys
from weakref import WeakSet

END = ".lock"
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class Owner:
    """A process, alive for as long as this object holds the lock of its file, or a dead one's heir.

    A forked process closes what it inherits, or the lock would last as long as it does.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        _owners.add(self)

    def release(self) -> None:
        """Let the lock go and delete its file: the process has nothing more to send, or ends."""
        if self._descriptor < 0:  # in a fork: it is the parent's
            return
        if sys.platform == "win32":  # where nobody deletes what is open
            self.close()
        try:
            os.unlink(self._path)
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Close the file: the lock ends, unless a parent or child has it open too."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


_owners: WeakSet[Owner] = WeakSet()


def _close_all() -> None:
    for owner in [*_owners]:
        owner.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


def lock(base: str, name: str) -> Owner | None:
    """Become the owner called `name`, beside the outbox at `base`: a new one, or the heir of one
    that has ended. Return None if it is alive. Raises OSError where the disk takes no file."""
    path = f"{base}.{name}{END}"
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        descriptor = os.open(path, flags, 0o600)
        if not _locked(descriptor):
            os.close(descriptor)
            return None
        if _is_there(path, descriptor):
            return Owner(path, descriptor)
        os.close(descriptor)  # its heir was faster and has deleted it


def _is_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _locked(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # On a file system without locks nobody is known to be alive: what is sent twice is stored
        # once, what nobody sends is not there.
        return error.errno not in _HELD
    return True
