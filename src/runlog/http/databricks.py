"""Databricks' tracking server: where it is and who we are, from profiles and the environment.

`databricks` is DATABRICKS_HOST, or the profile DATABRICKS_CONFIG_PROFILE or DEFAULT of
~/.databrickscfg (DATABRICKS_CONFIG_FILE); `databricks://name` is the profile of that name. Who we
are is a token, a user and password, or a service principal: client_id and client_secret, for which
a token is fetched by OAuth and again before it expires.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic
from urllib.parse import urlencode

from runlog.errors import InvalidParameter, RunlogError
from runlog.http import address as addresses
from runlog.http.address import Address, Login
from runlog.http.session import Session

SCHEME = "databricks"
EARLY = 60.0  # seconds before its end that a token is replaced
_FIELDS = ("host", "token", "username", "password", "client_id", "client_secret")


def settings(uri: str) -> Mapping[str, str]:
    """Return what is known of the workspace that `databricks` or `databricks://profile` means.
    Raises InvalidParameter when that is too little."""
    profile = uri.removeprefix(SCHEME).removeprefix("://").strip("/")
    if not profile and os.environ.get("DATABRICKS_HOST"):
        given: Mapping[str, str] = {
            name: os.environ.get(f"DATABRICKS_{name.upper()}", "") for name in _FIELDS
        }
    else:
        given = _profile(profile or os.environ.get("DATABRICKS_CONFIG_PROFILE") or "DEFAULT")
    found = {name: value for name, value in given.items() if value}
    if "host" not in found:
        raise InvalidParameter(
            f"tracking URI {uri!r}: no host. Set DATABRICKS_HOST and DATABRICKS_TOKEN, or write a "
            f"profile with host and token to {_file()}"
        )
    return found


def _file() -> str:
    return os.path.expanduser(os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg")


def _profile(name: str) -> Mapping[str, str]:
    from configparser import ConfigParser, Error

    # Other sections must not inherit DEFAULT's token, and a % is a %.
    parser = ConfigParser(default_section="\0", interpolation=None)
    try:
        parser.read(_file(), encoding="utf-8")
    except (Error, ValueError):
        raise InvalidParameter(f"{_file()} cannot be read: it is no INI file") from None
    if not parser.has_section(name):
        raise InvalidParameter(f"no profile {name!r} in {_file()}")
    return {key: value.strip() for key, value in parser.items(name) if key in _FIELDS}


def address(found: Mapping[str, str]) -> Address:
    """Return where the workspace is."""
    host = found["host"]
    return addresses.parse(host if "://" in host else f"https://{host}")


def login(found: Mapping[str, str], session: Session) -> Login:
    """Return who we are; `session` asks the workspace for tokens. Raises InvalidParameter."""
    if "token" in found:
        value = addresses.bearer(found["token"], "Databricks")
    elif "client_id" in found and "client_secret" in found:
        return _Principal(addresses.basic(found["client_id"], found["client_secret"]), session)
    elif "username" in found and "password" in found:
        value = addresses.basic(found["username"], found["password"])
    else:
        raise InvalidParameter(
            f"Databricks at {found['host']}: no token. Set DATABRICKS_TOKEN, or "
            "DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or write them to the profile"
        )
    return lambda: value


def identity(found: Mapping[str, str]) -> str:
    """Return who we are there as far as it tells us from others."""
    if "token" in found:
        return f"{found['host']} token {found['token']}"
    return f"{found['host']} {found.get('client_id') or found.get('username')}"


class _Principal:
    """A service principal's tokens, each used until shortly before it expires. Two threads that
    find it expired both fetch one, which does no harm."""

    def __init__(self, secret: str, session: Session) -> None:
        self._secret, self._session = secret, session
        self._token: tuple[str, float] = ("", 0.0)

    def __call__(self) -> str:
        value, end = self._token
        if monotonic() >= end:
            value, end = self._token = self._fetch()
        return value

    def _fetch(self) -> tuple[str, float]:
        body = urlencode({"grant_type": "client_credentials", "scope": "all-apis"}).encode()
        headers = {
            "Authorization": self._secret,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = self._session.json("POST", "/oidc/v1/token", body, headers=headers)
        try:
            token, seconds = answer["access_token"], float(answer.get("expires_in", 3600))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RunlogError(
                f"{self._session.name} gave no access token", "UNAUTHENTICATED"
            ) from None
        value = addresses.bearer(str(token), self._session.name)
        return value, monotonic() + max(seconds - EARLY, 1.0)
