"""Kinds of the endpoints that pages are made from: tables of runs, thinned series, changes.

Columns of a table that all of its runs have come without positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlog.entities import RunInfo
from runlog.protocol import codecs, entities
from runlog.protocol.arrays import DIFFERENCES, PLANES
from runlog.protocol.codecs import FLAG, INT64, TEXT, Field, Kind, many, message, needed
from runlog.protocol.entities import STATUS
from runlog.store_parts.views import (
    Activity,
    Changes,
    Completion,
    MetricColumn,
    Overview,
    RunTable,
    Series,
    TextColumn,
)

_INFO = {  # attributes of runs, each a column
    "run_id": TEXT,
    "experiment_id": TEXT,
    "user_id": TEXT,
    "status": STATUS,
    "start_time": INT64,
    "end_time": INT64,
    "lifecycle_stage": TEXT,
    "run_name": TEXT,
}
_INFO_SCHEMA = {
    "type": "object",
    "properties": {
        name: {
            "type": "array",
            "items": {"anyOf": [kind.schema, {"type": "null"}]},
            "description": "an item for each run, null where it has none",
        }
        for name, kind in _INFO.items()
    },
}


def _read_infos(value: Any, where: str) -> list[RunInfo]:
    given = codecs.object_of(value, where)
    columns = [
        [None if each is None else kind.read(each, f"{where}.{name}") for each in given[name]]
        for name, kind in _INFO.items()
    ]
    return [RunInfo(**dict(zip(_INFO, row, strict=True))) for row in zip(*columns, strict=True)]


def _write_infos(infos: Sequence[RunInfo]) -> dict[str, Any]:
    return {name: [getattr(info, name) for info in infos] for name in _INFO}


def _counts_read(value: Any, where: str) -> dict[str, int]:
    given = codecs.object_of(value, where)
    return {name: INT64.read(count, f"{where}.{name}") for name, count in given.items()}


INFOS = Kind(_read_infos, _write_infos, _INFO_SCHEMA)
COUNTS = Kind(_counts_read, dict, {"type": "object", "additionalProperties": {"type": "integer"}})

_COLUMN = (needed("key", TEXT), needed("differs", FLAG), Field("runs", DIFFERENCES))
METRIC_COLUMN = message(
    MetricColumn,
    *_COLUMN,
    Field("last", PLANES),
    Field("min", PLANES),
    Field("max", PLANES),
    Field("first", PLANES),
    Field("count", DIFFERENCES, "counts"),
    Field("last_step", DIFFERENCES),
    Field("min_step", DIFFERENCES),
    Field("max_step", DIFFERENCES),
)
TEXT_COLUMN = message(TextColumn, *_COLUMN, Field("values", many(TEXT), default=[]))
RUN_TABLE = message(
    RunTable,
    needed("runs", INFOS),
    Field("metrics", many(METRIC_COLUMN), default=[]),
    Field("params", many(TEXT_COLUMN), default=[]),
    Field("tags", many(TEXT_COLUMN), default=[]),
    needed("ancestors", INT64),
    needed("total", INT64),
    needed("statuses", COUNTS),
    Field("last_logged", COUNTS, default={}),
    needed("cursor", TEXT),
    Field("next_page_token", TEXT, "page_token"),
)
SERIES = message(
    Series,
    needed("run_id", TEXT),
    needed("key", TEXT),
    needed("steps", DIFFERENCES),
    needed("timestamps", DIFFERENCES),
    needed("values", PLANES),
    needed("count", INT64, "total"),
    needed("thinned", FLAG),
    needed("nans", INT64),
    Field("nan_step", INT64),
    Field("nan_timestamp", INT64),
)
OVERVIEW = message(
    Overview,
    needed("run", entities.RUN),
    needed("experiment", entities.EXPERIMENT),
    Field("parent", entities.RUN_INFO),
    needed("table", RUN_TABLE),
    needed("children", RUN_TABLE),
)
CHANGES = message(Changes, needed("table", RUN_TABLE), Field("series", many(SERIES), default=[]))
ACTIVITY = message(
    Activity,
    needed("experiment_id", TEXT),
    needed("statuses", COUNTS),
    Field("last_time", INT64),
)
COMPLETION = message(Completion, needed("text", TEXT), needed("count", INT64, "runs"))
