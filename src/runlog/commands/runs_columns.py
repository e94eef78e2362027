"""The columns of tables of runs: what a run has itself, and fields of metrics, params and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runlog import text_tables
from runlog.text_tables import DURATION, ID, NUMBER, TEXT, TIME, Column

if TYPE_CHECKING:
    from runlog.entities import MetricSummary, Run, RunInfo
    from runlog.query.clauses import Clause, Field
    from runlog.store import Store

COLUMNS = [
    Column("run_id", ID),
    Column("run_name", TEXT, least=12),
    Column("experiment", TEXT, least=10),
    Column("lifecycle_stage", TEXT),
    Column("status", TEXT),
    Column("start_time", TIME),
    Column("duration", DURATION),
    Column("end_time", TIME, shown=False),
    Column("user_id", TEXT, shown=False),
    Column("experiment_id", TEXT, shown=False),
    Column("artifact_uri", TEXT, shown=False),
]


def shown_columns(experiments: dict[str, str], view: str) -> list[Column]:
    """Return the columns of a run itself; what is the same for all runs is left out of a table."""
    same = {"experiment"} if len(experiments) <= 1 else set()
    if view != "all":
        same.add("lifecycle_stage")
    return [each._replace(shown=False) if each.name in same else each for each in COLUMNS]


def cells(info: RunInfo, experiments: dict[str, str]) -> list[Any]:
    special = {"experiment": experiments.get(info.experiment_id), "duration": duration(info)}
    return [special[name] if name in special else getattr(info, name) for name, *_ in COLUMNS]


def duration(info: RunInfo) -> int | None:
    return None if info.end_time is None else info.end_time - info.start_time


def parse_fields(columns: Sequence[str]) -> list[Field]:
    """Return the fields in texts such as "run_id, metrics.`a, b`"."""
    from runlog.query.parser import parse_order_by

    parts = [
        part.strip()
        for text in columns
        for part in re.findall(r"""(?:[^,`"]|`[^`]*`|"[^"]*"|[`"])+""", text)
    ]
    return [each.field for each in parse_order_by([part for part in parts if part])]


def mentioned_fields(filter_string: str, order_by: Sequence[str]) -> Iterator[Field]:
    """Yield the fields of a filter and an order that are not among a run's own columns."""
    from runlog.query.parser import parse_filter, parse_order_by

    clause = parse_filter(filter_string)
    ordered = [each.field for each in parse_order_by(order_by)]
    for field in [*ordered, *(_compared(clause) if clause else ())]:
        if field.kind not in ("attribute", "dataset"):
            yield field


def _compared(clause: Clause) -> Iterator[Field]:
    from runlog.query.clauses import Comparison, Not

    if isinstance(clause, Comparison):
        yield clause.field
    else:
        for part in [clause.clause] if isinstance(clause, Not) else clause.clauses:
            yield from _compared(part)


def logged_fields(found: Sequence[Run]) -> Iterator[Field]:
    """Yield the metrics of the runs, then the params: those that differ before the others."""
    from runlog.query.clauses import Field

    for key in sorted({key for run in found for key in run.data.metrics}):
        yield Field("metric", key)
    values: dict[str, set[str | None]] = {}
    for key in sorted({key for run in found for key in run.data.params}):
        values[key] = {run.data.params.get(key) for run in found}
    for key in sorted(values, key=lambda key: len(values[key]) == 1):
        yield Field("param", key)


def table_of(
    store: Store, found: Sequence[Run], fields: Sequence[Field]
) -> tuple[list[Column], list[list[Any]]]:
    """Return the columns for fields, and their values for each run."""
    from runlog.query.clauses import is_number
    from runlog.query.render import render_field

    columns = [
        Column(render_field(field), _kind(field), 0 if is_number(field) else 12) for field in fields
    ]
    summed = any(field.kind == "metric" and field.aggregate != "last" for field in fields)
    rows = []
    for run in found:
        summary = store.get_metric_summary(run.info.run_id) if summed else {}
        rows.append([_value(field, run, summary) for field in fields])
    return columns, rows


def with_short_titles(columns: Sequence[Column]) -> Iterator[Column]:
    """Yield the columns as optional ones, called by the keys alone where that is clear: `loss`
    takes half the room of `metrics.loss`."""
    short = [re.sub(r"\b(metric|param|tag)s\.", "", column.name) for column in columns]
    taken = [*short, *(column.name for column in COLUMNS)]
    for column, title in zip(columns, short, strict=True):
        yield column._replace(optional=True, title=title if taken.count(title) == 1 else "")


def _kind(field: Field) -> text_tables.Kind:
    own = {column.name: column.kind for column in COLUMNS}
    if field.kind == "attribute":
        return own.get(field.key, TEXT)
    return NUMBER if field.kind == "metric" else TEXT


def _value(field: Field, run: Run, summary: dict[str, MetricSummary]) -> Any:
    if field.kind == "attribute":
        return duration(run.info) if field.key == "duration" else getattr(run.info, field.key)
    if field.kind == "metric" and field.aggregate != "last":
        found = summary.get(field.key)
        if field.aggregate == "count":
            return 0 if found is None else found.count
        return None if found is None else getattr(found, field.aggregate)
    return getattr(run.data, field.kind + "s").get(field.key)
