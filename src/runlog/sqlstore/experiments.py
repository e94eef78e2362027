"""Experiments: their statements, each beside the function that runs it."""

from __future__ import annotations

from runlog import validate
from runlog.clock import now
from runlog.entities import PagedList, ViewType
from runlog.errors import AlreadyExists, BadRequest, NotFound
from runlog.sqlstore.ids import active_experiment
from runlog.sqlstore.retry import retry, retry_if_unsure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runlog.db.base import Database
    from runlog.entities import Experiment
    from runlog.errors import RunlogError
    from runlog.sqlstore.locations import Locations
    from runlog.sqlstore.rows import Rows


@retry
def create_default(db: Database, locations: Locations) -> None:
    """Make the experiment Default, in a new database."""
    if db.read_only or db.execute("select 1 from experiment limit 1"):
        return
    with db.transaction():
        db.execute(
            """insert into experiment
                   (id, name, artifact_location, creation_time, last_update_time)
               values (0, 'Default', :location, :now, :now) on conflict do nothing""",
            {"location": locations.of_experiment(None, 0), "now": now()},
        )


@retry
def create(
    db: Database,
    locations: Locations,
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, Any] | None = None,
) -> str:
    """Make an experiment and return its id. Raises AlreadyExists."""
    name = validate.experiment_name(name)
    with db.transaction():
        _refuse_taken(db, name, AlreadyExists)
        row = db.execute(
            """insert into experiment
                   (name, artifact_location, creation_time, last_update_time)
               values (:name, '', :now, :now) returning id""",
            {"name": name, "now": now()},
        )
        experiment = int(row[0][0])
        db.execute(
            "update experiment set artifact_location = :location where id = :id",
            {"id": experiment, "location": locations.of_experiment(artifact_location, experiment)},
        )
        set_tags_of(db, experiment, tags or {})
    return str(experiment)


def _refuse_taken(db: Database, name: str, error: type[RunlogError]) -> None:
    taken = db.execute(
        "select id, lifecycle_stage from experiment where name = :name", {"name": name}
    )
    if taken:
        number, stage = taken[0]
        hint = "; restore it or `runlog gc` it" if stage == "deleted" else ""
        raise error(f"Experiment '{name}' already exists ({stage}, id {number}){hint}.")


def set_tags_of(db: Database, experiment: int, tags: Mapping[str, Any]) -> None:
    """Set tags of the experiment of that row id, within the caller's transaction."""
    db.executemany(
        """insert into experiment_tag (experiment, key, value)
           values (:experiment, :key, :value)
           on conflict (experiment, key) do update set value = excluded.value""",
        [
            {
                "experiment": experiment,
                "key": validate.key(key, "experiment tag"),
                "value": validate.text(value),
            }
            for key, value in tags.items()
        ],
    )


def get(rows: Rows, experiment_id: str) -> Experiment:
    """Return an experiment, deleted or not. Raises NotFound."""
    number = validate.experiment_id(experiment_id)
    with rows.db.reading() as fetch:
        found = rows.experiments(fetch, [number])
    if not found:
        raise NotFound(f"No Experiment with id={experiment_id} exists")
    return found[0]


def find(rows: Rows, name: str) -> Experiment | None:
    """Return the experiment of that name, deleted or not, if there is one."""
    with rows.db.reading() as fetch:
        ids = fetch(
            "select id from experiment where name = :name",
            {"name": validate.text(name)},
        )
        found = rows.experiments(fetch, [row[0] for row in ids])
    # A database that takes 'a ' for 'a' finds the other one.
    return found[0] if found and found[0].name == validate.text(name) else None


def search_experiments(
    rows: Rows,
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 1000,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
    page_token: str | None = None,
) -> PagedList[Experiment]:
    """Return a page of the experiments that match."""
    from runlog.query.clauses import EXPERIMENTS, full_order
    from runlog.query.parser import parse_filter, parse_order_by
    from runlog.sqlstore import search

    scope = EXPERIMENTS
    limit = validate.max_results(max_results)
    clause = parse_filter(filter_string, scope)
    order = full_order(parse_order_by(order_by, scope), scope)
    stages = search.stages_scope(view_type)
    with rows.db.reading() as fetch:
        matching = search.Search(
            search.experiments(), stages, clause, order, rows.locations.bindings(), rows.db
        )
        ids, token = search.page_of(matching, fetch, limit, page_token)
        return PagedList(rows.experiments(fetch, ids), token)


@retry
def rename(db: Database, experiment_id: str, new_name: str) -> None:
    """Give an experiment another name. Raises BadRequest if it is taken."""
    name = validate.experiment_name(new_name)
    with db.transaction():
        number, _ = active_experiment(db.execute, experiment_id)
        current = db.execute("select name from experiment where id = :id", {"id": number})
        if current[0][0] == name:
            return
        _refuse_taken(db, name, BadRequest)
        db.execute(
            "update experiment set name = :name, last_update_time = :now where id = :id",
            {"id": number, "name": name, "now": now()},
        )


@retry
def delete(db: Database, experiment_id: str) -> None:
    """Delete an experiment with its active runs. Raises NotFound."""
    with db.transaction():
        number = validate.experiment_id(experiment_id)
        # Later than what was deleted before, in this millisecond or by a faster clock:
        # restoring tells by the time which runs went with the experiment.
        latest = db.execute(
            """select max(deleted_time) from run
               where experiment = :id and lifecycle_stage = 'deleted'""",
            {"id": number},
        )[0][0]
        time = now() if latest is None else max(now(), latest + 1)
        _change_stage(db, number, "active", "deleted", time)
        db.execute(
            """update run set lifecycle_stage = 'deleted', deleted_time = :now
               where experiment = :id and lifecycle_stage = 'active'""",
            {"id": number, "now": time},
        )


@retry
def restore(db: Database, experiment_id: str) -> None:
    """Restore an experiment, and the runs that were deleted with it. Raises NotFound."""
    with db.transaction():
        number = validate.experiment_id(experiment_id)
        deleted = db.execute(
            "select last_update_time from experiment where id = :id", {"id": number}
        )
        _change_stage(db, number, "deleted", "active", now())
        db.execute(
            """update run set lifecycle_stage = 'active', deleted_time = null
               where experiment = :id and lifecycle_stage = 'deleted'
                   and deleted_time = :deleted""",
            {"id": number, "deleted": deleted[0][0]},
        )


def _change_stage(db: Database, number: int, before: str, after: str, time: int) -> None:
    changed = db.change(
        """update experiment set lifecycle_stage = :after, last_update_time = :now
           where id = :id and lifecycle_stage = :before""",
        {"id": number, "before": before, "after": after, "now": time},
    )
    if not changed:
        raise NotFound(f"No {before} Experiment with id={number} exists")


@retry_if_unsure
def set_tags(db: Database, experiment_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of an active experiment."""
    with db.transaction():
        number, _ = active_experiment(db.execute, experiment_id)
        set_tags_of(db, number, tags)
        _touch(db, number)


@retry
def delete_tag(db: Database, experiment_id: str, key: str) -> None:
    """Delete a tag of an active experiment. Raises NotFound."""
    with db.transaction():
        number, _ = active_experiment(db.execute, experiment_id)
        deleted = db.change(
            "delete from experiment_tag where experiment = :id and key = :key",
            {"id": number, "key": key},
        )
        if not deleted:
            raise NotFound(f"No tag with name: {key} in experiment with id {experiment_id}")
        _touch(db, number)


def _touch(db: Database, number: int) -> None:
    db.execute(
        "update experiment set last_update_time = :now where id = :id",
        {"id": number, "now": now()},
    )
