"""The kinds of sources of data sets, and how to describe data of each kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from runlog import entities
from runlog.data import datasets
from runlog.data.datasets import DatasetSource, get_source, resolve_source


def get_registered_sources() -> list[type[DatasetSource]]:
    """Return the classes of sources that `get_source` knows.

    >>> runlog.data.HTTPDatasetSource in runlog.data.get_registered_sources()
    True
    """
    return [*datasets.SOURCES.values()]


def register_dataset_source(source: type[DatasetSource]) -> None:
    """Make `get_source` know a class, by its `source_type`."""
    datasets.SOURCES[source.source_type] = source


def get_dataset_source_from_json(source_json: str, source_type: str) -> DatasetSource:
    """Return the source that a run has recorded as JSON text. Raises NotFound for an unknown
    type.

    >>> runlog.data.get_dataset_source_from_json('{"url": "https://x.org/a.csv"}', "http").url
    'https://x.org/a.csv'
    """
    json.loads(source_json)  # what is no JSON is named as such
    return get_source(entities.Dataset("dataset", "", source_type, source_json))


def resolve_dataset_source(raw_source: Any, candidate_sources: object = None) -> DatasetSource:
    """Return the source that a path or URI names."""
    return resolve_source(raw_source)


def get_registered_constructors() -> dict[str, Callable[..., Any]]:
    """Return the functions that describe data, by name."""
    from runlog.data import spark, tensorflow

    modules = (datasets, spark, tensorflow)
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if name.startswith(("from_", "load_")) and callable(function)
    }
