"""The records of a runlog server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from runlog.entities import Experiment, LoggedModel, RunInfo, ViewType
from runlog.entities.model_registry import ModelVersion
from runlog.http.registry import HttpRegistry
from runlog.protocol import codecs
from runlog.protocol.codecs import Kind
from runlog.protocol.exact_copy import MODEL_RECORD, RUN_RECORD
from runlog.protocol.limits import MAX_RUNS_AT_ONCE
from runlog.store_parts.exact_copy import ModelRecord, Records, RegisteredModelRecord, RunRecord
from runlog.store_parts.registered_models import versions_of

MOST = 16 * 2**20  # characters in a request: the server reads twice that
T = TypeVar("T")


class HttpRecords(Records):
    """What is on this server keeps its ids."""

    keeps_ids = True

    def __init__(self, find: Callable[[str], Experiment | None], call: Callable[..., Any]) -> None:
        """`find` finds an experiment by its name; `call` asks an endpoint."""
        self._find, self._call = find, call

    def run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> list[str]:
        found: list[str] = self._call(
            "runIds",
            experiment_ids=list(experiment_ids),
            filter_string=filter_string,
            view_type=view_type,
        )
        return found

    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        found: list[RunRecord] = []
        for at in range(0, len(run_ids), MAX_RUNS_AT_ONCE):
            found += self._call("runRecords", run_ids=list(run_ids[at : at + MAX_RUNS_AT_ONCE]))
        return found

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        found: list[ModelRecord] = self._call("modelRecords", experiment_ids=list(experiment_ids))
        return found

    def find_experiment(self, name: str) -> Experiment | None:
        return self._find(name)

    def store_experiment(self, experiment: Experiment, new_place: bool) -> str:
        number: str = self._call("keepExperiment", experiment=experiment, new_place=new_place)
        return number

    def begin_runs(self, records: Sequence[RunRecord], new_places: bool) -> list[RunInfo]:
        found: list[RunInfo] = []
        for some in _fitting(records, RUN_RECORD):
            found += self._call("beginRuns", records=some, new_places=new_places)
        return found

    def store_models(self, records: Sequence[ModelRecord], new_places: bool) -> list[LoggedModel]:
        found: list[LoggedModel] = []
        for some in _fitting(records, MODEL_RECORD):
            found += self._call("keepModels", records=some, new_places=new_places)
        return found

    def store_registered_model(self, record: RegisteredModelRecord) -> None:
        self._call("keepRegisteredModel", **record._asdict())

    def versions_here(self, record: RegisteredModelRecord) -> list[ModelVersion]:
        made = {each.version.version: each.version.creation_timestamp for each in record.versions}
        here = versions_of(HttpRegistry(self._call), record.model.name)
        return [each for each in here if made.get(each.version) == each.creation_timestamp]

    def end_runs(self, records: Sequence[RunRecord]) -> None:
        for some in _fitting(records, RUN_RECORD):
            self._call("endRuns", records=some)


def _fitting(items: Sequence[T], kind: Kind) -> Iterator[list[T]]:
    """Yield the items, as many at once as a request takes."""
    some: list[T] = []
    size = 0
    for item in items:
        length = len(codecs.text_of(kind, item))
        if some and (size + length > MOST or len(some) == MAX_RUNS_AT_ONCE):
            yield some
            some, size = [], 0
        some.append(item)
        size += length
    if some:
        yield some
