"""Copies on servers that are not runlog's: what their methods can hold of a run, a model, an
experiment.

Such a server chooses the ids of runs and models itself. The first id is stored in a tag, and the
copy is found by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runlog.entities import (
    PARENT_RUN_ID,
    Experiment,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Run,
    RunInfo,
    RunInputs,
    RunStatus,
    ViewType,
)
from runlog.entities.model_registry import STAGE_NONE, ModelVersion
from runlog.errors import AlreadyExists, NotFound, RunlogError
from runlog.store_parts.exact_copy import (
    COPY_OF,
    ModelRecord,
    Records,
    RegisteredModelRecord,
    RunRecord,
)
from runlog.store_parts.registered_models import versions_of

if TYPE_CHECKING:
    from runlog.store import Store


class MlflowRecords(Records):
    """Runs and models get new ids. What a server has no method for is left out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: dict[str, str] = {}  # first id: id here, of runs and models
        self._to_delete: list[str] = []

    # -- reading ----------------------------------------------------------------------------

    def run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> list[str]:
        found, token = [], None
        while True:
            page = self._store.search_runs(
                experiment_ids, filter_string, view_type, 1000, ["start_time ASC"], token
            )
            found += [run.info.run_id for run in page]
            token = page.token
            if token is None:
                return found

    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        found = []
        for run_id in run_ids:
            try:
                found.append(RunRecord(self._store.get_run(run_id)))
            except NotFound:
                continue
        return found

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        found: list[ModelRecord] = []
        token = None
        while True:
            try:
                page = self._store.models.search(experiment_ids, page_token=token)
            except RunlogError as error:
                return _none_if_unknown(error)
            found += map(ModelRecord, page)
            token = page.token
            if token is None:
                return found[::-1]

    # -- writing ----------------------------------------------------------------------------

    def store_experiment(self, experiment: Experiment, new_place: bool) -> str:
        there = self.find_experiment(experiment.name)
        if there is None:
            number = self._store.create_experiment(experiment.name, None, experiment.tags)
        else:
            number = there.experiment_id
            if there.lifecycle_stage == LifecycleStage.DELETED:
                self._store.restore_experiment(number)
            tags = {k: v for k, v in experiment.tags.items() if there.tags.get(k) != v}
            self._store.set_experiment_tags(number, tags)
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            self._to_delete.append(number)
        return number

    def find_experiment(self, name: str) -> Experiment | None:
        found = self._store.find_experiment(name)
        if found is not None and not self.keeps_ids:
            self._find_copies(found.experiment_id)
        return found

    def _find_copies(self, experiment_id: str) -> None:
        page: Any = None
        while page is None or page.token is not None:
            page = self._store.search_runs(
                [experiment_id],
                f"tags.`{COPY_OF}` LIKE '%'",
                ViewType.ALL,
                page_token=None if page is None else page.token,
            )
            self._ids.update((run.data.tags[COPY_OF], run.info.run_id) for run in page)
        for model, _ in self.models([experiment_id]):
            if COPY_OF in model.tags:
                self._ids[model.tags[COPY_OF]] = model.model_id

    def begin_runs(self, records: Sequence[RunRecord], new_places: bool) -> list[RunInfo]:
        return [self._begin(record.run) for record in records]

    def _begin(self, run: Run) -> RunInfo:
        first = run.info.run_id
        tags = dict(run.data.tags)
        if PARENT_RUN_ID in tags:
            tags[PARENT_RUN_ID] = self._ids.get(tags[PARENT_RUN_ID], tags[PARENT_RUN_ID])
        if first not in self._ids:
            info = run.info
            made = self._store.create_run(
                info.experiment_id, info.user_id, info.start_time, {COPY_OF: first}, info.run_name
            )
            self._ids[first] = made.info.run_id
        run_id = self._ids[first]
        self._store.restore_run(run_id)
        self._store.log(
            run_id,
            params=run.data.params.items(),
            tags=tags.items(),
            inputs=RunInputs(run.inputs.dataset_inputs) if run.inputs.dataset_inputs else None,
        )
        return self._store.get_run(run_id).info

    def store_models(self, records: Sequence[ModelRecord], new_places: bool) -> list[LoggedModel]:
        try:
            return [self._store_model(record.model) for record in records]
        except RunlogError as error:
            return _none_if_unknown(error)

    def _store_model(self, model: LoggedModel) -> LoggedModel:
        models = self._store.models
        if model.model_id not in self._ids:
            made = models.create(
                model.experiment_id,
                model.name,
                model.model_type or "",
                self._ids.get(model.source_run_id or "", ""),
                model.params,
                {**model.tags, COPY_OF: model.model_id},
            )
            self._ids[model.model_id] = made.model_id
        model_id = self._ids[model.model_id]
        models.set_tags(model_id, model.tags)
        for run_id in {point.run_id or "" for point in model.metrics} & self._ids.keys():
            points = [
                Metric(
                    each.key, each.value, each.timestamp, each.step, model_id,
                    each.dataset_name, each.dataset_digest, self._ids[run_id],
                )
                for each in model.metrics
                if each.run_id == run_id
            ]  # fmt: skip
            self._store.log(self._ids[run_id], measured=points)
        if model.status != LoggedModelStatus.PENDING:
            return models.finalize(model_id, model.status)
        return models.get(model_id)

    def end_runs(self, records: Sequence[RunRecord]) -> None:
        for run in (record.run for record in records):
            run_id = self._ids[run.info.run_id]
            there = self._store.get_run(run_id)  # MLflow's server takes no link twice
            read = self._here(run.inputs.model_inputs, there.inputs.model_inputs)
            made = self._here(run.outputs.model_outputs, there.outputs.model_outputs)
            if read:
                self._store.log_inputs(run_id, models=[LoggedModelInput(each) for each in read])
            if made:
                outputs = [LoggedModelOutput(each, step) for each, step in made.items()]
                self._store.models.log_outputs(run_id, outputs)
            if run.info.status != RunStatus.to_string(RunStatus.RUNNING):
                self._store.update_run(run_id, run.info.status, run.info.end_time)
            if run.info.lifecycle_stage == LifecycleStage.DELETED:
                self._store.delete_run(run_id)

    def _here(
        self,
        links: Sequence[LoggedModelInput] | Sequence[LoggedModelOutput],
        there: Sequence[LoggedModelInput] | Sequence[LoggedModelOutput],
    ) -> dict[str, int]:
        """Return the models of links that are not there yet, with their steps."""
        known = {each.model_id for each in there}
        return {
            self._ids[each.model_id]: getattr(each, "step", 0)
            for each in links
            if each.model_id in self._ids and self._ids[each.model_id] not in known
        }

    def store_registered_model(self, record: RegisteredModelRecord) -> None:
        registry, model = self._store.registry, record.model
        try:
            registry.create_model(model.name, model.tags, model.description)
        except AlreadyExists:
            for key, value in model.tags.items():
                registry.set_model_tag(model.name, key, value)
        known = self._versions_by_copy(model.name)
        for version, location in record.versions:
            tag = f"{version.name}/{version.version}"
            here = known.get(tag)
            if here is None:
                here = registry.create_version(
                    model.name,
                    location,
                    self._ids.get(version.run_id or "", version.run_id),
                    {**version.tags, COPY_OF: tag},
                    version.run_link,
                    version.description,
                    self._ids.get(version.model_id or ""),
                )
            if version.current_stage not in (None, STAGE_NONE, here.current_stage):
                registry.transition_stage(model.name, here.version, version.current_stage)
            for alias in version.aliases:
                registry.set_alias(model.name, alias, here.version)

    def versions_here(self, record: RegisteredModelRecord) -> list[ModelVersion]:
        known = self._versions_by_copy(record.model.name)
        wanted = {f"{each.version.name}/{each.version.version}" for each in record.versions}
        return [here for tag, here in known.items() if tag in wanted]

    def _versions_by_copy(self, name: str) -> dict[str, ModelVersion]:
        return {
            each.tags[COPY_OF]: each
            for each in versions_of(self._store.registry, name)
            if COPY_OF in each.tags
        }

    def id_here(self, first: str) -> str:
        return self._ids.get(first, first)

    def finish(self) -> None:
        while self._to_delete:
            self._store.delete_experiment(self._to_delete.pop())


def _none_if_unknown(error: RunlogError) -> list[Any]:
    """Nothing, where a server has no such endpoint; else raises the error."""
    if error.error_code != "ENDPOINT_NOT_FOUND":
        raise error
    return []
