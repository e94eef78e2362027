"""Authentication: who sends a request.

A request says who it is from by the header of a trusted proxy, HTTP Basic, a Bearer token or the
cookie of a session, looked for in this order; what comes first must hold. Each request asks the
database, so that a revoked token is gone at once.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import NamedTuple

from bottle import response

from runlog import clock
from runlog.errors import RunlogError
from runlog.server.auth import sessions
from runlog.server.auth.access import Environ
from runlog.server.auth.audit import KEPT_DAYS, Audit
from runlog.server.auth.password_queue import PasswordQueue
from runlog.server.auth.proxies import Proxies
from runlog.server.auth.rate_limits import Attempts, TooManyAttempts
from runlog.sqlstore.accounts import LOG_IN, Users
from runlog.store_parts import accounts
from runlog.store_parts.accounts import SESSION, TOKEN, Token, User

MOST_REMEMBERED = 1_000  # passwords that held


class Caller(NamedTuple):
    """Who sends a request: a user, with a token or without, from an address."""

    user: User
    token: Token | None
    address: str


class Authentication:
    """Finds the user who sends a request, and logs users in."""

    def __init__(
        self,
        users: Users,
        proxies: Proxies | None = None,
        audit_days: int = KEPT_DAYS,
        now: Callable[[], int] = clock.now,
    ) -> None:
        """`now` is the time in Unix ms."""
        self.users, self.now = users, now
        self.proxies = proxies or Proxies()
        self.audit = Audit(users, audit_days, now)
        self._attempts = Attempts(now, users.failed_log_ins)
        self._key = os.urandom(32)
        self._held: dict[bytes, str] = {}  # passwords that held: digest to what is kept of them
        self._queue = PasswordQueue()

    def identify(self, environ: Environ) -> Caller:
        """Return who sends this request. Raises UNAUTHENTICATED."""
        address = self.proxies.address(environ)
        name = self.proxies.user(environ)
        if name is not None:
            return self._named_by_proxy(name, address)
        kind, _, value = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() == "basic":
            return self.log_in(*_basic(value), address)
        if kind.lower() == "bearer":
            return self.bearer(value.strip(), address)
        cookie = sessions.cookie(environ)
        if kind or not cookie:
            raise _unauthenticated(
                "this server wants to know who you are: set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or log in at /login. MLflow's "
                "Java client reads none of these: give them to its constructor, new MlflowClient("
                "new BasicMlflowHostCreds(uri, user, password))"
            )
        sessions.check_own_page(environ)
        return self._holder(cookie, SESSION, address)

    def _named_by_proxy(self, name: str, address: str) -> Caller:
        user = self.users.find(name.lower())
        if user is None:
            raise RunlogError(
                f"user {name[:100]!r} is not known here: an admin makes one with  "
                "runlog users create",
                "PERMISSION_DENIED",
            )
        return Caller(user, None, address)

    def bearer(self, secret: str, address: str) -> Caller:
        """Return who carries that token. Raises UNAUTHENTICATED."""
        caller = self._holder(secret, TOKEN, address)
        assert caller.token is not None
        self.audit.used(caller.token.id)
        return caller

    def _holder(self, secret: str, kind: str, address: str) -> Caller:
        found = self.users.holder(secret, kind)
        if found is None:
            raise _unauthenticated(f"no such {kind}: it was revoked, or it never was")
        user, token = found
        if token.expired(self.now()):
            raise _unauthenticated(f"this {kind} has expired")
        return Caller(user, token, address)

    def log_in(self, name: str, password: str, address: str) -> Caller:
        """Return the user of that name and password. Raises UNAUTHENTICATED, or
        REQUEST_LIMIT_EXCEEDED after many failures."""
        name = name.lower()[: accounts.MAX_NAME + 1].encode(errors="replace").decode()
        user, kept = self.users.with_password(name) or (None, None)
        held = self._held.get(self._digest(name, password))
        if user is None or kept is None or held != kept:
            self._try_password(name, password, kept, address)
        if user is None:  # what was said of a wrong password is said of no user, too
            raise _wrong_password()
        return Caller(user, None, address)

    def _try_password(self, name: str, password: str, kept: str | None, address: str) -> None:
        try:
            failed = self._attempts.begin(name, address)
        except TooManyAttempts as error:
            response.set_header("Retry-After", str(error.retry_after))
            raise
        try:
            holds = self._holds(name, password, kept, failed)
        except RunlogError:
            self._attempts.withdraw(name, address)
            response.set_header("Retry-After", "1")
            raise
        if not holds:
            self.audit.note(name, "", address, LOG_IN, "", "UNAUTHENTICATED")
            self.audit.write()  # the other processes count it, too
            raise _wrong_password()
        self._attempts.succeeded(name, address)

    def _holds(self, name: str, password: str, kept: str | None, failed: int) -> bool:
        digest = self._digest(name, password)
        with self._queue.turn(failed):  # of many first requests with one password, one is hashed
            if kept is not None and self._held.get(digest) == kept:
                return True
            if not accounts.matches(password, kept) or kept is None:
                return False
            while len(self._held) >= MOST_REMEMBERED:
                del self._held[next(iter(self._held))]
            self._held[digest] = kept
            return True

    def _digest(self, name: str, password: str) -> bytes:
        data = f"{name}\0{password}".encode(errors="surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()

    def note(self, caller: Caller, action: str, target: str, result: str) -> None:
        """Note in the audit log what somebody did, or was refused."""
        token = caller.token.name if caller.token and caller.token.kind == TOKEN else ""
        self.audit.note(caller.user.name, token, caller.address, action, target, result)


def _basic(value: str) -> tuple[str, str]:
    try:
        data = b64decode(value.strip(), validate=True)
    except (NotBase64, ValueError):
        raise _unauthenticated("the Authorization header cannot be read") from None
    try:
        text = data.decode()
    except UnicodeDecodeError:  # what Python's requests makes of other letters
        text = data.decode("latin-1")
    name, _, password = text.partition(":")
    return name, password


def _wrong_password() -> RunlogError:
    return _unauthenticated("user name and password do not go together")


def _unauthenticated(message: str) -> RunlogError:
    return RunlogError(message, "UNAUTHENTICATED")
