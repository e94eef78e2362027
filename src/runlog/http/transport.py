"""One request and its answer, over connections that are kept open.

`http.client` opens connections, through a proxy where one is set, and reads answers. The head of a
request is written here, with the body, in one piece: half of the CPU time of a log call was in
http.client's checks of headers that are always the same, and a second packet costs the server one
more system call.
"""

from __future__ import annotations

import io
import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any, BinaryIO, NamedTuple, Protocol

from runlog.errors import RunlogError, ServerUnreachable, shrunk
from runlog.http import address as addresses
from runlog.http.address import Address

IDLE = 16  # connections kept, about as many as threads that log at once


class NotSent(OSError):
    """The request did not leave this machine, so it has changed nothing."""


class NoAnswer(OSError):
    """The request was sent, or a part of it, and what became of it is not known."""


class Upload(NamedTuple):
    """A file as the body of a request, from its start; `size` in bytes."""

    file: BinaryIO
    size: int


class Headers(Protocol):
    """The headers of an answer, in any case."""

    def get(self, name: str, /) -> str | None: ...


class Answer(Protocol):
    """What a server says. Read it to the end, or close it."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Headers: ...
    def read(self, size: int | None = None) -> bytes: ...
    def close(self) -> None: ...


class Transport(Protocol):
    """Carries requests to one server. `target` is path and query string, quoted. A request and its
    answer, read to the end, take at most so many `seconds`; without them, each step at most as long
    as the transport allows. Raises NotSent or NoAnswer, and RunlogError where trying again is of no
    use."""

    def send(
        self,
        verb: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Upload | None,
        seconds: float | None = None,
    ) -> Answer: ...
    def close(self) -> None: ...


class Connections:
    """The Transport of a machine. Threads may share it; a forked process opens its own."""

    def __init__(
        self, address: Address, timeout: float, trust: Callable[[], ssl.SSLContext]
    ) -> None:
        self._address, self._timeout, self._trust = address, timeout, trust
        self._context: ssl.SSLContext | None = None
        self._proxy, self._proxy_login = proxy_for(address)
        self._idle: list[socket.socket] = []
        self._pid = os.getpid()
        self._start = f"http://{address.netloc}" if self._is_relayed else ""
        self._host = f" HTTP/1.1\r\nHost: {address.netloc}\r\n"
        if self._is_relayed and self._proxy_login:
            self._host += f"Proxy-Authorization: {self._proxy_login}\r\n"

    @property
    def _is_relayed(self) -> bool:
        """Return whether requests go to the proxy itself; with TLS, they go through a tunnel."""
        return self._proxy is not None and self._address.scheme == "http"

    def send(
        self,
        verb: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Upload | None,
        seconds: float | None = None,
    ) -> Answer:
        time = _Time(self._timeout, seconds)
        head = [verb, " ", self._start, target, self._host]
        for name, value in headers.items():
            head += (name, ": ", value, "\r\n")
        if body is not None:
            size = body.size if isinstance(body, Upload) else len(body)
            head.append(f"Content-Length: {size}\r\n")
        elif verb != "GET":
            head.append("Content-Length: 0\r\n")
        head.append("\r\n")
        text = "".join(head).encode("latin-1")
        connection = self._take() or self._open_socket(time)
        try:
            connection.settimeout(time.remaining())  # for all that is sent
            try:
                if isinstance(body, Upload):
                    connection.sendall(text)
                    sent = connection.sendfile(body.file, 0, body.size) if body.size else 0
                    if sent < body.size:
                        raise shrunk(target, body.size, sent)
                else:
                    connection.sendall(text + body if body else text)
            except (BrokenPipeError, ConnectionResetError):
                pass  # a server that has read enough to refuse says so before it hangs up
            response = _response(time, connection, method=verb)
            try:
                response.begin()
            except BaseException:
                response.close()
                raise
        except (OSError, HTTPException) as error:
            connection.close()
            raise NoAnswer(_reason(error, time)) from error
        except BaseException:
            connection.close()
            raise
        return _Received(response, connection, self, time)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> socket.socket | None:
        if self._pid != os.getpid():  # what a fork has copied is the parent's
            self.close()
            self._pid = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _has_ended(connection):
                return connection
            connection.close()

    def give_back(self, connection: socket.socket) -> None:
        if self._pid == os.getpid() and len(self._idle) < IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _open_socket(self, time: _Time) -> socket.socket:
        opening = self._opening(time)
        try:
            opening.connect()
        except ssl.SSLCertVerificationError as error:
            opening.close()
            raise ServerUnreachable(
                f"{self._address}: its certificate is not trusted: {error.verify_message}. Name "
                "the file of its CA in RUNLOG_TRACKING_SERVER_CERT_PATH, or trust anyone with "
                "RUNLOG_TRACKING_INSECURE_TLS=true"
            ) from error
        except (OSError, HTTPException) as error:
            opening.close()
            way = "" if self._proxy is None else f"by the proxy {self._proxy}: "
            raise NotSent(way + _reason(error, time)) from error
        except BaseException:
            opening.close()
            raise
        connection: socket.socket = opening.sock
        return connection

    def _opening(self, time: _Time) -> HTTPConnection:
        first = self._address if self._proxy is None else self._proxy
        opening = HTTPConnection(first.host, first.port)
        if self._address.scheme == "https":
            if self._context is None:
                self._context = self._trust()
            opening = HTTPSConnection(first.host, first.port, context=self._context)
            if self._proxy is not None:
                login = {"Proxy-Authorization": self._proxy_login} if self._proxy_login else {}
                opening.set_tunnel(self._address.host, self._address.port, login)
        # Their own timeouts are for each of the steps of all this.
        opening._create_connection = partial(_connected, time)  # type: ignore[attr-defined]
        opening.response_class = partial(_response, time)  # type: ignore[assignment]
        return opening


class _Time:
    """How long a request may take: as a whole, or each of its steps."""

    def __init__(self, step: float, whole: float | None) -> None:
        self.seconds = step if whole is None else min(step, whole)
        self._end = None if whole is None else monotonic() + self.seconds

    def remaining(self) -> float:
        """Return the seconds that the next step may take. Raises TimeoutError."""
        if self._end is None:
            return self.seconds
        seconds = self._end - monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _Timed(io.RawIOBase):
    """What comes over a connection, and not later than it may: an answer that drips is late."""

    def __init__(self, connection: socket.socket, time: _Time) -> None:
        self._connection, self._time = connection, time

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._time.remaining())
        return self._connection.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return it as http.client asks sockets for it."""
        return io.BufferedReader(self)


def _response(time: _Time, connection: socket.socket, **options: Any) -> HTTPResponse:
    return HTTPResponse(_Timed(connection, time), **options)  # type: ignore[arg-type]


def _connected(time: _Time, address: tuple[str, int], *_: Any) -> socket.socket:
    """Connect to one of the host's addresses, within the time for all of them."""
    failure: OSError | None = None
    for family, kind, protocol, _, endpoint in _resolved(address, time):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(time.remaining())
            connection.connect(endpoint)
            connection.settimeout(time.remaining())  # for TLS
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure or OSError(f"{address[0]} has no address")


def _resolved(address: tuple[str, int], time: _Time) -> list[Any]:
    """Return the addresses of a host. A name server that does not answer is not waited for longer
    than for all else, which takes a thread: nothing interrupts the system's resolver."""
    host, port = address
    if host.replace(".", "").isdigit() or ":" in host or host == "localhost":
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: list[Any] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=ask, name="runlog resolver", daemon=True)
    try:
        thread.start()
        thread.join(time.remaining())
    except RuntimeError:  # the interpreter ends
        ask()
    if not found:
        raise TimeoutError
    if isinstance(found[0], OSError):
        raise found[0]
    if isinstance(found[0], Exception):
        raise OSError(f"{host} is no name of a host")
    return found


class _Received:
    """An Answer from a connection, which goes back to the others once the answer is read."""

    def __init__(
        self, response: HTTPResponse, connection: socket.socket, home: Connections, time: _Time
    ) -> None:
        self._response, self._connection, self._home = response, connection, home
        self._time = time
        self.status: int = response.status
        self.headers: Headers = response.headers
        self._is_done = False
        if response.isclosed():  # there is nothing to read
            self._finish()

    def read(self, size: int | None = None) -> bytes:
        if self._is_done:
            return b""
        try:
            data = self._response.read(size)
        except (OSError, HTTPException) as error:
            self.close()
            reason = _reason(error, self._time)
            raise NoAnswer(f"the answer ended too early: {reason}") from error
        except BaseException:
            self.close()
            raise
        missing = self._response.length
        if not data and size and missing:
            self.close()
            raise NoAnswer(f"the answer ended {missing} bytes too early")
        if self._response.isclosed():
            self._finish()
        return data

    def close(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._response.close()
            self._connection.close()

    def _finish(self) -> None:
        self._is_done = True
        if self._response.will_close:
            self._connection.close()
        else:
            self._home.give_back(self._connection)


def _has_ended(connection: socket.socket) -> bool:
    """Return whether the server has closed a connection that nobody uses, or says something
    unasked."""
    try:
        if hasattr(select, "poll"):  # select() knows descriptors up to 1024 only
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([connection], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def _reason(error: Exception, time: _Time) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {time.seconds:.3g} seconds (RUNLOG_HTTP_REQUEST_TIMEOUT)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def proxy_for(address: Address) -> tuple[Address | None, str | None]:
    """Return the proxy on the way to a server, and what it is told of who we are: HTTP_PROXY,
    HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower case too. Raises InvalidParameter for one of
    another kind."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None, None  # urllib.request takes 30 ms to import
    from urllib import request

    proxies = request.getproxies_environment()
    is_direct: Any = request.proxy_bypass_environment  # type: ignore[attr-defined]
    found = proxies.get(address.scheme) or proxies.get("all")
    if not found or is_direct(f"{address.host}:{address.port}", proxies):
        return None, None
    proxy = addresses.parse(found if "://" in found else f"http://{found}")
    if proxy.scheme != "http":
        raise RunlogError(
            f"proxy {proxy}: only http:// proxies are used (for https:// servers, too)",
            "INVALID_PARAMETER_VALUE",
        )
    login = None if proxy.user is None else addresses.basic(proxy.user, proxy.password or "")
    return proxy, login
