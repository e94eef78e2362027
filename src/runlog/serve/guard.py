"""Who is let in when a server starts: all on loopback, users only where others can reach it."""

from __future__ import annotations

from ipaddress import ip_address

from runlog import users
from runlog.errors import InvalidParameter
from runlog.serve.access import Access, Everyone
from runlog.serve.auth import Auth
from runlog.serve.proxies import Proxies
from runlog.sql import SqlStore
from runlog.sqlusers import Users
from runlog.store import Store


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def access_for(
    store: Store,
    host: str,
    *,
    auth: bool | None = None,
    read_only: bool = False,
    proxies: Proxies | None = None,
    audit_days: int | None = None,
) -> Access:
    """What `create_app` gets as `access` for a server bound to `host`.

    `auth` says in so many words whether users must log in; by default they must unless only this
    machine can reach the server, or where a proxy says who they are. Raises InvalidParameter for a
    store that keeps no users.
    """
    proxies = proxies or Proxies()
    if auth is None:
        auth = proxies.names_users or not is_loopback(host)
    if not auth:
        return Everyone(read_only)
    return Auth(store, users_of(store), proxies=proxies, read_only=read_only, audit_days=audit_days)


def users_of(store: Store) -> Users:
    """The users of a store. Raises InvalidParameter if it keeps none."""
    if not isinstance(store, SqlStore):
        raise InvalidParameter(
            f"{store.uri} keeps no users: serve a database, or switch authentication off with "
            "--no-auth"
        )
    return Users(store.db)


def first_token(known: Users) -> str | None:
    """A token of a new user `admin`, where there is no user yet; to be shown once."""
    if known.all():
        return None
    known.add("admin", users.ADMIN)
    return known.add_token("admin", "first")
