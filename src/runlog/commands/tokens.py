"""runlog tokens: what programs show a server instead of a password."""

from __future__ import annotations

import click

from runlog.commands import common
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
user_option = click.option("--user", metavar="NAME", required=True, help="Whose token it is.")


@click.group()
def tokens() -> None:
    """Make and revoke the tokens of a server's users.

    A client shows one as MLFLOW_TRACKING_TOKEN, or in the header `Authorization: Bearer TOKEN`. It
    may do what its user may do.
    """


@tokens.command()
@click.argument("name")
@user_option
@click.option(
    "--expires",
    metavar="SPAN",
    callback=common.span,
    default="90d",
    show_default=True,
    help="How long it is good for: 90d, 12h, 1d2h3m4s; 0s is for ever.",
)
@click.option("--read-only", is_flag=True, help="It may only read.")
@common.output_options
@common.place_option
def create(
    name: str, user: str, expires: int, read_only: bool, form: str | None, uri: str | None
) -> None:
    """Make a token and print it, this once: what is kept is a hash."""
    from runlog.clock import now

    known, name, user = open_users(uri), name.lower(), user.lower()
    secret = known.add_token(user, name, now() + expires if expires else None, read_only)
    note(known, "tokens create", f"token {name} user {user}")
    print_user(form, secret, "created", user, name=name, token=secret)


@tokens.command("list")
@click.option("--user", metavar="NAME", help="Only this user's.")
@common.output_options
@common.place_option
def list_(user: str | None, form: str | None, uri: str | None) -> None:
    """List the tokens, those that have expired too; never what they are."""
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
    common.print_rows(COLUMNS, rows, form, empty="There are no tokens.")


@tokens.command()
@click.argument("name")
@user_option
@common.output_options
@common.place_option
def revoke(name: str, user: str, form: str | None, uri: str | None) -> None:
    """End a token at once, and the sessions that were begun with it."""
    known, name, user = open_users(uri), name.lower(), user.lower()
    known.revoke(user, name)
    note(known, "tokens revoke", f"token {name} user {user}")
    print_user(form, f"Revoked token {name} of user {user}", "revoked", user, name=name)
