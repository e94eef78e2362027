from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlog.store import Store, open_store

_new_files: dict[str, bytes] = {}


def sqlite(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "wal") -> Store:
    """A file is made once and copied then: to make it safely takes several syncs of the disk."""
    path = folder / "runlog.db"
    if kind not in _new_files:
        open_store(str(path)).close()
        _new_files[kind] = path.read_bytes()
    path.write_bytes(_new_files[kind])
    return open_store(str(path))


def sqlite_without_wal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """As on a network file system: readers and writers wait for one another."""
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", "1")
    return sqlite(folder, monkeypatch, "rollback journal")


STORES: dict[str, Callable[[Path, pytest.MonkeyPatch], Store]] = {
    "sqlite": sqlite,
    "sqlite_without_wal": sqlite_without_wal,
}


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A new store with nothing in it but the experiment Default."""
    opened = STORES[request.param](tmp_path, monkeypatch)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=STORES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A new store that a module's tests fill once and then only read."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        opened = STORES[request.param](tmp_path_factory.mktemp("shared"), monkeypatch)
    yield opened
    opened.close()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run in Default, RUNNING."""
    return store.create_run("0", start_time=1).info.run_id
