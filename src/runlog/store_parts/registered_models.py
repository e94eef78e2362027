"""The model registry: what a store promises about registered models and their versions.

A registered model is a name with versions, counted from 1. A version points to the files of a
model: those of a run, of a logged model, or at any location. It has a stage, and aliases may name
it. Names are those of MLflow.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import namedtuple

from runlog import validate
from runlog.entities.model_registry import (
    ACTIVE_STAGES,
    ALL_STAGES,
    ModelVersion,
    RegisteredModel,
    get_canonical_stage,
)
from runlog.errors import InvalidParameter, NotFound, RunlogError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from runlog.entities import PagedList

    class ModelsUri(NamedTuple):
        name: str = ""
        version: str = ""
        stage: str = ""
        alias: str = ""
        model_id: str = ""

else:
    ModelsUri = namedtuple("ModelsUri", "name version stage alias model_id", defaults=("",) * 5)
    ModelsUri.__doc__ = """What a `models:/` URI names: a logged model by its `model_id`, or
    a version by the `name` of its model and one of the others. The rest is empty."""

MODELS_URI = "models:/"
MAX_NAME = 256  # characters of a registered model's name and of an alias
MAX_VERSION = 2**31 - 1
MODELS_PAGE, MAX_MODELS_PAGE = 100, 1000
VERSIONS_PAGE, MAX_VERSIONS_PAGE = 10_000, 200_000
IS_PROMPT = "mlflow.prompt.is_prompt"  # the tag of what is a prompt in MLflow's registry


class RegisteredModels(ABC):
    """The registered models of a store: `store.registry`. The promises of `Store` hold.

    A `version` is a number or a text of digits. Raises NotFound for a model or a version that does
    not exist, InvalidParameter for what cannot be and, as MLflow does, for an unknown alias.
    """

    # -- models -----------------------------------------------------------------------------

    @abstractmethod
    def create_model(
        self,
        name: str,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Create a model without versions. Raises AlreadyExists if the name is taken."""

    @abstractmethod
    def get_model(self, name: str) -> RegisteredModel:
        """Return the model, with the latest version of each stage."""

    @abstractmethod
    def rename_model(self, name: str, new_name: str) -> RegisteredModel:
        """Give a model, and so its versions, another name. Raises AlreadyExists if it is taken."""

    @abstractmethod
    def update_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Set the description of a model, and its deployment job if one is given."""

    @abstractmethod
    def delete_model(self, name: str) -> None:
        """Delete a model with its versions, tags and aliases. The files stay."""

    @abstractmethod
    def search_models(
        self,
        filter_string: str | None = None,
        max_results: int = MODELS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Return a page of the models that match, by name unless ordered otherwise."""

    @abstractmethod
    def latest_versions(self, name: str, stages: Sequence[str] | None = None) -> list[ModelVersion]:
        """Return the version with the greatest number of each of the stages, or of every stage."""

    @abstractmethod
    def set_model_tag(self, name: str, key: str, value: Any) -> None:
        """Set a tag of a model. A later value replaces an earlier one."""

    @abstractmethod
    def delete_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model. Do nothing if it is not set."""

    # -- versions ---------------------------------------------------------------------------

    @abstractmethod
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
        """Create the next version of a model, in stage None and READY.

        A source `models:/m-...` is a logged model, `models:/name/version` or `models:/name@alias`
        another version, `runs:/run_id/path` files of a run: their files are this version's. The
        run is that of the logged model unless one is given, the user that of the run. A run of
        another store may be named.
        """

    @abstractmethod
    def get_version(self, name: str, version: int | str) -> ModelVersion:
        """Return the version."""

    @abstractmethod
    def update_version(
        self, name: str, version: int | str, description: str | None
    ) -> ModelVersion:
        """Set the description of a version."""

    @abstractmethod
    def transition_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool = False
    ) -> ModelVersion:
        """Move a version to a stage, in any case of its letters. With `archive_existing_versions`,
        which is for Staging and Production alone, all others of that stage become Archived."""

    @abstractmethod
    def delete_version(self, name: str, version: int | str) -> None:
        """Delete a version with its tags and aliases. Its number is never used again, and the
        files stay."""

    @abstractmethod
    def download_uri(self, name: str, version: int | str) -> str:
        """Return where the files of a version are."""

    @abstractmethod
    def search_versions(
        self,
        filter_string: str | None = None,
        max_results: int = VERSIONS_PAGE,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Return a page of the versions that match, last changed first unless ordered otherwise."""

    @abstractmethod
    def set_version_tag(self, name: str, version: int | str, key: str, value: Any) -> None:
        """Set a tag of a version. A later value replaces an earlier one."""

    @abstractmethod
    def delete_version_tag(self, name: str, version: int | str, key: str) -> None:
        """Remove a tag of a version. Do nothing if it is not set."""

    # -- aliases ----------------------------------------------------------------------------

    @abstractmethod
    def set_alias(self, name: str, alias: str, version: int | str) -> None:
        """Have an alias name a version, and no longer the one that it named before."""

    @abstractmethod
    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias. Do nothing if there is none of that name."""

    @abstractmethod
    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias names. "latest" is the one with the greatest number."""


# -- URIs -------------------------------------------------------------------------------------


def parse_models_uri(uri: str) -> ModelsUri:
    """Return what `models:/name/version`, `models:/name/stage`, `models:/name@alias`,
    `models:/name/latest` or `models:/model_id` names. Raises InvalidParameter."""
    rest = uri.removeprefix(MODELS_URI)
    name, slash, end = rest.partition("/")
    if slash and name and end and "/" not in end:
        if end.isascii() and end.isdigit():
            return ModelsUri(name, version=end)
        if end.lower() == "latest":
            return ModelsUri(name, alias="latest")
        return ModelsUri(name, stage=get_canonical_stage(end))
    name, at, alias = rest.rpartition("@")
    if uri.startswith(MODELS_URI) and rest and not slash and (not at or (name and alias)):
        return ModelsUri(name, alias=alias) if at else ModelsUri(model_id=rest)
    raise InvalidParameter(
        f"Not a proper models:/ URI: {shown(uri)}. Use models:/name/version, models:/name@alias or "
        "models:/model_id"
    )


def version_of(registry: RegisteredModels, uri: ModelsUri) -> ModelVersion:
    """Return the version that a URI names, which is no logged model's. Raises NotFound."""
    if uri.version:
        return registry.get_version(uri.name, uri.version)
    if uri.alias:
        return registry.version_by_alias(uri.name, uri.alias)
    found = registry.latest_versions(uri.name, [uri.stage])
    if not found:
        raise NotFound(f"No versions of model with name '{uri.name}' and stage '{uri.stage}' found")
    return found[0]


# -- what may be stored -----------------------------------------------------------------------


def model_name(name: Any, field: str = "name") -> str:
    """Return the name of a registered model. Raises InvalidParameter. The first words of the
    messages are MLflow's."""
    if name is None or (isinstance(name, str) and not name.strip()):
        raise InvalidParameter(
            f"Missing value for required parameter '{field}'. A registered model has a name."
        )
    if not isinstance(name, str):
        raise InvalidParameter(f"Invalid model name {shown(name)}: it must be text")
    if "/" in name or ":" in name:
        raise InvalidParameter(
            f"Invalid model name {shown(name)}. Names cannot contain '/' or ':'."
        )
    if name == "." or name.startswith(".."):
        raise InvalidParameter(f"Invalid model name {shown(name)}: it means a directory")
    if len(name) > MAX_NAME:
        raise InvalidParameter(
            f"Invalid model name {shown(name)}: it has {len(name)} characters, at most {MAX_NAME}"
        )
    return validate.text(name)


def version_number(version: Any) -> int:
    """Return the number of a version. Raises InvalidParameter."""
    text = str(version)
    if isinstance(version, bool) or not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise InvalidParameter(
            f"Parameter 'version' must be an integer, got {shown(version)}: give a version's number"
        )
    return min(int(text), MAX_VERSION)  # no greater one exists, and columns hold no more


def alias_name(alias: Any, to_set: bool = False) -> str:
    """Return the name of an alias; of one `to_set`, which must not be reserved. Raises
    InvalidParameter."""
    if not isinstance(alias, str) or not alias:
        raise InvalidParameter("Registered model alias name cannot be empty.")
    if not alias.replace("_", "a").replace("-", "a").isalnum():
        raise InvalidParameter(
            f"Invalid alias name: {shown(alias)}. Names may only contain letters, digits, "
            "underscores (_) and dashes (-)."
        )
    if len(alias) > MAX_NAME - 1:
        raise InvalidParameter(
            f"Registered model alias name {shown(alias)} has {len(alias)} characters: at most "
            f"{MAX_NAME - 1}"
        )
    if to_set and alias.lower() == "latest":
        raise InvalidParameter("'latest' alias name (case insensitive) is reserved.")
    if to_set and alias[0] in "vV" and alias[1:].isdigit():
        raise InvalidParameter(f"Version alias name '{alias}' is reserved.")
    return alias


def registry_tags(tags: Mapping[str, Any] | None) -> dict[str, str]:
    """Return tags of a model or a version as texts. Raises InvalidParameter, and NOT_IMPLEMENTED
    for those that make a prompt."""
    found = validate.texts(tags, "tag")
    if found.get(IS_PROMPT, "").lower() == "true":
        raise RunlogError(
            "runlog has no registry for prompts: log them as artifacts (log_text, log_dict) or as "
            "files of a model, and register that",
            "NOT_IMPLEMENTED",
        )
    return found


def version_source(source: Any) -> str:
    """Return the source of a version as it is stored: a path without a scheme becomes absolute.
    Raises InvalidParameter."""
    if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
        raise InvalidParameter(
            "Missing value for required parameter 'source'. A version points to a model's files."
        )
    text = validate.text(os.fspath(source))
    if not text.startswith(MODELS_URI):
        text = text.rstrip("/")
    shown = validate.without_password(text)
    if shown != text:
        raise InvalidParameter(
            f"a version's source must not hold a password: use {shown!r}, and put the password "
            "into ~/.netrc or the environment"
        )
    if ":" not in text.partition("/")[0]:
        return os.path.abspath(os.path.expanduser(text or "/"))
    return text


def optional_text(value: Any) -> str | None:
    """Return a value as text that can be stored, None as it is."""
    return None if value is None else validate.text(value)


def all_models(registry: RegisteredModels) -> list[RegisteredModel]:
    """Return all registered models, without the versions that they have."""
    found: PagedList[RegisteredModel] = registry.search_models(None, MAX_MODELS_PAGE)
    models = list(found)
    while found.token is not None:
        found = registry.search_models(None, MAX_MODELS_PAGE, page_token=found.token)
        models += found
    return models


def versions_of(registry: RegisteredModels, name: str) -> list[ModelVersion]:
    """Return the versions of a registered model, in the order of their numbers; none if there is
    no such model."""
    quote = '"' if "'" in name else "'"
    text = f"name = {quote}{name.replace(quote, quote * 2)}{quote}"
    found: PagedList[ModelVersion] = registry.search_versions(text, VERSIONS_PAGE)
    versions = list(found)
    while found.token is not None:
        found = registry.search_versions(text, VERSIONS_PAGE, page_token=found.token)
        versions += found
    return sorted(versions, key=lambda each: int(each.version))


def greatest(name: str, versions: Sequence[ModelVersion]) -> ModelVersion:
    """Return the version with the greatest number. Raises NotFound if there is none."""
    if not versions:
        raise NotFound(f"Latest version not found for model {name}.")
    return max(versions, key=lambda each: int(each.version))


def no_model(name: str) -> str:
    """Return the message for a model that does not exist, in MLflow's words."""
    return f"Registered Model with name={name} not found"


def no_version(name: str, version: int) -> str:
    """Return the message for a version that does not exist, in MLflow's words."""
    return f"Model Version (name={name}, version={version}) not found"


def no_alias(name: str, alias: str) -> str:
    """Return the message for an alias that does not exist, in MLflow's words."""
    return f"Registered model alias {alias} not found. Model {name!r} has no such alias."


def stages_of(stages: Sequence[str] | None) -> list[str]:
    """Return the stages that are asked for, as they are stored; all of them for none. Raises
    InvalidParameter."""
    if isinstance(stages, str):
        raise InvalidParameter(f"stages must be a list: [{stages!r}], not {stages!r}")
    return [get_canonical_stage(each) for each in stages or ALL_STAGES]


def archiving(stage: str, archive_existing_versions: bool) -> str:
    """Return the stage that a version is moved to, as it is stored. Raises InvalidParameter for one
    whose other versions cannot be archived."""
    found = get_canonical_stage(stage)
    if archive_existing_versions and found not in ACTIVE_STAGES:
        raise InvalidParameter(
            "Model version transition cannot archive existing model versions because "
            f"{stage!r} is not an Active stage. Valid stages are {ACTIVE_STAGES}"
        )
    return found
