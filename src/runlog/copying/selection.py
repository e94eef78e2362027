"""What is chosen of a store, and counting it: there, and as much of it as is in another store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from runlog.artifacts import LocationRefused
from runlog.copying.registry import chosen_models, count_models
from runlog.entities import (
    RUN_NAME,
    Experiment,
    LoggedModelInput,
    LoggedModelOutput,
    RunStatus,
    ViewType,
)
from runlog.storage.allowed import is_local
from runlog.storage.opening import Owner, opened
from runlog.store import Store, view_stages
from runlog.store_parts import exact_copy
from runlog.store_parts.exact_copy import (
    COPY_OF,
    IMPORT_SIGNATURE,
    ModelRecord,
    RegisteredModelRecord,
    RunRecord,
)

if TYPE_CHECKING:
    from runlog.entities import FileInfo, Metric, PagedList
    from runlog.store import History

RUNS_AT_ONCE = 100
_OWN_TAGS = {COPY_OF, IMPORT_SIGNATURE, RUN_NAME}  # which a server may have set itself

T = TypeVar("T")


class Records(Protocol):
    """What is read of a source: the first half of `exact_copy.Records`."""

    keeps_ids: bool

    def run_ids(
        self, experiment_ids: Sequence[str], filter_string: str | None = None, view_type: int = 1
    ) -> list[str]: ...
    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]: ...
    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]: ...


class Source(Owner, Protocol):
    """What is copied from: a store, or what an importer reads."""

    has_local_paths: bool
    refers_to_remote_files: bool

    @property
    def records(self) -> Records: ...
    def histories(self, run_ids: Sequence[str], keys: Sequence[str]) -> list[History]: ...
    def get_metric_history(self, run_id: str, key: str) -> list[Metric]: ...
    def metric_history_page(
        self, run_id: str, key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]: ...


class Selection(NamedTuple):
    """What is copied: experiments, those of their runs that match, with their files or with the
    URIs of them."""

    experiments: Sequence[Experiment]
    filter_string: str | None = None
    view_type: int = ViewType.ACTIVE_ONLY
    artifacts: bool = False
    registry: bool = False
    """Whether all registered models are copied, not only those of the copied runs."""

    @property
    def is_narrow(self) -> bool:
        """Return whether experiments without runs, and models of no run that is copied, stay
        behind."""
        return bool(self.filter_string) or self.view_type == ViewType.DELETED_ONLY


class Counts(NamedTuple):
    """How many there are of a kind, in the source and of the same ones in the target."""

    kind: str
    source: int
    target: int


class _Copied(NamedTuple):
    """A run as it was copied: what tells it from what it becomes, and how much it had at least."""

    mark: int
    least: tuple[int, ...]


class Selected:
    """What is selected of a store: `runs` are the ids by experiment, oldest first."""

    def __init__(self, store: Source, selection: Selection) -> None:
        self.store, self.records, self.selection = store, store.records, selection
        found = {
            each.experiment_id: self.records.run_ids(
                [each.experiment_id], selection.filter_string, selection.view_type
            )
            for each in selection.experiments
        }
        self.runs = {key: ids for key, ids in found.items() if ids or not selection.is_narrow}
        self.experiments = [
            each for each in selection.experiments if each.experiment_id in self.runs
        ]
        self.read: dict[str, int] = {}  # points of runs, where the store itself does not count them
        self.copied: dict[str, _Copied] = {}  # by id, runs as they were when they were copied
        self.live: set[str] = set()  # runs that were logged to after they had been copied

    def brings_files(self, uri: str) -> bool:
        """Return whether the files at a URI are copied with their run: an importer leaves those of
        a bucket or a host where they are."""
        return bool(uri) and (not self.store.refers_to_remote_files or is_local(uri))

    def note(self, record: RunRecord) -> None:
        """Remember what a run is like now that it is copied."""
        self.copied[run_id(record)] = _Copied(_mark(record), _least(record))

    def has_changed(self, record: RunRecord) -> bool:
        """Return whether a run was logged to since it was copied."""
        before = self.copied.get(run_id(record))
        return before is not None and before.mark != _mark(record)

    def batches(self, experiment: Experiment) -> Iterator[list[RunRecord]]:
        """Yield the runs of an experiment, as they are now."""
        for ids in batches(self.runs[experiment.experiment_id]):
            yield self.records.runs(ids)

    def all_batches(self) -> Iterator[list[RunRecord]]:
        for experiment in self.experiments:
            yield from self.batches(experiment)

    def models(self) -> list[ModelRecord]:
        """Return the logged models that go along."""
        found = [
            model
            for each in self.experiments
            for model in self.records.models([each.experiment_id])
        ]
        stages = view_stages(self.selection.view_type)
        found = [each for each in found if each.lifecycle_stage in stages]
        if not self.selection.is_narrow or not found:
            return found
        chosen = {run_id for ids in self.runs.values() for run_id in ids}
        chosen.update(
            link.model_id
            for records in self.all_batches()
            for record in records
            for link in links(record)
        )
        return [
            each
            for each in found
            if each.model.source_run_id in chosen or each.model.model_id in chosen
        ]

    def registered(self, models: Sequence[ModelRecord]) -> list[RegisteredModelRecord]:
        """Return the registered models that go along with the runs and these logged models. An
        importer's source has none."""
        if not isinstance(self.store, Store):
            return []
        ids = {run_id for ids in self.runs.values() for run_id in ids}
        ids.update(each.model.model_id for each in models)
        return chosen_models(self.store, ids, self.selection.registry)


def count(
    chosen: Selected,
    target: Store | None,
    here: exact_copy.Records | None = None,
    known: Sequence[ModelRecord] | None = None,
    registered: Sequence[RegisteredModelRecord] | None = None,
) -> list[Counts]:
    """Count what is chosen in both stores; nothing in a target that is None. `here` are the
    target's records if they are in use already, `known` the models and `registered` the registered
    models if they have been read."""
    here = here or (target.records if target is not None else None)
    tally: dict[str, list[int]] = {}
    wanted = chosen.models() if known is None else known
    ids = {each.model.model_id for each in wanted}
    keep_digests = (
        not chosen.store.refers_to_remote_files
        and chosen.records.keeps_ids
        and (here is None or here.keeps_ids)
    )
    found: set[str] = set()
    for experiment in chosen.experiments:
        there = here.find_experiment(experiment.name) if here is not None else None
        _add(tally, {"experiments": 1}, {"experiments": int(there is not None)})
        if here is not None and there is not None and ids:
            found.update(each.model.model_id for each in here.models([there.experiment_id]))
    for records in chosen.all_batches():
        copies = _copies(here, records)
        for record in records:
            uri = record.run.info.artifact_uri
            files = chosen.selection.artifacts and (not uri or chosen.brings_files(uri))
            sizes = _sizes(chosen.store, record, ids, chosen, files, keep_digests)
            copy = copies.get(here.id_here(run_id(record))) if here is not None else None
            if copy is None or target is None or here is None:
                _add(tally, sizes, {})
                continue
            ids_here = {here.id_here(each) for each in ids}
            there_sizes = _sizes(target, copy, ids_here, chosen, files, keep_digests)
            if there_sizes != sizes and _is_as_far(chosen, record, there_sizes, sizes):
                sizes = there_sizes
            _add(tally, sizes, there_sizes)
    for model_id in ids:
        is_here = here is not None and here.id_here(model_id) in found
        _add(tally, {"models": 1}, {"models": int(is_here)})
    counts = [Counts(kind, *both) for kind, both in tally.items() if any(both)]
    registered = chosen.registered(wanted) if registered is None else registered
    return counts + [Counts(*each) for each in count_models(here, registered)]


def _is_as_far(
    chosen: Selected, record: RunRecord, copied: Mapping[str, int], now: Mapping[str, int]
) -> bool:
    """Return whether a copy differs from its run only because that was logged to meanwhile: it has
    what the run had when it was copied, and no more than the run has now."""
    before = chosen.copied.get(run_id(record))
    is_running = not RunStatus.is_terminated(record.run.info.status)
    if before is None or not (is_running or before.mark != _mark(record)):
        return False
    least = dict(zip(_KINDS, before.least, strict=True))
    if not all(min(least.get(kind, 0), n) <= copied.get(kind, 0) for kind, n in now.items()):
        return False
    if not all(n <= max(now[kind], least.get(kind, 0)) for kind, n in copied.items()):
        return False
    chosen.live.add(run_id(record))
    return True


def _mark(record: RunRecord) -> int:
    run = record.run
    files = sorted(each[:3] for each in record.files)
    what = (run.info, run.data.params, run.data.tags, run.data.metric_points, run.inputs)
    return hash(repr((*what, run.outputs, record.counts, files)))


_KINDS = ("runs", "params", "tags", "data sets", "metrics", "points", "digests")


def _least(record: RunRecord) -> tuple[int, ...]:
    """Return how many of each of `_KINDS` a copy of a run has, at least: of a metric that the store
    does not count, one point."""
    run, points = record.run, record.run.data.metric_points
    return (
        1,
        len(run.data.params),
        len(run.data.tags.keys() - _OWN_TAGS),
        len(run.inputs.dataset_inputs),
        len(points),
        sum(record.counts.get(each.key, 1) for each in points),
        len(record.files),
    )


def _add(tally: dict[str, list[int]], source: Mapping[str, int], target: Mapping[str, int]) -> None:
    for kind in source:
        both = tally.setdefault(kind, [0, 0])
        both[0] += source[kind]
        both[1] += target.get(kind, 0)


def _copies(here: exact_copy.Records | None, records: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """Return those of the runs that are in the target, by their ids there."""
    if here is None:
        return {}
    return {run_id(each): each for each in here.runs([here.id_here(run_id(r)) for r in records])}


def _sizes(
    store: Source,
    record: RunRecord,
    model_ids: set[str],
    chosen: Selected,
    with_files: bool,
    keep_digests: bool,
) -> dict[str, int]:
    """Return how many of each kind a run has, `with_files` if these are copied with it."""
    run = record.run
    sizes = {
        "runs": 1,
        "params": len(run.data.params),
        "tags": len(run.data.tags.keys() - _OWN_TAGS),
        "data sets": len(run.inputs.dataset_inputs),
        "links to models": sum(each.model_id in model_ids for each in links(record)),
        "metrics": len(run.data.metric_points),
        "points": _points(store, record, chosen),
    }
    if with_files:
        uri = run.info.artifact_uri
        files = _files(store, uri) if uri else []
        sizes["files"] = len(files)
        sizes["bytes of files"] = sum(each.file_size or 0 for each in files)
    elif keep_digests:
        sizes["digests"] = len(record.files)
    return sizes


def _points(store: Source, record: RunRecord, chosen: Selected) -> int:
    if store is chosen.store and run_id(record) in chosen.read:
        return chosen.read[run_id(record)]
    return sum(
        record.counts[each.key]
        if each.key in record.counts
        else len(store.get_metric_history(run_id(record), each.key))
        for each in record.run.data.metric_points
    )


# -- small things ---------------------------------------------------------------------------


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), RUNS_AT_ONCE):
        yield items[at : at + RUNS_AT_ONCE]


def run_id(record: RunRecord) -> str:
    return record.run.info.run_id


def _files(store: Source, uri: str) -> list[FileInfo]:
    """Return the files at a URI of a store; none where it may not be opened here."""
    try:
        return opened(store, uri).files()
    except LocationRefused:
        return []


def links(record: RunRecord) -> list[LoggedModelInput | LoggedModelOutput]:
    """Return the models that a run read and made."""
    return [*record.run.inputs.model_inputs, *record.run.outputs.model_outputs]
