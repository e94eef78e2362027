"""Databases on servers: what they are called, what several processes do to one, and how it is when
they go away. What every store promises is in contract/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from uuid import uuid4

import pytest

from contract.names import DOUBLES
from processes import LONG
from runlog import tracking_uri
from runlog.db import Undone, doubles, migrations, server_errors
from runlog.db.mysql import MySQL
from runlog.entities import Dataset, DatasetInput, ViewType
from runlog.errors import (
    AlreadyExists,
    InvalidParameter,
    MissingExtra,
    ServerUnreachable,
    StoreError,
    StoreReadOnly,
    StoreUnusable,
)
from runlog.store import open_store
from serving import serving

KINDS = ["postgresql", "mariadb"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def uri(server, kind):
    """A new database with nothing in it."""
    return server(kind).database("d" + uuid4().hex)


@pytest.fixture
def store(uri):
    opened = open_store(uri)
    yield opened
    opened.close()


def run_of(store):
    return store.create_run("0").info.run_id


# -- URIs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, scheme",
    [
        ("postgresql", "postgresql+psycopg"),
        ("postgresql", "postgresql+psycopg2"),
        ("postgresql", "postgres"),
        ("postgresql", "PostgreSQL"),
        ("mariadb", "mysql+pymysql"),
        ("mariadb", "mysql+mysqldb"),
        ("mariadb", "mariadb"),
        ("mariadb", "mariadb+pymysql"),
    ],
)
def test_uris_are_written_as_for_sqlalchemy(uri, scheme):
    option = "connect_timeout=7"
    store = open_store(f"{scheme}:{uri.partition(':')[2]}?{option}")
    run = run_of(store)
    store.log(run, [("m", float("nan"), 0, 0)], [("p", "%s :x")], [("t", "é")])
    found = store.get_run(run)
    assert (repr(found.data.metrics), found.data.params) == ("{'m': nan}", {"p": "%s :x"})
    store.close()


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://ada:s3cret@127.0.0.1:1/d",
        "postgresql://ada@127.0.0.1:1/d?password=s3cret",
        "mysql://ada:s3cret@127.0.0.1:1/d",
        "postgresql://ada:a@s3cret@127.0.0.1:1/d",
        "postgresql://ada:s3cret@127.0.0.1:port/d",
        "mysql://ada:s3/cret@[127.0.0.1/d",
        "mssql://ada:s3cret@127.0.0.1:port/d",
    ],
)
def test_no_password_is_told(uri, monkeypatch):
    monkeypatch.setenv("RUNLOG_TRACKING_URI", uri)
    with pytest.raises((ServerUnreachable, InvalidParameter)) as caught:
        open_store(uri)
    for said in (str(caught.value), repr(caught.value), tracking_uri.get_tracking_uri()):
        assert "cret" not in said


def test_a_store_shows_no_password(server):
    store = open_store(server("postgresql").uri)
    shown = f"{store.uri} {store!r} {store.db!r} {vars(store)} {store.db._engine!r}"
    assert "cret" not in shown and "se%40" not in shown
    store.close()


def test_a_script_logs_to_its_tracking_uri(uri, monkeypatch):
    import runlog

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with runlog.start_run() as run:
        runlog.log_metric("m", 1.5)
    assert runlog.get_run(run.info.run_id).data.metrics == {"m": 1.5}
    frame_uri = runlog.get_tracking_uri()
    assert runlog.RunlogClient(frame_uri).get_run(run.info.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("module, extra", [("sqlalchemy", "postgresql"), ("psycopg", "postgresql")])
def test_what_is_missing_is_named(module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=re.escape(f"runlog-tracking[{extra}]")):
        open_store("postgresql://127.0.0.1/d")


@pytest.mark.parametrize(
    "scheme, module, words",
    [
        ("mysql", "pymysql", "pip install 'runlog-tracking[mysql]'"),
        ("mysql+pymysql", "pymysql", "pip install 'runlog-tracking[mysql]'"),
        ("mysql+mysqldb", "MySQLdb", "pip install mysqlclient"),
        ("postgresql+psycopg2", "psycopg2", "pip install psycopg2-binary"),
        ("mssql+pyodbc", "pyodbc", "pip install pyodbc"),
        ("postgresql+none", "", "none"),
        ("postgresql+asyncpg", "", "write postgresql://"),
    ],
)
def test_drivers_that_are_not_there_are_named(scheme, module, words, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises((MissingExtra, InvalidParameter), match=re.escape(words)):
        open_store(f"{scheme}://ada@127.0.0.1/d")


def test_options_that_are_not_known_are_named(uri):
    with pytest.raises((InvalidParameter, StoreError), match="nonsense"):
        open_store(uri + "?nonsense=1")


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgres"])
def test_commands_take_the_same_uris(server, scheme):
    uri = scheme + server("postgresql").uri.removeprefix("postgresql")
    words = ["experiments", "list", "--csv", "--tracking-uri", uri]
    done = subprocess.run(
        [sys.executable, "-m", "runlog.cli", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Default" in done.stdout


@pytest.mark.parametrize("words", [["db", "info"], ["artifacts", "pack", "-r", "a"]])
def test_what_works_on_files_says_so(server, words):
    uri = server("postgresql").uri
    command = [sys.executable, "-m", "runlog.cli", *words, "--tracking-uri", uri]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "is on a server: this works on the file of a database only" in done.stderr


def test_nothing_is_kept_inside(store):
    for place in ("sqlar:", "sqlar:///x/0"):
        with pytest.raises(InvalidParameter, match="sqlar: is for SQLite files only"):
            store.create_experiment("a", place)
    assert store.find_experiment("a") is None


def test_what_is_in_use_while_a_store_closes_is_closed_afterwards(store):
    with store.db.reading() as fetch:
        driver = fetch._connection.dbapi_connection
        store.close()
        assert fetch("select 1") == [(1,)]
    assert driver.closed if hasattr(driver, "closed") else not driver.open


# -- many at once ---------------------------------------------------------------------------

OPEN = """
import sys
from runlog.store import open_store
sys.stdin.readline()
store = open_store(sys.argv[1])
run = store.create_run("0").info.run_id
store.log(run, [("m", 1.0, 0, 0)], [("p", "1")])
store.close()
"""


def test_twenty_processes_make_the_tables(uri):
    command = [sys.executable, "-c", OPEN, uri]
    pipe = subprocess.PIPE
    crowd = [subprocess.Popen(command, stdin=pipe, stderr=pipe, text=True) for _ in range(20)]
    for each in crowd:
        each.stdin.write("go\n")
        each.stdin.flush()
    assert [each.communicate()[1] for each in crowd] == [""] * 20
    store = open_store(uri)
    assert len(store.search_runs(["0"])) == 20
    assert [each.name for each in store.search_experiments()] == ["Default"]
    store.close()


def test_many_stores_log_to_one_run(uri, store):
    run, failures = run_of(store), []

    def log(worker):
        mine = open_store(uri)
        try:
            for step in range(20):
                keys = ["a", "b", "c"] if worker % 2 else ["c", "b", "a"]
                points = [(key, float(step), worker, step) for key in keys]
                mine.log(run, points, [("p", "1")], [(f"t{worker % 3}", step)])
        except Exception as error:
            failures.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=log, args=(worker,)) for worker in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    summary = store.get_metric_summary(run)
    assert {key: each.count for key, each in summary.items()} == {"a": 120, "b": 120, "c": 120}
    assert (summary["a"].last, summary["a"].last_timestamp, summary["a"].first) == (19.0, 5, 0.0)


def test_a_deadlock_is_tried_again(store):
    """Two transactions write two rows in opposite order."""
    runs = [run_of(store), run_of(store)]
    turn, seen = threading.Barrier(2), []

    class Deed:
        def __init__(self, order):
            self.order, self.times = order, 0

        def __call__(self):
            from runlog.sqlstore.retry import retry

            retry(type(self).write)(self)

        def write(self):
            self.times += 1
            with store.db.transaction():
                for number, run in enumerate(self.order):
                    store.db.change(
                        "update run set user_id = :user where run_id = :run",
                        {"user": "x", "run": run},
                    )
                    if number == 0 and self.times == 1:
                        turn.wait(30)

    deeds = [Deed(runs), Deed(runs[::-1])]
    threads = [threading.Thread(target=lambda each=each: seen.append(each())) for each in deeds]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert seen == [None, None]
    assert sorted(each.times for each in deeds) == [1, 2]


def test_a_conflict_at_the_end_is_tried_again(store, kind, monkeypatch):
    """As in a cluster, whose nodes find out when they commit."""
    run, number = run_of(store), {"postgresql": "40001", "mariadb": 1213}[kind]
    cursor, codes = store.db.cursor_of, [number, number]

    def failing(connection, sql, bindings):
        if sql == "commit" and codes:
            codes.pop()
            cursor(connection, "rollback", None)
            raise server_errors.Conflict("as if another node had been first")
        return cursor(connection, sql, bindings)

    monkeypatch.setattr(store.db, "cursor_of", failing)
    store.log(run, [("m", 1.0, 0, 0), ("m", 2.0, 0, 1)], [("p", "1")])
    assert codes == []
    assert store.get_metric_summary(run)["m"].count == 2


def test_a_child_connects_anew(store):
    run = run_of(store)
    store.log_metric(run, "m", 1.0, 0, 0)
    pid = os.fork()
    if pid == 0:
        try:
            store.log_metric(run, "m", 2.0, 0, 1)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    store.log_metric(run, "m", 3.0, 0, 2)
    assert store.get_metric_summary(run)["m"].count == 3


def test_a_call_in_the_middle_of_another_is_its_own(store):
    """As a signal handler's."""
    run, other = run_of(store), run_of(store)
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        store.db.change("update run set name = 'x' where run_id = :run", {"run": run})
        store.log(other, [("m", 1.0, 0, 0)])
        raise ZeroDivisionError
    assert store.get_run(run).info.run_name != "x"
    assert store.get_run(other).data.metrics == {"m": 1.0}


# -- servers that go away -------------------------------------------------------------------


def test_a_server_that_was_restarted_is_found_again(server, kind, uri):
    store, behind = open_store(uri), server(kind)
    run = run_of(store)
    store.log_metric(run, "m", 1.0, 0, 0)
    behind.restart()
    store.log_metric(run, "m", 2.0, 0, 1)
    behind.restart()
    assert store.get_metric_summary(run)["m"].count == 2
    behind.restart()
    assert store.find_experiment("Default").experiment_id == "0"
    store.close()


def test_logging_waits_for_a_server(server, kind, uri):
    store, behind = open_store(uri), server(kind)
    run = run_of(store)
    behind.kill()
    logging = threading.Thread(target=store.log, args=(run, [("m", 1.0, 0, 0)]))
    logging.start()
    time.sleep(0.5)
    assert logging.is_alive()
    behind.restart()
    logging.join()
    assert store.get_run(run).data.metrics == {"m": 1.0}
    store.close()


def test_a_server_that_is_away_for_long(server, kind, uri, monkeypatch):
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "1")
    store, behind = open_store(uri), server(kind)
    run = run_of(store)
    behind.kill()
    try:
        with pytest.raises(ServerUnreachable, match="cannot connect to (postgresql|mysql)://"):
            store.log(run, [("m", 1.0, 0, 0)])
        with pytest.raises(ServerUnreachable):
            open_store(uri)
    finally:
        behind.restart()
        store.close()


DRIVERS = {"postgresql": ["psycopg", "psycopg2"], "mariadb": ["pymysql", "mysqldb"]}


@pytest.mark.parametrize("driver", [0, 1])
def test_a_server_that_is_stopped(server, kind, uri, driver, monkeypatch):
    """It holds its connections and answers nobody, as one whose machine is frozen."""
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "2")
    scheme, rest = uri.split(":", 1)
    uri, behind = f"{scheme}+{DRIVERS[kind][driver]}:{rest}", server(kind)
    store = open_store(uri)
    run = run_of(store)
    with behind.stopped(LONG):
        with pytest.raises(ServerUnreachable, match="has not answered for 2 s"):
            store.log(run, [("m", 1.0, 0, 0)])
        with pytest.raises(ServerUnreachable, match="cannot connect to"):
            store.get_run(run)
        with pytest.raises(ServerUnreachable, match="cannot connect to"):
            open_store(uri).get_run(run)
    store.log(run, [("m", 1.0, 0, 1)])
    assert 1 in [point.step for point in store.get_metric_history(run, "m")]
    store.close()


def test_a_server_that_is_stopped_while_a_transaction_is_open(server, kind, uri, monkeypatch):
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "2")
    store, behind = open_store(uri), server(kind)
    with pytest.raises(ServerUnreachable), store.db.reading():
        with behind.stopped(LONG):
            store.db.execute("select 1 from run")
    with store.db.reading() as fetch:
        with behind.stopped(LONG), pytest.raises(ServerUnreachable):
            fetch("select 1 from run")
    store.close()


def test_a_statement_that_takes_long_is_waited_for(kind, uri, monkeypatch):
    monkeypatch.setenv("RUNLOG_BUSY_TIMEOUT", "1")
    store = open_store(uri)
    sleep = {"postgresql": "select 1 from pg_sleep(3)", "mariadb": "select 1 + sleep(3)"}[kind]
    assert store.db.execute(sleep) == [(1,)]
    store.close()


def test_what_nobody_knows_is_said(server, kind, uri):
    """The server goes away while it commits: only what twice is the same as once is tried again."""
    store, behind = open_store(uri), server(kind)
    with pytest.raises(Undone), store.db.transaction():
        store.db.change("update experiment set name = 'x' where id = 0", {})
        behind.restart()
    assert store.get_experiment("0").name == "Default"
    store.close()


# -- schemas --------------------------------------------------------------------------------


def test_a_newer_schema_is_refused(uri, store):
    with store.db.transaction():
        store.db.change("update runlog_schema set version = 99", {})
    with pytest.raises(StoreUnusable, match="written by a newer runlog .schema 99"):
        open_store(uri)


def test_an_older_schema_is_brought_up_to_date(uri, store, monkeypatch):
    def add(database):
        database.execute("create table added (id integer)")

    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    monkeypatch.setattr(
        migrations, "STEPS", (migrations.Step(migrations.VERSION, "one more table", add),)
    )
    newer = open_store(uri)
    assert newer.db.execute("select count(*) from added") == [(0,)]
    assert newer.db._version() == migrations.VERSION
    newer.close()
    open_store(uri).close()


REGISTRY = "model_alias model_version_tag model_version registered_model_tag registered_model"
REGISTRY_VIEWS = (
    "model_aliases model_version_tags model_versions registered_model_tags registered_models"
)


def test_a_database_from_before_the_registry_gets_its_tables(uri, store):
    run = run_of(store)
    with store.db.transaction():
        for view in REGISTRY_VIEWS.split():
            store.db.execute(f"drop view {view}")
        for table in REGISTRY.split():
            store.db.execute(f"drop table {table}")
        store.db.execute("update runlog_schema set version = 1")
    store.close()
    again = open_store(uri)
    again.registry.create_model("m")
    again.registry.create_version("m", f"runs:/{run}/model")
    again.registry.set_alias("m", "best", 1)
    assert again.sql("select name, alias, version from model_aliases").columns == [
        ["m"], ["best"], [1],
    ]  # fmt: skip
    assert again.sql("select run_id from model_versions").columns == [[run]]
    assert again.db.execute("select version from runlog_schema") == [(migrations.VERSION,)]
    again.close()


def test_versions_made_at_once_have_numbers_of_their_own(uri, store):
    store.registry.create_model("m")
    stores = [open_store(uri) for _ in range(4)]

    def make(each) -> None:
        for _ in range(5):
            each.registry.create_version("m", "s3://bucket/model")

    threads = [threading.Thread(target=make, args=(each,)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(int(each.version) for each in store.registry.search_versions())
    assert found == [*range(1, 21)]
    for each in stores:
        each.close()


@pytest.mark.parametrize(
    "tables, words",
    [(["alembic_version", "experiments"], "MLflow's own"), (["run"], "tables of another program")],
)
def test_databases_of_others_are_left_alone(server, kind, uri, tables, words):
    with server(kind).connect(uri.rpartition("/")[2]) as connection:
        for each in tables:
            connection.cursor().execute(f"create table {each} (id integer)")
    with pytest.raises(StoreUnusable, match=words):
        open_store(uri)


def test_who_may_only_read_reads(server, uri, kind):
    store, name = open_store(uri), uri.rpartition("/")[2]
    run = run_of(store)
    with server(kind).connect(name) as connection:
        cursor, user = connection.cursor(), f"reader{name[:8]}"
        if kind == "postgresql":
            cursor.execute(f"create role {user} login")
            cursor.execute(f"grant select on all tables in schema public to {user}")
        else:
            cursor.execute(f"create user {user}@'%'")
            cursor.execute(f"grant select on {name}.* to {user}@'%'")
    port = server(kind).port
    reader = open_store(f"{uri.partition(':')[0]}://{user}@127.0.0.1:{port}/{name}")
    assert reader.get_run(run).info.run_id == run
    with pytest.raises(StoreReadOnly, match="Look at the user's permissions"):
        reader.log(run, [("m", 1.0, 0, 0)])
    reader.close()
    store.close()


# -- what they keep -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [*DOUBLES, -5e-324, 2.0**-1022, -1.7976931348623157e308], ids=repr
)
def test_doubles_are_kept_as_bytes_in_their_order(value):
    given = doubles.sortable(value)
    assert repr(doubles.plain(given)) == repr(value)
    for other in DOUBLES:
        if other < value:
            assert doubles.sortable(other) < given
    assert given <= doubles.sortable(float("nan"))


def test_people_read_the_views(store, server, kind, uri):
    run = run_of(store)
    values = [1.5, -0.1, 5e-324, -1.7976931348623157e308, 0.0]
    store.log(run, [("m", value, 1000, step) for step, value in enumerate(values)], [("p", "1")])
    with server(kind).connect(uri.rpartition("/")[2]) as connection:
        cursor = connection.cursor()
        cursor.execute("select value from metrics order by step")
        assert [float(row[0]) for row in cursor.fetchall()] == values
        for view in re.findall(r"create (?:or replace )?view (\w+)", store.db.script()):
            cursor.execute(f"select * from {view}")
            cursor.fetchall()


def test_nul_in_a_text(store, kind):
    """What is logged has it as an escape; what goes round that is refused where it must be."""
    run = run_of(store)
    store.log(run, params=[("p", "a\0b")])
    assert store.get_run(run).data.params == {"p": "a\\x00b"}
    with pytest.raises(InvalidParameter):
        store.search_runs(["0"], "params.p = 'a\0b'")
    if kind == "postgresql":
        with pytest.raises(InvalidParameter, match="PostgreSQL cannot keep this text"):
            store.db.execute("select 1 from run where name = :name", {"name": "a\0b"})


def test_gc_leaves_nothing(store):
    for number in range(3):
        run = run_of(store)
        store.log(run, [(f"m{number}", 1.0, 0, 0)], [("p", "1")], [("t", "1")])
        store.delete_run(run)
    assert store.gc() == (3, 0)
    assert store.search_runs(["0"], run_view_type=ViewType.ALL) == []
    for table in ("run", "param", "tag", "metric", "metric_key", "point"):
        assert store.db.execute(f"select count(*) from {table}") == [(0,)]


# -- served ---------------------------------------------------------------------------------


def test_processes_of_a_server_see_what_the_others_did(place, uri):
    """Users and runs: nothing is remembered that another process may change."""
    import runlog

    with serving(place, "--backend-store-uri", uri, "--workers", "3") as served:
        clients = [runlog.RunlogClient(served.uri) for _ in range(6)]
        run = clients[0].create_run("0").info.run_id
        for step in range(30):
            clients[step % 6].log_metric(run, "m", float(step), step=step)
        assert {client.get_run(run).data.metrics["m"] for client in clients} == {29.0}
        clients[1].delete_run(run)
        assert {each.get_run(run).info.lifecycle_stage for each in clients} == {"deleted"}
    assert "se%40cret" not in (place / "log").read_text()


# -- a database to which 'a ' is 'a' ----------------------------------------------------------


@pytest.fixture
def padding(server, monkeypatch):
    """MariaDB with a collation that compares as SQL Server's do."""
    monkeypatch.setattr(MySQL, "_collation", lambda self: "utf8mb4_bin")
    monkeypatch.setattr(MySQL, "PADS", True)
    opened = open_store(server("mariadb").database(f"padding{uuid4().hex}"))
    yield opened
    opened.close()


def test_what_pads_is_as_the_test_takes_it(padding):
    assert padding.db.execute("select count(*) from experiment where name = 'Default  '") == [(1,)]


OF_RUNS = {
    "a metric": lambda store, run, name: store.log_metric(run, name, 2.0, 2, 2),
    "metrics": lambda store, run, name: store.log(run, [("m", 1.0, 1, 1), (name, 2.0, 2, 2)]),
    "a param": lambda store, run, name: store.log(run, params=[(name, "2")]),
    "params": lambda store, run, name: store.log(run, params=[("p", "1"), (name, "2")]),
    "a tag": lambda store, run, name: store.log(run, tags=[(name, "2")]),
    "no tag": lambda store, run, name: store.delete_tag(run, name),
    "a digest": lambda store, run, name: store.record_digests(run, [(name, 2, "b" * 64)]),
    "digests": lambda store, run, name: store.record_digests(
        run, [("f", 1, "a" * 64), (name, 2, "b" * 64)]
    ),
    "a data set": lambda store, run, name: store.log_inputs(
        run, [DatasetInput(Dataset(name, "1", "local", "{}"))]
    ),
    "an experiment": lambda store, run, name: store.create_experiment(name),
    "an experiment's tag": lambda store, run, name: store.set_experiment_tags("0", {name: "2"}),
    "a model's param": lambda store, run, name: store.models.create("0", "m", params={name: "2"}),
}


@pytest.mark.parametrize("what", OF_RUNS)
def test_a_name_with_a_blank_more_overwrites_nothing(padding, what):
    run = padding.create_run("0").info.run_id
    for log in OF_RUNS.values():
        if log is not OF_RUNS["no tag"]:
            log(padding, run, "a")
    before = padding.get_run(run), padding.get_digests(run), padding.get_metric_history(run, "a")
    with pytest.raises((InvalidParameter, AlreadyExists), match="leave the blank out|already"):
        OF_RUNS[what](padding, run, "a ")
    after = padding.get_run(run), padding.get_digests(run), padding.get_metric_history(run, "a")
    assert repr(after) == repr(before)
    assert padding.find_experiment("a ") is None and padding.find_experiment("a") is not None


def test_texts_that_tell_nothing_apart_keep_their_blanks(padding):
    run = padding.create_run("0", run_name="a ").info.run_id
    padding.log(run, params=[("p", "a ")], tags=[("t", "a ")])
    data = padding.get_run(run)
    assert (data.info.run_name, data.data.params["p"], data.data.tags["t"]) == ("a ", "a ", "a ")
