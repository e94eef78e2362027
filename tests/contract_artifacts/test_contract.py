"""What holds wherever artifacts are kept."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, NotFound

from .conftest import OBJECTS, files_in

NAMES = [
    "plain.txt", "with space", "100%", "%2e%2e", "a%20b", "a#b", "a+b", "a?b", "a&b=c;d", "a:b",
    "'q\"", "(x)[y]{z}", "*", "~", "-", ".dot", "grüße", "日本", "🎈",
]  # fmt: skip


def test_names_mean_themselves(repo, tmp_path):
    (tmp_path / "in").mkdir()
    for name in NAMES:
        (tmp_path / "in" / name).write_text(name, "utf-8")
    repo.log_artifacts(tmp_path / "in", "d e%f")
    assert {info.path for info in repo.list("d e%f")} == {f"d e%f/{name}" for name in NAMES}
    for name in NAMES:
        assert repo.read(f"d e%f/{name}").decode() == name
    (tmp_path / "out").mkdir()
    repo.download("d e%f", tmp_path / "out")
    assert files_in(tmp_path / "out" / "d e%f") == sorted(NAMES)


def test_a_directory_goes_in_and_comes_out(repo, tree, tmp_path):
    repo.log_artifacts(tree)
    (tmp_path / "out").mkdir()
    assert repo.download("", tmp_path / "out") == str(tmp_path / "out")
    assert files_in(tmp_path / "out") == files_in(tree)
    for name in files_in(tree):
        assert (tmp_path / "out" / name).read_text("utf-8") == name


def test_a_download_without_a_place_is_somewhere(repo):
    repo.write("d/a", b"x")
    assert Path(repo.download("d/a")).read_bytes() == b"x"
    assert Path(repo.download("d"), "a").read_bytes() == b"x"


def test_listing(repo, tree):
    repo.log_artifacts(tree, "x")
    assert repo.list() == [FileInfo("x", True)]
    assert repo.list("x") == [
        FileInfo("x/a.txt", False, 5),
        FileInfo("x/b", True),
        FileInfo("x/grüße", True),
    ]
    assert repo.list("x/b") == [FileInfo("x/b/100%", True), FileInfo("x/b/c d.txt", False, 9)]


@pytest.mark.parametrize("path", ["", "a/below", "a", "missing", "d/missing"])
def test_listing_what_is_no_directory_is_empty(repo, path):
    if path:
        repo.write("a", b"x")
        repo.write("d/b", b"x")
    assert repo.list(path) == []


def test_empty_directories_stay_where_there_are_directories(repo, kind, tmp_path):
    (tmp_path / "in" / "empty").mkdir(parents=True)
    repo.log_artifacts(tmp_path / "in")
    assert repo.list() == ([] if kind in OBJECTS else [FileInfo("empty", True)])


@pytest.mark.parametrize(
    "data, content",
    [
        (b"", b""),
        (bytearray(b"abc"), b"abc"),
        ([b"ab", b"", b"c"], b"abc"),
        ([b"x" * 300_000] * 3, b"x" * 900_000),
    ],
    ids=["empty", "bytes", "chunks", "many"],
)
def test_writing(repo, data, content):
    repo.write("dir/file", data)
    assert repo.read("dir/file") == content
    assert repo.list("dir") == [FileInfo("dir/file", False, len(content))]


def test_writing_again_replaces(repo):
    repo.write("a", b"first, longer")
    repo.write("a", b"second")
    assert repo.read("a") == b"second"
    assert repo.list() == [FileInfo("a", False, 6)]


def test_a_write_that_fails_changes_nothing(repo):
    def chunks():
        yield b"half"
        raise KeyboardInterrupt

    repo.write("a", b"whole")
    for path in ("a", "b"):
        with pytest.raises(KeyboardInterrupt):
            repo.write(path, chunks())
    assert repo.read("a") == b"whole"
    assert repo.list() == [FileInfo("a", False, 5)]


@pytest.mark.parametrize(
    "start, end", [(0, None), (3, 5), (0, 1), (5, 5), (9, 100), (100, 200), (7, None), (10, 10)]
)
def test_reading_a_range(repo, start, end):
    repo.write("a", b"0123456789")
    assert repo.read("a", start, end) == b"0123456789"[start:end]


def test_an_open_file_seeks(repo):
    repo.write("a", bytes(range(256)) * 8000)
    with repo.open("a") as file:
        assert file.read(3) == b"\0\1\2"
        file.seek(-2, 2)
        assert file.read() == b"\xfe\xff"
        file.seek(1_000_000)
        assert file.read(4) == b"@ABC"


@pytest.mark.parametrize("path", ["missing", "d/missing"])
def test_reading_what_is_not_there(repo, path, tmp_path):
    repo.write("d/a", b"x")
    for reading in (repo.open, repo.read, repo.download):
        with pytest.raises(NotFound, match=f"No such artifact: '{path}'") as caught:
            reading(path)
        assert isinstance(caught.value, FileNotFoundError)


def test_a_directory_is_no_file(repo):
    repo.write("d/a", b"x")
    for reading in (repo.open, repo.read):
        with pytest.raises(InvalidParameter, match="Invalid path 'd'"):
            reading("d")


@pytest.mark.parametrize("path", ["b/100%/e#f.txt", "b", "missing", ""])
def test_deleting(repo, tree, tmp_path, path):
    repo.log_artifacts(tree)
    repo.delete(path)
    left = [n for n in files_in(tree) if path and n != path and not n.startswith(path + "/")]
    repo.copy_to(ArtifactRepo(str(tmp_path / "out"))) if left else None
    assert files_in(tmp_path / "out") == left
    assert [info for info in repo.list() if not info.is_dir] == [
        info for info in repo.list() if info.path in left
    ]
    repo.delete(path)


def test_many_files(repo, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for number in range(60):
        (tmp_path / "in" / str(number)).write_text("x" * number)
    repo.log_artifacts(tmp_path / "in", "many")
    repo.download("many", tmp_path / "out")
    assert {int(n): (tmp_path / "out/many" / n).stat().st_size for n in map(str, range(60))} == {
        number: number for number in range(60)
    }


def test_a_bigger_file(repo, tmp_path):
    content = random.Random(1).randbytes(24_000_000)
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "out").mkdir()
    repo.log_artifact(tmp_path / "big")
    assert repo.list() == [FileInfo("big", False, 24_000_000)]
    assert repo.read("big", 12_000_000, 12_000_004) == content[12_000_000:12_000_004]
    repo.download("big", tmp_path / "out")
    assert (tmp_path / "out" / "big").read_bytes() == content


def test_a_callback_hears_of_every_byte(repo, tree):
    from fsspec.callbacks import Callback

    up, down = Callback(), Callback()
    repo.log_artifacts(tree, "d", callback=up)
    total = sum(len(name.encode()) for name in files_in(tree))
    assert (up.size, up.value) == (total, total)
    repo.download("d", tree.parent, callback=down)
    assert (down.size, down.value) == (total, total)


def test_digests_are_recorded_and_forgotten(root, ledger, tree):
    repo = ArtifactRepo(root, ledger=ledger)
    repo.log_artifacts(tree)
    repo.write("bytes", b"abc")
    repo.write("chunks", [b"ab", b"c"])
    abc = (3, hashlib.sha256(b"abc").hexdigest())
    assert ledger.kept["bytes"] == ledger.kept["chunks"] == abc
    assert ledger.kept["a.txt"] == (5, hashlib.sha256(b"a.txt").hexdigest())
    repo.delete("b")
    assert sorted(ledger.kept) == ["a.txt", "bytes", "chunks", "grüße/日本.txt"]


def test_what_is_there_is_not_sent_again(root, ledger, tree, tmp_path):
    from fsspec.callbacks import Callback

    repo = ArtifactRepo(root, ledger=ledger)
    repo.log_artifacts(tree)
    (tree / "a.txt").write_text("A.TXT")
    again = Callback()
    repo.log_artifacts(tree, callback=again)
    assert repo.read("a.txt") == b"A.TXT"
    assert ledger.kept["a.txt"] == (5, hashlib.sha256(b"A.TXT").hexdigest())
    ArtifactRepo(root).delete("b/c d.txt")
    repo.log_artifacts(tree)
    assert repo.read("b/c d.txt") == b"b/c d.txt"


@pytest.mark.parametrize("path", [None, "b", "a.txt"])
def test_copies_between_places(repo, tree, tmp_path, path):
    repo.log_artifacts(tree)
    here = ArtifactRepo(str(tmp_path / "here"))
    repo.copy_to(here, path)
    there = ArtifactRepo(f"memory://{tmp_path.name}")
    here.copy_to(there, path)
    there.copy_to(repo, path)
    wanted = [n for n in files_in(tree) if path is None or n == path or n.startswith(path + "/")]
    assert files_in(tmp_path / "here") == wanted
    for name in wanted:
        assert there.read(name).decode() == repo.read(name).decode() == name


@pytest.mark.parametrize("path", ["../a", "/a", "a\\b", "C:/a", "a\nb", "a//b"])
def test_bad_paths_are_refused(repo, path, tmp_path):
    (tmp_path / "file").write_text("x")
    for call in (
        lambda: repo.write(path, b"x"),
        lambda: repo.log_artifact(tmp_path / "file", path),
        lambda: repo.list(path),
        lambda: repo.read(path),
        lambda: repo.download(path),
        lambda: repo.delete(path),
    ):
        with pytest.raises(InvalidParameter, match="Invalid path"):
            call()
