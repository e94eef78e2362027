"""Who may use a server: users and their roles, the tokens they carry, and secrets as hashes.

A role says what a user may do in every experiment; a grant gives a role in one experiment. Rights
only add up: a grant never takes away what the role gives.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from functools import cache
from threading import BoundedSemaphore
from typing import NamedTuple

from runlog.errors import InvalidParameter

ADMIN, EDITOR, VIEWER, MEMBER = "admin", "editor", "viewer", "member"
ROLES = {
    ADMIN: "everything in every experiment",
    EDITOR: "make experiments, read and change all of them",
    VIEWER: "read all experiments",
    MEMBER: "make experiments, and see only those and what is granted",
}
GRANTS = (ADMIN, EDITOR, VIEWER)
MAKERS = (ADMIN, EDITOR, MEMBER)  # of experiments
LEVELS = {MEMBER: 0, VIEWER: 1, EDITOR: 2, ADMIN: 3}

TOKEN, SESSION = "token", "session"
PREFIX = "runlog_"  # of tokens, so that a scanner finds one that was committed somewhere

MAX_NAME = 100
MIN_PASSWORD, MAX_PASSWORD = 12, 1000
MIN_DISTINCT = 5
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]*[a-z0-9])?")

# OWASP's parameters for 16 MB: 0.24 s of CPU a hash. No more than two at once in a process, or
# a burst of log-ins would take its memory.
LOG_N, R, P = 14, 8, 5
_AT_ONCE = BoundedSemaphore(2)


class User(NamedTuple):
    """`has_password` is False for a user who has only tokens, or whom a proxy vouches for."""

    id: int
    name: str
    role: str
    creation_time: int
    has_password: bool


class Token(NamedTuple):
    """A token, never its text. Times are Unix milliseconds; no `expiry_time` is for ever."""

    id: int
    name: str
    user: str
    kind: str
    read_only: bool
    creation_time: int
    expiry_time: int | None
    last_used_time: int | None

    def expired(self, now: int) -> bool:
        return self.expiry_time is not None and self.expiry_time <= now


class Grant(NamedTuple):
    """What a user may do in one experiment."""

    user: str
    experiment_id: str
    experiment: str
    role: str


class Entry(NamedTuple):
    """A line of the audit log: the same deed within one minute is one entry."""

    user: str
    token: str
    address: str
    action: str
    target: str
    result: str
    first_time: int
    last_time: int
    times: int


def user_name(name: str) -> str:
    """Return `name` as it is stored: in lower case, so that no two users look alike. Raises
    InvalidParameter."""
    return _checked_name(name, "user name")


def token_name(name: str) -> str:
    """Return `name` as the name of a token. Raises InvalidParameter."""
    return _checked_name(name, "token name")


def _checked_name(name: str, what: str) -> str:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name.lower()):
        raise InvalidParameter(
            f"{what} {name[:MAX_NAME]!r}: use 1 to {MAX_NAME} letters (a-z), digits and . _ @ + - "
            "inside"
        )
    return name.lower()


def role(name: str, allowed: tuple[str, ...] = tuple(ROLES)) -> str:
    """Return `name` if it is a role. Raises InvalidParameter."""
    if name not in allowed:
        raise InvalidParameter(f"no role {name!r}: use {', '.join(allowed)}")
    return name


def check_password(password: str, name: str) -> None:
    """Raise InvalidParameter for a password that is guessed too easily: length is what counts."""
    if len(password) < MIN_PASSWORD:
        reason = f"it has {len(password)} characters: use at least {MIN_PASSWORD}"
    elif len(password) > MAX_PASSWORD:
        reason = f"it has more than {MAX_PASSWORD} characters"
    elif len(set(password)) < MIN_DISTINCT:
        reason = f"it repeats itself: use at least {MIN_DISTINCT} different characters"
    elif name.lower() in password.lower() and len(password) - len(name) < MIN_PASSWORD // 2:
        reason = "it is little more than the user's name"
    elif any(ord(character) < 32 for character in password):
        reason = "it has control characters"
    else:
        return
    raise InvalidParameter(f"this password will not do: {reason}")


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, LOG_N, R, P)
    return "$".join(["scrypt", str(LOG_N), str(R), str(P), _text(salt), _text(digest)])


def matches(password: str, kept: str | None) -> bool:
    """Return whether that is the password. It takes as long where there is none (`kept` is None),
    so that the time does not tell which users exist."""
    _, log_n, r, p, salt, digest = (kept or nobodys()).split("$")
    found = _scrypt(password, b64decode(salt), int(log_n), int(r), int(p))
    return hmac.compare_digest(found, b64decode(digest)) and kept is not None


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # A password is as long as a client likes: what is too long to be one costs no more than one.
    data = password[: MAX_PASSWORD + 1].encode(errors="surrogatepass")
    with _AT_ONCE:
        return hashlib.scrypt(
            data, salt=salt, n=1 << log_n, r=r, p=p, maxmem=256 * r * (1 << log_n), dklen=32
        )


@cache
def nobodys() -> str:
    """Return what is kept of a password that nobody has."""
    salt, digest = (_text(secrets.token_bytes(size)) for size in (16, 32))
    return f"scrypt${LOG_N}${R}${P}${salt}${digest}"


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def new_secret() -> str:
    """Return the text of a new token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is kept of a token. It cannot be guessed, so that a fast hash will do."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
