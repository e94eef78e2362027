"""runlog copy: everything, or a part of it, from one store to another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from runlog.commands import choosing, options, output, stores
from runlog.text_tables import TEXT, Column, counted

if TYPE_CHECKING:
    from runlog.copying.copy import Outcome
    from runlog.entities import Experiment
    from runlog.store import Store

COLUMNS = [Column("kind", TEXT), Column("source", TEXT), Column("target", TEXT)]


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@options.experiment_options(many=True)
@click.option(
    "--filter",
    "filter_string",
    metavar="FILTER",
    help='Copy only runs that match, such as "metrics.loss < 0.1".',
)
@options.view_option
@click.option(
    "--artifacts",
    is_flag=True,
    help="Also copy the files of the runs, to where DST stores those of new experiments. Without "
    "this option, the copied runs refer to the files where they are now.",
)
@click.option(
    "--artifact-root",
    metavar="URI",
    help="With --artifacts: where to store the files of experiments that are created. Only for a "
    "database; a server decides for itself.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Copy nothing: count what SRC has, and what of it DST has already.",
)
@options.output_options
@click.pass_context
def copy(
    context: click.Context,
    source: str,
    target: str,
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    filter_string: str | None,
    view: str,
    artifacts: bool,
    artifact_root: str | None,
    dry_run: bool,
    form: str | None,
) -> None:
    """Copy experiments with their runs, histories, inputs and models to another store.

    SRC and DST are tracking URIs: files, databases or servers. Runs keep their ids, times and
    stages; experiments are matched by name. All registered models go along; if you choose
    experiments or runs, those with versions from these runs. You can interrupt the command at any
    time: it continues when you call it again, and copies nothing twice. At the end it counts
    everything on both sides; the exit code is 1 if the numbers differ. If a run is logged to
    meanwhile, its state at some moment is copied, and a note tells you so. MLflow servers choose
    the ids of runs themselves; there, the tag runlog.copyOf holds the original id.
    """
    from runlog.copying import copy as copying
    from runlog.copying import selection

    if artifact_root and not artifacts:
        raise click.UsageError("--artifact-root goes with --artifacts.")
    there = stores.open_store(source)
    number = choosing.view_type(view)
    chosen = _experiments(there, experiment_ids, experiment_names, number)
    everything = not (experiment_ids or experiment_names or filter_string)
    choice = selection.Selection(chosen, filter_string, number, artifacts, everything)
    with target_store(target, artifact_root, dry_run) as here, output.progress("Copying") as done:
        if dry_run or here is None:
            counts = selection.count(selection.Selected(there, choice), here)
            outcome = copying.Outcome(counts, {}, {})
        else:
            outcome = copying.copy(there, here, choice, done)
    output.print_rows(COLUMNS, outcome.counts, form)
    report_files_elsewhere(outcome, target, artifacts)
    if artifacts and outcome.refused:
        context.exit(1)
    if outcome.live:
        output.report(
            "note",
            f"{counted(outcome.live, 'run')} continued while they were copied: copy again to bring "
            "the rest",
        )
    if not dry_run and not outcome.is_complete:
        output.report("error", "the numbers differ: copy again to bring what is missing")
        context.exit(1)


def report_files_elsewhere(outcome: Outcome, target: str, artifacts: bool) -> None:
    """Report the files that stay where they are, and those that nobody has allowed to be opened."""
    for location, count in outcome.left_behind.items():
        output.report(
            "warning",
            f"the files of {counted(count, 'run')} stay in {location}, to which {target} does not "
            "refer: to copy them too, run the command again with --artifacts",
        )
    for location, count in outcome.refused.items():
        files = f"the files of {counted(count, 'run')}"
        allow = f"runlog artifacts allow {location}"
        if artifacts:
            output.report(
                "error",
                f"{files} were not copied: nobody has allowed stores to open {location} on this "
                f"machine. If you trust it, run  {allow}  and copy again",
            )
        else:
            output.report(
                "warning",
                f"{files} stay at {location}, which {target} may not open on this machine: allow "
                f"it with  {allow}  or copy again with --artifacts",
            )


@contextmanager
def target_store(uri: str, artifact_root: str | None, dry_run: bool) -> Iterator[Store | None]:
    """Open the store to copy to; yield None for a dry run if it does not exist."""
    from runlog import tracking_uri
    from runlog.storage import allowed
    from runlog.store import open_store

    if artifact_root and uri.partition(":")[0] in ("http", "https", "databricks"):
        raise click.UsageError(
            "--artifact-root is only for a database: a server decides for itself."
        )
    path = stores.database_path(uri)
    if dry_run and path is not None and not os.path.lexists(path):
        yield None
        return
    stores.report_new_file(path)
    store = open_store(tracking_uri.absolute(uri), artifact_root)
    if artifact_root:
        allowed.remember(artifact_root)
    try:
        yield store
    finally:
        store.close()


def _experiments(
    store: Store, ids: Sequence[str], names: Sequence[str], view: int
) -> list[Experiment]:
    """Return those that options name, or all. Not those of the environment, which are for
    logging."""
    from runlog.entities import ViewType

    if ids or names:
        return [
            *(store.get_experiment(each) for each in ids),
            *(store.get_experiment_by_name(each) for each in names),
        ]
    active = view == ViewType.ACTIVE_ONLY
    found = store.all_experiments(ViewType.ACTIVE_ONLY if active else ViewType.ALL)
    return sorted(found, key=lambda each: int(each.experiment_id))
