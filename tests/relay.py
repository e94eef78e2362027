"""A relay in front of a real server, that does to requests what networks and proxies do."""

from __future__ import annotations

import http.client
import socket
import socketserver
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit


class Relay(socketserver.ThreadingTCPServer):
    """Forwards to the server at `uri`. `script` says what becomes of the next requests, then all
    pass: "pass", "drop" (never sent on), "lose" (sent on, no answer), "half" (half an answer),
    "hang up" (the connection ends after the answer, which does not say so), "slow" (the answer
    waits for `delay` seconds), "drip" (a byte of the answer every `delay` seconds), "late" (no
    answer; sent on when `let_late_pass` is called), or an answer of its own: (status, headers,
    body).
    """

    daemon_threads = allow_reuse_address = True

    def __init__(
        self,
        uri: str,
        *script: object,
        delay: float = 2.0,
        tls: ssl.SSLContext | None = None,
        ahead: float = 0.0,
    ) -> None:
        self.ahead = ahead  # seconds that the clock of its own answers is wrong
        self.target, self.script, self.delay = urlsplit(uri), list(script), delay
        self.requests, self.connections, self.ended = [], 0, 0
        self.late = []  # requests that are held
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = self.server_address[1]
        scheme = "https" if tls else "http"
        self.uri = f"{scheme}://127.0.0.1:{self.port}{self.target.path}"
        if tls:
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        super().shutdown_request(request)
        self.ended += 1

    def handle_error(self, request, client_address): ...  # a handshake that failed

    def let_late_pass(self) -> list[int]:
        """Send on what was held, and return the statuses of the answers, which nobody waits for."""
        held, self.late = self.late, []
        return [self.forward(*each)[0] for each in held]

    def forward(self, verb, path, body, headers):
        """The status, headers and body of the server's answer to a request."""
        if "://" in path:  # we are a proxy
            path = "/" + path.partition("://")[2].partition("/")[2]
        onward = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        headers = {key: value for key, value in headers.items() if key != "Host"}
        onward.request(verb, path, body, headers)
        answer = onward.getresponse()
        content = answer.read()
        onward.close()
        kind = answer.headers["Content-Type"] or "text/plain"
        return answer.status, {"Content-Type": kind}, content

    def asked(self, end: str) -> int:
        """How many requests there were for a path that ends so."""
        return sum(path.partition("?")[0].endswith(end) for _, path, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        relay = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        relay.requests.append((self.command, self.path, dict(self.headers)))
        act = relay.script.pop(0) if relay.script else "pass"
        if isinstance(act, tuple):
            return self.answer(*act)
        if act == "drop":
            self.close_connection = True
            return None
        request = self.command, self.path, body, dict(self.headers)
        if act == "late":
            relay.late.append(request)
            self.close_connection = True
            return None
        status, headers, content = relay.forward(*request)
        if act == "lose":
            self.close_connection = True
            return None
        if act == "slow":
            time.sleep(relay.delay)
        self.answer(status, headers, content, act)
        if act in ("half", "hang up"):
            self.close_connection = True
        return None

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.server.ahead)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = forward

    def do_CONNECT(self):
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as onward:
            self.send_response(200)
            self.end_headers()
            pump = threading.Thread(target=_pump, args=(self.connection, onward), daemon=True)
            pump.start()
            _pump(onward, self.connection)
        self.close_connection = True

    def answer(self, status, headers, body, act=None):
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if act == "drip":
                for at in range(len(body)):
                    time.sleep(self.server.delay)
                    self.wfile.write(body[at : at + 1])
            else:
                self.wfile.write(body[: len(body) // 2] if act == "half" else body)
        except OSError:  # the client has given up
            self.close_connection = True

    def log_message(self, *_): ...


def _pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
