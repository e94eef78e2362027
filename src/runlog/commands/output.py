"""What commands print: tables, JSON, CSV, messages and progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from runlog import text_tables
from runlog.text_tables import Column, Row

Facts = Mapping[str, object]


def print_rows(
    columns: Sequence[Column],
    rows: Sequence[Row],
    form: str | None,
    more: str = "",
    empty: str = "",
) -> None:
    """Print rows in the format `form`, by default as a table: as wide as the terminal, or in full
    where there is none. `more` is a hint how to see columns that did not fit into the table,
    `empty` one that is shown if there are no rows."""
    if form == "json":
        print_parts(text_tables.json_rows(columns, rows))
    elif form == "csv":
        text_tables.write_csv(columns, rows, sys.stdout)
    else:
        _print_table(columns, rows, more)
        if empty and not rows:
            hint(empty)


def print_done(form: str | None, done: Iterable[tuple[str, Facts]]) -> None:
    """Print what a command did: for each thing a sentence, or for programs a row of facts, the
    first of which is `done`: created, deleted, unchanged..."""
    if form:
        print_facts(form, [facts for _, facts in done])
        return
    for sentence, _ in done:
        click.echo(text_tables.plain(sentence) if sys.stdout.isatty() else sentence)


def print_facts(form: str, rows: Sequence[Facts]) -> None:
    """Print rows that all have the same keys, for programs."""
    columns = [Column(name, text_tables.TEXT) for name in (rows[0] if rows else ())]
    print_rows(columns, [list(row.values()) for row in rows], form)


def print_parts(parts: Iterator[str]) -> None:
    """Print a text that comes in parts."""
    for part in parts:
        sys.stdout.write(part)


def _print_table(columns: Sequence[Column], rows: Sequence[Row], more: str) -> None:
    cells = terminal_width()
    ellipsis = "…" if text_tables.shows("…", sys.stdout) else "..."
    lines, left_out = text_tables.table(columns, rows, cells, ellipsis)
    click.echo(heading(lines[0]))
    if len(lines) > 1:
        click.echo("\n".join(lines[1:]))
    if left_out and cells is not None:
        note = f"{text_tables.counted(len(left_out), 'more column')}: {', '.join(left_out)}"
        more = f" ({more})" if more else ""
        hint(text_tables.cut(note, cells - len(more), ellipsis) + more)


def heading(text: str) -> str:
    """Return `text`, in bold on a terminal."""
    return click.style(text, bold=True) if sys.stdout.isatty() else text


def painted(text: str, colour: str) -> str:
    """Return `text`, in a colour where there is a terminal that may show colours."""
    return click.style(text, fg=colour) if shows_colours() else text


def shows_colours() -> bool:
    """Return whether output goes to a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def terminal_width() -> int | None:
    """Return the width of the terminal that standard output goes to; None if it is none."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return max(get_terminal_size().columns, 20)


def hint(text: str) -> None:
    """Show a hint to the person at the terminal, which is not part of the output."""
    if sys.stderr.isatty():
        click.echo(text, err=True)


def report(kind: str, text: str) -> None:
    """Print one line to standard error: `runlog: error: ...` or `runlog: warning: ...`."""
    line = text_tables.without_password(" ".join(text.splitlines()))
    click.echo(f"runlog: {kind}: {text_tables.plain(line)}", err=True)


@contextmanager
def progress(label: str, hidden: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error, if that is a terminal; call what is yielded with how
    much is done and how much there is."""
    if hidden or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    bars: list[Any] = []  # made when the length is known

    def show(done: int, total: int) -> None:
        if not bars:
            bar = click.progressbar(length=max(total, 1), label=label, file=sys.stderr)
            bars.append(bar.__enter__())
        bars[0].update(done - bars[0].pos)

    try:
        yield show
    finally:
        if bars:
            bars[0].__exit__(None, None, None)
