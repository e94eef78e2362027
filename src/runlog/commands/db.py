"""runlog db: inspect, check, back up and shrink the database file."""

from __future__ import annotations

import click

from runlog import text_tables
from runlog.commands import options, output, stores
from runlog.text_tables import TEXT, Column


@click.group()
def db() -> None:
    """Inspect, check, back up and shrink the database file."""


@db.command()
@options.output_options
@options.tracking_uri_option
def info(form: str | None, uri: str | None) -> None:
    """Show where the database is, its size, and how much it holds."""
    from runlog.db import maintenance

    found = maintenance.information(stores.file_of(stores.open_file(uri)))
    if form == "json":
        click.echo(text_tables.json_text(found, indent=2))
    elif form == "csv":
        columns = [Column("name", TEXT), Column("value", TEXT)]
        output.print_rows(columns, list(found.items()), form)
    else:
        rows = [(name.replace("_bytes", ""), _text(name, value)) for name, value in found.items()]
        click.echo(
            "\n".join(text_tables.pairs([(name.replace("_", " "), text) for name, text in rows]))
        )


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return text_tables.size(value) if name.endswith("_bytes") else f"{value:,}"
    return str(value)


@db.command()
@click.option(
    "--quick", is_flag=True, help="Skip the slowest checks: those of indexes and summaries."
)
@options.output_options
@options.tracking_uri_option
@click.pass_context
def check(context: click.Context, quick: bool, form: str | None, uri: str | None) -> None:
    """Read the whole database and report what is wrong with it.

    Checks the structures of SQLite, the references between tables, and that the summary of each
    metric agrees with its points. If anything is wrong, the exit code is 1, and an error message
    names the problem, or the number of problems if there are several, which are then listed.
    Nothing is changed.
    """
    from runlog.db import maintenance

    path = _path(uri)
    output.hint(f"Reading {path} ...")
    problems = maintenance.check(path, quick)
    if form:
        output.print_rows([Column("problem", TEXT)], [[each] for each in problems], form)
    elif not problems:
        output.print_done(None, [(f"{path} is sound", {})])
    elif len(problems) > 1:
        click.echo("\n".join(map(text_tables.plain, problems)))
    if problems:
        what = problems[0] if len(problems) == 1 else f"{len(problems)} problems"
        output.report("error", what if path in what else f"{path}: {what}")
    context.exit(1 if problems else 0)


def _path(uri: str | None) -> str:
    """Return the path of a database that exists. Raises NotFound."""
    from runlog.errors import NotFound

    path = stores.database_path(uri)
    if path is None:
        return stores.open_file(uri).db.path
    import os

    if not os.path.lexists(path):
        raise NotFound(f"{path} does not exist")
    return path


@db.command()
@click.argument("target", metavar="FILE", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@options.output_options
@options.tracking_uri_option
def backup(target: str, overwrite: bool, form: str | None, uri: str | None) -> None:
    """Copy the database to FILE while programs continue to log.

    FILE is the database as it was at one moment, and appears when it is complete. If FILE is a
    folder, the copy has the name of the database. The files of runs are not in the database: copy
    their folder, too.
    """
    from runlog.db import maintenance

    database = stores.file_of(stores.open_file(uri))
    with output.progress("Copying pages") as done:
        size = maintenance.backup(database, target, overwrite, done)
    path = maintenance.backup_path(database.path, target)
    said = f"Copied {database.path} to {path} ({text_tables.size(size)})"
    output.print_done(form, [(said, {"done": "copied", "path": path, "size_bytes": size})])


@db.command()
@options.output_options
@options.tracking_uri_option
def vacuum(form: str | None, uri: str | None) -> None:
    """Shrink the database file by rewriting it without the space that deleted rows left.

    Meanwhile, programs can read, and programs that log wait. This temporarily needs free disk space
    of twice the size of the database.
    """
    from runlog.db import maintenance

    database = stores.file_of(stores.open_file(uri))
    with output.progress("Vacuuming") as done:
        before, after = maintenance.vacuum(database, done)
    said = f"{database.path}: {text_tables.size(before)} before, {text_tables.size(after)} now"
    sizes = {"size_bytes_before": before, "size_bytes": after}
    output.print_done(form, [(said, {"done": "vacuumed", "path": database.path, **sizes})])


@db.command()
@click.argument("url", required=False, metavar="[URL]")
@options.output_options
@options.tracking_uri_option
def upgrade(url: str | None, form: str | None, uri: str | None) -> None:
    """Upgrade the database to the schema of this version of runlog.

    URL or --tracking-uri names the database. Every command and program that opens it does the same;
    this command only reports it. The upgrade is one transaction. Older versions of runlog cannot
    use the database afterwards.
    """
    from runlog.db import maintenance

    path = _path(url or uri)
    before, after = maintenance.upgrade(path)
    if before == after:
        done, said = "unchanged", f"{path} has schema {after}, which is current"
    else:
        done, said = "upgraded", f"{path} is upgraded from schema {before} to {after}"
    schemas = {"schema_before": before, "schema": after}
    output.print_done(form, [(said, {"done": done, "path": path, **schemas})])
