"""Rows for people and for programs: aligned tables, JSON and CSV.

A `Column` says how its values look in a table; JSON and CSV have them whole: numbers with every
digit, NaN and the infinities as the texts that MLflow puts on the wire, times in JSON as Unix
milliseconds and in CSV as ISO 8601.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from runlog.printable import CONTROLS
from runlog.printable import plain as plain

Row = Sequence[Any]
GAP = "  "


class Kind(NamedTuple):
    """How the values of a column are written: all of them for a table, so that they can be
    aligned, and each for CSV."""

    show: Callable[[Sequence[Any]], list[str]]
    cell: Callable[[Any], Any]
    right: bool = False
    note: str = ""


class Column(NamedTuple):
    """`name` is the key in JSON and heads the column, unless it has another `title`.

    A table that is too wide cuts texts down to `least` characters (0: never) and the headings of
    numbers, and leaves out `optional` columns, the last first. A column that is not `shown` is
    for JSON and CSV only.
    """

    name: str
    kind: Kind
    least: int = 0
    optional: bool = False
    shown: bool = True
    title: str = ""


# -- text -----------------------------------------------------------------------------------

# What JSON does not escape itself; it has no escapes beyond 16 bits.
_JSON_CONTROLS = {
    code: "".join(f"\\u{unit:04x}" for unit in struct.unpack(f">{len(data) // 2}H", data))
    for code, data in ((code, chr(code).encode("utf-16-be")) for code in CONTROLS if code >= 127)
}


def without_password(text: str) -> str:
    """Return `text` with the passwords of the URLs in it hidden."""
    import re

    return re.sub(r"(//[^/@:\s]*):[^/\s]*@", r"\1:(hidden)@", text)


def width(text: str) -> int:
    """Return how many cells of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(each) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(each) in "WF")
        for each in text
    )


def cut(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return `text`, or as much of it as fits into `cells` with an ellipsis at the end."""
    if width(text) <= cells:
        return text
    kept, left = "", cells - len(ellipsis)
    for character in text:
        left -= width(character)
        if left < 0:
            break
        kept += character
    return kept + ellipsis


def number(value: float | None) -> str:
    """Return a number in at most six digits, or in all of them when it is a whole one."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return str(wire(value))
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.6g}"


def time(milliseconds: int | None) -> str:
    """Return a time in UTC, to the second."""
    return _strftime(milliseconds, "%Y-%m-%d %H:%M:%S")


def iso_time(milliseconds: int | None) -> str:
    """Return a time in UTC, to the millisecond, as ISO 8601 writes it."""
    if milliseconds is None:
        return ""
    text = _strftime(milliseconds, "%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds % 1000:03d}Z" if "T" in text else text


def _strftime(milliseconds: int | None, form: str) -> str:
    from datetime import datetime, timedelta

    if milliseconds is None:
        return ""
    try:
        return (datetime(1970, 1, 1) + timedelta(milliseconds=milliseconds)).strftime(form)
    except OverflowError:  # a time of another planet is still shown
        return str(milliseconds)


def duration(milliseconds: int | None) -> str:
    """Return a span of time in its two greatest units: 350ms, 12.4s, 3m 20s, 2h 5m, 4d 3h."""
    if milliseconds is None:
        return ""
    if milliseconds < 0:
        return "-" + duration(-milliseconds)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f}s"
    minutes, seconds = divmod((milliseconds + 500) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {seconds}s"


def size(count: int | None) -> str:
    """Return a number of bytes: 512 B, 4.1 kB, 2.3 GB."""
    if count is None:
        return ""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if abs(amount) < 999.5 or unit == "PB":
            break
        amount /= 1000
    return f"{count} B" if unit == "B" else f"{amount:.3g} {unit}"


def counted(count: int, noun: str) -> str:
    """Return `1 run` or `2 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain_texts(values: Sequence[Any]) -> list[str]:
    return [plain(value) for value in values]


def _numbers(values: Sequence[Any]) -> list[str]:
    """Return numbers one below the other, with equally many decimals: up to six, while that
    leaves of each at least three digits."""
    texts = [number(value) if isinstance(value, (int, float)) else plain(value) for value in values]
    decimals = [len(text.partition(".")[2]) for text in texts if "e" not in text]
    most = min(max(decimals, default=0), 6)
    sizes = [abs(v) for v in values if isinstance(v, float) and math.isfinite(v) and v != int(v)]
    if sizes and min(sizes) < 0.001:
        return texts
    return [
        f"{value:.{most}f}" if isinstance(value, float) and _is_short(text) else text
        for value, text in zip(values, texts, strict=True)
    ]


def _is_short(text: str) -> bool:
    return "e" not in text and text[-1:].isdigit()


def _data(value: Any) -> Any:
    value = wire(value)
    return "" if value is None else value


TEXT = Kind(_plain_texts, _data)
ID = Kind(_plain_texts, _data)
"""Run ids, which a table that has to be narrow shows as their beginnings."""
NUMBER = Kind(_numbers, _data, right=True)
COUNT = Kind(_plain_texts, _data, right=True)
TIME = Kind(lambda values: [time(value) for value in values], iso_time, note=" (UTC)")
DURATION = Kind(lambda values: [duration(value) for value in values], _data, right=True)
SIZE = Kind(lambda values: [size(value) for value in values], _data, right=True)


# -- tables ---------------------------------------------------------------------------------


class Table(NamedTuple):
    """Lines to print, the first of them the heading, and the names of columns left out."""

    lines: list[str]
    left_out: list[str]


def table(
    columns: Sequence[Column], rows: Sequence[Row], cells: int | None = None, ellipsis: str = "…"
) -> Table:
    """Return the rows below their headings, numbers to the right; no wider than `cells`, if
    given."""
    chosen = [position for position, column in enumerate(columns) if column.shown]
    texts = {}
    for position in chosen:
        column, values = columns[position], [row[position] for row in rows]
        shown = column.kind.show(values)
        if column.kind is ID and cells is not None:
            shown = shorten(shown)
        texts[position] = [plain(column.title or column.name) + column.kind.note, *shown]
    natural = {position: max(map(width, texts[position])) for position in chosen}
    least = {position: _least(columns[position], texts[position]) for position in chosen}
    kept = _fitting(columns, least, cells)
    widths = _cut_down({position: natural[position] for position in kept}, least, cells)
    lines = []
    for index in range(len(rows) + 1):
        parts = [
            _padded(cut(texts[at][index], widths[at], ellipsis), widths[at], columns[at].kind.right)
            for at in kept
        ]
        lines.append(GAP.join(parts).rstrip())
    return Table(lines, [columns[at].title or columns[at].name for at in chosen if at not in kept])


def pairs(rows: Iterable[tuple[str, str]], indent: str = "") -> list[str]:
    """Return names and values, the values one below the other."""
    found = [(plain(name), plain(value)) for name, value in rows]
    most = max((width(name) for name, _ in found), default=0)
    return [f"{indent}{_padded(name, most)}{GAP}{value}".rstrip() for name, value in found]


def shorten(ids: Sequence[str]) -> list[str]:
    """Return the ids cut to the same length of at least 8 that still tells them apart."""
    different = set(ids)
    for length in range(8, 32):
        if len({each[:length] for each in different}) == len(different):
            return [each[:length] for each in ids]
    return list(ids)


def _padded(text: str, cells: int, right: bool = False) -> str:
    blank = " " * (cells - width(text))
    return blank + text if right else text + blank


def _least(column: Column, texts: Sequence[str]) -> int:
    """Return what a column may be cut down to: a number is worth nothing without its last digits,
    but its heading may lose some letters."""
    natural = max(map(width, texts))
    if column.kind.right:
        return min(natural, max(8, *map(width, texts[1:]), 0))
    return min(natural, column.least or natural)


def _fitting(columns: Sequence[Column], least: Mapping[int, int], cells: int | None) -> list[int]:
    kept = list(least)
    while cells is not None and _total(least[at] for at in kept) > cells:
        optional = [at for at in kept if columns[at].optional]
        if not optional:
            break
        kept.remove(optional[-1])
    return kept


def _cut_down(
    widths: dict[int, int], least: Mapping[int, int], cells: int | None
) -> dict[int, int]:
    over = 0 if cells is None else _total(widths.values()) - cells
    for _ in range(over):
        cuttable = [at for at in widths if least[at] < widths[at]]
        if not cuttable:
            break
        widths[max(cuttable, key=lambda at: widths[at])] -= 1
    return widths


def _total(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + len(GAP) * (len(found) - 1)


# -- data -----------------------------------------------------------------------------------


def wire(value: Any) -> Any:
    """Return `value` as JSON can hold it: NaN and the infinities become texts, bytes hex digits."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): wire(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [wire(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def json_rows(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[str]:
    """Return a JSON list of an object a row and line, in parts."""
    names = [column.name for column in columns]
    return json_list(dict(zip(names, row, strict=True)) for row in rows)


def json_list(values: Iterable[Any]) -> Iterator[str]:
    """Yield a JSON list with a line for each value, in parts."""
    before = "[\n"
    for value in values:
        yield before + json_text(value)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON, in characters that the output can show. Those that a terminal
    would take for a command are escapes: to JSON it is the same."""
    import json

    is_ascii = not shows("é…", sys.stdout)
    text = json.dumps(wire(value), indent=indent, allow_nan=False, ensure_ascii=is_ascii)
    return text if is_ascii or text.isascii() else text.translate(_JSON_CONTROLS)


def write_csv(columns: Sequence[Column], rows: Iterable[Row], file: TextIO) -> None:
    """Write the rows as CSV, below the names of the columns; as they are, but for a terminal."""
    import csv

    shown: Callable[[Any], Any] = plain if file.isatty() else lambda value: value
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([shown(column.name) for column in columns])
    cells = [column.kind.cell for column in columns]
    writer.writerows(
        [shown(cell(value)) for cell, value in zip(cells, row, strict=True)] for row in rows
    )


def shows(characters: str, file: TextIO) -> bool:
    """Return whether the encoding of `file` has these characters."""
    try:
        characters.encode(getattr(file, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
