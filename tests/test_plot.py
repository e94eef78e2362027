"""Lines drawn with characters."""

from __future__ import annotations

import math

import pytest

from runlog.commands.metrics_plot import Line, chart


def test_a_rising_line_in_ascii():
    assert chart([Line("up", [0, 1, 2, 3], [0, 1, 2, 3])], cells=13, height=4, braille=False) == [
        "3 +        **",
        "  |     ***",
        "  |  ***",
        "0 +**",
        "  +----------",
        "   0        3",
        "* up",
    ]


def test_the_same_in_braille():
    drawn = chart([Line("up", [0, 1, 2, 3], [0, 1, 2, 3])], cells=13, height=4)
    assert drawn[0].startswith("3 ┤") and drawn[3].startswith("0 ┤")
    assert any(0x2800 < ord(character) <= 0x28FF for character in drawn[1])
    assert drawn[-1] == "━━ up"


def test_several_lines_are_told_apart_by_marks_where_there_is_no_colour():
    lines = [Line("a", [0, 1], [0, 1]), Line("b", [0, 1], [1, 0])]
    drawn = chart(lines, cells=40, height=6)
    assert "*" in drawn[0] and "o" in drawn[0]
    assert drawn[-2:] == ["* a", "o b"]


def test_several_lines_are_told_apart_by_colour():
    lines = [Line("a", [0, 1], [0, 1]), Line("b", [0, 1], [1, 0])]
    drawn = chart(lines, cells=40, height=6, paint=lambda text, colour: f"<{colour}:{text}>")
    assert "<blue:━━> a" in drawn and "<yellow:━━> b" in drawn
    assert "<blue:" in drawn[0] and "<yellow:" in drawn[0]


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [0.0, 0.0],
        [1e308, -1e308],
        [5e-324, 0.0],
        [math.nan, 1.0, math.inf, 2.0],
        [-3.0, -3.0],
    ],
)
@pytest.mark.parametrize("braille", [True, False])
def test_every_finite_value_can_be_drawn(values, braille):
    drawn = chart([Line("x", range(len(values)), values)], cells=50, height=5, braille=braille)
    assert len(drawn) == 8
    assert max(map(len, drawn)) <= 50


def test_what_cannot_be_drawn_is_counted():
    line = Line("loss", range(4), [1.0, math.nan, -1.0, 10.0])
    assert chart([line])[-1] == "━━ loss (1 of 4 points cannot be drawn)"
    assert chart([line], log=True)[-1] == "━━ loss (2 of 4 points cannot be drawn)"
    (said,) = chart([Line("loss", [0], [math.nan])])
    assert said == "nothing to draw: no point has a value that is finite"


def test_a_logarithmic_axis_is_labelled_with_values():
    drawn = chart([Line("x", range(3), [1.0, 10.0, 100.0])], height=9, log=True)
    assert [row.split()[0] for row in (drawn[0], drawn[4], drawn[8])] == ["100", "10", "1"]


def test_a_long_history_keeps_its_peaks():
    values = [0.0] * 100_000
    values[50_000] = 1.0
    drawn = chart([Line("x", range(len(values)), values)], cells=40, height=10)
    assert all(drawn[row].strip("│┤ 01.") for row in range(10))
