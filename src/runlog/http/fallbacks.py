"""What runlog's own endpoints answer, put together from what other servers have."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from runlog.entities import Metric, MetricSummary, Run
from runlog.store import History, RunColumns


def by_time(point: Metric) -> tuple[Any, ...]:
    """The order of a history: by timestamp, step and value, NaN last."""
    value = point.value
    return point.timestamp, point.step, value != value, value if value == value else 0.0


def history(run_id: str, key: str, points: Sequence[Metric]) -> History:
    """A metric's points as columns."""
    return History(
        run_id,
        key,
        array("q", [point.timestamp for point in points]),
        array("q", [point.step for point in points]),
        array("d", [point.value for point in points]),
    )


def summary(history: History) -> MetricSummary:
    """A summary by the rules that `MetricSummary` states; NaN counts as greater than all numbers,
    but is the greatest only where there is nothing else."""
    points = [
        (step, time, value != value, value)
        for step, time, value in zip(history.steps, history.timestamps, history.values, strict=True)
    ]
    first, last = min(points, key=_sort_key), max(points, key=_sort_key)
    numbers = [(value, step) for step, _, is_nan, value in points if not is_nan]
    numbers = numbers or [(points[0][3], min(history.steps))]
    low = min(numbers)
    high = max(numbers, key=lambda number: (number[0], -number[1]))
    return MetricSummary(
        history.key, len(points), last[3], last[0], last[1], first[3], first[0], *low, *high
    )


def _sort_key(point: tuple[int, int, bool, float]) -> tuple[Any, ...]:
    return *point[:3], 0.0 if point[2] else point[3]


def columns(runs: Iterable[Run]) -> RunColumns:
    """Runs as a table."""
    columns = RunColumns([], {}, {}, {})
    for position, run in enumerate(runs):
        columns.runs.append(run.info)
        for key, value in run.data.metrics.items():
            positions, numbers = columns.metrics.setdefault(key, (array("q"), array("d")))
            positions.append(position)
            numbers.append(value)
        for texts, given in ((columns.params, run.data.params), (columns.tags, run.data.tags)):
            for key, text in given.items():
                positions, values = texts.setdefault(key, (array("q"), []))
                positions.append(position)
                values.append(text)
    return columns
