"""What a person looks at: runs as a table, series thinned out for charts, what has changed since.

These are answers for pages and notebooks: they say much in one call, as columns, and leave out what
cannot be seen. `Views` is found as `store.views`; only stores that are databases have it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from runlog.entities import Experiment, Run, RunInfo, ViewType
from runlog.errors import InvalidParameter

AGGREGATES = ("last", "min", "max", "first", "count", "last_step", "min_step", "max_step")
MAX_RUNS = 50_000  # of a page of a table
MAX_POINTS = 100_000  # of one series
MAX_POINTS_IN_ALL = 5_000_000
MAX_TEXT = 500  # characters of a value in a table
MAX_COMPLETIONS = 100
MAX_CHILDREN = 1_000  # of a run, in its overview


class MetricColumn(NamedTuple):
    """A metric of a table's runs. `runs` are the positions of those that have it, None: all do.
    The other fields are equally long; those that were not asked for are None."""

    key: str
    differs: bool
    runs: array[int] | None
    last: array[float] | None
    min: array[float] | None
    max: array[float] | None
    first: array[float] | None
    counts: array[int] | None
    last_step: array[int] | None
    min_step: array[int] | None
    max_step: array[int] | None


class TextColumn(NamedTuple):
    """A param or tag of a table's runs; `runs` as of a metric."""

    key: str
    differs: bool
    runs: array[int] | None
    values: list[str]


class RunTable(NamedTuple):
    """Runs as a table, in order, with columns that differ between them first.

    `ancestors` of the runs at the end do not match themselves, but runs before them are below them.
    `total` and `statuses` count all runs that match, those of other pages too. `last_logged` are
    the latest timestamps that running runs logged a metric with, by run id. `cursor` is for
    `changes`.
    """

    runs: list[RunInfo]
    metrics: list[MetricColumn]
    params: list[TextColumn]
    tags: list[TextColumn]
    ancestors: int
    total: int
    statuses: dict[str, int]
    last_logged: dict[str, int]
    cursor: str
    page_token: str | None


class Overview(NamedTuple):
    """A run with what stands around it: its experiment, its parent there, and its children.

    `table` has all aggregates of the run alone.
    """

    run: Run
    experiment: Experiment
    parent: RunInfo | None
    table: RunTable
    children: RunTable


class Series(NamedTuple):
    """A metric of a run for a chart, by the axis: of so many buckets the smallest and the greatest
    value, and the first and the last point. `total` is how many points there are in all, `thinned`
    whether some were left out. NaNs of the range are only counted; `nan_step` and
    `nan_timestamp` are the first one's."""

    run_id: str
    key: str
    steps: array[int]
    timestamps: array[int]
    values: array[float]
    total: int
    thinned: bool
    nans: int
    nan_step: int | None
    nan_timestamp: int | None


class Changes(NamedTuple):
    """What happened since a cursor: new runs and those that changed, and the points that follow
    the given steps."""

    table: RunTable
    series: list[Series]


class Activity(NamedTuple):
    """The active runs of an experiment: how many by status, and when the last one began or ended
    (Unix milliseconds; None without runs)."""

    experiment_id: str
    statuses: dict[str, int]
    last_time: int | None


class Completion(NamedTuple):
    """A key or a value and how many runs have it."""

    text: str
    runs: int


class Views(ABC):
    """What pages and notebooks show of a store."""

    @abstractmethod
    def activity(self, experiment_ids: Sequence[str]) -> list[Activity]:
        """Return what goes on in these experiments, in the order given."""

    @abstractmethod
    def run_table(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = MAX_RUNS,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        aggregates: Sequence[str] = ("last",),
    ) -> RunTable:
        """Return a page of the runs that match, as a table. `aggregates` are which of `AGGREGATES`
        the metrics come with. Texts longer than 500 characters are cut, artifact URIs left out."""

    @abstractmethod
    def table_of(self, run_ids: Sequence[str], aggregates: Sequence[str] = AGGREGATES) -> RunTable:
        """These runs, active or deleted, as a table. Raises NotFound."""

    @abstractmethod
    def overview(self, run_id: str, children: int = MAX_CHILDREN) -> Overview:
        """Return all that a page of one run shows but its series and files, with up to so many of
        its children. Raises NotFound."""

    @abstractmethod
    def series(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        points: int = 1000,
        axis: str = "step",
        start: int | None = None,
        end: int | None = None,
    ) -> list[Series]:
        """Every series that there is of these runs and keys, of about `points` points each, from
        `start` to `end` of the axis and one more on each side. On the axis "step" buckets are
        equally wide, on "time" (Unix milliseconds) they have equally many points."""

    @abstractmethod
    def changes(
        self,
        experiment_ids: Sequence[str],
        cursor: str,
        filter_string: str | None = None,
        aggregates: Sequence[str] = ("last",),
        run_ids: Sequence[str] = (),
        keys: Sequence[str] = (),
        after_steps: Sequence[int] = (),
    ) -> Changes:
        """Return the runs that are new since a table's or another answer's cursor or were running
        then, if anything was logged to them; and of each of `run_ids` and `keys`, taken in pairs,
        the points after a step. That a run was deleted shows in the total."""

    @abstractmethod
    def completions(
        self, experiment_ids: Sequence[str], kind: str, key: str = "", text: str = ""
    ) -> list[Completion]:
        """Without a `key` the keys of a kind (metrics, params, tags) that contain `text`, with one
        the values of that param or tag; the most frequent first, at most 100."""


# -- thinning -------------------------------------------------------------------------------


def check_points(points: int, series: int) -> None:
    """Raise InvalidParameter for more points than an answer may have."""
    if not 4 <= points <= MAX_POINTS:
        raise InvalidParameter(f"Invalid value {points} for points: 4 to {MAX_POINTS}")
    if points * series > MAX_POINTS_IN_ALL:
        raise InvalidParameter(
            f"{series} series of {points} points are more than {MAX_POINTS_IN_ALL}: ask for fewer"
        )


def check_aggregates(aggregates: Sequence[str]) -> None:
    """Raise InvalidParameter for an unknown one."""
    for each in aggregates:
        if each not in AGGREGATES:
            raise InvalidParameter(f"no aggregate {each!r}: use some of {', '.join(AGGREGATES)}")


def thinned(points: Sequence[tuple[Any, ...]], most: int) -> Sequence[tuple[Any, ...]]:
    """About `most` of the points, which are (x, ..., value) by x: the smallest and the greatest
    value of each of equally many, the first point and the last. No spike is lost."""
    if len(points) <= most:
        return points
    values = [point[-1] for point in points]
    chosen = {0, len(points) - 1}
    buckets = max(1, most // 2 - 1)
    for bucket in range(buckets):
        start, end = (len(points) * each // buckets for each in (bucket, bucket + 1))
        piece = values[start:end]
        chosen.add(start + piece.index(min(piece)))
        chosen.add(start + piece.index(max(piece)))
    return [points[each] for each in sorted(chosen)]


def within(
    points: Sequence[tuple[Any, ...]], start: int | None, end: int | None
) -> Sequence[tuple[Any, ...]]:
    """Return the points from `start` to `end` by their first field, and one more on each side: the
    line of a chart goes on to its edge."""
    low = 0 if start is None else bisect_left(points, (start,)) - 1
    high = len(points) if end is None else bisect_left(points, (end + 1,)) + 1
    return points[max(0, low) : high]
