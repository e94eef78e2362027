"""Hypothesis strategies: small dense pools, so that what is drawn collides.

Filters come in the normal form that `parse` gives, runs with the history their summaries follow
from, so that a store can be filled with the one and asked for the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from struct import unpack
from typing import Any

from hypothesis import strategies as st

from runlog.entities import (
    DATASET_CONTEXT,
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    Metric,
    MetricSummary,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunStatus,
)
from runlog.query.clauses import (
    AGGREGATES,
    DATASET_FIELDS,
    NUMBER_OPERATORS,
    RUNS,
    TEXT_OPERATORS,
    And,
    Clause,
    Comparison,
    Field,
    Not,
    Or,
    OrderBy,
    Scope,
    is_number,
)

# Back-ticks and quotes can be searched for but not logged.
LOGGED_KEYS = ["a", "b", "a b", "x/y", "a.b", "a-b", "é", "in", "1"]
KEYS = ["a", "b", "a b", "x/y", "a.b", "tick`s", 'q"s', "a-b", "é", "in", "1"]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "a%",
    "_",
    "é",
    "É",
    "it's",
    'say "a"',
    "`'\"",
    "a\\",
    "a\nb",
    "10",
    "9",
    "a*",
    "[a]",
    "?]^",
]
PATTERNS = [
    *["", "%", "_", "__", "a%", "%a", "%A%", "a_", "_%_", "%é", "É%", "%'%", "a\\%", "%%b"],
    *["*", "a*", "%*", "[a]", "[%", "?_^", "?%"],  # what GLOB would read in its own way
]
FLOATS = [
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    5e-324,
    1.0,
    2.0,
    -1.5,
    2.0**53,
    1.7976931348623157e308,
]
TIMES = [0, 1, 2, 1_700_000_000_000, 2**53, 2**53 + 1]
STATUSES = RunStatus.all_status()
IDS = [f"{number:032x}" for number in range(4)]

keys = st.sampled_from(KEYS)
logged_keys = st.sampled_from(LOGGED_KEYS)
texts = st.sampled_from(TEXTS)
floats = st.sampled_from(FLOATS)
times = st.sampled_from(TIMES)


# -- the language


@cache
def fields(scope: Scope = RUNS, datasets: bool = True) -> st.SearchStrategy[Field]:
    """Fields of the scope's kinds, metrics with every aggregate."""
    by_kind = {
        "metric": st.builds(Field, st.just("metric"), keys, st.sampled_from(AGGREGATES)),
        "param": st.builds(Field, st.just("param"), keys),
        "tag": st.builds(Field, st.just("tag"), keys),
        "attribute": st.builds(
            Field, st.just("attribute"), st.sampled_from(list(scope.attributes))
        ),
        "dataset": st.builds(Field, st.just("dataset"), st.sampled_from(DATASET_FIELDS)),
    }
    return st.one_of([by_kind[kind] for kind in scope.kinds if datasets or kind != "dataset"])


@cache
def literals(field: Field) -> st.SearchStrategy[Any]:
    """Values that a comparison with the field may have."""
    if field.kind == "metric":
        return floats if field.aggregate != "count" else st.sampled_from([0, 1, 2, 1.5, math.nan])
    if is_number(field):
        return st.one_of(times, st.sampled_from([-1, 1.5, math.nan, math.inf, 2**63 - 1]))
    if field.key == "status":
        return st.sampled_from([*STATUSES, "finished"])
    if field.key in ("run_id", "experiment_id"):
        return st.sampled_from([*IDS, "0", "1", "10", "9"])
    return texts


@st.composite
def comparisons(draw: st.DrawFn, scope: Scope = RUNS) -> Comparison:
    """Any operator that the drawn field takes."""
    field = draw(fields(scope))
    op = draw(st.sampled_from(NUMBER_OPERATORS if is_number(field) else TEXT_OPERATORS))
    values = literals(field)
    operand: st.SearchStrategy[Any] = values
    if op.endswith("NULL"):
        operand = st.none()
    elif op.endswith("LIKE"):
        operand = st.sampled_from(PATTERNS)
    elif op.endswith("BETWEEN"):
        operand = st.tuples(values, values)
    elif op.endswith("IN"):
        operand = st.lists(values, min_size=1, max_size=3).map(tuple)
    return Comparison(field, op, draw(operand))


@cache
def clauses(scope: Scope = RUNS, max_leaves: int = 8) -> st.SearchStrategy[Clause]:
    """Clauses in normal form: no And directly in an And, no Or directly in an Or."""
    return st.recursive(
        comparisons(scope),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda members: flat(And, members)),
            st.lists(inner, min_size=2, max_size=3).map(lambda members: flat(Or, members)),
        ),
        max_leaves=max_leaves,
    )


def flat(kind: type[And | Or], members: list[Clause]) -> Clause:
    """`kind` of the members, those of the same kind replaced by their own members."""
    return kind(
        tuple(
            each
            for member in members
            for each in (member.clauses if isinstance(member, kind) else (member,))
        )
    )


@cache
def orders(scope: Scope = RUNS) -> st.SearchStrategy[tuple[OrderBy, ...]]:
    """Up to three order-bys of different fields."""
    each = st.builds(OrderBy, fields(scope, datasets=False), st.booleans())
    return st.lists(each, max_size=3, unique_by=lambda order: order.field).map(tuple)


# -- what is searched


@dataclass(frozen=True)
class Logged:
    """A run, the points that were logged to it, and the summaries that follow from them."""

    run: Run
    points: tuple[Metric, ...]
    summaries: dict[str, MetricSummary]


def moment(point: Metric) -> tuple[Any, ...]:
    """What orders points and tells them apart: two with the same moment are one."""
    is_nan = math.isnan(point.value)
    return point.key, point.step, point.timestamp, is_nan, 0.0 if is_nan else point.value


def summary(points: Iterable[Metric]) -> MetricSummary:
    """The summary of one key's points, logged in any order and any of them again."""
    points = sorted({moment(point): point for point in points}.values(), key=moment)
    first, last = points[0], points[-1]
    numbers = [point for point in points if not math.isnan(point.value)] or points
    low = min(numbers, key=lambda point: point.value)
    high = max(numbers, key=lambda point: point.value)
    return MetricSummary(
        key=first.key,
        count=len(points),
        last=last.value,
        last_step=last.step,
        last_timestamp=last.timestamp,
        first=first.value,
        first_step=first.step,
        min=low.value,
        min_step=low.step,
        max=high.value,
        max_step=high.step,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Metric]:
    """One to three points of one key, in any order of steps and at the same moment too."""
    key = draw(logged_keys)
    steps = draw(st.lists(st.integers(-1, 2), min_size=1, max_size=3))
    return [Metric(key, draw(floats), timestamp=1 + draw(times), step=step) for step in steps]


@cache
def points() -> st.SearchStrategy[Metric]:
    """Points of two keys that collide in step, time and value."""
    few = st.sampled_from([0, 1, 2])
    return st.builds(Metric, st.sampled_from("ab"), floats, timestamp=few, step=few)


# All bit patterns: the NaNs with a payload and the subnormal numbers as often as the others.
doubles = st.floats() | st.binary(min_size=8, max_size=8).map(lambda b: unpack("<d", b)[0])


@cache
def dataset_inputs() -> st.SearchStrategy[DatasetInput]:
    some_text = texts.filter(bool)
    dataset = st.builds(Dataset, some_text, some_text, st.just("local"), st.just("{}"))
    contexts = st.lists(st.builds(InputTag, st.just(DATASET_CONTEXT), texts), max_size=1)
    return st.builds(DatasetInput, dataset, contexts)


@st.composite
def logged_runs(draw: st.DrawFn, run_id: str = IDS[0]) -> Logged:
    """A run with few keys and colliding values, or with nothing logged at all."""
    by_key = st.lists(histories(), max_size=3, unique_by=lambda points: points[0].key)
    points = draw(by_key)
    summaries = {each[0].key: summary(each) for each in points}
    pairs = st.dictionaries(logged_keys, texts, max_size=3)
    info = RunInfo(
        run_id=run_id,
        experiment_id=draw(st.sampled_from(["0", "9", "10"])),
        user_id=draw(texts),
        status=draw(st.sampled_from(STATUSES)),
        start_time=draw(times),
        end_time=draw(st.none() | times),
        lifecycle_stage=draw(st.sampled_from(["active", "deleted"])),
        artifact_uri=draw(texts),
        run_name=draw(texts),
    )
    metrics = {key: each.last for key, each in summaries.items()}
    data = RunData(metrics, draw(pairs), draw(pairs))
    inputs = RunInputs(draw(st.lists(dataset_inputs(), max_size=2)))
    return Logged(Run(info, data, inputs), tuple(p for each in points for p in each), summaries)


@st.composite
def logged_run_lists(draw: st.DrawFn, max_size: int = 4) -> list[Logged]:
    """Runs with different ids in any order."""
    ids = draw(st.lists(st.sampled_from(IDS), max_size=max_size, unique=True))
    return [draw(logged_runs(run_id)) for run_id in ids]


@st.composite
def experiments(draw: st.DrawFn, experiment_id: str = "1") -> Experiment:
    return Experiment(
        experiment_id=experiment_id,
        name=draw(texts),
        artifact_location=draw(texts),
        lifecycle_stage=draw(st.sampled_from(["active", "deleted"])),
        tags=draw(st.dictionaries(keys, texts, max_size=3)),
        creation_time=draw(st.none() | times),
        last_update_time=draw(st.none() | times),
    )


@st.composite
def experiment_lists(draw: st.DrawFn) -> list[Experiment]:
    """Experiments with different ids in any order."""
    ids = draw(st.lists(st.sampled_from(["0", "1", "9", "10"]), max_size=4, unique=True))
    return [draw(experiments(each)) for each in ids]
