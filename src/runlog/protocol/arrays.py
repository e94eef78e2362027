"""Kinds of runlog's own endpoints: summaries, and histories and runs as columns.

A column of numbers travels as the base64 of little-endian int64 or float64, which any language
reads and which keeps every double: a million points are 32 MB and are read in 0.1 s, where MLflow's
list of objects has 90 MB.

What pages show is compressed on its way, so it is laid out for that: `DIFFERENCES` of whole
numbers, since neighbours differ by little, and `PLANES` of doubles, whose upper bytes are much
alike. Both are exact; compressed, a chart's series have two thirds of the bytes.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from itertools import accumulate, chain
from operator import sub
from typing import TYPE_CHECKING, Any, NamedTuple

from runlog.entities import MetricSummary
from runlog.protocol import codecs
from runlog.protocol.codecs import DOUBLE, INT64, TEXT, Field, Kind, many, message, needed
from runlog.protocol.entities import RUN_INFO
from runlog.store import History, RunColumns

if TYPE_CHECKING:
    from runlog.store import Point

SUMMARY = message(
    MetricSummary,
    needed("key", TEXT),
    needed("count", INT64),
    needed("last", DOUBLE),
    needed("last_step", INT64),
    needed("last_timestamp", INT64),
    needed("first", DOUBLE),
    needed("first_step", INT64),
    needed("min", DOUBLE),
    needed("min_step", INT64),
    needed("max", DOUBLE),
    needed("max_step", INT64),
)


def _numbers(code: str, planes: bool = False) -> Kind:
    def read(value: Any, where: str) -> array[Any]:
        numbers = array(code)
        try:
            data = b64decode(value, validate=True)
            numbers.frombytes(_together(data) if planes else data)
        except (TypeError, ValueError):
            raise codecs.refusal(where, value, "it must be base64 of 8 bytes a number") from None
        return _little_endian(numbers)

    def write(numbers: Any) -> str:
        column = numbers if isinstance(numbers, array) else array(code, numbers)
        data = _little_endian(column).tobytes()
        return b64encode(_apart(data) if planes else data).decode()

    said = {"description": "the first byte of each number, then the second of each, ..."}
    return Kind(read, write, {"type": "string", "format": "byte", **(said if planes else {})})


def _apart(data: bytes) -> bytes:
    return b"".join(data[byte::8] for byte in range(8))


def _together(data: bytes) -> bytes:
    found = bytearray(data)
    for byte in range(8):  # raises ValueError unless there are 8 bytes for each number
        found[byte::8] = data[byte * len(data) // 8 : (byte + 1) * len(data) // 8]
    return bytes(found)


def _little_endian(numbers: array[Any]) -> array[Any]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers


def _read_differences(value: Any, where: str) -> array[int]:
    try:
        return array("q", accumulate(value))
    except (TypeError, OverflowError):
        raise codecs.refusal(where, value, "it must be a list of differences") from None


def _write_differences(numbers: Sequence[int]) -> list[int]:
    return list(map(sub, numbers, chain((0,), numbers)))


INTEGERS, DOUBLES = _numbers("q"), _numbers("d")
PLANES = _numbers("d", planes=True)
DIFFERENCES = Kind(
    _read_differences,
    _write_differences,
    {
        "type": "array",
        "items": {"type": "integer"},
        "description": "each number less the one before it; the first as it is",
    },
)

HISTORY = message(
    History,
    needed("run_id", TEXT),
    needed("key", TEXT),
    needed("timestamps", INTEGERS),
    needed("steps", INTEGERS),
    needed("values", DOUBLES),
)


def _column(values: Kind) -> Kind:
    """Return what the runs at some positions have."""
    fields = (needed("runs", INTEGERS), needed("values", values))

    def read(value: Any, where: str) -> tuple[Any, Any]:
        found = codecs.read_fields(fields, codecs.object_of(value, where), f"{where}.")
        return found["runs"], found["values"]

    def write(column: tuple[Any, Any]) -> dict[str, Any]:
        return {"runs": INTEGERS.write(column[0]), "values": values.write(column[1])}

    return Kind(read, write, codecs.schema_of(fields))


class Digest(NamedTuple):
    """What a file of a run was when it was logged."""

    path: str
    size: int
    sha256: str


DIGEST = message(Digest, needed("path", TEXT), needed("size", INT64), needed("sha256", TEXT))


_POINTS = (
    needed("keys", many(TEXT)),
    needed("key", INTEGERS),
    needed("steps", INTEGERS),
    needed("timestamps", INTEGERS),
    needed("values", DOUBLES),
)


def _read_points(value: Any, where: str) -> list[Point]:
    found = codecs.read_fields(_POINTS, codecs.object_of(value, where), f"{where}.")
    keys, numbers = found["keys"], found["key"]
    columns = found["values"], found["timestamps"], found["steps"]
    if {len(numbers)} != {*map(len, columns)}:
        raise codecs.refusal(where, "columns", "they must be of one length")
    if len(numbers) and not 0 <= min(numbers) <= max(numbers) < len(keys):
        raise codecs.refusal(f"{where}.key", "a number", "each must be a position in `keys`")
    return list(zip(map(keys.__getitem__, numbers), *columns, strict=True))


def _write_points(points: Sequence[Point]) -> dict[str, Any] | None:
    if not points:
        return None
    keys, values, timestamps, steps = zip(*points, strict=True)
    position = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    columns = {
        "keys": [*position],
        "key": array("q", map(position.__getitem__, keys)),
        "steps": array("q", steps),
        "timestamps": array("q", timestamps),
        "values": array("d", values),
    }
    return codecs.write_fields(_POINTS, columns)


def points(most: int) -> Kind:
    """At most so many metric points, as `Store.log` takes them: columns, of which `key` has
    positions in `keys`."""

    def read(value: Any, where: str) -> list[Point]:
        found = _read_points(value, where)
        if len(found) > most:
            raise codecs.refusal(where, f"{len(found)} points", f"at most {most} are taken at once")
        return found

    return Kind(read, _write_points, codecs.schema_of(_POINTS))


def _by_key(kind: Kind) -> Kind:
    def read(value: Any, where: str) -> dict[str, Any]:
        given = codecs.object_of(value, where)
        return {key: kind.read(each, f"{where}.{key}") for key, each in given.items()}

    def write(columns: dict[str, Any]) -> dict[str, Any]:
        return {key: kind.write(column) for key, column in columns.items()}

    return Kind(read, write, {"type": "object", "additionalProperties": kind.schema})


_TEXTS = _by_key(_column(many(TEXT)))
RUN_COLUMNS = message(
    RunColumns,
    Field("runs", many(RUN_INFO), default=[]),
    needed("metrics", _by_key(_column(DOUBLES))),
    needed("params", _TEXTS),
    needed("tags", _TEXTS),
)
