"""runlog audit: who changed what on a server."""

from __future__ import annotations

import click

from runlog.commands import options, output
from runlog.commands.users import open_users
from runlog.text_tables import NUMBER, TEXT, TIME, Column

COLUMNS = [
    Column("time", TIME),
    Column("user", TEXT),
    Column("token", TEXT, optional=True),
    Column("address", TEXT, optional=True),
    Column("action", TEXT),
    Column("target", TEXT, least=20),
    Column("result", TEXT),
    Column("count", NUMBER),
    Column("last_time", TIME, shown=False),
]


@click.command()
@click.option("--user", metavar="NAME", help="Only what this user did.")
@click.option("--action", metavar="NAME", help="Only this action, such as deleteRun or 'log in'.")
@click.option("--result", metavar="CODE", help="Only this result, such as OK or PERMISSION_DENIED.")
@click.option(
    "--since",
    metavar="TIME",
    callback=options.time_before,
    help="Only from this time on: 2030-01-31, or 12h for 12 hours ago.",
)
@click.option(
    "--until", metavar="TIME", callback=options.time_before, help="Only before this time."
)
@click.option(
    "--max-results",
    type=click.IntRange(1),
    metavar="N",
    default=1000,
    show_default=True,
    help="Show at most N, the latest ones.",
)
@options.output_options
@options.tracking_uri_option
def audit(
    user: str | None,
    action: str | None,
    result: str | None,
    since: int | None,
    until: int | None,
    max_results: int,
    form: str | None,
    uri: str | None,
) -> None:
    """Show what users changed on a server, or were refused, newest first.

    A line has a user, an address, an action, its target and its result. What happens several times
    within a minute is one line with a count. Actions of `runlog users` and `runlog tokens` have the
    address `local`.
    """
    from runlog.sqlstore.accounts import Wanted

    wanted = Wanted(user, action, result, since, until, max_results)
    rows = [
        [
            each.first_time,
            each.user,
            each.token,
            each.address,
            each.action,
            each.target,
            each.result,
            each.times,
            each.last_time,
        ]
        for each in open_users(uri).audit(wanted)
    ]
    output.print_rows(COLUMNS, rows, form, empty="The audit log has no such entries.")
