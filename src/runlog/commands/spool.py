"""runlog spool: what log calls said while their server was away."""

from __future__ import annotations

import click

from runlog.commands import common
from runlog.tables import NUMBER, TEXT, Column

COLUMNS = [
    Column("uri", TEXT),
    Column("requests", NUMBER),
    Column("in_use", TEXT),
    Column("refused", TEXT, least=20),
    Column("path", TEXT, least=20),
]
SENT = [Column("uri", TEXT), Column("sent", NUMBER)]


@click.group()
def spool() -> None:
    """Look at, and send, what log calls said while their server was away.

    A program sends it itself as soon as the server answers, or else the next one that logs to that
    server does. RUNLOG_SPOOL says where it is kept.
    """


@spool.command("list")
@common.output_options
def list_(form: str | None) -> None:
    """List what waits on this machine, by server.

    Under "refused" is why the server did not take it, where it would not.
    """
    from runlog.http.spool import folder, left

    rows = [
        [
            each.uri,
            each.requests,
            each.in_use if form == "json" else "yes" if each.in_use else "no",
            each.refused,
            each.path,
        ]
        for each in left(folder())
    ]
    common.print_rows(COLUMNS, rows, form, empty="Nothing waits to be sent.")


@spool.command()
@click.option(
    "--refused",
    is_flag=True,
    help="Also what a server did not take before, once the cause is gone.",
)
@common.output_options
def send(refused: bool, form: str | None) -> None:
    """Send what programs that have ended could not.

    The server and who may log in are as for any command: RUNLOG_TRACKING_TOKEN and its like count
    for all servers.
    """
    from runlog.http.spool import folder, left, take_back
    from runlog.http.store import HttpStore

    if refused:
        take_back(folder())
    rows = []
    waiting = [each for each in left(folder()) if not each.in_use and not each.refused]
    for uri in sorted({each.uri for each in waiting}):
        store = HttpStore(uri)
        rows.append([uri, store.send_left()])
        store.close()
    common.print_rows(SENT, rows, form, empty="Nothing waits to be sent.")
