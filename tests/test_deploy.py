"""The configurations in docs/deploy.md, run by the programs that they are for."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from contextlib import contextmanager

import pytest

from processes import LONG
from runlog.sqlstore.accounts import Users
from runlog.store import open_store
from servers import tied
from serving import free_port, serving
from test_docs import ROOT, blocks

NAME = "runlog.example.org"
FILES = "/api/2.0/mlflow-artifacts/"


def config(language: str) -> str:
    (found,) = blocks(ROOT / "docs" / "deploy.md", language)
    return found


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def certificate(folder) -> tuple[str, str]:
    command = [
        *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def nginx(folder, port: int, behind: int) -> tuple[list[str], str]:
    cert, key = certificate(folder)
    text = config("nginx").replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/ssl/runlog.pem", cert).replace("/etc/ssl/runlog.key", key)
    text = text.replace(":5000", f":{behind}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; events {{}} http {{ access_log off; {places} {text} }}"
    )
    return [program("nginx"), "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"], "https"


def caddy(folder, port: int, behind: int) -> tuple[list[str], str]:
    # Without a certificate, which it would fetch.
    text = config("caddy").replace(NAME, f"http://{NAME}:{port}").replace(":5000", f":{behind}")
    (folder / "Caddyfile").write_text("{\nadmin off\n}\n" + text)
    return [program("caddy"), "run", "--config", f"{folder}/Caddyfile"], "http"


class Proxied:
    """The server, as it is reached through a proxy by its name."""

    def __init__(self, port: int, scheme: str, folder) -> None:
        self.port, self.origin = port, f"{scheme}://{NAME}:{port}"
        self._tls = ssl.create_default_context(cafile=folder / "cert.pem") if scheme[4:] else None

    def ask(self, verb: str, path: str, body=None, token: str = "") -> tuple[int, bytes]:
        where = ("127.0.0.1", self.port)
        connection = (
            http.client.HTTPSConnection(*where, timeout=LONG, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(*where, timeout=LONG)
        )
        headers = {"Host": f"{NAME}:{self.port}", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(verb, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def proxied(make, folder, behind: int):
    port = free_port()
    command, scheme = make(folder, port, behind)
    with open(folder / "proxy.log", "w") as log:
        process = subprocess.Popen(
            [*tied("TERM"), *command], cwd=folder, stdout=log, stderr=log,
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )  # fmt: skip
    try:
        server = Proxied(port, scheme, folder)
        for _ in range(500):
            try:
                server.ask("GET", "/health")
                break
            except OSError:
                assert process.poll() is None, (folder / "proxy.log").read_text()
                time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(LONG)


@pytest.mark.parametrize("make", [nginx, caddy])
def test_behind_a_proxy(place, make):
    (unit,) = [
        line for line in config("ini").replace("\\\n", "").split("\n") if "ExecStart" in line
    ]
    options = unit.partition("/var/lib/runlog/")[2].split()
    data = bytes(range(256)) * 20_000
    with serving(place, *options) as served, proxied(make, place, served.port) as server:
        store = open_store(f"{place}/")
        users = Users(store.db)
        users.add("ann", "editor")
        token = users.add_token("ann", "t")
        assert server.ask("GET", "/health") == (200, b"OK")
        assert server.ask("GET", "/metrics")[0] == 401
        assert server.ask("PUT", f"{FILES}artifacts/0/large", data, token)[0] == 200
        assert server.ask("GET", f"{FILES}artifacts/0/large", None, token) == (200, data)
        body = json.dumps({"path": "x", "num_parts": 1})
        status, begun = server.ask("POST", f"{FILES}mpu/create/0", body, token)
        assert status == 200, begun
        assert json.loads(begun)["credentials"][0]["url"].startswith(f"{server.origin}{FILES}mpu/")
        store.close()


def test_the_unit(place):
    text = config("ini").replace("/opt/runlog/bin/runlog", program("true"))
    (place / "runlog.service").write_text(text.replace("User=runlog", "User=root"))
    command = [program("systemd-analyze"), "verify", "--man=no", place / "runlog.service"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "runlog.service" not in done.stderr and done.returncode == 0, done.stderr
