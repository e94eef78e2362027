"""How values travel in MLflow's JSON: kinds of values, each read from the wire and written to it.

Numbers come as numbers or as text ("5", "1e+05"), from a query string always as text. NaN and the
infinities travel as text. What is None or an empty list is left out. Enums go by name. A field
that cannot be read is refused by its full name, `metrics[3].timestamp`: a point stored as 0 because
its value was not understood would be a lie that nobody notices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

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
    PagedList,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    ViewType,
)
from runlog.errors import InvalidParameter
from runlog.logged_models import ModelOrder
from runlog.store import DatasetSummary

MAX_DESCRIBED = 1_000  # items: programs that test the description send as many as it allows
MAX_NUMBER_TEXT = 400  # of characters: the longest double written out has 309 digits
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")
_SPECIAL = {"nan": "nan", "inf": "inf", "infinity": "inf"}


class BareToken(NamedTuple):
    """NaN, Infinity or -Infinity written as JSON does not have it. No kind takes it."""

    text: str


_decode = json.JSONDecoder(parse_constant=BareToken).decode  # json.loads makes one at each call


def parse(body: bytes | str) -> Any:
    """What a JSON text says. Raises InvalidParameter for what is not JSON, too deep or no UTF-8."""
    try:
        return _decode(body.decode("utf-8-sig") if isinstance(body, bytes) else body)
    except RecursionError:
        raise InvalidParameter("the JSON is nested too deeply") from None
    except ValueError as error:  # also of bytes that are no UTF-8, and of numbers that never end
        raise InvalidParameter(f"the JSON cannot be read: {_short(str(error))}") from None


# What the kinds write is a tree: not looking for circles saves a fifth of the time.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
_quoted = json.encoder.encode_basestring_ascii


def dump(value: Any) -> str:
    """`value`, as the kinds below write it, as JSON text."""
    return _encode(value)


def text_of(kind: Kind, value: Any) -> str:
    """A value as JSON text."""
    return kind.text(value) if kind.text else dump(kind.write(value))


def refusal(where: str, value: Any, wanted: str) -> InvalidParameter:
    """The error for a value that is not `wanted`; the first words are MLflow's."""
    shown = value.text if isinstance(value, BareToken) else _shown(value)
    return InvalidParameter(f"Invalid value {shown} for parameter '{where}' supplied: {wanted}")


def missing(where: str) -> InvalidParameter:
    """The error for a field that must be given; the first words are MLflow's."""
    return InvalidParameter(
        f"Missing value for required parameter '{where}'. The request must have it."
    )


def _shown(value: Any) -> str:
    try:
        return _short(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str))
    except (RecursionError, ValueError):
        return f"of type {type(value).__name__}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "..."


class Kind(NamedTuple):
    """One sort of value: `read(value, where)` from JSON, `write(value)` to it, and what OpenAPI
    calls it. `text` is for those that come by the thousand: what `dump` makes of what `write`
    makes, without the dictionaries between."""

    read: Callable[[Any, str], Any]
    write: Callable[[Any], Any]
    schema: Mapping[str, Any]
    text: Callable[[Any], str] | None = None


class Field(NamedTuple):
    """A field of a message: its name on the wire, and as an argument or attribute of ours."""

    name: str
    kind: Kind
    argument: str = ""
    needed: bool = False
    default: Any = None
    also: str = ""  # an older name of the same field, sent along and understood


def needed(name: str, kind: Kind, argument: str = "", also: str = "") -> Field:
    """A field without which a request is refused."""
    return Field(name, kind, argument, True, None, also)


def read_fields(
    fields: Iterable[Field], given: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """The arguments that a JSON object gives; unknown fields are ignored, null is not given."""
    found = {}
    for name, kind, argument, is_needed, default, also in fields:
        value = given.get(name)
        if value is None and also:
            value = given.get(also)
        if value is not None:
            value = kind.read(value, where + name)
        elif is_needed:
            raise missing(where + name)
        found[argument or name] = default if value is None else value
    return found


def write_fields(fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object that says `values`; what is None or an empty list is left out."""
    return _written(fields, values.get)


def _written(fields: Iterable[Field], get: Callable[[str], Any]) -> dict[str, Any]:
    written = {}
    for name, kind, argument, _, _, also in fields:
        value = get(argument or name)
        if value is None:
            continue
        value = kind.write(value)
        if value is not None and value != []:
            written[name] = value
            if also:
                written[also] = value
    return written


# -- plain values ---------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def _read_text(value: Any, where: str) -> str:
    if type(value) is not str:
        raise refusal(where, value, "it must be text")
    if value.isascii():
        return value
    # JSON can spell half a character, \ud800, which no database takes.
    return value.encode("utf-8", "backslashreplace").decode()


def _integer(bits: int) -> Kind:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)

    def read(value: Any, where: str) -> int:
        number = value
        if type(value) is str and len(value) <= MAX_NUMBER_TEXT:
            if _WHOLE.fullmatch(value):
                number = int(value)
            elif _REAL.fullmatch(value):  # R writes round numbers as 1e+05
                number = float(value)
        if type(number) is float and number.is_integer():
            number = int(number)
        if type(number) is not int:
            raise refusal(where, value, "it must be a whole number")
        if not low <= number < high:
            raise refusal(where, value, f"it must fit in {bits} bits")
        return number

    return Kind(read, _same, {"type": "integer", "format": f"int{bits}"})


def _read_time(value: Any, where: str) -> int:
    """Unix milliseconds. Clients that send a fraction of one mean the nearest."""
    number = value
    if type(value) is str and len(value) <= MAX_NUMBER_TEXT and _REAL.fullmatch(value):
        number = int(value) if _WHOLE.fullmatch(value) else float(value)
    if type(number) is float and number - number == 0:
        number = round(number)
    time: int = INT64.read(number, where)
    return time


def _read_id(value: Any, where: str) -> str:
    """An id of digits: clients of MLflow 1.x send it as a number."""
    return str(value) if type(value) is int else _read_text(value, where)


def _read_json_text(value: Any, where: str) -> str:
    """JSON within JSON, as text or, from some clients, as the object itself."""
    return dump(value) if type(value) is dict else _read_text(value, where)


def _read_double(value: Any, where: str) -> float:
    if type(value) is float and value - value == 0:
        return value
    number = None
    if type(value) is str and len(value) <= MAX_NUMBER_TEXT:
        sign = "-" if value.startswith("-") else ""
        special = _SPECIAL.get(value.removeprefix(sign).lower())
        if special:
            return float(sign + special)
        if _REAL.fullmatch(value):
            number = float(value)
    elif type(value) in (int, bool):
        try:
            number = float(value)
        except OverflowError:
            pass
    if number is None or number - number != 0:  # an infinity that nobody wrote: 1e999
        raise refusal(
            where, value, 'it must be a number; "NaN", "Infinity" and "-Infinity" go as text'
        )
    return number


def write_double(value: float) -> float | str:
    """A double as JSON takes it."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _read_flag(value: Any, where: str) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value in ("true", "false"):
        return value == "true"
    raise refusal(where, value, "it must be true or false")


def _enum(names: Mapping[int, str]) -> Kind:
    """An enum, its number here. Names that are unknown count as not given, as MLflow has it: a
    newer client may have names of its own."""
    numbers = {name: number for number, name in names.items()}

    def read(value: Any, where: str) -> int | None:
        if type(value) is str and not _WHOLE.fullmatch(value):
            return numbers.get(value)
        number: int = INT32.read(value, where)
        return number if number in names else None

    return Kind(read, lambda number: names[number], {"type": "string", "enum": [*numbers]})


TEXT = Kind(_read_text, _same, {"type": "string"})


def text(most: int) -> Kind:
    """A text of at most so many characters."""

    def read(value: Any, where: str) -> str:
        found = _read_text(value, where)
        if len(found) > most:
            raise InvalidParameter(
                f"Invalid value for parameter '{where}' supplied: it has {len(found)} characters, "
                f"of which at most {most} are taken. Log longer texts as artifacts"
            )
        return found

    return Kind(read, _same, {"type": "string", "description": f"at most {most} characters"})


INT32, INT64 = _integer(32), _integer(64)
TIME = Kind(_read_time, _same, {"type": "number", "description": "Unix milliseconds"})
ID = Kind(_read_id, _same, {"oneOf": [{"type": "string"}, {"type": "integer"}]})
JSON_TEXT = Kind(_read_json_text, _same, {"oneOf": [{"type": "string"}, {"type": "object"}]})
DOUBLE = Kind(
    _read_double,
    write_double,
    {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]},
)
FLAG = Kind(_read_flag, _same, {"type": "boolean"})
VIEW_TYPE = _enum(
    {
        ViewType.ACTIVE_ONLY: "ACTIVE_ONLY",
        ViewType.DELETED_ONLY: "DELETED_ONLY",
        ViewType.ALL: "ALL",
    }
)
_STATUS_NUMBER = _enum({RunStatus.from_string(name): name for name in RunStatus.all_status()})
STATUS = Kind(  # our runs hold the name
    lambda value, where: (
        None
        if (number := _STATUS_NUMBER.read(value, where)) is None
        else RunStatus.to_string(number)
    ),
    _same,
    _STATUS_NUMBER.schema,
)


# -- lists and messages ---------------------------------------------------------------------


def many(kind: Kind, most: int | None = None) -> Kind:
    """A list, of at most so many; a query string repeats the name, so one value is a list too."""

    def read(value: Any, where: str) -> list[Any]:
        items = value if isinstance(value, list) else [value]
        if most is not None and len(items) > most:
            raise InvalidParameter(
                f"Invalid value for parameter '{where}' supplied: it has {len(items)} items, of "
                f"which at most {most} are taken at once"
            )
        read_item = kind.read
        return [read_item(item, f"{where}[{index}]") for index, item in enumerate(items)]

    schema: dict[str, Any] = {"type": "array", "items": kind.schema}
    if most is not None and most <= MAX_DESCRIBED:
        schema["maxItems"] = most
    elif most is not None:
        schema["description"] = f"at most {most} items"
    return Kind(read, lambda items: [kind.write(item) for item in items], schema)


def schema_of(fields: Iterable[Field]) -> dict[str, Any]:
    """The OpenAPI schema of a message."""
    fields = list(fields)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: field.kind.schema for field in fields},
    }
    required = [field.name for field in fields if field.needed]
    if required:
        schema["required"] = required
    return schema


def object_of(value: Any, where: str) -> Mapping[str, Any]:
    """`value`, if it is a JSON object."""
    if isinstance(value, dict):
        return value
    raise refusal(where, value, "it must be an object")


def message(make: Callable[..., Any], *fields: Field) -> Kind:
    """An object whose fields are the attributes of what `make` makes of them."""

    def read(value: Any, where: str) -> Any:
        prefix = f"{where}." if where else ""
        return make(**read_fields(fields, object_of(value, where), prefix))

    def write(entity: Any) -> dict[str, Any]:
        return _written(fields, partial(getattr, entity))

    return Kind(read, write, schema_of(fields))


def _pair(value: Kind) -> Kind:
    fields = (needed("key", TEXT), Field("value", value, default=""))

    def read(given: Any, where: str) -> tuple[str, str]:
        found = read_fields(fields, object_of(given, where), f"{where}.")
        return found["key"], found["value"]

    return Kind(
        read, lambda pair: {"key": pair[0], "value": pair[1]}, schema_of(fields)
    )  # of a param or tag


PAIR = _pair(TEXT)


def pairs(most: int | None = None, longest: int | None = None) -> Kind:
    """Params or tags as a list of (key, value): at most so many, the values of so many
    characters."""
    return many(PAIR if longest is None else _pair(text(longest)), most)


def _write_mapping(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]


def mapping(most: int | None = None, longest: int | None = None) -> Kind:
    """`pairs` as a dict: the last of equal keys counts."""
    pairs_of = pairs(most, longest)
    return Kind(
        lambda value, where: dict(pairs_of.read(value, where)), _write_mapping, pairs_of.schema
    )


MAPPING = mapping()

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
        f'{{"key":{_quoted(metric.key)},"value":{_double_text(metric.value)},'
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
        data["params"] = _write_mapping(run.data.params)
    if run.data.tags:
        data["tags"] = _write_mapping(run.data.tags)
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
        [f'{{"key":{_quoted(key)},"value":{_quoted(value)}}}' for key, value in mapping.items()]
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
_MODEL_STATUS_NUMBER = _enum(dict(enumerate(_MODEL_STATUS, 1)))


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


def _same_of_answer(value: Any, where: str) -> Any:
    return value


# -- answers --------------------------------------------------------------------------------

NOTHING = Kind(lambda value, where: None, lambda value: {}, {"type": "object"}, lambda value: "{}")
FILE = Kind(_same_of_answer, _same, {"type": "string", "format": "binary"})  # bytes, no JSON
ANYTHING = Kind(_same_of_answer, _same, {"type": "object"})


def only(name: str, kind: Kind) -> Kind:
    """An answer of one field."""
    fields = (Field(name, kind),)
    return Kind(
        lambda value, where: read_fields(fields, object_of(value, where or "answer"))[name],
        lambda value: write_fields(fields, {name: value}),
        schema_of(fields),
    )


def page(name: str, kind: Kind) -> Kind:
    """A page of a search: the field `name`, and next_page_token if there is another."""
    fields = (Field(name, many(kind), default=()), Field("next_page_token", TEXT))

    def read(value: Any, where: str) -> PagedList[Any]:
        found = read_fields(fields, object_of(value, where or "answer"))
        return PagedList(found[name], found["next_page_token"] or None)

    def write(items: Any) -> dict[str, Any]:
        return write_fields(fields, {name: items, "next_page_token": getattr(items, "token", None)})

    one = kind.text

    def text(items: Any) -> str:
        assert one is not None
        token, parts = getattr(items, "token", None), []
        if items:
            parts.append(f'"{name}":[{",".join(map(one, items))}]')
        if token is not None:
            parts.append(f'"next_page_token":{_quoted(token)}')
        return f"{{{','.join(parts)}}}"

    return Kind(read, write, schema_of(fields), text if one else None)
