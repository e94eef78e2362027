"""What is decided and checked when a server starts: who must log in, by default all where others
than this machine can reach it; and that nothing private is served."""

from __future__ import annotations

import os
from collections.abc import Mapping

from runlog.clock import now
from runlog.errors import AlreadyExists, InvalidParameter
from runlog.server.auth.access import Access, Everyone
from runlog.server.auth.policy import Auth
from runlog.server.auth.proxies import Proxies
from runlog.sqlstore.accounts import Users
from runlog.sqlstore.store import SqlStore
from runlog.store import Store
from runlog.store_parts import accounts
from runlog.validate import is_loopback

FIRST_TOKEN_SPAN = 86_400_000  # milliseconds: time enough to make users


def is_demanded(host: str, auth: bool | None, names_users: bool) -> bool:
    """Return whether users must log in: as `auth` says where it is not None, else unless only this
    machine can reach the server, or where a proxy names the users."""
    return names_users or not is_loopback(host) if auth is None else auth


def access_for(
    store: Store, demanded: bool, read_only: bool, proxies: Proxies, audit_days: int
) -> Access:
    """Return what `create_app` gets as `access`. Raises InvalidParameter for a store that has no
    users."""
    if not demanded:
        return Everyone(read_only)
    return Auth(store, users_of(store), proxies=proxies, read_only=read_only, audit_days=audit_days)


def users_of(store: Store) -> Users:
    """Return the users of a store. Raises InvalidParameter if it has none."""
    if not isinstance(store, SqlStore):
        raise InvalidParameter(
            f"{store.uri} keeps no users: serve a database, or switch authentication off with "
            "--no-auth"
        )
    return Users(store.db)


def first_token(known: Users) -> str | None:
    """Return a token of a new user `admin`, good for a day, where there is no user yet; else
    None."""
    if known.all():
        return None
    try:
        known.add("admin", accounts.ADMIN)
    except AlreadyExists:  # another server that starts on this database was first
        return None
    return known.add_token("admin", "first", now() + FIRST_TOKEN_SPAN)


def check_private_files(root: str, private: Mapping[str, str]) -> None:
    """Raise InvalidParameter if the artifact root `root`, which is served, holds one of the
    `private` files, given as path to what it is."""
    if "://" in root:
        return
    folder = os.path.join(os.path.realpath(root), "")
    for path, what in private.items():
        if path and os.path.realpath(path).startswith(folder):
            raise InvalidParameter(
                f"the {what} {os.path.abspath(path)} is inside the artifact root {root}, whose "
                "files are served: keep them apart, see --artifacts-destination"
            )
