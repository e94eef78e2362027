"""runlog db: the file itself."""

from __future__ import annotations

import click

from runlog import text_tables
from runlog.commands import common
from runlog.text_tables import TEXT, Column


@click.group()
def db() -> None:
    """Look after the database file."""


@db.command()
@common.output_options
@common.place_option
def info(form: str | None, uri: str | None) -> None:
    """Show where the database is, how big, and how much it holds."""
    from runlog.db import maintenance

    found = maintenance.information(common.open_file(uri).db)
    if form == "json":
        click.echo(text_tables.json_text(found, indent=2))
    elif form == "csv":
        columns = [Column("name", TEXT), Column("value", TEXT)]
        common.print_rows(columns, list(found.items()), form)
    else:
        rows = [(name.replace("_bytes", ""), _shown(name, value)) for name, value in found.items()]
        click.echo(
            "\n".join(text_tables.pairs([(name.replace("_", " "), text) for name, text in rows]))
        )


def _shown(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return text_tables.size(value) if name.endswith("_bytes") else f"{value:,}"
    return str(value)


@db.command()
@click.option("--quick", is_flag=True, help="Leave out what takes longest: indexes and summaries.")
@common.output_options
@common.place_option
@click.pass_context
def check(context: click.Context, quick: bool, form: str | None, uri: str | None) -> None:
    """Read the database through and say what is wrong with it.

    Checks SQLite's structures, references between tables, and that each metric's summary agrees
    with its points. If anything is wrong, the exit code is 1 and an error says so: what it is, or
    how many things when there are several, which are listed then. Nothing is changed.
    """
    from runlog.db import maintenance

    path = _path(uri)
    common.say(f"Reading {path} ...")
    problems = maintenance.check(path, quick)
    if form:
        common.print_rows([Column("problem", TEXT)], [[each] for each in problems], form)
    elif not problems:
        common.print_done(None, [(f"{path} is sound", {})])
    elif len(problems) > 1:
        click.echo("\n".join(map(text_tables.plain, problems)))
    if problems:
        what = problems[0] if len(problems) == 1 else f"{len(problems)} problems"
        common.complain("error", what if path in what else f"{path}: {what}")
    context.exit(1 if problems else 0)


def _path(uri: str | None) -> str:
    """The path of a database that is there."""
    from runlog.errors import NotFound

    path = common.database_path(uri)
    if path is None:
        return common.open_file(uri).db.path
    import os

    if not os.path.lexists(path):
        raise NotFound(f"{path} does not exist")
    return path


@db.command()
@click.argument("target", metavar="FILE", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@common.output_options
@common.place_option
def backup(target: str, overwrite: bool, form: str | None, uri: str | None) -> None:
    """Copy the database to FILE while programs go on logging.

    FILE is the database as it was at one moment, and appears when it is complete. In a folder it
    gets the database's own name. The files of runs are not in the database: copy their folder,
    too.
    """
    from runlog.db import maintenance

    database = common.open_file(uri).db
    with common.progress("Copying pages") as done:
        size = maintenance.backup(database, target, overwrite, done)
    path = maintenance.backup_path(database.path, target)
    said = f"Copied {database.path} to {path} ({text_tables.size(size)})"
    common.print_done(form, [(said, {"done": "copied", "path": path, "size_bytes": size})])


@db.command()
@common.output_options
@common.place_option
def vacuum(form: str | None, uri: str | None) -> None:
    """Write the database anew, without the space that deleted rows left.

    Programs can read meanwhile; those that log wait. For a time it takes as much room again, twice.
    """
    from runlog.db import maintenance

    database = common.open_file(uri).db
    with common.progress("Vacuuming") as done:
        before, after = maintenance.vacuum(database, done)
    said = f"{database.path}: {text_tables.size(before)} before, {text_tables.size(after)} now"
    sizes = {"size_bytes_before": before, "size_bytes": after}
    common.print_done(form, [(said, {"done": "vacuumed", "path": database.path, **sizes})])


@db.command()
@click.argument("url", required=False, metavar="[URL]")
@common.output_options
@common.place_option
def upgrade(url: str | None, form: str | None, uri: str | None) -> None:
    """Bring the database to the schema of this runlog; URL or --tracking-uri says which one.

    Every command and program that opens the database does the same; this one only says so. The
    upgrade happens in one transaction. An older runlog cannot use the database afterwards.
    """
    from runlog.db import maintenance

    path = _path(url or uri)
    before, after = maintenance.upgrade(path)
    if before == after:
        done, said = "unchanged", f"{path} has schema {after}, which is current"
    else:
        done, said = "upgraded", f"{path} is upgraded from schema {before} to {after}"
    schemas = {"schema_before": before, "schema": after}
    common.print_done(form, [(said, {"done": done, "path": path, **schemas})])
