"""HTTPS with a certificate authority of our own: whom HttpStore trusts, and whom it shows."""

from __future__ import annotations

import ssl

import pytest
import trustme

import served
from relay import Relay
from runlog.errors import InvalidParameter, ServerUnreachable
from runlog.http.store import HttpStore


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """ca.pem, and client.pem with a certificate and its key."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "client.pem"
    )
    return tmp_path


def relay(authority, *script, clients=False, host="127.0.0.1"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    server = served.stores()
    return Relay(f"{server.uri}/none", *script, tls=context)


def name_of_default(uri):
    store = HttpStore(uri)
    try:
        return [store.get_experiment("0").name for _ in range(3)][0]
    finally:
        store.close()


def test_a_known_authority(authority, files, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(files / "ca.pem"))
    with relay(authority) as between:
        assert name_of_default(between.uri) == "Default"
        assert between.connections == 1


def test_an_unknown_one(authority):
    with relay(authority) as between:
        with pytest.raises(ServerUnreachable, match="RUNLOG_TRACKING_SERVER_CERT_PATH"):
            name_of_default(between.uri)
        assert between.connections == 1


def test_a_certificate_of_another_host(authority, files, monkeypatch):
    monkeypatch.setenv("RUNLOG_TRACKING_SERVER_CERT_PATH", str(files / "ca.pem"))
    with relay(authority, host="example.com") as between:
        with pytest.raises(ServerUnreachable, match="not trusted"):
            name_of_default(between.uri)


def test_trusting_anyone(authority, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    with relay(authority) as between:
        assert name_of_default(between.uri) == "Default"


def test_client_certificates(authority, files, monkeypatch):
    monkeypatch.setenv("RUNLOG_TRACKING_SERVER_CERT_PATH", str(files / "ca.pem"))
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "0")
    with relay(authority, clients=True) as between:
        with pytest.raises(ServerUnreachable):
            name_of_default(between.uri)
        monkeypatch.setenv("RUNLOG_TRACKING_CLIENT_CERT_PATH", str(files / "client.pem"))
        assert name_of_default(between.uri) == "Default"


def test_through_a_tunnel(authority, files, monkeypatch):
    monkeypatch.setenv("RUNLOG_TRACKING_SERVER_CERT_PATH", str(files / "ca.pem"))
    with relay(authority) as between, Relay("http://unused") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{proxy.port}")
        assert name_of_default(between.uri) == "Default"
        verb, target, headers = proxy.requests[0]
        assert (verb, target) == ("CONNECT", f"127.0.0.1:{between.port}")
        assert headers["Proxy-Authorization"] == "Basic bWU6cHc="
        assert "Proxy-Authorization" not in between.requests[0][2]


@pytest.mark.parametrize("name", ["SERVER_CERT_PATH", "CLIENT_CERT_PATH"])
def test_files_that_are_none(files, monkeypatch, name):
    for path in (files / "none.pem", __file__):
        monkeypatch.setenv(f"RUNLOG_TRACKING_{name}", str(path))
        with pytest.raises(InvalidParameter, match=f"RUNLOG_TRACKING_{name}"):
            HttpStore("https://localhost").get_experiment("0")
    monkeypatch.setenv("RUNLOG_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("RUNLOG_TRACKING_SERVER_CERT_PATH", str(files / "ca.pem"))
    with pytest.raises(InvalidParameter, match="exclude each other"):
        HttpStore("https://localhost").get_experiment("0")
