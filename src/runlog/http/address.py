"""Where a server is: a tracking URI in parts, and the header that identifies the user.

A password in a URI is used and never shown: not in a repr, in an error or as a tracking URI.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from runlog.errors import InvalidParameter
from runlog.settings import setting

PORTS = {"http": 80, "https": 443}

Login = Callable[[], "str | None"]  # the value of the header Authorization


class Address(NamedTuple):
    """A server: `prefix` is what its paths begin with, "" or "/mlflow"."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    user: str | None = None
    password: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.prefix}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    @property
    def netloc(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse(uri: str) -> Address:
    """Return the parts of `http(s)://[user[:password]@]host[:port][/prefix]`. Raises
    InvalidParameter, with a message that holds no password."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise InvalidParameter(f"tracking URI {shown(uri)!r}: {error}") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InvalidParameter(
            f"tracking URI {shown(uri)!r}: write http(s)://host[:port][/prefix], without ? and #"
        )
    if not parts.hostname.isascii() or not parts.hostname.isprintable():
        raise InvalidParameter(f"tracking URI {shown(uri)!r}: write the host in ASCII (punycode)")
    return Address(
        parts.scheme,
        parts.hostname,
        PORTS[parts.scheme] if port is None else port,
        quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~"),
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


def shown(uri: str) -> str:
    """Return `uri` without user and password."""
    scheme, separator, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def login(address: Address) -> Login:
    """Return who we are: the user and password of the URI, else RUNLOG_TRACKING_USERNAME and
    _PASSWORD, else RUNLOG_TRACKING_TOKEN, else nobody. Raises InvalidParameter for what cannot be
    sent."""
    user, password, token = _credentials(address)
    value = None
    if user is not None and password is not None:
        value = basic(user, password)
    elif token is not None:
        value = bearer(token, "RUNLOG_TRACKING_TOKEN")
    return lambda: value


def identity(address: Address) -> str:
    """Return what differs between two users: a user whatever the password is, or a
    token; empty for nobody."""
    user, password, token = _credentials(address)
    if user is not None and password is not None:
        return f"user {user}"
    return "" if token is None else f"token {token}"


def _credentials(address: Address) -> tuple[str | None, str | None, str | None]:
    user = setting("TRACKING_USERNAME") if address.user is None else address.user
    password = setting("TRACKING_PASSWORD") if address.password is None else address.password
    return user, password, setting("TRACKING_TOKEN")


def basic(user: str, password: str) -> str:
    """Authorization by user and password."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def bearer(token: str, source: str) -> str:
    """Authorization by a token, which stands in `source`."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidParameter(f"the token of {source} is none: it must be ASCII without spaces")
    return "Bearer " + token
