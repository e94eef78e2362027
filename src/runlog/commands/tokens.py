"""runlog tokens: what programs send to a server instead of a password."""

from __future__ import annotations

import click

from runlog.commands import options, output
from runlog.commands.users import note, open_users, print_user
from runlog.text_tables import TEXT, TIME, Column

COLUMNS = [
    Column("user", TEXT),
    Column("name", TEXT),
    Column("read_only", TEXT),
    Column("creation_time", TIME, optional=True),
    Column("expiry_time", TIME),
    Column("last_used_time", TIME, optional=True),
]
user_option = click.option("--user", metavar="NAME", required=True, help="The user of the token.")


@click.group()
def tokens() -> None:
    """Create and revoke the tokens of a server's users.

    A client sends a token in the header `Authorization: Bearer TOKEN`; set MLFLOW_TRACKING_TOKEN to
    it. A token may do what its user may do.
    """


@tokens.command()
@click.argument("name")
@user_option
@click.option(
    "--expires",
    metavar="SPAN",
    callback=options.duration,
    default="90d",
    show_default=True,
    help="How long the token is valid: 90d, 12h, 1d2h3m4s; 0s is for ever.",
)
@click.option("--read-only", is_flag=True, help="The token can only be used for reading.")
@options.output_options
@options.tracking_uri_option
def create(
    name: str, user: str, expires: int, read_only: bool, form: str | None, uri: str | None
) -> None:
    """Create a token and print it. It is shown only now: just a hash of it is stored."""
    from runlog.clock import now

    known, name, user = open_users(uri), name.lower(), user.lower()
    secret = known.add_token(user, name, now() + expires if expires else None, read_only)
    note(known, "tokens create", f"token {name} user {user}")
    print_user(form, secret, "created", user, name=name, token=secret)


@tokens.command("list")
@click.option("--user", metavar="NAME", help="Only the tokens of this user.")
@options.output_options
@options.tracking_uri_option
def list_(user: str | None, form: str | None, uri: str | None) -> None:
    """List the tokens with their names, including expired ones. The tokens themselves are not
    shown."""
    known = open_users(uri)
    owner = known.get(user).name if user else None
    rows = [
        [
            each.user,
            each.name,
            each.read_only if form == "json" else "yes" if each.read_only else "no",
            each.creation_time,
            each.expiry_time,
            each.last_used_time,
        ]
        for each in known.tokens(owner)
    ]
    output.print_rows(COLUMNS, rows, form, empty="There are no tokens.")


@tokens.command()
@click.argument("name")
@user_option
@options.output_options
@options.tracking_uri_option
def revoke(name: str, user: str, form: str | None, uri: str | None) -> None:
    """Revoke a token at once, and end the sessions that were started with it."""
    known, name, user = open_users(uri), name.lower(), user.lower()
    known.revoke(user, name)
    note(known, "tokens revoke", f"token {name} user {user}")
    print_user(form, f"Revoked token {name} of user {user}", "revoked", user, name=name)
