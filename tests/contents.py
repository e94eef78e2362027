"""Everything that a store's file holds, with names for the numbers that are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

NOT_COPIED = {"account", "permission", "token", "audit_entry", "recent", "sqlar", "delivery"}
OF_RUN = "join run r on r.id = t.run"
TABLES = {  # what each of them says: columns, and where they come from
    "experiment": "t.*",
    "experiment_tag": "t.*",
    "run": "t.run_id, t.experiment, t.name, t.status, t.user_id, t.start_time, t.end_time, "
    "t.lifecycle_stage, t.deleted_time, t.artifact_uri",
    "param": f"r.run_id, t.key, t.value from param t {OF_RUN}",
    "tag": f"r.run_id, t.key, t.value from tag t {OF_RUN}",
    "dataset": "t.experiment, t.name, t.digest, t.source_type, t.source, t.schema, t.profile",
    "input": f"r.run_id, d.name, d.digest from input t {OF_RUN} join dataset d on d.id = t.dataset",
    "input_tag": "r.run_id, d.name, t.key, t.value from input_tag t join input i on i.id = t.input "
    "join run r on r.id = i.run join dataset d on d.id = i.dataset",
    "artifact": f"r.run_id, t.path, t.size, t.sha256, t.time from artifact t {OF_RUN}",
    "model": "t.model_id, t.experiment, t.name, t.type, t.source_run_id, t.status, "
    "t.artifact_uri, t.creation_time, t.last_update_time, t.lifecycle_stage",
    "model_param": "m.model_id, t.key, t.value from model_param t join model m on m.id = t.model",
    "model_tag": "m.model_id, t.key, t.value from model_tag t join model m on m.id = t.model",
    "model_metric": "m.model_id, t.key, t.step, t.timestamp, t.value, t.run_id, t.dataset_name, "
    "t.dataset_digest from model_metric t join model m on m.id = t.model",
    "model_link": "r.run_id, t.kind, m.model_id, t.step "
    f"from model_link t {OF_RUN} join model m on m.id = t.model",
    "registered_model": "t.name, t.description, t.deployment_job_id, t.last_version, "
    "t.creation_time, t.last_update_time",
    "registered_model_tag": "m.name, t.key, t.value from registered_model_tag t "
    "join registered_model m on m.id = t.registered_model",
    "model_version": "m.name, t.version, t.stage, t.description, t.user_id, t.source, "
    "t.storage_location, t.run_id, t.run_link, t.model_id, t.status, t.status_message, "
    "t.creation_time, t.last_update_time "
    "from model_version t join registered_model m on m.id = t.registered_model",
    "model_version_tag": "m.name, v.version, t.key, t.value from model_version_tag t "
    "join model_version v on v.id = t.model_version "
    "join registered_model m on m.id = v.registered_model",
    "model_alias": "m.name, t.alias, v.version from model_alias t "
    "join model_version v on v.id = t.model_version "
    "join registered_model m on m.id = t.registered_model",
    "metric_key": "t.name",
    "metric": "r.run_id, k.name, t.count, t.last, t.last_step, t.last_timestamp, t.first, "
    "t.first_step, t.first_timestamp, t.min, t.min_step, t.max, t.max_step "
    f"from live_metric t {OF_RUN} join metric_key k on k.id = t.key",
    "point": "r.run_id, k.name, t.step, t.timestamp, t.value from live_point t "
    "join metric m on m.id = t.metric join run r on r.id = m.run "
    "join metric_key k on k.id = m.key",
}


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table that is copied, in an order of their own; -0.0 is not 0.0."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        names = connection.execute("select name from sqlite_schema where type = 'table'").fetchall()
        assert {name for (name,) in names if "sqlite" not in name} == {*TABLES} | NOT_COPIED
        found = {}
        for name, what in TABLES.items():
            source = what if " from " in what else f"{what} from {name} t"
            rows = connection.execute(f"select {source}").fetchall()
            found[name] = sorted(rows, key=repr)
        return found
    finally:
        connection.close()
