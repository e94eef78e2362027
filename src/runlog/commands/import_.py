"""runlog import: runs of other trackers, brought into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlog.commands import copy as copying
from runlog.commands import options, output
from runlog.importers.kinds import KINDS
from runlog.text_tables import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlog.entities import Experiment
    from runlog.importers.source import Source

SKIPPED = 3  # the exit code when something could not be read


@click.command("import")
@click.argument("source", metavar="SOURCE")
@click.option(
    "--to",
    "target",
    metavar="URI",
    help="The store to import into: a file, a database or a server. By default the tracking URI.",
)
@click.option(
    "--from",
    "kind",
    type=click.Choice(list(KINDS)),
    help="What SOURCE is. By default it is recognised.",
)
@click.option(
    "--experiment",
    "experiments",
    metavar="NAME",
    multiple=True,
    help="Import only this experiment, by name or id; may be repeated.",
)
@click.option(
    "--filter",
    "filter_string",
    metavar="FILTER",
    help='Import only runs that match, such as "metrics.loss < 0.1".',
)
@click.option(
    "--since",
    metavar="TIME",
    callback=options.time_before,
    help="Import only runs that ended, or still went on, after this time: a date such as "
    "2030-01-31, or 30d for 30 days ago.",
)
@click.option(
    "--artifacts",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="A folder with the files of the runs, if they are no longer where SOURCE says.",
)
@click.option("--no-artifacts", is_flag=True, help="Leave the files of the runs where they are.")
@click.option("--dry-run", is_flag=True, help="Import nothing: count what would come.")
@options.output_options
@click.pass_context
def import_(
    context: click.Context,
    source: str,
    target: str | None,
    kind: str | None,
    experiments: tuple[str, ...],
    filter_string: str | None,
    since: int | None,
    artifacts: str | None,
    no_artifacts: bool,
    dry_run: bool,
    form: str | None,
) -> None:
    """Import the runs of another tracker: MLflow's folder `mlruns`, or its database.

    Runs keep their ids, names, times, users, states and all points; experiments are matched by
    name. SOURCE is never written to. Call the command again to bring what is new or has grown: what
    has not changed takes no time. You can interrupt it at any time. At the end everything is
    counted on both sides; the exit code is 1 if the numbers differ, and 3 if something of SOURCE
    could not be read: it is named.
    """
    from runlog import tracking_uri
    from runlog.importers.import_runs import import_runs
    from runlog.importers.kinds import open_source

    opened = open_source(source, kind, artifacts)
    opened.since = since
    chosen = _chosen(opened, experiments)
    uri = target or tracking_uri.get_tracking_uri()
    with copying.target_store(uri, None, dry_run) as here, output.progress("Importing") as done:
        found = import_runs(opened, here, chosen, filter_string, not no_artifacts, dry_run, done)
    output.print_rows(copying.COLUMNS, found.outcome.counts, form)
    if found.unchanged:
        output.report("note", f"{counted(found.unchanged, 'run')} had not changed")
    copying.report_files_elsewhere(found.outcome, uri, not no_artifacts)
    for problem in opened.problems:
        output.report("warning", f"left out: {problem.where}: {problem.why}")
    if not dry_run and not found.outcome.is_complete:
        output.report("error", "the numbers differ: import again to bring what is missing")
        context.exit(1)
    if opened.problems or found.outcome.refused:
        context.exit(SKIPPED)


def _chosen(source: Source, names: Sequence[str]) -> list[Experiment]:
    """Return the experiments that are named, or all."""
    found = source.experiments()
    if not names:
        return found
    chosen = [each for each in found if {each.name, each.experiment_id} & {*names}]
    known = {text for each in chosen for text in (each.name, each.experiment_id)}
    for name in names:
        if name not in known:
            raise click.UsageError(f"There is no experiment {name!r} in {source.uri}.")
    return chosen
