"""runlog copy: everything, or a part of it, from one store to another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from runlog.commands import common
from runlog.text_tables import TEXT, Column, counted

if TYPE_CHECKING:
    from runlog.entities import Experiment
    from runlog.store import Store

COLUMNS = [Column("kind", TEXT), Column("source", TEXT), Column("target", TEXT)]


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@common.experiment_options(many=True)
@click.option(
    "--filter",
    "filter_string",
    metavar="FILTER",
    help='Copy only runs that match, such as "metrics.loss < 0.1".',
)
@common.view_option
@click.option(
    "--artifacts",
    is_flag=True,
    help="Copy files too, to where DST keeps those of new experiments. Without it runs name the "
    "places where their files are now.",
)
@click.option(
    "--artifact-root",
    metavar="URI",
    help="With --artifacts, the place for files of experiments that are made in a database; "
    "a server has its own.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Copy nothing: count what there is to copy, and what of it DST has.",
)
@common.output_options
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
    """Copy experiments with their runs, histories, inputs and logged models to another store.

    SRC and DST are tracking URIs: files, databases, servers. Runs keep their ids, times and stages;
    experiments are found by their names. It can be interrupted at any time, and goes on when it is
    called again; what is there already is not copied twice. In the end everything is counted on
    both sides: the exit code is 1 if the numbers differ. A run that is logged to meanwhile is
    copied as it is at some moment, and a note says so. MLflow's servers choose ids themselves:
    there the tag runlog.copyOf has the first one.
    """
    from runlog.copying import copy as copying
    from runlog.copying import selection

    if artifact_root and not artifacts:
        raise click.UsageError("--artifact-root goes with --artifacts.")
    there = common.open_store(source)
    number = common.view_number(view)
    chosen = _experiments(there, experiment_ids, experiment_names, number)
    choice = selection.Selection(chosen, filter_string, number, artifacts)
    with _target(target, artifact_root, dry_run) as here, common.progress("Copying") as done:
        if dry_run or here is None:
            counts = selection.count(selection.Selected(there, choice), here)
            outcome = copying.Outcome(counts, {}, {})
        else:
            outcome = copying.copy(there, here, choice, done)
    common.print_rows(COLUMNS, outcome.counts, form)
    for place, count in outcome.left_behind.items():
        common.complain(
            "warning",
            f"the files of {counted(count, 'run')} stay in {place}, which {target} does not name: "
            "to bring them, copy again with --artifacts",
        )
    _say_refused(outcome.refused, target, artifacts)
    if artifacts and outcome.refused:
        context.exit(1)
    if outcome.live:
        common.complain(
            "note",
            f"{counted(outcome.live, 'run')} went on while copied, and the copy has what was there "
            "then: copy again to bring the rest",
        )
    if not dry_run and not outcome.is_complete:
        common.complain("error", "the numbers differ: copy again to bring what is missing")
        context.exit(1)


def _say_refused(refused: Mapping[str, int], target: str, artifacts: bool) -> None:
    for location, count in refused.items():
        files = f"the files of {counted(count, 'run')}"
        allow = f"runlog artifacts allow {location}"
        if artifacts:
            common.complain(
                "error",
                f"{files} were not copied: nobody has allowed stores to open {location} on this "
                f"machine. If that is right, call  {allow}  and copy again",
            )
        else:
            common.complain(
                "warning",
                f"{files} stay at {location}, which {target} may not open on this machine: allow "
                f"it with  {allow}  or copy again with --artifacts",
            )


@contextmanager
def _target(uri: str, artifact_root: str | None, dry_run: bool) -> Iterator[Store | None]:
    """The store to copy to; None where it is not there, and nothing is to be made."""
    from runlog import tracking_uri
    from runlog.storage import allowed
    from runlog.store import open_store

    if artifact_root and uri.partition(":")[0] in ("http", "https", "databricks"):
        raise click.UsageError("--artifact-root is for a database: a server has its own place.")
    path = common.database_path(uri)
    if dry_run and path is not None and not os.path.lexists(path):
        yield None
        return
    common.report_new_file(path)
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
    """Those that options name, or all. Not those of the environment, which are for logging."""
    from runlog.entities import ViewType

    if ids or names:
        return [
            *(store.get_experiment(each) for each in ids),
            *(store.get_experiment_by_name(each) for each in names),
        ]
    active = view == ViewType.ACTIVE_ONLY
    found = store.all_experiments(ViewType.ACTIVE_ONLY if active else ViewType.ALL)
    return sorted(found, key=lambda each: int(each.experiment_id))
