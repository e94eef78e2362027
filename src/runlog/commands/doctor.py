"""runlog doctor: check whether everything works, and if not, why."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import options, output, stores
from runlog.commands.doctor_findings import NOTE, OK, WRONG, Finding
from runlog.text_tables import TEXT, Column

if TYPE_CHECKING:
    from runlog.db.sqlite import Database

MARKS = {OK: ("✓", "green"), NOTE: ("•", "yellow"), WRONG: ("✗", "red")}

DAY = 86_400_000  # milliseconds
LITTLE_SPACE, NO_SPACE = 1_000_000_000, 50_000_000  # bytes

OPTIONAL_PACKAGES = {
    "numpy": "pandas",
    "pandas": "pandas",
    "matplotlib": "plot",
    "pillow": "image",
    "pyarrow": "parquet",
    "kaleido": "plotly",
    "polars": "polars",
    "datasets": "huggingface",
}
"""Packages that some calls need, and the extra that brings each."""

_SECRET = re.compile(r"TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|AUTH|_KEY", re.IGNORECASE)


@click.command()
@click.option("--mask-envs", is_flag=True, help="Hide the values of all environment variables.")
@options.output_options
@options.tracking_uri_option
@click.pass_context
def doctor(context: click.Context, mask_envs: bool, form: str | None, uri: str | None) -> None:
    """Check the installation and the store of the runs.

    Shows the versions; where the tracking URI points, and why; whether the database can be opened
    and written and is intact; runs that seem abandoned; disk space; optional packages; and the
    environment variables that matter, with secrets hidden. For a server, shows its version, its
    clock, who you are there, and how many log calls wait on this machine to be sent. The exit code
    is 1 if something is wrong.
    """
    found = [*_versions(), *_store(uri), *_packages(), *_environment(mask_envs)]
    if form:
        output.print_rows([Column(name, TEXT) for name in Finding._fields], found, form)
    else:
        _print(found)
    context.exit(1 if any(each.level == WRONG for each in found) else 0)


def _print(found: list[Finding]) -> None:
    drawn = text_tables.shows("✓•✗", sys.stdout)
    lines = text_tables.pairs([(each.topic, each.text) for each in found])
    for each, line in zip(found, lines, strict=True):
        sign, colour = MARKS[each.level]
        mark = sign if drawn else f"{each.level:5}"
        click.echo(f"{output.painted(mark, colour)} {line}")
    wrong = sum(each.level == WRONG for each in found)
    click.echo(f"\n{text_tables.counted(wrong, 'problem')} found" if wrong else "\nAll is well")


def _versions() -> Iterator[Finding]:
    import platform

    from runlog._version import __version__
    from runlog.db.maintenance import sqlite_version

    yield Finding(OK, "runlog", f"{__version__} in {os.path.dirname(os.path.dirname(__file__))}")
    yield Finding(OK, "Python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding(OK, "SQLite", sqlite_version())


# -- the store ------------------------------------------------------------------------------


def _store(uri: str | None) -> Iterator[Finding]:
    from runlog import tracking_uri
    from runlog.errors import RunlogError

    shown = text_tables.without_password(tracking_uri.get_tracking_uri() if uri is None else uri)
    yield Finding(OK, "tracking URI", f"{shown} (from {_reason(uri)})")
    try:
        path = stores.database_path(uri)
        if path is None or os.path.lexists(path):
            yield from _database(uri)
        else:
            yield _missing(path)
    except RunlogError as error:
        yield Finding(WRONG, "database", text_tables.without_password(error.message))
    else:
        if path is not None:
            yield from _disk(os.path.dirname(path))


def _reason(uri: str | None) -> str:
    if uri is not None:
        return "--tracking-uri"
    for name in ("RUNLOG_TRACKING_URI", "MLFLOW_TRACKING_URI"):
        if os.environ.get(name):
            return name
    return "the default: runlog.db in the working directory"


def _missing(path: str) -> Finding:
    folder = _existing(os.path.dirname(path))
    if not os.access(folder, os.W_OK):
        return Finding(WRONG, "database", f"{path} does not exist, and {folder} cannot be written")
    return Finding(NOTE, "database", f"{path} does not exist yet; the first log call creates it")


def _existing(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _database(uri: str | None) -> Iterator[Finding]:
    from runlog.commands import doctor_server
    from runlog.db import maintenance
    from runlog.db.file_system import file_system
    from runlog.http.store import HttpStore

    found = stores.open_store(uri)
    if isinstance(found, HttpStore):
        yield from doctor_server.findings(found)
        return
    store = stores.open_database(uri)
    if not stores.is_file(store):
        yield Finding(OK, "database", f"{store.uri} answers")
        return
    facts = maintenance.information(stores.file_of(store))
    size = text_tables.size(facts["file_bytes"])
    runs = text_tables.counted(facts["runs"], "run")
    points = text_tables.counted(facts["points"], "point")
    text = f"{facts['path']}: {size}, schema {facts['schema_version']}, {runs}, {points}"
    yield Finding(OK, "database", text)
    yield _writable(stores.file_of(store))
    kind, mode = file_system(store.db.path) or "unknown", facts["journal_mode"]
    text = f"{kind}, journal mode {mode}"
    if store.db.read_only:  # SQLite does not look at the mode then
        yield Finding(OK, "file system", kind)
    elif mode == "wal":
        yield Finding(OK, "file system", text)
    else:
        yield Finding(NOTE, "file system", text + ": programs that write have to wait for readers")
    problems = maintenance.check(store.db.path, quick=True)
    for problem in problems[:5]:
        yield Finding(WRONG, "integrity", problem)
    if not problems:
        yield Finding(
            OK, "integrity", "a quick check found no problems; runlog db check is thorough"
        )
    unmerged = facts["unmerged_points"]
    text = "all points are merged"
    if unmerged:
        points = text_tables.counted(unmerged, "point")
        text = f"{points} not merged yet; the next log call or read merges them"
    yield Finding(OK, "points", text)
    yield _abandoned(stores.file_of(store))


def _writable(database: Database) -> Finding:
    from runlog.db import maintenance
    from runlog.errors import StoreError

    if database.read_only:
        return Finding(WRONG, "writing", "the file or its folder is read-only for this user")
    try:
        free = maintenance.is_free(database)
    except StoreError as error:
        return Finding(WRONG, "writing", error.message)
    if free:
        return Finding(OK, "writing", "the database can be written")
    return Finding(NOTE, "writing", "another program is writing at this moment")


def _abandoned(database: Database) -> Finding:
    from runlog.clock import now
    from runlog.db import maintenance

    silent = maintenance.silent_runs(database, now() - DAY)
    if not silent:
        return Finding(OK, "running runs", "none has logged nothing for a day")
    some = ", ".join(f"{run.run_id[:8]} ({run.run_name})" for run in silent[:3])
    more = f" and {len(silent) - 3} more" if len(silent) > 3 else ""
    return Finding(
        NOTE,
        "running runs",
        f"{text_tables.counted(len(silent), 'run')} RUNNING, no metric for a day: {some}{more}",
    )


def _disk(folder: str) -> Iterator[Finding]:
    from shutil import disk_usage

    free = disk_usage(_existing(folder)).free
    level = WRONG if free < NO_SPACE else NOTE if free < LITTLE_SPACE else OK
    yield Finding(level, "disk space", f"{text_tables.size(free)} free")


# -- around it ------------------------------------------------------------------------------


def _packages() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    for package, extra in OPTIONAL_PACKAGES.items():
        try:
            yield Finding(OK, package, version(package))
        except PackageNotFoundError:
            hint = f"not installed: pip install 'runlog-tracking[{extra}]' if you need it"
            yield Finding(NOTE, package, hint)


def _environment(hides_all: bool) -> Iterator[Finding]:
    for name, value in sorted(os.environ.items()):
        if name.startswith(("RUNLOG_", "MLFLOW_")):
            is_secret = hides_all or _SECRET.search(name)
            shown = "(hidden)" if is_secret and value else text_tables.without_password(value)
            yield Finding(OK, name, shown or "(empty)")
