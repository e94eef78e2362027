"""Looking after the file of a store."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import runlog
from processes import check
from runlog.db import maintenance, snapshots
from runlog.db.migrations import VERSION
from runlog.db.sqlite import Database
from runlog.errors import AlreadyExists, InvalidParameter, RunlogError, StoreUnusable


@pytest.fixture
def database(place: Path) -> Iterator[Database]:
    """A store with two runs of three metrics, all merged."""
    for name in ("first", "second"):
        with runlog.start_run(run_name=name):
            runlog.log_params({"rate": 0.1, "text": "x" * 3000})
            for step in range(300):
                runlog.log_metrics({"loss": 1 / (step + 1), "acc": step, "lr": 0.1}, step=step)
    runlog.RunlogClient().store.close()
    database = Database("runlog.db")
    yield database
    database.close()


def change(*statements: str) -> None:
    """What runlog never does: writes that ignore its rules."""
    connection = apsw.Connection("runlog.db")
    for statement in statements:
        connection.execute(statement)
    connection.close()


# -- check ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement, said",
    [
        ("delete from run where name = 'first'", "refers to a run that does not exist"),
        ("insert into point values (99, 0, 0, 1.0)", "1 points in point belong to no metric"),
        ("insert into recent values (99, 0, 0, 1.0)", "1 points in recent belong to no metric"),
        ("update metric set count = 1 where id = 1", "300 points, its summary says 1"),
    ],
)
def test_check_finds_what_does_not_fit_together(database, statement, said):
    assert maintenance.check("runlog.db") == []
    change(statement)
    assert said in "\n".join(maintenance.check("runlog.db"))


@pytest.mark.parametrize(
    "statement, said",
    [
        (
            "create trigger spy after insert on run begin delete from tag; end",
            "has the trigger 'spy', which runlog did not make",
        ),
        ("drop view metrics", "the view metrics is missing"),
        ("drop index run_by_start", "the index run_by_start is missing"),
        ("alter table tag add column more", "the table tag is not as runlog makes it: CREATE"),
    ],
)
def test_check_compares_the_schema(database, statement, said):
    change("create view mine as select 1", "create table theirs (a)")
    assert maintenance.check("runlog.db") == []
    change(statement)
    assert said in "\n".join(maintenance.check("runlog.db", quick=True))


def test_a_trigger_that_somebody_put_in_never_runs(database):
    """In a file that was received, it could make its author an administrator."""
    change("create trigger spy after insert on param begin delete from tag; end")
    with pytest.raises(StoreUnusable, match="trigger 'spy', which runlog did not make"):
        runlog.log_param("a", 1)
    assert runlog.active_run() is None
    change("drop trigger spy")
    with runlog.start_run():
        runlog.log_param("a", 1)


def test_the_schema_of_a_file_is_not_trusted(database):
    """Its views may not call functions that do more than calculate, nor SQL damage the file."""
    with database.transaction(), pytest.raises(RunlogError):
        database.execute("pragma writable_schema = 1")
        database.execute("delete from sqlite_schema")
    change("create view danger as select load_extension('evil')")
    with database.reading() as fetch, pytest.raises(RunlogError, match="unsafe use|not authorized"):
        fetch("select * from danger")


def test_check_finds_damage(database):
    content = bytearray(Path("runlog.db").read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = bytes(64)
    Path("damaged.db").write_bytes(content)
    before = Path("damaged.db").read_bytes()
    assert maintenance.check("damaged.db") and maintenance.check("damaged.db", quick=True)
    assert Path("damaged.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"\0" * 4096])
def test_check_says_that_a_file_is_no_database(place, content):
    Path("x.db").write_bytes(content)
    (said,) = maintenance.check("x.db")
    assert "x.db" in said


# -- backup ---------------------------------------------------------------------------------


def test_a_backup_ends_while_somebody_writes(database):
    """And it is the database of one moment, though every step of it is overtaken by a commit."""
    client, done = runlog.RunlogClient(), threading.Event()
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "loss", 0.5)  # the writer may not come to it before the copy begins

    def write() -> None:
        step = 0
        while not done.is_set():
            client.log_metric(run_id, "loss", 0.5, step=(step := step + 1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        size = maintenance.backup(database, "copy.db", progress=lambda done, total: None)
    finally:
        done.set()
        writer.join()
    assert size == os.path.getsize("copy.db")
    check("copy.db")
    assert runlog.RunlogClient("copy.db").get_run(run_id).data.metrics["loss"] == 0.5


def test_a_backup_shows_its_progress(database, monkeypatch):
    monkeypatch.setattr(snapshots, "_PAGES_A_STEP", 5)
    seen: list[tuple[int, int]] = []
    maintenance.backup(database, "copy.db", progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 3 and seen == sorted(seen) and seen[-1][0] == seen[-1][1]


def test_a_backup_replaces_nothing_unasked(database):
    Path("copy.db").write_text("mine")
    with pytest.raises(AlreadyExists, match="--overwrite"):
        maintenance.backup(database, "copy.db")
    assert Path("copy.db").read_text() == "mine"
    maintenance.backup(database, "copy.db", overwrite=True)
    check("copy.db")


@pytest.mark.parametrize(
    "target, said",
    [
        ("runlog.db", "the database itself"),
        ("./runlog.db", "the database itself"),
        ("missing/copy.db", "no directory"),
        ("used.db", "in use"),
    ],
)
def test_a_backup_refuses_a_target_that_cannot_be(database, target, said):
    Path("used.db").write_text("")
    Path("used.db-wal").write_text("")
    with pytest.raises(InvalidParameter, match=said):
        maintenance.backup(database, target, overwrite=True)


def test_a_backup_that_fails_leaves_nothing(database):
    def fail(done: int, total: int) -> None:
        raise RunlogError("enough")

    before = {*os.listdir()}
    with pytest.raises(RunlogError, match="enough"):
        maintenance.backup(database, "copy.db", progress=fail)
    assert {*os.listdir()} - before <= {"runlog.db-wal", "runlog.db-shm"}


# -- space, versions ------------------------------------------------------------------------


def test_vacuum_gives_space_back(database):
    store = runlog.RunlogClient().store
    for run in store.search_runs(["0"]):
        store.delete_run(run.info.run_id)
    assert store.gc() == (2, 0)
    before, after = maintenance.vacuum(database)
    assert after == os.path.getsize("runlog.db") < before
    check("runlog.db")


def test_upgrade_tells_the_versions(database):
    assert maintenance.upgrade("runlog.db") == (VERSION, VERSION)
    assert maintenance.upgrade("new.db") == (0, VERSION)


def test_information_is_right(database):
    found = maintenance.information(database)
    assert (found["runs"], found["params"], found["metrics"]) == (2, 4, 6)
    assert found["points"] == 1800 and found["unmerged_points"] == 0
    assert found["file_bytes"] == os.path.getsize("runlog.db")


def test_information_counts_files(place):
    client = runlog.RunlogClient(str(place / "files.db"))
    for location, size in ((None, 10), ("sqlar:", 5000)):
        run = client.create_run(client.create_experiment(str(location), location))
        client.log_text(run.info.run_id, "x" * size, "f")
    found = maintenance.information(client.store.db)
    assert (found["recorded_files"], found["packed_files"]) == (2, 1)
    assert 0 < found["packed_bytes"] < 500
