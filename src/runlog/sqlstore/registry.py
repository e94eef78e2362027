"""The model registry of a SqlStore, each statement beside the method that runs it.

There are few registered models beside runs, so a search filters them in Python, after the database
has narrowed them down by what the filter says of name, run or logged model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from typing import TYPE_CHECKING, Any, TypeVar

from runlog import validate
from runlog.clock import now
from runlog.entities import PagedList
from runlog.entities.model_registry import STAGE_ARCHIVED, ModelVersion, RegisteredModel
from runlog.errors import AlreadyExists, InvalidParameter, NotFound
from runlog.query.clauses import (
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    And,
    Clause,
    Comparison,
    OrderBy,
    Scope,
)
from runlog.query.evaluate import matches, sort_items
from runlog.query.page_token import decode_token, encode_token, other_search, search_mark
from runlog.query.parser import parse_filter, parse_order_by
from runlog.sqlstore.registry_rows import RegistryRows
from runlog.sqlstore.retry import retry, retry_if_unsure
from runlog.store_parts import registered_models as rules
from runlog.store_parts.registered_models import MODELS_URI, RegisteredModels, parse_models_uri

if TYPE_CHECKING:
    from runlog.db.base import Database
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.locations import Locations

Entry = TypeVar("Entry", RegisteredModel, ModelVersion)
Source = tuple[str, "str | None", "str | None"]  # where the files are, run id, logged model's id


class SqlRegistry(RegisteredModels):
    def __init__(self, db: Database, locations: Locations) -> None:
        self._db, self._locations = db, locations
        self._rows = RegistryRows(db, locations)

    # -- models -----------------------------------------------------------------------------

    def create_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        name, texts = rules.model_name(name), rules.registry_tags(tags)
        self._create_model(
            name, texts, rules.optional_text(description), rules.optional_text(deployment_job_id)
        )
        return self.get_model(name)

    @retry
    def _create_model(
        self, name: str, tags: Mapping[str, str], description: str | None, job: str | None
    ) -> None:
        with self._db.transaction():
            self._refuse_taken(name)
            row = self._db.execute(
                """insert into registered_model (name, description, deployment_job_id,
                                                 creation_time, last_update_time)
                   values (:name, :description, :job, :now, :now) returning id""",
                {"name": name, "description": description, "job": job, "now": now()},
            )
            set_model_tags(self._db, int(row[0][0]), tags)

    def _refuse_taken(self, name: str) -> None:
        if self._db.execute("select 1 from registered_model where name = :name", {"name": name}):
            raise AlreadyExists(f"Registered Model (name={name}) already exists.")

    def get_model(self, name: str) -> RegisteredModel:
        name = rules.model_name(name)
        with self._db.reading() as fetch:
            found = self._rows.models(fetch, "m.name = :name", {"name": name})
            if not found:
                raise NotFound(rules.no_model(name))
            return self._with_latest(fetch, found)[0]

    def _with_latest(
        self, fetch: Fetch, models: Sequence[RegisteredModel]
    ) -> list[RegisteredModel]:
        """The models with their latest versions by stage."""
        latest: dict[str, list[ModelVersion]] = {each.name: [] for each in models}
        if latest:
            condition = f"m.name in (select j.value from json_each(:names) j) and {_IS_LATEST}"
            for version in self._rows.versions(fetch, condition, {"names": dumps([*latest])}):
                latest[version.name].append(version)
        return [each._replace(latest_versions=latest[each.name]) for each in models]

    @retry
    def rename_model(self, name: str, new_name: str) -> RegisteredModel:
        name, new_name = rules.model_name(name), rules.model_name(new_name, "new_name")
        with self._db.transaction():
            number = _model_row(self._db.execute, name)
            if new_name != name:
                self._refuse_taken(new_name)
            time = {"id": number, "now": now()}
            self._db.execute(
                "update registered_model set name = :name, last_update_time = :now where id = :id",
                {**time, "name": new_name},
            )
            self._db.execute(
                "update model_version set last_update_time = :now where registered_model = :id",
                time,
            )
        return self.get_model(new_name)

    @retry_if_unsure
    def update_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        with self._db.transaction():
            number = _model_row(self._db.execute, name)
            self._db.execute(
                """update registered_model set description = :description, last_update_time = :now,
                       deployment_job_id = coalesce(:job, deployment_job_id)
                   where id = :id""",
                {
                    "id": number,
                    "description": rules.optional_text(description),
                    "job": rules.optional_text(deployment_job_id),
                    "now": now(),
                },
            )
        return self.get_model(name)

    @retry
    def delete_model(self, name: str) -> None:
        with self._db.transaction():
            number = _model_row(self._db.execute, name)
            # Versions, tags and aliases go with it: on delete cascade.
            self._db.execute("delete from registered_model where id = :id", {"id": number})

    def search_models(
        self,
        filter_string: str | None = None,
        max_results: int = rules.MODELS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        limit = validate.max_results(max_results, rules.MAX_MODELS_PAGE)
        search = _Search(REGISTERED_MODELS, filter_string, order_by, page_token)
        with self._db.reading() as fetch:
            found = self._rows.models(fetch, *search.narrowed({"name": "m.name"}))
            page = search.page(found, limit)
            return PagedList(self._with_latest(fetch, page), page.token)

    def latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        wanted = rules.stages_of(stages)
        found = {each.current_stage: each for each in self.get_model(name).latest_versions}
        return [found[stage] for stage in dict.fromkeys(wanted) if stage in found]

    @retry_if_unsure
    def set_model_tag(self, name: str, key: str, value: Any) -> None:
        tags = rules.registry_tags({key: value})
        with self._db.transaction():
            set_model_tags(self._db, _model_row(self._db.execute, name), tags)

    @retry_if_unsure
    def delete_model_tag(self, name: str, key: str) -> None:
        with self._db.transaction():
            self._db.execute(
                "delete from registered_model_tag where registered_model = :model and key = :key",
                {"model": _model_row(self._db.execute, name), "key": validate.key(key, "tag")},
            )

    # -- versions ---------------------------------------------------------------------------

    def create_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        model_id: str | None = None,
        user_id: str | None = None,
    ) -> ModelVersion:
        name, texts = rules.model_name(name), rules.registry_tags(tags)
        source = self._fixed_source(rules.version_source(source))
        location, run, model = self._files_of(source, run_id or None, model_id or None)
        new = {
            "source": self._locations.relative(source),
            "location": self._locations.relative(location),
            "run": run,
            "model": model,
            "link": rules.optional_text(run_link or None),
            "description": rules.optional_text(description),
            "user": validate.text(user_id or self._user_of(run)),
        }
        return self.get_version(name, self._create_version(name, new, texts))

    @retry
    def _create_version(self, name: str, new: Mapping[str, Any], tags: Mapping[str, str]) -> int:
        time = now()
        with self._db.transaction():
            number = _model_row(self._db.execute, name)
            self._db.execute(  # who makes another version waits here
                """update registered_model set last_version = last_version + 1,
                       last_update_time = :now where id = :id""",
                {"id": number, "now": time},
            )
            version = self._db.execute(
                "select last_version from registered_model where id = :id", {"id": number}
            )[0][0]
            row = self._db.execute(
                """insert into model_version (registered_model, version, description, user_id,
                       source, storage_location, run_id, run_link, model_id, creation_time,
                       last_update_time)
                   values (:registered, :version, :description, :user, :source, :location, :run,
                       :link, :model, :now, :now) returning id""",
                {**new, "registered": number, "version": version, "now": time},
            )
            set_version_tags(self._db, int(row[0][0]), tags)
        return int(version)

    def _fixed_source(self, source: str) -> str:
        """A source with the version that an alias or a stage names now, as another one may be
        called so later."""
        if source.startswith(MODELS_URI):
            uri = parse_models_uri(source)
            if uri.alias or uri.stage:
                found = rules.version_of(self, uri)
                return f"{MODELS_URI}{found.name}/{found.version}"
        return source

    def _files_of(self, source: str, run_id: str | None, model_id: str | None) -> Source:
        """Where the files of a source are, and the run and logged model that they are from."""
        if run_id is not None:
            validate.run_id(run_id)
        if source.startswith(MODELS_URI):
            uri = parse_models_uri(source)
            if not uri.model_id:
                other = rules.version_of(self, uri)
                location = self.download_uri(other.name, other.version)
                return location, run_id or other.run_id, model_id or other.model_id
            location, of_run = self._logged_model(uri.model_id)
            return location, run_id or of_run or None, model_id or uri.model_id
        if model_id is not None and run_id is None:
            run_id = self._logged_model(model_id)[1] or None
        if source.startswith("runs:/"):
            found = self._files_of_run(source)
            return found[0], run_id or found[1], model_id
        return source, run_id, model_id

    def _logged_model(self, model_id: str) -> tuple[str, str]:
        with self._db.reading() as fetch:
            found = fetch(
                """select artifact_uri, source_run_id from model
                   where model_id = :id and lifecycle_stage = 'active'""",
                {"id": validate.text(model_id)},
            )
        if not found:
            raise NotFound(f"Logged model with ID '{model_id}' not found.")
        return self._locations.absolute(found[0][0]), found[0][1]

    def _files_of_run(self, source: str) -> tuple[str, str]:
        run_id, _, path = source.removeprefix("runs:/").partition("/")
        with self._db.reading() as fetch:
            found = fetch(
                "select artifact_uri from run where run_id = :run_id",
                {"run_id": validate.run_id(run_id)},
            )
        if not found:
            raise NotFound(f"Run with id={run_id} not found")
        return f"{self._locations.absolute(found[0][0])}/{path}".rstrip("/"), run_id

    def _user_of(self, run_id: str | None) -> str:
        with self._db.reading() as fetch:
            found = fetch(
                "select user_id from run where run_id = :run_id", {"run_id": run_id or ""}
            )
        return str(found[0][0]) if found else ""

    def get_version(self, name: str, version: int | str) -> ModelVersion:
        name, number = rules.model_name(name), rules.version_number(version)
        with self._db.reading() as fetch:
            found = self._rows.versions(
                fetch, "m.name = :name and v.version = :version", {"name": name, "version": number}
            )
        if not found:
            raise NotFound(rules.no_version(name, number))
        return found[0]

    @retry_if_unsure
    def update_version(
        self, name: str, version: int | str, description: str | None
    ) -> ModelVersion:
        with self._db.transaction():
            _, number = _version_row(self._db.execute, name, version)
            self._db.execute(
                """update model_version set description = :description, last_update_time = :now
                   where id = :id""",
                {"id": number, "description": rules.optional_text(description), "now": now()},
            )
        return self.get_version(name, version)

    @retry_if_unsure
    def transition_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool = False
    ) -> ModelVersion:
        to = rules.archiving(stage, archive_existing_versions)
        with self._db.transaction():
            model, number = _version_row(self._db.execute, name, version)
            values = {"id": number, "model": model, "stage": to, "now": now()}
            if archive_existing_versions:
                self._db.execute(
                    """update model_version set stage = :archived, last_update_time = :now
                       where registered_model = :model and stage = :stage and id <> :id""",
                    {**values, "archived": STAGE_ARCHIVED},
                )
            self._db.execute(
                "update model_version set stage = :stage, last_update_time = :now where id = :id",
                {"id": number, "stage": to, "now": values["now"]},
            )
            _touch(self._db, model)
        return self.get_version(name, version)

    @retry
    def delete_version(self, name: str, version: int | str) -> None:
        with self._db.transaction():
            model, number = _version_row(self._db.execute, name, version)
            self._db.execute("delete from model_version where id = :id", {"id": number})
            _touch(self._db, model)

    def download_uri(self, name: str, version: int | str) -> str:
        with self._db.reading() as fetch:
            _, number = _version_row(fetch, name, version)
            row = fetch("select storage_location from model_version where id = :id", {"id": number})
        return self._locations.absolute(row[0][0])

    def search_versions(
        self,
        filter_string: str | None = None,
        max_results: int = rules.VERSIONS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        limit = validate.max_results(max_results, rules.MAX_VERSIONS_PAGE)
        search = _Search(MODEL_VERSIONS, filter_string, order_by, page_token)
        columns = {"name": "m.name", "run_id": "v.run_id", "model_id": "v.model_id"}
        with self._db.reading() as fetch:
            found = self._rows.versions(fetch, *search.narrowed(columns))
        return search.page(found, limit)

    @retry_if_unsure
    def set_version_tag(self, name: str, version: int | str, key: str, value: Any) -> None:
        tags = rules.registry_tags({key: value})
        with self._db.transaction():
            set_version_tags(self._db, _version_row(self._db.execute, name, version)[1], tags)

    @retry_if_unsure
    def delete_version_tag(self, name: str, version: int | str, key: str) -> None:
        with self._db.transaction():
            _, number = _version_row(self._db.execute, name, version)
            self._db.execute(
                "delete from model_version_tag where model_version = :version and key = :key",
                {"version": number, "key": validate.key(key, "tag")},
            )

    # -- aliases ----------------------------------------------------------------------------

    @retry_if_unsure
    def set_alias(self, name: str, alias: str, version: int | str) -> None:
        alias = rules.alias_name(alias, to_set=True)
        with self._db.transaction():
            model, number = _version_row(self._db.execute, name, version)
            set_aliases(self._db, model, {alias: number})

    @retry_if_unsure
    def delete_alias(self, name: str, alias: str) -> None:
        with self._db.transaction():
            self._db.execute(
                "delete from model_alias where registered_model = :model and alias = :alias",
                {"model": _model_row(self._db.execute, name), "alias": rules.alias_name(alias)},
            )

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        name, alias = rules.model_name(name), rules.alias_name(alias)
        if alias.lower() == "latest":
            return rules.greatest(name, self.get_model(name).latest_versions)
        with self._db.reading() as fetch:
            model = _model_row(fetch, name)
            found = self._rows.versions(
                fetch,
                """v.id in (select o.model_version from model_alias o
                            where o.registered_model = :model and o.alias = :alias)""",
                {"model": model, "alias": alias},
            )
        if not found:
            raise InvalidParameter(rules.no_alias(name, alias))
        return found[0]


_IS_LATEST = """not exists (select 1 from model_version o
    where o.registered_model = v.registered_model and o.stage = v.stage
        and o.version > v.version)"""


def set_model_tags(db: Database, model: int, tags: Mapping[str, str]) -> None:
    """Set tags of the registered model of that row id, within the caller's transaction."""
    db.executemany(
        """insert into registered_model_tag (registered_model, key, value)
           values (:model, :key, :value)
           on conflict (registered_model, key) do update set value = excluded.value""",
        [{"model": model, "key": key, "value": value} for key, value in tags.items()],
    )


def set_version_tags(db: Database, version: int, tags: Mapping[str, str]) -> None:
    """Set tags of the version of that row id, within the caller's transaction."""
    db.executemany(
        """insert into model_version_tag (model_version, key, value)
           values (:version, :key, :value)
           on conflict (model_version, key) do update set value = excluded.value""",
        [{"version": version, "key": key, "value": value} for key, value in tags.items()],
    )


def set_aliases(db: Database, model: int, aliases: Mapping[str, int]) -> None:
    """Have aliases of the registered model of that row id name versions, by theirs, within the
    caller's transaction."""
    db.executemany(
        """insert into model_alias (registered_model, alias, model_version)
           values (:model, :alias, :version)
           on conflict (registered_model, alias)
           do update set model_version = excluded.model_version""",
        [{"model": model, "alias": alias, "version": row} for alias, row in aliases.items()],
    )


def _model_row(fetch: Fetch, name: str) -> int:
    """Return the row id of a registered model. Raises NotFound."""
    name = rules.model_name(name)
    found = fetch("select id from registered_model where name = :name", {"name": name})
    if not found:
        raise NotFound(rules.no_model(name))
    return int(found[0][0])


def _version_row(fetch: Fetch, name: str, version: int | str) -> tuple[int, int]:
    """Return the row ids of a registered model and of one of its versions. Raises NotFound."""
    name, number = rules.model_name(name), rules.version_number(version)
    found = fetch(
        """select v.registered_model, v.id from model_version v
           join registered_model m on m.id = v.registered_model
           where m.name = :name and v.version = :version""",
        {"name": name, "version": number},
    )
    if not found:
        raise NotFound(rules.no_version(name, number))
    return int(found[0][0]), int(found[0][1])


def _touch(db: Database, model: int) -> None:
    db.execute(
        "update registered_model set last_update_time = :now where id = :id",
        {"id": model, "now": now()},
    )


class _Search:
    """A search for models or versions, and a page of what it finds."""

    def __init__(
        self,
        scope: Scope,
        filter_string: str | None,
        order_by: Sequence[str] | None,
        page_token: str | None,
    ) -> None:
        self._scope = scope
        self._clause: Clause | None = parse_filter(filter_string, scope)
        self._order: tuple[OrderBy, ...] = parse_order_by(order_by, scope)
        self._mark = search_mark(scope.items, self._clause, self._order)
        self._start = self._start_of(page_token)

    def narrowed(self, columns: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """A condition that holds for all that the clause finds, with its values: what it says of
        equality of these attributes, each in its column."""
        clauses = self._clause.clauses if isinstance(self._clause, And) else (self._clause,)
        found, values = ["1 = 1"], {}
        for at, each in enumerate(clauses):
            if isinstance(each, Comparison) and each.op == "=" and each.field.kind == "attribute":
                if each.field.key in columns:
                    found.append(f"{columns[each.field.key]} = :given{at}")
                    values[f"given{at}"] = each.value
        return " and ".join(found), values

    def page(self, items: Sequence[Entry], limit: int) -> PagedList[Entry]:
        clause = self._clause
        found = [each for each in items if clause is None or matches(clause, _as_searched(each))]
        found = sort_items(found, self._order, self._scope)
        end = self._start + limit
        token = encode_token((self._mark, end)) if len(found) > end else None
        return PagedList(found[self._start : end], token)

    def _start_of(self, token: str | None) -> int:
        if not token:
            return 0
        mark, *rest = decode_token(token) or (None,)
        start = rest[0] if len(rest) == 1 else None
        if mark == self._mark and isinstance(start, (int, float)) and start in range(2**53):
            return int(start)
        raise other_search()


def _as_searched(item: Entry) -> Entry:
    # MLflow's clients add  tags.`mlflow.prompt.is_prompt` != 'true'  to each search.
    return item._replace(tags={rules.IS_PROMPT: "false", **item.tags})
