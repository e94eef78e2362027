"""runlog experiments: make, find, rename, delete, restore, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import common
from runlog.commands.export import write_runs
from runlog.text_tables import TEXT, TIME, Column

if TYPE_CHECKING:
    from runlog.entities import Experiment
    from runlog.store import Store


@click.group()
def experiments() -> None:
    """Make, find, rename and delete experiments."""


@experiments.command()
@click.option("-n", "--experiment-name", metavar="NAME", required=True, help="Its name.")
@click.option(
    "-l",
    "--artifact-location",
    metavar="PATH",
    help="Where files of its runs go; by default a folder beside the database.",
)
@common.output_options
@common.place_option
def create(
    experiment_name: str, artifact_location: str | None, form: str | None, uri: str | None
) -> None:
    """Make an experiment, and the database if there is none yet."""
    from runlog.client import RunlogClient

    common.open_store(uri, make=True)
    number = RunlogClient(uri).create_experiment(experiment_name, artifact_location)
    said = f"Created experiment '{experiment_name}' with id {number}"
    _print_done(form, said, "created", number, experiment_name)


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
@common.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="What to sort by, such as 'name' or 'creation_time DESC'; may be repeated.",
)
@click.option(
    "--max-results", type=click.IntRange(1), metavar="N", help="Show no more than so many."
)
@common.output_options
@common.place_option
def search(
    filter_string: str,
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List experiments, newest first.

    FILTER is such as "name LIKE 'digits%'"; without one all are shown.
    """
    found = common.open_store(uri).all_experiments(
        common.view_number(view), max_results, filter_string, order_by
    )
    columns = [
        column
        if column.name != "lifecycle_stage" or view != common.VIEWS[0]
        else column._replace(shown=False)
        for column in COLUMNS
    ]
    common.print_rows(columns, [_row(each, form) for each in found], form, empty=EMPTY)


experiments.add_command(search, "search")
experiments.add_command(search, "list")


@experiments.command()
@common.experiment_options()
@click.option(
    "--output", type=click.Choice(["table", "json"]), metavar="FORM", help="json is --json."
)
@common.output_options
@common.place_option
def get(
    experiment_id: str | None,
    experiment_name: str | None,
    output: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Show all that is known of an experiment."""
    _, experiment = _found(experiment_id, experiment_name, uri)
    if form == "json" or output == "json":
        click.echo(text_tables.json_text(dict(experiment), indent=2))
        return
    if form == "csv":
        common.print_rows(COLUMNS, [_row(experiment, form)], form)
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
@common.experiment_options()
@click.option("--new-name", metavar="NAME", required=True, help="The name it gets.")
@common.output_options
@common.place_option
def rename(
    experiment_id: str | None,
    experiment_name: str | None,
    new_name: str,
    form: str | None,
    uri: str | None,
) -> None:
    """Give an experiment another name."""
    store, experiment = _found(experiment_id, experiment_name, uri)
    store.rename_experiment(experiment.experiment_id, new_name)
    said = f"Experiment {experiment.experiment_id} is now called '{new_name}'"
    _print_done(form, said, "renamed", experiment.experiment_id, new_name)


@experiments.command()
@common.experiment_options()
@common.output_options
@common.place_option
def delete(
    experiment_id: str | None, experiment_name: str | None, form: str | None, uri: str | None
) -> None:
    """Move an experiment and its runs to the trash.

    `runlog experiments restore` brings them back, until `runlog gc` deletes them for good.
    """
    store, experiment = _found(experiment_id, experiment_name, uri)
    store.delete_experiment(experiment.experiment_id)
    said = f"Experiment {experiment.experiment_id} ('{experiment.name}') is in the trash"
    _print_done(form, said, "deleted", experiment.experiment_id, experiment.name)


@experiments.command()
@common.experiment_options()
@common.output_options
@common.place_option
def restore(
    experiment_id: str | None, experiment_name: str | None, form: str | None, uri: str | None
) -> None:
    """Bring an experiment back from the trash, with the runs that went with it."""
    store, experiment = _found(experiment_id, experiment_name, uri)
    store.restore_experiment(experiment.experiment_id)
    said = f"Experiment {experiment.experiment_id} ('{experiment.name}') is restored"
    _print_done(form, said, "restored", experiment.experiment_id, experiment.name)


def _print_done(form: str | None, said: str, done: str, number: str, name: str) -> None:
    common.print_done(form, [(said, {"done": done, "experiment_id": number, "name": name})])


@experiments.command()
@common.experiment_options()
@click.option("-o", "--filename", metavar="FILE", help="Write to this file, not to the screen.")
@common.place_option
def csv(
    experiment_id: str | None, experiment_name: str | None, filename: str | None, uri: str | None
) -> None:
    """Export an experiment's runs as CSV.

    The columns are those of `runlog.search_runs`.
    """
    store, experiment = _found(experiment_id, experiment_name, uri)
    write_runs(store.search_run_columns([experiment.experiment_id]), filename)


def _found(
    experiment_id: str | None, experiment_name: str | None, uri: str | None
) -> tuple[Store, Experiment]:
    store = common.open_store(uri)
    return store, common.one_experiment(store, experiment_id, experiment_name)
