"""The summary of a metric, from all of its points."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from runlog.entities import MetricSummary, nan_last

if TYPE_CHECKING:
    from runlog.store import History


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
