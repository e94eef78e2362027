"""runlog runs create: create a run by hand, for something that was not logged as it ran."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import choosing, completers, options, output, stores

if TYPE_CHECKING:
    from runlog.store import Store

STATUSES = ["FINISHED", "FAILED", "KILLED"]


@click.command()
@options.experiment_options()
@click.option("--run-name", metavar="NAME", help="The name of the run; by default a random one.")
@click.option("--description", metavar="TEXT", help="A description of the run, in Markdown.")
@click.option(
    "-t", "--tags", metavar="KEY=VALUE", multiple=True, help="A tag of the run; may be repeated."
)
@click.option(
    "--status",
    type=click.Choice(STATUSES, case_sensitive=False),
    metavar="STATUS",
    default=STATUSES[0],
    show_default=True,
    help="The status of the run: FINISHED, FAILED or KILLED.",
)
@click.option(
    "--parent-run-id",
    metavar="ID",
    shell_complete=completers.complete_runs,
    help="The parent run, in which this one is nested.",
)
@options.output_options
@options.tracking_uri_option
def create(
    experiment_id: str | None,
    experiment_name: str | None,
    run_name: str | None,
    description: str | None,
    tags: tuple[str, ...],
    status: str,
    parent_run_id: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Create a run and end it at once, so that you can log to it or annotate it later.

    The experiment is that of -x or -n, or else of RUNLOG_EXPERIMENT_NAME or RUNLOG_EXPERIMENT_ID.
    If there is no experiment with that name, it is created. If standard output is not a terminal,
    prints JSON in the format of `mlflow runs create`.
    """
    from runlog import context
    from runlog.client import RunlogClient
    from runlog.entities import NOTE, PARENT_RUN_ID

    given = _tags(tags)
    store = stores.open_store(uri, create=True)
    if description is not None:
        given[NOTE] = description
    if parent_run_id is not None:
        given[PARENT_RUN_ID] = choosing.full_run_id(store, parent_run_id)
    experiment = _experiment_id(store, experiment_id, experiment_name)
    client = RunlogClient(uri)
    info = client.create_run(
        experiment, tags={**context.default_tags(), **given}, run_name=run_name
    ).info
    client.set_terminated(info.run_id, status)
    _print(form, info.run_id, experiment, status, str(info.run_name))


def _tags(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{each!r} is not a tag: write KEY=VALUE.")
        if key in found:
            raise click.UsageError(f"The tag {key!r} is given twice.")
        found[key] = value
    return found


def _experiment_id(store: Store, number: str | None, name: str | None) -> str:
    from runlog.errors import NotFound
    from runlog.settings import setting

    if number is None and name is None:
        name = setting("EXPERIMENT_NAME")
        number = None if name else setting("EXPERIMENT_ID")
    if name is None or number is not None:
        return choosing.one_experiment(store, number, name).experiment_id
    try:
        return store.get_experiment_by_name(name).experiment_id
    except NotFound:
        return store.create_experiment(name)


def _print(form: str | None, run_id: str, experiment: str, status: str, name: str) -> None:
    facts = {"run_id": run_id, "experiment_id": experiment, "status": status, "run_name": name}
    if form is None and not sys.stdout.isatty():
        click.echo(text_tables.json_text(facts, indent=2))
        return
    said = f"Created run {run_id} ({name}) in experiment {experiment}"
    output.print_done(form, [(said, {"done": "created", **facts})])
