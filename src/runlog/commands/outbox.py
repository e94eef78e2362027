"""runlog outbox: log calls on their way to a server."""

from __future__ import annotations

import click

from runlog import tracking_uri
from runlog.commands import common
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
    """Look at, and send, log calls that wait on this machine for their server.

    A program sends them itself, or else the next one that logs to that server does. RUNLOG_OUTBOX
    names the folder.
    """


@outbox.command("list")
@common.output_options
def list_(form: str | None) -> None:
    """List what waits on this machine, by server and run.

    Under "in use" is whether the program that logged it is running, under "refused" why the server
    does not take it.
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
    common.print_rows(COLUMNS, rows, form, empty="Nothing waits to be sent.")


@outbox.command()
@click.option(
    "--refused",
    is_flag=True,
    help="Also what a server did not take before, once the cause is gone.",
)
@click.option(
    "--any-login",
    is_flag=True,
    help="Also what was logged under another log-in, such as a token that has expired.",
)
@common.output_options
def send(refused: bool, any_login: bool, form: str | None) -> None:
    """Send what programs that have ended could not.

    The server and your log-in are as for any command: RUNLOG_TRACKING_TOKEN and its like are used
    for all servers. What was logged under another log-in stays where it is.
    """
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
    common.print_rows(SENT, rows, form, empty="Nothing waits to be sent.")
