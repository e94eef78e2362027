"""Endpoints for what MLflow's API does not have."""

from __future__ import annotations

from typing import Any

from runlog.entities import MetricSummary, ViewType
from runlog.entities.model_registry import RegisteredModel
from runlog.protocol import arrays, codecs, entities, exact_copy, log_calls, queries, views
from runlog.protocol.codecs import (
    INT64,
    NOTHING,
    TEXT,
    Field,
    many,
    needed,
    only,
    page,
)
from runlog.protocol.entities import (
    EXPERIMENT,
    MODEL,
    RUN_INFO,
    VIEW_TYPE,
)
from runlog.protocol.fields import (
    AGGREGATES,
    EXPERIMENT_IDS,
    FILTER,
    ORDER_BY,
    PAGE_TOKEN,
    RUN_ID,
    RUN_IDS,
    SENT,
)
from runlog.protocol.limits import (
    MAX_FOLLOWED,
    MAX_PAIRS,
    MAX_POINTS,
    MAX_RUNS_AT_ONCE,
    MAX_TABLE,
    MAX_TEXT,
)
from runlog.protocol.registry_endpoints import REGISTERED_MODEL
from runlog.protocol.rows import (
    ADMIN,
    EDIT,
    OURS,
    READ,
    Row,
)
from runlog.store import Store
from runlog.store_parts.exact_copy import RegisteredModelRecord, VersionRecord
from runlog.store_parts.views import MAX_CHILDREN

_RUN_RECORDS = Field("records", many(exact_copy.RUN_RECORD, MAX_RUNS_AT_ONCE), default=())
_NEW_PLACE = Field("new_places", codecs.FLAG, default=False)


def _about(store: Store) -> dict[str, Any]:
    return {"runlog": 1, "delivers": True}


def _summaries(store: Store, run_id: str) -> list[MetricSummary]:
    return list(store.get_metric_summary(run_id).values())


def _digests(store: Store, run_id: str, paths: list[str] | None) -> list[arrays.Digest]:
    found = store.get_digests(run_id, paths)
    return [arrays.Digest(path, *rest) for path, rest in found.items()]


def _store_registered_model(
    store: Store, model: RegisteredModel, versions: list[VersionRecord]
) -> None:
    store.records.store_registered_model(RegisteredModelRecord(model, versions))


RUNLOG_ROWS: tuple[Row, ...] = (
    Row("about", "GET", "about", READ, _about, (), codecs.ANYTHING, OURS),
    Row(
        "logWhole", "POST", "runs/log", EDIT, log_calls.log_whole,
        (
            RUN_ID,
            Field("metrics", entities.points(MAX_POINTS), "points", default=()),
            Field("params", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            *SENT,
        ),
        NOTHING,
        OURS,
    ),
    # What waited in an outbox.
    Row(
        "deliver", "POST", "runs/deliver", EDIT, log_calls.deliver,
        (
            RUN_ID,
            *SENT,
            Field("points", arrays.points(MAX_POINTS), default=()),
            Field("metrics", entities.points(MAX_POINTS), default=()),
            Field("params", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
        ),
        NOTHING,
        OURS,
    ),
    Row(
        "getMetricSummary", "GET", "metrics/summary", READ, _summaries,
        (RUN_ID,),
        page("metrics", arrays.SUMMARY),
        OURS,
    ),
    Row(
        "histories", "POST", "metrics/histories", READ, "histories",
        (needed("run_ids", many(TEXT, MAX_RUNS_AT_ONCE)), Field("keys", many(TEXT, MAX_PAIRS))),
        page("histories", arrays.HISTORY),
        OURS,
    ),
    Row(
        "recordDigests", "POST", "artifacts/record-digests", EDIT, "record_digests",
        (RUN_ID, Field("digests", many(arrays.DIGEST, MAX_PAIRS), default=())),
        NOTHING,
        OURS,
    ),
    Row(
        "getDigests", "POST", "artifacts/digests", READ, _digests,
        (RUN_ID, Field("paths", many(TEXT, MAX_PAIRS))),
        page("digests", arrays.DIGEST),
        OURS,
    ),
    Row(
        "forgetDigests", "POST", "artifacts/forget-digests", EDIT, "forget_digests",
        (RUN_ID, Field("path", TEXT, default="")),
        NOTHING,
        OURS,
    ),
    Row(
        "searchRunColumns", "POST", "runs/columns", READ, "search_run_columns",
        (
            EXPERIMENT_IDS,
            FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT64),
            ORDER_BY,
        ),
        arrays.RUN_COLUMNS,
        OURS,
    ),
    Row(
        "activity", "POST", "experiments/activity", READ, "views.activity",
        (EXPERIMENT_IDS,),
        page("experiments", views.ACTIVITY),
        OURS,
    ),
    Row(
        "runTable", "POST", "runs/table", READ, "views.run_table",
        (
            EXPERIMENT_IDS,
            FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT64, default=MAX_TABLE),
            ORDER_BY,
            PAGE_TOKEN,
            AGGREGATES,
        ),
        views.RUN_TABLE,
        OURS,
    ),
    Row(
        "tableOfRuns", "POST", "runs/chosen", READ, "views.table_of",
        (RUN_IDS, AGGREGATES),
        views.RUN_TABLE,
        OURS,
    ),
    Row(
        "overview", "GET", "runs/overview", READ, "views.overview",
        (RUN_ID, Field("children", INT64, default=MAX_CHILDREN)),
        views.OVERVIEW,
        OURS,
    ),
    Row(
        "series", "POST", "metrics/series", READ, "views.series",
        (
            RUN_IDS,
            needed("keys", many(TEXT, MAX_PAIRS)),
            Field("points", INT64, default=1000),
            Field("axis", TEXT, default="step"),
            Field("start", INT64),
            Field("end", INT64),
        ),
        page("series", views.SERIES),
        OURS,
    ),
    Row(
        "changes", "POST", "runs/changes", READ, "views.changes",
        (
            EXPERIMENT_IDS,
            needed("cursor", TEXT),
            FILTER,
            AGGREGATES,
            Field("run_ids", many(TEXT, MAX_FOLLOWED), default=()),
            Field("keys", many(TEXT, MAX_FOLLOWED), default=()),
            Field("after_steps", many(INT64, MAX_FOLLOWED), default=()),
        ),
        views.CHANGES,
        OURS,
    ),
    Row(
        "completions", "POST", "completions", READ, "views.completions",
        (
            EXPERIMENT_IDS,
            needed("kind", TEXT),
            Field("key", TEXT, default=""),
            Field("text", TEXT, default=""),
        ),
        page("completions", views.COMPLETION),
        OURS,
    ),
    Row(
        "sql", "POST", "sql", READ, "sql",
        (needed("query", TEXT), Field("params", queries.QUERY_PARAMS)),
        queries.QUERY_RESULT,
        OURS,
    ),
    Row("runPage", "GET", "runs/page", READ, None, (RUN_IDS,), codecs.FILE, OURS),
    Row("flush", "POST", "flush", EDIT, "flush", (), NOTHING, OURS),
    # What follows copies runs between stores. Who writes says what a server decides otherwise,
    # ids and places among it: that is for users whose role is admin.
    Row(
        "runIds", "POST", "records/run-ids", READ, "records.run_ids",
        (EXPERIMENT_IDS, FILTER, Field("view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY)),
        page("run_ids", TEXT),
        OURS,
    ),
    Row(
        "runRecords", "POST", "records/runs", READ, "records.runs",
        (RUN_IDS,), page("runs", exact_copy.RUN_RECORD), OURS,
    ),
    Row(
        "modelRecords", "POST", "records/models", READ, "records.models",
        (EXPERIMENT_IDS,), page("models", exact_copy.MODEL_RECORD), OURS,
    ),
    Row(
        "keepExperiment", "POST", "records/keep-experiment", ADMIN, "records.store_experiment",
        (needed("experiment", EXPERIMENT), _NEW_PLACE._replace(argument="new_place")),
        only("experiment_id", TEXT),
        OURS,
    ),
    Row(
        "beginRuns", "POST", "records/begin-runs", ADMIN, "records.begin_runs",
        (_RUN_RECORDS, _NEW_PLACE), page("runs", RUN_INFO), OURS,
    ),
    Row(
        "keepModels", "POST", "records/keep-models", ADMIN, "records.store_models",
        (Field("records", many(exact_copy.MODEL_RECORD, MAX_PAIRS), default=()), _NEW_PLACE),
        page("models", MODEL),
        OURS,
    ),
    Row(
        "keepRegisteredModel", "POST", "records/keep-registered-model", ADMIN,
        _store_registered_model,
        (
            needed("model", REGISTERED_MODEL),
            Field("versions", many(exact_copy.VERSION_RECORD, MAX_PAIRS), default=()),
        ),
        NOTHING,
        OURS,
    ),
    Row(
        "endRuns", "POST", "records/end-runs", ADMIN, "records.end_runs",
        (_RUN_RECORDS,), NOTHING, OURS,
    ),
)  # fmt: skip
