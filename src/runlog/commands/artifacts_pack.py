"""runlog artifacts verify, pack, unpack: check files, and move them into a database and out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import choosing, options, output, stores
from runlog.text_tables import ID, TEXT, Column, counted

if TYPE_CHECKING:
    from runlog.copying.pack import Moved, Progress
    from runlog.entities import RunInfo
    from runlog.sqlstore.store import SqlStore
    from runlog.store import Store

_SHARE = 1000  # steps of a progress bar for each run


COLUMNS = [
    Column("run_id", ID),
    Column("path", TEXT, least=12),
    Column("state", TEXT),
    Column("about", TEXT, least=20),
]


@click.command()
@options.run_arguments(many=True)
@options.experiment_options(many=True)
@options.view_option
@options.output_options
@options.tracking_uri_option
@click.pass_context
def verify(
    context: click.Context,
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    form: str | None,
    uri: str | None,
) -> None:
    """Read files and check that they are what was logged.

    Checks the files of the runs or of the experiments that you name, or of all runs. A file is
    `damaged` if its size or SHA-256 has changed, `missing`, `unreadable`, or `unrecorded` if it was
    stored without runlog, so that there is nothing to compare it with. The exit code is 1 if there
    is any file that is damaged, missing or unreadable.
    """
    from runlog.artifacts import LocationRefused
    from runlog.storage.opening import opened
    from runlog.storage.verify import UNREADABLE, UNRECORDED
    from runlog.storage.verify import verify as verified

    store = stores.open_store(uri)
    chosen = _chosen(store, [*run_ids, *runs], experiment_ids, experiment_names, view)
    found, files = [], 0
    with output.progress("Verifying") as done:
        for count, info in enumerate(chosen):
            recorded = store.get_digests(info.run_id)
            files += len(recorded)
            try:
                repo = opened(store, info.artifact_uri)
            except LocationRefused as error:
                found.append((info.run_id, "", UNREADABLE, error.message))
                continue
            found += [
                (info.run_id, *finding)
                for finding in verified(repo, recorded, _share(done, count, len(chosen)))
            ]
            done((count + 1) * _SHARE, len(chosen) * _SHARE)
    wrong = sum(1 for each in found if each[2] != UNRECORDED)
    if form or found:
        output.print_rows(COLUMNS, found, form)
    if not form:
        verdict = f"{wrong} of them wrong" if wrong else "as they were logged"
        output.hint(f"{counted(files, 'file')} of {counted(len(chosen), 'run')}, {verdict}")
    context.exit(1 if wrong else 0)


def _share(done: Callable[[int, int], None], count: int, runs: int) -> Callable[[int, int], None]:
    """Return a function that reports progress within a run as a part of that of all runs."""
    return lambda part, all_of_it: done(
        count * _SHARE + part * _SHARE // max(all_of_it, 1), runs * _SHARE
    )


def _chosen(
    store: Store, given: Sequence[str], ids: Sequence[str], names: Sequence[str], view: str
) -> list[RunInfo]:
    """Return the runs that a command line names, those of the experiments that it names, or all."""
    if given and (ids or names):
        raise click.UsageError("Name runs, or experiments, not both.")
    if given:
        return [store.get_run(choosing.full_run_id(store, each)).info for each in given]
    number = choosing.view_type(view)
    experiments = choosing.chosen_experiments(store, ids, names, number)
    everywhere = [each.experiment_id for each in experiments]
    return [run.info for run in store.all_runs(everywhere, None, number)]


@click.command()
@options.run_arguments(many=True)
@options.experiment_options(many=True)
@options.output_options
@options.tracking_uri_option
def pack(**given: Any) -> None:
    """Move the files of runs into the database, so that you have only one file to carry.

    `sqlite3 runlog.db -A --list` lists them, and runlog finds them as before. Runs that are still
    running are skipped. You can interrupt the command at any time; it continues when you call it
    again.
    """
    from runlog.copying import pack as packing

    _move(packing.pack, "Packing", "packed", **given)


@click.command()
@options.run_arguments(many=True)
@options.experiment_options(many=True)
@options.output_options
@options.tracking_uri_option
def unpack(**given: Any) -> None:
    """Move the files of runs out of the database.

    They are moved to the artifact location of their experiment, or to the folder beside the
    database. Call `runlog db vacuum` afterwards to shrink the database file. You can interrupt the
    command at any time, as you can `pack`.
    """
    from runlog.copying import pack as packing

    _move(packing.unpack, "Unpacking", "unpacked", **given)


def _move(
    action: Callable[[SqlStore, RunInfo, Progress], Moved],
    label: str,
    done_word: str,
    runs: Sequence[str],
    run_ids: Sequence[str],
    experiment_ids: Sequence[str],
    experiment_names: Sequence[str],
    form: str | None,
    uri: str | None,
) -> None:
    if not (runs or run_ids or experiment_ids or experiment_names):
        raise click.UsageError("Name runs (RUN or --run-id ID) or an experiment.")
    store = stores.open_file(uri)
    chosen = _chosen(store, [*run_ids, *runs], experiment_ids, experiment_names, "active_only")
    if experiment_ids or experiment_names:
        chosen = [*_ended(chosen)]
    files = size = 0
    facts: list[output.Facts] = []
    with output.progress(label) as done:
        for count, info in enumerate(chosen):
            moved = action(store, info, _share(done, count, len(chosen)))
            files, size = files + moved.files, size + moved.bytes
            facts.append(
                {
                    "done": done_word if moved.files else "unchanged",
                    "run_id": info.run_id,
                    "files": moved.files,
                    "bytes": moved.bytes,
                }
            )
            for location in moved.left_at:
                output.report(
                    "warning", f"{location} has files that do not belong to run {info.run_id}"
                )
            done((count + 1) * _SHARE, len(chosen) * _SHARE)
    what = f"{counted(files, 'file')} ({text_tables.size(size)}) of {counted(len(chosen), 'run')}"
    if form:
        output.print_facts(form, facts)
    else:
        click.echo(f"{label} is done: {what}")


def _ended(runs: Iterable[RunInfo]) -> Iterable[RunInfo]:
    from runlog.entities import RunStatus

    for info in runs:
        if RunStatus.is_terminated(info.status):
            yield info
        else:
            output.report("warning", f"run {info.run_id} is {info.status}: skipped")
