"""runlog experiments: create, find, rename, delete, restore, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import choosing, options, output, stores
from runlog.commands.runs_csv import write_runs
from runlog.text_tables import TEXT, TIME, Column

if TYPE_CHECKING:
    from runlog.entities import Experiment
    from runlog.store import Store


@click.group()
def experiments() -> None:
    """Create, find, rename and delete experiments."""


@experiments.command()
@click.option(
    "-n", "--experiment-name", metavar="NAME", required=True, help="The name of the experiment."
)
@click.option(
    "-l",
    "--artifact-location",
    metavar="PATH",
    help="Where to store the files of its runs; by default in a folder beside the database.",
)
@options.output_options
@options.tracking_uri_option
def create(
    experiment_name: str, artifact_location: str | None, form: str | None, uri: str | None
) -> None:
    """Create an experiment, and the database if it does not exist."""
    from runlog.client import RunlogClient

    stores.open_store(uri, create=True)
    number = RunlogClient(uri).create_experiment(experiment_name, artifact_location)
    message = f"Created experiment '{experiment_name}' with id {number}"
    _print_done(form, message, "created", number, experiment_name)


EMPTY = "There are no such experiments."
COLUMNS = [
    Column("experiment_id", TEXT),
    Column("name", TEXT, least=16),
    Column("lifecycle_stage", TEXT),
    Column("creation_time", TIME),
    Column("last_update_time", TIME, optional=True),
    Column("artifact_location", TEXT, least=20, optional=True),
    Column("tags", TEXT, shown=False),
]


@click.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@options.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="Sort by this, such as 'name' or 'creation_time DESC'; may be repeated.",
)
@click.option("--max-results", type=click.IntRange(1), metavar="N", help="Show at most N.")
@options.output_options
@options.tracking_uri_option
def search(
    filter_string: str,
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List experiments, newest first.

    FILTER is an expression such as "name LIKE 'digits%'". Without it, all experiments are listed.
    """
    found = stores.open_store(uri).all_experiments(
        choosing.view_type(view), max_results, filter_string, order_by
    )
    columns = [
        column
        if column.name != "lifecycle_stage" or view != options.VIEWS[0]
        else column._replace(shown=False)
        for column in COLUMNS
    ]
    output.print_rows(columns, [_row(each, form) for each in found], form, empty=EMPTY)


experiments.add_command(search, "search")
experiments.add_command(search, "list")


@experiments.command()
@options.experiment_options()
@click.option(
    "--output",
    "output_format",
    type=click.Choice(["table", "json"]),
    metavar="FORM",
    help="json is the same as --json.",
)
@options.output_options
@options.tracking_uri_option
def get(
    experiment_id: str | None,
    experiment_name: str | None,
    output_format: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Show the details of an experiment."""
    _, experiment = _store_and_experiment(experiment_id, experiment_name, uri)
    if form == "json" or output_format == "json":
        click.echo(text_tables.json_text(dict(experiment), indent=2))
        return
    if form == "csv":
        output.print_rows(COLUMNS, [_row(experiment, form)], form)
        return
    row = zip(COLUMNS, _row(experiment, form), strict=True)
    shown = [(column.name.replace("_", " "), column.kind.show([value])[0]) for column, value in row]
    click.echo("\n".join(text_tables.pairs(shown)))


def _row(experiment: Experiment, form: str | None) -> list[object]:
    from runlog.text_tables import json_text

    row = [getattr(experiment, column.name) for column in COLUMNS]
    if form != "json":
        row[-1] = json_text(row[-1])
    return row


@experiments.command()
@options.experiment_options()
@click.option("--new-name", metavar="NAME", required=True, help="The new name.")
@options.output_options
@options.tracking_uri_option
def rename(
    experiment_id: str | None,
    experiment_name: str | None,
    new_name: str,
    form: str | None,
    uri: str | None,
) -> None:
    """Rename an experiment."""
    store, experiment = _store_and_experiment(experiment_id, experiment_name, uri)
    store.rename_experiment(experiment.experiment_id, new_name)
    message = f"Experiment {experiment.experiment_id} is now called '{new_name}'"
    _print_done(form, message, "renamed", experiment.experiment_id, new_name)


@experiments.command()
@options.experiment_options()
@options.output_options
@options.tracking_uri_option
def delete(
    experiment_id: str | None, experiment_name: str | None, form: str | None, uri: str | None
) -> None:
    """Move an experiment and its runs to the trash.

    `runlog experiments restore` brings them back, until `runlog gc` deletes them permanently.
    """
    store, experiment = _store_and_experiment(experiment_id, experiment_name, uri)
    store.delete_experiment(experiment.experiment_id)
    message = f"Experiment {experiment.experiment_id} ('{experiment.name}') is in the trash"
    _print_done(form, message, "deleted", experiment.experiment_id, experiment.name)


@experiments.command()
@options.experiment_options()
@options.output_options
@options.tracking_uri_option
def restore(
    experiment_id: str | None, experiment_name: str | None, form: str | None, uri: str | None
) -> None:
    """Restore an experiment from the trash, with the runs that were moved there with it."""
    store, experiment = _store_and_experiment(experiment_id, experiment_name, uri)
    store.restore_experiment(experiment.experiment_id)
    message = f"Experiment {experiment.experiment_id} ('{experiment.name}') is restored"
    _print_done(form, message, "restored", experiment.experiment_id, experiment.name)


def _print_done(form: str | None, message: str, done: str, number: str, name: str) -> None:
    output.print_done(form, [(message, {"done": done, "experiment_id": number, "name": name})])


@experiments.command()
@options.experiment_options()
@click.option(
    "-o", "--filename", metavar="FILE", help="Write to this file instead of standard output."
)
@options.tracking_uri_option
def csv(
    experiment_id: str | None, experiment_name: str | None, filename: str | None, uri: str | None
) -> None:
    """Export the runs of an experiment as CSV.

    The columns are those of `runlog.search_runs`.
    """
    store, experiment = _store_and_experiment(experiment_id, experiment_name, uri)
    write_runs(store.search_run_columns([experiment.experiment_id]), filename)


def _store_and_experiment(
    experiment_id: str | None, experiment_name: str | None, uri: str | None
) -> tuple[Store, Experiment]:
    store = stores.open_store(uri)
    return store, choosing.one_experiment(store, experiment_id, experiment_name)
