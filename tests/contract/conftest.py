from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import servers
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.store import Store, open_store
from wsgi import WsgiTransport

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


def http_in_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Our own server without a port."""
    served = sqlite(folder, monkeypatch)
    app = create_app(served, allow_local_locations=True)
    store = HttpStore("http://localhost", WsgiTransport(app))
    return closing_both(store, served.close)


def http(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Our own server in a process of its own."""
    server = servers.stores()
    place = server.folder / uuid4().hex
    place.mkdir()
    sqlite(place, monkeypatch).close()
    return HttpStore(f"{server.uri}/{place.name}")


def closing_both(store: Store, also: Callable[[], None]) -> Store:
    """A store that, closed, closes what is behind it as well."""
    close = store.close

    def both() -> None:
        close()
        also()

    store.close = both  # type: ignore[method-assign]
    return store


# What a kind of store does not promise: modules of tests, and why.
LACKS = {
    kind: {"test_deleting": "a server's trash is emptied on the server"}
    for kind in ("http_in_process", "http")
}
STORES: dict[str, Callable[[Path, pytest.MonkeyPatch], Store]] = {
    "sqlite": sqlite,
    "sqlite_without_wal": sqlite_without_wal,
    "http_in_process": http_in_process,
    "http": http,
}


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A new store with nothing in it but the experiment Default."""
    reason = LACKS.get(request.param, {}).get(request.module.__name__.rpartition(".")[2])
    if reason:
        pytest.skip(reason)
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
