"""Copying from one store to another, whichever they are: a file, a database, a server.

Runs are found again by their ids, so a copy that was broken off goes on when it is made again, and
one that was completed brings over what has been logged since. Points travel some ten thousand at a
time, whatever the length of their history. In the end both stores are counted, from what each of
them says by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from runlog.artifacts import ArtifactRepo
from runlog.entities import (
    Experiment,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    RunInfo,
    ViewType,
)
from runlog.errors import InvalidParameter, NotFound
from runlog.ledger import Ledger
from runlog.records import COPY_OF, ModelRecord, RunRecord, changed
from runlog.store import view_stages

if TYPE_CHECKING:
    from runlog.store import Point, Store

RUNS_AT_ONCE = 100
POINTS_AT_ONCE = 50_000
PROXIED = "mlflow-artifacts:"  # places that only their own server can reach

KINDS = (
    "experiments",
    "runs",
    "params",
    "tags",
    "data sets",
    "metrics",
    "points",
    "digests",
    "models",
    "links to models",
    "files",
    "bytes of files",
)
_OWN_TAGS = {COPY_OF, "mlflow.runName"}  # which a server may have set itself

Progress = Callable[[int, int], None]
T = TypeVar("T")


class Choice(NamedTuple):
    """What is copied: experiments, those of their runs that match, with their files or with the
    URIs of them."""

    experiments: Sequence[Experiment]
    filter_string: str | None = None
    view_type: int = ViewType.ACTIVE_ONLY
    artifacts: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether experiments without runs, and models of no run that is copied, stay behind."""
        return bool(self.filter_string) or self.view_type == ViewType.DELETED_ONLY


class Counts(NamedTuple):
    """How many there are of a kind, in the source and of the same ones in the target."""

    kind: str
    source: int
    target: int


class Outcome(NamedTuple):
    """Counts of every kind, and the places of files that the target does not reach, by how many
    runs and models have theirs there."""

    counts: list[Counts]
    left_behind: Mapping[str, int]

    @property
    def is_complete(self) -> bool:
        return all(each.source == each.target for each in self.counts)


def copy(
    source: Store, target: Store, choice: Choice, progress: Progress = lambda done, total: None
) -> Outcome:
    """Copies what is chosen, and counts it in both stores. `progress` gets runs done, and all.

    Raises InvalidParameter where both are the same, and where the target has a run of the same id
    with another value of a param.
    """
    if source.uri == target.uri:
        raise InvalidParameter(f"{source.uri} is where to copy from and where to copy to")
    return _Copying(source, target, choice, progress).copy()


def compare(source: Store, target: Store | None, choice: Choice) -> Outcome:
    """Counts what is chosen in both stores as they are; nothing in a target that is None."""
    return _Copying(source, target, choice, lambda done, total: None).compare()


class _Copying:
    def __init__(
        self, source: Store, target: Store | None, choice: Choice, progress: Progress
    ) -> None:
        self.source, self.choice, self.progress = source, choice, progress
        self.there = source.records
        self.runs = {
            each.experiment_id: self.there.run_ids(
                [each.experiment_id], choice.filter_string, choice.view_type
            )
            for each in choice.experiments
        }
        self.experiments = [
            each
            for each in choice.experiments
            if self.runs[each.experiment_id] or not choice.is_narrow
        ]
        self.read: dict[str, dict[str, int]] = {}  # points, where the source does not count them
        self.begun: set[str] = set()
        self.numbers: dict[str, str] = {}  # of experiments: id there, id here
        self.left_behind: dict[str, int] = {}
        self.tally = {kind: [0, 0] for kind in KINDS}
        if target is not None:
            self.target, self.here = target, target.records
        self.is_counted = target is not None

    def copy(self) -> Outcome:
        total, done = sum(map(len, self.runs.values())), 0
        for experiment in self.experiments:
            self._keep_experiment(experiment)
            for ids in _batches(self.runs[experiment.experiment_id]):
                self._copy_runs(self.there.runs(ids), self.numbers[experiment.experiment_id])
                done += len(ids)
                self.progress(done, total)
        models = self._models()
        self._copy_models(models)
        for ids in self._all_batches():
            ended = [each for each in self.there.runs(ids) if _id(each) in self.begun]
            self.here.end_runs(ended)
        self.here.finish()
        return self.compare(models)

    def _keep_experiment(self, experiment: Experiment) -> None:
        place = self._place(experiment.artifact_location)
        kept = Experiment(**{**dict(experiment), "artifact_location": place})
        number = self.here.keep_experiment(kept, self.choice.artifacts)
        self.numbers[experiment.experiment_id] = number

    def _place(self, uri: str) -> str:
        return "" if uri.startswith(PROXIED) else uri

    # -- runs -------------------------------------------------------------------------------

    def _copy_runs(self, records: Sequence[RunRecord], number: str) -> None:
        found = self.here.runs([self.here.id_here(_id(each)) for each in records])
        there = {_id(each): each for each in found}
        todo = []
        for record in records:
            before = there.get(self.here.id_here(_id(record)))
            if before is None or not self._is_copy(before, record):
                todo.append(record)
            elif self.choice.artifacts:
                self._copy_files(record, before.run.info)
        infos = self.here.begin_runs(
            [
                changed(
                    each,
                    experiment_id=number,
                    artifact_uri=self._place(each.run.info.artifact_uri),
                )
                for each in todo
            ],
            self.choice.artifacts,
        )
        for record, info in zip(todo, infos, strict=True):
            self.begun.add(_id(record))
            self._copy_points(record, info.run_id, there.get(info.run_id))
            if self.choice.artifacts:
                self._copy_files(record, info)
            elif info.artifact_uri != record.run.info.artifact_uri:
                self._leave(record.run.info.artifact_uri)

    def _is_copy(self, before: RunRecord, record: RunRecord) -> bool:
        is_elsewhere = before.run.info.artifact_uri != record.run.info.artifact_uri
        return _gist(before) == _gist(record) and (is_elsewhere or not self.choice.artifacts)

    def _leave(self, place: str) -> None:
        scheme, colon, _ = place.partition(":")
        where = f"{scheme}:" if colon else "local folders"
        self.left_behind[where] = self.left_behind.get(where, 0) + 1

    def _copy_points(self, record: RunRecord, run_id: str, before: RunRecord | None) -> None:
        have = before.counts if before is not None else {}
        keys = [
            metric.key
            for metric in record.run.data.metric_points
            if metric.key not in have or have[metric.key] != record.counts.get(metric.key)
        ]
        waiting: list[Point] = []
        for points in self._points(record, keys):
            if before is not None and not self.here.keeps_ids:
                points = self._new(run_id, points)
            waiting += points
            if len(waiting) >= POINTS_AT_ONCE:
                self.target.log(run_id, waiting)
                waiting = []
        if waiting:
            self.target.log(run_id, waiting)

    def _points(self, record: RunRecord, keys: Sequence[str]) -> Iterator[Sequence[Point]]:
        """The histories of metrics, in pieces."""
        wanted, run_id, counts = set(keys), _id(record), record.counts
        last = [each for each in record.run.data.metric_points if each.key in wanted]
        yield [_point(each) for each in last if counts.get(each.key) == 1]
        some: list[str] = []
        size = 0
        for key in (each.key for each in last if counts.get(each.key, 2) > 1):
            count = counts.get(key)
            if count is None:
                points = [*map(_point, self.source.get_metric_history(run_id, key))]
                self.read.setdefault(run_id, {})[key] = len(points)
                yield points
            elif count > POINTS_AT_ONCE:
                yield from self._pages(run_id, key)
            else:
                some.append(key)
                size += count
            if size > POINTS_AT_ONCE:
                yield from self._histories(run_id, some)
                some, size = [], 0
        yield from self._histories(run_id, some)

    def _pages(self, run_id: str, key: str) -> Iterator[Sequence[Point]]:
        token = None
        while True:
            page = self.source.metric_history_page(run_id, key, POINTS_AT_ONCE, token)
            yield [*map(_point, page)]
            token = page.token
            if token is None:
                return

    def _histories(self, run_id: str, keys: Sequence[str]) -> Iterator[Sequence[Point]]:
        for found in self.source.histories([run_id], keys) if keys else ():
            same = [found.key] * len(found.values)
            yield [*zip(same, found.values, found.timestamps, found.steps, strict=True)]

    def _new(self, run_id: str, points: Sequence[Point]) -> list[Point]:
        """Those of the points that the target does not have: a server may keep one twice."""
        histories = [
            self.target.get_metric_history(run_id, key) for key in {point[0] for point in points}
        ]
        there = {repr(_point(each)) for history in histories for each in history}
        return [point for point in points if repr(point) not in there]

    # -- models -----------------------------------------------------------------------------

    def _models(self) -> list[ModelRecord]:
        """The logged models that go along."""
        try:
            found = [
                model
                for each in self.experiments
                for model in self.there.models([each.experiment_id])
            ]
        except NotFound:  # a server of a time before logged models
            return []
        stages = view_stages(self.choice.view_type)
        found = [each for each in found if each.lifecycle_stage in stages]
        if not self.choice.is_narrow:
            return found
        chosen = {run_id for ids in self.runs.values() for run_id in ids}
        for some in self._all_batches():
            for record in self.there.runs(some):
                chosen.update(each.model_id for each in _links(record))
        return [
            each
            for each in found
            if each.model.source_run_id in chosen or each.model.model_id in chosen
        ]

    def _copy_models(self, records: Sequence[ModelRecord]) -> None:
        for some in _batches(records):
            here = [
                each._replace(
                    model=_model(
                        each.model,
                        experiment_id=self.numbers[each.model.experiment_id],
                        artifact_location=self._place(each.model.artifact_location),
                    )
                )
                for each in some
            ]
            kept = self.here.keep_models(here, self.choice.artifacts)
            for record, model in zip(some, kept, strict=True):
                if self.choice.artifacts:
                    self._copy_all(
                        self._repo(self.source, record.model.artifact_location),
                        self._repo(self.target, model.artifact_location),
                    )
                elif model.artifact_location != record.model.artifact_location:
                    self._leave(record.model.artifact_location)

    # -- files ------------------------------------------------------------------------------

    def _copy_files(self, record: RunRecord, info: RunInfo) -> None:
        self._copy_all(
            self._repo(self.source, record.run.info.artifact_uri),
            self._repo(self.target, info.artifact_uri, Ledger(self.target, info.run_id)),
        )

    def _repo(self, store: Store, uri: str, ledger: Ledger | None = None) -> ArtifactRepo:
        return ArtifactRepo(uri, store.files(uri), ledger)

    def _copy_all(self, source: ArtifactRepo, target: ArtifactRepo) -> None:
        if source.uri != target.uri and source.files():
            source.copy_to(target)

    # -- counting ---------------------------------------------------------------------------

    def compare(self, models: Sequence[ModelRecord] | None = None) -> Outcome:
        models = self._models() if models is None else models
        ids = {each.model.model_id for each in models}
        for experiment in self.experiments:
            here = self.here.find_experiment(experiment.name) if self.is_counted else None
            self._count("experiments", 1, int(here is not None))
            for some in _batches(self.runs[experiment.experiment_id]):
                self._count_runs(self.there.runs(some), ids)
        self._count_models(models)
        counts = [Counts(kind, *self.tally[kind]) for kind in KINDS]
        return Outcome([each for each in counts if each.source or each.target], self.left_behind)

    def _count(self, kind: str, source: int, target: int) -> None:
        self.tally[kind][0] += source
        self.tally[kind][1] += target

    def _count_runs(self, records: Sequence[RunRecord], models: set[str]) -> None:
        known = [self.here.id_here(_id(each)) for each in records] if self.is_counted else []
        found = {_id(each): each for each in self.here.runs(known)} if known else {}
        for record, run_id in zip(records, known or [""] * len(records), strict=True):
            copied = found.get(run_id)
            for kind, count in self._sizes(self.source, record, models).items():
                self._count(kind, count, 0)
            if copied is not None:
                ids = {self.here.id_here(each) for each in models}
                for kind, count in self._sizes(self.target, copied, ids).items():
                    self._count(kind, 0, count)

    def _sizes(self, store: Store, record: RunRecord, models: set[str]) -> dict[str, int]:
        data = record.run.data
        sizes = {
            "runs": 1,
            "params": len(data.params),
            "tags": len(data.tags.keys() - _OWN_TAGS),
            "data sets": len(record.run.inputs.dataset_inputs),
            "links to models": sum(each.model_id in models for each in _links(record)),
            "metrics": len(data.metric_points),
            "points": self._count_points(store, record),
        }
        if not self.choice.artifacts:
            sizes["digests"] = len(record.files) if self._keep_digests() else 0
        else:
            files = self._repo(store, record.run.info.artifact_uri).files()
            sizes["files"] = len(files)
            sizes["bytes of files"] = sum(each.file_size or 0 for each in files)
        return sizes

    def _keep_digests(self) -> bool:
        """Whether both stores do, as far as there are two."""
        return self.there.keeps_ids and (not self.is_counted or self.here.keeps_ids)

    def _count_points(self, store: Store, record: RunRecord) -> int:
        run_id = _id(record)
        if store is self.source and run_id in self.read:
            return sum(self.read[run_id].values())
        return sum(
            record.counts[each.key]
            if each.key in record.counts
            else len(store.get_metric_history(run_id, each.key))
            for each in record.run.data.metric_points
        )

    def _count_models(self, models: Sequence[ModelRecord]) -> None:
        found: set[str] = set()
        for experiment in self.experiments if models and self.is_counted else ():
            here = self.here.find_experiment(experiment.name)
            if here is not None:
                found.update(each.model.model_id for each in self.here.models([here.experiment_id]))
        for record in models:
            is_here = self.is_counted and self.here.id_here(record.model.model_id) in found
            self._count("models", 1, int(is_here))

    def _all_batches(self) -> Iterator[Sequence[str]]:
        for experiment in self.experiments:
            yield from _batches(self.runs[experiment.experiment_id])


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), RUNS_AT_ONCE):
        yield items[at : at + RUNS_AT_ONCE]


def _id(record: RunRecord) -> str:
    return record.run.info.run_id


def _point(metric: Metric) -> Point:
    return metric.key, metric.value, metric.timestamp, metric.step


def _links(record: RunRecord) -> list[LoggedModelInput | LoggedModelOutput]:
    return [*record.run.inputs.model_inputs, *record.run.outputs.model_outputs]


def _model(model: LoggedModel, **changes: str) -> LoggedModel:
    return LoggedModel(**{**dict(model), **changes})


def _gist(record: RunRecord) -> tuple[object, ...]:
    """What is the same of a run and its copy. Values of metrics are not looked at: points never
    change, so their number tells."""
    run = record.run
    places = {"experiment_id": "", "artifact_uri": ""}
    info = RunInfo(**{**dict(run.info), **places})
    return (
        info,
        run.data.params,
        run.data.tags,
        run.inputs,
        run.outputs,
        record.counts,
        record.deleted_time,
        {each[:3] for each in record.files},
    )
