"""The port of a server: opened before anything is printed or made, held until the server ends.

The workers listen at it by sockets of their own (SO_REUSEPORT), as granian has it on Linux. A
socket that is bound and does not listen gets no connections, but keeps other programs out.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from runlog.errors import InvalidParameter


class Endpoint(NamedTuple):
    """Where a server listens: an IP address and a port."""

    address: str
    port: int


@contextmanager
def opened(host: str, port: int) -> Iterator[Endpoint]:
    """Hold `port` of the address or name `host`; 0 is a port that is free. Raises InvalidParameter
    where this process cannot listen there, and says what to do about it."""
    with _bound(host, port) as held:
        endpoint = Endpoint(*held.getsockname()[:2])
        if sys.platform == "linux":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        else:  # elsewhere it must be free for the socket that the workers will share
            held.close()
        yield endpoint


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket at the first address of a name that is this machine's."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InvalidParameter(
            f"cannot listen at {host!r}: there is no host of that name. Give --host an address of "
            "this machine"
        ) from None
    error = OSError()
    for family, kind, _, _, address in found:
        held = socket.socket(family, kind)
        if os.name == "posix":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(address)
            return held
        except OSError as failed:
            held.close()
            error = failed
            if failed.errno != errno.EADDRNOTAVAIL:
                break
    raise InvalidParameter(f"cannot listen at {_shown(host, port)}: {_reason(error, port)}")


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has the port. Choose another port with --port; 0 takes a free one"
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            "that is no address of this machine. Give --host one that is, such as 127.0.0.1, or "
            "0.0.0.0 for all of them"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"this user may not open port {port}. Choose a port from 1024 on with --port"
    return f"{error.strerror or error}. Choose another port with --port"
