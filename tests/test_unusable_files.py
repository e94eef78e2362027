"""Files that are no store of ours, a damaged or a newer one: that is said, the file untouched."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import apsw
import pytest

import runlog
from processes import digests
from runlog.errors import InvalidParameter, StoreBusy, StoreError, StoreReadOnly, StoreUnusable
from runlog.store import open_store


def ours(path: Path) -> None:
    """A store with something in it."""
    store = open_store(str(path))
    for _ in range(30):
        run = store.create_run("0", tags={"note": "x" * 500})
        store.log(run.info.run_id, [("loss", step / 3, 1, step) for step in range(20)])
    store.close()


def sqlite(path: Path, *statements: str, left: str = "") -> None:
    """Runs statements on a file; `left` keeps its -wal file, as a killed writer does, and names
    what else is kept."""
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement).fetchall()
    kept = [f"{path}-{suffix}" for suffix in left.split()]
    for file in kept:
        shutil.copy(file, file + ".kept")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, bool(left))
    connection.close()
    for suffix in ("wal", "shm") if left else ():
        Path(f"{path}-{suffix}").unlink(missing_ok=True)
    for file in kept:
        os.rename(file + ".kept", file)


def change(path: Path, at: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def text(path: Path) -> None:
    path.write_text("step,loss\n1,0.5\n")


def noise(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(10_000))


def another_program(path: Path) -> None:
    sqlite(path, "create table t (a)", "insert into t values (1)")


def another_program_with_wal(path: Path) -> None:
    sqlite(path, "pragma journal_mode = wal", "create table t (a)")


def another_program_in_use(path: Path, left: str = "wal shm") -> None:
    """All of its tables are in the -wal file still."""
    sqlite(path, "pragma journal_mode = wal", "create table t (a)", left=left)


def another_program_moved(path: Path) -> None:
    another_program_in_use(path, left="wal")


def another_program_empty(path: Path) -> None:
    sqlite(path, "pragma application_id = 77", "create table t (a)", "drop table t")


def mlflows(path: Path) -> None:
    names = "alembic_version experiments runs metrics latest_metrics params tags".split()
    sqlite(path, *(f"create table {name} (id integer)" for name in names))


def cut_in_half(path: Path) -> None:
    ours(path)
    os.truncate(path, path.stat().st_size // 2)


def cut_by_one_page(path: Path) -> None:
    ours(path)
    os.truncate(path, path.stat().st_size - 4096)


def cut_to_a_stump(path: Path) -> None:
    ours(path)
    os.truncate(path, 50)


def flipped_magic(path: Path) -> None:
    ours(path)
    change(path, 3, b"\xff")


def flipped_page_size(path: Path) -> None:
    ours(path)
    change(path, 16, b"\x07\x77")


def flipped_schema(path: Path) -> None:
    ours(path)
    change(path, 100, b"\xff" * 40)


def flipped_statement(path: Path) -> None:
    ours(path)
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE run ", b"CREATE TABEL run "))


def newer(path: Path) -> None:
    ours(path)
    sqlite(path, "pragma user_version = 1000")


def newer_in_use(path: Path, left: str = "wal shm") -> None:
    ours(path)
    sqlite(path, "pragma user_version = 1000", left=left)


def newer_moved(path: Path) -> None:
    newer_in_use(path, left="wal")


UNUSABLE = [
    (text, "not a runlog database"),
    (noise, "not a runlog database"),
    (another_program, "another program's"),
    (another_program_with_wal, "another program's"),
    (another_program_in_use, "another program's"),
    (another_program_moved, "another program's"),
    (another_program_empty, "another program's"),
    (mlflows, "MLflow's own database"),
    (cut_in_half, "truncated"),
    (cut_by_one_page, r"truncated: it has \d+ bytes of \d+"),
    (cut_to_a_stump, "damaged"),
    (flipped_magic, "damaged"),
    (flipped_page_size, "damaged"),
    (flipped_schema, "damaged"),
    (flipped_statement, "damaged"),
    (newer, "newer runlog.*schema 1000.*pip install"),
    (newer_in_use, "newer runlog"),
    (newer_moved, "newer runlog"),
]


@pytest.mark.parametrize("make, cause", UNUSABLE, ids=lambda each: getattr(each, "__name__", ""))
def test_a_file_that_cannot_be_used_is_named_and_left_untouched(make, cause, place):
    path = place / "file.db"
    make(path)
    before = digests(place)
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=cause) as caught:
            open_store(str(path))
        assert str(path) in caught.value.message
        assert digests(place) == before


def test_a_log_call_says_it_too(place):
    text(place / "runlog.db")
    with pytest.raises(runlog.MlflowException, match="runlog.db is not a runlog database"):
        runlog.log_metric("loss", 1)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_are_an_error_of_ours_or_harmless(seed, place):
    """SQLite keeps no checksums: what is flipped in a value may come back as another value."""
    path, dice = place / "file.db", random.Random(seed)
    source = place.parent / "store-to-flip.db"
    if not source.exists():
        ours(source)
    shutil.copy(source, path)
    for _ in range(dice.choice([1, 20, 300])):
        change(path, dice.randrange(100, path.stat().st_size), dice.randbytes(1))
    try:
        store = open_store(str(path))
        for run in store.search_runs(["0"], "metrics.loss > 1", order_by=["tags.note"]):
            store.get_metric_history(run.info.run_id, "loss")
            store.log(run.info.run_id, [("loss", 1.0, 1, 1)], [("p", 1)], [("note", "y")])
    except StoreError as error:
        assert str(path) in error.message
    except InvalidParameter as error:  # a run's id is not the one it was
        assert "run" in error.message


def test_a_directory(place):
    (place / "folder").mkdir()
    with pytest.raises(StoreUnusable, match="folder is a directory: name a file in it"):
        open_store(f"sqlite:///{place}/folder")
    assert digests(place) == {}


def test_neither_a_pipe_nor_a_device_is_opened(place):
    os.mkfifo(place / "pipe.db")
    (place / "null.db").symlink_to("/dev/null")
    for name in ("pipe.db", "null.db"):
        with pytest.raises(StoreUnusable, match=f"{name} is not a regular file"):
            open_store(str(place / name))


def test_a_file_where_a_directory_should_be(place):
    text(place / "file")
    with pytest.raises(StoreError, match="file/deep/x.db.*directory"):
        open_store(str(place / "file" / "deep" / "x.db"))
    with pytest.raises(StoreError, match="file/x.db.*directory"):
        open_store(str(place / "file" / "x.db"))


def test_a_name_that_is_not_utf_8(place):
    with pytest.raises(StoreError, match="UTF-8"):
        open_store(os.fsdecode(bytes(place) + b"/caf\xe9.db"))


@pytest.mark.parametrize("name", ["a b.db", "é?#%25.db", "x.db?mode=memory", "-wal", "no suffix"])
def test_any_other_name_will_do(name, place):
    store = open_store(f"sqlite:///{place}/missing/{name}")
    run = store.create_run("0")
    store.close()
    assert store.get_run(run.info.run_id).info.status == "RUNNING"
    store.close()
    assert list(digests(place)) == [f"missing/{name}"]


def test_an_empty_file_becomes_a_store(place):
    (place / "file.db").touch()
    open_store(str(place / "file.db")).close()
    assert runlog.RunlogClient(str(place / "file.db")).get_experiment("0").name == "Default"


@pytest.mark.parametrize(
    "setting, value, said",
    [
        ("BUSY_TIMEOUT", "soon", "RUNLOG_BUSY_TIMEOUT must be a number from 0 on, not 'soon'"),
        ("SYNCHRONOUS", "off", "RUNLOG_SYNCHRONOUS is 'off': use normal, full or extra"),
    ],
)
def test_settings_that_make_no_sense(setting, value, said, place, monkeypatch):
    monkeypatch.setenv(f"RUNLOG_{setting}", value)
    with pytest.raises(InvalidParameter, match=said):
        open_store(str(place / "file.db"))


# -- locked ---------------------------------------------------------------------------------


@pytest.fixture
def locked(place, monkeypatch):
    """A store whose file somebody else is writing to, without an end."""
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "0.3")
    ours(place / "file.db")
    other = apsw.Connection(str(place / "file.db"))
    other.execute("begin immediate")
    yield other
    other.close()


def test_a_locked_file_is_waited_for_and_not_for_ever(locked, place):
    store = open_store(str(place / "file.db"))
    run_id = store.search_runs(["0"], max_results=1)[0].info.run_id
    started = time.monotonic()
    for deed in (
        lambda: store.log(run_id, [("loss", 1.0, 1, 99)]),
        lambda: store.log_metric(run_id, "loss", 1.0, 1, 99),
        lambda: store.create_experiment("more"),
    ):
        with pytest.raises(
            StoreBusy, match=r"file\.db stayed locked .* 0\.3 s.*RUNLOG_BUSY_TIMEOUT"
        ):
            deed()
    assert time.monotonic() - started > 0.9
    locked.execute("rollback")
    store.log(run_id, [("loss", 1.0, 1, 99)])
    assert store.get_run(run_id).data.metrics["loss"] == 1.0
    store.close()


def test_a_file_that_is_locked_to_readers_too(place, monkeypatch):
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "0.3")
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", "1")
    ours(place / "file.db")
    other = apsw.Connection(str(place / "file.db"))
    other.execute("begin exclusive")
    before = digests(place)
    with pytest.raises(StoreBusy, match=r"file\.db stayed locked"):
        open_store(str(place / "file.db"))
    assert digests(place) == before
    other.close()


def test_the_wait_ends_when_the_lock_does(locked, place, monkeypatch):
    import threading

    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "30")
    store = open_store(str(place / "file.db"))
    run_id = store.search_runs(["0"], max_results=1)[0].info.run_id
    release = threading.Timer(0.3, locked.execute, ("rollback",))
    release.start()
    store.log_metric(run_id, "loss", 7.0, 1, 99)
    release.join()
    assert store.get_run(run_id).data.metrics["loss"] == 7.0
    store.close()


def test_missing_directories_are_made(place):
    open_store(str(place / "a" / "b" / "x.db")).close()
    assert list(digests(place)) == ["a/b/x.db"]


def test_a_directory_that_cannot_be_made(place):
    with pytest.raises(StoreReadOnly, match="/proc/runlog/x.db.*cannot be made"):
        open_store("/proc/runlog/x.db")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_a_file_system_without_blocks_is_not_full():
    with pytest.raises(StoreUnusable, match=r"^cannot open /proc/x.db: "):
        open_store("/proc/x.db").create_run("0")
