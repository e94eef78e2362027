"""runlog users: who may use a server, and what they may do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runlog.commands import choosing, options, output, stores
from runlog.text_tables import TEXT, TIME, Column

if TYPE_CHECKING:
    from runlog.sqlstore.accounts import Users

COLUMNS = [
    Column("name", TEXT),
    Column("role", TEXT),
    Column("has_password", TEXT),
    Column("creation_time", TIME, optional=True),
    Column("grants", TEXT, least=20, optional=True),
]
ROLES = click.Choice(["admin", "editor", "viewer", "member"])
GRANTS = click.Choice(["admin", "editor", "viewer"])


def open_users(uri: str | None, create: bool = False) -> Users:
    """Open the users of the store at `uri`."""
    from runlog.sqlstore.accounts import Users

    return Users(stores.open_database(uri, create).db)


def print_user(form: str | None, message: str, done: str, user: str, **facts: str) -> None:
    """Print what was done with a user."""
    output.print_done(form, [(message, {"done": done, "user": user, **facts})])


def note(known: Users, action: str, target: str) -> None:
    """Record in the audit log what the user of this machine has done here."""
    from getpass import getuser

    from runlog.clock import now
    from runlog.store_parts.accounts import Entry

    try:
        name = getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        name = "?"
    time = now()
    known.note([Entry(name, "", "local", action, target, "OK", time, time, 1)])


@click.group()
def users() -> None:
    """Create and change the users of a server on this database.

    Changes take effect at once, also for a server that is running. Roles: an admin may do
    everything; an editor creates experiments, and reads and changes all of them; a viewer reads all
    of them; a member creates experiments and sees only those, and the ones that were granted.
    """


def password_options(command: options.Command) -> options.Command:
    """Add `--password-stdin` and `--no-password`."""
    none = click.option(
        "--no-password",
        is_flag=True,
        help="No password: the user logs in with tokens or through a proxy.",
    )
    stdin = click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input (one line)."
    )
    return stdin(none(command))


def _password(stdin: bool, none: bool) -> str | None:
    if stdin and none:
        raise click.UsageError("Give --password-stdin or --no-password, not both.")
    if none:
        return None
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("No terminal to ask for the password at: use --password-stdin.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


@users.command()
@click.argument("name")
@click.option(
    "--role", type=ROLES, default="editor", show_default=True, help="What the user may do."
)
@password_options
@options.output_options
@options.tracking_uri_option
def create(
    name: str,
    role: str,
    password_stdin: bool,
    no_password: bool,
    form: str | None,
    uri: str | None,
) -> None:
    """Create a user, and ask for the password.

    The database is created if it does not exist.
    """
    known = open_users(uri, create=True)
    user = known.add(name, role, _password(password_stdin, no_password))
    note(known, "users create", f"user {user.name} {role}")
    message = f"Created user {user.name} with the role {role}"
    print_user(form, message, "created", user.name, role=role)


@users.command("list")
@options.output_options
@options.tracking_uri_option
def list_(form: str | None, uri: str | None) -> None:
    """List the users and their grants (roles in single experiments)."""
    known = open_users(uri)
    granted: dict[str, list[str]] = {}
    for each in known.grants():
        granted.setdefault(each.user, []).append(f"{each.experiment_id}:{each.role}")
    rows = [
        [
            each.name,
            each.role,
            each.has_password if form == "json" else "yes" if each.has_password else "no",
            each.creation_time,
            granted.get(each.name, []) if form == "json" else ",".join(granted.get(each.name, [])),
        ]
        for each in known.all()
    ]
    output.print_rows(COLUMNS, rows, form, empty="There are no users.")


@users.command()
@click.argument("name")
@password_options
@options.output_options
@options.tracking_uri_option
def passwd(
    name: str, password_stdin: bool, no_password: bool, form: str | None, uri: str | None
) -> None:
    """Change the password of a user. This ends the user's sessions; tokens stay valid."""
    known = open_users(uri)
    user = known.get(name)
    known.set_password(user.name, _password(password_stdin, no_password))
    note(known, "users passwd", f"user {user.name}")
    print_user(form, f"Changed the password of user {user.name}", "changed", user.name)


@users.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=ROLES)
@options.output_options
@options.tracking_uri_option
def role(name: str, new_role: str, form: str | None, uri: str | None) -> None:
    """Change the role of a user: admin, editor, viewer or member."""
    known, name = open_users(uri), name.lower()
    known.set_role(name, new_role)
    note(known, "users role", f"user {name} {new_role}")
    print_user(form, f"User {name} has the role {new_role}", "changed", name, role=new_role)


@users.command()
@click.argument("name")
@options.output_options
@options.tracking_uri_option
def delete(name: str, form: str | None, uri: str | None) -> None:
    """Delete a user with all tokens and grants. Experiments and runs stay."""
    known, name = open_users(uri), name.lower()
    known.remove(name)
    note(known, "users delete", f"user {name}")
    print_user(form, f"Deleted user {name}", "deleted", name)


@users.command()
@click.argument("name")
@click.argument("granted", metavar="ROLE", type=GRANTS)
@options.experiment_options()
@options.output_options
@options.tracking_uri_option
def grant(
    name: str,
    granted: str,
    experiment_id: str | None,
    experiment_name: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Give a user a role in one experiment: viewer, editor or admin.

    The grant adds to what the user's own role allows; it never takes anything away.
    """
    known, name = open_users(uri), name.lower()
    found = choosing.one_experiment(stores.open_store(uri), experiment_id, experiment_name)
    number = found.experiment_id
    known.grant(name, number, granted)
    note(known, "users grant", f"experiment {number} user {name} {granted}")
    message = f"User {name} is {granted} in experiment '{found.name}'"
    print_user(form, message, "granted", name, experiment_id=number, role=granted)


@users.command()
@click.argument("name")
@options.experiment_options()
@options.output_options
@options.tracking_uri_option
def revoke(
    name: str,
    experiment_id: str | None,
    experiment_name: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Revoke the role that was granted to a user in one experiment."""
    known, name = open_users(uri), name.lower()
    found = choosing.one_experiment(stores.open_store(uri), experiment_id, experiment_name)
    number = found.experiment_id
    known.withdraw(name, number)
    note(known, "users revoke", f"experiment {number} user {name}")
    message = f"User {name} no longer has a grant in experiment '{found.name}'"
    print_user(form, message, "revoked", name, experiment_id=number)
