"""Tables, JSON and CSV from the same rows."""

from __future__ import annotations

import io
import json
import math

import pytest

from runlog import text_tables
from runlog.text_tables import ID, NUMBER, SIZE, TEXT, TIME, Column

COLUMNS = [
    Column("name", TEXT, least=8),
    Column("loss", NUMBER, optional=True),
    Column("start", TIME),
]
ROWS = [
    ("a rather long name of a run", 0.5, 0),
    ("b", math.nan, 1795423360289),
    ("", None, None),
]
IDS = ["a" * 31 + "0", "b" * 32, "a" * 31 + "1"]


def test_a_table_is_aligned():
    lines, left_out = text_tables.table(COLUMNS, ROWS)
    assert lines == [
        "name                         loss  start (UTC)",
        "a rather long name of a run   0.5  1970-01-01 00:00:00",
        "b                             NaN  2026-11-23 08:42:40",
        "",
    ]
    assert left_out == []


def test_a_narrow_table_cuts_texts_then_leaves_out_columns():
    lines, left_out = text_tables.table(COLUMNS, ROWS[:1], 37)
    assert lines[1] == "a rather …   0.5  1970-01-01 00:00:00"
    assert left_out == []
    lines, left_out = text_tables.table(COLUMNS, ROWS[:1], 34)
    assert lines[1] == "a rather lon…  1970-01-01 00:00:00"
    assert left_out == ["loss"]


def test_run_ids_are_shortened_as_far_as_they_differ():
    assert text_tables.shorten(["a" * 32, "b" * 32]) == ["a" * 8, "b" * 8]
    assert text_tables.shorten(IDS) == IDS
    rows = [("a" * 32,), ("b" * 32,)]
    assert text_tables.table([Column("id", ID)], rows, 80).lines[1:] == ["a" * 8, "b" * 8]
    assert text_tables.table([Column("id", ID)], rows).lines[1:] == ["a" * 32, "b" * 32]


def test_columns_that_are_not_shown_are_data():
    columns = [Column("name", TEXT), Column("hidden", TEXT, shown=False)]
    assert text_tables.table(columns, [("a", "b")]).lines == ["name", "a"]
    assert json.loads("".join(text_tables.json_rows(columns, [("a", "b")]))) == [
        {"name": "a", "hidden": "b"}
    ]


@pytest.mark.parametrize(
    "value, shown",
    [
        ("plain", "plain"),
        (None, ""),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\x00\x7f", "\\x00\\x7f"),
        ("grün 日本", "grün 日本"),
    ],
)
def test_nothing_shown_commands_the_terminal(value, shown):
    assert text_tables.plain(value) == shown


@pytest.mark.parametrize(
    "text, cells", [("abc", 3), ("日本", 4), ("e\u0301", 1), ("👩", 2), ("ｆ", 2), ("", 0)]
)
def test_width_counts_cells(text, cells):
    assert text_tables.width(text) == cells


@pytest.mark.parametrize("cells", range(1, 12))
def test_cut_text_fits(cells):
    assert text_tables.width(text_tables.cut("ab日本語cdé", cells)) <= cells


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.1 + 0.2, "0.3"),
        (1.0, "1"),
        (1234567.0, "1234567"),
        (1e20, "1e+20"),
        (1e-9, "1e-09"),
        (-0.5, "-0.5"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (2**60, str(2**60)),
        (None, ""),
    ],
)
def test_numbers_are_short(value, shown):
    assert text_tables.number(value) == shown


@pytest.mark.parametrize(
    "values, shown",
    [
        ([1.0, 0.5, 0.25], ["1.00", "0.50", "0.25"]),
        ([1.0, 2.0], ["1", "2"]),
        ([0.916666666, math.nan, None], ["0.916667", "NaN", ""]),
        ([0.5, 1e-5], ["0.5", "1e-05"]),
        ([12345.678, 0.01], ["12345.68", "0.01"]),
        ([1e300, 0.5], ["1e+300", "0.5"]),
        ([3, 0.5], ["3", "0.5"]),
    ],
)
def test_numbers_of_a_column_have_their_points_in_line(values, shown):
    assert NUMBER.show(values) == shown


@pytest.mark.parametrize(
    "milliseconds, shown",
    [
        (0, "0ms"),
        (999, "999ms"),
        (1500, "1.5s"),
        (59_960, "1m 0s"),
        (200_000, "3m 20s"),
        (7_500_000, "2h 5m"),
        (400_000_000, "4d 15h"),
        (-5, "-5ms"),
        (None, ""),
    ],
)
def test_durations_have_two_units(milliseconds, shown):
    assert text_tables.duration(milliseconds) == shown


@pytest.mark.parametrize(
    "count, shown",
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (123_456_789, "123 MB"), (999_600, "1 MB")],
)
def test_sizes_have_a_unit(count, shown):
    assert SIZE.show([count]) == [shown]


@pytest.mark.parametrize("milliseconds", [10**17, -(10**17), 2**62])
def test_times_beyond_the_calendar_are_shown_as_they_are(milliseconds):
    assert text_tables.time(milliseconds) == text_tables.iso_time(milliseconds) == str(milliseconds)


def test_csv_has_everything_in_full():
    file = io.StringIO()
    rows = [('x,"y"\n', -math.inf, 1795423360289), (None, 0.1, None)]
    text_tables.write_csv(COLUMNS, rows, file)
    assert file.getvalue() == (
        'name,loss,start\n"x,""y""\n",-Infinity,2026-11-23T08:42:40.289Z\n,0.1,\n'
    )


def test_json_is_valid_whatever_the_numbers():
    text = text_tables.json_text({"a": math.nan, "b": [math.inf, {"c": -math.inf}], "d": b"\x01"})
    assert json.loads(text) == {"a": "NaN", "b": ["Infinity", {"c": "-Infinity"}], "d": "01"}
    assert json.loads("".join(text_tables.json_list([]))) == []
