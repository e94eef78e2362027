"""Servers that die, stop answering, or hold what they should not."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from fsspec.callbacks import Callback

from runlog.artifacts import ArtifactRepo
from runlog.entities import FileInfo
from runlog.errors import RunlogError
from runlog.storage.transfer import Transfer

from .conftest import files_in

KEEPING = ["seaweedfs", "azurite", "fake_gcs", "sshd", "vsftpd", "vsftpd_tls", "webdav"]
LIMIT = 3  # seconds without progress, as RUNLOG_ARTIFACT_TIMEOUT
ENOUGH = 60  # where nothing is to be given up


@pytest.fixture
def under_way(monkeypatch):
    """under_way(act) is a callback that does something when the first bytes have been transferred.
    Until that is done, no others are: the file need not be big for the server to die in it."""
    done = threading.Event()
    update = Transfer.absolute_update

    class OnceUnderWay(Callback):
        def __init__(self, act):
            super().__init__()
            self.act = act
            monkeypatch.setattr(Transfer, "absolute_update", update_and_wait)

        def relative_update(self, inc=1):
            if not done.is_set():
                try:
                    self.act()
                finally:
                    done.set()

    def update_and_wait(transfer, value):
        update(transfer, value)
        if value:
            done.wait(ENOUGH)

    return OnceUnderWay


@pytest.fixture
def big(tmp_path, monkeypatch):
    """A file of several parts, more than the buffers between us and a server hold."""
    monkeypatch.setenv("RUNLOG_ARTIFACT_MEMORY", "20")
    with open(tmp_path / "big", "wb") as file:
        file.truncate(32 << 20)
    return tmp_path / "big"


@pytest.fixture(params=KEEPING)
def kind(request):
    return request.param


def settle(kind: str) -> None:
    """Wait for what the emulator keeps in memory: it writes that down every five seconds."""
    time.sleep(6 if kind == "azurite" else 0)


@pytest.fixture
def killed(kind, server, monkeypatch):
    """A server that may be killed."""
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(LIMIT))
    running = server(kind)
    yield running
    if running.process is None:
        running.restart()


@pytest.fixture
def revive(killed, monkeypatch):
    def start_again():
        killed.restart()
        monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(ENOUGH))

    return start_again


def test_a_server_killed_during_an_upload(kind, killed, revive, root, big, under_way):
    repo = ArtifactRepo(root)
    repo.write("d/big", b"old")
    settle(kind)
    with pytest.raises(RunlogError, match="'d/big'"):
        repo.log_artifact(big, "d", callback=under_way(killed.kill))
    revive()
    assert repo.read("d/big") == b"old"
    assert repo.list("d") == [FileInfo("d/big", False, 3)]
    repo.write("d/big", b"new")
    assert ArtifactRepo(root).read("d/big") == b"new"


@pytest.mark.parametrize(
    "kind", ["seaweedfs", "fake_gcs", "sshd", "vsftpd", "webdav"], indirect=True
)
def test_a_server_that_comes_back_during_an_upload(killed, root, big, monkeypatch, under_way):
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(ENOUGH))
    repo = ArtifactRepo(root)
    repo.log_artifact(big, "d", callback=under_way(killed.restart))
    assert repo.list("d") == [FileInfo("d/big", False, big.stat().st_size)]


def test_a_server_killed_during_a_download(
    kind, killed, revive, root, big, tmp_path, monkeypatch, under_way
):
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(ENOUGH))
    ArtifactRepo(root).log_artifact(big)
    settle(kind)
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(LIMIT))
    repo = ArtifactRepo(root)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "big").write_bytes(b"old")
    with pytest.raises(RunlogError, match="'big'"):
        repo.download("big", tmp_path / "out", callback=under_way(killed.kill))
    assert files_in(tmp_path / "out") == ["big"]
    assert (tmp_path / "out" / "big").read_bytes() == b"old"
    revive()
    assert Path(repo.download("big", tmp_path / "out")).stat().st_size == big.stat().st_size


def test_a_server_that_is_not_there(kind, killed, revive, root):
    repo = ArtifactRepo(root)
    repo.write("a", b"x")
    settle(kind)
    killed.kill()
    for call in (repo.list, lambda: repo.read("a"), lambda: repo.write("b", b"x")):
        with pytest.raises(RunlogError, match="cannot|no progress"):
            call()
    revive()
    assert repo.list() == [FileInfo("a", False, 1)]


@pytest.mark.parametrize("kind", ["seaweedfs", "sshd", "vsftpd"], indirect=True)
def test_an_interrupted_upload_leaves_nothing(killed, root, big, under_way):
    def interrupt():
        raise KeyboardInterrupt

    repo = ArtifactRepo(root)
    with pytest.raises(KeyboardInterrupt):
        repo.log_artifact(big, "d", callback=under_way(interrupt))
    left = repo._root.files.ls(repo._root.at("d")) if repo._root.moves else repo.list("d")
    assert left == []


@pytest.mark.parametrize("kind", ["seaweedfs"], indirect=True)
def test_parts_of_an_interrupted_upload_are_given_up(killed, root, big, under_way):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ArtifactRepo(root).log_artifact(big, callback=under_way(interrupt))
    _, _, bucket, key = root.split("/", 3)
    open_ones = killed.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [upload for upload in open_ones if upload["Key"].startswith(key)] == []


@pytest.mark.parametrize("kind", ["seaweedfs"], indirect=True)
@pytest.mark.parametrize("size", [32 << 20, 33 << 20, 10])
def test_a_file_that_is_replaced_while_it_comes_down_is_no_mixture(
    killed, root, big, tmp_path, monkeypatch, under_way, size
):
    def replace():
        _, _, bucket, key = root.split("/", 3)
        killed.client().put_object(Bucket=bucket, Key=f"{key}/big", Body=b"n" * size)

    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", str(ENOUGH))
    ArtifactRepo(root).log_artifact(big)
    (tmp_path / "out").mkdir()
    ArtifactRepo(root).download("big", tmp_path / "out", callback=under_way(replace))
    assert (tmp_path / "out" / "big").read_bytes() == b"n" * size


@pytest.mark.parametrize("kind", ["moto"], indirect=True)
def test_names_in_a_bucket_that_lead_out_of_a_directory(kind, server, root, tmp_path):
    repo = ArtifactRepo(root)
    repo.write("d/good", b"x")
    _, _, bucket, key = root.split("/", 3)
    for name in ("../out", "a/../../out", "a\\..\\out", "a//b", "a/./b"):
        server("moto").client().put_object(Bucket=bucket, Key=f"{key}/d/{name}", Body=b"evil")
    (tmp_path / "dst").mkdir()
    repo.download("d", tmp_path / "dst")
    assert files_in(tmp_path) == ["dst/d/good"]
    assert [info.path for info in repo.list("d") if not info.is_dir] == ["d/good"]


@pytest.mark.parametrize("kind", ["seaweedfs", "sshd", "vsftpd", "webdav"], indirect=True)
def test_a_fork_opens_its_own_connections(kind, server, root):
    repo = ArtifactRepo(root)
    repo.write("parent", b"x")
    child = os.fork()
    if child == 0:
        try:
            repo.write("child", repo.read("parent"))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    repo.write("parent", repo.read("child") * 2)
    assert repo.list() == [FileInfo("child", False, 1), FileInfo("parent", False, 2)]
