"""Entities of the model registry: registered models, their versions, tags, aliases and stages."""

from __future__ import annotations

from runlog.entities import Entity
from runlog.errors import InvalidParameter, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from runlog.entities import Metric, Param

STAGE_NONE = "None"
STAGE_STAGING = "Staging"
STAGE_PRODUCTION = "Production"
STAGE_ARCHIVED = "Archived"
ALL_STAGES = [STAGE_NONE, STAGE_STAGING, STAGE_PRODUCTION, STAGE_ARCHIVED]
ACTIVE_STAGES = [STAGE_STAGING, STAGE_PRODUCTION]


def get_canonical_stage(stage: str) -> str:
    """Return a stage's name as it is stored: "Production" for "production". Raises
    InvalidParameter for another text than those of ALL_STAGES, in any case."""
    for name in ALL_STAGES:
        if isinstance(stage, str) and name.lower() == stage.lower():
            return name
    names = ", ".join(ALL_STAGES)
    raise InvalidParameter(
        f"Invalid Model Version stage: {shown(stage)}. Value must be one of {names}."
    )


class ModelVersionStatus:
    """The state of a model version: READY here, since registering copies no files. Servers may
    say PENDING_REGISTRATION or FAILED_REGISTRATION."""

    PENDING_REGISTRATION = 1
    FAILED_REGISTRATION = 2
    READY = 3

    _NAMES = {1: "PENDING_REGISTRATION", 2: "FAILED_REGISTRATION", 3: "READY"}

    @classmethod
    def from_string(cls, status: str) -> int:
        """Return the number of a status. Raises ValueError for another text."""
        for number, name in cls._NAMES.items():
            if name == status:
                return number
        names = ", ".join(cls._NAMES.values())
        raise ValueError(f"no model version status {status!r}: use one of {names}")

    @classmethod
    def to_string(cls, status: int) -> str:
        """Return the name of a status' number. Raises ValueError for another number."""
        if status not in cls._NAMES:
            raise ValueError(f"no model version status {status!r}: use one of {sorted(cls._NAMES)}")
        return cls._NAMES[status]


class RegisteredModelTag(Entity):
    """A tag of a registered model. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(self, key: str, value: str) -> None:
        self._fill(key, value)


class ModelVersionTag(Entity):
    """A tag of a model version. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(self, key: str, value: str) -> None:
        self._fill(key, value)


class RegisteredModelAlias(Entity):
    """A name for one version of a registered model, such as "champion"."""

    __slots__ = ("alias", "version")
    alias: str
    version: str

    def __init__(self, alias: str, version: str) -> None:
        self._fill(alias, version)


class ModelVersion(Entity):
    """A version of a registered model. Times are Unix milliseconds.

    `version` is a text of digits. `source` is what was registered, as it was named; the files are
    where `get_model_version_download_uri` says. `run_id` and `model_id` name the run and the
    logged model that it is from. `params`, `metrics` and `deployment_job_state` are what some
    servers tell of it, else None.
    """

    __slots__ = (
        "name",
        "version",
        "creation_timestamp",
        "last_updated_timestamp",
        "description",
        "user_id",
        "current_stage",
        "source",
        "run_id",
        "status",
        "status_message",
        "tags",
        "run_link",
        "aliases",
        "model_id",
        "params",
        "metrics",
        "deployment_job_state",
    )
    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int | None
    description: str | None
    user_id: str | None
    current_stage: str | None
    source: str | None
    run_id: str | None
    status: str
    status_message: str | None
    tags: Mapping[str, str]
    run_link: str | None
    aliases: list[str]
    model_id: str | None
    params: list[Param] | None
    metrics: list[Metric] | None
    deployment_job_state: Any

    def __init__(
        self,
        name: str,
        version: str,
        creation_timestamp: int,
        last_updated_timestamp: int | None = None,
        description: str | None = None,
        user_id: str | None = None,
        current_stage: str | None = None,
        source: str | None = None,
        run_id: str | None = None,
        status: str = "READY",
        status_message: str | None = None,
        tags: Mapping[str, str] | Iterable[ModelVersionTag] | None = None,
        run_link: str | None = None,
        aliases: Iterable[str] | None = None,
        model_id: str | None = None,
        params: list[Param] | None = None,
        metrics: list[Metric] | None = None,
        deployment_job_state: Any = None,
    ) -> None:
        self._fill(
            name,
            str(version),
            creation_timestamp,
            last_updated_timestamp,
            description,
            user_id,
            current_stage,
            source,
            run_id,
            status,
            status_message,
            _mapping(tags, "key", "value"),
            run_link,
            list(aliases or ()),
            model_id,
            params,
            metrics,
            deployment_job_state,
        )


class RegisteredModel(Entity):
    """A registered model: a name that has versions. Times are Unix milliseconds.

    `latest_versions` are the latest version of each stage that has one. `aliases` gives the version
    of each alias.
    """

    __slots__ = (
        "name",
        "creation_timestamp",
        "last_updated_timestamp",
        "description",
        "latest_versions",
        "tags",
        "aliases",
        "deployment_job_id",
        "deployment_job_state",
    )
    name: str
    creation_timestamp: int | None
    last_updated_timestamp: int | None
    description: str | None
    latest_versions: list[ModelVersion]
    tags: Mapping[str, str]
    aliases: Mapping[str, str]
    deployment_job_id: str | None
    deployment_job_state: str | None

    def __init__(
        self,
        name: str,
        creation_timestamp: int | None = None,
        last_updated_timestamp: int | None = None,
        description: str | None = None,
        latest_versions: Iterable[ModelVersion] | None = None,
        tags: Mapping[str, str] | Iterable[RegisteredModelTag] | None = None,
        aliases: Mapping[str, str] | Iterable[RegisteredModelAlias] | None = None,
        deployment_job_id: str | None = None,
        deployment_job_state: str | None = None,
    ) -> None:
        self._fill(
            name,
            creation_timestamp,
            last_updated_timestamp,
            description,
            list(latest_versions or ()),
            _mapping(tags, "key", "value"),
            _mapping(aliases, "alias", "version"),
            deployment_job_id,
            deployment_job_state,
        )

    def to_dictionary(self) -> dict[str, Any]:
        """Return its fields by name, plain values at all levels."""
        versions = [each.to_dictionary() for each in self.latest_versions]
        return {**dict(self), "latest_versions": versions}


def _mapping(given: Any, key: str, value: str) -> dict[str, str]:
    """What is given as a mapping, or as MLflow has it, a list of entities."""
    if given is None:
        return {}
    if hasattr(given, "items"):
        return dict(given)
    return {getattr(each, key): str(getattr(each, value)) for each in given}
