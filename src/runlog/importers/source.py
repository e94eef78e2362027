"""What an importer is: a source of experiments, runs, points and files, read as a store is.

`runlog.copying` copies from it as from any store, so there is one writer, one way of going on after
an interruption, and one count. A source is never written to. What of it cannot be read is noted in
`problems` and left out; nothing else is left out.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from runlog.entities import Metric, PagedList, ViewType, nan_last
from runlog.query.evaluate import matches
from runlog.query.parser import parse_filter
from runlog.storage.allowed import is_below
from runlog.store import History, view_stages
from runlog.store_parts.summaries import summary

if TYPE_CHECKING:
    from runlog.entities import Experiment, Run
    from runlog.store_parts.exact_copy import ModelRecord, RunRecord


class Problem(NamedTuple):
    """Something that was left out: where it is, and why."""

    where: str
    why: str


class Points(NamedTuple):
    """Points of a metric as columns: timestamps (Unix ms), steps, values."""

    timestamps: array[int]
    steps: array[int]
    values: array[float]

    @classmethod
    def none(cls) -> Points:
        return cls(array("q"), array("q"), array("d"))

    def append(self, timestamp: int, step: int, value: float) -> None:
        """Add a point. Raises OverflowError, and adds nothing, if a number has more than 64
        bits."""
        count = len(self.values)
        try:
            self.timestamps.append(timestamp)
            self.steps.append(step)
            self.values.append(value)
        except OverflowError:
            del self.timestamps[count:], self.steps[count:]
            raise


class Source(ABC):
    """Runs of another tracker. Subclasses read; this class is what `copying` asks of a store."""

    kind: str
    """The name for `--from`."""
    has_local_paths = False  # what lies here is brought over, what lies elsewhere is referred to
    refers_to_remote_files = True
    is_on_this_machine = False
    keeps_ids = True

    def __init__(self, uri: str, artifacts: str | None = None) -> None:
        self.uri, self.artifacts = uri, artifacts
        self.problems: list[Problem] = []
        self.unchanged: set[str] = set()  # ids of runs that are here already, as they are there
        self.since: int | None = None

    # -- what a subclass reads --------------------------------------------------------------

    @abstractmethod
    def experiments(self) -> list[Experiment]:
        """Return all experiments, deleted ones too."""

    @abstractmethod
    def all_run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of all runs of an experiment, oldest first where that is known."""

    @abstractmethod
    def record(self, run_id: str) -> RunRecord | None:
        """Return a run with all but its points; None, with a problem noted, if it cannot be
        read."""

    @abstractmethod
    def points(self, run_id: str, key: str) -> Points:
        """Return all points of a metric."""

    def signatures(self, experiment_id: str) -> Mapping[str, str]:
        """Return for each run a text that changes when anything of the run does. A run without
        one is read each time."""
        return {}

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        """Return the logged models of experiments, oldest first."""
        return []

    def folders(self) -> list[str]:
        """Return the local folders whose files belong to the source."""
        return []

    # -- what a store is asked --------------------------------------------------------------

    @property
    def records(self) -> Source:
        return self

    def run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> list[str]:
        """Return the ids of the runs to bring, oldest first: those that match, and are not here as
        they are there."""
        clause = parse_filter(filter_string) if filter_string else None
        stages = view_stages(view_type)
        chosen: list[tuple[int, str]] = []
        for experiment_id in experiment_ids:
            for run_id in self.all_run_ids(experiment_id):
                if run_id in self.unchanged:
                    continue
                record = self.record(run_id)
                if record is None or record.run.info.lifecycle_stage not in stages:
                    continue
                info = record.run.info
                if self.since is not None and (info.end_time or info.start_time) < self.since:
                    continue
                if clause is None or matches(clause, record.run, self._summaries(record.run)):
                    chosen.append((info.start_time, run_id))
        return [run_id for _, run_id in sorted(chosen)]

    def _summaries(self, run: Run) -> dict[str, Any]:
        run_id = run.info.run_id
        return {
            key: summary(History(run_id, key, *self.points(run_id, key)))
            for key in run.data.metrics
        }

    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """Return those of the runs that can be read."""
        return [record for each in run_ids if (record := self.record(each)) is not None]

    def histories(self, run_ids: Sequence[str], keys: Sequence[str]) -> list[History]:
        return [
            History(run_id, key, *self.points(run_id, key)) for run_id in run_ids for key in keys
        ]

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        return [
            Metric(key, value, time, step, run_id=run_id)
            for time, step, value in zip(*self.points(run_id, key), strict=True)
        ]

    def metric_history_page(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        """Return a page of a history. The token is the number of points that came before."""
        start, points = int(page_token or 0), self.points(run_id, key)
        end = len(points.values) if max_results is None else start + max_results
        page = [
            Metric(key, value, time, step, run_id=run_id)
            for time, step, value in zip(*(each[start:end] for each in points), strict=True)
        ]
        return PagedList(page, str(end) if end < len(points.values) else None)

    # -- files ------------------------------------------------------------------------------

    def files(self, artifact_uri: str) -> Any:
        return None

    def own_files(self) -> list[str]:
        return []

    def own_locations(self) -> list[str]:
        """Return the folders that may be opened on this machine: the source's own, and the one
        that the user names."""
        return [*self.folders(), *([self.artifacts] if self.artifacts else ())]

    def located(self, uri: str, *inside: str) -> str:
        """Return where files are that the source has at `uri`: there, or where a folder that was
        moved has them: at one of the paths `inside` the source's folders and the one that the user
        named. A URI of a bucket or a host is returned as it is, and "" for files that are nowhere.
        """
        scheme = urlsplit(uri).scheme.lower()
        if len(scheme) > 1 and scheme not in ("file", "mlflow-artifacts", "dbfs"):
            return uri
        path = _local_path(uri)
        if path and self._is_own(path) and os.path.isdir(path):
            return path
        for root in self.own_locations():
            for each in inside:
                if os.path.isdir(os.path.join(root, each)):
                    return os.path.join(root, each)
        return path if path and os.path.isdir(path) else ""

    def _is_own(self, path: str) -> bool:
        real = os.path.realpath(path)
        return any(is_below(real, os.path.realpath(each)) for each in self.own_locations())

    # -- problems ---------------------------------------------------------------------------

    def leave_out(self, where: str, why: str | Exception) -> None:
        """Note that something cannot be read, once."""
        text = getattr(why, "message", None) or str(why) or type(why).__name__
        problem = Problem(where, text)
        if problem not in self.problems:
            self.problems.append(problem)


def _local_path(uri: str) -> str:
    """Return the path that a location names on the machine that wrote it; "" if it names none."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return unquote(parts.path)
    return uri if not parts.scheme else ""


def last_point(run_id: str, key: str, points: Points) -> Metric:
    """Return the last of some points by MLflow's rule: of the greatest step, then time, then
    value."""
    rows = zip(points.steps, points.timestamps, map(nan_last, points.values), strict=True)
    at = max(enumerate(rows), key=lambda row: row[1])[0]
    return Metric(key, points.values[at], points.timestamps[at], points.steps[at], run_id=run_id)


def unique(points: Points) -> Points:
    """Return the points without repetitions, which a store keeps once."""
    rows = list(zip(*points, strict=True))
    if len({repr(row) for row in rows} if _has_nan(points.values) else set(rows)) == len(rows):
        return points
    seen: dict[str, tuple[int, int, float]] = {repr(row): row for row in rows}
    times, steps, values = zip(*seen.values(), strict=True)
    return Points(array("q", times), array("q", steps), array("d", values))


def _has_nan(values: Iterable[float]) -> bool:
    return any(value != value for value in values)
