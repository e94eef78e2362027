"""runlog gc: permanently delete what is in the trash."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import choosing, completers, options, output, stores
from runlog.text_tables import ID, TEXT, TIME, Column, counted

if TYPE_CHECKING:
    from runlog.sqlstore.store import SqlStore


@click.command()
@click.option(
    "--older-than",
    metavar="SPAN",
    callback=options.duration,
    help="Delete only what has been in the trash for this long: 30d, 12h, 1d2h3m4s, 1.5d.",
)
@click.option(
    "--run-ids",
    metavar="IDS",
    shell_complete=completers.complete_runs,
    help="Delete only these runs, separated by commas, and no experiments.",
)
@click.option(
    "--experiment-ids",
    metavar="IDS",
    shell_complete=completers.complete_experiment_ids,
    help="Delete only these experiments and their runs, separated by commas.",
)
@click.option(
    "--artifacts-destination",
    "artifacts",
    metavar="URI",
    help="Where the server of this database stores artifacts, if you started `runlog serve` with "
    "this option.",
)
@click.option("--dry-run", is_flag=True, help="Delete nothing: show what would be deleted.")
@click.option(
    "--no-vacuum",
    is_flag=True,
    help="Do not shrink the database file: leave the freed space in it for reuse.",
)
@click.option(
    "--backend-store-uri", "backend_uri", metavar="URI", help="The same as --tracking-uri."
)
@options.output_options
@options.tracking_uri_option
def gc(
    older_than: int,
    run_ids: str | None,
    experiment_ids: str | None,
    artifacts: str | None,
    dry_run: bool,
    no_vacuum: bool,
    backend_uri: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Permanently delete what is in the trash.

    Deletes runs with their files, and then the experiments that are left empty. It does not ask:
    use --dry-run to see what would be deleted. Active runs are safe; naming one is an error.
    Afterwards the database file is shrunk, as by `runlog db vacuum`.

    Unless you name runs or experiments, it also deletes what killed uploads have left in the folder
    of artifacts: hidden files that nobody has written to for a day.
    """
    store = stores.open_database(backend_uri or uri)
    if artifacts:
        from runlog.store_uri import artifact_root

        store = store.with_artifact_root(artifact_root(artifacts))
    runs = (
        None if run_ids is None else [choosing.full_run_id(store, each) for each in _split(run_ids)]
    )
    experiments = None if experiment_ids is None else _split(experiment_ids)
    files = _Files(store)
    unfinished = [*_unfinished(store)] if runs is None and experiments is None else []
    _report_versions(store, older_than, runs, experiments)
    if dry_run:
        _show_trash(store, older_than, runs, experiments, unfinished, form)
        return
    with output.progress("Deleting runs") as done:
        gone = store.gc(older_than, runs, experiments, files.delete, done, files.may_go)
    for path in unfinished:
        _remove(os.unlink, path)
    # A server uses the space again by itself.
    freed = _vacuum(store) if any(gone) and not no_vacuum and stores.is_file(store) else None
    if form:
        names = ("runs", "experiments", "freed_bytes", "unfinished_files")
        row = [*gone, freed, len(unfinished)]
        output.print_rows([Column(name, TEXT) for name in names], [row], form)
        return
    what = f"{counted(gone[0], 'run')} and {counted(gone[1], 'experiment')}"
    if unfinished:
        what += f", {counted(len(unfinished), 'unfinished file')}"
    click.echo(f"Deleted {what}" + (f", {text_tables.size(freed)} freed" if freed else ""))


def _report_versions(
    store: SqlStore, older_than: int, runs: list[str] | None, experiments: list[str] | None
) -> None:
    """Warn about versions of registered models that stay without their run and its files."""
    registry = store.registry
    if not registry.search_models(max_results=1):
        return
    gone = {each.run_id for each in store.trash(older_than, runs, experiments)[0]}
    names = [
        f"{each.name} {each.version}" for each in registry.search_versions() if each.run_id in gone
    ]
    if names:
        shown = ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
        output.report(
            "warning",
            f"{counted(len(names), 'version')} of registered models stay without the run that they "
            f"are from, and without its files: {shown}. Delete them with  runlog models delete "
            "NAME --version N",
        )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


COLUMNS = [
    Column("kind", TEXT),
    Column("id", ID),
    Column("name", TEXT, least=12),
    Column("start_time", TIME),
    Column("files", TEXT, least=20, optional=True),
]


def _show_trash(
    store: SqlStore,
    older_than: int,
    run_ids: list[str] | None,
    experiment_ids: list[str] | None,
    unfinished: list[str],
    form: str | None,
) -> None:
    runs, experiments = store.trash(older_than, run_ids, experiment_ids)
    rows: list[tuple[object, ...]] = [
        ("run", run.run_id, run.run_name, run.start_time, run.artifact_uri) for run in runs
    ]
    for each in experiments:
        rows.append(("experiment", each.experiment_id, each.name, each.creation_time, None))
    for path in unfinished:
        changed = int(os.path.getmtime(path) * 1000)
        rows.append(("file", None, os.path.basename(path), changed, path))
    output.print_rows(COLUMNS, rows, form)
    files = _Files(store)
    for run in runs:
        files.may_go(run.run_id, run.artifact_uri)
    output.hint("Nothing was deleted.")


class _Files:
    """The files of the runs that go: what of them may be deleted, and how."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._left_alone: set[str] = set()

    def may_go(self, run_id: str, uri: str) -> bool:
        """Return whether a run may leave the trash. It stays there if its files are where this user
        has not allowed the store to delete anything. Files at a location that is not the run's own
        are left alone."""
        from runlog.artifacts import LocationRefused
        from runlog.errors import InvalidParameter
        from runlog.storage import opening

        try:
            if not opening.is_named_after(uri, run_id):
                self._leave(uri, f"the location does not end in {run_id}/artifacts")
                return True
            opening.check(self._store, uri)
        except LocationRefused as error:
            if opening.is_there(uri):
                output.report("warning", f"run {run_id} stays in the trash: {error.message}")
                return False
            self._left_alone.add(uri)
        except InvalidParameter as error:
            self._leave(uri, error.message)
        return True

    def _leave(self, uri: str, reason: str) -> None:
        output.report("warning", f"files at {uri} are left alone: {reason}")
        self._left_alone.add(uri)

    def delete(self, uri: str) -> None:
        """Delete the files of a run that goes."""
        from runlog.errors import InvalidParameter, MissingExtra
        from runlog.storage.opening import opened

        if uri in self._left_alone:
            return
        try:
            repo = opened(self._store, uri)
        except (InvalidParameter, MissingExtra) as error:  # a place that is not reached from here
            self._leave(uri, error.message)
            return
        repo.delete()
        if uri.startswith(self._store.artifact_root + "/"):
            run_folder = os.path.dirname(uri)
            _remove(os.rmdir, run_folder)
            _remove(os.rmdir, os.path.dirname(run_folder))


def _remove(action: Callable[[str], None], path: str) -> None:
    try:
        action(path)
    except OSError:  # not there any more; a folder that is not empty
        pass


def _unfinished(store: SqlStore) -> Iterator[str]:
    """Return what killed uploads have left. A day is longer than any that still goes on is
    silent."""
    from runlog.artifacts import LocationRefused
    from runlog.clock import now
    from runlog.storage.opening import check
    from runlog.storage.sweep import abandoned

    try:
        check(store, store.artifact_root)
    except LocationRefused:  # the folder is a link that leads elsewhere
        return iter(())
    return abandoned(store.artifact_root, now() / 1000 - 86_400)


def _vacuum(store: SqlStore) -> int | None:
    from runlog.db import maintenance
    from runlog.errors import StoreError

    try:
        with output.progress("Vacuuming") as done:
            before, after = maintenance.vacuum(stores.file_of(store), done)
    except StoreError as error:  # what had to go is gone all the same
        output.report("warning", f"the database file was not shrunk: {error.message}")
        return None
    return before - after
