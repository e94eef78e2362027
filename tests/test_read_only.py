"""A store that cannot be written is read all the same: on a read-only mount, and by a user without
the permission to write, as it was closed or as a killed writer left it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

import runlog
from disks import mounted, remount
from processes import digests, finish, run, start
from runlog.errors import StoreReadOnly, StoreUnusable
from runlog.store import Store, open_store


@pytest.fixture
def disk(place) -> Iterator[Path]:
    with mounted(place / "disk", "20m") as folder:
        yield folder


def merged(path: Path) -> str:
    store = open_store(str(path))
    run_id = filled(store)
    store.close()
    return run_id


def unmerged(path: Path) -> str:
    store = open_store(str(path))
    run_id = filled(store)
    store.db.close()  # the file, without the merge
    assert not Path(f"{path}-wal").exists()
    return run_id


def killed(path: Path) -> str:
    run_id = run("die", path).strip()
    assert Path(f"{path}-wal").stat().st_size > 0
    return run_id


def killed_and_copied(path: Path) -> str:
    run_id = killed(path)
    Path(f"{path}-shm").unlink()
    return run_id


def filled(store: Store) -> str:
    run_id = store.create_run("0", run_name="first").info.run_id
    store.log(run_id, [("loss", 1 / (step + 1), 1, step) for step in range(100)], [("lr", 1)])
    return run_id


def assert_reads(store: Store, run_id: str) -> None:
    for _ in range(2):
        found = store.search_runs(["0"], "min(metrics.loss) = 0.01 AND params.lr = '1'")
        assert [run.info.run_id for run in found] == [run_id]
        assert store.get_run(run_id).data.metrics == {"loss": 0.01}
        assert len(store.get_metric_history(run_id, "loss")) == 100
        assert store.get_metric_summary(run_id)["loss"].max == 1.0
        assert [each.name for each in store.search_experiments()] == ["Default"]


WRITES = [
    lambda store, run_id: store.log_metric(run_id, "loss", 1.0, 1, 1),
    lambda store, run_id: store.log(run_id, tags=[("a", "b")]),
    lambda store, run_id: store.create_run("0"),
    lambda store, run_id: store.create_experiment("new"),
    lambda store, run_id: store.update_run(run_id, "FINISHED"),
    lambda store, run_id: store.delete_run(run_id),
    lambda store, run_id: store.gc(),
]


@pytest.mark.parametrize("make", [merged, unmerged, killed, killed_and_copied])
def test_a_read_only_mount(make, disk):
    path = disk / "runlog.db"
    run_id = make(path)
    remount(disk, "ro")
    before = digests(disk)
    store = open_store(str(path))
    assert_reads(store, run_id)
    for write in WRITES:
        with pytest.raises(StoreReadOnly, match=f"{path} is read-only.*cannot be written"):
            write(store, run_id)
    assert_reads(store, run_id)
    store.close()
    assert digests(disk) == before


@pytest.mark.parametrize("make", [merged, unmerged, killed, killed_and_copied])
def test_it_can_be_logged_to_when_it_is_writable_again(make, disk):
    path = disk / "runlog.db"
    run_id = make(path)
    remount(disk, "ro")
    store = open_store(str(path))
    assert_reads(store, run_id)
    remount(disk, "rw")
    store.close()
    store.log_metric(run_id, "loss", 0.5, 1, 100)
    assert store.get_run(run_id).data.metrics == {"loss": 0.5}
    store.close()


def test_a_mount_that_becomes_read_only_later(disk):
    path = disk / "runlog.db"
    store = open_store(str(path))
    run_id = filled(store)
    store.close()
    remount(disk, "ro")
    with pytest.raises(StoreReadOnly, match=f"{path} is read-only.*because the file cannot"):
        store.log(run_id, [("loss", 1.0, 1, 1)])
    assert_reads(store, run_id)
    store.close()


def test_nothing_can_be_made_on_a_read_only_mount(disk):
    (disk / "empty.db").touch()
    remount(disk, "ro")
    with pytest.raises(StoreReadOnly, match="new.db.*the directory .*disk is read-only"):
        open_store(str(disk / "new.db"))
    with pytest.raises(StoreReadOnly, match="deep/new.db.*cannot be made.*[Rr]ead-only"):
        open_store(str(disk / "deep" / "new.db"))
    with pytest.raises(StoreUnusable, match="empty.db is empty and read-only"):
        open_store(str(disk / "empty.db"))
    assert list(digests(disk)) == ["empty.db"]


def test_a_log_call_says_that_it_is_read_only(disk):
    unmerged(disk / "runlog.db")
    remount(disk, "ro")
    runlog.set_tracking_uri(disk / "runlog.db")
    assert len(runlog.search_runs(output_format="list")) == 1
    with pytest.raises(runlog.MlflowException, match="runlog.db is read-only"):
        runlog.log_metric("loss", 1)


def test_a_write_cut_short_is_put_right_where_it_can_be(disk, monkeypatch):
    """With the rollback journal only a writer can undo what a killed one had begun."""
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", "1")
    path = disk / "runlog.db"
    run_id = merged(path)
    assert finish(start("die", path, "half"))[0] == 0
    assert Path(f"{path}-journal").stat().st_size > 0
    remount(disk, "ro")
    with pytest.raises(StoreUnusable, match="runlog.db .*in the middle of a write"):
        open_store(str(path)).get_run(run_id)
    remount(disk, "rw")
    assert_reads(open_store(str(path)), run_id)


# -- another user ---------------------------------------------------------------------------


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may enter."""
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    folder = Path(tempfile.mkdtemp(prefix="runlog-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("make", [merged, unmerged, killed, killed_and_copied])
@pytest.mark.parametrize("mode", [0o755, 0o777], ids=["", "in a writable directory"])
def test_a_user_who_may_only_read(make, mode, public):
    path = public / "runlog.db"
    run_id = make(path)
    public.chmod(mode)
    before = digests(public)
    said = run("nobody", path, run_id).splitlines()
    assert said == ["loss 0.01", "100 points", f"{path} is read-only"]
    assert digests(public) == before


def test_a_reader_follows_what_others_write(public):
    path = public / "runlog.db"
    run_id = merged(path)
    reader = start("nobody", path, run_id, "follow")
    assert reader.stdout.readline() == "loss 0.01\n"
    store = open_store(str(path))
    for step in range(3):
        store.log(run_id, [("loss", float(step), 1, 1000 + step)])
        if step == 1:
            store.close()
        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == f"loss {float(step)}\n", print(finish(reader)[2])
    store.close()
    assert finish(reader)[:2] == (0, "")


def test_a_file_that_may_not_even_be_read(public):
    path = public / "runlog.db"
    run_id = merged(path)
    path.chmod(0o600)
    code, _, err = finish(start("nobody", path, run_id))
    assert code == 1
    assert f"cannot read {path}: permission denied" in err


def test_sqlite_itself_agrees_that_the_file_is_sound(public):
    path = public / "runlog.db"
    run_id = killed(path)
    run("nobody", path, run_id)
    connection = apsw.Connection(str(path))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
