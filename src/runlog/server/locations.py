"""Which locations of artifacts clients may name, and which the server opens.

The server reads and writes there with its own rights and its own keys. So a client may name one in
the server's own artifacts (`mlflow-artifacts:/x`, or a local path below their root), and whatever
else the server's --allowed-locations name.

`handlers` are the endpoints that take locations from clients.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from runlog.errors import InvalidParameter, NotFound, RunlogError
from runlog.storage import allowed
from runlog.storage.paths import PROXIED, check_path, local_root, parse_runs_uri
from runlog.storage.schemes import SCHEMES
from runlog.store import Store
from runlog.store_parts.exact_copy import changed

# Their URIs may name no host: the workspace or the cluster that is configured is meant.
WITH_DEFAULT_HOST = frozenset(("dbfs", "hdfs", "viewfs"))


class Allowed(NamedTuple):
    """What a server was started with: the `root` of its artifacts, entries as
    `runlog.storage.allowed` has them, and whether any local path is allowed."""

    root: str
    entries: tuple[str, ...] = ()
    local_anywhere: bool = False

    def name(self, location: str) -> str:
        """Return `location` as it is stored, if a client may name it. Raises InvalidParameter."""
        scheme, colon, rest = location.partition(":")
        if "::" in location or any(ord(character) < 32 for character in location):
            raise _refused(location, "it must be a plain URI or path")
        if not colon or "/" in scheme:
            return self._local(location, location)
        if scheme.lower() == "file":
            return self._local(location, local_root(location))
        if scheme.lower() == PROXIED[:-1]:
            if rest.startswith("//") or not rest.startswith("/"):
                raise _refused(location, f"write {PROXIED}/path, without a host")
            return f"{PROXIED}/{check_path(rest.strip('/'))}"
        start = "/" if scheme.lower() in WITH_DEFAULT_HOST else "//bucket/"
        if not rest.startswith(start[:2]) or ".." in rest.split("/"):
            raise _refused(location, f"write {scheme}:{start}path, without ..")
        if not (self._is_in_root(location) or self._covers(location)):
            raise _refused(
                location,
                f"the server may not open it. Write {PROXIED}/path, or start the server "
                "with --allowed-locations, naming it",
            )
        return location

    def _local(self, location: str, path: str) -> str:
        if "\0" in path or path.startswith("~"):
            raise _refused(location, "it must be a plain path")
        absolute = os.path.abspath(path)
        if self.local_anywhere or self._is_in_root(absolute) or self._covers(absolute):
            return absolute
        raise _refused(
            location,
            "a local path must be below the server's artifact root. Name no location, or start "
            "the server with --allowed-locations, naming it",
        )

    def _is_in_root(self, location: str) -> bool:
        return allowed.covers(self.root, location) and not allowed.covers(location, self.root)

    def _covers(self, location: str) -> bool:
        return any(allowed.covers(each, location) for each in self.entries)

    def name_source(self, source: str, homes: Iterable[str]) -> str:
        """Return the source of a model version, if a client may name it. `homes` are where the
        files of its run and of its logged model are. Raises InvalidParameter.

        A bucket or a host may be named: the server opens it only if `check` lets it. A path on the
        server's disk must be in one of the homes, or where --allowed-locations say.
        """
        plain = _decoded(source)
        if "::" in plain or any(ord(each) < 32 for each in plain):
            raise _bad_source(source, "it must be a plain URI or path")
        if ".." in plain.replace("\\", "/").split("/"):
            raise _bad_source(source, "it must not lead upwards with ..")
        if source.startswith("models:/"):
            return source
        if source.startswith("runs:/"):
            _, path = parse_runs_uri(source)
            return source if not path else source.removesuffix(path) + check_path(path.rstrip("/"))
        if source.startswith(PROXIED):
            return self.name(source)
        if not allowed.is_local(source):
            scheme = source.partition(":")[0].lower()
            if scheme not in SCHEMES and not self._covers(source):
                raise _bad_source(source, f"{scheme}: is no storage that models can be at")
            return source
        path = source if source.startswith("sqlar:") else local_root(source)
        own = [
            self.root + each.removeprefix(PROXIED) if each.startswith(PROXIED) else each
            for each in homes
        ]
        if self.local_anywhere or self._covers(path):
            return source
        if any(allowed.covers(each, path) for each in own if allowed.is_local(each)):
            return source
        raise _bad_source(
            source,
            "to use a local path as a model version source, the run_id request parameter has to "
            "be specified and the path has to be in the artifacts of that run",
        )

    def check(self, uri: str) -> None:
        """Raise PERMISSION_DENIED unless the server may open the location of a run: one that
        clients may name, or that its user has allowed."""
        local = allowed.is_local(uri)
        if (
            allowed.covers(self.root, uri)
            or (local and self.local_anywhere)
            or allowed.is_allowed(uri, self.entries)
        ):
            return
        raise RunlogError(
            f"the server may not open {uri}, where its store says that files are. Start it with "
            "--allowed-locations, naming that, if it is right",
            "PERMISSION_DENIED",
        )


def handlers(store: Store, may: Allowed) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """Return what answers the endpoints that take locations, by the names of their rows. When runs
    are copied here, a location that clients may not name is left out: the server's own is taken
    instead, and its answer says so."""

    def create_experiment(given: Mapping[str, Any]) -> str:
        location = given["artifact_location"]
        if location:
            location = may.name(location)
        return store.create_experiment(**{**given, "artifact_location": location})

    def allowed_or_none(location: str) -> str:
        try:
            return may.name(location)
        except InvalidParameter:
            return ""

    def store_experiment(given: Mapping[str, Any]) -> str:
        experiment = given["experiment"]
        location = allowed_or_none(experiment.artifact_location)
        experiment = experiment._replace(artifact_location=location)
        return store.records.store_experiment(experiment, given["new_place"])

    def begin_runs(given: Mapping[str, Any]) -> Any:
        records = [
            changed(each, artifact_uri=allowed_or_none(each.run.info.artifact_uri))
            for each in given["records"]
        ]
        return store.records.begin_runs(records, given["new_places"])

    def store_models(given: Mapping[str, Any]) -> Any:
        records = []
        for each in given["records"]:
            location = allowed_or_none(each.model.artifact_location)
            records.append(each._replace(model=each.model._replace(artifact_location=location)))
        return store.records.store_models(records, given["new_places"])

    def create_model_version(given: Mapping[str, Any]) -> Any:
        homes = _homes(store, given["run_id"], given["model_id"])
        source = may.name_source(given["source"], homes)
        return store.registry.create_version(**{**given, "source": source})

    return {
        "createExperiment": create_experiment,
        "createModelVersion": create_model_version,
        "keepExperiment": store_experiment,
        "beginRuns": begin_runs,
        "keepModels": store_models,
    }


def _homes(store: Store, run_id: str | None, model_id: str | None) -> Iterator[str]:
    """Where the files are of the run and the logged model that a version names, if these are
    here."""
    try:
        if run_id:
            yield store.get_run(run_id).info.artifact_uri
    except NotFound:
        pass
    try:
        if model_id:
            yield store.models.get(model_id).artifact_location
    except NotFound:
        pass


def _decoded(text: str) -> str:
    """A text without percent-encoding, however often it was encoded."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _bad_source(source: str, reason: str) -> InvalidParameter:
    # The first words are MLflow's.
    return InvalidParameter(f"Invalid model version source: {source[:100]!r}: {reason}")


def _refused(location: str, reason: str) -> InvalidParameter:
    # A URI may hold a password: what is shown is no more than the client said, and not all of it.
    return InvalidParameter(f"Invalid artifact location {location[:100]!r}: {reason}")
