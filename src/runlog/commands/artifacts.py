"""runlog artifacts: the files of runs, in and out.

MLflow's clients for R and Java move files by calling these commands, so that names, output and
errors are an interface: `download` prints nothing but the local path, `list` prints JSON except on
a terminal, and a missing file's message holds the word FileNotFoundError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import artifacts_pack, choosing, options, output, stores
from runlog.text_tables import SIZE, TEXT, Column

if TYPE_CHECKING:
    from runlog.entities import FileInfo


@click.group()
def artifacts() -> None:
    """List, download, log and check the files of runs."""


for _command in (artifacts_pack.verify, artifacts_pack.pack, artifacts_pack.unpack):
    artifacts.add_command(_command)


COLUMNS = [Column("path", TEXT), Column("size", SIZE)]


@artifacts.command("list")
@options.run_arguments()
@click.option("-a", "--artifact-path", metavar="PATH", help="List this folder of the run.")
@options.output_options
@options.tracking_uri_option
def list_artifacts(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List the files and folders of a run, or of one of its folders.

    On a terminal, prints a table. Elsewhere, prints JSON in the format of `mlflow artifacts list`.
    """
    from runlog.client import RunlogClient

    found = RunlogClient(uri).list_artifacts(_run_id(runs, run_ids, uri), artifact_path)
    if form == "json" or (form is None and not sys.stdout.isatty()):
        output.print_parts(text_tables.json_list(_as_json(each) for each in found))
        return
    rows = [(each.path + "/" * (each.is_dir and form is None), each.file_size) for each in found]
    output.print_rows(COLUMNS, rows, form)


def _run_id(runs: Sequence[str], run_ids: Sequence[str], uri: str | None) -> str:
    """Return the full id of the one run that a command line names."""
    (given,) = choosing.named_runs(runs, run_ids, most=1)
    return choosing.full_run_id(stores.open_store(uri), given)


def _as_json(file: FileInfo) -> dict[str, object]:
    found: dict[str, object] = {"path": file.path, "is_dir": file.is_dir}
    if not file.is_dir:
        found["file_size"] = file.file_size
    return found


@artifacts.command()
@options.run_arguments()
@click.option(
    "-a", "--artifact-path", metavar="PATH", help="Download this file or folder of the run."
)
@click.option(
    "-u",
    "--artifact-uri",
    metavar="URI",
    help="Download from this location instead of RUN and -a: runs:/ID/PATH, "
    "models:/NAME/VERSION, a path or a URI.",
)
@click.option(
    "-d",
    "--dst-path",
    metavar="FOLDER",
    help="Copy to this folder, which is created if it does not exist. By default, files that are "
    "already on this machine are not copied.",
)
@options.output_options
@options.tracking_uri_option
def download(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    artifact_uri: str | None,
    dst_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Download a file, a folder or all files of a run, and print the local path."""
    from runlog.artifacts import download_artifacts
    from runlog.storage.paths import parse_runs_uri

    if bool(runs or run_ids) == (artifact_uri is not None):
        raise click.UsageError("Name what to download: RUN, --run-id ID or --artifact-uri URI.")
    if artifact_uri is not None and artifact_path is not None:
        raise click.UsageError("--artifact-path goes with --run-id, not with --artifact-uri.")
    if artifact_uri is not None and artifact_uri.startswith("runs:"):
        given, artifact_path = parse_runs_uri(artifact_uri)
        runs, artifact_uri = (given,), None
    run_id = _run_id(runs, run_ids, uri) if artifact_uri is None else None
    if run_id is not None and dst_path is not None:
        path = _copied(run_id, artifact_path, dst_path, uri)
    else:
        path = download_artifacts(artifact_uri, run_id, artifact_path, dst_path, uri)
    output.print_done(form, [(path, {"done": "downloaded", "path": path})])


def _copied(run_id: str, path: str | None, dst_path: str, uri: str | None) -> str:
    """Download the contents of a folder one by one, so that there is progress to show."""
    from runlog.artifacts import download_artifacts, list_artifacts

    pieces = list_artifacts(None, run_id, path, uri)
    if not pieces:  # a file, an empty folder, or nothing, which is an error
        return download_artifacts(None, run_id, path, dst_path, uri)
    with output.progress("Downloading") as done:
        for count, piece in enumerate(pieces, 1):
            download_artifacts(None, run_id, piece.path, dst_path, uri)
            done(count, len(pieces))
    return os.path.join(os.path.abspath(dst_path), *(path or "").strip("/").split("/")).rstrip("/")


def _logging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    to = click.option(
        "-a", "--artifact-path", metavar="PATH", help="Copy to this folder of the run."
    )
    return options.run_arguments()(to(options.output_options(options.tracking_uri_option(command))))


@artifacts.command("log-artifact")
@click.option("-l", "--local-file", metavar="FILE", required=True, help="The file to copy.")
@_logging_options
def log_artifact(
    local_file: str,
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Copy a local file to the files of a run."""
    from runlog.client import RunlogClient

    run_id = _run_id(runs, run_ids, uri)
    RunlogClient(uri).log_artifact(run_id, local_file, artifact_path)
    _report_logged(form, local_file, local_file, run_id, artifact_path)


@artifacts.command("log-artifacts")
@click.option(
    "-l", "--local-dir", metavar="FOLDER", required=True, help="The folder whose contents to copy."
)
@_logging_options
def log_artifacts(
    local_dir: str,
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Copy the contents of a local folder to the files of a run."""
    from runlog.client import RunlogClient

    run_id = _run_id(runs, run_ids, uri)
    RunlogClient(uri).log_artifacts(run_id, local_dir, artifact_path)
    _report_logged(form, local_dir, f"the content of {local_dir}", run_id, artifact_path)


@artifacts.command()
@click.argument("locations", metavar="[LOCATION]...", nargs=-1)
@click.option("--remove", is_flag=True, help="Stop allowing these locations.")
@options.output_options
def allow(locations: tuple[str, ...], remove: bool, form: str | None) -> None:
    """Allow stores to open these locations on this machine, or show what is allowed.

    A location is a folder, or a URI such as s3://bucket/path, with everything below it. You need
    not allow the folder of the store itself, nor folders that you passed to create_experiment on
    this machine. The list is stored in a file of yours, outside of every store.
    """
    from runlog.storage import allowed

    if not locations and remove:
        raise click.UsageError("Name the locations to remove.")
    if not locations:
        output.print_rows([Column("location", TEXT)], [(each,) for each in allowed.listed()], form)
        return
    word = "removed" if remove else "allowed"
    done: list[tuple[str, output.Facts]] = []
    for each in locations:
        changed = allowed.remove(each) if remove else allowed.add(each)
        shown = allowed.kept(each)
        said = f"{word.capitalize()} {shown}" if changed else f"Nothing to do for {shown}"
        done.append((said, {"done": word if changed else "unchanged", "location": shown}))
    output.print_done(form, done)


def _report_logged(
    form: str | None, path: str, what: str, run_id: str, artifact_path: str | None
) -> None:
    # Programs that call these commands as MLflow's expect no output.
    output.hint(f"Logged {what} to run {run_id}")
    if form:
        facts = {"done": "logged", "run_id": run_id, "artifact_path": artifact_path, "path": path}
        output.print_facts(form, [facts])
