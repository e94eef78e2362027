"""What web servers offer can be read."""

from __future__ import annotations

import pytest

from runlog import artifacts
from runlog.artifacts import ArtifactRepo
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, NotFound

from .conftest import files_in

NAMES = ["a.txt", "d/with space & <more>", "d/100%", "d/a#b", "d/a?b", "d/e/grüße", "d/a+b"]


@pytest.fixture
def web(server):
    running = server("http")
    for name in NAMES:
        path = running.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return running.uri


def test_reading(web):
    repo = ArtifactRepo(web)
    for name in NAMES:
        assert repo.read(name).decode() == name
    assert repo.read("a.txt", 1, 3) == b".t"
    with repo.open("a.txt") as file:
        file.seek(2)
        assert file.read() == b"txt"


def test_listing(web):
    repo = ArtifactRepo(web)
    assert repo.list("d/e") == [FileInfo("d/e/grüße", False)]
    assert {info.path for info in repo.list("d")} == {
        "d/with space & <more>", "d/100%", "d/a#b", "d/a?b", "d/e", "d/a+b",
    }  # fmt: skip
    assert repo.list("a.txt") == repo.list("missing") == []


def test_downloading(web, tmp_path):
    ArtifactRepo(web).download("d", tmp_path)
    assert files_in(tmp_path / "d") == sorted(n.removeprefix("d/") for n in NAMES if "d/" in n)
    path = artifacts.download_artifacts(f"{web}/d/100%25", dst_path=tmp_path / "one")
    assert path == str(tmp_path / "one" / "100%")
    assert artifacts.load_text(f"{web}/a.txt") == "a.txt"


def test_what_is_not_there(web):
    with pytest.raises(NotFound, match="No such artifact: 'missing'"):
        ArtifactRepo(web).read("missing")


def test_writing_is_refused(web):
    for call in (lambda r: r.write("a", b"x"), lambda r: r.delete("a.txt")):
        with pytest.raises(InvalidParameter, match="can only be read"):
            call(ArtifactRepo(web))
