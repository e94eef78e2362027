"""SQL that users type: what it may read, what its results are, and what it may cost a server."""

from __future__ import annotations

import math
import os
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

import runlog
from asking import ask
from processes import check, run
from runlog import cli, tracking_uri
from runlog.artifacts import ArtifactRepo
from runlog.db import maintenance, query
from runlog.db.sqlite import Database
from runlog.errors import BadRequest, InvalidParameter, RunlogError
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.server import queries
from runlog.server.auth.policy import Auth
from runlog.sqlstore.accounts import Users
from runlog.store import open_store
from serving import serving
from wsgi import WsgiTransport

SQL = "/api/runlog/1/sql"


@pytest.fixture
def runs(place: Path) -> list[str]:
    """Three ended runs of one metric, the second one's NaN."""
    ids = []
    for i in range(3):
        with runlog.start_run(run_name=f"r{i}") as run:
            runlog.log_param("i", i)
            runlog.log_metric("loss", math.nan if i == 1 else i / 2, step=i)
            ids.append(run.info.run_id)
    return ids


# -- runlog.sql -----------------------------------------------------------------------------


def test_a_dataframe_has_numbers_and_times_for_numbers_and_times(runs):
    pytest.importorskip("pandas")
    frame = runlog.sql("select run_name, start_time, duration_seconds from runs order by run_name")
    assert frame["run_name"].tolist() == ["r0", "r1", "r2"]
    assert str(frame["start_time"].dtype.tz) == "UTC"
    found = runlog.search_runs(order_by=["attributes.run_name"])
    assert frame["start_time"].tolist() == found["start_time"].tolist()
    text = "select last, last_step, time from metric_summary join metrics using (run_id)"
    frame = runlog.sql(text + " order by last_step")
    assert [str(kind) for kind in frame.dtypes][:2] == ["float64", "int64"]
    assert math.isnan(frame["last"][1]) and frame["last"].tolist()[::2] == [0.0, 1.0]
    assert frame["time"].dtype.kind == "M"


def test_columns_of_a_dataframe_do_not_depend_on_what_is_missing(runs):
    pd = pytest.importorskip("pandas")
    with runlog.start_run() as run:
        frame = runlog.sql("select end_time, duration_seconds from runs where run_id = ?",
                           [run.info.run_id])  # fmt: skip
    assert frame["end_time"].isna().all() and frame["end_time"].dtype.kind == "M"
    assert frame["duration_seconds"].dtype == "float64"
    big = runlog.sql("select 9007199254740993 as n union all select null")
    assert str(big["n"].dtype) == "Int64" and big["n"][0] == 9007199254740993
    assert pd.isna(big["n"][1])
    assert runlog.sql("select 'x' as end_time")["end_time"].tolist() == ["x"]
    assert runlog.sql("select 1 as a, 2 as a").columns.tolist() == ["a", "a_2"]
    assert runlog.sql("select run_id from runs where 0").shape == (0, 1)


def test_without_pandas_it_is_a_list(runs, monkeypatch):
    rows = runlog.sql("select run_name, 1 as n from runs where run_name = 'r0'",
                      output_format="list")  # fmt: skip
    assert rows == [{"run_name": "r0", "n": 1}]
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert runlog.sql("select run_name, 1 as n from runs where run_name = :n", {"n": "r0"}) == rows
    assert runlog.RunlogClient().sql("select 1 as n") == [{"n": 1}]
    with pytest.raises(InvalidParameter, match="output_format"):
        runlog.sql("select 1", output_format="frame")


def test_numpys_numbers_can_be_bound(runs):
    np = pytest.importorskip("numpy")
    query = "select run_name from metric_summary join runs using (run_id) where last_step = :n"
    assert runlog.sql(query, {"n": np.int64(2)}, output_format="list") == [{"run_name": "r2"}]


def test_a_query_in_the_process_that_logs_loses_nothing():
    for i in range(60):
        with runlog.start_run():
            runlog.log_metric("loss", 1.0, step=i)
            assert runlog.sql("select count(*) as n from metrics", output_format="list") == [
                {"n": i + 1}
            ]
    assert maintenance.check("runlog.db") == []


def test_the_connection_is_afterwards_what_it_was(runs):
    for text in ("select 1", "delete from run", "select nope", "select 1; select 2"):
        try:
            runlog.sql(text)
        except InvalidParameter:
            pass
    with runlog.start_run():
        runlog.log_param("after", 1)
    assert len(runlog.search_runs(output_format="list", filter_string="params.after = '1'")) == 1


def test_threads_query_while_others_log(runs):
    def read() -> None:
        for _ in range(30):
            found = runlog.sql("select count(*) as n, count(distinct run_id) as r from params",
                               output_format="list")  # fmt: skip
            counts.append(found[0]["n"] - found[0]["r"])

    counts: list[int] = []
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    with runlog.start_run():  # each state has a param a run
        pass
    for _ in range(30):
        with runlog.start_run():
            runlog.log_param("i", 1)
    for reader in readers:
        reader.join()
    assert counts == [0] * 90


def test_a_fork_waits_for_a_query():
    """Nothing of SQLite may cross a fork: both processes log on afterwards."""
    said = run("fork_in_query")
    assert said.strip() == "[('child', 5), ('m', 11)]"
    check("runlog.db")


@pytest.mark.parametrize(
    "text",
    [
        "attach 'other.db' as o",
        "vacuum into 'other.db'",
        "pragma query_only = 0",
        "pragma journal_mode = delete",
        "pragma wal_checkpoint",
        "pragma optimize",
        "create temp table t (a)",
        "analyze",
        "reindex",
        "savepoint a",
    ],
)
def test_what_is_more_than_reading_is_refused(runs, text):
    with pytest.raises(InvalidParameter, match="reads only"):
        runlog.sql(text)
    assert not Path("other.db").exists()


def test_a_read_only_folder_is_read(runs, place):
    tracking_uri.close()
    os.chmod("runlog.db", 0o444)
    os.chmod(place, 0o555)
    try:
        store = open_store("runlog.db")
        assert store.sql("select count(*) as n from runs").columns == [[3]]
        store.close()
    finally:
        os.chmod(place, 0o755)


# -- on a server ----------------------------------------------------------------------------


@pytest.fixture
def team(runs, place):
    """A server with users, each of whom has a token of the same name."""
    store = open_store("runlog.db")
    users = Users(store.db)
    tokens = {}
    for name, role in (("root", "admin"), ("ed", "editor"), ("vic", "viewer"), ("mia", "member")):
        users.add(name, role, None)
        tokens[name] = users.add_token(name, "its")
    users.grant("mia", "0", "admin")
    auth = Auth(store, users)
    app = create_app(store, ArtifactRepo(str(place / "artifacts")), access=auth)

    def asked(name: str, text: str, params=None):
        given = {"query": text, **({} if params is None else {"params": params})}
        return ask(app, "POST", SQL, given, HTTP_AUTHORIZATION=f"Bearer {tokens[name]}")

    yield asked
    auth.close()
    store.close()


@pytest.mark.parametrize("name, status", [("root", 200), ("ed", 200), ("vic", 200), ("mia", 403)])
def test_only_those_who_read_everything_may_ask(team, name, status):
    answer = team(name, "select run_name from runs where run_name = ?", [{"text": "r0"}])
    assert answer.status == status
    if status == 200:
        assert answer.json == {"columns": [{"name": "run_name", "rows": 1, "texts": ["r0"]}]}


SECRET = (
    "account",
    "permission",
    "token",
    "audit_entry",
    "delivery",
    "users",
    "grants",
    "tokens",
    "audit_log",
)


@pytest.mark.parametrize(
    "text",
    [f"select * from {name}" for name in SECRET]
    + [
        "select hash from token",
        "select (select password from account limit 1)",
        "select 1 from runs where exists (select 1 from token where hash like 'a%')",
        "with t as (select hash from token) select count(*) from t where hash > 'a'",
        "select t.rowid from runs join token t",
        "select data from sqlite_dbpage",
        "select pageno from dbstat",
        "select sample from sqlite_stat4",
        "select * from pragma_database_list",
        "select sql from sqlite_stmt",
        "pragma database_list",
        "pragma integrity_check",
        "attach 'runlog.db' as o",
        "explain select hash from token",
    ],
)
@pytest.mark.parametrize("name", ["root", "vic"])
def test_secrets_stay_on_the_server(team, name, text):
    answer = team(name, text)
    assert answer.status in (400, 403), answer.body
    assert b"runlog.db" not in answer.body


def test_each_table_is_open_or_secret(runs):
    """A new table must be put on one side."""
    found = runlog.sql("select name from sqlite_schema where type in ('table', 'view')"
                       " and name not like 'sqlite%'", output_format="list")  # fmt: skip
    names = {row["name"] for row in found}
    assert names - query.OPEN_TABLES == set(SECRET)
    assert set(query.VIEWS) < names & query.OPEN_TABLES


ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select {} from n"


def test_a_query_ends_in_time(runs):
    store = open_store("runlog.db")
    answer = queries.handler(store, queries.LIMITS._replace(seconds=0.2))
    with pytest.raises(RunlogError, match="longer than 0.2 s") as caught:
        answer({"query": ENDLESS.format("count(*)"), "params": None})
    assert caught.value.error_code == "DEADLINE_EXCEEDED"
    assert answer({"query": "select 1 as n", "params": None}).columns == [[1]]
    store.close()


@pytest.mark.parametrize(
    "text",
    [
        ENDLESS.format("i"),
        ENDLESS.format("printf('%1000000d', i) as t"),
        "select printf('%.*c', 100000000, 'x') as t",
        "select zeroblob(1000000000) as t",
        "select " + "1 + " * 50_000 + "1 as n",
    ],
)
def test_a_result_has_bounds(runs, text):
    store = open_store("runlog.db")
    limits = queries.LIMITS._replace(seconds=600, memory=8 << 20)
    with pytest.raises(InvalidParameter):
        queries.handler(store, limits)({"query": text, "params": None})
    store.close()


def test_few_queries_run_at_once(runs):
    """The others wait, and are told to come again."""
    store = open_store("runlog.db")
    app = create_app(store)
    gate, begun = threading.Event(), threading.Semaphore(0)
    query_of = store.sql

    def slow(*given):
        begun.release()
        gate.wait(60)
        return query_of(*given)

    store.sql = slow  # type: ignore[method-assign]
    answers = []

    def asking() -> None:
        answers.append(ask(app, "POST", SQL, {"query": "select 1"}))

    threads = [threading.Thread(target=asking) for _ in range(queries.AT_ONCE)]
    for thread in threads:
        thread.start()
        begun.acquire(timeout=60)
    refused = ask(app, "POST", SQL, {"query": "select 1"})
    gate.set()
    for thread in threads:
        thread.join()
    assert refused.status == 503 and refused.headers["retry-after"]
    assert [each.status for each in answers] == [200] * queries.AT_ONCE
    store.close()


def test_values_survive_the_wire(runs):
    store = open_store("runlog.db")
    remote = HttpStore("http://localhost", WsgiTransport(create_app(store)))
    text = (
        "select -9223372036854775808 as low, 9223372036854775807 as high, 1e308 * 10 as inf, "
        "-0.0 as zero, x'00ff' as blob, 'a' || char(0) || 'é' as text, null as none "
        "union all select 1, null, null, 0.5, 'mixed', null, null"
    )
    assert remote.sql(text) == store.sql(text)
    bound = {"i": -(2**63), "f": math.inf, "t": "é'", "b": b"\0\xff", "n": None}
    text = "select " + ", ".join(f":{name} as {name}" for name in bound)
    assert [column[0] for column in remote.sql(text, bound).columns] == [*bound.values()]
    remote.close()
    store.close()


def test_an_mlflow_server_takes_no_sql():
    store = HttpStore("http://localhost", WsgiTransport(lambda environ, start: _not_found(start)))
    with pytest.raises(BadRequest, match="takes no SQL"):
        store.sql("select 1")


def _not_found(start):
    start("404 Not Found", [("Content-Type", "text/html")])
    return [b"nothing here"]


def test_the_command_asks_a_server_too(runs, place, monkeypatch):
    with serving(place, command="serve") as server:
        monkeypatch.setenv("RUNLOG_TRACKING_URI", server.uri)
        words = ["sql", "select run_name from runs order by 1 limit 2; select 1 as a, 2 as a"]
        result = CliRunner().invoke(cli.main, [*words, "--json"])
        assert "r0" in result.output and "a_2" in result.output
        result = CliRunner().invoke(cli.main, ["sql", "delete from run"])
        assert result.exit_code == 1 and "reads only" in result.output


# -- a session on a file -----------------------------------------------------------------------


@pytest.fixture
def database(runs):
    """The store of `runs`, which nobody else has open."""
    tracking_uri.close()
    database = Database("runlog.db")
    yield database
    database.close()


@pytest.mark.parametrize(
    "sql, statements",
    [
        ("select 1", ["select 1"]),
        ("select 1; select 2;\n", ["select 1;", "select 2;"]),
        ("select ';' ; -- a; b\nselect 2", ["select ';' ;", "-- a; b\nselect 2"]),
        ("", []),
        (" \n", []),
        (
            "create trigger t after insert on a begin select 1; select 2; end; select 3",
            ["create trigger t after insert on a begin select 1; select 2; end;", "select 3"],
        ),
    ],
)
def test_statements_are_told_apart(sql, statements):
    assert list(query.split(sql)) == statements


def test_answers_have_names_even_without_rows(database):
    reader = query.Reader("runlog.db")
    try:
        first, second = reader.answers("select 1 as a, 2 as b where 0; -- nothing more")
        assert (first.names, list(first.rows)) == (["a", "b"], [])
        assert (second.names, list(second.rows)) == ([], [])
    finally:
        reader.close()


def test_another_store_can_be_attached_for_comparison(database):
    maintenance.backup(database, "copy.db")
    reader = query.Reader("runlog.db")
    try:
        sql = "attach 'copy.db' as other; select count(*) from other.runs"
        rows = [list(answer.rows) for answer in reader.answers(sql)]
        assert rows[-1] == [(3,)]
        with pytest.raises(InvalidParameter, match="reads only"):
            for answer in reader.answers("delete from other.run"):
                list(answer.rows)
    finally:
        reader.close()


def test_a_reader_tidies_up(database):
    reader = query.Reader("runlog.db")
    assert ("runs", "view") in reader.names() and ("run", "internal table") in reader.names()
    assert "run_name" in reader.columns("runs")
    assert len(reader.schema("RUN")) > 1 and reader.schema("nope") == []
    reader.close()
    assert os.listdir() == ["runlog.db"]


def test_a_nul_in_a_query_is_refused(place):
    with pytest.raises(InvalidParameter, match="NUL"):
        open_store("runlog.db").sql("select '\0'")
