"""What is copied to this server: where its files may be said to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runlog.errors import InvalidParameter
from runlog.exact_copy import changed
from runlog.server.locations import Allowed
from runlog.store import Store


def handlers(store: Store, may: Allowed) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """The endpoints that are told places. One that clients may not name is left out: then the
    server's own is taken, and its answer says so."""

    def allowed(place: str) -> str:
        try:
            return may.name(place)
        except InvalidParameter:
            return ""

    def store_experiment(given: Mapping[str, Any]) -> str:
        experiment = given["experiment"]
        place = allowed(experiment.artifact_location)
        experiment = experiment._replace(artifact_location=place)
        return store.records.store_experiment(experiment, given["new_place"])

    def begin_runs(given: Mapping[str, Any]) -> Any:
        records = [
            changed(each, artifact_uri=allowed(each.run.info.artifact_uri))
            for each in given["records"]
        ]
        return store.records.begin_runs(records, given["new_places"])

    def store_models(given: Mapping[str, Any]) -> Any:
        records = [
            each._replace(
                model=each.model._replace(artifact_location=allowed(each.model.artifact_location))
            )
            for each in given["records"]
        ]
        return store.records.store_models(records, given["new_places"])

    return {
        "keepExperiment": store_experiment,
        "beginRuns": begin_runs,
        "keepModels": store_models,
    }
