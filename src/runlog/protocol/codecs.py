"""How values travel in JSON: kinds of values, each read from the wire and written to it.

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

from runlog.entities import PagedList
from runlog.errors import InvalidParameter

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
    """Return what a JSON text says. Raises InvalidParameter for what is not JSON, too deep or no
    UTF-8."""
    try:
        return _decode(body.decode("utf-8-sig") if isinstance(body, bytes) else body)
    except RecursionError:
        raise InvalidParameter("the JSON is nested too deeply") from None
    except ValueError as error:  # also of bytes that are no UTF-8, and of numbers that never end
        raise InvalidParameter(f"the JSON cannot be read: {_short(str(error))}") from None


# What the kinds write is a tree: not looking for circles saves a fifth of the time.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
quoted = json.encoder.encode_basestring_ascii


def dump(value: Any) -> str:
    """Return `value`, as the kinds below write it, as JSON text."""
    return _encode(value)


def text_of(kind: Kind, value: Any) -> str:
    """Return a value as JSON text."""
    return kind.text(value) if kind.text else dump(kind.write(value))


def refusal(where: str, value: Any, wanted: str) -> InvalidParameter:
    """Return the error for a value that is not `wanted`; the first words are MLflow's."""
    shown = value.text if isinstance(value, BareToken) else _shown(value)
    return InvalidParameter(f"Invalid value {shown} for parameter '{where}' supplied: {wanted}")


def missing(where: str) -> InvalidParameter:
    """Return the error for a field that must be given; the first words are MLflow's."""
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
    """Return a field without which a request is refused."""
    return Field(name, kind, argument, True, None, also)


def read_fields(
    fields: Iterable[Field], given: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """Return the arguments that a JSON object gives; unknown fields are ignored, null is not
    given."""
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
    """Return the JSON object that says `values`; what is None or an empty list is left out."""
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
    """Return an id of digits: clients of MLflow 1.x send it as a number."""
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
    """Return a double as JSON takes it."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _read_flag(value: Any, where: str) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false"):  # R writes TRUE
        return value.lower() == "true"
    raise refusal(where, value, "it must be true or false")


def enumeration(names: Mapping[int, str]) -> Kind:
    """Return an enum, its number here. Names that are unknown count as not given, as MLflow has it:
    a newer client may have names of its own."""
    numbers = {name: number for number, name in names.items()}

    def read(value: Any, where: str) -> int | None:
        if type(value) is str and not _WHOLE.fullmatch(value):
            return numbers.get(value)
        number: int = INT32.read(value, where)
        return number if number in names else None

    return Kind(read, lambda number: names[number], {"type": "string", "enum": [*numbers]})


TEXT = Kind(_read_text, _same, {"type": "string"})


def text(most: int) -> Kind:
    """Return a text of at most so many characters."""

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

# -- lists and messages ---------------------------------------------------------------------


def many(kind: Kind, most: int | None = None) -> Kind:
    """Return a list, of at most so many; a query string repeats the name, so one value is a list
    too."""

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
    """Return the OpenAPI schema of a message."""
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
    """Return `value` if it is a JSON object."""
    if isinstance(value, dict):
        return value
    raise refusal(where, value, "it must be an object")


def message(make: Callable[..., Any], *fields: Field) -> Kind:
    """Return an object whose fields are the attributes of what `make` makes of them."""

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
    """Return params or tags as a list of (key, value): at most so many, the values of so many
    characters."""
    return many(PAIR if longest is None else _pair(text(longest)), most)


def write_mapping(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]


def mapping(most: int | None = None, longest: int | None = None) -> Kind:
    """Return `pairs` as a dict: the last of equal keys counts."""
    pairs_of = pairs(most, longest)
    return Kind(
        lambda value, where: dict(pairs_of.read(value, where)), write_mapping, pairs_of.schema
    )


MAPPING = mapping()


def _same_answer(value: Any, where: str) -> Any:
    return value


# -- answers --------------------------------------------------------------------------------

NOTHING = Kind(lambda value, where: None, lambda value: {}, {"type": "object"}, lambda value: "{}")
FILE = Kind(_same_answer, _same, {"type": "string", "format": "binary"})  # bytes, no JSON
ANYTHING = Kind(_same_answer, _same, {"type": "object"})


def only(name: str, kind: Kind) -> Kind:
    """Return an answer of one field."""
    fields = (Field(name, kind),)
    return Kind(
        lambda value, where: read_fields(fields, object_of(value, where or "answer"))[name],
        lambda value: write_fields(fields, {name: value}),
        schema_of(fields),
    )


def page(name: str, kind: Kind) -> Kind:
    """Return a page of a search: the field `name`, and next_page_token if there is another."""
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
            parts.append(f'"next_page_token":{quoted(token)}')
        return f"{{{','.join(parts)}}}"

    return Kind(read, write, schema_of(fields), text if one else None)
