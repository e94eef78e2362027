"""Kinds of what MLflow's API is about: metrics, experiments, runs, files and logged models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlog.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    ViewType,
)
from runlog.protocol.codecs import (
    DOUBLE,
    FLAG,
    INT64,
    MAPPING,
    TEXT,
    TIME,
    Field,
    Kind,
    dump,
    enumeration,
    many,
    message,
    needed,
    object_of,
    quoted,
    read_fields,
    refusal,
    schema_of,
    write_double,
    write_fields,
    write_mapping,
)
from runlog.store import DatasetSummary
from runlog.store_parts.logged_models import ModelOrder

VIEW_TYPE = enumeration(
    {
        ViewType.ACTIVE_ONLY: "ACTIVE_ONLY",
        ViewType.DELETED_ONLY: "DELETED_ONLY",
        ViewType.ALL: "ALL",
    }
)
_STATUS_NUMBER = enumeration({RunStatus.from_string(name): name for name in RunStatus.all_status()})
STATUS = Kind(  # our runs hold the name
    lambda value, where: (
        None
        if (number := _STATUS_NUMBER.read(value, where)) is None
        else RunStatus.to_string(number)
    ),
    lambda name: name,
    _STATUS_NUMBER.schema,
)

# -- metrics --------------------------------------------------------------------------------

_PLAIN = 2**62
_POINT = (
    needed("key", TEXT),
    needed("value", DOUBLE),
    needed("timestamp", TIME),
    Field("step", INT64, default=0),
)


_OF_MODEL = (
    Field("model_id", TEXT),
    Field("dataset_name", TEXT),
    Field("dataset_digest", TEXT),
    Field("run_id", TEXT),
)
MEASURED = message(Metric, *_POINT, *_OF_MODEL)


def _read_point(value: Any, where: str) -> tuple[str, float, int, int] | Metric:
    # What is plainly right takes a fifth of the time: it comes in thousands.
    if type(value) is dict and "model_id" not in value:
        get = value.get
        key, number, time, step = get("key"), get("value"), get("timestamp"), get("step", 0)
        if (
            (type(key) is str and type(number) is float and type(time) is int and type(step) is int)
            and (key.isascii() and number - number == 0)
            and (-_PLAIN < time < _PLAIN and -_PLAIN < step < _PLAIN)
        ):
            return key, number, time, step
    found = read_fields(_POINT, object_of(value, where), f"{where}.")
    if value.get("model_id"):
        measured: Metric = MEASURED.read(value, where)
        return measured
    return found["key"], found["value"], found["timestamp"], found["step"]


def _write_point(point: tuple[str, float, int, int] | Metric) -> dict[str, Any]:
    if isinstance(point, Metric):
        written: dict[str, Any] = MEASURED.write(point)
        return written
    key, value, timestamp, step = point
    return {"key": key, "value": write_double(value), "timestamp": timestamp, "step": step}


def points(most: int | None = None) -> Kind:
    """Metric points, as `Store.log` takes them: (key, value, timestamp, step), and Metrics for
    what was measured of a model."""
    return many(Kind(_read_point, _write_point, MEASURED.schema), most)


def _read_metric(value: Any, where: str) -> Metric:
    found = read_fields(_POINT, object_of(value, where), f"{where}.")
    return Metric(**found, run_id=value.get("run_id"))


def _write_metric(metric: Metric) -> dict[str, Any]:
    value = metric.value
    return {
        "key": metric.key,
        "value": value if value - value == 0 else write_double(value),
        "timestamp": metric.timestamp,
        "step": metric.step,
    }


def _metric_text(metric: Metric) -> str:
    return (
        f'{{"key":{quoted(metric.key)},"value":{_double_text(metric.value)},'
        f'"timestamp":{metric.timestamp},"step":{metric.step}}}'
    )


def _double_text(value: float) -> str:
    return repr(value) if value - value == 0 else f'"{write_double(value)}"'


METRIC = Kind(_read_metric, _write_metric, schema_of(_POINT), _metric_text)
METRIC_OF_RUN = Kind(
    _read_metric,
    lambda metric: {**_write_metric(metric), "run_id": metric.run_id},
    schema_of((*_POINT, needed("run_id", TEXT))),
)

# -- experiments, runs, files ---------------------------------------------------------------

EXPERIMENT = message(
    Experiment,
    needed("experiment_id", TEXT),
    needed("name", TEXT),
    Field("artifact_location", TEXT, default=""),
    Field("lifecycle_stage", TEXT, default="active"),
    Field("last_update_time", INT64),
    Field("creation_time", INT64),
    Field("tags", MAPPING),
)
RUN_INFO = message(
    RunInfo,
    Field("run_id", TEXT, also="run_uuid"),
    Field("run_name", TEXT, default=""),
    needed("experiment_id", TEXT),
    Field("user_id", TEXT, default=""),
    Field("status", STATUS, default="RUNNING"),
    Field("start_time", INT64, default=0),
    Field("end_time", INT64),
    Field("artifact_uri", TEXT, default=""),
    Field("lifecycle_stage", TEXT, default="active"),
)
DATASET = message(
    Dataset,
    needed("name", TEXT),
    needed("digest", TEXT),
    needed("source_type", TEXT),
    needed("source", TEXT),
    Field("schema", TEXT),
    Field("profile", TEXT),
)
DATASET_INPUT = message(
    DatasetInput,
    Field("tags", many(message(InputTag, needed("key", TEXT), Field("value", TEXT, default="")))),
    needed("dataset", DATASET),
)
# MLflow leaves out the size of an empty file, as that of a directory.
_SIZE = Kind(INT64.read, lambda size: size or None, INT64.schema)
FILE_INFO = message(
    FileInfo, needed("path", TEXT), Field("is_dir", FLAG, default=False), Field("file_size", _SIZE)
)
_FILES = (  # what artifacts are listed as
    Field("root_uri", TEXT),
    Field("files", many(FILE_INFO), default=()),
    Field("next_page_token", TEXT),
)
LISTING = Kind(
    lambda value, where: read_fields(_FILES, object_of(value, where or "answer")),
    lambda listing: write_fields(_FILES, listing),
    schema_of(_FILES),
)
MODEL_INPUT = message(LoggedModelInput, needed("model_id", TEXT))
MODEL_OUTPUT = message(LoggedModelOutput, needed("model_id", TEXT), Field("step", INT64, default=0))
_METRICS = many(METRIC)
_INPUTS = (
    Field("dataset_inputs", many(DATASET_INPUT), default=()),
    Field("model_inputs", many(MODEL_INPUT), default=()),
)
_OUTPUTS = (Field("model_outputs", many(MODEL_OUTPUT), default=()),)


def _read_run(value: Any, where: str) -> Run:
    given = object_of(value, where)
    data = object_of(given.get("data") or {}, f"{where}.data")
    inputs = read_fields(_INPUTS, object_of(given.get("inputs") or {}, f"{where}.inputs"))
    outputs = read_fields(_OUTPUTS, object_of(given.get("outputs") or {}, f"{where}.outputs"))
    info: RunInfo = RUN_INFO.read(given.get("info"), f"{where}.info")
    metrics = [
        Metric(metric.key, metric.value, metric.timestamp, metric.step, run_id=info.run_id)
        for metric in _METRICS.read(data.get("metrics", []), f"{where}.data.metrics")
    ]
    return Run(
        info,
        RunData(
            {metric.key: metric.value for metric in metrics},
            MAPPING.read(data.get("params", []), f"{where}.data.params"),
            MAPPING.read(data.get("tags", []), f"{where}.data.tags"),
            tuple(metrics),
        ),
        RunInputs(**{name: list(each) for name, each in inputs.items()}),
        RunOutputs(**{name: list(each) for name, each in outputs.items()}),
    )


def _write_run(run: Run) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if run.data.metric_points:
        data["metrics"] = [_write_metric(metric) for metric in run.data.metric_points]
    if run.data.params:
        data["params"] = write_mapping(run.data.params)
    if run.data.tags:
        data["tags"] = write_mapping(run.data.tags)
    return {
        "info": RUN_INFO.write(run.info),
        "data": data,
        "inputs": write_fields(_INPUTS, dict(run.inputs)),
        "outputs": write_fields(_OUTPUTS, dict(run.outputs)),
    }


def _run_text(run: Run) -> str:
    data = []
    if run.data.metric_points:
        metrics = ",".join(map(_metric_text, run.data.metric_points))
        data.append(f'"metrics":[{metrics}]')
    if run.data.params:
        data.append(f'"params":[{_mapping_text(run.data.params)}]')
    if run.data.tags:
        data.append(f'"tags":[{_mapping_text(run.data.tags)}]')
    return (
        f'{{"info":{dump(RUN_INFO.write(run.info))},"data":{{{",".join(data)}}},'
        f'"inputs":{_lists_text(_INPUTS, run.inputs)},'
        f'"outputs":{_lists_text(_OUTPUTS, run.outputs)}}}'
    )


def _mapping_text(mapping: Mapping[str, str]) -> str:
    return ",".join(
        [f'{{"key":{quoted(key)},"value":{quoted(value)}}}' for key, value in mapping.items()]
    )


def _lists_text(fields: tuple[Field, ...], lists: RunInputs | RunOutputs) -> str:
    values = dict(lists)
    return dump(write_fields(fields, values)) if any(values.values()) else "{}"


RUN = Kind(_read_run, _write_run, {"type": "object"}, _run_text)


# -- logged models --------------------------------------------------------------------------

_MODEL_STATUS = {
    "LOGGED_MODEL_PENDING": "PENDING",
    "LOGGED_MODEL_READY": "READY",
    "LOGGED_MODEL_UPLOAD_FAILED": "FAILED",
}
_MODEL_STATUS_NUMBER = enumeration(dict(enumerate(_MODEL_STATUS, 1)))


def _read_model_status(value: Any, where: str) -> str:
    number: int | None = _MODEL_STATUS_NUMBER.read(value, where)
    if number is None:
        raise refusal(where, value, f"it must be one of {', '.join(_MODEL_STATUS)}")
    return [*_MODEL_STATUS.values()][number - 1]


MODEL_STATUS = Kind(
    _read_model_status,
    lambda status: next(name for name, ours in _MODEL_STATUS.items() if ours == status),
    _MODEL_STATUS_NUMBER.schema,
)
_MODEL_INFO = (
    needed("model_id", TEXT),
    needed("experiment_id", TEXT),
    Field("name", TEXT, default=""),
    Field("creation_timestamp_ms", INT64, "creation_timestamp", default=0),
    Field("last_updated_timestamp_ms", INT64, "last_updated_timestamp", default=0),
    Field("artifact_uri", TEXT, "artifact_location", default=""),
    Field("status", MODEL_STATUS, default="PENDING"),
    Field("model_type", TEXT),
    Field("source_run_id", TEXT),
    Field("tags", MAPPING),
)
_MODEL_DATA = (
    Field("params", MAPPING),
    Field("metrics", many(MEASURED), default=()),
)


def _read_model(value: Any, where: str) -> LoggedModel:
    given = object_of(value, where)
    info = read_fields(_MODEL_INFO, object_of(given.get("info") or {}, where), f"{where}.info.")
    data = read_fields(_MODEL_DATA, object_of(given.get("data") or {}, where), f"{where}.data.")
    return LoggedModel(**info, **{**data, "metrics": list(data["metrics"])})


MODEL = Kind(
    _read_model,
    lambda model: {
        "info": write_fields(_MODEL_INFO, dict(model)),
        "data": write_fields(_MODEL_DATA, dict(model)),
    },
    {"type": "object", "properties": {"info": schema_of(_MODEL_INFO)}},
)
MODEL_ORDER = message(
    ModelOrder,
    needed("field_name", TEXT),
    Field("ascending", FLAG, default=True),
    Field("dataset_name", TEXT),
    Field("dataset_digest", TEXT),
)
_DATASET_CHOICE = (needed("dataset_name", TEXT), Field("dataset_digest", TEXT))
DATASET_CHOICE = Kind(
    lambda value, where: tuple(
        read_fields(_DATASET_CHOICE, object_of(value, where), f"{where}.").values()
    ),
    lambda pair: write_fields(
        _DATASET_CHOICE, {"dataset_name": pair[0], "dataset_digest": pair[1]}
    ),
    schema_of(_DATASET_CHOICE),
)
DATASET_SUMMARY = message(
    DatasetSummary,
    needed("experiment_id", TEXT),
    needed("name", TEXT),
    needed("digest", TEXT),
    Field("context", TEXT),
)
