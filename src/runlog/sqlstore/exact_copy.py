"""The records of a SqlStore, each statement beside the method that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runlog import validate
from runlog.clock import now
from runlog.db import digests
from runlog.entities import Experiment, LifecycleStage, LoggedModel, RunInfo, RunInputs, ViewType
from runlog.sqlstore import experiments, logged_models, logging, registry_records
from runlog.sqlstore.ids import json_ids
from runlog.sqlstore.retry import retry_if_unsure
from runlog.store_parts.exact_copy import (
    FileRecord,
    ModelRecord,
    Records,
    RegisteredModelRecord,
    RunRecord,
)

if TYPE_CHECKING:
    from runlog.entities.model_registry import ModelVersion
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.metrics import Metrics
    from runlog.sqlstore.rows import Rows
    from runlog.store import Store


class SqlRecords(Records):
    """What is in this database keeps its ids."""

    keeps_ids = True

    def __init__(self, store: Store, rows: Rows, metrics: Metrics) -> None:
        self._find = store.find_experiment
        self._db, self._locations = rows.db, rows.locations
        self._rows, self._metrics = rows, metrics

    # -- reading ----------------------------------------------------------------------------

    def run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> list[str]:
        from runlog.sqlstore.search import RunQuery

        query = RunQuery(experiment_ids, filter_string, view_type, ["start_time ASC"])
        with self._metrics.reading() as (fetch, table, _):
            ids = [row[0] for row in query.search(self._rows, fetch, table).rows(fetch, None)]
            rows = fetch(
                """select r.run_id from json_each(:ids) j cross join run r on r.id = j.value
                   order by j.key""",
                json_ids(ids),
            )
        return [run_id for (run_id,) in rows]

    def runs(self, run_ids: Sequence[str]) -> list[RunRecord]:
        with self._metrics.reading() as (fetch, table, _):
            numbers = [number for each in run_ids for number in _row_ids(fetch, each)]
            bindings = json_ids(numbers)
            counts: dict[int, dict[str, int]] = {number: {} for number in numbers}
            for number, key, count in fetch(
                f"""select m.run, k.name, m.count from json_each(:ids) j
                    cross join {table} m on m.run = j.value join metric_key k on k.id = m.key""",
                bindings,
            ):
                counts[number][key] = count
            times: dict[int, int | None] = dict(
                fetch(
                    """select r.id, r.deleted_time from json_each(:ids) j
                       cross join run r on r.id = j.value""",
                    bindings,
                )
            )
            files: dict[int, list[FileRecord]] = {number: [] for number in numbers}
            for number, path, size, sha256, time in fetch(
                """select a.run, a.path, a.size, a.sha256, a.time from json_each(:ids) j
                   cross join artifact a on a.run = j.value""",
                bindings,
            ):
                files[number].append(FileRecord(path, size, bytes(sha256).hex(), time))
            runs = self._rows.runs(fetch, numbers, table)
        return [
            RunRecord(run, times[number], counts[number], files[number])
            for number, run in zip(numbers, runs, strict=True)
        ]

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        numbers = ", ".join(map(str, validate.experiment_ids(experiment_ids)))
        condition = f"m.experiment in ({numbers})"
        with self._db.reading() as fetch:
            found = logged_models.read(self._db, self._locations, fetch, condition, {})
            stages: dict[str, str] = dict(
                fetch(f"select m.model_id, m.lifecycle_stage from model m where {condition}")
            )
        return [ModelRecord(model, stages[model.model_id]) for model in reversed(found)]

    # -- writing ----------------------------------------------------------------------------

    @retry_if_unsure
    def find_experiment(self, name: str) -> Experiment | None:
        return self._find(name)

    def store_experiment(self, experiment: Experiment, new_place: bool) -> str:
        name = validate.experiment_name(experiment.name)
        with self._db.transaction():
            found = self._db.execute("select id from experiment where name = :name", {"name": name})
            if not found:
                number = self._make_experiment(name, experiment.experiment_id)
            else:
                number = int(found[0][0])
            if not self._db.execute(
                "select id from run where experiment = :id limit 1", {"id": number}
            ):  # as it was there; so is Default, of a new store
                self._bring_up(number, experiment)
            self._set_location(number, experiment.artifact_location, new_place)
            experiments.set_tags_of(self._db, number, experiment.tags)
        return str(number)

    def _make_experiment(self, name: str, wanted_id: str) -> int:
        wanted = validate.experiment_id(wanted_id)
        taken = self._db.execute("select 1 from experiment where id = :id", {"id": wanted})
        if taken or wanted < 0:
            row = self._db.execute(
                """insert into experiment (name, artifact_location, creation_time, last_update_time)
                   values (:name, '', 0, 0) returning id""",
                {"name": name},
            )
            return int(row[0][0])
        self._db.execute(
            """insert into experiment (id, name, artifact_location, creation_time, last_update_time)
               values (:id, :name, '', 0, 0)""",
            {"id": wanted, "name": name},
        )
        if self._db.COUNT_ON:
            self._db.execute(self._db.COUNT_ON)
        return wanted

    def _bring_up(self, number: int, experiment: Experiment) -> None:
        made, changed = experiment.creation_time, experiment.last_update_time
        self._db.execute(
            """update experiment set artifact_location = '', lifecycle_stage = :stage,
                   creation_time = :made, last_update_time = :changed where id = :id""",
            {
                "id": number,
                "stage": _stage(experiment.lifecycle_stage),
                "made": now() if made is None else validate.timestamp(made),
                "changed": now() if changed is None else validate.timestamp(changed),
            },
        )

    def _set_location(self, number: int, given: str, new_place: bool) -> None:
        """Set where the files go of an experiment that has no location yet, or the given one: that
        of an earlier copy, which left the files where they were."""
        location = self._locations.relative(validate.artifact_location(given))
        own = self._locations.of_experiment(None, number) if new_place or not location else location
        self._db.execute(
            """update experiment set artifact_location = :own
               where id = :id and artifact_location in ('', :location)""",
            {"id": number, "location": location, "own": own},
        )

    @retry_if_unsure
    def begin_runs(self, records: Sequence[RunRecord], new_places: bool) -> list[RunInfo]:
        with self._db.transaction():
            numbers = [self._begin_run(record, new_places) for record in records]
            infos = self._rows.infos(self._db.execute, numbers)
        return [infos[number] for number in numbers]

    def _begin_run(self, record: RunRecord, new_place: bool) -> int:
        run = record.run
        found = _row_ids(self._db.execute, run.info.run_id)
        number = found[0] if found else self._make_run(run.info)
        own = f"{self._location_of(number)}/{run.info.run_id}/artifacts"
        given = self._locations.relative(run.info.artifact_uri)
        self._db.execute(
            """update run set lifecycle_stage = 'active', deleted_time = null, name = :name,
                   user_id = :user, start_time = :start,
                   artifact_uri = case when artifact_uri in ('', :given) then :uri
                                       else artifact_uri end
               where id = :id""",
            {
                "id": number,
                "name": validate.text(run.info.run_name),
                "user": validate.text(run.info.user_id),
                "start": validate.timestamp(run.info.start_time or 0),
                "given": given,
                "uri": own if new_place or not given else given,
            },
        )
        logging.store_params(self._db, number, run.info.run_id, run.data.params.items())
        logging.set_tags(self._db, number, run.data.tags.items())
        logging.store_inputs(self._db, number, RunInputs(run.inputs.dataset_inputs))
        if not new_place:
            digests.keep(self._db, number, record.files)
        return number

    def _make_run(self, info: RunInfo) -> int:
        experiment = validate.experiment_id(info.experiment_id)
        experiments.get(self._rows, info.experiment_id)
        row = self._db.execute(
            """insert into run (run_id, experiment, name, status, user_id, start_time, artifact_uri)
               values (:run_id, :experiment, '', 'RUNNING', '', 0, '') returning id""",
            {"run_id": info.run_id, "experiment": experiment},
        )
        return int(row[0][0])

    def _location_of(self, run: int) -> str:
        row = self._db.execute(
            """select e.artifact_location from run r join experiment e on e.id = r.experiment
               where r.id = :id""",
            {"id": run},
        )
        return str(row[0][0]).rstrip("/")

    @retry_if_unsure
    def store_models(self, records: Sequence[ModelRecord], new_places: bool) -> list[LoggedModel]:
        with self._db.transaction():
            numbers = [self._keep(record, new_places) for record in records]
            found = [
                logged_models.read(
                    self._db, self._locations, self._db.execute, "m.id = :id", {"id": number}
                )[0]
                for number in numbers
            ]
            for number, record in zip(numbers, records, strict=True):
                self._db.execute(
                    "update model set lifecycle_stage = :stage where id = :id",
                    {"id": number, "stage": _stage(record.lifecycle_stage)},
                )
        return found

    def _keep(self, record: ModelRecord, new_place: bool) -> int:
        model = record.model
        number = _model(self._db.execute, model.model_id) or self._make_model(model)
        location = self._db.execute(
            """select e.artifact_location from model m join experiment e on e.id = m.experiment
               where m.id = :id""",
            {"id": number},
        )[0][0]
        own = f"{location.rstrip('/')}/models/{model.model_id}/artifacts"
        given = self._locations.relative(model.artifact_location)
        self._db.execute(
            """update model set lifecycle_stage = 'active', name = :name, type = :type,
                   source_run_id = :run, status = :status, creation_time = :made,
                   last_update_time = :changed,
                   artifact_uri = case when artifact_uri in ('', :given) then :uri
                                       else artifact_uri end
               where id = :id""",
            {
                "id": number,
                "name": validate.text(model.name),
                "type": validate.text(model.model_type or ""),
                "run": validate.run_id(model.source_run_id) if model.source_run_id else "",
                "status": model.status,
                "made": validate.timestamp(model.creation_timestamp),
                "changed": validate.timestamp(model.last_updated_timestamp),
                "given": given,
                "uri": own if new_place or not given else given,
            },
        )
        logged_models.store_params(self._db, number, model.model_id, model.params)
        logged_models.set_tags_of(self._db, number, model.tags)
        for run_id in sorted({point.run_id or "" for point in model.metrics}):
            logged_models.log_points(
                self._db, run_id, [each for each in model.metrics if each.run_id == run_id]
            )
        return number

    def _make_model(self, model: LoggedModel) -> int:
        experiments.get(self._rows, model.experiment_id)
        row = self._db.execute(
            """insert into model (model_id, experiment, name, type, source_run_id, artifact_uri,
                                  creation_time, last_update_time)
               values (:model_id, :experiment, '', '', '', '', 0, 0) returning id""",
            {
                "model_id": validate.run_id(model.model_id),
                "experiment": validate.experiment_id(model.experiment_id),
            },
        )
        return int(row[0][0])

    @retry_if_unsure
    def end_runs(self, records: Sequence[RunRecord]) -> None:
        with self._db.transaction():
            for record in records:
                self._end_run(record)
        self._metrics.run_ended()

    def _end_run(self, record: RunRecord) -> None:
        run, info = record.run, record.run.info
        for number in _row_ids(self._db.execute, info.run_id):
            self._link(number, "input", {each.model_id: 0 for each in run.inputs.model_inputs})
            made = {each.model_id: each.step for each in run.outputs.model_outputs}
            self._link(number, "output", made)
            stage = _stage(info.lifecycle_stage)
            end, deleted = info.end_time, record.deleted_time
            self._db.execute(
                """update run set status = :status, end_time = :end, lifecycle_stage = :stage,
                       deleted_time = :deleted where id = :id""",
                {
                    "id": number,
                    "status": validate.status(info.status),
                    "end": None if end is None else validate.timestamp(end),
                    "stage": stage,
                    "deleted": None if stage == LifecycleStage.ACTIVE else deleted or now(),
                },
            )

    # -- the model registry -----------------------------------------------------------------

    @retry_if_unsure
    def store_registered_model(self, record: RegisteredModelRecord) -> None:
        with self._db.transaction():
            registry_records.store(self._db, self._locations, record)

    def versions_here(self, record: RegisteredModelRecord) -> list[ModelVersion]:
        return registry_records.found(self._db, self._locations, record)

    def _link(self, run: int, kind: str, steps: dict[str, int]) -> None:
        """Keep links to those of the models that are here, deleted ones among them."""
        rows = []
        for model_id, step in steps.items():
            model = _model(self._db.execute, model_id)
            if model is not None:
                rows.append({"run": run, "kind": kind, "model": model, "step": step})
        logged_models.store_links(self._db, rows)


def _row_ids(fetch: Fetch, run_id: str) -> list[int]:
    """Return the row id of the run, or nothing."""
    rows = fetch("select id from run where run_id = :run_id", {"run_id": validate.run_id(run_id)})
    return [number for (number,) in rows]


def _model(fetch: Fetch, model_id: str) -> int | None:
    rows = fetch(
        "select id from model where model_id = :model_id", {"model_id": validate.text(model_id)}
    )
    return rows[0][0] if rows else None


def _stage(given: str) -> str:
    return LifecycleStage.DELETED if given == LifecycleStage.DELETED else LifecycleStage.ACTIVE
