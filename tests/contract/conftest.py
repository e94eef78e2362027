from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import served
import servers
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.store import Store, open_store
from wsgi import WsgiTransport

SQL_SERVER = os.environ.get("RUNLOG_TEST_MSSQL", "")  # which tests do not see
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
    behind = sqlite(folder, monkeypatch)
    app = create_app(behind, allow_local_locations=True, allowed_locations=("s3://bucket",))
    store = HttpStore("http://localhost", WsgiTransport(app))
    return closing_both(store, behind.close)


def http(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Our own server in a process of its own."""
    server = served.stores()
    place = server.folder / uuid4().hex
    place.mkdir()
    sqlite(place, monkeypatch).close()
    return HttpStore(f"{server.uri}/{place.name}")


def on_server(kind: str) -> Callable[[Path, pytest.MonkeyPatch], Store]:
    """A database server's, emptied."""

    def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
        try:
            server, store = served.database(kind)
        except servers.Missing as missing:
            if "CI" in os.environ:
                raise
            pytest.skip(str(missing))
        server.empty()
        return store

    return opened


def sql_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The SQL Server's that RUNLOG_TEST_MSSQL names, emptied: a database for nothing else."""
    store = open_store(SQL_SERVER)
    with store.db.transaction():  # type: ignore[attr-defined]
        for statement in EMPTIED:
            store.db.execute(statement)  # type: ignore[attr-defined]
    return store


EMPTIED = (  # whoever refers to others first
    *(
        f"delete from {table}"
        for table in "point metric metric_key model_link model_metric model_tag model_param model "
        "model_alias model_version_tag model_version registered_model_tag registered_model "
        "artifact input_tag input dataset tag param run experiment_tag permission token account "
        "audit_entry".split()
    ),
    "delete from experiment where id <> 0",
    "update experiment set name = 'Default', lifecycle_stage = 'active'",
    "dbcc checkident ('experiment', reseed, 0)",
)


def http_over(kind: str) -> Callable[[Path, pytest.MonkeyPatch], Store]:
    """Our own server, as two processes, over a database server's."""

    def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
        on_server(kind)(folder, monkeypatch)
        return HttpStore(served.over(kind))

    return opened


def mlflow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """MLflow's own server."""
    server = served.mlflow()
    served.empty(server)
    return HttpStore(server.uri)


def closing_both(store: Store, also: Callable[[], None]) -> Store:
    """A store that, closed, closes what is behind it as well."""
    close = store.close

    def both() -> None:
        close()
        also()

    store.close = both  # type: ignore[method-assign]
    return store


_ON_THE_SERVER = {"test_deleting": "a server's trash is emptied on the server"}
_IDS = "the server chooses the ids of runs itself"
_GRAMMAR = "its filters know neither empty, short nor odd texts, and no lone tag order"
_INFINITE = "infinities become the greatest doubles there, -0.0 becomes 0.0"
_LONG = "it cuts long values off"
_TRASH = "its runs stay active in a deleted experiment"
_WORDS = "it says it in other words, or as another error"

_BLANKS = "SQL Server does not tell names apart by a blank at their end, which are refused"

# What a kind of store does not promise: modules of tests or single ones, and why.
_NO_SQL = {"test_sql": "it takes no SQL"}
LACKS: dict[str, dict[str, str]] = {
    "http_in_process": _ON_THE_SERVER,
    "http": _ON_THE_SERVER,
    "http_postgresql": {**_ON_THE_SERVER, **_NO_SQL},
    "http_mariadb": {**_ON_THE_SERVER, **_NO_SQL},
    "mssql": dict.fromkeys(
        (
            "test_any_text_is_a_name",
            "test_keys",
            "test_any_key_is_found",
            "test_they_are_read_as_they_were_recorded",
        ),
        _BLANKS,
    ),
    "mlflow": {
        **_ON_THE_SERVER,
        **_NO_SQL,
        "test_digests": "it keeps no digests of files",
        "test_models": "its logged models are tried through its own client",
        "test_paging": _IDS,
        "test_the_user_of_a_version_is_that_of_its_run": "it has no users of versions",
        "test_the_logged_model_of_a_version": "it does not say which logged model a version is",
        "test_files_of_a_run": "it leaves finding the files to clients",
        "test_versions_with_these_numbers": _GRAMMAR,
        "test_a_page_token_of_another_search_of_the_registry": "it does not tell searches apart",
        "test_search": f"{_IDS}; {_GRAMMAR}",
        "test_a_run_with_everything_given": _IDS,
        "test_ids_are_taken_once": _IDS,
        "test_a_deleted_experiment_is_not_written_to": _WORDS,
        "test_a_name_is_taken_once": _WORDS,
        "test_a_param_keeps_its_value": _WORDS,
        "test_delete_tag": _WORDS,
        "test_only_what_a_deletion_took_along_comes_back": _TRASH,
        "test_runs_go_and_come_back_with_their_experiment": _TRASH,
        "test_inputs_are_kept_all_or_none": "it takes data sets without a name or digest",
        "test_the_same_again_gets_further_tags": "an input has the tags of its first time alone",
        "test_any_text_is_a_value": _LONG,
        "test_every_double_survives": _INFINITE,
        "test_a_nan_comes_after_the_numbers_of_its_moment": _INFINITE,
        "test_extremes_are_numbers_where_there_are_any": _INFINITE,
        "test_histories_go_by_time_step_and_value": _INFINITE,
        "test_threads_log_at_once": "of two that log the same param at once, one is refused",
        "test_the_last_value": f"{_INFINITE}; a NaN is not the greatest value",
    },
}
STORES: dict[str, Callable[[Path, pytest.MonkeyPatch], Store]] = {
    "sqlite": sqlite,
    "sqlite_without_wal": sqlite_without_wal,
    "http_in_process": http_in_process,
    "http": http,
    "postgresql": on_server("postgresql"),
    "http_postgresql": http_over("postgresql"),
    "mariadb": on_server("mariadb"),
    "http_mariadb": http_over("mariadb"),
    "mlflow": mlflow,
    **({"mssql": sql_server} if SQL_SERVER else {}),
}


KINDS = [pytest.param(each, marks=[pytest.mark.slow] * (each == "mlflow")) for each in STORES]


def skip_what_it_lacks(kind: str, module: str, test: str = "") -> None:
    lacks = LACKS.get(kind, {})
    reason = lacks.get(module.rpartition(".")[2]) or lacks.get(test)
    if reason:
        pytest.skip(reason)


@pytest.fixture(params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """A new store with nothing in it but the experiment Default."""
    skip_what_it_lacks(request.param, request.module.__name__, request.node.originalname)
    opened = STORES[request.param](tmp_path, monkeypatch)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=KINDS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A new store that a module's tests fill once and then only read."""
    skip_what_it_lacks(request.param, request.module.__name__)
    with pytest.MonkeyPatch.context() as monkeypatch:
        opened = STORES[request.param](tmp_path_factory.mktemp("shared"), monkeypatch)
    yield opened
    opened.close()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run in Default, RUNNING."""
    return store.create_run("0", start_time=1).info.run_id
