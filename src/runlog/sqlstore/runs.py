"""Runs: their statements, each beside the function that runs it."""

from __future__ import annotations

from runlog import validate
from runlog.clock import now
from runlog.entities import (
    RUN_NAME,
    LifecycleStage,
    PagedList,
    Run,
    RunData,
    RunInfo,
    RunStatus,
    ViewType,
)
from runlog.errors import AlreadyExists, InvalidParameter
from runlog.sqlstore import logging
from runlog.sqlstore.ids import active_experiment, active_run, json_ids, run_number
from runlog.sqlstore.retry import retry, retry_if_unsure
from runlog.store import RunColumns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from runlog.db.base import Database
    from runlog.sqlstore.locations import Locations
    from runlog.sqlstore.metrics import Metrics
    from runlog.sqlstore.rows import Rows
    from runlog.store import Sent


@retry
def create(
    db: Database,
    locations: Locations,
    experiment_id: str,
    user_id: str = "",
    start_time: int | None = None,
    tags: Mapping[str, Any] | None = None,
    run_name: str | None = None,
    run_id: str | None = None,
) -> Run:
    """Make a run in an active experiment. Raises AlreadyExists for a run id that exists."""
    from runlog import names

    tags = {key: validate.text(value) for key, value in (tags or {}).items()}
    name = _run_name(run_name, tags) or names.generate()
    tags[RUN_NAME] = name
    user = validate.text(user_id or "")
    run_id = names.run_id() if run_id is None else validate.run_id(run_id)
    start = now() if start_time is None else validate.timestamp(start_time)
    with db.transaction():
        experiment, location = active_experiment(db.execute, experiment_id)
        artifacts = f"{location.rstrip('/')}/{run_id}/artifacts"
        row = db.execute(
            """insert into run (run_id, experiment, name, status, user_id, start_time,
                                artifact_uri)
               values (:run_id, :experiment, :name, 'RUNNING', :user, :start, :artifacts)
               on conflict do nothing returning id""",
            {
                "run_id": run_id,
                "experiment": experiment,
                "name": name,
                "user": user,
                "start": start,
                "artifacts": artifacts,
            },
        )
        if not row:
            raise AlreadyExists(f"Run with id={run_id} already exists")
        logging.set_tags(db, int(row[0][0]), tags.items())
    info = RunInfo(
        run_id,
        str(experiment),
        user,
        "RUNNING",
        start,
        None,
        LifecycleStage.ACTIVE,
        locations.absolute(artifacts),
        name,
    )
    return Run(info, RunData({}, {}, tags))


def get(rows: Rows, metrics: Metrics, run_id: str) -> Run:
    """Return a run, deleted or not, with the last value of each metric. Raises NotFound."""
    with metrics.reading() as (fetch, metric_table, _):
        number = run_number(fetch, run_id)
        return rows.runs(fetch, [number], metric_table)[0]


@retry_if_unsure
def update(
    rows: Rows,
    metrics: Metrics,
    run_id: str,
    status: str | int | None = None,
    end_time: int | None = None,
    run_name: str | None = None,
    sent: Sent | None = None,
) -> RunInfo:
    """Change an active run and return its info. What comes late of its sender changes nothing."""
    changes: dict[str, Any] = {}
    if status is not None:
        changes["status"] = validate.status(status)
    if end_time is not None:
        changes["end_time"] = validate.timestamp(end_time)
    if run_name:
        changes["name"] = validate.text(run_name)
    db = rows.db
    with db.transaction():
        number = active_run(db.execute, run_id)
        if logging.is_late(db, number, sent):
            changes, run_name = {}, None
        if changes:
            assignments = ", ".join(f"{column} = :{column}" for column in changes)
            db.execute(f"update run set {assignments} where id = :id", {"id": number, **changes})
        if run_name:
            logging.set_tags(db, number, [(RUN_NAME, run_name)])
        info = rows.infos(db.execute, [number])[number]
    if RunStatus.is_terminated(info.status):
        metrics.run_ended()
    return info


@retry_if_unsure
def change_stage(db: Database, run_id: str, stage: str, deleted_time: int | None) -> None:
    """Delete or restore a run. Raises InvalidParameter if gc has begun to delete it."""
    with db.transaction():
        number = run_number(db.execute, run_id)
        if db.execute("select 1 from run where id = :id and deleted_time = 0", {"id": number}):
            raise InvalidParameter(
                f"run {run_id} is gone for good: gc has begun to delete it, files first"
            )
        db.execute(
            """update run set lifecycle_stage = :stage, deleted_time = :deleted
               where id = :id and lifecycle_stage <> :stage""",
            {"id": number, "stage": stage, "deleted": deleted_time},
        )


@retry
def move_artifacts(
    db: Database, locations: Locations, run_id: str, before: str, after: str
) -> bool:
    """Change the artifact URI of a run, deleted or not, from `before` to `after`; return whether it
    was `before`."""
    with db.transaction():
        return bool(
            db.change(
                """update run set artifact_uri = :after
                   where id = :id and artifact_uri = :before""",
                {
                    "id": run_number(db.execute, run_id),
                    "before": locations.relative(before),
                    "after": locations.relative(after),
                },
            )
        )


def search_runs(
    rows: Rows,
    metrics: Metrics,
    experiment_ids: Iterable[str],
    filter_string: str | None = None,
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 1000,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
) -> PagedList[Run]:
    """Return a page of the runs that match."""
    from runlog.sqlstore import search

    limit = validate.max_results(max_results)
    query = search.RunQuery(experiment_ids, filter_string, run_view_type, order_by)
    with metrics.reading() as (fetch, table, _):
        matching = query.search(rows, fetch, table)
        ids, token = search.page_of(matching, fetch, limit, page_token)
        return PagedList(rows.runs(fetch, ids, table), token)


def search_columns(
    rows: Rows,
    metrics: Metrics,
    experiment_ids: Iterable[str],
    filter_string: str | None = None,
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    order_by: Sequence[str] | None = None,
) -> RunColumns:
    """Return the runs that match, what was logged to them as columns."""
    from array import array

    from runlog.sqlstore import search

    limit = validate.limit(max_results)
    query = search.RunQuery(experiment_ids, filter_string, run_view_type, order_by)
    with metrics.reading() as (fetch, table, _):
        matching = query.search(rows, fetch, table)
        ids = [row[0] for row in matching.rows(fetch, limit)]
        columns = RunColumns(list(rows.infos(fetch, ids).values()), {}, {}, {})
        names: dict[int, str] = dict(fetch("select id, name from metric_key"))
        bindings = json_ids(ids)
        for key, position, number in fetch.each(
            f"""select m.key, j.key, m.last from json_each(:ids) j
                cross join {table} m on m.run = j.value""",
            bindings,
        ):
            column = columns.metrics.get(names[key])
            if column is None:
                column = columns.metrics[names[key]] = (array("q"), array("d"))
            column[0].append(position)
            column[1].append(float(number))
        for name, texts in (("param", columns.params), ("tag", columns.tags)):
            same: dict[str, str] = {}  # equal values share one text
            for key, position, value in fetch.each(
                f"""select p.key, j.key, p.value from json_each(:ids) j
                    cross join {name} p on p.run = j.value""",
                bindings,
            ):
                text_column = texts.get(key)
                if text_column is None:
                    text_column = texts[key] = (array("q"), [])
                text_column[0].append(position)
                text_column[1].append(same.setdefault(value, value))
    return columns


def _run_name(run_name: str | None, tags: Mapping[str, str]) -> str | None:
    tagged = tags.get(RUN_NAME)
    if run_name and tagged and run_name != tagged:
        raise InvalidParameter(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{run_name}', mlflow.runName='{tagged}')."
        )
    return validate.text(run_name) if run_name else tagged
