"""SQL Server, of which no server can run here: every statement that a store issues is put in its
words and parsed. They are recorded while another database does everything that a store can do."""

from __future__ import annotations

import ast
import json
import math
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from contract.test_search import test_found as found_by_filters
from contract.test_search import test_order as found_in_order
from runlog import migrate, sqlsearch
from runlog.db import doubles, servers
from runlog.db.mssql import SQLServer
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
from runlog.models import ModelOrder
from runlog.records import ModelRecord, changed
from runlog.sqlusers import Users, Wanted
from runlog.store import open_store
from runlog.users import Entry

SOURCE = Path(servers.__file__).parents[1]
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
    store._make_default_experiment()
    everything(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlsearch, "FEW", 1)  # these runs are many
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
    records(store)
    views(store)
    users(store)
    store.delete_run("a")
    store.trash(run_ids=["a"], experiment_ids=["1"])
    store.gc()


def experiments(store):
    with store.db.transaction():
        store.db.execute("delete from experiment where id = 0")
    store._make_default_experiment()
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


def records(store):
    kept = store.records
    for _ in range(2):
        kept.keep_experiment(
            Experiment("77", "copied", "s3://b", "active", {"k": "v"}, 1, 1), False
        )
    kept.keep_experiment(Experiment("77", "other", "s3://b"), True)
    (found,) = kept.runs(kept.run_ids(["0"], "run_id = 'b'"))
    copied = [changed(found, run_id="copied", experiment_id="77")]
    kept.begin_runs([each._replace(files=[("f", 1, "a" * 64, 5)]) for each in copied], False)
    kept.keep_models(kept.models(["0"]), True)
    model = kept.models(["0"])[0].model
    kept.keep_models(
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
        check_t_sql(servers._translation(SQLServer.PHRASES, "qmark", sql)[0])


class NoServer(SQLServer):
    """Keeps the statement that it is to run."""

    def __init__(self):
        self.ran = []

    def change(self, sql, bindings=None):
        text, names = servers._translation(self.PHRASES, "qmark", sql)
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
        text, names = servers._translation(SQLServer.PHRASES, "qmark", sql)
        assert text.startswith("merge into ") and text.endswith(";")
        assert {*names} == {*re.findall(r":(\w+)", sql)}


def test_no_value_is_lost(recorded):
    for sql in recorded:
        text, names = servers._translation(SQLServer.PHRASES, "qmark", sql)
        assert {*names} == {*re.findall(r"(?<!:):(\w+)", sql)}
        assert text.count("?") == len(names)


def test_the_tables_are_the_same():
    def tables(name):
        script = re.sub(r"--[^\n]*", "", migrate.schema(name)).replace("if not exists ", "")
        column = rf"(?:^|, )\s*[`\[]?(\w+)[`\]]? (?:{TYPES})"
        return {
            table: {*re.findall(column, body, re.MULTILINE)} - {"id", "same"}
            for table, body in re.findall(r"create table (\w+) \((.*?)\n\)", script, re.DOTALL)
        }

    assert tables("schema-mssql.sql") == tables("schema-postgresql.sql")
    assert tables("schema-mysql.sql") == tables("schema-postgresql.sql")


def test_the_schema_is_t_sql():
    for statement in servers.statements(NoServer().script()):
        assert not re.search(r"auto_increment|longtext|bytea|`|::|PLAIN|TIME\(", statement)
        known = statement.replace(" with (ignore_dup_key = on)", "")  # sqlglot does not know it
        (parsed,) = sqlglot.parse(known, read="tsql")
        assert isinstance(parsed, exp.Create), statement


def test_the_views_are_the_same():
    def views(script, dialect):
        found = {}
        for statement in servers.statements(script):
            if statement.startswith("create view"):
                made = sqlglot.parse_one(statement, read=dialect)
                found[made.this.name] = {each.alias_or_name for each in made.expression.selects}
        return found

    theirs = views(migrate.schema("schema-postgresql.sql"), "postgres")
    ours = views(NoServer().script(), "tsql")
    ours["metrics"].remove("is_nan")
    assert len(ours) == 14 and ours == theirs


def test_a_driver_is_needed(monkeypatch):
    import sys

    from runlog.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "mssql_python", None)
    with pytest.raises(MissingExtra, match=re.escape("runlog-tracking[mssql]")):
        open_store("mssql://ada:secret@127.0.0.1/d")
