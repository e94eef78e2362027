"""runlog metrics: histories and summaries, as tables and drawn in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import choosing, completers, options, output, stores
from runlog.text_tables import COUNT, ID, NUMBER, TEXT, TIME, Column

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from runlog.store import History, Store


@click.group()
def metrics() -> None:
    """Show and plot the metrics of runs."""


def _of_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Add RUN KEY... as arguments, -r and -k for the same, and the options that all commands have;
    the command gets the store, the runs' ids and the keys, None for all of them."""

    @wraps(command)
    def with_runs(
        words: Sequence[str],
        run_ids: Sequence[str],
        keys: Sequence[str],
        uri: str | None,
        **options: Any,
    ) -> None:
        store = stores.open_store(uri)
        command(store, *_runs_and_keys(store, words, run_ids, keys), **options)

    argument = click.argument("words", nargs=-1, metavar="RUN [KEY]...", shell_complete=_complete)
    run_ids = click.option(
        "-r",
        "--run-id",
        "run_ids",
        metavar="ID",
        multiple=True,
        shell_complete=completers.complete_runs,
        help="A run id, or any unique prefix of one; may be repeated. If you use it, all "
        "arguments are keys.",
    )
    keys = click.option(
        "-k",
        "--key",
        "keys",
        metavar="KEY",
        multiple=True,
        shell_complete=completers.complete_metrics,
        help="A metric; may be repeated. By default all metrics.",
    )
    return argument(run_ids(keys(options.tracking_uri_option(with_runs))))


def _complete(context: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    is_run = not context.params.get("run_ids") and not context.params.get("words")
    complete = completers.complete_runs if is_run else completers.complete_metrics
    return complete(context, option, begun)


def _runs_and_keys(
    store: Store, words: Sequence[str], run_ids: Sequence[str], keys: Sequence[str]
) -> tuple[list[str], list[str] | None]:
    """Return the runs and the keys that a command line names; None for all keys."""
    rest = list(words)
    given = list(run_ids) or [rest.pop(0)] if run_ids or rest else []
    if not given:
        raise click.UsageError("Name a run: RUN or --run-id ID.")
    return [choosing.full_run_id(store, each) for each in given], [*rest, *keys] or None


def _histories(store: Store, run_ids: Sequence[str], keys: Sequence[str] | None) -> list[History]:
    """Return what the runs logged of the metrics. Raises NotFound for a key that none of them
    has."""
    from runlog.errors import NotFound

    found = store.histories(run_ids, keys)
    there = {each.key for each in found}
    for key in keys or ():
        if key not in there:
            known = sorted({key for run_id in run_ids for key in store.get_metric_summary(run_id)})
            has = f"there are {', '.join(known[:20])}" if known else "there are none"
            raise NotFound(f"no metric {key!r}: {has}")
    return found


HISTORY = [
    Column("run_id", ID),
    Column("key", TEXT, least=8),
    Column("step", COUNT),
    Column("value", NUMBER),
    Column("timestamp", TIME),
]


@metrics.command()
@_of_runs
@options.output_options
def history(store: Store, run_ids: list[str], keys: list[str] | None, form: str | None) -> None:
    """Show every point of metrics, with its time, step and value."""
    _print_history(_histories(store, run_ids, keys), form)


def _print_history(found: Sequence[History], form: str | None) -> None:
    rows = [
        (each.run_id, each.key, step, value, time)
        for each in found
        for time, step, value in zip(each.timestamps, each.steps, each.values, strict=True)
    ]
    # In a table, what is the same in every row is not worth its room.
    one_run = len({each.run_id for each in found}) == 1
    one_key = len({each.key for each in found}) == 1
    same = ({"run_id"} if one_run else set()) | ({"key"} if one_key else set())
    columns = [column._replace(shown=column.name not in same) for column in HISTORY]
    output.print_rows(columns, rows, form)


SUMMARY = [
    Column("run_id", ID),
    Column("key", TEXT, least=20),
    Column("count", COUNT),
    Column("last", NUMBER),
    Column("last_step", COUNT),
    Column("min", NUMBER),
    Column("min_step", COUNT),
    Column("max", NUMBER),
    Column("max_step", COUNT),
    Column("first", NUMBER, optional=True),
    Column("first_step", COUNT, optional=True),
    Column("last_timestamp", TIME, optional=True),
]


@metrics.command()
@_of_runs
@options.output_options
def summary(store: Store, run_ids: list[str], keys: list[str] | None, form: str | None) -> None:
    """For each metric, show the number of points and the last, smallest, largest, first value."""
    rows = [
        [run_id, *(getattr(each, column.name) for column in SUMMARY[1:])]
        for run_id in run_ids
        for each in store.get_metric_summary(run_id).values()
        if keys is None or each.key in keys
    ]
    columns = [SUMMARY[0]._replace(shown=len(run_ids) > 1), *SUMMARY[1:]]
    output.print_rows(columns, rows, form, "--json has all")


# -- plots ----------------------------------------------------------------------------------


@metrics.command()
@_of_runs
@click.option("--log", is_flag=True, help="Use a logarithmic axis for the values.")
@click.option(
    "--x",
    "across",
    type=click.Choice(["step", "time"]),
    default="step",
    show_default=True,
    help="The horizontal axis: steps, or seconds since the first point.",
)
@click.option(
    "--width",
    type=click.IntRange(20, 1000),
    metavar="N",
    help="The width in columns; by default that of the terminal.",
)
@click.option(
    "--height",
    type=click.IntRange(3, 200),
    metavar="N",
    default=15,
    show_default=True,
    help="The height of a plot in rows.",
)
@click.option("--ascii", "plain", is_flag=True, help="Use only ASCII characters.")
@options.output_options
def plot(
    store: Store,
    run_ids: list[str],
    keys: list[str] | None,
    log: bool,
    across: str,
    width: int | None,
    height: int,
    plain: bool,
    form: str | None,
) -> None:
    """Plot metrics in the terminal: one plot per metric, one line per run."""
    from runlog.commands.metrics_plot import Line, chart

    found = _histories(store, run_ids, keys)
    if form is not None:
        _print_history(found, form)
        return
    names = {run_id: store.get_run(run_id).info.run_name for run_id in run_ids}
    braille = not plain and text_tables.shows("⣿┤", sys.stdout)
    for position, key in enumerate(dict.fromkeys(each.key for each in found)):
        lines = [
            Line(_label(names, each), _across(each, across), each.values)
            for each in found
            if each.key == key
        ]
        heading = key if across == "step" else f"{key} over time"
        click.echo("\n" * (position > 0) + output.heading(text_tables.plain(heading)))
        drawn = chart(
            lines,
            cells=width or output.terminal_width() or 80,
            height=height,
            braille=braille,
            log=log,
            paint=output.painted if output.shows_colours() else None,
            show_x=text_tables.number if across == "step" else _seconds,
        )
        click.echo("\n".join(drawn))
    if not found:
        output.hint("There are no metrics to draw.")


def _across(history: History, across: str) -> Sequence[float]:
    if across == "step":
        return history.steps
    start = min(history.timestamps)
    return [(time - start) / 1000 for time in history.timestamps]


def _seconds(value: float) -> str:
    return text_tables.duration(round(value * 1000))


def _label(names: dict[str, str], history: History) -> str:
    values = [value for value in history.values if value == value]
    ends = (
        f"  min {text_tables.number(min(values))}  max {text_tables.number(max(values))}"
        if values
        else ""
    )
    run = f"{names[history.run_id]} ({history.run_id[:8]})"
    return f"{run}  last {text_tables.number(history.values[-1])}{ends}"
