"""Logging to runs: params, tags, data sets, and all of a call in one transaction."""

from __future__ import annotations

from runlog import validate
from runlog.entities import RUN_NAME
from runlog.errors import InvalidParameter, NotFound
from runlog.sqlstore.ids import active_run, listed
from runlog.sqlstore.retry import retry, retry_if_unsure
from runlog.store import DatasetSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from runlog.db.base import Database
    from runlog.entities import DatasetInput, Metric, RunInputs
    from runlog.sqlstore.metrics import Metrics
    from runlog.store import Point, Sent


@retry_if_unsure
def log(
    db: Database,
    metrics: Metrics,
    run_id: str,
    points: list[Point],
    params: list[tuple[str, Any]],
    tags: list[tuple[str, Any]],
    measured: list[Metric],
    inputs: RunInputs | None,
    sent: Sent | None,
) -> None:
    """Log all of this to an active run, in one transaction. `points` has those of `measured`, the
    metrics of logged models, too. The caller holds `db.lock`."""

    def log_others(run: int) -> None:
        if params:
            store_params(db, run, run_id, params)
        if tags and not is_late(db, run, sent):
            set_tags(db, run, tags)
        if measured:
            from runlog.sqlstore import logged_models

            logged_models.log_points(db, run_id, measured)
        if inputs is not None:
            store_inputs(db, run, inputs)

    metrics.log(run_id, points, log_others)


def is_late(db: Database, run: int, sent: Sent | None) -> bool:
    """Return whether something later of the same sender was stored. Points and params need not
    ask: they are the same whenever they come."""
    if sent is None:
        return False
    bindings = {"run": run, "sender": sent.sender, "sequence": sent.sequence}
    later = db.change(
        """update delivery set sequence = :sequence
           where run = :run and sender = :sender and sequence < :sequence""",
        bindings,
    )
    return not later and not db.change(
        """insert into delivery (run, sender, sequence) values (:run, :sender, :sequence)
           on conflict do nothing""",
        bindings,
    )


def store_params(db: Database, run: int, run_id: str, params: Iterable[tuple[str, Any]]) -> None:
    """Store params of a run, within the caller's transaction. Raises InvalidParameter for one that
    has another value already."""
    rows: list[dict[str, Any]] = [
        {"run": run, "key": validate.key(key, "param"), "value": validate.text(value)}
        for key, value in params
    ]
    new = db.change_many(
        """insert into param (run, key, value) values (:run, :key, :value)
           on conflict do nothing""",
        rows,
    )
    if new == len(rows):
        return
    kept: dict[str, str] = dict(
        db.execute("select key, value from param where run = :run", {"run": run})
    )
    for row in rows:
        key, value = row["key"], row["value"]
        if kept[key] != value:
            raise InvalidParameter(
                f"Changing param values is not allowed. Param with key='{key}' was already "
                f"logged with value='{kept[key]}' for run ID='{run_id}'. "
                f"Attempted logging new value '{value}'."
            )


def set_tags(db: Database, run: int, tags: Iterable[tuple[str, Any]]) -> None:
    """Set tags of a run, its name among them, within the caller's transaction."""
    rows = [
        {"run": run, "key": validate.key(key, "tag"), "value": validate.text(value)}
        for key, value in tags
    ]
    db.executemany(
        """insert into tag (run, key, value) values (:run, :key, :value)
           on conflict (run, key) do update set value = excluded.value""",
        rows,
    )
    for row in rows:
        if row["key"] == RUN_NAME:
            db.execute("update run set name = :value where id = :run", row)


@retry
def delete_tag(db: Database, run_id: str, key: str) -> None:
    """Delete a tag of an active run. Raises NotFound."""
    with db.transaction():
        deleted = db.change(
            "delete from tag where run = :run and key = :key",
            {"run": active_run(db.execute, run_id), "key": key},
        )
        if not deleted:
            raise NotFound(f"No tag with name: {key} in run with id {run_id}")


def store_inputs(db: Database, run: int, inputs: RunInputs) -> None:
    """Store what a run read, within the caller's transaction."""
    for each in inputs.dataset_inputs:
        _store_input(db, run, each)
    if inputs.model_inputs:
        from runlog.sqlstore import logged_models

        logged_models.log_inputs(db, run, inputs.model_inputs)


def _store_input(db: Database, run: int, dataset_input: DatasetInput) -> None:
    data = dataset_input.dataset
    bindings = {
        "run": run,
        "name": validate.text(data.name),
        "digest": validate.text(data.digest),
        "source_type": validate.text(data.source_type),
        "source": validate.text(data.source),
        "schema": None if data.schema is None else validate.text(data.schema),
        "profile": None if data.profile is None else validate.text(data.profile),
    }
    if not data.name or not data.digest:
        raise InvalidParameter(f"a data set needs a name and a digest, not {data!r}")
    db.execute(
        """insert into dataset (experiment, name, digest, source_type, source, schema, profile)
           select experiment, :name, :digest, :source_type, :source, :schema, :profile
           from run where id = :run on conflict do nothing""",
        bindings,
    )
    db.execute(
        """insert into input (run, dataset)
           select r.id, d.id from run r join dataset d on d.experiment = r.experiment
           where r.id = :run and d.name = :name and d.digest = :digest
           on conflict do nothing""",
        bindings,
    )
    number = db.execute(
        """select i.id from run r join dataset d on d.experiment = r.experiment
           join input i on i.run = r.id and i.dataset = d.id
           where r.id = :run and d.name = :name and d.digest = :digest""",
        bindings,
    )[0][0]
    db.executemany(
        """insert into input_tag (input, key, value) values (:input, :key, :value)
           on conflict do nothing""",
        [
            {
                "input": number,
                "key": validate.input_tag_key(tag.key),
                "value": validate.text(tag.value),
            }
            for tag in dataset_input.tags
        ],
    )


def dataset_summaries(db: Database, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
    """Return the data sets that active runs of these experiments read, the newest first."""
    numbers = listed(validate.experiment_ids(experiment_ids))
    rows = db.execute(
        f"""select d.experiment, d.name, d.digest, t.value
            from dataset d join input i on i.dataset = d.id
            join run r on r.id = i.run and r.lifecycle_stage = 'active'
            left join input_tag t on t.input = i.id and t.key = 'mlflow.data.context'
            where d.experiment in ({numbers})
            group by d.id, d.experiment, d.name, d.digest, t.value
            order by d.id desc, t.value limit 1000"""
    )
    return [DatasetSummary(str(number), *rest) for number, *rest in rows]
