"""Files inside the database: the format, what is refused, and what others see meanwhile."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from contract.names import ODD_NAMES
from disks import fill, mounted, remount
from processes import check, together
from runlog import RunlogClient
from runlog.artifacts import ArtifactRepo
from runlog.db import archive
from runlog.errors import (
    InvalidParameter,
    NotFound,
    RunlogError,
    StoreFull,
    StoreReadOnly,
    StoreUnusable,
)
from runlog.storage.sqlar import ArchivedFiles, parse
from runlog.store import open_store

BIG = archive.COMPRESSED + 12345


@pytest.fixture
def store(place):
    opened = open_store(str(place / "runlog.db"))
    yield opened
    opened.close()


@pytest.fixture
def db(store):
    return store.db


def put(db, name: str, data: bytes) -> None:
    archive.put(db, name, io.BytesIO(data), len(data))


def got(db, name: str) -> bytes:
    target = io.BytesIO()
    archive.get(db, name, target)
    return target.getvalue()


def sqlite3(*arguments: object) -> list[str]:
    done = subprocess.run(
        ["sqlite3", *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "text": b"hello, world\n" * 1000,
    "noise": os.urandom(5000),
    "zeros": bytes(archive.COMPRESSED),
    "as big as is compressed": os.urandom(1000) * (archive.COMPRESSED // 1000),
    "big text": b"0123456789" * (BIG // 10),
    "big noise": os.urandom(1 << 20) * 5 + b"end",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_what_is_put_is_got_and_sqlite_extracts_the_same(db, place, content):
    put(db, "0/a/artifacts/f", content)
    assert got(db, "0/a/artifacts/f") == content
    assert archive.info(db, "0/a/artifacts/f")[1:3] == (False, len(content))
    put(db, "0/a/artifacts/g", b"another")
    db.close()
    assert sqlite3("runlog.db", "-A", "--list") == ["0/a/artifacts/f", "0/a/artifacts/g"]
    sqlite3("runlog.db", "-A", "--extract", "-C", place / "out")
    assert (place / "out/0/a/artifacts/f").read_bytes() == content
    check(place / "runlog.db")


def test_what_shrinks_is_compressed_and_the_rest_is_kept_as_it_is(db):
    for name, content in CONTENTS.items():
        put(db, name, content)
    rows = db.execute("select name, length(data) < sz from sqlar")
    shrunk = {"text", "zeros", "as big as is compressed"}
    assert {name for name, is_short in rows if is_short} == shrunk


def test_files_that_sqlite_archived_are_read(db, place):
    folder = place / "0/b/artifacts"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/big").write_bytes(CONTENTS["big text"])
    (folder / "é ü.txt").write_text("hello " * 100)
    db.close()
    sqlite3("runlog.db", "-A", "--update", "0")
    files = ArchivedFiles(str(place / "runlog.db"))
    found = {each["name"]: each["type"] for each in files.ls("0/b/artifacts")}
    assert found == {"0/b/artifacts/deep": "directory", "0/b/artifacts/é ü.txt": "file"}
    assert got(db, "0/b/artifacts/deep/big") == CONTENTS["big text"]
    assert got(db, "0/b/artifacts/é ü.txt") == b"hello " * 100
    assert files.info("0/b/artifacts/deep/big")["size"] == len(CONTENTS["big text"])


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if "/" not in name])
def test_odd_names(db, name):
    files = ArchivedFiles(db.path)
    put(db, f"r/{name}/x", b"1")
    put(db, f"r/{name}.", b"22")
    assert got(db, f"r/{name}/x") == b"1"
    found = [(each["name"], each["type"]) for each in files.ls("r")]
    assert sorted(found) == sorted([(f"r/{name}", "directory"), (f"r/{name}.", "file")])
    files.rm(f"r/{name}", recursive=True)
    assert [each.name for each in archive.below(db, "r")] == [f"r/{name}."]


@pytest.mark.parametrize("size", [10, BIG])
def test_the_last_one_put_counts(db, size):
    put(db, "r/f", b"a" * BIG)
    put(db, "r/f", b"b" * size)
    assert got(db, "r/f") == b"b" * size
    assert len(archive.below(db, "r")) == 1


@pytest.mark.parametrize("size", [1, BIG])
@pytest.mark.parametrize(
    "name, error",
    [("r/d", IsADirectoryError), ("r", IsADirectoryError), ("r/d/f/g", NotADirectoryError)],
)
def test_a_name_is_a_file_or_a_directory(db, name, error, size):
    put(db, "r/d/f", b"1")
    with pytest.raises(error, match="r"):
        put(db, name, bytes(size))
    assert [each.name for each in archive.below(db, "r")] == ["r/d/f"]


def test_what_is_not_there(db):
    files = ArchivedFiles(db.path)
    for deed in (files.info, files.ls, files.rm, lambda name: files.open(name, "rb")):
        with pytest.raises(FileNotFoundError, match=r"r/f is not in .*runlog\.db"):
            deed("r/f")
    put(db, "r/f/g", b"1")
    for deed in (files.rm, lambda name: files.open(name, "rb")):
        with pytest.raises(IsADirectoryError, match="r/f"):
            deed("r/f")
    with pytest.raises(NotADirectoryError, match="r/f/g"):
        files.ls("r/f/g")


@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_that_gets_shorter_is_not_kept(db, size):
    with pytest.raises(RunlogError, match=f"r/f.* had {size} bytes .* has {size - 1} now"):
        archive.put(db, "r/f", io.BytesIO(bytes(size - 1)), size)
    assert archive.info(db, "r/f") is None


@pytest.mark.parametrize("size", [100, BIG])
def test_a_file_that_grows_is_kept_as_it_was(db, size):
    archive.put(db, "r/f", io.BytesIO(bytes(size + 1)), size)
    assert archive.info(db, "r/f").size == size


def test_a_file_that_is_too_big_is_refused_before_anything_is_written(store, place):
    limit = store.db.largest_value()
    with open(place / "sparse", "wb") as file:
        file.truncate(limit)
    before = store.db.execute("pragma data_version"), os.stat(store.db.path).st_size
    with pytest.raises(InvalidParameter, match=rf"r/f has {limit} bytes.* at most 99\d+ of a file"):
        ArchivedFiles(store.db.path).put_first(limit, str(place / "sparse"), "r/f")
    assert (store.db.execute("pragma data_version"), os.stat(store.db.path).st_size) == before


@pytest.mark.parametrize(
    "data, said",
    [
        (zlib.compress(b"x" * 50), "does not have the 100 bytes"),
        (zlib.compress(b"x" * 5000), "does not have the 100 bytes"),
        (zlib.compress(bytes(range(100)))[:-5], "does not have the 100 bytes"),
        (b"no such format", "incorrect header"),
        (None, "does not have the 100 bytes"),
    ],
)
def test_a_damaged_row_is_not_taken_for_a_file(db, data, said):
    with db.transaction():
        db.execute("insert into sqlar values ('r/f', 33188, 0, 100, :data)", {"data": data})
    with pytest.raises(StoreUnusable, match=f"r/f.*{said}"):
        got(db, "r/f")


def test_a_stream_is_kept_when_it_ends_well(db):
    files = ArchivedFiles(db.path)
    with files.open("r/f", "wb") as file:
        file.write(b"a" * BIG)
        file.write(b"b")
        assert archive.info(db, "r/f") is None
    assert got(db, "r/f") == b"a" * BIG + b"b"
    with pytest.raises(ZeroDivisionError), files.open("r/f", "wb") as file:
        file.write(b"c")
        1 / 0  # noqa: B018
    assert got(db, "r/f") == b"a" * BIG + b"b"


def test_a_reader_keeps_what_it_opened(db):
    files = ArchivedFiles(db.path)
    put(db, "r/f", b"a" * BIG)
    with files.open("r/f", "rb") as file:
        assert file.read(3) == b"aaa"
        put(db, "r/f", b"b" * BIG)
        files.rm("r/f")
        file.seek(BIG - 2)
        assert file.read() == b"aa"


def test_a_big_file_is_in_the_file_and_not_in_the_log_afterwards(db):
    put(db, "r/f", os.urandom(BIG))
    assert os.stat(db.path).st_size > BIG
    put(db, "r/g", b"1")
    assert os.stat(db.path + "-wal").st_size < 2 * BIG


def test_space_is_used_again(db):
    for _ in range(5):
        put(db, "r/f", os.urandom(BIG))
        archive.remove(db, "r")
    db.close()
    assert os.stat(db.path).st_size < 2 * BIG


# -- others, meanwhile ----------------------------------------------------------------------


class Meanwhile(io.BytesIO):
    """A source in the middle of which something else happens, once."""

    def __init__(self, data: bytes, deed) -> None:
        super().__init__(data)
        self._deed = deed

    def read(self, size=-1):
        if self._deed is not None and self.tell() > 1 << 20:
            deed, self._deed = self._deed, None
            deed()
        return super().read(size)


def test_a_signal_handler_that_logs_in_the_middle(store, db):
    run_id = store.create_run("0").info.run_id
    content = os.urandom(1 << 20) * 6
    source = Meanwhile(content, lambda: store.log_metric(run_id, "m", 1.0, 0, 0))
    archive.put(db, "r/f", source, len(content))
    assert got(db, "r/f") == content
    assert store.get_run(run_id).data.metrics == {"m": 1.0}


def test_ctrl_c_in_the_middle_leaves_what_was_there(db):
    put(db, "r/f", b"before")

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.put(db, "r/f", Meanwhile(bytes(BIG * 2), interrupt), BIG * 2)
    assert got(db, "r/f") == b"before"
    put(db, "r/g", b"after")
    assert got(db, "r/g") == b"after"


def test_readers_see_what_was_there_before_until_it_is_whole(db):
    put(db, "r/f", b"before")
    seen = []
    source = Meanwhile(b"a" * BIG, lambda: together(lambda: seen.append(got(db, "r/f"))))
    archive.put(db, "r/f", source, BIG)
    assert seen == [b"before"]
    assert got(db, "r/f") == b"a" * BIG


@pytest.mark.parametrize("network", ["0", "1"], ids=["wal", "rollback journal"])
def test_many_put_at_once_while_others_log(place, network, monkeypatch):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    store = open_store(str(place / "runlog.db"))
    run_id = store.create_run("0").info.run_id
    contents = {f"r/{n}": os.urandom(1000) * (5000 if n % 3 == 0 else 5) for n in range(9)}

    def log():
        for step in range(50):
            store.log_metric(run_id, "m", 1.0, 0, step)

    together(log, *(lambda item=item: put(store.db, *item) for item in contents.items()))
    assert {name: got(store.db, name) for name in contents} == contents
    assert len(store.get_metric_history(run_id, "m")) == 50
    store.close()
    check(place / "runlog.db")


@pytest.mark.parametrize("size", [2_000_000, BIG])
def test_a_disk_that_is_full(place, size):
    with mounted(place / "disk", "6m") as disk:
        store = open_store(str(disk / "runlog.db"))
        put(store.db, "r/f", b"before")
        ballast = fill(disk, 600_000)
        with pytest.raises(StoreFull, match="no room left on the disk"):
            put(store.db, "r/f", os.urandom(size))
        assert got(store.db, "r/f") == b"before"
        ballast.unlink()
        put(store.db, "r/f", b"after")
        assert got(store.db, "r/f") == b"after"
        store.close()
        check(disk / "runlog.db")


def test_a_file_that_is_read_only_is_read(store, place):
    put(store.db, "r/f", b"x" * BIG)
    store.close()
    with mounted(place / "disk", "20m") as disk:
        shutil.copy(place / "runlog.db", disk)
        remount(disk, "ro")
        repo = ArtifactRepo(f"sqlar://{disk}/runlog.db/r")
        assert repo.read("f") == b"x" * BIG
        with pytest.raises(StoreReadOnly, match="is read-only"):
            repo.write("g", b"y")


def test_a_child_made_by_fork_writes_too(db):
    put(db, "r/parent", b"p" * BIG)
    child = os.fork()
    if child == 0:
        try:
            put(db, "r/child", got(db, "r/parent"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert got(db, "r/child") == b"p" * BIG


# -- experiments ----------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["argument", "RUNLOG_ARTIFACT_ROOT", "MLFLOW_ARTIFACT_ROOT"])
def test_an_experiment_inside_the_database(place, root, monkeypatch):
    if root != "argument":
        monkeypatch.setenv(root, "sqlar:")
    client = RunlogClient(str(place / "runlog.db"))
    number = client.create_experiment("e", "sqlar:" if root == "argument" else None)
    location = f"sqlar://{place}/runlog.db/{number}"
    assert client.get_experiment(number).artifact_location == location
    run = client.create_run(number).info
    assert run.artifact_uri == f"{location}/{run.run_id}/artifacts"
    client.log_text(run.run_id, "text", "a/f.txt")
    client.log_text(run.run_id, "text", "a/f.txt")
    assert Path(client.download_artifacts(run.run_id, "a/f.txt")).read_text() == "text"
    names = [name for (name,) in client.store.db.execute("select name from sqlar")]
    assert names == [f"{number}/{run.run_id}/artifacts/a/f.txt"]
    assert not (place / "artifacts").exists()
    (stored,) = client.store.db.execute("select artifact_uri from runs")
    assert stored == (f"sqlar:{number}/{run.run_id}/artifacts",)
    found = client.search_experiments(filter_string=f"artifact_location = '{location}'")
    assert [each.experiment_id for each in found] == [number]


def test_the_first_experiment_of_a_new_file_follows_the_setting(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_ARTIFACT_ROOT", "sqlar:")
    client = RunlogClient(str(place / "runlog.db"))
    assert client.get_experiment("0").artifact_location == f"sqlar://{place}/runlog.db/0"


@pytest.mark.parametrize("location", ["sqlar:x", "sqlar:///elsewhere/runlog.db/0", "sqlar://x"])
def test_a_location_in_another_database_is_refused(store, location):
    with pytest.raises(InvalidParameter, match="write sqlar: alone"):
        store.create_experiment("e", location)
    assert store.find_experiment("e") is None


# -- addresses ------------------------------------------------------------------------------


def test_an_address_names_database_and_file(place):
    database = place / "a#b %20?c" / "sqlar:x.db"
    database.parent.mkdir()
    database.touch()
    assert parse(f"sqlar://{database}/0/r/artifacts/") == (str(database), "0/r/artifacts")
    assert parse(f"sqlar://{database}") == (str(database), "")
    assert parse(f"sqlar://{database}/a.db/b") == (str(database), "a.db/b")


@pytest.mark.parametrize("uri", ["sqlar:0/r", "sqlar:", "sqlar://host/x.db/0", "s3:///x.db/0"])
def test_an_address_that_is_none(uri):
    with pytest.raises(InvalidParameter, match="no address in a database"):
        parse(uri)


def test_no_database_is_made_by_looking_into_it(place):
    with pytest.raises(NotFound, match=r"missing\.db"):
        parse(f"sqlar://{place}/missing.db/0/r")
    assert not [*place.iterdir()]


def test_another_database_is_left_alone(place):
    subprocess.run(["sqlite3", "other.db", "create table sqlar(name)"], check=True)
    with pytest.raises(StoreUnusable, match="another program's"):
        ArchivedFiles(str(Path("other.db"))).info("x")
