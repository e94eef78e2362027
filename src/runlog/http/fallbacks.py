"""What runlog's own endpoints answer, put together from what other servers have."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import nan

from runlog.entities import Metric, MetricSummary, Run, nan_last
from runlog.store import History, RunColumns


def history(run_id: str, key: str, points: Sequence[Metric]) -> History:
    """Return a metric's points as columns."""
    return History(
        run_id,
        key,
        array("q", [point.timestamp for point in points]),
        array("q", [point.step for point in points]),
        array("d", [point.value for point in points]),
    )


def summary(history: History) -> MetricSummary:
    """Return a summary by the rules that `MetricSummary` states; NaN counts as greater than all
    numbers, but is the greatest only where there is nothing else."""
    points = list(
        zip(history.steps, history.timestamps, map(nan_last, history.values), strict=True)
    )
    first, last = min(points), max(points)
    numbers = [(value, step) for step, _, (is_nan, value) in points if not is_nan]
    numbers = numbers or [(nan, min(history.steps))]
    low = min(numbers)
    high = max(numbers, key=lambda number: (number[0], -number[1]))
    last_value, first_value = (nan if is_nan else value for *_, (is_nan, value) in (last, first))
    return MetricSummary(
        history.key, len(points), last_value, *last[:2], first_value, first[0], *low, *high
    )


def columns(runs: Iterable[Run]) -> RunColumns:
    """Return runs as a table."""
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
