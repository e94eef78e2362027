"""Entities of the model registry's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlog.entities.model_registry import ModelVersion, RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runlog.db.base import Database
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.locations import Locations

_VERSIONS = "from model_version v join registered_model m on m.id = v.registered_model"


class RegistryRows:
    """Reads registered models and versions. A `condition` is SQL on `m`, a registered model, and
    for versions on `v`, too."""

    def __init__(self, db: Database, locations: Locations) -> None:
        self._db, self._locations = db, locations

    def models(
        self, fetch: Fetch, condition: str, bindings: Mapping[str, Any]
    ) -> list[RegisteredModel]:
        """Return the models, by name, without their latest versions."""
        rows = fetch(
            f"""select m.id, m.name, m.creation_time, m.last_update_time, m.description,
                       m.deployment_job_id
                from registered_model m where {condition} order by m.name""",
            bindings,
        )
        tags: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
        for number, key, value in fetch(
            f"""select t.registered_model, t.key, t.value from registered_model m
                join registered_model_tag t on t.registered_model = m.id
                where {condition} {self._db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        aliases: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
        for number, alias, version in fetch(
            f"""select m.id, a.alias, v.version {_VERSIONS}
                join model_alias a on a.model_version = v.id
                where {condition} order by m.id, a.alias""",
            bindings,
        ):
            aliases[number][alias] = str(version)
        return [
            RegisteredModel(
                name, made, changed, description, None, tags[number], aliases[number], job
            )
            for number, name, made, changed, description, job in rows
        ]

    def versions(
        self, fetch: Fetch, condition: str, bindings: Mapping[str, Any]
    ) -> list[ModelVersion]:
        """Return the versions, by the model's name and their number."""
        rows = fetch(
            f"""select v.id, m.name, v.version, v.creation_time, v.last_update_time, v.description,
                       v.user_id, v.stage, v.source, v.run_id, v.status, v.status_message,
                       v.run_link, v.model_id
                {_VERSIONS} where {condition} order by m.name, v.version""",
            bindings,
        )
        tags: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
        for number, key, value in fetch(
            f"""select t.model_version, t.key, t.value {_VERSIONS}
                join model_version_tag t on t.model_version = v.id
                where {condition} {self._db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        aliases: dict[int, list[str]] = {row[0]: [] for row in rows}
        for number, alias in fetch(
            f"""select v.id, a.alias {_VERSIONS} join model_alias a on a.model_version = v.id
                where {condition} order by v.id, a.alias""",
            bindings,
        ):
            aliases[number].append(alias)
        return [self._model_version(row, tags[row[0]], aliases[row[0]]) for row in rows]

    def _model_version(
        self, row: tuple[Any, ...], tags: Mapping[str, str], aliases: list[str]
    ) -> ModelVersion:
        _, name, version, made, changed, description, user, stage, source, run_id, *rest = row
        status, message, link, model_id = rest
        return ModelVersion(
            name,
            str(version),
            made,
            changed,
            description,
            user or None,
            stage,
            self._locations.absolute(source),
            run_id,
            status,
            message,
            tags,
            link,
            aliases,
            model_id,
        )
