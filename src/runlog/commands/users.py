"""runlog users: who may use a server, and what they may do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runlog.commands import common
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


def open_users(uri: str | None, make: bool = False) -> Users:
    """The users of the store at `uri`."""
    from runlog.sqlstore.accounts import Users

    return Users(common.open_database(uri, make).db)


def print_user(form: str | None, said: str, done: str, user: str, **facts: str) -> None:
    """Says what was done with a user."""
    common.print_done(form, [(said, {"done": done, "user": user, **facts})])


def note(known: Users, action: str, target: str) -> None:
    """Keeps in the audit log what was done here, by the user of this machine."""
    from getpass import getuser

    from runlog.accounts import Entry
    from runlog.clock import now

    try:
        name = getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        name = "?"
    time = now()
    known.note([Entry(name, "", "local", action, target, "OK", time, time, 1)])


@click.group()
def users() -> None:
    """Make and change the users of a server on this database.

    They count at once, also for a server that is running. The roles: admin may do everything;
    editor makes experiments, reads and changes all; viewer reads all; member makes experiments and
    sees only those, and what is granted.
    """


def password_options(command: common.Command) -> common.Command:
    """Adds `--password-stdin` and `--no-password`."""
    none = click.option(
        "--no-password", is_flag=True, help="No password: only tokens, or a proxy's word."
    )
    stdin = click.option(
        "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
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
@click.option("--role", type=ROLES, default="editor", show_default=True, help="What they may do.")
@password_options
@common.output_options
@common.place_option
def create(
    name: str,
    role: str,
    password_stdin: bool,
    no_password: bool,
    form: str | None,
    uri: str | None,
) -> None:
    """Make a user, and ask for the password.

    A database is made if there is none yet.
    """
    known = open_users(uri, make=True)
    user = known.add(name, role, _password(password_stdin, no_password))
    note(known, "users create", f"user {user.name} {role}")
    said = f"Created user {user.name} with the role {role}"
    print_user(form, said, "created", user.name, role=role)


@users.command("list")
@common.output_options
@common.place_option
def list_(form: str | None, uri: str | None) -> None:
    """List the users and what is granted to them."""
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
    common.print_rows(COLUMNS, rows, form, empty="There are no users.")


@users.command()
@click.argument("name")
@password_options
@common.output_options
@common.place_option
def passwd(
    name: str, password_stdin: bool, no_password: bool, form: str | None, uri: str | None
) -> None:
    """Give a user another password; sessions end, tokens stay."""
    known = open_users(uri)
    user = known.get(name)
    known.set_password(user.name, _password(password_stdin, no_password))
    note(known, "users passwd", f"user {user.name}")
    print_user(form, f"User {user.name} has another password", "changed", user.name)


@users.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=ROLES)
@common.output_options
@common.place_option
def role(name: str, new_role: str, form: str | None, uri: str | None) -> None:
    """Give a user another role: admin, editor, viewer or member."""
    known, name = open_users(uri), name.lower()
    known.set_role(name, new_role)
    note(known, "users role", f"user {name} {new_role}")
    print_user(form, f"User {name} has the role {new_role}", "changed", name, role=new_role)


@users.command()
@click.argument("name")
@common.output_options
@common.place_option
def delete(name: str, form: str | None, uri: str | None) -> None:
    """Remove a user with all tokens and grants; experiments and runs stay."""
    known, name = open_users(uri), name.lower()
    known.remove(name)
    note(known, "users delete", f"user {name}")
    print_user(form, f"Deleted user {name}", "deleted", name)


@users.command()
@click.argument("name")
@click.argument("granted", metavar="ROLE", type=GRANTS)
@common.experiment_options()
@common.output_options
@common.place_option
def grant(
    name: str,
    granted: str,
    experiment_id: str | None,
    experiment_name: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Give a user a role in one experiment: viewer, editor or admin.

    It adds to what the user's own role allows, and takes nothing away.
    """
    known, name = open_users(uri), name.lower()
    found = common.one_experiment(common.open_store(uri), experiment_id, experiment_name)
    number = found.experiment_id
    known.grant(name, number, granted)
    note(known, "users grant", f"experiment {number} user {name} {granted}")
    said = f"User {name} is {granted} in experiment '{found.name}'"
    print_user(form, said, "granted", name, experiment_id=number, role=granted)


@users.command()
@click.argument("name")
@common.experiment_options()
@common.output_options
@common.place_option
def revoke(
    name: str,
    experiment_id: str | None,
    experiment_name: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Take back what was granted to a user in one experiment."""
    known, name = open_users(uri), name.lower()
    found = common.one_experiment(common.open_store(uri), experiment_id, experiment_name)
    number = found.experiment_id
    known.withdraw(name, number)
    note(known, "users revoke", f"experiment {number} user {name}")
    said = f"User {name} has no grant in experiment '{found.name}' any more"
    print_user(form, said, "revoked", name, experiment_id=number)
