"""The part of RunlogClient that is about the model registry."""

from __future__ import annotations

from runlog import tracking_uri as uris
from runlog.errors import AlreadyExists, InvalidParameter, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from runlog.entities import PagedList
    from runlog.entities.model_registry import ModelVersion, RegisteredModel
    from runlog.store import Store
    from runlog.store_parts.registered_models import RegisteredModels

MODELS_URI = "models:/"


class RegistryClient:
    """The methods of RunlogClient for registered models and their versions."""

    _registry_uri: str | None
    if TYPE_CHECKING:

        @property
        def store(self) -> Store: ...

        @property
        def tracking_uri(self) -> str: ...

    @property
    def registry_uri(self) -> str:
        """Return the URI of the model registry: the tracking URI, unless another was set."""
        return self._registry_uri or uris.chosen_registry_uri() or self.tracking_uri

    @property
    def registry_store(self) -> Store:
        """Return the store of the model registry: that of the runs, unless another was set."""
        uri = self._registry_uri or uris.chosen_registry_uri()
        return self.store if uri is None else uris.registry_store(uri)

    @property
    def registry(self) -> RegisteredModels:
        """Return the model registry behind this client."""
        return self.registry_store.registry

    # -- registered models ------------------------------------------------------------------

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Create a registered model, which has no versions yet, and return it.

        `deployment_job_id` is for Databricks; others only store it. Raises AlreadyExists if the
        name is taken, and InvalidParameter if it is empty or has / or : in it.

        >>> client = runlog.RunlogClient()
        >>> client.create_registered_model("digits", {"team": "vision"}).tags
        {'team': 'vision'}
        """
        return self.registry.create_model(name, tags, description, deployment_job_id)

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return the registered model with the latest version of each stage. Raises NotFound if
        there is none of that name."""
        return self.registry.get_model(name)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a registered model another name, and return it. Raises AlreadyExists if it is
        taken."""
        return self.registry.rename_model(name, new_name)

    def update_registered_model(
        self, name: str, description: str | None = None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Set the description of a registered model, and return the model."""
        return self.registry.update_model(name, description, deployment_job_id)

    def delete_registered_model(self, name: str) -> None:
        """Delete a registered model with its versions, tags and aliases. There is no trash for it;
        runs, logged models and files stay. Raises NotFound if there is none."""
        self.registry.delete_model(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Return a page of the registered models that match, by name: at most `max_results`.

        A filter is about `name`, `tags.KEY`, `description` and the times, such as
        `name LIKE 'digits%' AND tags.team = 'vision'`; `order_by` is a list such as
        `["last_updated_timestamp DESC"]`. Pass `.token` of the result as `page_token` for the next
        page. Raises InvalidParameter for a filter or order that is wrong.
        """
        return self.registry.search_models(filter_string, max_results, order_by, page_token)

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """Return, of each stage (by default all), the version with the greatest number."""
        return self.registry.latest_versions(name, stages)

    def set_registered_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set a tag of a registered model, as text. A later value replaces an earlier one."""
        self.registry.set_model_tag(name, key, value)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model, if it is set."""
        self.registry.delete_model_tag(name, key)

    # -- versions ---------------------------------------------------------------------------

    def create_model_version(
        self,
        name: str,
        source: str | Path,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = 300,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Create the next version of a registered model, and return it.

        `source` is where the model's files are: `runs:/<run id>/<path>`, `models:/<model id>` of a
        logged model, `models:/<name>/<version>` of another version, a path or a URI. No files are
        copied, so `await_creation_for` is not needed: the version is READY at once. `run_id` and
        `model_id` name the run and the logged model that it is from. Raises NotFound if there is no
        such registered model. See `runlog.register_model`, which creates that, too.
        """
        from runlog import context

        source = str(source)
        if self.registry_store is not self.store:
            source, run_id, model_id = self._portable_source(source, run_id, model_id)
        return self.registry.create_version(
            name, source, run_id, tags, run_link, description, model_id, context.user()
        )

    def _portable_source(
        self, source: str, run_id: str | None, model_id: str | None
    ) -> tuple[str, str | None, str | None]:
        """A source of the store of the runs as another store can open it."""
        if source.startswith("runs:/"):
            from runlog.storage.paths import check_path, parse_runs_uri

            run, path = parse_runs_uri(source)
            location = self.store.get_run(run).info.artifact_uri
            return f"{location}/{check_path(path)}" if path else location, run_id or run, model_id
        if source.startswith(MODELS_URI):
            from runlog.store_parts.registered_models import parse_models_uri

            uri = parse_models_uri(source)
            model_id = uri.model_id or model_id
            if uri.model_id:
                source = self.store.models.get(uri.model_id).artifact_location
        if model_id and not run_id:
            run_id = self.store.models.get(model_id).source_run_id
        return source, run_id, model_id

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Copy a version, named by a URI such as `models:/digits/1` or `models:/digits@champion`,
        to another registered model, which is created if there is none, and return the copy. It
        points to the same files, run and logged model.

        >>> client = runlog.RunlogClient()
        >>> client.create_registered_model("letters").name
        'letters'
        >>> client.create_model_version("letters", "s3://bucket/letters").version
        '1'
        >>> client.copy_model_version("models:/letters/1", "letters-production").source
        'models:/letters/1'
        """
        from runlog.store_parts.registered_models import parse_models_uri, version_of

        uri = parse_models_uri(src_model_uri)
        if uri.model_id:
            raise InvalidParameter(
                f"{src_model_uri!r} is a logged model, no version: register it with  "
                "runlog.register_model(uri, name)"
            )
        version = version_of(self.registry, uri)
        try:
            self.registry.create_model(dst_name)
        except AlreadyExists:
            pass
        return self.registry.create_version(
            dst_name,
            f"{MODELS_URI}{version.name}/{version.version}",
            version.run_id,
            version.tags,
            version.run_link,
            version.description,
            version.model_id,
            version.user_id,
        )

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """Return the version. Raises NotFound if there is none."""
        return self.registry.get_version(name, version)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias names; "latest" is that with the greatest number. Raises
        InvalidParameter, as MLflow does, if there is no such alias."""
        return self.registry.version_by_alias(name, alias)

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Return where the files of a version are, a path or a URI."""
        return self.registry.download_uri(name, version)

    def get_model_version_stages(self, name: str, version: int | str) -> list[str]:
        """Return the stages that there are: None, Staging, Production and Archived."""
        from runlog.entities.model_registry import ALL_STAGES

        return list(ALL_STAGES)

    def update_model_version(
        self, name: str, version: int | str, description: str | None = None
    ) -> ModelVersion:
        """Set the description of a version, and return the version."""
        return self.registry.update_version(name, version, description)

    def transition_model_version_stage(
        self,
        name: str,
        version: int | str,
        stage: str,
        archive_existing_versions: bool = False,
    ) -> ModelVersion:
        """Move a version to a stage: None, Staging, Production or Archived, in any case. With
        `archive_existing_versions`, which is for Staging and Production, the other versions of that
        stage become Archived. MLflow prefers aliases: see `set_registered_model_alias`."""
        return self.registry.transition_stage(name, version, stage, archive_existing_versions)

    def delete_model_version(self, name: str, version: int | str) -> None:
        """Delete a version with its tags and aliases. Its number is not used again, and its files
        stay. Raises NotFound if there is none."""
        self.registry.delete_version(name, version)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Return a page of the versions that match, last changed first: at most `max_results`.

        A filter is about `name`, `version_number`, `run_id`, `source_path`, `tags.KEY`,
        `current_stage`, `model_id`, `user_id`, `status`, `description` and the times, such as
        `name = 'digits' AND version_number > 2`. `order_by` and `page_token` are those of
        `search_registered_models`.
        """
        return self.registry.search_versions(filter_string, max_results, order_by, page_token)

    def set_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
    ) -> None:
        """Set a tag of a version, as text: of `version`, or of the latest version of `stage`.
        Raises InvalidParameter unless just one of them is given."""
        chosen = self._version_or_latest(name, version, stage)
        self.registry.set_version_tag(name, chosen, _tag_key(key), _tag_value(value))

    def delete_model_version_tag(
        self,
        name: str,
        version: int | str | None = None,
        key: str | None = None,
        stage: str | None = None,
    ) -> None:
        """Remove a tag, if it is set, of `version` or of the latest version of `stage`."""
        chosen = self._version_or_latest(name, version, stage)
        self.registry.delete_version_tag(name, chosen, _tag_key(key))

    def _version_or_latest(
        self, name: str, version: int | str | None, stage: str | None
    ) -> int | str:
        if version and stage:
            raise InvalidParameter("version and stage cannot be set together")
        if version:
            return version
        if not stage:
            raise InvalidParameter("version or stage must be set")
        found = self.registry.latest_versions(name, [stage])
        if not found:
            raise NotFound(f"Could not find any model version for {stage} stage")
        return found[0].version

    # -- aliases ----------------------------------------------------------------------------

    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Have an alias such as "champion" name a version, and no longer the one before. "latest"
        and v1, v2... are reserved.

        >>> client = runlog.RunlogClient()
        >>> client.create_registered_model("words").aliases
        {}
        >>> client.create_model_version("words", "s3://bucket/words").aliases
        []
        >>> client.set_registered_model_alias("words", "champion", 1)
        >>> client.get_model_version_by_alias("words", "champion").version
        '1'
        """
        self.registry.set_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias, if there is one of that name."""
        self.registry.delete_alias(name, alias)


def _tag_key(key: str | None) -> str:
    if key is None:
        raise InvalidParameter("Missing value for required parameter 'key'. A tag has a key.")
    return key


def _tag_value(value: Any) -> Any:
    if value is None:
        raise InvalidParameter("Tag value cannot be None")
    return value
