"""Files that somebody writes to while they are logged: logs of a training, most of all."""

from __future__ import annotations

import os
import threading
from hashlib import sha256

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.errors import RunlogError

from .conftest import Digests

SIZES = [1_000, 3_000_000]  # read at once, and not


def content(size: int) -> bytes:
    """So many bytes, of which each part tells where it is."""
    lines = b"".join(b"%011d\n" % number for number in range(size // 12 + 1))
    return lines[:size]


class Meanwhile(Digests):
    """A ledger that lets something happen between the opening of files and their way."""

    def __init__(self, happens):
        super().__init__()
        self.happens = happens

    def recorded(self, paths):
        self.happens()
        return super().recorded(paths)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_logged_as_long_as_it_was_when_it_was_opened(root, tmp_path, size):
    file, whole = tmp_path / "train.log", content(2 * size)
    file.write_bytes(whole[:size])

    def grow():
        with file.open("ab") as more:
            more.write(whole[size:])

    ledger = Meanwhile(grow)
    repo = ArtifactRepo(root, ledger=ledger)
    repo.log_artifact(file)
    assert repo.read("train.log") == whole[:size]
    assert ledger.kept == {"train.log": (size, sha256(whole[:size]).hexdigest())}


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_gets_shorter_is_not_logged(root, tmp_path, size):
    file = tmp_path / "train.log"
    file.write_bytes(content(size))
    ledger = Meanwhile(lambda: os.truncate(file, size // 2))
    repo = ArtifactRepo(root, ledger=ledger)
    with pytest.raises(RunlogError, match=f"had {size} bytes .* has {size // 2} now"):
        repo.log_artifact(file)
    assert repo.list() == [] and ledger.kept == {}
    assert not [name for name in os.listdir(tmp_path) if name.startswith("runlog-")]


def test_a_file_grows_all_the_time(repo, ledger, root, tmp_path):
    file, whole = tmp_path / "train.log", content(40_000_000)
    file.write_bytes(whole[:2_000_000])
    ends = threading.Event()

    def write():
        with file.open("ab", buffering=0) as more:
            for at in range(2_000_000, len(whole), 5_000):
                if ends.is_set():
                    break
                more.write(whole[at : at + 5_000])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        repo = ArtifactRepo(root, ledger=ledger)
        for number in range(3):
            least = file.stat().st_size
            repo.log_artifact(file, str(number))
            size, digest = ledger.kept[f"{number}/train.log"]
            assert least <= size <= file.stat().st_size
            assert digest == sha256(whole[:size]).hexdigest()
            assert repo.read(f"{number}/train.log") == whole[:size]
    finally:
        ends.set()
        writer.join()


def test_a_file_that_is_written_anew_is_one_or_the_other(root, tmp_path):
    file, size = tmp_path / "f", 3_000_000
    file.write_bytes(b"a" * size)
    os.utime(file, (1, 1))
    ledger = Meanwhile(lambda: file.write_bytes(b"b" * size))
    repo = ArtifactRepo(root, ledger=ledger)
    repo.log_artifact(file)
    assert repo.read("f") == b"b" * size
    assert ledger.kept == {"f": (size, sha256(b"b" * size).hexdigest())}
