"""Runs as CSV: a row a run, a column for each metric, param and tag that any of them has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from runlog.commands import output
from runlog.text_tables import ID, NUMBER, TEXT, TIME, Column, counted, write_csv

if TYPE_CHECKING:
    from runlog.store import RunColumns

COLUMNS = [
    Column("run_id", ID),
    Column("experiment_id", TEXT),
    Column("status", TEXT),
    Column("artifact_uri", TEXT),
    Column("start_time", TIME),
    Column("end_time", TIME),
]


def write_runs(found: RunColumns, filename: str | None) -> None:
    """Write runs to a file, which appears when it is complete, or to standard output."""
    columns = [
        *COLUMNS,
        *(Column("metrics." + key, NUMBER) for key in sorted(found.metrics)),
        *(Column("params." + key, TEXT) for key in sorted(found.params)),
        *(Column("tags." + key, TEXT) for key in sorted(found.tags)),
    ]
    with _output_file(filename) as file:
        write_csv(columns, _csv_rows(found, [column.name for column in columns], filename), file)
    if filename:
        click.echo(f"Wrote {counted(len(found.runs), 'run')} to {filename}")


def _csv_rows(found: RunColumns, names: list[str], filename: str | None) -> Iterator[list[Any]]:
    cells: dict[str, dict[int, Any]] = {}
    for prefix in ("metrics", "params", "tags"):
        for key, (positions, values) in getattr(found, prefix).items():
            cells[f"{prefix}.{key}"] = dict(zip(positions, values, strict=True))
    total = len(found.runs)
    among_lines = filename is None and sys.stdout.isatty()
    with output.progress("Writing runs", hidden=among_lines) as done:
        for position, info in enumerate(found.runs):
            row = [getattr(info, column.name) for column in COLUMNS]
            yield [*row, *(cells[name].get(position) for name in names[len(row) :])]
            if position % 100 == 99 or position + 1 == total:
                done(position + 1, total)


@contextmanager
def _output_file(filename: str | None) -> Iterator[TextIO]:
    if filename is None:
        yield sys.stdout
        return
    if os.path.exists(filename) and not os.path.isfile(filename):  # a device, a pipe
        with open(filename, "w", encoding="utf-8", newline="") as file:
            yield file
        return
    hidden = f"{filename}.{os.getpid()}.part"
    try:
        with open(hidden, "w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(hidden, filename)
    finally:
        if os.path.exists(hidden):
            os.unlink(hidden)
