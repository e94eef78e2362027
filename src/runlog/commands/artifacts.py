"""runlog artifacts: the files of runs, in and out.

MLflow's clients for R and Java move files by calling these commands, so that names, output and
errors are an interface: `download` prints nothing but the local path, `list` prints JSON unless a
person looks on, and a missing file's message holds the word FileNotFoundError.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from runlog import tables
from runlog.commands import carrying, common
from runlog.tables import SIZE, TEXT, Column

if TYPE_CHECKING:
    from runlog.entities import FileInfo


@click.group()
def artifacts() -> None:
    """List, download and log the files of runs, and look after them."""


for _command in (carrying.verify, carrying.pack, carrying.unpack):
    artifacts.add_command(_command)


COLUMNS = [Column("path", TEXT), Column("size", SIZE)]


@artifacts.command("list")
@common.run_option
@click.option("-a", "--artifact-path", metavar="PATH", help="Look into this folder.")
@common.output_options
@common.place_option
def list_artifacts(
    run_id: str, artifact_path: str | None, form: str | None, uri: str | None
) -> None:
    """List the files and folders of a run, or of one of its folders.

    On a terminal that is a table; elsewhere JSON, as `mlflow artifacts list` prints it.
    """
    from runlog.client import RunlogClient

    store = common.open_store(uri)
    found = RunlogClient(uri).list_artifacts(common.full_run_id(store, run_id), artifact_path)
    if form == "json" or (form is None and not sys.stdout.isatty()):
        common.print_parts(tables.json_list(_as_json(each) for each in found))
        return
    rows = [(each.path + "/" * (each.is_dir and form is None), each.file_size) for each in found]
    common.print_rows(COLUMNS, rows, form)


def _as_json(file: FileInfo) -> dict[str, object]:
    found: dict[str, object] = {"path": file.path, "is_dir": file.is_dir}
    if not file.is_dir:
        found["file_size"] = file.file_size
    return found


@artifacts.command()
@click.option(
    "-r",
    "--run-id",
    metavar="ID",
    shell_complete=common.complete_runs,
    help="The run's id, or as much of its beginning as no other has.",
)
@click.option("-a", "--artifact-path", metavar="PATH", help="This file or folder of the run.")
@click.option(
    "-u",
    "--artifact-uri",
    metavar="URI",
    help="What to download: runs:/ID/PATH, a path or a file: URI, instead of -r and -a.",
)
@click.option(
    "-d",
    "--dst-path",
    metavar="FOLDER",
    help="Copy to this folder, made if need be. Otherwise nothing is copied that is local already.",
)
@common.place_option
def download(
    run_id: str | None,
    artifact_path: str | None,
    artifact_uri: str | None,
    dst_path: str | None,
    uri: str | None,
) -> None:
    """Bring a file, a folder or everything of a run here, and print the local path."""
    from runlog.artifacts import download_artifacts, parse_runs_uri

    if (run_id is None) == (artifact_uri is None):
        raise click.UsageError("Say what to download: --run-id ID or --artifact-uri URI.")
    if artifact_uri is not None and artifact_path is not None:
        raise click.UsageError("--artifact-path goes with --run-id, not with --artifact-uri.")
    if artifact_uri is not None and artifact_uri.startswith("runs:"):
        run_id, artifact_path = parse_runs_uri(artifact_uri)
        artifact_uri = None
    if run_id is not None:
        run_id = common.full_run_id(common.open_store(uri), run_id)
    if run_id is not None and dst_path is not None:
        click.echo(_copied(run_id, artifact_path, dst_path, uri))
    else:
        click.echo(download_artifacts(artifact_uri, run_id, artifact_path, dst_path, uri))


def _copied(run_id: str, path: str | None, dst_path: str, uri: str | None) -> str:
    """Downloads what is in a folder piece by piece, so that there is progress to show."""
    from runlog.artifacts import download_artifacts, list_artifacts

    pieces = list_artifacts(None, run_id, path, uri)
    if not pieces:  # a file, an empty folder, or nothing, which is said here
        return download_artifacts(None, run_id, path, dst_path, uri)
    with common.progress("Downloading") as done:
        for count, piece in enumerate(pieces, 1):
            download_artifacts(None, run_id, piece.path, dst_path, uri)
            done(count, len(pieces))
    return os.path.join(os.path.abspath(dst_path), *(path or "").strip("/").split("/")).rstrip("/")


@artifacts.command("log-artifact")
@click.option("-l", "--local-file", metavar="FILE", required=True, help="The file to copy.")
@common.run_option
@click.option("-a", "--artifact-path", metavar="PATH", help="Put it into this folder of the run.")
@common.place_option
def log_artifact(local_file: str, run_id: str, artifact_path: str | None, uri: str | None) -> None:
    """Copy a local file to the files of a run."""
    from runlog.client import RunlogClient

    store = common.open_store(uri)
    full = common.full_run_id(store, run_id)
    RunlogClient(uri).log_artifact(full, local_file, artifact_path)
    common.say(f"Logged {local_file} to run {full}")


@artifacts.command("log-artifacts")
@click.option(
    "-l", "--local-dir", metavar="FOLDER", required=True, help="The folder whose content to copy."
)
@common.run_option
@click.option("-a", "--artifact-path", metavar="PATH", help="Put it into this folder of the run.")
@common.place_option
def log_artifacts(local_dir: str, run_id: str, artifact_path: str | None, uri: str | None) -> None:
    """Copy what is in a local folder to the files of a run."""
    from runlog.client import RunlogClient

    store = common.open_store(uri)
    full = common.full_run_id(store, run_id)
    RunlogClient(uri).log_artifacts(full, local_dir, artifact_path)
    common.say(f"Logged the content of {local_dir} to run {full}")
