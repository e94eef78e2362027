"""Clients that send and read as slowly as they can, from an address of their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from processes import LONG

ADDRESS = "127.0.0.2"  # Linux has all of 127.0.0.0/8


@contextmanager
def slow_clients(port: int, count: int, head: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, on each of which `head` was sent and nothing else happens."""
    clients: list[socket.socket] = []
    allow_files(count + 500)
    try:
        for _ in range(count):
            client = socket.socket()
            clients.append(client)
            client.settimeout(LONG)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.bind((ADDRESS, 0))
            client.connect(("127.0.0.1", port))
            client.sendall(head)
        yield clients
    finally:
        for client in clients:
            client.close()


def allow_files(count: int) -> None:
    """Let this process have so many open files."""
    import resource

    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != allowed < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))


def is_ended(client: socket.socket) -> bool:
    """Whether the server has ended a connection, with or without an answer."""
    client.settimeout(0.001)
    try:
        while client.recv(100_000):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
