"""Lines drawn with characters: Braille dots where the terminal has them, else plain ASCII.

A character of the canvas is a grid of dots, 2 by 4 in Braille and 1 by 1 in ASCII. What is drawn
is worked out in dots; only `_Canvas.rows` knows characters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from runlog.text_tables import cut, number, plain, width

MARKS = "*o+x#@%&"
# Told apart on dark and on light ground, and with the common kinds of colour blindness.
COLOURS = ("blue", "yellow", "magenta", "green", "cyan", "red")
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille character

Paint = Callable[[str, str], str]


class Line(NamedTuple):
    """A series of points, with what the legend says of it."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]


def chart(
    lines: Sequence[Line],
    cells: int = 80,
    height: int = 15,
    braille: bool = True,
    log: bool = False,
    paint: Paint | None = None,
    show_x: Callable[[float], str] = number,
) -> list[str]:
    """Return the lines as text of at most `cells` characters a row: canvas, axes and a legend.

    `paint(text, colour)` colours a text; without it several lines are told apart by marks, in
    ASCII. `log` makes the vertical axis logarithmic, which leaves out what is not above zero.
    `show_x` writes the numbers below the axis. A line's points are joined in the order given.
    """
    drawn = [_finite(line, log) for line in lines]
    points = [point for line in drawn for point in line]
    if not points:
        said = "above zero" if log else "finite"
        return [f"nothing to draw: no point has a value that is {said}"]
    braille = braille and (paint is not None or len(lines) == 1)
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    if low == high:
        room = abs(low) / 10 or 1.0
        low, high = low - room, high + room
    labels = _labels(low, high, height, log)
    margin = max(map(width, labels))
    canvas = _Canvas(max(cells - margin - 2, 10), height, braille)
    for series, line in enumerate(drawn):
        canvas.draw(series, [
            (_share(x, left, right) * (canvas.width - 1), _share(y, low, high)) for x, y in line
        ])  # fmt: skip
    axis = ("┤", "│", "└", "─") if braille else ("+", "|", "+", "-")
    rows = [
        f"{label:>{margin}} {axis[0] if label else axis[1]}{row}"
        for label, row in zip(labels, canvas.rows(paint), strict=True)
    ]
    rows.append(" " * (margin + 1) + axis[2] + axis[3] * canvas.columns)
    ends = show_x(left), show_x(right)
    blank = max(1, canvas.columns - width(ends[0]) - width(ends[1]))
    rows.append(" " * (margin + 2) + ends[0] + " " * blank + (ends[1] if left < right else ""))
    return [row.rstrip() for row in rows] + list(_legend(lines, drawn, cells, braille, paint))


def _finite(line: Line, log: bool) -> list[tuple[float, float]]:
    if log:
        return [
            (x, math.log10(y)) for x, y in zip(line.xs, line.ys, strict=True) if 0 < y < math.inf
        ]
    return [(x, y) for x, y in zip(line.xs, line.ys, strict=True) if math.isfinite(y)]


def _share(value: float, low: float, high: float) -> float:
    # Halves, because the difference of two doubles may be more than the greatest double.
    span = high / 2 - low / 2
    return (value / 2 - low / 2) / span if span else 0.5


def _labels(low: float, high: float, height: int, log: bool) -> list[str]:
    """Return what stands beside each row: a value at the top, the bottom and every few rows."""
    labels = [""] * height
    parts = max(1, (height - 1) // 4)
    for part in range(parts + 1):
        share = part / parts
        row = round((1 - share) * (height - 1))
        value = low * (1 - share) + high * share
        if not log and abs(value) < 1e-12 * max(abs(low), abs(high)):
            value = 0.0  # what rounding left of it
        labels[row] = _short(value, log)
    return labels


def _short(value: float, log: bool) -> str:
    if log:
        try:
            value = 10**value
        except OverflowError:
            value = math.inf
    text = f"{value:.4g}"
    return text if "e" in text else number(float(text))


def _legend(
    lines: Sequence[Line],
    drawn: Sequence[Sequence[object]],
    cells: int,
    braille: bool,
    paint: Paint | None,
) -> Iterator[str]:
    for series, (line, points) in enumerate(zip(lines, drawn, strict=True)):
        mark = "━━" if braille else MARKS[series % len(MARKS)]
        missing = len(line.ys) - len(points)
        note = f" ({missing} of {len(line.ys)} points cannot be drawn)" if missing else ""
        text = cut(plain(line.label) + note, cells - width(mark) - 1, "…" if braille else "...")
        yield f"{paint(mark, _colour(series)) if paint else mark} {text}"


def _colour(series: int) -> str:
    return COLOURS[series % len(COLOURS)]


class _Canvas:
    """Characters, and the dots that are set in each."""

    def __init__(self, columns: int, height: int, braille: bool) -> None:
        self.columns, self.height, self.braille = columns, height, braille
        self._wide, self._high = (2, 4) if braille else (1, 1)
        self.width = columns * self._wide
        self._cells: dict[tuple[int, int], tuple[int, int]] = {}

    def draw(self, series: int, points: Sequence[tuple[float, float]]) -> None:
        """Join the points; x counts dots from the left, y is 0 at the bottom and 1 at the top."""
        top = self.height * self._high - 1
        before: tuple[int, int] | None = None
        for column, ys in _by_column(points):
            first, last = (round((1 - y) * top) for y in (ys[0], ys[-1]))
            if before is not None:
                for dot in _between(before, (column, first)):
                    self._set(series, *dot)
            for row in range(round((1 - max(ys)) * top), round((1 - min(ys)) * top) + 1):
                self._set(series, column, row)
            before = column, last

    def _set(self, series: int, x: int, y: int) -> None:
        at = (y // self._high, x // self._wide)
        dot = _DOTS[y % 4][x % 2] if self.braille else 1
        self._cells[at] = (series, self._cells.get(at, (0, 0))[1] | dot)

    def rows(self, paint: Paint | None) -> Iterator[str]:
        for row in range(self.height):
            line = ""
            for series, cells in groupby(self._row(row), key=lambda cell: cell[0]):
                text = "".join(character for _, character in cells)
                line += paint(text, _colour(series)) if paint and series >= 0 else text
            yield line

    def _row(self, row: int) -> Iterator[tuple[int, str]]:
        """Yield the series that each character belongs to, -1 for none, and the character."""
        last = max((column for at, column in self._cells if at == row), default=-1)
        for column in range(last + 1):
            series, dots = self._cells.get((row, column), (-1, 0))
            if series < 0:
                yield -1, " "
            else:
                yield series, chr(0x2800 + dots) if self.braille else MARKS[series % len(MARKS)]


def _by_column(points: Iterable[tuple[float, float]]) -> Iterator[tuple[int, list[float]]]:
    """Yield the points' heights, those that follow each other in the same column of dots together:
    a long history is drawn as fast as a short one."""
    for column, group in groupby(points, key=lambda point: round(point[0])):
        yield column, [y for _, y in group]


def _between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the dots of the straight line from `start` to `end`, both included."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    for step in range(steps + 1):
        yield x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps)
