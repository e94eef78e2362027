"""What clauses and orders mean, in plain Python: the search of every store finds the same."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias, TypeVar

from runlog.entities import (
    DATASET_CONTEXT,
    DatasetInput,
    Experiment,
    LoggedModel,
    MetricSummary,
    Run,
)
from runlog.entities.model_registry import ModelVersion, RegisteredModel
from runlog.query.clauses import (
    RUNS,
    Clause,
    Comparison,
    Field,
    Not,
    Or,
    OrderBy,
    Scope,
    full_order,
)
from runlog.query.render import render_field

Item = TypeVar("Item", Run, Experiment, LoggedModel, RegisteredModel, ModelVersion)
AnyItem: TypeAlias = Run | Experiment | LoggedModel | RegisteredModel | ModelVersion


def matches(
    clause: Clause | None,
    item: AnyItem,
    summaries: Mapping[str, MetricSummary] | None = None,
) -> bool:
    """Return whether a search with `clause` finds the item; None finds everything.

    `summaries`, by metric key, is needed for min(), max(), first() and count().
    """
    return clause is None or _truth(clause, item, summaries) is True


def sort_items(
    items: Iterable[Item],
    order: Sequence[OrderBy] = (),
    scope: Scope = RUNS,
    summaries: Mapping[str, Mapping[str, MetricSummary]] | None = None,
    views: Sequence[Callable[[Item], Item]] = (),
) -> list[Item]:
    """Return the items in `order` and its ties: NaN after the numbers and missing last, either way.

    `summaries`, by run id and metric key, is needed for min(), max(), first() and count(). `views`
    gives for each entry of `order` what it looks at instead of the item.
    """
    result = list(items)
    entries = full_order(order, scope)
    for position in reversed(range(len(entries))):
        each = entries[position]
        key = partial(_sort_key, each, summaries)
        view = views[position] if position < len(views) else None
        # Also in reverse a sort keeps equal items as they were: earlier entries decide last.
        result.sort(key=_through(view, key) if view else key, reverse=not each.ascending)
    return result


def _through(view: Callable[[Item], Item], key: Callable[[Any], Any]) -> Callable[[Item], Any]:
    return lambda item: key(view(item))


def _truth(
    clause: Clause,
    item: AnyItem,
    summaries: Mapping[str, MetricSummary] | None,
) -> bool | None:
    if isinstance(clause, Comparison):
        return _compared(clause, _values(clause.field, item, summaries))
    if isinstance(clause, Not):
        inner = _truth(clause.clause, item, summaries)
        return None if inner is None else not inner
    decisive = isinstance(clause, Or)
    result: bool | None = not decisive
    for each in clause.clauses:
        truth = _truth(each, item, summaries)
        if truth is decisive:
            return decisive
        if truth is None:
            result = None
    return result


def _compared(comparison: Comparison, values: Sequence[object]) -> bool | None:
    op = comparison.op
    if op == "IS NULL":
        return not values
    if op == "IS NOT NULL":
        return bool(values)
    if not values:
        return None
    if op.startswith("NOT "):
        test = _TESTS[op[4:]]
        return any(not test(each, comparison.value) for each in values)
    return any(_TESTS[op](each, comparison.value) for each in values)


def _values(
    field: Field,
    item: AnyItem,
    summaries: Mapping[str, MetricSummary] | None,
) -> Sequence[Any]:
    """Return the values of the item for the field: none if missing, several only for datasets."""
    if field.kind == "dataset":
        assert isinstance(item, Run)
        return [value for each in item.inputs.dataset_inputs for value in _dataset(each, field.key)]
    value = _value(field, item, summaries)
    return () if value is None else (value,)


def _dataset(dataset_input: DatasetInput, key: str) -> list[str]:
    if key == "context":
        return [tag.value for tag in dataset_input.tags if tag.key == DATASET_CONTEXT]
    return [getattr(dataset_input.dataset, key)]


def _value(
    field: Field,
    item: AnyItem,
    summaries: Mapping[str, MetricSummary] | None,
) -> Any:
    if isinstance(item, Experiment):
        return item.tags.get(field.key) if field.kind == "tag" else getattr(item, field.key)
    if isinstance(item, (RegisteredModel, ModelVersion)):
        return item.tags.get(field.key) if field.kind == "tag" else _of_registry(item, field.key)
    if isinstance(item, LoggedModel):
        if field.kind == "attribute":
            return getattr(item, field.key)
        if field.kind == "metric":
            points = [point for point in item.metrics if point.key == field.key]
            last = max(points, key=operator.attrgetter("step", "timestamp"), default=None)
            return None if last is None else last.value
        pairs: Mapping[str, Any] = getattr(item, field.kind + "s")
        return pairs.get(field.key)
    if field.kind == "param":
        return item.data.params.get(field.key)
    if field.kind == "tag":
        return item.data.tags.get(field.key)
    if field.kind == "metric":
        if field.aggregate == "last":
            return item.data.metrics.get(field.key)
        return _summarised(field, summaries)
    if field.key == "duration":
        ended = item.info.end_time
        return None if ended is None else ended - item.info.start_time
    return getattr(item.info, field.key)


def _of_registry(item: RegisteredModel | ModelVersion, key: str) -> Any:
    if isinstance(item, ModelVersion):
        if key == "version_number":
            return int(item.version)
        if key == "source_path":
            return item.source
    return getattr(item, key)


def _summarised(field: Field, summaries: Mapping[str, MetricSummary] | None) -> Any:
    if summaries is None:
        raise ValueError(f"{render_field(field)} cannot be known without summaries")
    summary = summaries.get(field.key)
    if summary is None:
        return 0 if field.aggregate == "count" else None
    return getattr(summary, field.aggregate)


def _sort_key(
    order: OrderBy,
    summaries: Mapping[str, Mapping[str, MetricSummary]] | None,
    item: AnyItem,
) -> tuple[int, Any]:
    own = None
    if summaries is not None and isinstance(item, Run):
        own = summaries.get(item.info.run_id, {})
    value = _value(order.field, item, own)
    last = 1 if order.ascending else -1
    if value is None:
        return 2 * last, 0
    if is_nan(value):
        return last, 0
    return 0, int(value) if order.field.key == "experiment_id" else value


def _equal(value: Any, other: Any) -> bool:
    return bool(value == other or (is_nan(value) and is_nan(other)))


def is_nan(value: object) -> bool:
    """Return whether a value is the number NaN."""
    return isinstance(value, float) and math.isnan(value)


def _like(text: str, pattern: str) -> bool:
    """Return whether a text matches SQL's LIKE, in time at most the product of the lengths:
    parts between % found in turn."""
    head, *rest = _parts(pattern)
    if not rest:
        return head.fullmatch(text) is not None
    found = head.match(text)
    for part in rest[:-1]:
        if found is None:
            break
        found = part.search(text, found.end())
    tail = len(text) - (len(pattern) - pattern.rfind("%") - 1)
    return found is not None and tail >= found.end() and bool(rest[-1].fullmatch(text, tail))


@lru_cache(maxsize=64)
def _parts(pattern: str) -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(".".join(map(re.escape, part.split("_"))), re.DOTALL)
        for part in pattern.split("%")
    )


# What SQLite's lower() does; its LIKE and those of other databases do not agree on more.
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _ilike(text: str, pattern: str) -> bool:
    return _like(text.translate(_ASCII_LOWER), pattern.translate(_ASCII_LOWER))


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda value, other: not _equal(value, other),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "LIKE": _like,
    "ILIKE": _ilike,
    "IN": lambda value, others: any(_equal(value, each) for each in others),
    "BETWEEN": lambda value, bounds: bool(bounds[0] <= value <= bounds[1]),
}
