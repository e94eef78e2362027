"""The search language: what is read, what is refused and where, and what it means."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    MetricSummary,
    Run,
    RunData,
    RunInfo,
    RunInputs,
)
from runlog.errors import InvalidParameter
from runlog.query.clauses import (
    EXPERIMENTS,
    RUNS,
    And,
    Comparison,
    Field,
    Not,
    Or,
    OrderBy,
    full_order,
)
from runlog.query.evaluate import matches, sort_items
from runlog.query.page_token import decode_token, encode_token
from runlog.query.parser import FilterError, parse_filter, parse_order_by
from runlog.query.render import render_clause, render_order_by


def changed(entity, **fields):
    return type(entity)(**{**dict(entity), **fields})


DOCS = (Path(__file__).parents[1] / "docs" / "query.md").read_text()
NAN, INF = math.nan, math.inf


def metric(key, op, value, aggregate="last"):
    return Comparison(Field("metric", key, aggregate), op, value)


def param(key, op, value):
    return Comparison(Field("param", key), op, value)


def tag(key, op, value):
    return Comparison(Field("tag", key), op, value)


def attribute(key, op, value):
    return Comparison(Field("attribute", key), op, value)


def dataset(key, op, value):
    return Comparison(Field("dataset", key), op, value)


A, B, C, D = (param(key, "=", "x") for key in "abcd")


# ------------------------------------------------------------------------------------ what is read

# Read by MLflow 3.17 in the same way.
AS_MLFLOW = [
    ("metrics.a > 1", metric("a", ">", 1.0)),
    ("metric.a>1", metric("a", ">", 1.0)),
    ("metrics.a.b.c > 1", metric("a.b.c", ">", 1.0)),
    ("metrics.`a b` > 1", metric("a b", ">", 1.0)),
    ('metrics."a b" > 1', metric("a b", ">", 1.0)),
    ("metrics.'a b' > 1", metric("a b", ">", 1.0)),
    ('metrics.`a"b` > 1', metric('a"b', ">", 1.0)),
    ("`metrics`.a > 1", metric("a", ">", 1.0)),
    ("`metrics`.`a` > 1", metric("a", ">", 1.0)),
    ("metrics.1a > 1", metric("1a", ">", 1.0)),
    ("metrics._a > 1", metric("_a", ">", 1.0)),
    ("metrics.é > 1", metric("é", ">", 1.0)),
    ("metrics.and > 1", metric("and", ">", 1.0)),
    ("metrics.not > 1", metric("not", ">", 1.0)),
    ("metrics.min > 1", metric("min", ">", 1.0)),
    ("metrics.m = 1.5e3", metric("m", "=", 1500.0)),
    ("metrics.m = -1", metric("m", "=", -1.0)),
    ("metrics.m = .5", metric("m", "=", 0.5)),
    ("metrics.m = 5.", metric("m", "=", 5.0)),
    ("metrics.m = 1E-5", metric("m", "=", 1e-5)),
    ("metrics.m>-.5", metric("m", ">", -0.5)),
    ("metrics.m > 1e400", metric("m", ">", INF)),
    ("metrics.m\n>=\t1", metric("m", ">=", 1.0)),
    ("metrics.m\xa0!= 1", metric("m", "!=", 1.0)),
    ("params.a = 'x'", param("a", "=", "x")),
    ('param.a = "x"', param("a", "=", "x")),
    ("parameters.a != 'x'", param("a", "!=", "x")),
    ("parameter.a like '%x'", param("a", "LIKE", "%x")),
    ("params.a ILIKE '%x'", param("a", "ILIKE", "%x")),
    ("params.a = ''", param("a", "=", "")),
    ('params.a = "it\'s"', param("a", "=", "it's")),
    ("params.a = 'back\\\\slash'", param("a", "=", "back\\\\slash")),
    ("params.a = 'x\ny'", param("a", "=", "x\ny")),
    ("params.a IS NULL", param("a", "IS NULL", None)),
    ("params.a is not null", param("a", "IS NOT NULL", None)),
    ("params.a..b = 'x'", param("a..b", "=", "x")),
    ("params..a = 'x'", param(".a", "=", "x")),
    ("params.a = 'x' AND metrics.b > 1", And((A, metric("b", ">", 1.0)))),
    ("params.a = 'x'and metrics.b > 1", And((A, metric("b", ">", 1.0)))),
    ("tags.`mlflow.runName` = 'x'", tag("mlflow.runName", "=", "x")),
    ("tag.mlflow.runName = 'x'", tag("mlflow.runName", "=", "x")),
    ("status = 'FINISHED'", attribute("status", "=", "FINISHED")),
    ("attributes.status = 'finished'", attribute("status", "=", "finished")),
    ("attribute.status LIKE '%'", attribute("status", "LIKE", "%")),
    ("attr.status != 'x'", attribute("status", "!=", "x")),
    ("run.status = 'x'", attribute("status", "=", "x")),
    ("run_id IN ('r')", attribute("run_id", "IN", ("r",))),
    ("run_id NOT IN (\"r\", 'q')", attribute("run_id", "NOT IN", ("r", "q"))),
    ("run_id IN ('a',)", attribute("run_id", "IN", ("a",))),
    ("`run name` = 'n'", attribute("run_name", "=", "n")),
    ("attributes.`Run name` = 'n'", attribute("run_name", "=", "n")),
    ("\"Run Name\" = 'n'", attribute("run_name", "=", "n")),
    ("Created > 1", attribute("start_time", ">", 1)),
    ("attributes.created > 1", attribute("start_time", ">", 1)),
    ("start_time > 1.5", attribute("start_time", ">", 1.5)),
    ("end_time <= 5", attribute("end_time", "<=", 5)),
    ("user_id = 'u'", attribute("user_id", "=", "u")),
    ("artifact_uri = 'u'", attribute("artifact_uri", "=", "u")),
    ("datasets.name = 'x'", dataset("name", "=", "x")),
    ("dataset.digest LIKE 'x'", dataset("digest", "LIKE", "x")),
    ("datasets.context IN ('a', 'b')", dataset("context", "IN", ("a", "b"))),
    ("datasets.`name` = 'x'", dataset("name", "=", "x")),
]
# Refused by MLflow 3.17, or read with quotes still doubled and integers beyond 64 bits.
BEYOND_MLFLOW = [
    ("METRICS.a > 1", metric("a", ">", 1.0)),
    ("metrics.a/b > 1", metric("a/b", ">", 1.0)),
    ("metrics.a-b>-1", metric("a-b", ">", -1.0)),
    ("metrics.1 > 1", metric("1", ">", 1.0)),
    ("metrics.in > 1", metric("in", ">", 1.0)),
    ("params.values = 'x'", param("values", "=", "x")),
    ("metrics.m = +1", metric("m", "=", 1.0)),
    ("metrics.m = NaN", metric("m", "=", NAN)),
    ("metrics.m = nan", metric("m", "=", NAN)),
    ("metrics.m < inf", metric("m", "<", INF)),
    ("metrics.m > -Infinity", metric("m", ">", -INF)),
    ("metrics.m IN (1, nan)", metric("m", "IN", (1.0, NAN))),
    ("metrics.m BETWEEN 1 AND 2", metric("m", "BETWEEN", (1.0, 2.0))),
    ("metrics.m not  between 1 and 2", metric("m", "NOT BETWEEN", (1.0, 2.0))),
    ("metrics.m IS NULL", metric("m", "IS NULL", None)),
    ("min(metrics.m) < 1", metric("m", "<", 1.0, "min")),
    ("MAX ( metrics.`a b` ) < 1", metric("a b", "<", 1.0, "max")),
    ("first(metrics.m) = 1", metric("m", "=", 1.0, "first")),
    ("last(metrics.m) = 1", metric("m", "=", 1.0)),
    ("count(metrics.m) >= 10", metric("m", ">=", 10, "count")),
    ("params.a NOT LIKE '%x'", param("a", "NOT LIKE", "%x")),
    ("params.a not ilike '%x'", param("a", "NOT ILIKE", "%x")),
    ("params.a IN('x','y')", param("a", "IN", ("x", "y"))),
    ("params.a BETWEEN 'a' AND 'b'", param("a", "BETWEEN", ("a", "b"))),
    ("params.a IS  NOT\nNULL", param("a", "IS NOT NULL", None)),
    ("status IN ('FINISHED')", attribute("status", "IN", ("FINISHED",))),
    ("end_time IS NULL", attribute("end_time", "IS NULL", None)),
    ("start_time BETWEEN 1 AND 2.5", attribute("start_time", "BETWEEN", (1, 2.5))),
    ("start_time > 9007199254740993", attribute("start_time", ">", 2**53 + 1)),
    ("start_time < 9223372036854775808", attribute("start_time", "<", INF)),
    ("start_time > -9223372036854775809", attribute("start_time", ">", -INF)),
    ("run_uuid = 'r'", attribute("run_id", "=", "r")),
    ("experiment_id = '0'", attribute("experiment_id", "=", "0")),
    ("lifecycle_stage = 'active'", attribute("lifecycle_stage", "=", "active")),
    ("duration > 1", attribute("duration", ">", 1)),
    ("dataset.name IS NULL", dataset("name", "IS NULL", None)),
    ("params.a = 'it''s'", param("a", "=", "it's")),
    ('params.a = "say ""a"""', param("a", "=", 'say "a"')),
    ("metrics.`a``b` > 1", metric("a`b", ">", 1.0)),
    ('metrics."a""b" > 1', metric('a"b', ">", 1.0)),
    ("(params.a = 'x')", A),
    ("NOT params.a = 'x'", Not(A)),
    ("not not params.a = 'x'", Not(Not(A))),
    ("NOT(params.a = 'x')", Not(A)),
]


@pytest.mark.parametrize("text, clause", AS_MLFLOW + BEYOND_MLFLOW)
def test_comparisons(text, clause):
    found = parse_filter(f"  {text}\n")
    assert found == clause
    assert parse_filter(render_clause(found)) == clause


@pytest.mark.parametrize(
    "text, clause",
    [
        ("a AND b AND c", And((A, B, C))),
        ("a AND (b AND c)", And((A, B, C))),
        ("(a AND b) AND (c AND d)", And((A, B, C, D))),
        ("a OR (b OR c)", Or((A, B, C))),
        ("a OR b AND c", Or((A, And((B, C))))),
        ("a AND b OR c AND d", Or((And((A, B)), And((C, D))))),
        ("a AND (b OR c)", And((A, Or((B, C))))),
        ("NOT a AND b", And((Not(A), B))),
        ("NOT (a AND b)", Not(And((A, B)))),
        ("NOT (a OR b) OR NOT NOT c", Or((Not(Or((A, B))), Not(Not(C))))),
        ("((a)) OR ((b OR (c)))", Or((A, B, C))),
        ("a or (b and not (c or d))", Or((A, And((B, Not(Or((C, D)))))))),
    ],
)
def test_logic(text, clause):
    filter_ = re.sub(r"\b[abcd]\b", r"params.\g<0> = 'x'", text)
    assert parse_filter(filter_) == clause
    assert parse_filter(render_clause(clause)) == clause


def test_between_takes_its_own_and():
    between = metric("m", "BETWEEN", (1.0, 2.0))
    assert parse_filter("metrics.m BETWEEN 1 AND 2 AND params.a = 'x'") == And((between, A))


@pytest.mark.parametrize("text", [None, "", "  ", "\n"])
def test_nothing_asked(text):
    assert parse_filter(text) is None
    assert matches(None, RUN)


def test_equal_clauses_say_the_same():
    texts = ["metrics.a = 1", "metrics.b = 1", "metrics.a < 1", "metrics.a = 2", "params.a = '1'"]
    assert len({parse_filter(text) for text in texts}) == len(texts)
    assert metric("a", "=", 1.0) == metric("a", "=", 1) != "metrics.a = 1"


def test_numbers_keep_their_type():
    types = {
        text: type(parse_filter(text).value) for text in ("metrics.a = 1", "count(metrics.a) = 1")
    }
    assert list(types.values()) == [float, int]
    assert parse_filter("metrics.a = NaN").value is math.nan


@pytest.mark.parametrize(
    "text, clause",
    [
        ("name = 'x'", attribute("name", "=", "x")),
        ("attribute.name LIKE 'x'", attribute("name", "LIKE", "x")),
        ("attributes.creation_time > 1", attribute("creation_time", ">", 1)),
        ("last_update_time IS NULL", attribute("last_update_time", "IS NULL", None)),
        ("experiment_id IN ('1', '2')", attribute("experiment_id", "IN", ("1", "2"))),
        ("tags.a = 'x'", tag("a", "=", "x")),
        ("tag.`a b` IS NULL", tag("a b", "IS NULL", None)),
    ],
)
def test_experiments_have_fields_of_their_own(text, clause):
    assert parse_filter(text, EXPERIMENTS) == clause


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "text, position, words",
    [
        # Nonsense to MLflow too, whose phrases begin the messages.
        ("metrics.a b > 1", 10, "Invalid clause(s) in filter string at position 10, near 'b'"),
        ("metrics.a:b > 1", 9, "a key with other characters goes in back-ticks"),
        ("metrics .a > 1", 8, "expected a key right after the dot"),
        ("`metrics.a` > 1", 0, "Invalid attribute key 'metrics.a'"),
        ("foo.bar = 'x'", 0, "Invalid entity type 'foo' at position 0"),
        ("metrcs.a > 1", 0, "Did you mean metrics?"),
        ("nosuch = 'x'", 0, "Invalid attribute key 'nosuch' at position 0"),
        ("attr.strat_time > 1", 5, "runs have run_id, experiment_id, run_name, status, start_time"),
        ("attr.strat_time > 1", 5, "Did you mean start_time?"),
        ("STATUS = 'x'", 0, "Did you mean status?"),
        ("datasets.foo = 'x'", 9, "Invalid dataset key 'foo' at position 9"),
        ("metrics.m = 0x10", 12, "Expected numeric value type for metrics.m at position 12"),
        ("metrics.m = '1'", 12, "write a number without quotes"),
        ("metrics.m = 1_000", 12, "Expected numeric value type"),
        ("metrics.m = - 1", 12, "Expected numeric value type"),
        ("metrics.m = metrics.n", 12, "Expected numeric value type"),
        ("start_time = '1'", 13, "Expected numeric value type for start_time"),
        ("metrics.m = \u0131nf", 12, "Expected numeric value type"),
        ("metrics.m == 1", 10, "Invalid comparator '==' at position 10"),
        ("metrics.m == 1", 10, ": write ="),
        ("metrics.m <> 1", 10, ": write !="),
        ("metrics.m ~ 1", 10, "Invalid comparator '~'"),
        ("metrics.m LIKE '1'", 10, "Invalid comparator 'LIKE'"),
        ("params.a > 'x'", 9, "params.a takes =, !=, IN"),
        ("params.a RLIKE 'x'", 9, "expected an operator: =, !="),
        ("tags.a < 'x'", 7, "Invalid comparator '<'"),
        ("run_id < 'r'", 7, "Invalid comparator '<'"),
        ("start_time LIKE '1'", 11, "Invalid comparator 'LIKE'"),
        (
            "params.a = x",
            11,
            "Expected a quoted string value for params.a at position 11, near 'x'",
        ),
        ("params.a = 1", 11, "Expected a quoted string value"),
        ("params.a = `x`", 11, "Expected a quoted string value"),
        ("params.a = 'x", 11, "the ' that starts here is never closed"),
        ('params.a = "x""', 11, 'the " that starts here is never closed'),
        ("params.`a = 'x'", 7, "right after the dot"),
        ("`a = 'x'", 0, "the ` that starts here is never closed"),
        ("tags.`team = 'A'", 5, "the ` that starts here is never closed"),
        ("params.a = 'x' 'y'", 15, "near \"'y'\": expected AND, OR or the end"),
        ("params.a = 'x', params.b = 'y'", 14, "expected AND, OR or the end"),
        ("params.a = 'x';", 14, "near ';'"),
        ("params.a = 'x' -- comment", 15, "expected AND, OR or the end"),
        ("params.a IS", 9, "expected an operator"),
        ("params.a", 8, "at position 8, at the end: expected an operator"),
        ("metrics.a >", 11, "at the end"),
        ("not.a = 'x'", 0, "Invalid entity type 'not'"),
        ("1 < metrics.a", 0, "expected a field such as metrics.loss"),
        ("'x' = params.a", 0, "expected a field"),
        ("run_id IN ()", 11, "a list holds at least one value"),
        ("run_id IN (1)", 11, "Expected a quoted string value"),
        ("run_id IN 'a'", 10, "expected a list in parentheses"),
        ("run_id IN ('a'", 14, "expected , or )"),
        ("run_id IN ('a',,)", 15, "Expected a quoted string value"),
        # Read by MLflow.
        ("run_id IN ('a' 'b')", 15, "expected , or )"),
        ("AND params.a = 'x'", 0, "expected a field"),
        ("params.a = 'x' AND ", 19, "at position 19, at the end: expected a field"),
        ("params.a = 'x' AND OR params.b = 'x'", 19, "near 'OR': expected a field"),
        ("params.a = 'x' params.b = 'x'", 15, "expected AND, OR or the end"),
        ("metrics. > 1", 7, "expected a key right after the dot"),
        ("metrics.`` > 1", 8, "a key cannot be empty"),
        ("params.a = 'it\\'s'", 16, "expected AND, OR or the end"),
        # The language's own.
        ("(params.a = 'x'", 0, "this parenthesis is never closed"),
        ("params.a = 'x' AND (params.a = 'x'", 19, "this parenthesis is never closed"),
        ("params.a = 'x')", 14, "this parenthesis closes nothing"),
        ("(params.a = 'x' params.a = 'x'", 16, "expected AND, OR or )"),
        ("()", 1, "expected a field"),
        ("NOT", 3, "expected a field"),
        ("metrics.m BETWEEN 1", 19, "expected AND and the upper bound"),
        ("metrics.m BETWEEN 1 OR 2", 20, "expected AND and the upper bound"),
        ("metrics.m BETWEEN 'a' AND 'b'", 18, "Expected numeric value type"),
        ("mean(metrics.m) > 1", 0, "no function 'mean', there are: last, min, max, first, count"),
        ("min(loss) > 1", 4, "Invalid attribute key 'loss'"),
        ("min(params.m) > 1", 4, "min() is of a metric: min(metrics.NAME)"),
        ("min(max(metrics.m)) > 1", 4, "min() is of a metric"),
        ("min(metrics.m > 1", 14, "expected )"),
        ("min(metrics.a:b) > 1", 13, "goes in back-ticks"),
        ("params.a = '\0'", 12, "cannot be searched for"),
        ("params.a = '\udcff'", 12, "cannot be searched for"),
    ],
)
def test_refused_with_place_and_reason(text, position, words):
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert words in caught.value.message
    assert caught.value.position == position
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("text", ["params.p = `1`", "params.p IN (`1`)", "metrics. `m` > 1"])
def test_of_a_quote_that_is_closed_nobody_says_that_it_is_not(text):
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert "closed" not in caught.value.message


@pytest.mark.parametrize(
    "text, words",
    [
        ("metrics.a > 1", "experiments have tags, attributes"),
        ("params.a = 'x'", "Invalid entity type 'params'"),
        ("run_id = 'x'", "experiments have experiment_id, name"),
        ("min(metrics.a) > 1", "no function 'min', there are: none"),
        ("1", "expected a field such as name"),
    ],
)
def test_experiments_lack_what_runs_have(text, words):
    with pytest.raises(FilterError, match=re.escape(words)):
        parse_filter(text, EXPERIMENTS)


@pytest.mark.parametrize("text", [5, b"metrics.a > 1", ["metrics.a > 1"]])
def test_only_text_is_read(text):
    with pytest.raises(InvalidParameter, match="is text, not"):
        parse_filter(text)
    with pytest.raises(InvalidParameter):
        parse_order_by([5])


def test_at_the_limits():
    assert parse_filter("(" * 100 + "metrics.a > 1" + ")" * 100) == metric("a", ">", 1.0)
    assert parse_filter("NOT " * 100 + "metrics.a > 1") is not None
    assert parse_filter(" AND ".join(["NOT (metrics.a > 1)"] * 1000)) is not None
    assert parse_filter("params.a LIKE '" + "%" * 10_000 + "'") is not None
    assert parse_filter("metrics.a > 1" + " " * (100_000 - 13)) is not None
    assert parse_filter("metrics.a = " + "0" * 999 + "1") == metric("a", "=", 1.0)


@pytest.mark.parametrize(
    "text, words",
    [
        ("(" * 99_999, "nested deeper than 100 levels"),
        ("NOT " * 20_000, "nested deeper than 100 levels"),
        ("NOT (" * 51 + "metrics.a > 1" + ")" * 51, "nested deeper"),
        ("min(" * 20_000, "min() is of a metric"),
        (" OR ".join(["metrics.a > 1"] * 1001), "more than 1000 comparisons"),
        ("x" * 1_000_000, "at most 100000 characters, this one has 1000000"),
        ("'" * 99_999, "expected a field"),
        ('"' * 99_999, "never closed"),
        ("`" * 99_999, "never closed"),
        ("params.a = 'x" + "''" * 40_000, "never closed"),
        ("params.`x" + "``" * 40_000, "right after the dot"),
        ("metrics.a > " + "1" * 90_000, "at most 1000 characters"),
        ("params.a LIKE '" + "%" * 10_001 + "'", "a pattern has at most 10000 characters"),
        ("metrics.a IN (" + "1," * 40_000, "Expected numeric value type"),
        ("params.a NOT" + " " * 90_000 + "x", "expected an operator"),
        ("metrics.a > 1" + "\n" * 90_000 + "$", "expected AND, OR or the end"),
        ("metrics." + "a" * 90_000 + "$", "expected an operator"),
        ("a" * 99_999, "Invalid attribute key 'aaaa"),
    ],
    ids=range(18),
)
def test_hostile_text_is_refused_at_once(text, words):
    start = time.process_time()
    with pytest.raises(FilterError, match=re.escape(words)) as caught:
        parse_filter(text)
    assert time.process_time() - start < 2
    assert len(caught.value.message) < 600


# ---------------------------------------------------------------------------------- there and back


@given(strategies.clauses())
def test_parse_reads_what_render_writes(clause):
    assert parse_filter(render_clause(clause)) == clause
    assert hash(parse_filter(render_clause(clause))) == hash(clause)


@given(strategies.clauses(EXPERIMENTS))
def test_parse_reads_what_render_writes_of_experiments(clause):
    assert parse_filter(render_clause(clause), EXPERIMENTS) == clause


@given(strategies.orders())
def test_order_by_there_and_back(order):
    assert parse_order_by([render_order_by(each) for each in order]) == order


@given(st.text("ametrics.pt '\"`()<>=!1NOTANDIé%,;/-", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        clause = parse_filter(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text)
    else:
        assert clause is None or parse_filter(render_clause(clause)) == clause


@pytest.mark.parametrize(
    "clause, text",
    [
        (metric("a b", "<", 0.5, "min"), "min(metrics.`a b`) < 0.5"),
        (param("x`y", "=", "it's"), 'params."x`y" = "it\'s"'),
        (param('x`"y', "=", "'\""), "params.`x``\"y` = '''\"'"),
        (attribute("status", "IN", ("A", "B")), "status IN ('A', 'B')"),
        (metric("a", "NOT BETWEEN", (-INF, NAN)), "metrics.a NOT BETWEEN -inf AND nan"),
        (Or((A, And((B, Not(C))))), "params.a = 'x' OR params.b = 'x' AND NOT params.c = 'x'"),
        (And((Or((A, B)), C)), "(params.a = 'x' OR params.b = 'x') AND params.c = 'x'"),
        (Not(And((A, Not(B)))), "NOT (params.a = 'x' AND NOT params.b = 'x')"),
        (Not(Not(A)), "NOT NOT params.a = 'x'"),
    ],
)
def test_rendered_text_is_plain(clause, text):
    assert render_clause(clause) == text
    assert parse_filter(text) == clause


# ---------------------------------------------------------------------------------- what it means

INFO = RunInfo(
    run_id="r1",
    experiment_id="7",
    user_id="u",
    status="FINISHED",
    start_time=2**53 + 1,
    run_name="first",
)
DATA = RunData(
    metrics={"one": 1.0, "nan": NAN, "inf": INF, "-inf": -INF, "-0": -0.0, "tiny": 5e-324},
    params={"p": "Abc", "empty": "", "é": "É", "line": "a\nb"},
    tags={"t": "x"},
)
INPUTS = RunInputs(
    [
        DatasetInput(
            Dataset("digits", "d1", "local", "{}"), [InputTag("mlflow.data.context", "train")]
        ),
        DatasetInput(Dataset("iris", "d2", "local", "{}"), [InputTag("other", "test")]),
    ]
)
RUN = Run(INFO, DATA, INPUTS)
BARE = Run(INFO)
SUMMARIES = {
    "one": MetricSummary("one", 3, 1.0, 2, 20, 5.0, 0, 0.5, 1, 5.0, 0),
}

YES, NO, UNKNOWN = "yes", "no", "unknown"


def truth(text, run=RUN):
    """What a comparison is, seen from outside: an unknown one and its NOT both find nothing."""
    clause = parse_filter(text)
    found = matches(clause, run, SUMMARIES), matches(Not(clause), run, SUMMARIES)
    return {(True, False): YES, (False, True): NO, (False, False): UNKNOWN}[found]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("metrics.one = 1", YES),
        ("metrics.one != 1", NO),
        ("metrics.one >= 1", YES),
        ("metrics.one < 1", NO),
        ("metrics.none = 1", UNKNOWN),
        ("metrics.none != 1", UNKNOWN),
        ("metrics.none IN (1)", UNKNOWN),
        ("metrics.none BETWEEN 1 AND 2", UNKNOWN),
        ("metrics.none IS NULL", YES),
        ("metrics.none IS NOT NULL", NO),
        ("metrics.nan IS NULL", NO),
        ("metrics.nan = NaN", YES),
        ("metrics.nan != NaN", NO),
        ("metrics.nan = 1", NO),
        ("metrics.nan != 1", YES),
        ("metrics.nan < 1", NO),
        ("metrics.nan > 1", NO),
        ("metrics.nan >= NaN", NO),
        ("metrics.nan IN (1, NaN)", YES),
        ("metrics.nan NOT IN (1, 2)", YES),
        ("metrics.nan BETWEEN -inf AND inf", NO),
        ("metrics.nan NOT BETWEEN -inf AND inf", YES),
        ("metrics.one = NaN", NO),
        ("metrics.one != NaN", YES),
        ("metrics.one < NaN", NO),
        ("metrics.one BETWEEN NaN AND 2", NO),
        ("metrics.one BETWEEN 0 AND NaN", NO),
        ("metrics.one BETWEEN 1 AND 1", YES),
        ("metrics.one BETWEEN 2 AND 0", NO),
        ("metrics.inf = inf", YES),
        ("metrics.inf > 1e308", YES),
        ("metrics.inf <= -inf", NO),
        ("metrics.`-inf` < 0", YES),
        ("metrics.`-0` = 0", YES),
        ("metrics.`-0` >= 0", YES),
        ("metrics.tiny > 0", YES),
        ("metrics.tiny = 5e-324", YES),
        ("min(metrics.one) = 0.5", YES),
        ("max(metrics.one) = 5", YES),
        ("first(metrics.one) = 5", YES),
        ("count(metrics.one) = 3", YES),
        ("min(metrics.none) = 0.5", UNKNOWN),
        ("count(metrics.none) = 0", YES),
        ("count(metrics.none) IS NULL", NO),
        ("params.p = 'Abc'", YES),
        ("params.p = 'abc'", NO),
        ("params.q != 'x'", UNKNOWN),
        ("params.q IS NULL", YES),
        ("params.empty = ''", YES),
        ("params.empty IS NULL", NO),
        ("params.p BETWEEN 'A' AND 'B'", YES),
        ("params.p BETWEEN 'a' AND 'b'", NO),
        ("params.p IN ('x', 'Abc')", YES),
        ("params.p NOT IN ('x', 'Abc')", NO),
        ("params.q NOT IN ('x')", UNKNOWN),
        ("params.q NOT LIKE 'x'", UNKNOWN),
        ("tags.t = 'x'", YES),
        ("tags.p = 'Abc'", UNKNOWN),
        ("run_id = 'r1'", YES),
        ("status = 'finished'", NO),
        ("start_time = 9007199254740993", YES),
        ("start_time = 9007199254740992", NO),
        ("start_time = 9007199254740992.0", NO),
        ("start_time < 9223372036854775808", YES),
        ("start_time < NaN", NO),
        ("end_time > 0", UNKNOWN),
        ("duration > 0", UNKNOWN),
        ("end_time IS NULL", YES),
        ("datasets.name = 'digits'", YES),
        ("datasets.name = 'iris'", YES),
        ("datasets.name = 'x'", NO),
        ("datasets.name != 'digits'", YES),
        ("datasets.name NOT IN ('digits', 'iris')", NO),
        ("datasets.name NOT LIKE 'd%'", YES),
        ("datasets.context = 'train'", YES),
        ("datasets.context = 'test'", NO),
        ("datasets.context != 'train'", NO),
        ("datasets.context IS NULL", NO),
    ],
)
def test_truth(text, expected):
    assert truth(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("datasets.name = 'digits'", UNKNOWN),
        ("datasets.context != 'train'", UNKNOWN),
        ("datasets.name IS NULL", YES),
        ("datasets.name IS NOT NULL", NO),
    ],
)
def test_truth_without_data_sets(text, expected):
    assert truth(text, BARE) == expected


ROWS = {YES: "run_id = 'r1'", NO: "run_id = 'x'", UNKNOWN: "params.none = 'x'"}


@pytest.mark.parametrize(
    "left, right, both, either",
    [
        (YES, YES, YES, YES),
        (YES, NO, NO, YES),
        (YES, UNKNOWN, UNKNOWN, YES),
        (NO, NO, NO, NO),
        (NO, UNKNOWN, NO, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_logic_has_three_values(left, right, both, either):
    for one, other in ((ROWS[left], ROWS[right]), (ROWS[right], ROWS[left])):
        assert truth(f"{one} AND {other}") == both
        assert truth(f"{one} OR {other}") == either


@given(strategies.clauses(), strategies.logged_runs())
def test_a_clause_and_its_not_never_both_match(clause, logged):
    found = [matches(each, logged.run, logged.summaries) for each in (clause, Not(clause))]
    assert sum(found) <= 1
    assert matches(Not(Not(clause)), logged.run, logged.summaries) is found[0]


def test_duration_of_an_ended_run():
    ended = Run(changed(INFO, start_time=1000, end_time=4000))
    assert matches(parse_filter("duration BETWEEN 3000 AND 3000"), ended)


def test_aggregates_need_summaries():
    with pytest.raises(ValueError, match=r"min\(metrics.one\)"):
        matches(parse_filter("min(metrics.one) = 1"), RUN)


@pytest.mark.parametrize(
    "pattern, text, expected",
    [
        ("", "", True),
        ("", "a", False),
        ("%", "", True),
        ("_", "", False),
        ("abc", "abc", True),
        ("abc", "ABC", False),
        ("b", "abc", False),
        ("%b%", "abc", True),
        ("a%", "abc", True),
        ("%a", "abc", False),
        ("a%c", "ac", True),
        ("a%a", "a", False),
        ("%ab%ab%", "abab", True),
        ("%ab%ab%", "abb", False),
        ("_b_", "abc", True),
        ("_%_", "a", False),
        ("%_b", "b", False),
        ("a_b", "a\nb", True),
        ("%", "a\nb", True),
        ("_", "é", True),
        ("_", "\U0001f600", True),
        (".*", "abc", False),
        ("a.c", "abc", False),
        ("100\\%", "100%", False),
        ("100\\%", "100\\x", True),
    ],
)
def test_like(pattern, text, expected):
    run = Run(INFO, RunData(params={"p": text}))
    assert matches(param("p", "LIKE", pattern), run) is expected
    assert matches(param("p", "NOT LIKE", pattern), run) is not expected


@pytest.mark.parametrize(
    "pattern, text, expected",
    [("ABC", "abc", True), ("%B%", "abc", True), ("É", "é", False), ("É%", "ÉA", True)],
)
def test_ilike_ignores_the_case_of_ascii_letters(pattern, text, expected):
    run = Run(INFO, RunData(params={"p": text}))
    assert matches(param("p", "ILIKE", pattern), run) is expected
    assert matches(param("p", "NOT ILIKE", pattern), run) is not expected


@pytest.mark.parametrize("pattern", ["%a" * 4000 + "%b", "%a_" * 3000 + "b", "%" * 10_000])
def test_like_takes_no_more_than_the_product_of_lengths(pattern):
    run = Run(INFO, RunData(params={"p": "a" * 8000}))
    start = time.process_time()
    assert matches(param("p", "LIKE", pattern), run) is pattern.endswith("%")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text, expected",
    [
        ("name LIKE 'My%'", True),
        ("tags.a = 'x' AND tags.b IS NULL", True),
        ("tags.b != 'x'", False),
        ("creation_time >= 5", True),
        ("last_update_time > 0", False),
        ("experiment_id = '10'", True),
    ],
)
def test_experiments_match(text, expected):
    experiment = Experiment("10", "Mine", "/a", tags={"a": "x"}, creation_time=5)
    clause = parse_filter(text.replace("My", "Mi"), EXPERIMENTS)
    assert matches(clause, experiment) is expected


# ------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize(
    "entry, key, ascending",
    [
        ("metrics.a", Field("metric", "a"), True),
        (" metrics.a  desc ", Field("metric", "a"), False),
        ("metrics.`a b` DESC", Field("metric", "a b"), False),
        ('metrics."a b" asc', Field("metric", "a b"), True),
        ("metrics.a/b DESC", Field("metric", "a/b"), False),
        ("metrics.desc", Field("metric", "desc"), True),
        ("min(metrics.a) ASC", Field("metric", "a", "min"), True),
        ("params.a", Field("param", "a"), True),
        ("tags.x.y DESC", Field("tag", "x.y"), False),
        ("attribute.Created DESC", Field("attribute", "start_time"), False),
        ("`Run name`", Field("attribute", "run_name"), True),
        ("experiment_id", Field("attribute", "experiment_id"), True),
    ],
)
def test_order_by(entry, key, ascending):
    assert parse_order_by([entry]) == (OrderBy(key, ascending),)


@pytest.mark.parametrize(
    "entry, position, words",
    [
        ("", 0, "Invalid order_by clause '' at position 0, at the end"),
        ("metrics.a foo", 10, "near 'foo': expected ASC, DESC or the end"),
        ("metrics.a asc desc", 14, "expected the end"),
        ("metrics.a NULLS LAST", 10, "expected ASC, DESC"),
        ("metrics.a, metrics.b", 9, "expected ASC, DESC"),
        ("metrics.a;", 9, "expected ASC, DESC"),
        ("run name", 0, "Invalid attribute key 'run'"),
        ("datasets.name DESC", 0, "runs cannot be ordered by their datasets"),
        ("foo.bar", 0, "Invalid entity type 'foo'"),
        ("DESC", 0, "Invalid attribute key 'DESC'"),
    ],
)
def test_order_by_refused(entry, position, words):
    with pytest.raises(FilterError, match=re.escape(words)) as caught:
        parse_order_by(["metrics.z", entry])
    assert caught.value.position == position


@pytest.mark.parametrize(
    "entries, words",
    [
        (["metrics.a", "last(metrics.a) DESC"], "`order_by` contains duplicate fields: metrics.a"),
        (["start_time", "Created DESC"], "duplicate fields: start_time"),
        ([f"metrics.a{number}" for number in range(101)], "more than 50 entries"),
        ((f"metrics.a{number}" for number in range(10**9)), "more than 50 entries"),
        ("metrics.a", "order_by is a list of texts: write ['metrics.a']"),
    ],
)
def test_orders_refused(entries, words):
    with pytest.raises(InvalidParameter, match=re.escape(words)):
        parse_order_by(entries)


def test_orders_are_made_total():
    a, start, run_id = parse_order_by(["metrics.a", "start_time DESC", "run_id"])
    assert parse_order_by(None) == parse_order_by([]) == ()
    assert full_order(()) == (start, run_id)
    assert full_order((a,)) == (a, start, run_id)
    upwards = parse_order_by(["start_time ASC"])
    assert full_order(upwards) == (*upwards, run_id)
    assert full_order((), EXPERIMENTS) == parse_order_by(
        ["creation_time DESC", "experiment_id ASC"], EXPERIMENTS
    )
    by_name = parse_order_by(["name"], EXPERIMENTS)
    assert full_order(by_name, EXPERIMENTS)[1:] == parse_order_by(["experiment_id DESC"])


def runs_with(values):
    """Runs r0, r1... started one after another, with the metric m where there is one."""
    return [
        Run(
            changed(INFO, run_id=f"r{number}", start_time=number),
            RunData(metrics={} if value is None else {"m": value}),
        )
        for number, value in enumerate(values)
    ]


def ids(runs):
    return [int(run.info.run_id[1:]) for run in runs]


@pytest.mark.parametrize(
    "entries, expected",
    [
        ([], [7, 6, 5, 4, 3, 2, 1, 0]),
        (["start_time"], [0, 1, 2, 3, 4, 5, 6, 7]),
        (["metrics.m"], [4, 6, 5, 2, 3, 7, 1, 0]),
        (["metrics.m DESC"], [3, 2, 6, 5, 4, 7, 1, 0]),
        (["metrics.m DESC", "start_time"], [3, 2, 5, 6, 4, 1, 7, 0]),
        (["experiment_id", "run_id"], [0, 1, 2, 3, 4, 5, 6, 7]),
        (["params.none DESC", "run_id DESC"], [7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_nan_after_numbers_and_missing_last(entries, expected):
    runs = runs_with([None, NAN, 1.0, INF, -INF, -0.0, 0.0, NAN])
    order = parse_order_by(entries)
    assert ids(sort_items(runs, order)) == expected
    assert ids(sort_items(reversed(runs), order)) == expected


def test_order_by_aggregates():
    runs = runs_with([1.0, 2.0, None])
    summaries = {
        "r0": {"m": changed(SUMMARIES["one"], min=0.0, count=1)},
        "r1": {"m": changed(SUMMARIES["one"], min=-1.0, count=2)},
    }
    by_min, by_count = parse_order_by(["min(metrics.m)"]), parse_order_by(["count(metrics.m)"])
    assert ids(sort_items(runs, by_min, summaries=summaries)) == [1, 0, 2]
    assert ids(sort_items(runs, by_count, summaries=summaries)) == [2, 0, 1]


def test_experiments_in_order():
    made = [Experiment(i, "n", "", creation_time=t) for i, t in [("9", 1), ("10", 1), ("2", 5)]]
    by_name = parse_order_by(["name"], EXPERIMENTS)
    assert [each.experiment_id for each in sort_items(made, scope=EXPERIMENTS)] == ["2", "9", "10"]
    named = sort_items(made, by_name, EXPERIMENTS)
    assert [each.experiment_id for each in named] == ["10", "9", "2"]


@given(strategies.logged_run_lists(), strategies.orders())
def test_an_order_is_total(logged, order):
    runs = [each.run for each in logged]
    summaries = {each.run.info.run_id: each.summaries for each in logged}
    ordered = sort_items(runs, order, RUNS, summaries)
    assert sort_items(runs[::-1], order, RUNS, summaries) == ordered
    assert sorted(map(ids_of, runs)) == sorted(map(ids_of, ordered))


def ids_of(run):
    return run.info.run_id


# ------------------------------------------------------------------------------------- page tokens


@given(st.lists(strategies.texts | strategies.floats | strategies.times | st.none(), max_size=5))
def test_tokens_carry_values(values):
    token = encode_token(values)
    assert re.fullmatch("[A-Za-z0-9_-]*", token)
    assert repr(decode_token(token)) == repr(tuple(values))


def test_tokens_carry_any_stored_text():
    assert decode_token(encode_token(["a\0b", "é" * 1000])) == ("a\0b", "é" * 1000)


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "AAAA", "!!!!", "W10=W10=", "é", None, 5, b"W10",
        "eyJvZmZzZXQiOiA1fQ==",  # {"offset": 5}, as MLflow writes it
        "W1tdXQ",  # [[]]
        "W3RydWVd",  # [true]
        "WyJcdWRjZmYiXQ",  # ["\udcff"]
        "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0",  # [9999...]
        "W1tbW1tb" * 10_000,
        encode_token(["a" * 1_000_000]),
    ],
)  # fmt: skip
def test_bad_tokens(token):
    with pytest.raises(InvalidParameter, match="Invalid page token") as caught:
        decode_token(token)
    assert len(caught.value.message) < 200


# -------------------------------------------------------------------------------- the documentation


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)\n```$", DOCS, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", "\n".join(blocks("filter")).splitlines())
def test_documented_filters(text):
    assert parse_filter(render_clause(parse_filter(text))) == parse_filter(text)


def test_documented_orders():
    assert [len(parse_order_by(block.splitlines())) for block in blocks("order_by")] == [4]


@pytest.mark.parametrize("block", blocks("error"))
def test_documented_errors(block):
    text, message = block.splitlines()
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert caught.value.message == message


@pytest.mark.parametrize("scope", [RUNS, EXPERIMENTS], ids=lambda scope: scope.items)
def test_every_field_is_documented(scope):
    for name in (*scope.attributes, "datasets.context", "count("):
        assert f"`{name}" in DOCS
