"""MLflow's REST API for tracking, a row an endpoint. The server and the HTTP store read the same.

A row says where an endpoint is, which fields a request has and as which arguments of ours, what is
called with them, and what the answer is. `call` is the name of a method of Store where the fields
are its arguments, else a function of a store and the fields. Rows without a call are about files,
which the server does with its artifacts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from runlog import validate
from runlog.entities import (
    Experiment,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    MetricSummary,
    PagedList,
    Run,
    RunInfo,
    ViewType,
)
from runlog.errors import InvalidParameter
from runlog.protocol import arrays, codecs, exact_copy, queries, views
from runlog.protocol.codecs import (
    DATASET_INPUT,
    DOUBLE,
    EXPERIMENT,
    FILE_INFO,
    ID,
    INT32,
    INT64,
    JSON_TEXT,
    METRIC,
    METRIC_OF_RUN,
    MODEL,
    MODEL_INPUT,
    MODEL_OUTPUT,
    NOTHING,
    RUN,
    RUN_INFO,
    STATUS,
    TEXT,
    TIME,
    VIEW_TYPE,
    Field,
    Kind,
    many,
    needed,
    only,
    page,
)
from runlog.store import Sent, Store
from runlog.views import MAX_CHILDREN

if TYPE_CHECKING:
    from runlog.store import Point

MLFLOW = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
PREVIEW = ("/api/2.0/preview/mlflow/", "/ajax-api/2.0/preview/mlflow/")  # clients of 1.x
MLFLOW_3 = ("/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/")
ARTIFACTS = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")
AJAX = ("/ajax-api/2.0/mlflow/",)  # what only MLflow's pages ask for
OURS = ("/api/runlog/1/",)  # what MLflow has no endpoint for

READ, EDIT, ADMIN = "read", "edit", "admin"

MAX_RUNS_AT_ONCE = 100
MAX_BULK_RESULTS = 25_000
MAX_INTERVAL_RESULTS = 2_500
MAX_DATASET_EXPERIMENTS = 20
MAX_EXPERIMENTS_AT_ONCE = 10_000
MAX_ORDER_BY = 100
MAX_TABLE = 10_000
MAX_FOLLOWED = 2_000
MAX_PARTS = 10_000
MAX_INPUTS = 1_000  # data sets, or links to logged models
MAX_PAIRS = 10_000  # params, tags, digests, keys, where MLflow has no limit of its own
MAX_POINTS = 100_000
MAX_TEXT = 1_000_000  # characters of the value of a param or tag, which every search answers
# Whose rows are made in one transaction, which others wait for: half a second.
MAX_KEYS_AT_ONCE = 10_000
MODEL_HISTORY = "mlflow.log-model.history"


class Row(NamedTuple):
    """An endpoint. `access` is what a caller must be allowed to; `prefixes` come before `path`,
    in which `<name>` is a field."""

    name: str
    verb: str
    path: str
    access: str
    call: str | Callable[..., Any] | None
    fields: tuple[Field, ...]
    answer: Kind
    prefixes: tuple[str, ...] = MLFLOW + PREVIEW

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the call that a request gives, query string or JSON body alike."""
        return codecs.read_fields(self.fields, given)

    def request(self, **arguments: Any) -> dict[str, Any]:
        """The request that gives these arguments."""
        return codecs.write_fields(self.fields, arguments)

    def apply(self, store: Store, arguments: Mapping[str, Any]) -> Any:
        """What the store says to these arguments."""
        if isinstance(self.call, str):
            return attrgetter(self.call)(store)(**arguments)
        assert self.call is not None, self.name
        return self.call(store, **arguments)

    @property
    def moves_a_file(self) -> bool:
        """Whether the body, of the request or of the answer, is a file and not JSON."""
        return self.answer is codecs.FILE

    def paths(self) -> Iterator[str]:
        """Every path that the endpoint is at."""
        return (prefix + self.path for prefix in self.prefixes)


class UploadedPart(NamedTuple):
    """A part of a file that was uploaded, as its upload was answered."""

    part_number: int
    etag: str


# -- fields that several rows have ----------------------------------------------------------

_LONG_TEXT = codecs.text(MAX_TEXT)
_EXPERIMENT = needed("experiment_id", ID)
_RUN = needed("run_id", TEXT, also="run_uuid")
_EXPERIMENTS = Field("experiment_ids", many(ID, MAX_EXPERIMENTS_AT_ONCE), default=())
_FILTER = Field("filter", TEXT, "filter_string")
_ORDER_BY = Field("order_by", many(TEXT, MAX_ORDER_BY))
_TOKEN = Field("page_token", TEXT)
_MODEL = needed("model_id", TEXT)
_MAPPING = codecs.mapping(MAX_PAIRS, MAX_TEXT)
_RUNS = needed("run_ids", many(TEXT, MAX_RUNS_AT_ONCE))
_AGGREGATES = Field("aggregates", many(TEXT, MAX_ORDER_BY), default=("last",))
_KEY = needed("key", TEXT)
_VALUE = Field("value", _LONG_TEXT, default="")
_PATH = Field("path", TEXT)
_FILE = needed("path", TEXT)
_UPLOAD = (needed("artifact_path", TEXT, "path"), needed("path", TEXT, "file"))
_RUN_RECORDS = Field("records", many(exact_copy.RUN_RECORD, MAX_RUNS_AT_ONCE), default=())
_NEW_PLACE = Field("new_places", codecs.FLAG, default=False)
# Ours: tags of a run are not set, and its end is not changed, by a request that comes behind one of
# the same sender with a greater number. The network delivered it late.
_SENT = (Field("sender", TEXT, default=""), Field("sequence", INT64, default=0))
_PART = codecs.message(UploadedPart, needed("part_number", INT32), needed("etag", TEXT))
_FILES = (  # what artifacts are listed as
    Field("root_uri", TEXT),
    Field("files", many(FILE_INFO), default=()),
    _TOKEN._replace(name="next_page_token"),
)
LISTING = Kind(
    lambda value, where: codecs.read_fields(_FILES, codecs.object_of(value, where or "answer")),
    lambda listing: codecs.write_fields(_FILES, listing),
    codecs.schema_of(_FILES),
)

# -- calls whose arguments are not the fields themselves ------------------------------------


def _set_experiment_tag(store: Store, experiment_id: str, key: str, value: str) -> None:
    store.set_experiment_tags(experiment_id, {key: value})


def _list_experiments(
    store: Store, view_type: int, max_results: int | None, page_token: str | None
) -> PagedList[Experiment]:
    limit = validate.MAX_SEARCH_RESULTS if max_results is None else max_results
    return store.search_experiments(view_type, limit, page_token=page_token)


def _rename_experiment(store: Store, experiment_id: str, new_name: str | None) -> None:
    store.rename_experiment(experiment_id, validate.experiment_name(new_name))


def _log_param(store: Store, run_id: str, key: str, value: str) -> None:
    store.log(run_id, params=[(key, value)])


def _set_tag(store: Store, run_id: str, key: str, value: str) -> None:
    store.log(run_id, tags=[(key, value)])


def _log_batch(
    store: Store,
    run_id: str,
    points: Sequence[Point | Metric],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
    sender: str = "",
    sequence: int = 0,
) -> None:
    total = len(points) + len(params) + len(tags)
    if total > validate.MAX_METRICS_PER_BATCH:
        raise InvalidParameter(
            f"A batch logging request can contain at most {validate.MAX_METRICS_PER_BATCH} "
            f"metrics, params and tags together. Got {total}."
        )
    keys = [key for key, _ in params]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidParameter(
            f"Duplicate parameter keys have been submitted: {twice!r} is there more than once "
            "in one batch. Give every param one value."
        )
    _log_whole(store, run_id, points, params, tags, sender, sequence)


def measured(points: Sequence[Point | Metric]) -> list[Metric]:
    """Those of a request's points that were measured of models."""
    return [point for point in points if isinstance(point, Metric)]


def _log_whole(
    store: Store,
    run_id: str,
    points: Sequence[Point | Metric],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
    sender: str = "",
    sequence: int = 0,
) -> None:
    sent = Sent(sender, sequence) if sender else None
    for piece in _in_turns(points) if points else [points]:
        of_run = [point for point in piece if not isinstance(point, Metric)]
        store.log(run_id, of_run, params, tags, measured(piece), sent=sent)
        params = tags = ()


def _in_turns(points: Sequence[Point | Metric]) -> Iterator[Sequence[Point | Metric]]:
    """Points in pieces of so few keys that others can write between them."""
    keys: set[str] = set()
    start = 0
    for at, point in enumerate(points) if len(points) > MAX_KEYS_AT_ONCE else ():
        keys.add(point.key if isinstance(point, Metric) else point[0])
        if len(keys) > MAX_KEYS_AT_ONCE:
            yield points[start:at]
            time.sleep(0.01)  # or the same thread would be the next to have the lock
            start, keys = at, set()
    yield points[start:]


def _deliver(
    store: Store, points: Sequence[Point], metrics: Sequence[Point | Metric], **given: Any
) -> None:
    _log_whole(store, points=[*points, *metrics], **given)


def _update_run(store: Store, sender: str, sequence: int, **given: Any) -> RunInfo:
    return store.update_run(**given, sent=Sent(sender, sequence) if sender else None)


def _log_metric(
    store: Store,
    run_id: str,
    model_id: str | None,
    dataset_name: str | None,
    dataset_digest: str | None,
    **point: Any,
) -> None:
    if model_id:
        metric = Metric(
            model_id=model_id,
            dataset_name=dataset_name,
            dataset_digest=dataset_digest,
            run_id=run_id,
            **point,
        )
        store.log(run_id, measured=[metric])
    else:
        store.log_metric(run_id, **point)


def _log_outputs(store: Store, run_id: str, models: list[LoggedModelOutput]) -> None:
    store.models.log_outputs(run_id, models)


def _log_model(store: Store, run_id: str, model_json: str) -> None:
    model = codecs.parse(model_json)
    if not isinstance(model, dict):
        raise codecs.refusal("model_json", model, "it must be the JSON of a model")
    history = store.get_run(run_id).data.tags.get(MODEL_HISTORY, "[]")
    models = [*codecs.parse(history), model]
    store.log(run_id, tags=[(MODEL_HISTORY, codecs.dump(models))])


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


def _about(store: Store) -> dict[str, Any]:
    return {"runlog": 1, "delivers": True}


def _summaries(store: Store, run_id: str) -> list[MetricSummary]:
    return list(store.get_metric_summary(run_id).values())


def _digests(store: Store, run_id: str, paths: list[str] | None) -> list[arrays.Digest]:
    found = store.get_digests(run_id, paths)
    return [arrays.Digest(path, *rest) for path, rest in found.items()]


# -- the rows -------------------------------------------------------------------------------

ROWS: tuple[Row, ...] = (
    Row(
        "createExperiment", "POST", "experiments/create", EDIT, "create_experiment",
        (needed("name", TEXT), Field("artifact_location", TEXT), Field("tags", _MAPPING)),
        only("experiment_id", TEXT),
    ),
    Row(
        "getExperiment", "GET", "experiments/get", READ, "get_experiment",
        (_EXPERIMENT,),
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
                _TOKEN,
                _FILTER,
                _ORDER_BY,
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
            _TOKEN,
        ),
        page("experiments", EXPERIMENT),
    ),
    Row(
        "updateExperiment", "POST", "experiments/update", EDIT, _rename_experiment,
        (_EXPERIMENT, Field("new_name", TEXT)),
        NOTHING,
    ),
    Row(
        "deleteExperiment", "POST", "experiments/delete", ADMIN, "delete_experiment",
        (_EXPERIMENT,),
        NOTHING,
    ),
    Row(
        "restoreExperiment", "POST", "experiments/restore", ADMIN, "restore_experiment",
        (_EXPERIMENT,),
        NOTHING,
    ),
    Row(
        "setExperimentTag", "POST", "experiments/set-experiment-tag", EDIT, _set_experiment_tag,
        (_EXPERIMENT, _KEY, _VALUE),
        NOTHING,
    ),
    Row(
        "deleteExperimentTag", "POST", "experiments/delete-experiment-tag", EDIT,
        "delete_experiment_tag",
        (_EXPERIMENT, _KEY),
        NOTHING,
    ),
    Row(
        "createRun", "POST", "runs/create", EDIT, _create_run,
        (
            _EXPERIMENT,
            Field("user_id", _LONG_TEXT, default=""),
            Field("run_name", _LONG_TEXT),
            Field("start_time", TIME, default=0),
            Field("tags", _MAPPING),
            Field("new_run_id", TEXT),  # ours: sent again, the same request makes no second run
        ),
        only("run", RUN),
    ),
    Row(
        "updateRun", "POST", "runs/update", EDIT, _update_run,
        (
            _RUN,
            Field("status", STATUS),
            Field("end_time", TIME),
            Field("run_name", _LONG_TEXT),
            *_SENT,
        ),
        only("run_info", RUN_INFO),
    ),
    Row("deleteRun", "POST", "runs/delete", EDIT, "delete_run", (_RUN,), NOTHING),
    Row("restoreRun", "POST", "runs/restore", EDIT, "restore_run", (_RUN,), NOTHING),
    Row("getRun", "GET", "runs/get", READ, "get_run", (_RUN,), only("run", RUN)),
    Row(
        "searchRuns", "POST", "runs/search", READ, "search_runs",
        (
            _EXPERIMENTS,
            _FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT32, default=1000),
            _ORDER_BY,
            _TOKEN,
        ),
        page("runs", RUN),
    ),
    Row(
        "logMetric", "POST", "runs/log-metric", EDIT, _log_metric,
        (
            _RUN,
            _KEY,
            needed("value", DOUBLE),
            needed("timestamp", TIME),
            Field("step", INT64, default=0),
            Field("model_id", TEXT),
            Field("dataset_name", TEXT),
            Field("dataset_digest", TEXT),
        ),
        NOTHING,
    ),
    Row("logParam", "POST", "runs/log-parameter", EDIT, _log_param, (_RUN, _KEY, _VALUE), NOTHING),
    Row("setTag", "POST", "runs/set-tag", EDIT, _set_tag, (_RUN, _KEY, _VALUE), NOTHING),
    Row("deleteTag", "POST", "runs/delete-tag", EDIT, "delete_tag", (_RUN, _KEY), NOTHING),
    Row(
        "logBatch", "POST", "runs/log-batch", EDIT, _log_batch,
        (
            _RUN,
            Field("metrics", codecs.points(validate.MAX_METRICS_PER_BATCH), "points", default=()),
            Field("params", codecs.pairs(validate.MAX_PARAMS_PER_BATCH, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(validate.MAX_TAGS_PER_BATCH, MAX_TEXT), default=()),
            *_SENT,
        ),
        NOTHING,
    ),
    Row(
        "logInputs", "POST", "runs/log-inputs", EDIT, "log_inputs",
        (
            _RUN,
            Field("datasets", many(DATASET_INPUT, MAX_INPUTS), default=()),
            Field("models", many(MODEL_INPUT, MAX_INPUTS), default=()),
        ),
        NOTHING,
    ),
    Row(
        "logOutputs", "POST", "runs/outputs", EDIT, _log_outputs,
        (_RUN, Field("models", many(MODEL_OUTPUT, MAX_INPUTS), default=())),
        NOTHING,
    ),
    Row(
        "logModel", "POST", "runs/log-model", EDIT, _log_model,
        (_RUN, needed("model_json", JSON_TEXT)),
        NOTHING,
    ),
    Row(
        "searchDatasets", "POST", "experiments/search-datasets", READ, "dataset_summaries",
        (needed("experiment_ids", many(ID, MAX_DATASET_EXPERIMENTS)),),
        only("dataset_summaries", many(codecs.DATASET_SUMMARY)),
    ),
    Row(
        "createLoggedModel", "POST", "logged-models", EDIT, "models.create",
        (
            _EXPERIMENT,
            Field("name", TEXT),
            Field("model_type", TEXT, default=""),
            Field("source_run_id", TEXT, default=""),
            Field("params", _MAPPING),
            Field("tags", _MAPPING),
        ),
        only("model", MODEL),
    ),
    Row(
        "searchLoggedModels", "POST", "logged-models/search", READ, _search_models,
        (
            _EXPERIMENTS,
            _FILTER,
            Field("datasets", many(codecs.DATASET_CHOICE, MAX_ORDER_BY), default=()),
            Field("max_results", INT32, default=50),
            Field("order_by", many(codecs.MODEL_ORDER, MAX_ORDER_BY), default=()),
            _TOKEN,
        ),
        page("models", MODEL),
    ),
    Row(
        "getLoggedModel", "GET", "logged-models/<model_id>", READ, "models.get",
        (_MODEL,),
        only("model", MODEL),
    ),
    Row(
        "finalizeLoggedModel", "PATCH", "logged-models/<model_id>", EDIT, "models.finalize",
        (_MODEL, needed("status", codecs.MODEL_STATUS)),
        only("model", MODEL),
    ),
    Row(
        "deleteLoggedModel", "DELETE", "logged-models/<model_id>", EDIT, "models.delete",
        (_MODEL,),
        NOTHING,
    ),
    Row(
        "setLoggedModelTags", "PATCH", "logged-models/<model_id>/tags", EDIT, "models.set_tags",
        (_MODEL, Field("tags", _MAPPING, default={})),
        only("model", MODEL),
    ),
    Row(
        "deleteLoggedModelTag", "DELETE", "logged-models/<model_id>/tags/<tag_key>", EDIT,
        "models.delete_tag",
        (_MODEL, needed("tag_key", TEXT, "key")),
        NOTHING,
    ),
    Row(
        "logLoggedModelParams", "POST", "logged-models/<model_id>/params", EDIT,
        "models.log_params",
        (_MODEL, Field("params", _MAPPING, default={})),
        NOTHING,
    ),
    Row(
        "listLoggedModelArtifacts", "GET", "logged-models/<model_id>/artifacts/directories", READ,
        None,
        (_MODEL, Field("artifact_directory_path", TEXT, "path"), _TOKEN),
        LISTING,
    ),
    Row(
        "getLoggedModelArtifact", "GET", "logged-models/<model_id>/artifacts/files", READ, None,
        (_MODEL, needed("artifact_file_path", TEXT, "path")), codecs.FILE, AJAX,
    ),
    Row(
        "getMetricHistory", "GET", "metrics/get-history", READ, "metric_history_page",
        (_RUN, needed("metric_key", TEXT, "key"), Field("max_results", INT32), _TOKEN),
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
        (_RUN, _PATH, _TOKEN),
        LISTING,
    ),
    Row(
        "serverInfo", "GET", "server-info", READ, _server_info,
        (), codecs.ANYTHING, MLFLOW_3,
    ),
    # What follows moves files: bodies and answers are the files themselves.
    Row("listFiles", "GET", "artifacts", READ, None, (_PATH,), LISTING, ARTIFACTS),
    Row("downloadFile", "GET", "artifacts/<path>", READ, None, (_FILE,), codecs.FILE, ARTIFACTS),
    Row("uploadFile", "PUT", "artifacts/<path>", EDIT, None, (_FILE,), codecs.FILE, ARTIFACTS),
    Row("deleteFile", "DELETE", "artifacts/<path>", EDIT, None, (_FILE,), codecs.FILE, ARTIFACTS),
    Row(
        "createMultipartUpload", "POST", "mpu/create/<artifact_path>", EDIT, None,
        (*_UPLOAD, Field("num_parts", INT32, default=1)), codecs.ANYTHING, ARTIFACTS,
    ),
    Row(
        "uploadPart", "PUT", "mpu/part/<path>", EDIT, None,
        (_FILE, needed("upload_id", TEXT), needed("part_number", INT32)), codecs.FILE, ARTIFACTS,
    ),
    Row(
        "completeMultipartUpload", "POST", "mpu/complete/<artifact_path>", EDIT, None,
        (*_UPLOAD, needed("upload_id", TEXT), needed("parts", many(_PART, MAX_PARTS))),
        NOTHING, ARTIFACTS,
    ),
    Row(
        "abortMultipartUpload", "POST", "mpu/abort/<artifact_path>", EDIT, None,
        (*_UPLOAD, needed("upload_id", TEXT)), NOTHING, ARTIFACTS,
    ),
    Row(
        "getPresignedDownloadUrl", "GET", "presigned/<path>", READ, None,
        (_FILE,), NOTHING, ARTIFACTS,
    ),
    Row(
        "createPresignedUploadUrl", "POST", "artifacts/presigned-upload-url", EDIT, None,
        (_RUN, _FILE), NOTHING,
    ),
    Row(
        "createPresignedDownloadUrl", "POST", "artifacts/presigned-download-url", READ, None,
        (_RUN, _FILE), NOTHING,
    ),
    Row(
        "getArtifact", "GET", "get-artifact", READ, None,
        (_RUN, _FILE, Field("preview", codecs.FLAG, default=False)),
        codecs.FILE,
        ("/",),
    ),
    Row(
        "uploadArtifact", "POST", "upload-artifact", EDIT, None,
        (_RUN, _FILE), codecs.FILE, AJAX,
    ),
    # What follows is runlog's own.
    Row("about", "GET", "about", READ, _about, (), codecs.ANYTHING, OURS),
    Row(
        "logWhole", "POST", "runs/log", EDIT, _log_whole,
        (
            _RUN,
            Field("metrics", codecs.points(MAX_POINTS), "points", default=()),
            Field("params", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            *_SENT,
        ),
        NOTHING,
        OURS,
    ),
    # What waited in an outbox.
    Row(
        "deliver", "POST", "runs/deliver", EDIT, _deliver,
        (
            _RUN,
            *_SENT,
            Field("points", arrays.points(MAX_POINTS), default=()),
            Field("metrics", codecs.points(MAX_POINTS), default=()),
            Field("params", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
            Field("tags", codecs.pairs(MAX_PAIRS, MAX_TEXT), default=()),
        ),
        NOTHING,
        OURS,
    ),
    Row(
        "getMetricSummary", "GET", "metrics/summary", READ, _summaries,
        (_RUN,),
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
        (_RUN, Field("digests", many(arrays.DIGEST, MAX_PAIRS), default=())),
        NOTHING,
        OURS,
    ),
    Row(
        "getDigests", "POST", "artifacts/digests", READ, _digests,
        (_RUN, Field("paths", many(TEXT, MAX_PAIRS))),
        page("digests", arrays.DIGEST),
        OURS,
    ),
    Row(
        "forgetDigests", "POST", "artifacts/forget-digests", EDIT, "forget_digests",
        (_RUN, Field("path", TEXT, default="")),
        NOTHING,
        OURS,
    ),
    Row(
        "searchRunColumns", "POST", "runs/columns", READ, "search_run_columns",
        (
            _EXPERIMENTS,
            _FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT64),
            _ORDER_BY,
        ),
        arrays.RUN_COLUMNS,
        OURS,
    ),
    Row(
        "activity", "POST", "experiments/activity", READ, "views.activity",
        (_EXPERIMENTS,),
        page("experiments", views.ACTIVITY),
        OURS,
    ),
    Row(
        "runTable", "POST", "runs/table", READ, "views.run_table",
        (
            _EXPERIMENTS,
            _FILTER,
            Field("run_view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY),
            Field("max_results", INT64, default=MAX_TABLE),
            _ORDER_BY,
            _TOKEN,
            _AGGREGATES,
        ),
        views.RUN_TABLE,
        OURS,
    ),
    Row(
        "tableOfRuns", "POST", "runs/chosen", READ, "views.table_of",
        (_RUNS, _AGGREGATES),
        views.RUN_TABLE,
        OURS,
    ),
    Row(
        "overview", "GET", "runs/overview", READ, "views.overview",
        (_RUN, Field("children", INT64, default=MAX_CHILDREN)),
        views.OVERVIEW,
        OURS,
    ),
    Row(
        "series", "POST", "metrics/series", READ, "views.series",
        (
            _RUNS,
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
            _EXPERIMENTS,
            needed("cursor", TEXT),
            _FILTER,
            _AGGREGATES,
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
            _EXPERIMENTS,
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
    Row("runPage", "GET", "runs/page", READ, None, (_RUNS,), codecs.FILE, OURS),
    Row("flush", "POST", "flush", EDIT, "flush", (), NOTHING, OURS),
    # What follows copies runs between stores. Who writes says what a server decides otherwise,
    # ids and places among it: that is for users whose role is admin.
    Row(
        "runIds", "POST", "records/run-ids", READ, "records.run_ids",
        (_EXPERIMENTS, _FILTER, Field("view_type", VIEW_TYPE, default=ViewType.ACTIVE_ONLY)),
        page("run_ids", TEXT),
        OURS,
    ),
    Row(
        "runRecords", "POST", "records/runs", READ, "records.runs",
        (_RUNS,), page("runs", exact_copy.RUN_RECORD), OURS,
    ),
    Row(
        "modelRecords", "POST", "records/models", READ, "records.models",
        (_EXPERIMENTS,), page("models", exact_copy.MODEL_RECORD), OURS,
    ),
    Row(
        "keepExperiment", "POST", "records/keep-experiment", ADMIN, "records.keep_experiment",
        (needed("experiment", EXPERIMENT), _NEW_PLACE._replace(argument="new_place")),
        only("experiment_id", TEXT),
        OURS,
    ),
    Row(
        "beginRuns", "POST", "records/begin-runs", ADMIN, "records.begin_runs",
        (_RUN_RECORDS, _NEW_PLACE), page("runs", RUN_INFO), OURS,
    ),
    Row(
        "keepModels", "POST", "records/keep-models", ADMIN, "records.keep_models",
        (Field("records", many(exact_copy.MODEL_RECORD, MAX_PAIRS), default=()), _NEW_PLACE),
        page("models", MODEL),
        OURS,
    ),
    Row(
        "endRuns", "POST", "records/end-runs", ADMIN, "records.end_runs",
        (_RUN_RECORDS,), NOTHING, OURS,
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Row] = {row.name: row for row in ROWS}
