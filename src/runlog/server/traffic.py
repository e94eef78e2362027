"""The requests that are on their way: who works, and who waits for a client to send or to read.

Each holds a thread of the server, of which there are only so many. A client that sends or reads
slowly must not hold many of them, nor for long: there are bounds on how many wait for clients, in
all, for each address, and before it is known who asks; `Guard` ends the connections of the slowest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bottle import response

from runlog.errors import RunlogError
from runlog.server.addresses import network

KEY = "runlog.request"
# A thread that waits for a slow client is one that others do not have. Idle ones cost little.
THREADS = 1024
# As long as so many wait for clients, everybody may take his time; beyond, the slow ones may not.
EASY, EASY_STRANGERS = THREADS // 2, 32
MOST, MOST_STRANGERS = THREADS * 7 // 8, 256
LARGE = 2**20  # bytes of an answer, which is then sent in pieces and counted until it is read
PIECE = 2**16
MOST_UNREAD, SHARE_OF_UNREAD = 256 * LARGE, 128 * LARGE  # bytes of large answers
MOST_SENDING = 32  # that make a piece at the same moment
SHARE, SHARE_OF_STRANGERS = THREADS // 2, 64  # of one address

Environ = Mapping[str, Any]


class Request:
    """A request on its way: where it comes from, whether it is known who asks, and since when the
    server works on it, or waits for its client."""

    __slots__ = ("address", "is_known", "is_waiting", "since", "size", "traffic")

    def __init__(self, traffic: Traffic, address: str, since: float) -> None:
        self.traffic, self.address, self.since = traffic, address, since
        self.is_known = self.is_waiting = False
        self.size = 0  # of an answer that is in memory until the client has read it


class Busy(RunlogError):
    """Too many clients are sending or reading."""

    error_code = "TEMPORARILY_UNAVAILABLE"


class Traffic:
    """The requests of a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._requests: set[Request] = set()  # changed by one operation each, so no lock is needed
        self.pressure = threading.Event()
        # Many that want the interpreter for a piece each would keep it from those who log.
        self.turns = threading.Semaphore(MOST_SENDING)

    def begin(self, environ: dict[str, Any]) -> Request:
        """Note a request, which is found in its environ from then on."""
        request = environ[KEY] = Request(self, environ.get("REMOTE_ADDR", ""), self._now())
        self._requests.add(request)
        return request

    def end(self, request: Request) -> None:
        """Forget a request that was answered."""
        self._requests.discard(request)

    def wait(self, request: Request) -> None:
        """Note that its client is waited for."""
        request.since = self._now()
        request.is_waiting = True

    def resume(self, request: Request) -> None:
        """Note that its client is not waited for any more."""
        request.is_waiting = False
        request.since = self._now()

    def working(self) -> list[Request]:
        """Return those that the server works on."""
        return [each for each in self._requests.copy() if not each.is_waiting]

    def waiting(self) -> list[Request]:
        """Return those whose clients are waited for."""
        return [each for each in self._requests.copy() if each.is_waiting]

    def check(self, request: Request) -> None:
        """Raise Busy if its client is one too many to be waited for."""
        if len(self._requests) < EASY_STRANGERS:
            return
        waiting = self.waiting()
        if self.excess(waiting) < 0:
            return
        self.pressure.set()
        if not request.is_known:
            strangers = [each for each in waiting if not each.is_known]
            _refuse_excess(request, strangers, MOST_STRANGERS, SHARE_OF_STRANGERS)
        _refuse_excess(request, waiting, MOST, SHARE)

    def check_size(self, request: Request) -> None:
        """Raise Busy if others have not read large answers yet, and this one is too much."""
        sizes = [(each.address, each.size) for each in self._requests.copy() if each.size]
        own = network(request.address)
        of_own = [size for address, size in sizes if network(address) == own]
        if (len(sizes) > 1 and sum(size for _, size in sizes) > MOST_UNREAD) or (
            len(of_own) > 1 and sum(of_own) > SHARE_OF_UNREAD
        ):
            raise _busy("large answers of before are still being read: try again in a second")

    def excess(self, waiting: list[Request]) -> int:
        """Return how many too many are waited for, if some are to be told to hurry."""
        strangers = sum(not each.is_known for each in waiting)
        return max(len(waiting) - EASY, strangers - EASY_STRANGERS)


def _refuse_excess(request: Request, waiting: list[Request], most: int, share: int) -> None:
    own = network(request.address)
    if len(waiting) >= most or sum(network(each.address) == own for each in waiting) >= share:
        raise _busy("the server waits for too many slow clients: try again in a second")


def _busy(message: str) -> Busy:
    response.headers.dict.clear()  # what was said of the answer that is not sent
    response.set_header("Retry-After", "1")
    response.set_header("Connection", "close")  # the rest of the body is not read
    return Busy(message)


def of(environ: Environ) -> Request | None:
    """Return the request that an environ is of, where requests are looked after."""
    return environ.get(KEY)


def identified(environ: Environ) -> None:
    """Note that it is known who sends a request."""
    request = of(environ)
    if request is not None:
        request.is_known = True


def in_pieces(request: Request, body: bytes) -> Sending:
    """Return a large answer as pieces, which is counted until its client has read it. Raises
    Busy."""
    request.size = len(body)
    return Sending(request, (body[at : at + PIECE] for at in range(0, len(body), PIECE)))


class Sending:
    """The pieces of an answer; between them its client is waited for. Raises Busy."""

    def __init__(self, request: Request, pieces: Iterator[bytes]) -> None:
        self._request, self._pieces = request, pieces
        try:
            request.traffic.check(request)
            if request.size:
                request.traffic.check_size(request)
        except Busy:
            self.close()
            raise
        request.traffic.wait(request)

    def __iter__(self) -> Sending:
        return self

    def __next__(self) -> bytes:
        traffic = self._request.traffic
        with traffic.turns:
            traffic.resume(self._request)
            try:
                return next(self._pieces)
            finally:
                traffic.wait(self._request)

    def close(self) -> None:
        """Let go of the client, and of what is sent."""
        self._request.traffic.end(self._request)
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
