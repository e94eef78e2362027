"""MLflow's endpoints of the model registry, with the kinds of what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlog.entities.model_registry import ModelVersion, ModelVersionStatus, RegisteredModel
from runlog.protocol import codecs
from runlog.protocol.codecs import (
    FLAG,
    ID,
    INT64,
    MAPPING,
    NOTHING,
    TEXT,
    Field,
    Kind,
    enumeration,
    many,
    message,
    needed,
    only,
    page,
    read_fields,
    write_fields,
)
from runlog.protocol.fields import (
    FILE_PATH,
    FILTER,
    KEY,
    LONG_TEXT,
    ORDER_BY,
    PAGE_TOKEN,
    TEXTS,
    VALUE,
)
from runlog.protocol.limits import MAX_ORDER_BY
from runlog.protocol.rows import EDIT, READ, Row
from runlog.store_parts.registered_models import MAX_VERSIONS_PAGE, MODELS_PAGE

_STATUS_NUMBER = enumeration({number: ModelVersionStatus.to_string(number) for number in (1, 2, 3)})
_STATUS = Kind(  # our versions hold the name
    lambda value, where: ModelVersionStatus.to_string(_STATUS_NUMBER.read(value, where) or 3),
    lambda name: name,
    _STATUS_NUMBER.schema,
)
_OR_NONE = Kind(lambda value, where: TEXT.read(value, where) or None, TEXT.write, TEXT.schema)
MODEL_VERSION = message(
    ModelVersion,
    needed("name", TEXT),
    needed("version", ID),
    Field("creation_timestamp", INT64, default=0),
    Field("last_updated_timestamp", INT64),
    Field("user_id", TEXT),
    Field("current_stage", TEXT),
    Field("description", TEXT),
    Field("source", TEXT),
    Field("run_id", _OR_NONE),
    Field("status", _STATUS, default="READY"),
    Field("status_message", _OR_NONE),
    Field("tags", MAPPING),
    Field("run_link", _OR_NONE),
    Field("aliases", many(TEXT), default=()),
    Field("model_id", _OR_NONE),
    Field("deployment_job_state", codecs.ANYTHING),
)
_ALIAS = (needed("alias", TEXT), needed("version", ID))


def _read_alias(value: Any, where: str) -> tuple[str, str]:
    found = read_fields(_ALIAS, codecs.object_of(value, where), f"{where}.")
    return found["alias"], found["version"]


_PAIR = Kind(
    _read_alias,
    lambda pair: write_fields(_ALIAS, {"alias": pair[0], "version": pair[1]}),
    codecs.schema_of(_ALIAS),
)
_PAIRS = many(_PAIR)


def _write_aliases(aliases: Mapping[str, str]) -> Any:
    return _PAIRS.write(aliases.items())


ALIASES = Kind(
    lambda value, where: dict(_PAIRS.read(value, where)),
    _write_aliases,
    _PAIRS.schema,
)
REGISTERED_MODEL = message(
    RegisteredModel,
    needed("name", TEXT),
    Field("creation_timestamp", INT64),
    Field("last_updated_timestamp", INT64),
    Field("description", TEXT),
    Field("latest_versions", many(MODEL_VERSION), default=()),
    Field("tags", MAPPING),
    Field("aliases", ALIASES, default={}),
    Field("deployment_job_id", _OR_NONE),
    Field("deployment_job_state", TEXT),
)

NAME = needed("name", TEXT)
VERSION = needed("version", ID)
ALIAS = needed("alias", TEXT)
DESCRIPTION = Field("description", LONG_TEXT)
_MODEL, _VERSION_OF = (
    only("registered_model", REGISTERED_MODEL),
    only("model_version", MODEL_VERSION),
)
_VERSIONS = only("model_versions", many(MODEL_VERSION))

REGISTRY_ROWS: tuple[Row, ...] = (
    Row(
        "createRegisteredModel", "POST", "registered-models/create", EDIT, "registry.create_model",
        (NAME, Field("tags", TEXTS), DESCRIPTION, Field("deployment_job_id", TEXT)),
        _MODEL,
    ),
    Row(
        "renameRegisteredModel", "POST", "registered-models/rename", EDIT, "registry.rename_model",
        (NAME, Field("new_name", TEXT)),
        _MODEL,
    ),
    Row(
        "updateRegisteredModel", "PATCH", "registered-models/update", EDIT, "registry.update_model",
        (NAME, DESCRIPTION._replace(default=""), Field("deployment_job_id", TEXT)),
        _MODEL,
    ),
    Row(
        "deleteRegisteredModel", "DELETE", "registered-models/delete", EDIT,
        "registry.delete_model",
        (NAME,),
        NOTHING,
    ),
    Row(
        "getRegisteredModel", "GET", "registered-models/get", READ, "registry.get_model",
        (NAME,),
        _MODEL,
    ),
    Row(
        "searchRegisteredModels", "GET", "registered-models/search", READ,
        "registry.search_models",
        (FILTER, Field("max_results", INT64, default=MODELS_PAGE), ORDER_BY, PAGE_TOKEN),
        page("registered_models", REGISTERED_MODEL),
    ),
    *(
        Row(
            "getLatestVersions", verb, "registered-models/get-latest-versions", READ,
            "registry.latest_versions",
            (NAME, Field("stages", many(TEXT, MAX_ORDER_BY))),
            _VERSIONS,
        )
        for verb in ("POST", "GET")
    ),
    Row(
        "setRegisteredModelTag", "POST", "registered-models/set-tag", EDIT,
        "registry.set_model_tag",
        (NAME, KEY, VALUE),
        NOTHING,
    ),
    Row(
        "deleteRegisteredModelTag", "DELETE", "registered-models/delete-tag", EDIT,
        "registry.delete_model_tag",
        (NAME, KEY),
        NOTHING,
    ),
    Row(
        "setRegisteredModelAlias", "POST", "registered-models/alias", EDIT, "registry.set_alias",
        (NAME, ALIAS, VERSION),
        NOTHING,
    ),
    Row(
        "deleteRegisteredModelAlias", "DELETE", "registered-models/alias", EDIT,
        "registry.delete_alias",
        (NAME, ALIAS),
        NOTHING,
    ),
    Row(
        "getModelVersionByAlias", "GET", "registered-models/alias", READ,
        "registry.version_by_alias",
        (NAME, ALIAS),
        _VERSION_OF,
    ),
    Row(
        "createModelVersion", "POST", "model-versions/create", EDIT, "registry.create_version",
        (
            NAME,
            needed("source", TEXT),
            Field("run_id", TEXT),
            Field("tags", TEXTS),
            Field("run_link", TEXT),
            DESCRIPTION,
            Field("model_id", TEXT),
        ),
        _VERSION_OF,
    ),
    Row(
        "updateModelVersion", "PATCH", "model-versions/update", EDIT, "registry.update_version",
        (NAME, VERSION, DESCRIPTION._replace(default="")),
        _VERSION_OF,
    ),
    Row(
        "transitionModelVersionStage", "POST", "model-versions/transition-stage", EDIT,
        "registry.transition_stage",
        (NAME, VERSION, needed("stage", TEXT), needed("archive_existing_versions", FLAG)),
        _VERSION_OF,
    ),
    Row(
        "deleteModelVersion", "DELETE", "model-versions/delete", EDIT, "registry.delete_version",
        (NAME, VERSION),
        NOTHING,
    ),
    Row(
        "getModelVersion", "GET", "model-versions/get", READ, "registry.get_version",
        (NAME, VERSION),
        _VERSION_OF,
    ),
    Row(
        "searchModelVersions", "GET", "model-versions/search", READ, "registry.search_versions",
        (FILTER, Field("max_results", INT64, default=MAX_VERSIONS_PAGE), ORDER_BY, PAGE_TOKEN),
        page("model_versions", MODEL_VERSION),
    ),
    Row(
        "getModelVersionDownloadUri", "GET", "model-versions/get-download-uri", READ,
        "registry.download_uri",
        (NAME, VERSION),
        only("artifact_uri", TEXT),
    ),
    Row(
        "setModelVersionTag", "POST", "model-versions/set-tag", EDIT, "registry.set_version_tag",
        (NAME, VERSION, KEY, VALUE),
        NOTHING,
    ),
    Row(
        "deleteModelVersionTag", "DELETE", "model-versions/delete-tag", EDIT,
        "registry.delete_version_tag",
        (NAME, VERSION, KEY),
        NOTHING,
    ),
    Row(
        "getModelVersionArtifact", "GET", "model-versions/get-artifact", READ, None,
        (NAME, VERSION, FILE_PATH),
        codecs.FILE,
        ("/",),
    ),
)  # fmt: skip
REGISTRY = frozenset(row.name for row in REGISTRY_ROWS)
