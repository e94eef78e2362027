"""The connections of this process as the kernel sees them: whose they are, what came and went on
them, and a way to end one.

The WSGI server passes neither a connection nor its port on to the application, nor that a body in
chunks has broken off. So both are read from the process's own descriptors, which Linux allows;
elsewhere no connection is seen.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

from runlog.server.addresses import plain

DESCRIPTORS = "/proc/self/fd"
ARE_VISIBLE = sys.platform == "linux"
CLOSED, HALF_CLOSED, LISTENING = 7, 8, 10  # states in struct tcp_info
_TIMES, _BYTES, _WAITING, _UNACKED = 44, 120, 144, 24  # offsets there
_SIZE = 148

Result = TypeVar("Result")


class Connection(NamedTuple):
    """A connection of a client to this server."""

    descriptor: int
    address: str
    port: int
    silent: float  # seconds since something was received
    quiet: float  # seconds since something was sent
    received: int  # bytes
    taken: int  # bytes that were sent, and that the client's machine has acknowledged
    is_waiting: bool  # for the client to take what was sent

    @property
    def is_resting(self) -> bool:
        """Return whether it looks as if the last request was answered."""
        return self.taken > 1 and self.quiet <= self.silent and not self.is_waiting


def count() -> int:
    """Return how many descriptors the process has open, most of which are connections when many
    are."""
    return len(os.listdir(DESCRIPTORS))


def at(port: int) -> list[Connection]:
    """Return the clients' connections to a port of this process."""
    found = (_as_socket(each, partial(_connection_of, each, port)) for each in _open())
    return [each for each in found if each is not None]


def cut(connection: Connection) -> None:
    """End a connection: whoever reads from it or writes to it in this process finds it closed.
    Nothing happens if it has ended, also where its descriptor means another one by now."""

    def end(found: socket.socket) -> None:
        if _peer(found) == (connection.address, connection.port):
            found.shutdown(socket.SHUT_RDWR)

    _as_socket(connection.descriptor, end)


def broken(address: str, port: int) -> bool:
    """Return whether a client of that address has closed or lost a connection to a port of this
    process that is still answered. One that was reset does not tell its address: it counts for all.
    """

    def is_broken(found: socket.socket) -> bool:
        info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
        if found.getsockname()[1] != port or len(info) < _SIZE:
            return False
        if info[0] == CLOSED:  # or the port is only held, and nothing has ever come
            return any(info[_BYTES : _BYTES + 16])
        return info[0] == HALF_CLOSED and _peer(found)[0] == address

    return any(_as_socket(each, is_broken) for each in _open())


def _open() -> Iterator[int]:
    if ARE_VISIBLE:
        yield from map(int, os.listdir(DESCRIPTORS))


def _as_socket(descriptor: int, look: Callable[[socket.socket], Result]) -> Result | None:
    """Return what `look` returns for a TCP socket; None for other descriptors. Nothing is
    duplicated nor closed: SQLite's locks would go with any descriptor of its file."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        return look(found) if found.proto == socket.IPPROTO_TCP else None
    except OSError:
        return None
    finally:
        found.detach()


def _peer(found: socket.socket) -> tuple[str, int]:
    address, port, *_ = found.getpeername()
    return plain(address), port


def _connection_of(descriptor: int, port: int, found: socket.socket) -> Connection | None:
    if found.getsockname()[1] != port:
        return None
    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    if len(info) < _SIZE or info[0] in (LISTENING, CLOSED):
        return None
    sent, _, received, _ = struct.unpack_from("=4I", info, _TIMES)
    taken, came = struct.unpack_from("=2Q", info, _BYTES)
    [unsent] = struct.unpack_from("=I", info, _WAITING)
    [unacked] = struct.unpack_from("=I", info, _UNACKED)
    waiting = bool(unsent or unacked)
    return Connection(descriptor, *_peer(found), received / 1e3, sent / 1e3, came, taken, waiting)
