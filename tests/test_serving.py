"""`runlog serve` as it is run: processes, slow clients, files, TLS, stopping."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from processes import LONG, together
from runlog.store import open_store
from serving import Served, free_port, memory, serving

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


def post(served: Served, path: str, body: object) -> dict:
    status, answer = served.call(
        "POST", API + path, json.dumps(body), **{"Content-Type": "application/json"}
    )
    assert status == 200, answer
    return json.loads(answer)


def new_run(served: Served) -> str:
    return post(served, "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


def test_another_name_and_what_r_says(place):
    options = ["--host", "127.0.0.1", "--no-serve-artifacts", "--workers", 4]
    with serving(place, *options, command="server") as served:
        run = served.call("GET", API + "runs/get?run_id=" + new_run(served))[1]
        uri = json.loads(run)["run"]["info"]["artifact_uri"]
        assert uri.startswith(f"{place}/artifacts/0/")
        assert served.stop() == 0


BROWSER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "health") as answer, open(sys.argv[2], "w") as file:
    file.write(f"{sys.argv[1]} {answer.read().decode()}\\n")
"""


@pytest.mark.parametrize("prefix", ["", "x/"])
def test_ui_opens_the_pages_when_the_server_answers(place, monkeypatch, prefix):
    """In the browser that BROWSER names; this one writes down where it is and what it finds."""
    program, said = place / "browser.py", place / "said"
    program.write_text(BROWSER)
    monkeypatch.setenv("BROWSER", f"{sys.executable} {program} %s {said}")
    with serving(place, "--static-prefix", prefix, command="ui") as served:
        end = time.monotonic() + LONG
        while not (said.is_file() and said.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        assert said.read_text() == f"{served.uri}/{prefix} OK\n"


@pytest.mark.parametrize("options, browser", [(["--no-browser"], "false %s"), ([], "")])
def test_ui_without_a_browser(place, monkeypatch, options, browser):
    monkeypatch.setenv("BROWSER", browser)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with serving(place, *options, command="ui") as served:
        assert served.call("GET", "/health")[0] == 200
        assert served.stop() == 0


def test_a_folder_that_is_not_there_yet(place):
    """MLflow's client for R names one, and it is no file's name."""
    with serving(place, "--backend-store-uri", place / "mlruns") as served:
        new_run(served)
    assert (place / "mlruns" / "runlog.db").is_file()


@pytest.mark.parametrize("options", [[], ["--auth"]])
def test_new_experiments_are_where_the_artifact_root_is(place, options):
    with serving(place, "--default-artifact-root", "s3://bucket/x", *options):
        pass
    store = open_store(f"{place}/")
    assert store.get_experiment("0").artifact_location == "s3://bucket/x/0"
    store.close()


def test_several_processes_and_clients_on_one_file(place):
    with serving(place, "--workers", 3) as served:
        run_id = new_run(served)

        def log(client: int) -> None:
            for step in range(30):
                point = {"key": f"m{client}", "value": step, "timestamp": 1, "step": step}
                post(served, "runs/log-metric", {"run_id": run_id, **point})

        together(*[lambda client=client: log(client) for client in range(8)])
        for client in range(8):
            query = f"metrics/get-history?run_id={run_id}&metric_key=m{client}"
            points = json.loads(served.call("GET", API + query)[1])["metrics"]
            assert [point["step"] for point in points] == list(range(30))


def test_processes_count_requests_together(place):
    with serving(place, "--workers", 3) as served:
        for _ in range(40):
            served.call("GET", API + "experiments/get?experiment_id=0")
        said = [served.call("GET", "/metrics")[1].decode() for _ in range(8)]
        named = 'runlog_requests_total{endpoint="getExperiment",status="200"} 40\n'
        assert all(named in each and "runlog_requests_active 1\n" in each for each in said)


def test_what_was_answered_is_there_when_the_server_is_killed(place):
    with serving(place) as served:
        run_id = new_run(served)
        for step in range(20):
            point = {"key": "m", "value": step, "timestamp": 1, "step": step}
            post(served, "runs/log-metric", {"run_id": run_id, **point})
        os.killpg(served.process.pid, signal.SIGKILL)
        served.process.wait(LONG)
    store = open_store(f"{place}/")
    assert [point.step for point in store.get_metric_history(run_id, "m")] == list(range(20))
    store.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_request_on_its_way_is_finished_before_the_end(place, how):
    with serving(place) as served:
        body = b"x" * 300_000
        client = socket.create_connection(("127.0.0.1", served.port), timeout=LONG)
        head = (
            f"PUT {FILES}/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        client.sendall(head.encode() + body[:100_000])
        served.call("GET", "/health")  # the upload has begun
        served.process.send_signal(how)
        client.sendall(body[100_000:])
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        client.close()
        assert served.process.wait(LONG) == 0
        assert (place / "artifacts" / "slow").read_bytes() == body


def test_slow_clients_do_not_keep_others_waiting(server):
    heads = {
        "head": b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: 127.0.0.1\r\nX",
        "body": b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
    }
    slow = []
    for head in heads.values():
        for _ in range(200):
            slow.append(socket.create_connection(("127.0.0.1", server.port), timeout=LONG))
            slow[-1].sendall(head)
    for _ in range(20):
        assert server.call("GET", API + "experiments/get?experiment_id=0")[0] == 200
    for client in slow:
        client.close()


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads /proc")
def test_large_files_are_never_in_memory_whole(server):
    piece, count, most = bytes(range(256)) * 1024, 400, []  # 100 MB each

    def send_and_fetch(name: str) -> None:
        def body():
            for _ in range(count):
                yield piece

        status, _ = server.call(
            "PUT", f"{FILES}/{name}", body(), **{"Content-Length": str(len(piece) * count)}
        )
        assert status == 200
        most.append(memory(server.process.pid))
        status, got = server.call("GET", f"{FILES}/{name}", Range="bytes=0-1000000")
        assert (status, len(got)) == (206, 1_000_001)

    together(*[lambda name=name: send_and_fetch(name) for name in "abcd"])
    stored = (server.folder / "artifacts" / "a").read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(piece * count).digest()
    assert max(most) < 150 * 2**20


def test_bytes_that_are_no_request(server):
    for nonsense in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 1_000_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as client:
            try:
                client.sendall(nonsense)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(1000)
            except OSError as error:  # the server has hung up
                assert not isinstance(error, TimeoutError)
                answer = b""
        assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert server.call("GET", "/health") == (200, b"OK")


def test_a_smuggled_request_is_not_answered(server):
    """Content-Length with Transfer-Encoding: whatever comes behind the first request is dropped."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as client:
        client.sendall(
            b"POST /api/2.0/mlflow/runs/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 6\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /version HTTP/1.1\r\n"
            b"Host: 127.0.0.1\r\n\r\n"
        )
        answer = b""
        while piece := client.recv(10_000):
            answer += piece
    assert answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer.lower()


def send(server: Served, head: str, body: bytes = b"") -> bytes:
    """The first of what is answered to a head, and whether the connection ends after it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return client.recv(10_000)


@pytest.mark.parametrize(
    "lines",
    [
        "Host: 127.0.0.1\nHost: 127.0.0.1",
        "Host: 127.0.0.1\nHost: evil.example",
        "Host: 127.0.0.1, evil.example",
        *(
            f"Host: 127.0.0.1\nTransfer-Encoding: {coding}"
            for coding in (
                "gzip, chunked", "chunked, chunked", "identity\nTransfer-Encoding: chunked",
                "identity", "xchunked", "chunked, identity", "gzip",
            )
        ),
        "Host: 127.0.0.1\nContent-Length: 2\nContent-Length: 3",
        "Host: 127.0.0.1\nContent-Length: 2, 2",
        "Host: 127.0.0.1\nContent-Length: +2",
        "Host: 127.0.0.1\nX: a\n folded",
        "Host : 127.0.0.1",
    ],
)  # fmt: skip
def test_a_head_that_two_servers_might_read_differently(server, lines):
    """Some are refused by the WSGI server, the others by the application."""
    head = f"POST {API}runs/search HTTP/1.1\nContent-Type: application/json\n{lines}"
    answer = send(server, head, b"2\r\n{}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400") and b"connection: close" in answer.lower(), answer


def test_a_head_has_a_size(server):
    def get(lines: str, query: str = "") -> bytes:
        return send(server, f"GET /version{query} HTTP/1.1\nHost: 127.0.0.1{lines}")[:12]

    assert get("".join(f"\nX-{n}: 1" for n in range(90))) == b"HTTP/1.1 200"
    assert get("".join(f"\nX-{n}: 1" for n in range(200))) == b"HTTP/1.1 431"
    assert get("\nX: " + "a" * 30_000, "?" + "a" * 20_000) == b"HTTP/1.1 200"
    assert get("\nX: " + "a" * 300_000) == b"HTTP/1.1 431"
    assert get("", "?" + "a" * 70_000) in (b"HTTP/1.1 414", b"HTTP/1.1 431")


def test_what_cannot_be_served_is_said_in_a_line(place):
    (place / "runlog.db").write_text("no database, but of some length" * 100)
    with pytest.raises(AssertionError, match="not a runlog database"), serving(place):
        pass


def test_a_port_that_is_taken(server, place):
    with (
        pytest.raises(AssertionError, match="Choose another port with --port"),
        serving(place, "--port", server.port),
    ):
        pass


def test_https(place):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    certificate, key = place / "cert.pem", place / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    port = free_port()
    command = ["--tls-certificate", certificate, "--tls-key", key]
    context = ssl.create_default_context(cafile=str(certificate))
    process = subprocess.Popen(
        [sys.executable, "-m", "runlog.cli", "serve", "--backend-store-uri", f"{place}/",
         "--port", str(port), *map(str, command)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        answer = b""
        for _ in range(500):
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=LONG) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost") as secure:
                        secure.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        answer = secure.recv(1000)
                        break
            except ConnectionError:
                threading.Event().wait(0.05)
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"OK")
    finally:
        process.terminate()
        process.wait(LONG)
