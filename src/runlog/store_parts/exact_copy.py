"""Exact copies: reading what a store holds as it is, and storing it in another store.

Otherwise the store decides ids, times and stages. `Records` is given them, so that what is copied
is what it was. This module has the contract; each kind of store implements it beside its other
methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runlog.entities import Experiment, LifecycleStage, LoggedModel, Run, RunInfo, ViewType
from runlog.entities.model_registry import ModelVersion, RegisteredModel

COPY_OF = "runlog.copyOf"  # the tag with the id that a copied run or model had first
IMPORT_SIGNATURE = "runlog.importSignature"
"""The tag of an imported run that tells what its source was like when it was complete here."""


class FileRecord(NamedTuple):
    """What a file of a run was when it was logged, at `time` (ms)."""

    path: str
    size: int
    sha256: str
    time: int


class RunRecord(NamedTuple):
    """A run; when it was deleted (ms), how many points each of its metrics has, and the digests of
    its files. What a store does not tell is None or missing."""

    run: Run
    deleted_time: int | None = None
    counts: Mapping[str, int] = {}
    files: Sequence[FileRecord] = ()


class ModelRecord(NamedTuple):
    """A logged model, deleted or not."""

    model: LoggedModel
    lifecycle_stage: str = LifecycleStage.ACTIVE


class VersionRecord(NamedTuple):
    """A version of a registered model, and where its files are."""

    version: ModelVersion
    location: str


class RegisteredModelRecord(NamedTuple):
    """A registered model with those of its versions that are copied. Of its aliases, those of
    these versions count."""

    model: RegisteredModel
    versions: Sequence[VersionRecord]


def changed(record: RunRecord, **changes: Any) -> RunRecord:
    """Return the record with other values in its run's info."""
    run = record.run
    info = run.info._replace(**changes)
    return record._replace(run=Run(info, run.data, run.inputs, run.outputs))


class Records(ABC):
    """`Store.records`. Every call can be repeated: what is there already is brought up to date, and
    its files stay where they are."""

    keeps_ids = False
    """Whether runs and models have here the ids that they had first, and a point that is logged
    again is the same point."""

    @abstractmethod
    def run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> list[str]:
        """Return the ids of the runs that match, oldest start first."""

    @abstractmethod
    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        """Return those of the runs that exist."""

    @abstractmethod
    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        """Return the logged models of experiments, oldest first."""

    @abstractmethod
    def find_experiment(self, name: str) -> Experiment | None:
        """Return the experiment of that name, or None. Its copies are known from then on."""

    @abstractmethod
    def store_experiment(self, experiment: Experiment, new_place: bool) -> str:
        """Return the id of the experiment of that name. If there is none, create it, with its id
        if that is free. With `new_place` its files go where this store puts those of a new
        experiment."""

    @abstractmethod
    def begin_runs(self, records: Sequence[RunRecord], new_places: bool) -> list[RunInfo]:
        """Create runs, in the experiments that they name, with all but their points, their logged
        models and how they ended: they can be logged to until `end_runs`. A run that is there
        stays in its experiment. Return what they are here, in the same order. With `new_places`,
        and where this store cannot use the location, their files go where this store puts them."""

    @abstractmethod
    def store_models(self, records: Sequence[ModelRecord], new_places: bool) -> list[LoggedModel]:
        """Create logged models with all that they have, and return what they are here; none on a
        server without logged models."""

    @abstractmethod
    def end_runs(self, records: Sequence[RunRecord]) -> None:
        """Record of runs that `begin_runs` created how they ended, whether they are deleted, and
        which of the logged models that are here they read and created."""

    @abstractmethod
    def store_registered_model(self, record: RegisteredModelRecord) -> None:
        """Create a registered model and its versions, or bring them up to date. A version that is
        here under the same number, and was made at another time, stays as it is."""

    @abstractmethod
    def versions_here(self, record: RegisteredModelRecord) -> list[ModelVersion]:
        """Return those of the versions that are here."""

    def id_here(self, first: str) -> str:
        """Return the id that the copy of a run or model has, or would have here."""
        return first

    def finish(self) -> None:  # noqa: B027 - most stores have nothing left to do
        """End the copy: nothing more is to come. Experiments that were deleted are, again."""
