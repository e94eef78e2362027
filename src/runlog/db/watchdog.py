"""Ends calls that wait for a database server which answers nobody: it is stopped, or the network
is gone. One that merely works on a long statement answers others meanwhile, and is waited for."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any


class Watchdog:
    """Watches the calls of one database, in a thread that is there while calls last."""

    def __init__(self, greeting: bytes, timeout: float) -> None:
        """`greeting` is what a server that works answers to, empty where it speaks first; after
        `timeout` seconds without any answer a call ends with an error of its driver."""
        self._greeting = greeting
        self._timeout = timeout
        self._lock = threading.RLock()
        self._calls: set[Call] = set()
        self._thread: threading.Thread | None = None

    def call(self, connection: Any) -> Call:
        """Watch, in a `with` block, what waits for the server on a driver's connection."""
        return Call(self, connection)

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.add(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="runlog-db", daemon=True)
                self._thread.start()

    def remove(self, call: Call) -> None:
        with self._lock:
            self._calls.discard(call)

    def _watch(self) -> None:
        while True:
            time.sleep(self._timeout / 8)
            with self._lock:
                if not self._calls:
                    self._thread = None
                    return
                late = time.monotonic() - self._timeout / 2
                waiting = [call for call in self._calls if call.since < late and call.open()]
            for call in waiting:
                self._look_after(call)

    def _look_after(self, call: Call) -> None:
        answers = call.peer is not None and self._answers(call.family, call.peer)
        with self._lock:  # so that the descriptor is still the call's
            if call in self._calls:
                call.since = time.monotonic()
                if not answers:
                    call.cut()

    def _answers(self, family: int, peer: Any) -> bool:
        try:
            with socket.socket(family) as probe:
                probe.settimeout(self._timeout / 4)
                probe.connect(peer)
                probe.sendall(self._greeting)
                probe.recv(1)
                return True
        except OSError:
            return False


class Call:
    """A call while it lasts; `ended` when it was ended since the server does not answer."""

    def __init__(self, watchdog: Watchdog, connection: Any) -> None:
        self._watchdog = watchdog
        self._connection = connection
        self._descriptor = -1
        self.since = 0.0
        self.ended = False
        self.family = 0
        self.peer: Any = None

    def __enter__(self) -> Call:
        # Here, since mysqlclient answers only the thread that uses the connection. PyMySQL has no
        # method for it.
        driver = getattr(self._connection, "_sock", None) or self._connection
        if hasattr(driver, "fileno"):
            self._descriptor = driver.fileno()
            self.since = time.monotonic()
            self._watchdog.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.remove(self)

    def open(self) -> bool:
        """Find out where the server is; return False for a call that has no connection any more."""
        try:
            with self._socket() as found:
                self.family, self.peer = found.family, found.getpeername()
            return True
        except OSError:
            return False

    def cut(self) -> None:
        """End the connection: whoever reads from it gets an error."""
        self.ended = True
        try:
            with self._socket() as found:
                found.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _socket(self) -> socket.socket:
        """Return a second object for the driver's socket, which is closed without closing that."""
        return socket.socket(fileno=os.dup(self._descriptor))
