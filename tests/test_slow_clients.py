"""Clients that hold up a server: how many are waited for, whose connections end, what a body that
breaks off does."""

from __future__ import annotations

import json
import socket
import sys
import time

import pytest

import wsgi
from processes import LONG
from runlog.server import traffic
from runlog.server.app import create_app
from runlog.server.connections import Connection
from runlog.server.slow_clients import Progress, at_work, slowest
from runlog.server.traffic import Busy, Request, Sending, Traffic
from runlog.store import open_store
from serving import Served, serving
from slow import is_ended
from slow import slow_clients as slowly

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
HEAD = "Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="connections are not visible")


def log(served: Served, **headers: str) -> int:
    """The status of an honest client's request, which is always answered in time."""
    body = json.dumps({"run_id": "0" * 32, "key": "m", "value": 1, "timestamp": 1, "step": 0})
    headers["Content-Type"] = "application/json"
    return served.call("POST", API + "runs/log-metric", body, **headers)[0]


def is_soon(what) -> bool:
    end = time.monotonic() + LONG
    while not (done := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return done


def attack(served: Served, head: str) -> None:
    """More slow clients than the server has threads: others are answered, and the slow ones end."""
    with slowly(served.port, traffic.THREADS + 6, head.encode()) as clients:
        for _ in range(10):
            assert log(served) in (401, 404)
        assert is_soon(lambda: sum(map(is_ended, clients)) > len(clients) // 2)
        assert log(served) in (401, 404)


def test_slow_bodies(place):
    with serving(place) as served:
        attack(served, f"POST {API}runs/log-metric HTTP/1.1\r\n{HEAD}")


def test_slow_log_ins(place):
    with serving(place, "--auth") as served:
        attack(served, f"POST /login HTTP/1.1\r\n{HEAD}")
        assert served.call("POST", "/login", "{}", **{"Content-Type": "application/json"})[0] == 401


@pytest.mark.slow
def test_slow_uploads_and_slow_readers(place):
    with serving(place) as served:
        attack(served, f"PUT {FILES}a HTTP/1.1\r\n{HEAD}")
        assert served.call("PUT", FILES + "large", b"x" * 30_000_000)[0] == 200
        attack(served, f"GET {FILES}large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "head", ["", "GET /health HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_connections_without_a_request(place, head):
    """Those that send no head, and those that are kept open after an answer."""
    with serving(place) as served:
        attack(served, head)


# -- what is decided ------------------------------------------------------------------------


def connection(
    port: int, silent: float = 0, quiet: float = 99, received: int = 500, taken: int = 0,
    address: str = "a", is_waiting: bool = False,
) -> Connection:  # fmt: skip
    return Connection(3, address, port, silent, quiet, received, taken, is_waiting)


def test_progress_is_a_rate():
    progress = Progress()
    assert progress.update([connection(1, silent=7), connection(2)], 100.0) == {
        connection(1, silent=7): 7,
        connection(2): 0,
    }
    later = [connection(1, received=600), connection(2, received=500 + 501 * 10)]
    assert [*progress.update(later, 110.0).values()] == [17, 0]
    rests = connection(1, silent=4, quiet=3, taken=200)
    assert progress.update([rests], 111.0) == {rests: 3}


def test_a_connection_whose_request_is_worked_on_is_known():
    found = [connection(1, silent=30), connection(2, silent=50), connection(3, silent=0.1)]
    requests = [Request(Traffic(), "a", 70.5), Request(Traffic(), "b", 50.0)]
    assert at_work(found, requests, 100.0) == {connection(1, silent=30)}


def test_who_ends_first():
    seconds = {
        connection(1, address="a"): 50.0,
        connection(2, address="b"): 3.0,
        connection(3, address="b"): 4.0,
        connection(4, address="b"): 1.0,  # has just begun
        connection(5, address="c"): 99.0,  # is not waited for
    }
    ended = slowest(seconds, {"a": 1, "b": 3}, 9)
    assert [each.port for each in ended] == [3, 2, 1]
    assert len(slowest(seconds, {"a": 1, "b": 3}, 2)) == 2


def crowd(requests: Traffic, address: str, count: int, known: bool = True) -> None:
    for _ in range(count):
        request = requests.begin({"REMOTE_ADDR": address})
        request.is_known = known
        requests.wait(request)


def test_an_address_has_its_share():
    requests = Traffic()
    crowd(requests, "10.0.0.1", traffic.SHARE)
    with pytest.raises(Busy, match="too many slow clients"):
        requests.check(requests.begin({"REMOTE_ADDR": "10.0.0.1"}))
    requests.check(requests.begin({"REMOTE_ADDR": "10.0.0.2"}))
    crowd(requests, "10.0.0.2", traffic.MOST - traffic.SHARE)
    with pytest.raises(Busy):
        requests.check(requests.begin({"REMOTE_ADDR": "10.0.0.3"}))
    assert requests.pressure.is_set()


def test_strangers_are_fewer():
    requests = Traffic()
    crowd(requests, "10.0.0.1", traffic.SHARE_OF_STRANGERS, known=False)
    stranger = requests.begin({"REMOTE_ADDR": "10.0.0.1"})
    with pytest.raises(Busy):
        requests.check(stranger)
    stranger.is_known = True
    requests.check(stranger)


def test_one_too_many_is_told_to_come_again(place):
    requests = Traffic()
    store = open_store(f"{place}/")
    app = create_app(store, None, requests=requests)
    crowd(requests, "127.0.0.1", traffic.MOST)
    answer = wsgi.call(app, "POST", API + "runs/search", {})
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert wsgi.call(app, "GET", API + "experiments/get", query="experiment_id=0").status == 200
    assert not requests.working()
    store.close()


def test_an_answer_is_waited_for_until_it_is_closed():
    requests, closed = Traffic(), []

    def pieces():
        try:
            yield from (b"a", b"b")
        finally:
            closed.append(1)

    request = requests.begin({"REMOTE_ADDR": "a"})
    sending = Sending(request, pieces())
    assert next(sending) == b"a" and requests.waiting() == [request]
    sending.close()
    assert closed == [1] and not requests.waiting() and not requests.working()


# -- bodies that break off ------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


def put(served: Served, name: str, body: bytes, end: str, query: str = "") -> bytes:
    """The beginning of what is answered to a body in chunks, after which the client goes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=LONG) as client:
        head = f"PUT {name} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode() + body)
        if end == "reset":
            time.sleep(0.2)  # or the head would be lost, too
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return b""
        if end == "shutdown":
            client.shutdown(socket.SHUT_WR)
        return client.recv(1000)


@pytest.mark.parametrize("end", ["shutdown", "reset"])
@pytest.mark.parametrize("body", [b"", b"3\r\nbad\r\n", b"9\r\nbad", b"3\r\nbad\r\n0\r\n"])
def test_a_file_in_chunks_that_breaks_off_is_not_stored(server, end, body):
    name = FILES + "file"
    assert served_file(server, name, b"good") == b"good"
    answer = put(server, name, body, end)
    assert not answer or b" 400 " in answer[:20], answer
    assert is_soon(lambda: b"runlog_requests_active 1\n" in server.call("GET", "/metrics")[1])
    assert server.call("GET", name) == (200, b"good")


def served_file(served: Served, name: str, content: bytes) -> bytes:
    assert served.call("PUT", name, content)[0] == 200
    return served.call("GET", name)[1]


@pytest.mark.parametrize(
    "body, content",
    [
        (b"0\r\n\r\n", b""),
        (b"4\r\nwhol\r\n1;x=y\r\ne\r\n0\r\n\r\n", b"whole"),
        (b"5\r\nwhole\r\n0\r\nX: trailer\r\n\r\n", b"whole"),
    ],
)
def test_a_file_in_chunks_that_ends_is_stored(server, body, content):
    name = FILES + "chunks"
    assert put(server, name, body, "").startswith(b"HTTP/1.1 200")
    assert server.call("GET", name) == (200, content)


def test_a_part_that_breaks_off_has_not_arrived(server):
    begun = json.loads(
        server.call(
            "POST", "/api/2.0/mlflow-artifacts/mpu/create/d",
            json.dumps({"path": "d", "num_parts": 1}), **{"Content-Type": "application/json"},
        )[1]
    )  # fmt: skip
    target = begun["credentials"][0]["url"].partition(str(server.port))[2]
    assert b" 400 " in put(server, target, b"3\r\nbad\r\n", "shutdown")[:20]
    assert put(server, target, b"3\r\nall\r\n0\r\n\r\n", "").startswith(b"HTTP/1.1 200")
