"""MLflow's endpoints for experiments, runs, metrics and logged models."""

from __future__ import annotations

from typing import Any

from runlog import validate
from runlog.entities import Experiment, LoggedModel, Metric, PagedList, Run, ViewType
from runlog.errors import InvalidParameter
from runlog.protocol import codecs, entities, log_calls
from runlog.protocol.codecs import (
    DOUBLE,
    ID,
    INT32,
    INT64,
    JSON_TEXT,
    NOTHING,
    TEXT,
    TIME,
    Field,
    many,
    needed,
    only,
    page,
)
from runlog.protocol.entities import (
    DATASET_INPUT,
    EXPERIMENT,
    LISTING,
    METRIC,
    METRIC_OF_RUN,
    MODEL,
    MODEL_INPUT,
    MODEL_OUTPUT,
    RUN,
    RUN_INFO,
    STATUS,
    VIEW_TYPE,
)
from runlog.protocol.fields import (
    EXPERIMENT_ID,
    EXPERIMENT_IDS,
    FILTER,
    KEY,
    LONG_TEXT,
    MODEL_ID,
    ORDER_BY,
    PAGE_TOKEN,
    PATH,
    RUN_ID,
    SENT,
    TEXTS,
    VALUE,
)
from runlog.protocol.limits import (
    MAX_BULK_RESULTS,
    MAX_DATASET_EXPERIMENTS,
    MAX_INPUTS,
    MAX_INTERVAL_RESULTS,
    MAX_ORDER_BY,
    MAX_RUNS_AT_ONCE,
    MAX_TEXT,
)
from runlog.protocol.rows import (
    ADMIN,
    AJAX,
    EDIT,
    MLFLOW_3,
    READ,
    Row,
)
from runlog.store import Store


def _set_experiment_tag(store: Store, experiment_id: str, key: str, value: str) -> None:
    store.set_experiment_tags(experiment_id, {key: value})


def _list_experiments(
    store: Store, view_type: int, max_results: int | None, page_token: str | None
) -> PagedList[Experiment]:
    limit = validate.MAX_SEARCH_RESULTS if max_results is None else max_results
    return store.search_experiments(view_type, limit, page_token=page_token)


def _rename_experiment(store: Store, experiment_id: str, new_name: str | None) -> None:
    store.rename_experiment(experiment_id, validate.experiment_name(new_name))


def _search_models(store: Store, **arguments: Any) -> PagedList[LoggedModel]:
    return store.models.search(**arguments)


def _bulk_history(
    store: Store, run_ids: list[str], metric_key: str, max_results: int
) -> list[Metric]:
    if not 0 < max_results <= MAX_BULK_RESULTS:
        raise InvalidParameter(
            f"Invalid value {max_results} for max_results: 1 to {MAX_BULK_RESULTS}"
        )
    found: list[Metric] = []
    for run_id in sorted(run_ids):
        rest = max_results - len(found)
        if rest:
            found += store.metric_history_page(run_id, metric_key, rest)
    return found


def _server_info(store: Store) -> dict[str, Any]:
    return {
        "store_type": "SqlStore",  # what MLflow's pages ask before they search by metrics
        "workspaces_enabled": False,
        "multipart_uploads_enabled": False,
    }


def _create_run(store: Store, new_run_id: str | None, **given: Any) -> Run:
    return store.create_run(**given, run_id=new_run_id)


MLFLOW_ROWS: tuple[Row, ...] = (
    Row(
        "createExperiment", "POST", "experiments/create", EDIT, "create_experiment",
        (needed("name", TEXT), Field("artifact_location", TEXT), Field("tags", TEXTS)),
        only("experiment_id", TEXT),
    ),
    Row(
        "getExperiment", "GET", "experiments/get", READ, "get_experiment",
        (EXPERIMENT_ID,),
        only("experiment", EXPERIMENT),
    ),
    Row(
        "getExperimentByName", "GET", "experiments/get-by-name", READ, "get_experiment_by_name",
        (needed("experiment_name", TEXT, "name"),),
        only("experiment", EXPERIMENT),
    ),
    *(
        Row(
            "searchExperiments", verb, "experiments/search", READ, "search_experiments",
            (
                Field("max_results", INT64, default=0),  # MLflow's servers want it, too
                PAGE_TOKEN,
                FILTER,
                ORDER_BY,
                Field("view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            ),
            page("experiments", EXPERIMENT),
        )
        for verb in ("POST", "GET")
    ),
    Row(
        "listExperiments", "GET", "experiments/list", READ, _list_experiments,
        (
            Field("view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT64),
            PAGE_TOKEN,
        ),
        page("experiments", EXPERIMENT),
    ),
    Row(
        "updateExperiment", "POST", "experiments/update", EDIT, _rename_experiment,
        (EXPERIMENT_ID, Field("new_name", TEXT)),
        NOTHING,
    ),
    Row(
        "deleteExperiment", "POST", "experiments/delete", ADMIN, "delete_experiment",
        (EXPERIMENT_ID,),
        NOTHING,
    ),
    Row(
        "restoreExperiment", "POST", "experiments/restore", ADMIN, "restore_experiment",
        (EXPERIMENT_ID,),
        NOTHING,
    ),
    Row(
        "setExperimentTag", "POST", "experiments/set-experiment-tag", EDIT, _set_experiment_tag,
        (EXPERIMENT_ID, KEY, VALUE),
        NOTHING,
    ),
    Row(
        "deleteExperimentTag", "POST", "experiments/delete-experiment-tag", EDIT,
        "delete_experiment_tag",
        (EXPERIMENT_ID, KEY),
        NOTHING,
    ),
    Row(
        "createRun", "POST", "runs/create", EDIT, _create_run,
        (
            EXPERIMENT_ID,
            Field("user_id", LONG_TEXT, default=""),
            Field("run_name", LONG_TEXT),
            Field("start_time", TIME, default=0),
            Field("tags", TEXTS),
            Field("new_run_id", TEXT),  # ours: sent again, the same request makes no second run
        ),
        only("run", RUN),
    ),
    Row(
        "updateRun", "POST", "runs/update", EDIT, log_calls.update_run,
        (
            RUN_ID,
            Field("status", STATUS),
            Field("end_time", TIME),
            Field("run_name", LONG_TEXT),
            *SENT,
        ),
        only("run_info", RUN_INFO),
    ),
    Row("deleteRun", "POST", "runs/delete", EDIT, "delete_run", (RUN_ID,), NOTHING),
    Row("restoreRun", "POST", "runs/restore", EDIT, "restore_run", (RUN_ID,), NOTHING),
    Row("getRun", "GET", "runs/get", READ, "get_run", (RUN_ID,), only("run", RUN)),
    Row(
        "searchRuns", "POST", "runs/search", READ, "search_runs",
        (
            EXPERIMENT_IDS,
            FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT32, default=1000),
            ORDER_BY,
            PAGE_TOKEN,
        ),
        page("runs", RUN),
    ),
    Row(
        "logMetric", "POST", "runs/log-metric", EDIT, log_calls.log_metric,
        (
            RUN_ID,
            KEY,
            needed("value", DOUBLE),
            needed("timestamp", TIME),
            Field("step", INT64, default=0),
            Field("model_id", TEXT),
            Field("dataset_name", TEXT),
            Field("dataset_digest", TEXT),
        ),
        NOTHING,
    ),
    Row(
        "logParam", "POST", "runs/log-parameter", EDIT, log_calls.log_param,
        (RUN_ID, KEY, VALUE),
        NOTHING,
    ),
    Row("setTag", "POST", "runs/set-tag", EDIT, log_calls.set_tag, (RUN_ID, KEY, VALUE), NOTHING),
    Row("deleteTag", "POST", "runs/delete-tag", EDIT, "delete_tag", (RUN_ID, KEY), NOTHING),
    Row(
        "logBatch", "POST", "runs/log-batch", EDIT, log_calls.log_batch,
        (
            RUN_ID,
            Field("metrics", entities.points(validate.MAX_METRICS_PER_BATCH), "points", default=()),
            Field("params", codecs.pairs(validate.MAX_PARAMS_PER_BATCH, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(validate.MAX_TAGS_PER_BATCH, MAX_TEXT), default=()),
            *SENT,
        ),
        NOTHING,
    ),
    Row(
        "logInputs", "POST", "runs/log-inputs", EDIT, "log_inputs",
        (
            RUN_ID,
            Field("datasets", many(DATASET_INPUT, MAX_INPUTS), default=()),
            Field("models", many(MODEL_INPUT, MAX_INPUTS), default=()),
        ),
        NOTHING,
    ),
    Row(
        "logOutputs", "POST", "runs/outputs", EDIT, log_calls.log_outputs,
        (RUN_ID, Field("models", many(MODEL_OUTPUT, MAX_INPUTS), default=())),
        NOTHING,
    ),
    Row(
        "logModel", "POST", "runs/log-model", EDIT, log_calls.log_model,
        (RUN_ID, needed("model_json", JSON_TEXT)),
        NOTHING,
    ),
    Row(
        "searchDatasets", "POST", "experiments/search-datasets", READ, "dataset_summaries",
        (needed("experiment_ids", many(ID, MAX_DATASET_EXPERIMENTS)),),
        only("dataset_summaries", many(entities.DATASET_SUMMARY)),
    ),
    Row(
        "createLoggedModel", "POST", "logged-models", EDIT, "models.create",
        (
            EXPERIMENT_ID,
            Field("name", TEXT),
            Field("model_type", TEXT, default=""),
            Field("source_run_id", TEXT, default=""),
            Field("params", TEXTS),
            Field("tags", TEXTS),
        ),
        only("model", MODEL),
    ),
    Row(
        "searchLoggedModels", "POST", "logged-models/search", READ, _search_models,
        (
            EXPERIMENT_IDS,
            FILTER,
            Field("datasets", many(entities.DATASET_CHOICE, MAX_ORDER_BY), default=()),
            Field("max_results", INT32, default=50),
            Field("order_by", many(entities.MODEL_ORDER, MAX_ORDER_BY), default=()),
            PAGE_TOKEN,
        ),
        page("models", MODEL),
    ),
    Row(
        "getLoggedModel", "GET", "logged-models/<model_id>", READ, "models.get",
        (MODEL_ID,),
        only("model", MODEL),
    ),
    Row(
        "finalizeLoggedModel", "PATCH", "logged-models/<model_id>", EDIT, "models.finalize",
        (MODEL_ID, needed("status", entities.MODEL_STATUS)),
        only("model", MODEL),
    ),
    Row(
        "deleteLoggedModel", "DELETE", "logged-models/<model_id>", EDIT, "models.delete",
        (MODEL_ID,),
        NOTHING,
    ),
    Row(
        "setLoggedModelTags", "PATCH", "logged-models/<model_id>/tags", EDIT, "models.set_tags",
        (MODEL_ID, Field("tags", TEXTS, default={})),
        only("model", MODEL),
    ),
    Row(
        "deleteLoggedModelTag", "DELETE", "logged-models/<model_id>/tags/<tag_key>", EDIT,
        "models.delete_tag",
        (MODEL_ID, needed("tag_key", TEXT, "key")),
        NOTHING,
    ),
    Row(
        "logLoggedModelParams", "POST", "logged-models/<model_id>/params", EDIT,
        "models.log_params",
        (MODEL_ID, Field("params", TEXTS, default={})),
        NOTHING,
    ),
    Row(
        "listLoggedModelArtifacts", "GET", "logged-models/<model_id>/artifacts/directories", READ,
        None,
        (MODEL_ID, Field("artifact_directory_path", TEXT, "path"), PAGE_TOKEN),
        LISTING,
    ),
    Row(
        "getLoggedModelArtifact", "GET", "logged-models/<model_id>/artifacts/files", READ, None,
        (
            MODEL_ID,
            needed("artifact_file_path", TEXT, "path"),
            Field("preview", codecs.FLAG, default=False),
        ),
        codecs.FILE, AJAX,
    ),
    Row(
        "getMetricHistory", "GET", "metrics/get-history", READ, "metric_history_page",
        (RUN_ID, needed("metric_key", TEXT, "key"), Field("max_results", INT32), PAGE_TOKEN),
        page("metrics", METRIC),
    ),
    Row(
        "getMetricHistoryBulk", "GET", "metrics/get-history-bulk", READ, _bulk_history,
        (
            needed("run_id", many(TEXT, MAX_RUNS_AT_ONCE), "run_ids"),
            needed("metric_key", TEXT),
            Field("max_results", INT32, default=MAX_BULK_RESULTS),
        ),
        page("metrics", METRIC_OF_RUN),
    ),
    Row(
        "getMetricHistoryBulkInterval", "GET", "metrics/get-history-bulk-interval", READ,
        "sampled_histories",
        (
            needed("run_ids", many(TEXT, MAX_RUNS_AT_ONCE)),
            needed("metric_key", TEXT, "key"),
            Field("start_step", INT64),
            Field("end_step", INT64),
            Field("max_results", INT32, default=MAX_INTERVAL_RESULTS),
        ),
        page("metrics", METRIC_OF_RUN),
    ),
    Row(
        "listArtifacts", "GET", "artifacts/list", READ, None,
        (RUN_ID, PATH, PAGE_TOKEN),
        LISTING,
    ),
    Row(
        "serverInfo", "GET", "server-info", READ, _server_info,
        (), codecs.ANYTHING, MLFLOW_3,
    ),
)  # fmt: skip
