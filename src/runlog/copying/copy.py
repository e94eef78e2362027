"""Copying from one store to another, whichever they are: a file, a database, a server.

Runs are found again by their ids, so a copy that was broken off goes on when it is made again, and
one that was completed brings over what has been logged since. Points travel some ten thousand at a
time, whatever the length of their history. In the end both stores are counted, from what each of
them says by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from runlog.artifacts import LocationRefused
from runlog.copying.registry import copy_models
from runlog.copying.selection import (
    Counts,
    Selected,
    Selection,
    Source,
    batches,
    count,
    run_id,
)
from runlog.entities import Experiment, LoggedModel, Metric, RunInfo
from runlog.errors import InvalidParameter
from runlog.storage.allowed import is_local
from runlog.storage.opening import check, opened
from runlog.storage.paths import PROXIED
from runlog.store import Store
from runlog.store_parts.exact_copy import ModelRecord, RunRecord, changed
from runlog.store_parts.file_digests import FileDigests

if TYPE_CHECKING:
    from runlog.store import Point

POINTS_AT_ONCE = 50_000
SHARE = 1000  # steps of progress for each run

Progress = Callable[[int, int], None]


class Outcome(NamedTuple):
    """Counts of every kind, and by how many runs and models have their files there, the places
    that the target does not name, and the locations that nobody has allowed on this machine; and
    how many runs were logged to after they had been copied."""

    counts: list[Counts]
    left_behind: Mapping[str, int]
    refused: Mapping[str, int]
    live: int = 0

    @property
    def is_complete(self) -> bool:
        return all(each.source == each.target for each in self.counts)


def copy(
    source: Source,
    target: Store,
    selection: Selection,
    progress: Progress = lambda done, total: None,
) -> Outcome:
    """Copy what is chosen, and counts it in both stores. `progress` is told how much is done, and
    of how much.

    Raises InvalidParameter where both are the same, and where the target has a run of the same id
    with another value of a param.
    """
    if source.uri == target.uri:
        raise InvalidParameter(f"{source.uri} is where to copy from and where to copy to")
    return _Copying(source, target.synchronous(), selection, progress).copy()


class _Copying:
    def __init__(
        self, source: Source, target: Store, selection: Selection, progress: Progress
    ) -> None:
        self.source, self.target, self.artifacts = source, target, selection.artifacts
        self.new_locations = selection.artifacts and not source.refers_to_remote_files
        self.chosen, self.here = Selected(source, selection), target.records
        self.begun: set[str] = set()
        self.left_behind: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.progress = progress
        self.done, self.total = 0, sum(map(len, self.chosen.runs.values()))

    def copy(self) -> Outcome:
        numbers: dict[str, str] = {}  # of experiments: id there, id here
        for experiment in self.chosen.experiments:
            number = numbers[experiment.experiment_id] = self._keep_experiment(experiment)
            for records in self.chosen.batches(experiment):
                self._copy_runs(records, number)
        models = self.chosen.models()
        self._copy_models(models, numbers)
        for experiment in self.chosen.experiments:
            for records in self.chosen.batches(experiment):
                self._end_runs(records, numbers[experiment.experiment_id])
        registered = self.chosen.registered(models)
        if isinstance(self.source, Store):
            copy_models(self.source, self.target, self.here, registered)
        self.here.finish()
        counts = count(self.chosen, self.target, self.here, models, registered)
        return Outcome(counts, self.left_behind, self.refused, len(self.chosen.live))

    def _end_runs(self, records: Sequence[RunRecord], number: str) -> None:
        """Say of runs how they ended. Those that were logged to since they were copied are brought
        up to date before, so that none says that it has ended and lacks its last points."""
        late = [each for each in records if self.chosen.has_changed(each)]
        if late:
            noted = dict(self.left_behind), dict(self.refused)
            self.done -= len(late)
            self._copy_runs(late, number)
            self.left_behind, self.refused = noted  # they were noted before
        self.here.end_runs([each for each in records if run_id(each) in self.begun])

    def _keep_experiment(self, experiment: Experiment) -> str:
        location = self._target_location(experiment.artifact_location)
        kept = experiment._replace(artifact_location=location)
        return self.here.store_experiment(kept, self.new_locations)

    def _show(self, part: int = 0) -> None:
        self.progress(self.done * SHARE + part, self.total * SHARE)

    # -- runs -------------------------------------------------------------------------------

    def _copy_runs(self, records: Sequence[RunRecord], number: str) -> None:
        found = self.here.runs([self.here.id_here(run_id(each)) for each in records])
        there = {run_id(each): each for each in found}
        todo = []
        for record in records:
            self.chosen.note(record)
            before = there.get(self.here.id_here(run_id(record)))
            if before is None or not self._is_copy(before, record):
                todo.append(record)
                continue
            if self.artifacts:
                self._copy_files(record, before.run.info)
            self.done += 1
        infos = self.here.begin_runs(
            [
                changed(
                    each,
                    experiment_id=number,
                    artifact_uri=self._target_location(each.run.info.artifact_uri),
                )
                for each in todo
            ],
            self.new_locations,
        )
        for record, info in zip(todo, infos, strict=True):
            self.begun.add(run_id(record))
            self._copy_points(record, info.run_id, there.get(info.run_id))
            if self.artifacts:
                self._copy_files(record, info)
            else:
                self._note(record.run.info.artifact_uri, info.artifact_uri)
            self.done += 1
            self._show()

    def _is_copy(self, before: RunRecord, record: RunRecord) -> bool:
        is_elsewhere = before.run.info.artifact_uri != record.run.info.artifact_uri
        return _gist(before) == _gist(record) and (is_elsewhere or not self.new_locations)

    def _target_location(self, uri: str) -> str:
        """Return where files are, as another store can say it: nothing, where only their server
        can, or where a server says which folder of this machine it is."""
        if not uri or uri.startswith(PROXIED):
            return ""
        return "" if not self.source.has_local_paths and is_local(uri) else uri

    def _note(self, there: str, here: str) -> None:
        """Note files that are not where the target says, or may not be opened there."""
        if here != there:
            scheme, colon, _ = there.partition(":")
            where = f"{scheme}:" if colon else "local folders"
            self.left_behind[where] = self.left_behind.get(where, 0) + 1
        elif self.target.has_local_paths:
            try:
                check(self.target, here)
            except LocationRefused as error:
                self._refuse(error)

    def _refuse(self, error: LocationRefused) -> None:
        self.refused[error.location] = self.refused.get(error.location, 0) + 1

    # -- points -----------------------------------------------------------------------------

    def _copy_points(self, record: RunRecord, id_here: str, before: RunRecord | None) -> None:
        have = before.counts if before is not None else {}
        metrics = [
            each
            for each in record.run.data.metric_points
            if each.key not in have or have[each.key] != record.counts.get(each.key)
        ]
        total, sent = sum(record.counts.get(each.key, 0) for each in metrics), 0
        waiting: list[Point] = []
        for points in self._points(record, metrics):
            if before is not None and not self.here.keeps_ids:
                points = self._new(id_here, points)
            waiting += points
            if len(waiting) >= POINTS_AT_ONCE:
                self.target.log(id_here, waiting)
                sent += len(waiting)
                waiting = []
                self._show(SHARE * sent // max(total, sent))
        if waiting:
            self.target.log(id_here, waiting)

    def _points(self, record: RunRecord, metrics: Sequence[Metric]) -> Iterator[Sequence[Point]]:
        """Yield the histories of metrics, of which these are the last points, in pieces."""
        counts = record.counts
        yield [_point(each) for each in metrics if counts.get(each.key) == 1]
        some: list[str] = []
        size = 0
        for key in (each.key for each in metrics if counts.get(each.key) != 1):
            if key not in counts:
                yield self._whole(run_id(record), key)
            elif counts[key] > POINTS_AT_ONCE:
                yield from self._pages(run_id(record), key)
            else:
                some.append(key)
                size += counts[key]
            if size > POINTS_AT_ONCE:
                yield from self._histories(run_id(record), some)
                some, size = [], 0
        yield from self._histories(run_id(record), some)

    def _whole(self, of: str, key: str) -> list[Point]:
        """Return a history of unknown length."""
        points = [*map(_point, self.source.get_metric_history(of, key))]
        self.chosen.read[of] = self.chosen.read.get(of, 0) + len(points)
        return points

    def _pages(self, of: str, key: str) -> Iterator[Sequence[Point]]:
        token = None
        while True:
            page = self.source.metric_history_page(of, key, POINTS_AT_ONCE, token)
            yield [*map(_point, page)]
            token = page.token
            if token is None:
                return

    def _histories(self, of: str, keys: Sequence[str]) -> Iterator[Sequence[Point]]:
        for found in self.source.histories([of], keys) if keys else ():
            same = [found.key] * len(found.values)
            yield [*zip(same, found.values, found.timestamps, found.steps, strict=True)]

    def _new(self, id_here: str, points: Sequence[Point]) -> list[Point]:
        """Return those of the points that the target does not have: a server may keep one twice."""
        histories = [
            self.target.get_metric_history(id_here, key) for key in {point[0] for point in points}
        ]
        there = {repr(_point(each)) for history in histories for each in history}
        return [point for point in points if repr(point) not in there]

    # -- models and files -------------------------------------------------------------------

    def _copy_models(self, records: Sequence[ModelRecord], numbers: Mapping[str, str]) -> None:
        for some in batches(records):
            kept = self.here.store_models(
                [each._replace(model=self._moved(each.model, numbers)) for each in some],
                self.new_locations,
            )
            for record, model in zip(some, kept, strict=False):  # a server may keep none
                there, here = record.model.artifact_location, model.artifact_location
                if self.artifacts:
                    self._copy_all(there, here)
                else:
                    self._note(there, here)

    def _copy_files(self, record: RunRecord, info: RunInfo) -> None:
        ledger = FileDigests(self.target, info.run_id)
        self._copy_all(record.run.info.artifact_uri, info.artifact_uri, ledger)

    def _copy_all(self, there: str, here: str, ledger: FileDigests | None = None) -> None:
        if not self.chosen.brings_files(there):
            return
        try:
            source, target = opened(self.source, there), opened(self.target, here, ledger)
        except LocationRefused as error:
            return self._refuse(error)
        if source.uri != target.uri and source.files():
            source.copy_to(target)

    def _moved(self, model: LoggedModel, numbers: Mapping[str, str]) -> LoggedModel:
        return model._replace(
            experiment_id=numbers[model.experiment_id],
            artifact_location=self._target_location(model.artifact_location),
        )


def _point(metric: Metric) -> Point:
    return metric.key, metric.value, metric.timestamp, metric.step


def _gist(record: RunRecord) -> tuple[object, ...]:
    """Return what is the same of a run and its copy. Values of metrics are not looked at: points
    never change, so their number tells."""
    run = record.run
    return (
        run.info._replace(experiment_id="", artifact_uri=""),
        run.data.params,
        run.data.tags,
        run.inputs,
        run.outputs,
        record.counts,
        record.deleted_time,
        {each[:3] for each in record.files},
    )
