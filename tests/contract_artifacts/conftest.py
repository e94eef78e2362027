"""The places that the suite runs over, and what each of them cannot do."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.store import open_store

WRITABLE = [
    "local",
    "memory",
    "sqlar",
    "seaweedfs",
    "moto",
    "azurite",
    "fake_gcs",
    "sshd",
    "vsftpd",
    "vsftpd_tls",
    "webdav",
    "dbfs",
]
OBJECTS = {
    "sqlar",
    "seaweedfs",
    "moto",
    "azurite",
    "fake_gcs",
}  # no directories but those of their files


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What aiohttp has to say to gcsfs and adlfs, which send bytes.
    quiet = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(quiet)
            item.add_marker(pytest.mark.usefixtures("own_temporary_files"))


@pytest.fixture(params=WRITABLE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(kind, server, monkeypatch, tmp_path) -> str:
    """A URI under which nothing is yet, with the environment that leads there."""
    below = f"run {uuid4().hex}"
    if kind == "local":
        return str(tmp_path / below)
    if kind == "memory":
        return f"memory://{below}"
    if kind == "sqlar":
        open_store(str(tmp_path / "runlog.db")).close()
        return f"sqlar://{tmp_path}/runlog.db/{below}"
    running = server(kind)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return f"{running.uri}/{below}"


@pytest.fixture
def repo(root) -> ArtifactRepo:
    return ArtifactRepo(root)


class Digests:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, str]] = {}

    def recorded(self, paths):
        return {path: self.kept[path] for path in paths if path in self.kept}

    def record(self, digests):
        self.kept.update({path: (size, digest) for path, size, digest in digests})

    def forget(self, path):
        for each in [*self.kept]:
            if path in ("", each) or each.startswith(f"{path}/"):
                del self.kept[each]


@pytest.fixture
def ledger() -> Digests:
    return Digests()


@pytest.fixture
def tree(tmp_path):
    """A directory of directories, some of them with unusual names."""
    top = tmp_path / "tree"
    for name in ["a.txt", "b/c d.txt", "b/100%/e#f.txt", "b/100%/g+h.txt", "grüße/日本.txt"]:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name, "utf-8")
    return top


def files_in(directory) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(above, name), directory)
        for above, _, names in os.walk(directory)
        for name in names
    )
