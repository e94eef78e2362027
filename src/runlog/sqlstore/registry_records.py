"""Exact copies of registered models in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlog import validate
from runlog.clock import now
from runlog.entities.model_registry import get_canonical_stage
from runlog.sqlstore import registry
from runlog.sqlstore.registry_rows import RegistryRows
from runlog.store_parts import registered_models as rules

if TYPE_CHECKING:
    from typing import Any

    from runlog.db.base import Database
    from runlog.entities.model_registry import ModelVersion, RegisteredModel
    from runlog.sqlstore.locations import Locations
    from runlog.store_parts.exact_copy import RegisteredModelRecord, VersionRecord


def store(db: Database, locations: Locations, record: RegisteredModelRecord) -> None:
    """Store a registered model with its versions, within the caller's transaction."""
    model = _store_model(db, record)
    rows = {}
    for each in record.versions:
        row = _store_version(db, locations, model, each)
        if row is not None:
            rows[each.version.version] = row
    aliases = {
        rules.alias_name(alias): rows[version]
        for alias, version in record.model.aliases.items()
        if version in rows
    }
    registry.set_aliases(db, model, aliases)


def found(db: Database, locations: Locations, record: RegisteredModelRecord) -> list[ModelVersion]:
    """Return the versions that are copies of the record's."""
    made = {
        rules.version_number(each.version.version): each.version.creation_timestamp
        for each in record.versions
    }
    with db.reading() as fetch:
        here = RegistryRows(db, locations).versions(
            fetch, "m.name = :name", {"name": rules.model_name(record.model.name)}
        )
    return [each for each in here if made.get(int(each.version)) == each.creation_timestamp]


def _store_model(db: Database, record: RegisteredModelRecord) -> int:
    model: RegisteredModel = record.model
    name = rules.model_name(model.name)
    there = db.execute("select id from registered_model where name = :name", {"name": name})
    if not there:
        there = db.execute(
            """insert into registered_model (name, creation_time, last_update_time)
               values (:name, 0, 0) returning id""",
            {"name": name},
        )
    number = int(there[0][0])
    numbers = [rules.version_number(each.version.version) for each in record.versions]
    made, changed = model.creation_timestamp, model.last_updated_timestamp
    greatest = max(numbers, default=0)
    db.execute(
        """update registered_model set description = :description, deployment_job_id = :job,
               creation_time = :made, last_update_time = :changed,
               last_version = case when last_version < :greatest then :greatest
                                   else last_version end
           where id = :id""",
        {
            "id": number,
            "description": rules.optional_text(model.description),
            "job": rules.optional_text(model.deployment_job_id),
            "made": now() if made is None else validate.timestamp(made),
            "changed": now() if changed is None else validate.timestamp(changed),
            "greatest": greatest,
        },
    )
    registry.set_model_tags(db, number, rules.registry_tags(model.tags))
    return number


def _store_version(
    db: Database, locations: Locations, model: int, record: VersionRecord
) -> int | None:
    """Store a version, and return its row id; None for one that is another one here."""
    version = record.version
    number = rules.version_number(version.version)
    made = validate.timestamp(version.creation_timestamp)
    there = db.execute(
        """select id, creation_time from model_version
           where registered_model = :model and version = :version""",
        {"model": model, "version": number},
    )
    if there and there[0][1] != made:
        return None
    if not there:
        there = db.execute(
            """insert into model_version (registered_model, version, user_id, source,
                   storage_location, creation_time, last_update_time)
               values (:model, :version, '', '', '', :made, :made) returning id""",
            {"model": model, "version": number, "made": made},
        )
    row = int(there[0][0])
    db.execute(
        """update model_version set stage = :stage, description = :description, user_id = :user,
               source = :source, storage_location = :location, run_id = :run, run_link = :link,
               model_id = :logged, status = :status, status_message = :message,
               last_update_time = :changed
           where id = :id""",
        {"id": row, **_version_values(locations, record)},
    )
    registry.set_version_tags(db, row, rules.registry_tags(version.tags))
    return row


def _version_values(locations: Locations, record: VersionRecord) -> dict[str, Any]:
    version = record.version
    source = rules.version_source(version.source or record.location)
    changed = version.last_updated_timestamp or version.creation_timestamp
    return {
        "stage": get_canonical_stage(version.current_stage or "None"),
        "description": rules.optional_text(version.description),
        "user": validate.text(version.user_id or ""),
        "source": locations.relative(source),
        "location": locations.relative(rules.version_source(record.location or source)),
        "run": validate.run_id(version.run_id) if version.run_id else None,
        "link": rules.optional_text(version.run_link),
        "logged": rules.optional_text(version.model_id),
        "status": validate.text(version.status),
        "message": rules.optional_text(version.status_message),
        "changed": validate.timestamp(changed),
    }
