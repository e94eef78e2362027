"""Tokens and keys of the environment go to the hosts that they are for, and nowhere else."""

from __future__ import annotations

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import servers
from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, RunlogError

SECRET = "very-secret"
VARIABLES = [
    "DATABRICKS_TOKEN", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET", "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "RUNLOG_TRACKING_TOKEN",
    "MLFLOW_TRACKING_TOKEN", "RUNLOG_TRACKING_USERNAME", "RUNLOG_TRACKING_PASSWORD",
]  # fmt: skip


class Recorder(BaseHTTPRequestHandler):
    """Remembers what it is sent, with the headers, and answers that there is nothing."""

    def answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode(errors="replace")
        self.server.seen.append(f"{self.path}\n{self.headers}\n{body}")
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PROPFIND = do_MKCOL = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(params=["http", "https"])
def recorder(request, tmp_path, monkeypatch):
    """Somebody's server. Its certificate is as good as any."""
    running = ThreadingHTTPServer((servers.HOST, 0), Recorder)
    running.seen, running.scheme = [], request.param
    if running.scheme == "https":
        trusted, key = servers.certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(trusted, key)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(trusted))
    Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def environment(monkeypatch, place):
    for name in VARIABLES:
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", "dmVyeS1zZWNyZXQ=")
    for name in ("DATABRICKS_HOST", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", "5")
    (place / ".netrc").write_text(f"machine other.example login me password {SECRET}\n")
    (place / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(place))


def use(uri):
    """Everything that sends something; whether it works is not the question."""
    for call in (lambda repo: repo.list(), lambda repo: repo.read("a"), lambda repo: repo.files()):
        try:
            call(ArtifactRepo(uri))
        except RunlogError:
            pass


@pytest.mark.parametrize("host", ["", "https://workspace.example"])
def test_the_token_of_databricks_goes_to_its_host_alone(recorder, monkeypatch, host):
    monkeypatch.setenv("DATABRICKS_HOST", host)
    location = f"dbfs://{servers.HOST}:{recorder.server_port}/x"
    use(location)
    assert recorder.seen == []
    with pytest.raises(InvalidParameter, match="DATABRICKS_HOST"):
        ArtifactRepo(location)


def test_addresses_of_the_own_workspace(monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", "https://workspace.example")
    for location in ("dbfs:/x", "dbfs:///x", "dbfs://workspace.example/x"):
        assert ArtifactRepo(location).uri


@pytest.mark.parametrize("scheme", ["abfss", "abfs", "wasbs", "wasb"])
@pytest.mark.parametrize(
    "host", ["HERE", "acc.blob.core.windows.net.evil.example", "acc.evilcore.windows.net.example"]
)
def test_keys_of_azure_go_to_hosts_of_azure_alone(recorder, scheme, host):
    here = f"{servers.HOST}:{recorder.server_port}"
    with pytest.raises(InvalidParameter, match="no host of Azure's"):
        ArtifactRepo(f"{scheme}://container@{host.replace('HERE', here)}/x")
    assert recorder.seen == []


@pytest.mark.parametrize("kind", ["web", "webdav"])
@pytest.mark.parametrize("user", ["", "me@"])
def test_no_token_goes_to_the_web_servers_of_locations(recorder, kind, user):
    scheme = recorder.scheme if kind == "web" else recorder.scheme.replace("http", "webdav")
    use(f"{scheme}://{user}{servers.HOST}:{recorder.server_port}/x")
    assert not any(SECRET in each or "Authorization" in each for each in recorder.seen)
    if recorder.scheme == "http":
        assert recorder.seen
