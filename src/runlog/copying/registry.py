"""Copying registered models: those of the copied runs and logged models, or all of a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from runlog.entities.model_registry import ModelVersion, RegisteredModel
from runlog.errors import NotFound, RunlogError
from runlog.store_parts.exact_copy import RegisteredModelRecord as Registered
from runlog.store_parts.exact_copy import VersionRecord
from runlog.store_parts.registered_models import MODELS_URI, all_models, versions_of

Pairs = list[tuple[str, str]]
Count = tuple[str, int, int]

if TYPE_CHECKING:
    from runlog.store import Store
    from runlog.store_parts.exact_copy import Records


def chosen_models(store: Store, ids: Collection[str], all_of_them: bool) -> list[Registered]:
    """Return the registered models that go along, with those of their versions that do: all of a
    store, or those of the runs and logged models with these ids."""
    registry, found = store.registry, []
    try:
        registered = all_models(registry)
    except RunlogError as error:
        if error.error_code != "ENDPOINT_NOT_FOUND":
            raise
        return []
    for model in registered:
        versions = [
            each
            for each in versions_of(registry, model.name)
            if all_of_them or each.run_id in ids or each.model_id in ids
        ]
        if versions or all_of_them:
            found.append(_record(model, versions))
    return found


def _record(model: RegisteredModel, versions: Sequence[ModelVersion]) -> Registered:
    numbers = {each.version for each in versions}
    aliases = {alias: number for alias, number in model.aliases.items() if number in numbers}
    return Registered(
        model._replace(aliases=aliases, latest_versions=None),
        [VersionRecord(each, "") for each in versions],
    )


def count_models(here: Records | None, records: Sequence[Registered]) -> list[Count]:
    """Count registered models and their versions, and those of them that are in the other store."""
    versions = sum(len(each.versions) for each in records)
    copied = [0 if here is None else len(here.versions_here(each)) for each in records]
    models = sum(
        found > 0 or (here is not None and not each.versions)
        for each, found in zip(records, copied, strict=True)
    )
    counts = ("registered models", len(records), models), ("versions", versions, sum(copied))
    return [each for each in counts if each[1]]


def copy_models(source: Store, target: Store, here: Records, records: Sequence[Registered]) -> None:
    """Store registered models in another store, whose runs and logged models are copied. Their
    versions point to the copies of their files."""
    for record in records:
        versions = [
            _moved_version(source, target, here, each.version, record.model)
            for each in record.versions
        ]
        here.store_registered_model(record._replace(versions=versions))


def _moved_version(
    source: Store, target: Store, here: Records, version: ModelVersion, model: RegisteredModel
) -> VersionRecord:
    """Return a version with its files where they are in the other store."""
    location = source.registry.download_uri(version.name, version.version)
    places, names = _moved_locations(source, target, here, version)
    # Servers list versions without their aliases.
    aliases = [alias for alias, number in model.aliases.items() if number == version.version]
    return VersionRecord(
        version._replace(
            source=_relocated(names, version.source or location),
            aliases=aliases,
        ),
        _relocated(places, location),
    )


def _location_of_model(store: Store, model_id: str) -> str:
    return store.models.get(model_id).artifact_location


def _location_of_run(store: Store, run_id: str) -> str:
    return store.get_run(run_id).info.artifact_uri


def _moved_locations(
    source: Store, target: Store, here: Records, version: ModelVersion
) -> tuple[Pairs, Pairs]:
    """Where the files of the version's logged model and run are, there and here; and how a source
    names them, there and here."""
    places: Pairs = []
    names: Pairs = []
    for prefix, first, location in (
        (MODELS_URI, version.model_id, _location_of_model),
        ("runs:/", version.run_id, _location_of_run),
    ):
        if not first:
            continue
        copy = here.id_here(first)
        try:
            there, place = location(source, first), location(target, copy)
        except NotFound:  # it is not copied
            continue
        places += [(there, place), (f"{prefix}{first}", place)]
        names += [(there, place), (f"{prefix}{first}", f"{prefix}{copy}")]
    return places, names


def _relocated(pairs: Pairs, uri: str) -> str:
    """Return a URI below one that was moved, as it is below the place it was moved to."""
    for before, after in pairs:
        if f"{uri}/".startswith(f"{before.rstrip('/')}/"):
            return after.rstrip("/") + uri[len(before.rstrip("/")) :]
    return uri
