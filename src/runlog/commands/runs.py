"""runlog runs: list, search, export, delete and restore."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import choosing, options, output, runs_columns, stores
from runlog.commands.runs_compare import compare
from runlog.commands.runs_create import create
from runlog.commands.runs_csv import write_runs
from runlog.commands.runs_describe import describe, page
from runlog.commands.runs_end import end
from runlog.text_tables import DURATION, TIME

if TYPE_CHECKING:
    from runlog.store import Store

SCREENFUL = 100
"""How many runs a table on a terminal shows by default."""


@click.group()
def runs() -> None:
    """List, search, compare, create, end and delete runs."""


runs.add_command(compare)
runs.add_command(create)
runs.add_command(describe)
runs.add_command(end)
runs.add_command(page)


# -- list and search ------------------------------------------------------------------------

EMPTY = "There are no such runs."
MAX_RESULTS_HELP = (
    f"Show at most N; by default {SCREENFUL} in a table on a terminal, otherwise all."
)


@runs.command("list")
@options.experiment_options(many=True)
@options.view_option
@click.option("--max-results", type=click.IntRange(1), metavar="N", help=MAX_RESULTS_HELP)
@options.output_options
@options.tracking_uri_option
def list_runs(
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    max_results: int | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List runs, latest first.

    Lists the runs of all experiments, unless you name some with -x or -n, or in
    RUNLOG_EXPERIMENT_NAME or RUNLOG_EXPERIMENT_ID.
    """
    store = stores.open_store(uri)
    names, ids = _experiments(store, experiment_ids, experiment_names, view)
    limit = _limit(max_results, form)
    # One more than is shown tells whether there are more.
    asked = None if limit is None else limit + 1
    found = store.search_run_columns(ids, None, choosing.view_type(view), asked).runs
    shown = found[:limit]
    columns = runs_columns.shown_columns(names, view)
    output.print_rows(
        columns, [runs_columns.cells(info, names) for info in shown], form, empty=EMPTY
    )
    _hint_if_more(len(shown) < len(found), len(shown), max_results)


@runs.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@options.experiment_options(many=True)
@options.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="Sort by this, such as 'metrics.loss' or 'start_time DESC'; may be repeated.",
)
@click.option("--max-results", type=click.IntRange(1), metavar="N", help=MAX_RESULTS_HELP)
@click.option(
    "-c",
    "--columns",
    metavar="FIELDS",
    multiple=True,
    help="Show these fields, separated by commas, such as 'run_id,metrics.loss,max(metrics.acc)'; "
    "may be repeated.",
)
@options.output_options
@options.tracking_uri_option
def search(
    filter_string: str,
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    columns: tuple[str, ...],
    form: str | None,
    uri: str | None,
) -> None:
    """Find runs with a filter.

    FILTER is an expression such as "metrics.loss < 0.1 AND params.model = 'tree'". Without it, all
    runs are found. A table first shows the fields of the filter and of the order, then as many
    metrics and params as fit. If no run matches, the table is empty and the exit code is still 0.
    """
    store = stores.open_store(uri)
    names, ids = _experiments(store, experiment_ids, experiment_names, view)
    number, limit = choosing.view_type(view), _limit(max_results, form)
    if form == "csv" and not columns:
        write_runs(store.search_run_columns(ids, filter_string, number, limit, order_by), None)
        return
    found = store.all_runs(ids, filter_string, number, limit, order_by)
    if form == "json" and not columns:
        output.print_parts(text_tables.json_list(run.to_dictionary() for run in found))
        return
    if columns:
        fields = runs_columns.parse_fields(columns)
        shown, rows = runs_columns.table_of(store, found, fields)
    else:
        some = {run.info.experiment_id: names[run.info.experiment_id] for run in found}
        base = runs_columns.shown_columns(some, view)
        fields = [
            *runs_columns.mentioned_fields(filter_string, order_by),
            *runs_columns.logged_fields(found),
        ]
        extra, cells = runs_columns.table_of(store, found, list(dict.fromkeys(fields)))
        # What was logged matters more here than when: times come last, and go first.
        times = [at for at, column in enumerate(base) if column.kind in (TIME, DURATION)]
        own = [at for at in range(len(base)) if at not in times]
        shown = [
            *(base[at] for at in own),
            *runs_columns.with_short_titles(extra),
            *(base[at]._replace(optional=True) for at in times),
        ]
        rows = []
        for run, row in zip(found, cells, strict=True):
            about = runs_columns.cells(run.info, names)
            rows.append([*(about[at] for at in own), *row, *(about[at] for at in times)])
    output.print_rows(shown, rows, form, "--columns chooses, --json has all", EMPTY)
    _hint_if_more(found.token is not None, len(found), max_results)


@runs.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@options.experiment_options(many=True)
@options.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="Sort by this, such as 'metrics.loss' or 'start_time DESC'; may be repeated.",
)
@click.option("--max-results", type=click.IntRange(1), metavar="N", help="Export at most N.")
@click.option(
    "-o", "--filename", metavar="FILE", help="Write to this file instead of standard output."
)
@options.tracking_uri_option
def csv(
    filter_string: str,
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    filename: str | None,
    uri: str | None,
) -> None:
    """Export runs as CSV.

    Exports all runs, or those that match FILTER. The columns are those of `runlog.search_runs`.
    """
    store = stores.open_store(uri)
    _, ids = _experiments(store, experiment_ids, experiment_names, view)
    number = choosing.view_type(view)
    write_runs(
        store.search_run_columns(ids, filter_string, number, max_results, order_by), filename
    )


def _experiments(
    store: Store, ids: Sequence[str], names: Sequence[str], view: str
) -> tuple[dict[str, str], list[str]]:
    found = choosing.chosen_experiments(store, ids, names, choosing.view_type(view))
    by_id = {each.experiment_id: each.name for each in found}
    return by_id, list(by_id)


def _limit(max_results: int | None, form: str | None) -> int | None:
    on_terminal = form is None and sys.stdout.isatty()
    return SCREENFUL if max_results is None and on_terminal else max_results


def _hint_if_more(more: bool, shown: int, max_results: int | None) -> None:
    if more and max_results is None:
        output.hint(f"These are the first {shown}; --max-results shows more.")


# -- the trash ------------------------------------------------------------------------------


@runs.command()
@options.run_arguments(many=True)
@options.output_options
@options.tracking_uri_option
def delete(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Move runs to the trash.

    `runlog runs restore` brings them back, until `runlog gc` deletes them permanently.
    """
    given = choosing.named_runs(runs, run_ids)
    output.print_done(form, _moved(stores.open_store(uri), given, "deleted"))


@runs.command()
@options.run_arguments(many=True)
@options.output_options
@options.tracking_uri_option
def restore(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Restore runs from the trash."""
    given = choosing.named_runs(runs, run_ids)
    output.print_done(form, _moved(stores.open_store(uri), given, "active"))


def _moved(store: Store, given: Sequence[str], stage: str) -> Iterator[tuple[str, output.Facts]]:
    """Move runs to that lifecycle stage, and report each."""
    to_trash = stage == "deleted"
    found = [store.get_run(choosing.full_run_id(store, each)).info for each in given]
    for info in found:  # all are found, or nothing is done
        if info.lifecycle_stage == stage:
            done = "unchanged"
            text = "was in the trash already" if to_trash else "was active already"
        elif to_trash:
            store.delete_run(info.run_id)
            done, text = "deleted", "is in the trash"
        else:
            store.restore_run(info.run_id)
            done, text = "restored", "is restored"
        facts = {"done": done, "run_id": info.run_id, "run_name": info.run_name}
        yield f"Run {info.run_id} {text}", facts
