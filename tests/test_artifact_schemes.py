"""Which addresses are let in, what follows from them and from the environment, what is shown."""

from __future__ import annotations

import json
import os
import sys
import traceback
from subprocess import check_output

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.client import RunlogClient
from runlog.errors import InvalidParameter, MissingExtra, RunlogError
from runlog.storage import filesystems, schemes
from runlog.storage.paths import parse
from runlog.validate import without_password

SECRETS = ["ftp://u:secret@h/p", "ftp://:secret@h/p", "ftp://u:a/secret@h/p", "s3://k:secret@b/p"]


@pytest.mark.parametrize(
    "uri, scheme, user, password, host, port, path",
    [
        ("s3://bucket/a b%20c", "s3", None, None, "bucket", None, "/a b%20c"),
        ("S3://bucket", "s3", None, None, "bucket", None, ""),
        ("ftp://u:p%40%3A%2F@h:21/a@b:c", "ftp", "u", "p@:/", "h", 21, "/a@b:c"),
        ("sftp://u@[::1]:22/a".replace("::", "1:0:"), "sftp", "u", None, "[1:0:1]", 22, "/a"),
        ("wasbs://c@a.blob.core.windows.net/p", "wasbs", "c", None, "a.blob.core.windows.net",
         None, "/p"),
        ("dbfs:/a/b", "dbfs", None, None, "", None, "/a/b"),
        ("hdfs:///a/b", "hdfs", None, None, "", None, "/a/b"),
    ],
)  # fmt: skip
def test_addresses(uri, scheme, user, password, host, port, path):
    assert tuple(parse(uri)) == (scheme, user, password, host, port, path)


@pytest.mark.parametrize("uri", [u.replace("{}", "x") for u in SECRETS])
def test_passwords_are_not_shown(uri):
    assert "secret" not in without_password(uri)
    with pytest.raises(InvalidParameter, match="must not hold a password") as caught:
        RunlogClient().create_experiment("e", artifact_location=uri)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    if "/secret" not in uri:
        assert "secret" not in f"{parse(uri)} {parse(uri)!r}"


@pytest.mark.parametrize(
    "uri", ["/a:b@c", "s3://bucket/a:b@c", "ftp://u@h:21/a@b", "wasbs://c@h/p", "ftp://h:21/a@b"]
)
def test_what_is_no_password_stays(uri):
    assert without_password(uri) == uri


def test_the_default_root_may_hold_a_password_that_is_stored_nowhere(monkeypatch, place):
    monkeypatch.setenv("RUNLOG_ARTIFACT_ROOT", "ftp://u:secret@h/root")
    client = RunlogClient()
    experiment = client.create_experiment("e")
    run = client.create_run(experiment)
    uri = run.info.artifact_uri
    assert uri == f"ftp://u@h/root/{experiment}/{run.info.run_id}/artifacts"
    assert all(b"secret" not in file.read_bytes() for file in place.glob("runlog.db*"))
    assert schemes.FTP.options(parse(uri))["password"] == "secret"
    assert "password" not in schemes.FTP.options(parse("ftp://other@h/root"))


def test_a_password_in_netrc(monkeypatch, place):
    (place / ".netrc").write_text("machine h login u password secret\n")
    (place / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(place))
    assert schemes.password_of(parse("ftp://u@h/a")) == "secret"
    assert schemes.password_of(parse("ftp://other@h/a")) is None


def test_a_refused_login_does_not_show_the_password(server, monkeypatch):
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", "5")
    uri = server("vsftpd").uri.replace("w%2Frd", "hunter2")
    repo = ArtifactRepo(uri)
    assert "hunter2" not in f"{repo!r} {repo.uri} {repo._root.remote!r}"
    with pytest.raises(RunlogError, match="530") as caught:
        repo.write("a", b"x")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", sorted(filter(str.isalnum, schemes.WRAPPERS)))
def test_wrappers_are_refused_even_if_they_are_named(monkeypatch, name):
    monkeypatch.setenv("RUNLOG_ARTIFACT_SCHEMES", f"{name},s3")
    with pytest.raises(InvalidParameter, match="never allowed"):
        ArtifactRepo(f"{name}://a")


@pytest.mark.parametrize("uri", ["simplecache::s3://b/a", "s3::s3://b/a", "zip://a::file:///b.zip"])
def test_chains_are_refused(monkeypatch, uri):
    monkeypatch.setenv("RUNLOG_ARTIFACT_SCHEMES", "simplecache zip s3")
    with pytest.raises(InvalidParameter, match="chained"):
        ArtifactRepo(uri)


def test_every_file_system_of_fsspec_that_wraps_others_is_refused(monkeypatch):
    from fsspec import get_filesystem_class
    from fsspec.implementations.chained import ChainedFileSystem
    from fsspec.registry import known_implementations

    for name in known_implementations:
        monkeypatch.setenv("RUNLOG_ARTIFACT_SCHEMES", name)
        try:
            wraps = issubclass(get_filesystem_class(name), ChainedFileSystem)
        except (ImportError, AttributeError):  # retired ones say so
            continue
        if wraps and name.isalnum():
            with pytest.raises(InvalidParameter, match="never allowed"):
                ArtifactRepo(f"{name}://a")


def test_a_scheme_that_the_user_allows(monkeypatch):
    with pytest.raises(InvalidParameter, match="RUNLOG_ARTIFACT_SCHEMES"):
        ArtifactRepo("data:/a")
    monkeypatch.setenv("RUNLOG_ARTIFACT_SCHEMES", "nothing-known, data")
    assert ArtifactRepo("data:/a").uri == "data:/a"
    with pytest.raises(InvalidParameter, match="fsspec does not know nothing-known"):
        ArtifactRepo("nothing-known://a")


def test_a_missing_package_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    filesystems.s3.cache_clear()  # another test may have loaded it
    monkeypatch.setenv("RUNLOG_S3_ENDPOINT_URL", "http://127.0.0.1:1/missing")
    with pytest.raises(MissingExtra, match=r"needs s3fs.*pip install 'runlog-tracking\[s3\]'"):
        ArtifactRepo("s3://bucket/a").list()


def options(uri):
    return schemes.row(parse(uri)).options(parse(uri))


def test_settings_of_fsspec():
    code = """
from runlog.storage import schemes
from runlog.storage.paths import parse
address = parse("s3://bucket/a")
files = schemes.create(schemes.row(address), address, 2**20)
print(files.endpoint_url, files.key)
"""
    given = {"FSSPEC_S3_ENDPOINT_URL": "http://here", "FSSPEC_S3_KEY": "mine"}
    program = [sys.executable, "-c", code]
    assert check_output(program, env={**os.environ, **given}, text=True) == "http://here mine\n"


@pytest.mark.parametrize("prefix", ["RUNLOG_", "MLFLOW_"])
def test_settings_of_s3(monkeypatch, prefix):
    monkeypatch.setenv(f"{prefix}S3_ENDPOINT_URL", "http://here")
    monkeypatch.setenv(f"{prefix}S3_IGNORE_TLS", "true")
    monkeypatch.setenv(f"{prefix}S3_UPLOAD_EXTRA_ARGS", json.dumps({"ACL": "private"}))
    monkeypatch.setenv(f"{prefix}BOTO_CLIENT_ADDRESSING_STYLE", "path")
    found = options("s3://bucket/a")
    assert found["endpoint_url"] == "http://here"
    assert found["client_kwargs"] == {"verify": False}
    assert found["s3_additional_kwargs"] == {"ACL": "private"}
    assert found["config_kwargs"]["s3"] == {"addressing_style": "path"}


@pytest.mark.parametrize("text", ["no JSON", "[1]"])
def test_settings_that_make_no_sense(monkeypatch, text):
    monkeypatch.setenv("RUNLOG_S3_UPLOAD_EXTRA_ARGS", text)
    with pytest.raises(InvalidParameter, match="RUNLOG_S3_UPLOAD_EXTRA_ARGS"):
        options("s3://bucket/a")
    monkeypatch.setenv("RUNLOG_ARTIFACT_MEMORY", text)
    with pytest.raises(InvalidParameter, match="RUNLOG_ARTIFACT_MEMORY"):
        ArtifactRepo("memory://a")


@pytest.mark.parametrize(
    "uri, account, host, root",
    [
        ("wasbs://c@acc.blob.core.windows.net/p", "acc", "acc.blob.core.windows.net", "c/p"),
        ("abfss://c@acc.dfs.core.windows.net/p/", "acc", "acc.blob.core.windows.net", "c/p"),
        ("wasb://c@acc.blob.core.chinacloudapi.cn", "acc", "acc.blob.core.chinacloudapi.cn", "c"),
        ("abfs://c@a.dfs.core.usgovcloudapi.net/p", "a", "a.blob.core.usgovcloudapi.net", "c/p"),
        ("az://c/p", None, None, "c/p"),
    ],
)
def test_accounts_of_azure(monkeypatch, uri, account, host, root):
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", "key")
    found = options(uri)
    assert (found.get("account_name"), found.get("account_host")) == (account, host)
    assert found["account_key"] == "key"
    assert schemes.AZURE.root(parse(uri)) == root
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "it=wins")
    assert options(uri)["connection_string"] == "it=wins"
    assert "account_key" not in options(uri)


def test_another_cloud_of_azure_is_really_addressed(monkeypatch):
    pytest.importorskip("adlfs")
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", "a2V5")
    address = parse("wasbs://c@acc.blob.core.chinacloudapi.cn/p")
    files = schemes.create(schemes.AZURE, address, 32 << 20)
    assert files.service_client.url == "https://acc.blob.core.chinacloudapi.cn/"
    assert files.service_client._config.max_block_size == 8 << 20


def test_the_key_of_a_host_is_checked(server, monkeypatch, tmp_path):
    running = server("sshd")
    monkeypatch.setenv("HOME", running.env["HOME"])
    ArtifactRepo(running.alias_uri).write("alias", b"x")  # as ~/.ssh/config says
    (tmp_path / ".ssh").mkdir()
    for name in ("id_ed25519", "config"):
        content = (running.folder / "home" / ".ssh" / name).read_bytes()
        (tmp_path / ".ssh" / name).write_bytes(content)
        (tmp_path / ".ssh" / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNLOG_ARTIFACT_MEMORY", "100")  # so that no open connection serves
    with pytest.raises(RunlogError, match="[Hh]ost key"):
        ArtifactRepo(running.uri).write("a", b"x")


def test_the_certificate_of_a_host_is_checked(server, monkeypatch):
    running = server("vsftpd_tls")
    monkeypatch.setenv("RUNLOG_ARTIFACT_MEMORY", "101")
    with pytest.raises(RunlogError, match="(?i)certificate"):
        ArtifactRepo(running.uri).write("a", b"x")


def test_settings_of_fsspec_hold():
    from fsspec.config import apply_config

    config = {"ftp": {"password": "theirs", "timeout": 5}}
    cls = schemes.FTP.file_system()
    assert apply_config(cls, {"timeout": 60}, config) == {"password": "theirs", "timeout": 60}
