"""runlog outbox: log calls that wait for their server."""

from __future__ import annotations

import click

from runlog.commands import options, output
from runlog.text_tables import NUMBER, TEXT, TIME, Column

COLUMNS = [
    Column("uri", TEXT),
    Column("run_id", TEXT),
    Column("calls", NUMBER),
    Column("oldest", TIME),
    Column("in_use", TEXT),
    Column("refused", TEXT, least=20),
    Column("path", TEXT, least=20),
]
SENT = [Column("uri", TEXT), Column("sent", NUMBER)]


@click.group()
def outbox() -> None:
    """Show and send log calls that wait on this machine for their server.

    When a server cannot be reached, a program stores its log calls in the outbox, a folder on this
    machine, and sends them later. If the program ends before that, the next program that logs to
    the same server sends them. RUNLOG_OUTBOX names the folder.
    """


@outbox.command("list")
@options.output_options
def list_(form: str | None) -> None:
    """List the log calls that wait on this machine, by server and run.

    The column "in use" shows whether the program that logged them is still running; "refused" shows
    why the server does not accept them.
    """
    from runlog.http.outbox import files, waiting

    rows = [
        [
            each.uri,
            each.run_id,
            each.items,
            each.oldest,
            each.in_use if form == "json" else "yes" if each.in_use else "no",
            each.refused,
            each.path,
        ]
        for file in files()
        for each in waiting(file)
    ]
    output.print_rows(COLUMNS, rows, form, empty="There is nothing to send.")


@outbox.command()
@click.option(
    "--refused",
    is_flag=True,
    help="Also send what a server refused before, once the cause is fixed.",
)
@click.option(
    "--any-login",
    is_flag=True,
    help="Also send what was logged under another log-in, such as an expired token.",
)
@options.output_options
def send(refused: bool, any_login: bool, form: str | None) -> None:
    """Send what programs could not send before they ended.

    Uses the server and log-in as any other command does: RUNLOG_TRACKING_TOKEN and similar settings
    apply to all servers. What was logged under another log-in is not sent.
    """
    from runlog import tracking_uri
    from runlog.http.outbox import files, take_back, waiting
    from runlog.http.store import HttpStore

    rows = []
    for file in [*files()]:
        if refused:
            take_back(file)
        if any(not each.in_use and not each.refused for each in waiting(file)):
            store = HttpStore(tracking_uri.with_password(file.uri))
            try:
                rows.append([file.uri, store.send_pending(file, any_login)])
            finally:
                store.close()
    output.print_rows(SENT, rows, form, empty="There is nothing to send.")
