"""What runlog's own endpoints answer, put together from what other servers have."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from runlog.entities import Metric, Run
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
