"""runlog artifacts: the files of runs, in and out.

MLflow's clients for R and Java move files by calling these commands, so that names, output and
errors are an interface: `download` prints nothing but the local path, `list` prints JSON unless a
person looks on, and a missing file's message holds the word FileNotFoundError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import artifacts_pack, common
from runlog.text_tables import SIZE, TEXT, Column

if TYPE_CHECKING:
    from runlog.entities import FileInfo


@click.group()
def artifacts() -> None:
    """List, download and log the files of runs, and look after them."""


for _command in (artifacts_pack.verify, artifacts_pack.pack, artifacts_pack.unpack):
    artifacts.add_command(_command)


COLUMNS = [Column("path", TEXT), Column("size", SIZE)]


@artifacts.command("list")
@common.run_arguments()
@click.option("-a", "--artifact-path", metavar="PATH", help="Look into this folder.")
@common.output_options
@common.place_option
def list_artifacts(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List the files and folders of a run, or of one of its folders.

    On a terminal that is a table; elsewhere JSON, as `mlflow artifacts list` prints it.
    """
    from runlog.client import RunlogClient

    found = RunlogClient(uri).list_artifacts(_run(runs, run_ids, uri), artifact_path)
    if form == "json" or (form is None and not sys.stdout.isatty()):
        common.print_parts(text_tables.json_list(_as_json(each) for each in found))
        return
    rows = [(each.path + "/" * (each.is_dir and form is None), each.file_size) for each in found]
    common.print_rows(COLUMNS, rows, form)


def _run(runs: Sequence[str], run_ids: Sequence[str], uri: str | None) -> str:
    """The full id of the one run that a command line names."""
    (given,) = common.named(runs, run_ids, most=1)
    return common.full_run_id(common.open_store(uri), given)


def _as_json(file: FileInfo) -> dict[str, object]:
    found: dict[str, object] = {"path": file.path, "is_dir": file.is_dir}
    if not file.is_dir:
        found["file_size"] = file.file_size
    return found


@artifacts.command()
@common.run_arguments()
@click.option("-a", "--artifact-path", metavar="PATH", help="This file or folder of the run.")
@click.option(
    "-u",
    "--artifact-uri",
    metavar="URI",
    help="What to download: runs:/ID/PATH, a path or a file: URI, instead of RUN and -a.",
)
@click.option(
    "-d",
    "--dst-path",
    metavar="FOLDER",
    help="Copy to this folder, made if need be. Otherwise nothing is copied that is local already.",
)
@common.output_options
@common.place_option
def download(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    artifact_uri: str | None,
    dst_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Bring a file, a folder or everything of a run here, and print the local path."""
    from runlog.artifacts import download_artifacts
    from runlog.storage.paths import parse_runs_uri

    if bool(runs or run_ids) == (artifact_uri is not None):
        raise click.UsageError("Say what to download: RUN, --run-id ID or --artifact-uri URI.")
    if artifact_uri is not None and artifact_path is not None:
        raise click.UsageError("--artifact-path goes with --run-id, not with --artifact-uri.")
    if artifact_uri is not None and artifact_uri.startswith("runs:"):
        given, artifact_path = parse_runs_uri(artifact_uri)
        runs, artifact_uri = (given,), None
    run_id = _run(runs, run_ids, uri) if artifact_uri is None else None
    if run_id is not None and dst_path is not None:
        path = _copied(run_id, artifact_path, dst_path, uri)
    else:
        path = download_artifacts(artifact_uri, run_id, artifact_path, dst_path, uri)
    common.print_done(form, [(path, {"done": "downloaded", "path": path})])


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


def _of_what_is_logged(command: Callable[..., Any]) -> Callable[..., Any]:
    to = click.option(
        "-a", "--artifact-path", metavar="PATH", help="Put it into this folder of the run."
    )
    return common.run_arguments()(to(common.output_options(common.place_option(command))))


@artifacts.command("log-artifact")
@click.option("-l", "--local-file", metavar="FILE", required=True, help="The file to copy.")
@_of_what_is_logged
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

    run_id = _run(runs, run_ids, uri)
    RunlogClient(uri).log_artifact(run_id, local_file, artifact_path)
    _say_logged(form, local_file, local_file, run_id, artifact_path)


@artifacts.command("log-artifacts")
@click.option(
    "-l", "--local-dir", metavar="FOLDER", required=True, help="The folder whose content to copy."
)
@_of_what_is_logged
def log_artifacts(
    local_dir: str,
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    artifact_path: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Copy what is in a local folder to the files of a run."""
    from runlog.client import RunlogClient

    run_id = _run(runs, run_ids, uri)
    RunlogClient(uri).log_artifacts(run_id, local_dir, artifact_path)
    _say_logged(form, local_dir, f"the content of {local_dir}", run_id, artifact_path)


@artifacts.command()
@click.argument("locations", metavar="[LOCATION]...", nargs=-1)
@click.option("--remove", is_flag=True, help="No longer allow these locations.")
@common.output_options
def allow(locations: tuple[str, ...], remove: bool, form: str | None) -> None:
    """Allow stores to open these locations on this machine, or show what is allowed.

    A store's own folder needs no permission, and neither does a folder that you gave to
    create_experiment here. A location is a folder or a URI such as s3://bucket/path, with all that
    is below it. The list is yours, in a file outside of every store.
    """
    from runlog.storage import allowed

    if not locations and remove:
        raise click.UsageError("Name the locations that are no longer allowed.")
    if not locations:
        common.print_rows([Column("location", TEXT)], [(each,) for each in allowed.listed()], form)
        return
    word = "removed" if remove else "allowed"
    done: list[tuple[str, common.Facts]] = []
    for each in locations:
        changed = allowed.remove(each) if remove else allowed.add(each)
        shown = allowed.kept(each)
        said = f"{word.capitalize()} {shown}" if changed else f"Nothing to do for {shown}"
        done.append((said, {"done": word if changed else "unchanged", "location": shown}))
    common.print_done(form, done)


def _say_logged(
    form: str | None, path: str, what: str, run_id: str, artifact_path: str | None
) -> None:
    # Programs that call these commands as MLflow's expect no output.
    common.say(f"Logged {what} to run {run_id}")
    if form:
        facts = {"done": "logged", "run_id": run_id, "artifact_path": artifact_path, "path": path}
        common.print_facts(form, [facts])
