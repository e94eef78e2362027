"""MLflow's own databases: SQLite, PostgreSQL, MySQL, with the schemas of versions 1.x to 3.x.

Read by SQL, with what columns and tables there are: a schema of 1.0 has neither data sets nor the
steps of metrics, one of 3.x has logged models, whose links are rows of `inputs`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runlog.db.foreign import ForeignDatabase, open_foreign
from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from runlog.importers.source import Points, Source, last_point
from runlog.store import History
from runlog.store_parts.exact_copy import ModelRecord, RunRecord

_AT_ONCE = 200_000  # points of a run that are read in one sweep
_KEPT = 500_000  # points that are kept from when a run is read until they are copied
_MODEL_STATUS = {1: "PENDING", 2: "READY", 3: "FAILED"}


class MlflowDatabase(Source):
    """The database of an MLflow server, or of a script that logs to `sqlite:///mlflow.db`."""

    kind = "mlflow-database"

    def __init__(self, uri: str, artifacts: str | None = None) -> None:
        self._db: ForeignDatabase = open_foreign(uri)
        super().__init__(self._db.path, artifacts)
        self._tables = self._db.tables()
        self._points: dict[str, dict[str, Points]] = {}  # by run and metric

    def folders(self) -> list[str]:
        """Return the folders beside a SQLite file in which MLflow stores artifacts."""
        above = os.path.dirname(self.uri) if os.path.isabs(self.uri) else ""
        names = ("mlruns", "mlartifacts")
        return [os.path.join(above, name) for name in names] if above else []

    def _column(self, table: str, name: str, otherwise: str = "null") -> str:
        """Return a column, or what stands for it where the schema is older."""
        return name if name in self._tables.get(table, ()) else otherwise

    # -- experiments ------------------------------------------------------------------------

    def experiments(self) -> list[Experiment]:
        """Return all experiments, deleted ones too."""
        tags: dict[int, dict[str, str]] = {}
        if "experiment_tags" in self._tables:
            for number, key, value in self._db.each(
                f"select experiment_id, {self._quoted('key')}, value from experiment_tags"
            ):
                tags.setdefault(number, {})[key] = value or ""
        made = self._column("experiments", "creation_time")
        changed = self._column("experiments", "last_update_time")
        rows = self._db.each(
            f"""select experiment_id, name, artifact_location, lifecycle_stage, {made}, {changed}
                from experiments order by experiment_id"""
        )
        return [
            Experiment(
                str(number),
                name,
                self.located(location or "", str(number)),
                stage or LifecycleStage.ACTIVE,
                tags.get(number, {}),
                creation,
                update,
            )
            for number, name, location, stage, creation, update in rows
        ]

    # -- runs -------------------------------------------------------------------------------

    def all_run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of all runs of an experiment, oldest first."""
        rows = self._db.each(
            "select run_uuid from runs where experiment_id = :id order by start_time, run_uuid",
            id=int(experiment_id),
        )
        return [run_id for (run_id,) in rows]

    def signatures(self, experiment_id: str) -> Mapping[str, str]:
        """Return for each run what it is like, and how many rows of each kind it has."""
        deleted = self._column("runs", "deleted_time")
        runs = self._db.each(
            f"""select run_uuid, name, status, end_time, lifecycle_stage, {deleted}
                from runs where experiment_id = :id""",
            id=int(experiment_id),
        )
        found = {row[0]: [repr(row[1:])] for row in runs}
        for table, what in (
            ("params", "count(*)"),
            ("tags", "count(*), sum(length(value))"),
            ("metrics", "count(*), max(timestamp)"),
        ):
            for run_id, *row in self._db.each(
                f"""select t.run_uuid, {what} from {table} t join runs r on r.run_uuid = t.run_uuid
                    where r.experiment_id = :id group by t.run_uuid""",
                id=int(experiment_id),
            ):
                found[run_id].append(" ".join(map(str, row)))
        return {run_id: "; ".join(parts) for run_id, parts in found.items()}

    def record(self, run_id: str) -> RunRecord | None:
        """Return a run with all but its points."""
        deleted = self._column("runs", "deleted_time")
        ((name, user, status, start, end, stage, uri, number, deleted_time),) = self._db.rows(
            f"""select name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,
                       experiment_id, {deleted}
                from runs where run_uuid = :run""",
            run=run_id,
        )
        tags = self._texts("tags", run_id)
        last, counts = self._last_points(run_id)
        uri = self.located(uri or "", f"{number}/{run_id}/artifacts", f"{run_id}/artifacts")
        info = RunInfo(
            run_id,
            str(number),
            user or "",
            status or "RUNNING",
            start or min((each.timestamp for each in last), default=0),
            end,
            stage or LifecycleStage.ACTIVE,
            uri,
            name or tags.get("mlflow.runName", ""),
        )
        if info.lifecycle_stage == LifecycleStage.DELETED and deleted_time is None:
            deleted_time = end or info.start_time
        params = self._texts("params", run_id)
        data = RunData({each.key: each.value for each in last}, params, tags, tuple(last))
        inputs, outputs = self._links(run_id)
        return RunRecord(Run(info, data, inputs, outputs), deleted_time, counts)

    def _quoted(self, name: str) -> str:
        """Return a column whose name is a word of MySQL's, qualified so that it is none."""
        return name if "mysql" not in self.uri.partition(":")[0] else f"`{name}`"

    def _texts(self, table: str, run_id: str) -> dict[str, str]:
        rows = self._db.each(
            f"select {self._quoted('key')}, value from {table} where run_uuid = :run", run=run_id
        )
        return {key: value or "" for key, value in rows}

    # -- points -----------------------------------------------------------------------------

    def _last_points(self, run_id: str) -> tuple[list[Metric], dict[str, int]]:
        """Return the last point of each metric, and how many points each has."""
        key = self._quoted("key")
        counts: dict[str, int] = {}
        for name, count in self._db.each(
            f"select {key}, count(*) from metrics where run_uuid = :run group by {key}", run=run_id
        ):
            counts[name] = count
        if sum(counts.values()) <= _AT_ONCE:
            points = self._all_points(run_id)
            if (
                sum(len(each.values) for of in self._points.values() for each in of.values())
                < _KEPT
            ):
                self._points[run_id] = points
            return [last_point(run_id, name, each) for name, each in points.items()], counts
        columns = self._point_columns()
        last = []
        for name in counts:
            ((_, time, step, value, nan),) = self._db.rows(
                f"""select {columns} from metrics where run_uuid = :run and {key} = :key
                    order by 3 desc, timestamp desc, 5 desc, value desc limit 1""",
                run=run_id,
                key=name,
            )
            last.append(Metric(name, _double(value, nan), time, step, run_id=run_id))
        return last, counts

    def _point_columns(self) -> str:
        step, nan = (self._column("metrics", name, "0") for name in ("step", "is_nan"))
        return f"{self._quoted('key')}, timestamp, {step}, value, {nan}"

    def _all_points(self, run_id: str) -> dict[str, Points]:
        """Return all points of a run by metric, in one sweep: not every schema has an index that
        begins with the run."""
        found: dict[str, Points] = {}
        for key, time, step, value, nan in self._db.each(
            f"select {self._point_columns()} from metrics where run_uuid = :run", run=run_id
        ):
            points = found.get(key) or found.setdefault(key, Points.none())
            points.append(time, step, _double(value, nan))
        return found

    def points(self, run_id: str, key: str) -> Points:
        """Return all points of a metric. None is there twice: the key is
        the whole row."""
        if run_id in self._points:
            return self._points[run_id].pop(key)
        points = Points.none()
        for _, time, step, value, nan in self._db.each(
            f"""select {self._point_columns()} from metrics
                where run_uuid = :run and {self._quoted("key")} = :key""",
            run=run_id,
            key=key,
        ):
            points.append(time, step, _double(value, nan))
        return points

    def histories(self, run_ids: Sequence[str], keys: Sequence[str]) -> list[History]:
        """Return the points of metrics, those of a run in one sweep."""
        found = []
        for run_id in run_ids:
            points = self._points.pop(run_id, None) or self._all_points(run_id)
            found += [History(run_id, key, *points.get(key, Points.none())) for key in keys]
        return found

    # -- inputs, outputs and models ---------------------------------------------------------

    def _links(self, run_id: str) -> tuple[RunInputs, RunOutputs]:
        inputs, outputs = RunInputs(), RunOutputs()
        if "inputs" not in self._tables:
            return inputs, outputs
        step = self._column("inputs", "step", "0")
        rows = self._db.rows(
            f"""select input_uuid, source_type, source_id, destination_type, destination_id, {step}
                from inputs where destination_id = :run or source_id = :run
                order by input_uuid""",
            run=run_id,
        )
        for link, kind, source, target, destination, at in rows:
            if kind == "DATASET" and destination == run_id:
                inputs.dataset_inputs.extend(self._read_data_set(source, link))
            elif kind in ("RUN_INPUT", "MODEL_INPUT") and target in ("MODEL_INPUT", "RUN_INPUT"):
                model = destination if source == run_id else source
                inputs.model_inputs.append(LoggedModelInput(model))
            elif kind == "RUN_OUTPUT" and source == run_id:
                outputs.model_outputs.append(LoggedModelOutput(destination, at or 0))
        return inputs, outputs

    def _read_data_set(self, dataset: str, link: str) -> Iterator[DatasetInput]:
        tags = [
            InputTag(name, value)
            for name, value in self._db.each(
                "select name, value from input_tags where input_uuid = :link", link=link
            )
        ]
        for row in self._db.rows(
            """select name, digest, dataset_source_type, dataset_source, dataset_schema,
                      dataset_profile
               from datasets where dataset_uuid = :id""",
            id=dataset,
        ):
            yield DatasetInput(Dataset(*row), tags)

    def models(self, experiment_ids: Sequence[str]) -> list[ModelRecord]:
        """Return the logged models of experiments, oldest first."""
        if "logged_models" not in self._tables:
            return []
        return [
            self._model(row)
            for number in experiment_ids
            for row in self._db.rows(
                """select model_id, experiment_id, name, artifact_location,
                          creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage,
                          model_type, source_run_id
                   from logged_models where experiment_id = :id order by creation_timestamp_ms""",
                id=int(number),
            )
        ]

    def _model(self, row: tuple[Any, ...]) -> ModelRecord:
        model_id, number, name, location, made, changed, status, stage, kind, run_id = row
        key, value = self._quoted("param_key"), self._quoted("param_value")
        params = self._db.rows(
            f"select {key}, {value} from logged_model_params where model_id = :id", id=model_id
        )
        tags = self._db.rows(
            "select tag_key, tag_value from logged_model_tags where model_id = :id", id=model_id
        )
        metrics = self._db.rows(
            """select metric_name, metric_value, metric_timestamp_ms, metric_step, dataset_name,
                      dataset_digest, run_id
               from logged_model_metrics where model_id = :id""",
            id=model_id,
        )
        model = LoggedModel(
            str(number),
            model_id,
            name,
            self.located(location or "", f"{number}/models/{model_id}/artifacts"),
            made,
            changed,
            model_type=kind or "",
            source_run_id=run_id or "",
            status=status if isinstance(status, str) else _MODEL_STATUS.get(status, "PENDING"),
            tags=dict(tags),
            params=dict(params),
            metrics=[
                Metric(each[0], each[1], each[2], each[3], model_id, *each[4:]) for each in metrics
            ],
        )
        return ModelRecord(model, stage or LifecycleStage.ACTIVE)


def _double(value: float, is_nan: Any) -> float:
    """Return a metric's value: MLflow stores NaN as 0 with a mark, infinities as the largest
    doubles."""
    if is_nan:
        return float("nan")
    if abs(value) == 1.7976931348623157e308:
        return float("inf") if value > 0 else float("-inf")
    return float(value)
