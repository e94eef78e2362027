"""SQL Server, of which no server can run here: every statement that a store issues is put in its
words and parsed. They are recorded while another database does everything that a store can do."""

from __future__ import annotations

import ast
import json
import math
import re
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest
import sqlglot
from sqlglot import exp

from contract.test_search import test_found as found_by_filters
from contract.test_search import test_order as found_in_order
from runlog.db import dialect as dialects
from runlog.db import doubles, migrations, server_errors
from runlog.db.mssql import SQLServer
from runlog.db.mysql import MySQL
from runlog.db.postgresql import PostgreSQL
from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    RunInputs,
    ViewType,
)
from runlog.errors import InvalidParameter
from runlog.sqlstore import search
from runlog.sqlstore.accounts import Users, Wanted
from runlog.sqlstore.experiments import create_default
from runlog.store import open_store
from runlog.store_parts.accounts import Entry
from runlog.store_parts.exact_copy import ModelRecord, changed
from runlog.store_parts.logged_models import ModelOrder

SOURCE = Path(dialects.__file__).parents[1]
SQL = re.compile(r"\s*(select|insert into|update|delete from)\s", re.IGNORECASE)
# What T-SQL has not, as far as sqlglot takes it nevertheless.
FOREIGN = (
    r"\b(limit|on conflict|returning|ilike|glob|json_each|substr|length|greatest|instr)\b|\|\|"
)


@pytest.fixture(scope="module")
def recorded(everything_done):
    return everything_done[0]


@pytest.fixture(scope="module")
def everything_done(server):
    """The statements of a store, as they stand in the sources; and of those that changed many rows
    the rows."""
    seen, bulks = set(), {}
    store = open_store(server("postgresql").database("recorded"))
    translation = store.db._translation
    store.db._translation = lambda sql, named=True: seen.add(sql) or translation(sql, named)
    change_many = store.db.change_many

    def changed_many(sql, rows):
        seen.add(sql)
        if len(rows) > 1:
            bulks[sql] = rows
        return change_many(sql, rows)

    store.db.change_many = changed_many
    create_default(store.db, store.locations)
    everything(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FEW", 1)  # these runs are many
        for run in "xyz":
            store.create_run("0", run_id=run)
        searches(store)
    store.close()
    own = PostgreSQL.COUNT_ON
    return {sql for sql in seen if SQL.match(sql) and "unnest" not in sql and sql != own}, bulks


def everything(store):
    experiments(store)
    runs(store)
    searches(store)
    models(store)
    registry(store)
    records(store)
    views(store)
    users(store)
    store.delete_run("a")
    store.trash(run_ids=["a"], experiment_ids=["1"])
    store.gc()


def experiments(store):
    with store.db.transaction():
        store.db.execute("delete from experiment where id = 0")
    create_default(store.db, store.locations)
    number = store.create_experiment("e", tags={"k": "v"})
    store.rename_experiment(number, "f")
    store.set_experiment_tags(number, {"k": "w"})
    store.delete_experiment_tag(number, "k")
    store.delete_experiment(number)
    store.restore_experiment(number)
    store.delete_experiment(number)


def runs(store):
    for run in "ab":
        store.create_run("0", run_id=run, tags={"k": "v"})
        points = [("m", float(step), step, step) for step in range(6000)] * 2
        points.append(("m", math.nan, 5995, 5995))
        store.log(run, points, [("p", "1"), ("p", "1")], [("t", "1")])
    store.log("a", [("n", 1.0, 0, 0), ("o", 1.0, 0, 0)], [("p", "1")])
    store.update_run("a", "FINISHED", 5, "name")
    store.delete_tag("a", "t")
    inputs = [DatasetInput(Dataset("d", "1", "local", "{}"), [InputTag("k", "v")])]
    store.log_inputs("a", inputs)
    store.dataset_summaries(["0"])
    store.delete_run("a")
    store.restore_run("a")
    store.move_artifacts("a", store.get_run("a").info.artifact_uri, "s3://b/a")
    store.record_digests("a", [("f", 1, "a" * 64)])
    store.get_digests("a")
    store.get_digests("a", ["f"])
    store.forget_digests("a", "f")
    store.histories(["a"])
    store.get_metric_summary("a")
    store.get_metric_history("a", "m")
    page = store.metric_history_page("a", "m", 5)
    store.metric_history_page("a", "m", 5, page.token)
    store.sampled_histories(["a"], "m", 1, 5000, 10)


def searches(store):
    for text, _ in found_by_filters.pytestmark[0].args[1]:
        store.search_runs(["0"], text, ViewType.ALL)
    for order, _ in found_in_order.pytestmark[0].args[1]:
        page = store.search_runs(["0"], order_by=order, max_results=1)
        store.search_runs(["0"], order_by=order, max_results=1, page_token=page.token)
    store.search_run_columns(["0"])
    store.search_experiments(filter_string="name LIKE 'x%' AND tags.k = '1'")
    store.get_experiment_by_name("Default")


def models(store):
    made = store.models.create("0", "m", params={"p": "1"}, tags={"t": "1"})
    store.models.log_params(made.model_id, {"q": "1"})
    store.models.set_tags(made.model_id, {"u": "1"})
    store.models.delete_tag(made.model_id, "u")
    store.models.finalize(made.model_id, "READY")
    store.models.log_outputs("a", [LoggedModelOutput(made.model_id, 1)])
    store.log("a", inputs=RunInputs([], [LoggedModelInput(made.model_id)]))
    store.log("a", measured=[Metric("m", 1.0, 0, 0, model_id=made.model_id)])
    store.models.search(["0"], order_by=[ModelOrder("metrics.m")])
    store.get_run("a")
    store.models.delete(made.model_id)


def registry(store):
    kept = store.registry
    model = store.models.create("0", "n", source_run_id="a").model_id
    kept.create_model("r", {"k": "v"}, "text")
    for source in ("s3://b/r", f"models:/{model}", "runs:/a/r", "models:/r/1"):
        kept.create_version("r", source, tags={"k": "v"}, run_id="a")
    kept.create_version("r", "s3://b/r", model_id=model)
    kept.update_model("r", "other")
    kept.update_version("r", 1, "other")
    kept.set_model_tag("r", "k", "w")
    kept.delete_model_tag("r", "k")
    kept.set_version_tag("r", 1, "k", "w")
    kept.delete_version_tag("r", 1, "k")
    kept.set_alias("r", "best", 1)
    kept.set_alias("r", "best", 2)
    kept.version_by_alias("r", "best")
    kept.delete_alias("r", "best")
    kept.transition_stage("r", 1, "Staging")
    kept.transition_stage("r", 2, "Staging", archive_existing_versions=True)
    kept.latest_versions("r")
    kept.search_models("name = 'r' AND tags.k = 'v'")
    kept.search_versions("name = 'r' AND run_id = 'a' AND model_id = 'm'")
    kept.rename_model("r", "s")
    kept.download_uri("s", 1)
    kept.delete_version("s", 1)
    kept.delete_model("s")


def records(store):
    kept = store.records
    for _ in range(2):
        kept.store_experiment(
            Experiment("77", "copied", "s3://b", "active", {"k": "v"}, 1, 1), False
        )
    kept.store_experiment(Experiment("77", "other", "s3://b"), True)
    (found,) = kept.runs(kept.run_ids(["0"], "run_id = 'b'"))
    copied = [changed(found, run_id="copied", experiment_id="77")]
    kept.begin_runs([each._replace(files=[("f", 1, "a" * 64, 5)]) for each in copied], False)
    kept.store_models(kept.models(["0"]), True)
    model = kept.models(["0"])[0].model
    kept.store_models(
        [ModelRecord(LoggedModel(**{**dict(model), "model_id": "m-2", "metrics": []}))], True
    )
    kept.end_runs(copied)


def views(store):
    store.views.activity(["0"])
    table = store.views.run_table(["0"], "params.p = '1'", max_results=1)
    store.views.table_of(["a"])
    store.views.changes(["0"], table.cursor, run_ids=["a"], keys=["m"], after_steps=[3])
    for kind, key in (("metrics", ""), ("params", ""), ("tags", "t")):
        store.views.completions(["0"], kind, key, "x")
    for start in (None, 5990):
        store.views.series(["a"], ["m"], 10, "step", start, None)
    store.views.series(["a", "b"], ["m", "none"], 10, "time")
    store.create_run("0", run_id="c")
    store.views.series(["c"], ["m"])


def users(store):
    users = Users(store.db)
    ada = users.add("ada", "member", "a long password")
    users.grant("ada", "0", "viewer")
    users.set_role("ada", "viewer")
    users.set_password("ada", None)
    users.grants(), users.granted(ada), users.all(), users.failed_log_ins(0)
    secret = users.add_token("ada", "first")
    users.end_session(users.add_session(ada, 2**50, users.holder(secret, "token")[1]))
    for _ in range(25):
        users.add_session(ada, 2**50)
    users.tokens("ada"), users.experiments_at("0/x")
    users.experiments_of_runs(["a"]), users.experiments_of_models(["m"])
    users.experiments_named(["Default"])
    users.revoke("ada", "first")
    entry = Entry("ada", "first", "127.0.0.1", "getRun", "a", "ok", 5, 6, 1)
    users.note([entry], {1: 5})
    users.audit(Wanted(user="ada", since=1))
    users.forget(10**15)
    users.withdraw("ada", "0")
    users.remove("ada")


def literals():
    """How the statements in the sources begin, up to the first thing that is filled in."""
    for path in [*SOURCE.glob("sql*.py"), SOURCE / "db" / "digests.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.values[0] if isinstance(node, ast.JoinedStr) else node
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                if SQL.match(text.value) and len(text.value) > 12:
                    yield path.name, text.value


TYPES = "bigint|int|text|n?varchar|longtext|binary|bytea|double"
OF_FILES = ("recent", "metric (id, run, key)", "into metric_key (name) values (:key)")
OF_FILES += ("select m.id from metric m join metric_key k", "select timestamp from ")


def test_every_statement_was_recorded(recorded):
    missing = [
        (name, text)
        for name, text in literals()
        if not any(text in sql for sql in recorded) and not any(each in text for each in OF_FILES)
        and (name, text[:10]) != ("sqlmetrics.py", "update met")
    ]  # fmt: skip
    assert missing == [], "\n".join(f"{name}: {text}" for name, text in missing)


def check_t_sql(text):
    plain = re.sub(r"'[^']*'", "''", text)
    assert not re.search(FOREIGN, plain, re.IGNORECASE), text
    assert not re.search(r"(?<![\w\[])(key|schema)\b(?!\])", plain), text
    for each in sqlglot.parse(text.replace("?", "@p"), read="tsql"):
        assert not isinstance(each, exp.Command) or text.startswith("set identity_insert"), text


def test_statements_are_t_sql(recorded):
    assert len(recorded) > 150
    for sql in recorded:
        check_t_sql(dialects.translation(SQLServer.PHRASES, "qmark", sql)[0])


class NoServer(SQLServer):
    """Keeps the statement that it is to run."""

    def __init__(self):
        self.ran = []

    def change(self, sql, bindings=None):
        text, names = dialects.translation(self.PHRASES, "qmark", sql)
        self.ran.append((text, tuple(bindings[name] for name in names)))
        return len(self.ran)


def with_bytes(row):
    """A row of PostgreSQL's as it is here."""
    if isinstance(row, tuple):
        return tuple(doubles.sortable(each) if type(each) is float else each for each in row)
    return dict(zip(row, with_bytes(tuple(row.values())), strict=True))


def test_many_rows_are_one_statement(everything_done):
    _, bulks = everything_done
    assert {sql.split()[0] for sql in bulks} == {"insert", "update", "delete"}
    for sql, rows in bulks.items():
        database = NoServer()
        database.change_many(sql, [*map(with_bytes, rows)])
        ((text, (given,)),) = database.ran
        check_t_sql(text)
        assert text.startswith("merge into ") == ("do update" in sql)
        assert len(json.loads(given)) == len(rows)


def test_values_of_many_rows():
    database = NoServer()
    rows = [(1, "é", doubles.sortable(1.0)), (2, None, doubles.sortable(-2.0))]
    database.change_many("insert into t (a, key, b) values (:a, :key, :b)", rows)
    ((text, (given,)),) = database.ran
    assert json.loads(given) == [[1, "é", "bff0000000000000"], [2, None, "3fffffffffffffff"]]
    assert "_b varchar(64) '$[2]'" in text and "convert(varbinary(32), j._b, 2) as _b" in text


def test_who_is_changed_twice_is_changed_in_turn():
    database = NoServer()
    upsert = "insert into t (a, b) values (:a, :b) on conflict (a) do update set b = excluded.b"
    database.change_many(upsert, [{"a": 1, "b": 2}, {"a": 1, "b": 3}])
    assert [values for _, values in database.ran] == [(1, 2), (1, 3)]


def test_upserts_are_merges(recorded):
    upserts = [sql for sql in recorded if "do update" in sql]
    assert len(upserts) > 5
    for sql in upserts:
        text, names = dialects.translation(SQLServer.PHRASES, "qmark", sql)
        assert text.startswith("merge into ") and text.endswith(";")
        assert {*names} == {*re.findall(r":(\w+)", sql)}


def test_no_value_is_lost(recorded):
    for sql in recorded:
        text, names = dialects.translation(SQLServer.PHRASES, "qmark", sql)
        assert {*names} == {*re.findall(r"(?<!:):(\w+)", sql)}
        assert text.count("?") == len(names)


def test_the_tables_are_the_same():
    def tables(name):
        script = re.sub(r"--[^\n]*", "", migrations.schema(name)).replace("if not exists ", "")
        column = rf"(?:^|, )\s*[`\[]?(\w+)[`\]]? (?:{TYPES})"
        return {
            table: {*re.findall(column, body, re.MULTILINE)} - {"id", "same"}
            for table, body in re.findall(r"create table (\w+) \((.*?)\n\)", script, re.DOTALL)
        }

    assert tables("db/schemas/mssql.sql") == tables("db/schemas/postgresql.sql")
    assert tables("db/schemas/mysql.sql") == tables("db/schemas/postgresql.sql")


def test_the_schema_is_t_sql():
    for statement in dialects.statements(NoServer().script()):
        assert not re.search(r"auto_increment|longtext|bytea|`|::|PLAIN|TIME\(", statement)
        known = statement.replace(" with (ignore_dup_key = on)", "")  # sqlglot does not know it
        (parsed,) = sqlglot.parse(known, read="tsql")
        assert isinstance(parsed, exp.Create), statement


def test_the_views_are_the_same():
    def views(script, dialect):
        found = {}
        for statement in dialects.statements(script):
            if statement.startswith("create view"):
                made = sqlglot.parse_one(statement, read=dialect)
                found[made.this.name] = {each.alias_or_name for each in made.expression.selects}
        return found

    theirs = views(migrations.schema("db/schemas/postgresql.sql"), "postgres")
    ours = views(NoServer().script(), "tsql")
    ours["metrics"].remove("is_nan")
    assert len(ours) == 19 and ours == theirs


# -- what the drivers give ------------------------------------------------------------------


def rows_of_mssql_python():
    from mssql_python.row import Row

    return [Row([name, 5, None], {"a": 0, "b": 1, "c": 2}) for name in ("run", "runlog_schema")]


def rows_of_pyodbc():
    pyodbc = pytest.importorskip("pyodbc")
    try:
        connection = pyodbc.connect("Driver=SQLite3;Database=:memory:")
    except pyodbc.Error:
        pytest.skip("no ODBC driver for SQLite: apt-get install libsqliteodbc")
    with closing(connection):
        sql = "select 'run', 5, null union all select 'runlog_schema', 5, null"
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("engine", [SQLServer, MySQL, PostgreSQL])
@pytest.mark.parametrize("made", [rows_of_mssql_python, rows_of_pyodbc])
def test_rows_are_tuples(engine, made):
    given = made()
    assert ("run", 5, None) not in given  # what went wrong
    rows = engine.read(engine.__new__(engine), given)
    assert rows == [("run", 5, None), ("runlog_schema", 5, None)]


SAID = [  # SQLSTATE, what SQL Server says, its number
    ("40001", "Transaction (Process ID 52) was deadlocked on lock resources with another", 1205),
    ("40001", "Transaktion (Prozess-ID 52) befand sich auf Sperre Ressourcen", 1205),
    ("42000", "Snapshot isolation transaction aborted due to update conflict. You", 3960),
    ("23000", "Violation of UNIQUE KEY constraint 'UQ__run'. The value is (2601, 12345).", 2627),
    ("23000", "Violation of PRIMARY KEY constraint 'PK__tag'. Cannot insert duplicate key", 2627),
    ("23000", "Cannot insert duplicate key row in object 'dbo.run' with unique index", 2601),
    ("23000", "The INSERT statement conflicted with the FOREIGN KEY constraint", 547),
    ("23000", "Cannot insert the value NULL into column 'name'", 515),
    ("HYT00", "Lock request time out period exceeded.", 1222),
    ("42000", "The SELECT permission was denied on the object 'run'", 229),
    ("42000", "CREATE TABLE permission denied in database 'd'.", 262),
    ("28000", "Login failed for user 'ada'.", 18456),
    ("42000", "Could not allocate space for object 'dbo.point' in database 'd'", 1105),
    ("42000", "The transaction log for database 'd' is full due to 'LOG_BACKUP'.", 9002),
    ("42000", 'Failed to update database "d" because the database is read-only.', 3906),
    ("42S02", "Invalid object name 'run'.", 208),
    ("42S22", "Invalid column name 'x'.", 207),
    ("22001", "String or binary data would be truncated in table 'd.dbo.tag'", 2628),
    ("42000", "Incorrect syntax near 'x'.", None),
]


@pytest.mark.parametrize("state, text, number", SAID)
def test_errors_of_mssql_python(state, text, number):
    from mssql_python.exceptions import sqlstate_to_exception

    error = sqlstate_to_exception(state, f"[Microsoft][ODBC Driver 18][SQL Server]{text}")
    assert NoServer().code(error) == number


@pytest.mark.parametrize("state, text, number", [each for each in SAID if each[2]])
def test_errors_of_pyodbc(state, text, number):
    """The number of the server stands before the name of ODBC's function, other numbers do not."""
    more = "; [01000] [Microsoft][SQL Server]The statement has been terminated. (3621)"
    text = f"[{state}] [Microsoft][SQL Server]{text} (10054) ({number}) (SQLExecDirectW){more}"
    assert NoServer().code(Exception(state, text)) == number


def test_a_deadlock_is_tried_again():
    from mssql_python.exceptions import sqlstate_to_exception

    database = SQLServer("mssql://ada:secret@127.0.0.1:9/d")
    connection = SimpleNamespace(dbapi_connection=object(), invalidate=lambda: None)
    for state, text, number in SAID:
        error = sqlstate_to_exception(state, f"[Microsoft][SQL Server]{text}")
        translated = database._translated(error, connection)
        assert isinstance(translated, server_errors.Conflict) == (number in SQLServer.CONFLICTS)
        assert "secret" not in str(translated)
    lost = sqlstate_to_exception("08S01", "[Microsoft][SQL Server]TCP Provider: Error code 0x68")
    assert isinstance(database._translated(lost, connection), server_errors.LostConnection)


def test_an_option_that_the_driver_does_not_know():
    with pytest.raises(InvalidParameter, match="'kolor' is not recognized") as raised:
        open_store("mssql://ada:secret@127.0.0.1:9/d?Kolor=red")
    assert "secret" not in str(raised.value)


# -- what SQL Server does otherwise ---------------------------------------------------------


class LikeTSQL:
    """SQLite with the functions of T-SQL, as far as they are tried here."""

    def __init__(self):
        self._connection = apsw.Connection(":memory:")
        self._connection.create_scalar_function("dateadd", self.dateadd, 3)
        self._connection.create_scalar_function("charindex", self.charindex, 2)
        self._connection.create_scalar_function("datalength", lambda t: 2 * len(t), 1)
        self._connection.create_scalar_function("concat", lambda *t: "".join(map(str, t)))

    @staticmethod
    def dateadd(unit, number, time):
        if number is None:
            return None
        assert -(2**31) <= number < 2**31, "Arithmetic overflow converting expression to int"
        span = timedelta(**{f"{unit}s": number})
        return str(datetime.fromisoformat(time) + span)

    @staticmethod
    def charindex(part, text):
        return text.find(part) + 1 if part else 0

    def __call__(self, sql, bindings=()):
        return self._connection.execute(sql, bindings).get


@pytest.mark.parametrize(
    "time, said",
    [
        (0, "1970-01-01 00:00:00"),
        (1_700_000_000_123, "2023-11-14 22:13:20.123000"),
        (128_849_018_880_000, "6053-01-23 02:08:00"),  # its minutes are no int any more
        (253_402_300_799_999, "9999-12-31 23:59:59.999000"),
        (253_402_300_800_000, None),
    ],
)
def test_times_in_views(time, said):
    (view,) = [each for each in dialects.statements(NoServer().script()) if " users as" in each]
    (expression,) = re.findall(r"case when creation_time.*? end", view, re.DOTALL)
    expression = re.sub(r"cast\('(.*?)' as datetime2\(3\)\)", r"'\1'", expression)
    found = LikeTSQL()(
        f"select {expression} from (select 'millisecond' as millisecond, 'second' as second,"
        f" 'minute' as minute, 'day' as day, {time} as creation_time)"
    )
    assert found == said


@pytest.mark.parametrize("text, count", [("", 3), ("a", 2), (" ", 1), ("x", 0)])
def test_completions_of_nothing_are_all(recorded, text, count):
    (sql,) = [each for each in recorded if "instr(" in each and "metric_key" in each]
    (condition,) = re.findall(r"and (instr\(.*? > 0)", sql)
    told, names = dialects.translation(SQLServer.PHRASES, "qmark", condition)
    values = "(select 'ab' as name union select 'B a' union select 'c') k"
    found = LikeTSQL()(f"select count(*) from {values} where {told}", tuple(text for _ in names))
    assert found == count


@pytest.mark.parametrize(
    "table, one, other",
    [
        ("dataset", {"name": "a", "digest": "b/c"}, {"name": "a/b", "digest": "c"}),
        (
            "model_metric",
            {"key": "k", "dataset_name": "a", "dataset_digest": "b/c"},
            {"key": "k", "dataset_name": "a/b", "dataset_digest": "c"},
        ),
        ("model_metric", {"key": "a/1", "step": 1}, {"key": "a", "step": 11}),
        ("audit_entry", {"account": "a", "token": "b/c"}, {"account": "a/b", "token": "c"}),
        ("audit_entry", {"action": "a/", "target": "b"}, {"action": "a", "target": "/b"}),
    ],
)
@pytest.mark.parametrize("schema", ["db/schemas/mssql.sql", "db/schemas/mysql.sql"])
def test_rows_are_hashed_apart(schema, table, one, other):
    script = migrations.schema(schema).replace("if not exists ", "")
    (made,) = re.findall(rf"create table {table} \((.*?)\n\)", script, re.DOTALL)
    (hashed,) = re.findall(r"(concat\w*\(.*?\))(?:, 256\)|\) as binary)", made, re.DOTALL)
    hashed = re.sub(r"convert\(varchar\(16\), value, 2\)|hex\(value\)", "value", hashed)
    hashed = hashed.replace("char_length", "length")
    columns = re.findall(r"^ +[`\[]?(\w+)[`\]]? \w", made, re.MULTILINE)
    rows = []
    for row in (one, other):
        given = ", ".join(f"'{row.get(name, '')}' as [{name}]" for name in columns)
        rows.append(LikeTSQL()(f"select {hashed} from (select {given})"))
    assert rows[0] != rows[1]


@pytest.mark.parametrize(
    "sql, row",
    [
        ("insert into experiment (name) values (:name)", {"name": "a "}),
        ("update experiment set name = :name where id = :id", {"name": "a ", "id": 1}),
        (
            "insert into param (run, key, value) values (:r, :key, :v)",
            {"r": 1, "key": "a ", "v": ""},
        ),
        ("insert into artifact (run, path) values (:r, :path)", {"r": 1, "path": "a/b "}),
        (
            "\n insert into dataset (name, digest) values (:name, :digest)",
            {"name": "a", "digest": "d "},
        ),
    ],
)
def test_a_blank_at_the_end_is_refused(sql, row):
    """SQL Server takes the name for that without it, which would be overwritten."""
    database = SQLServer("mssql://ada:secret@127.0.0.1:9/d")
    with pytest.raises(InvalidParameter, match="without the blank"):
        database.cursor_of(None, sql, row)
    if sql.startswith("insert"):
        fine = {**row, **{name: 2 if name == "r" else "fine" for name in row}}
        with pytest.raises(InvalidParameter, match="without the blank"):
            database.change_many(sql, [fine, row])


def test_a_text_that_tells_nothing_apart_may_end_with_a_blank():
    database = SQLServer("mssql://ada:secret@127.0.0.1:9/d")
    for sql in (
        "insert into tag (run, key, value) values (:run, :key, :value)",
        "insert into run (run_id, name) values (:run_id, :name)",
        "select id from param where key = :key",
    ):
        values = dict.fromkeys(re.findall(r":(\w+)", sql), "fine")
        values.update((name, "a ") for name in ("value", "name") if name in values)
        with pytest.raises(AttributeError):  # as far as the connection, of which there is none
            database.cursor_of(None, sql, values)


def test_more_values_than_it_binds():
    sql = "select 1 from t where a = :p0 and b in (" + ", ".join(f":p{n}" for n in range(1, 3000))
    text, names = dialects.translation(SQLServer.PHRASES, "qmark", sql + ")")
    values = ["it's", b"\xff\x00", None, 5, 1.5, *range(2995)]
    bound, rest = NoServer().bound(text, tuple(values))
    assert rest == () and "?" not in bound
    assert bound.startswith("select 1 from t where a = N'it''s' and b in (0xff00, null, 5, 1.5, 0,")
    assert len(sqlglot.parse_one(bound, read="tsql").find(exp.In).expressions) == 2999
    assert NoServer().bound("a = ?", (1,)) == ("a = ?", (1,))


def test_the_lock_on_the_tables_is_waited_for():
    (found,) = re.findall(r"throw (\d+), '(.*?)'", SQLServer.LOCK_SCHEMA)
    number, words = int(found[0]), found[1]
    assert number in SQLServer.BUSY and NoServer().code(Exception(words)) == number


def test_a_driver_is_needed(monkeypatch):
    import sys

    from runlog.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "mssql_python", None)
    with pytest.raises(MissingExtra, match=re.escape("runlog-tracking[mssql]")):
        open_store("mssql://ada:secret@127.0.0.1/d")
