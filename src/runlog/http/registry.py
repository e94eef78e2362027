"""The model registry of a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runlog import validate
from runlog.entities import PagedList
from runlog.entities.model_registry import ModelVersion, RegisteredModel
from runlog.errors import NotFound
from runlog.store_parts import registered_models as rules
from runlog.store_parts.registered_models import RegisteredModels


class HttpRegistry(RegisteredModels):
    """`HttpStore.registry`. What makes a model or a version is not repeated when the answer is
    lost."""

    def __init__(self, call: Callable[..., Any]) -> None:
        """`call` asks an endpoint."""
        self._call = call

    # -- models -----------------------------------------------------------------------------

    def create_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        made: RegisteredModel = self._call(
            "createRegisteredModel",
            name=rules.model_name(name),
            tags=rules.registry_tags(tags),
            description=rules.optional_text(description),
            deployment_job_id=rules.optional_text(deployment_job_id),
            repeatable=False,
        )
        return made

    def get_model(self, name: str) -> RegisteredModel:
        found: RegisteredModel = self._call("getRegisteredModel", name=rules.model_name(name))
        return found

    def rename_model(self, name: str, new_name: str) -> RegisteredModel:
        renamed: RegisteredModel = self._call(
            "renameRegisteredModel",
            name=rules.model_name(name),
            new_name=rules.model_name(new_name, "new_name"),
            repeatable=False,
        )
        return renamed

    def update_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        updated: RegisteredModel = self._call(
            "updateRegisteredModel",
            name=rules.model_name(name),
            description=rules.optional_text(description),
            deployment_job_id=rules.optional_text(deployment_job_id),
        )
        return updated

    def delete_model(self, name: str) -> None:
        self._call("deleteRegisteredModel", name=rules.model_name(name), done=NotFound)

    def search_models(
        self,
        filter_string: str | None = None,
        max_results: int = rules.MODELS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        found: PagedList[RegisteredModel] = self._call(
            "searchRegisteredModels",
            filter_string=filter_string or None,
            max_results=validate.max_results(max_results, rules.MAX_MODELS_PAGE),
            order_by=list(order_by) if order_by else None,
            page_token=page_token,
        )
        return found

    def latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        found: list[ModelVersion] = self._call(
            "getLatestVersions", name=rules.model_name(name), stages=rules.stages_of(stages)
        )
        return [*map(_with_model_id, found or ())]

    def set_model_tag(self, name: str, key: str, value: Any) -> None:
        ((key, text),) = rules.registry_tags({key: value}).items()
        self._call("setRegisteredModelTag", name=rules.model_name(name), key=key, value=text)

    def delete_model_tag(self, name: str, key: str) -> None:
        self._call(
            "deleteRegisteredModelTag", name=rules.model_name(name), key=validate.key(key, "tag")
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
        """As `RegisteredModels.create_version`. The user is the server's to say."""
        source = rules.version_source(source)
        # MLflow's servers want the run or the logged model named beside a source that names it.
        if source.startswith("runs:/") and not run_id:
            run_id = source.removeprefix("runs:/").partition("/")[0]
        if source.startswith(rules.MODELS_URI) and not model_id:
            model_id = rules.parse_models_uri(source).model_id
        made: ModelVersion = self._call(
            "createModelVersion",
            name=rules.model_name(name),
            source=source,
            run_id=validate.run_id(run_id) if run_id else None,
            tags=rules.registry_tags(tags),
            run_link=rules.optional_text(run_link or None),
            description=rules.optional_text(description),
            model_id=rules.optional_text(model_id or None),
            repeatable=False,
        )
        return _with_model_id(made)

    def get_version(self, name: str, version: int | str) -> ModelVersion:
        found: ModelVersion = self._call("getModelVersion", **_version_fields(name, version))
        return _with_model_id(found)

    def update_version(
        self, name: str, version: int | str, description: str | None
    ) -> ModelVersion:
        updated: ModelVersion = self._call(
            "updateModelVersion",
            **_version_fields(name, version),
            description=rules.optional_text(description),
        )
        return _with_model_id(updated)

    def transition_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool = False
    ) -> ModelVersion:
        moved: ModelVersion = self._call(
            "transitionModelVersionStage",
            **_version_fields(name, version),
            stage=rules.archiving(stage, archive_existing_versions),
            archive_existing_versions=bool(archive_existing_versions),
        )
        return _with_model_id(moved)

    def delete_version(self, name: str, version: int | str) -> None:
        self._call("deleteModelVersion", **_version_fields(name, version), done=NotFound)

    def download_uri(self, name: str, version: int | str) -> str:
        uri: str = self._call("getModelVersionDownloadUri", **_version_fields(name, version))
        return uri

    def search_versions(
        self,
        filter_string: str | None = None,
        max_results: int = rules.VERSIONS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        page: PagedList[ModelVersion] = self._call(
            "searchModelVersions",
            filter_string=filter_string or None,
            max_results=validate.max_results(max_results, rules.MAX_VERSIONS_PAGE),
            order_by=list(order_by) if order_by else None,
            page_token=page_token,
        )
        return PagedList(map(_with_model_id, page), page.token)

    def set_version_tag(self, name: str, version: int | str, key: str, value: Any) -> None:
        ((key, text),) = rules.registry_tags({key: value}).items()
        self._call("setModelVersionTag", **_version_fields(name, version), key=key, value=text)

    def delete_version_tag(self, name: str, version: int | str, key: str) -> None:
        self._call(
            "deleteModelVersionTag", **_version_fields(name, version), key=validate.key(key, "tag")
        )

    # -- aliases ----------------------------------------------------------------------------

    def set_alias(self, name: str, alias: str, version: int | str) -> None:
        alias = rules.alias_name(alias, to_set=True)
        self._call("setRegisteredModelAlias", **_version_fields(name, version), alias=alias)

    def delete_alias(self, name: str, alias: str) -> None:
        self._call(
            "deleteRegisteredModelAlias",
            name=rules.model_name(name),
            alias=rules.alias_name(alias),
        )

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        if rules.alias_name(alias).lower() == "latest":  # not on all servers
            return rules.greatest(name, self.latest_versions(name))
        found: ModelVersion = self._call(
            "getModelVersionByAlias", name=rules.model_name(name), alias=alias
        )
        return _with_model_id(found)


def _version_fields(name: str, version: int | str) -> dict[str, str]:
    return {"name": rules.model_name(name), "version": str(rules.version_number(version))}


def _with_model_id(version: ModelVersion) -> ModelVersion:
    """The version with the id of its logged model, which MLflow's servers only have as source."""
    source = version.source or ""
    if version.model_id is None and source.startswith(rules.MODELS_URI + "m-"):
        return version._replace(model_id=source.removeprefix(rules.MODELS_URI))
    return version
