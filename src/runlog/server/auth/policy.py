"""Authentication and authorisation: who sends a request, and what they may do.

A request says who it is from by the header of a trusted proxy, HTTP Basic, a Bearer token or the
cookie of a session, looked for in this order; what comes first must hold. Each request asks the
database, so that a revoked token or a withdrawn grant is gone at once. What is refused where it
cannot be told which experiment is concerned: a new endpoint is closed until it is thought of.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from bottle import response

from runlog import accounts, clock, validate
from runlog.accounts import SESSION, TOKEN, Token, User
from runlog.entities import PagedList
from runlog.errors import NotFound, RunlogError
from runlog.protocol.log_calls import measured
from runlog.protocol.rows import ADMIN, EDIT, READ, Row
from runlog.query.clauses import EXPERIMENTS
from runlog.query.parser import parse_filter
from runlog.server.auth import admin_api, sessions
from runlog.server.auth.access import Environ, Page, refuse_change
from runlog.server.auth.audit import KEPT_DAYS, Audit
from runlog.server.auth.proxies import Proxies
from runlog.server.auth.rate_limits import Attempts, TooManyAttempts
from runlog.server.auth.turns import Turns
from runlog.sqlstore.accounts import LOG_IN, Users
from runlog.storage.paths import check_path
from runlog.store import Store

Result = TypeVar("Result")

NEEDED = {READ: accounts.VIEWER, EDIT: accounts.EDITOR, ADMIN: accounts.ADMIN}
FOR_ALL_USERS = ("serverInfo", "about", "flush")
LISTS_OF_EXPERIMENTS = ("searchExperiments", "listExperiments")
MOST_REMEMBERED = 1_000  # passwords that held


class Caller(NamedTuple):
    """Who sends a request: a user, with a token or without, from an address."""

    user: User
    token: Token | None
    address: str


class Auth:
    """Lets users do what they may, and notes in the audit log what they changed."""

    def __init__(
        self,
        store: Store,
        known: Users,
        *,
        proxies: Proxies | None = None,
        read_only: bool = False,
        audit_days: int = KEPT_DAYS,
        now: Callable[[], int] = clock.now,
    ) -> None:
        self.users, self._store, self._now = known, store, now
        self.proxies = proxies or Proxies()
        self.audit = Audit(known, audit_days, now)
        self._read_only = read_only
        self._attempts = Attempts(now, known.failed_log_ins)
        self._key = os.urandom(32)
        self._held: dict[bytes, str] = {}  # passwords that held: digest to what is kept of them
        self._turns = Turns()

    # -- who --------------------------------------------------------------------------------

    def identify(self, environ: Environ) -> Caller:
        """Who sends this request. Raises UNAUTHENTICATED."""
        address = self.proxies.address(environ)
        name = self.proxies.user(environ)
        if name is not None:
            return self._vouched_for(name, address)
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

    def _vouched_for(self, name: str, address: str) -> Caller:
        user = self.users.find(name.lower())
        if user is None:
            raise RunlogError(
                f"user {name[:100]!r} is not known here: an admin makes one with  "
                "runlog users create",
                "PERMISSION_DENIED",
            )
        return Caller(user, None, address)

    def bearer(self, secret: str, address: str) -> Caller:
        """Who carries that token. Raises UNAUTHENTICATED."""
        caller = self._holder(secret, TOKEN, address)
        assert caller.token is not None
        self.audit.used(caller.token.id)
        return caller

    def _holder(self, secret: str, kind: str, address: str) -> Caller:
        found = self.users.holder(secret, kind)
        if found is None:
            raise _unauthenticated(f"no such {kind}: it was revoked, or it never was")
        user, token = found
        if token.expired(self._now()):
            raise _unauthenticated(f"this {kind} has expired")
        return Caller(user, token, address)

    def log_in(self, name: str, password: str, address: str) -> Caller:
        """The user of that name and password. Raises UNAUTHENTICATED, REQUEST_LIMIT_EXCEEDED."""
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
        with self._turns.turn(failed):  # of many first requests with one password, one is hashed
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

    # -- what -------------------------------------------------------------------------------

    def perform(
        self,
        caller: Caller,
        row: Row,
        arguments: Mapping[str, Any],
        call: Callable[[Mapping[str, Any]], Result],
    ) -> Result | PagedList[Any]:
        """Does what a request asks for, if the caller may. Raises PERMISSION_DENIED."""
        result = "INTERNAL_ERROR"
        try:
            if self._read_only:
                refuse_change(row)
            answer = self._permitted(caller, row, arguments, call)
            result = "OK"
        except RunlogError as error:
            result = error.error_code
            raise
        finally:
            if row.access != READ or result == "PERMISSION_DENIED":
                self.note(caller, row.name, _target(arguments), result)
        return answer

    def _permitted(
        self,
        caller: Caller,
        row: Row,
        arguments: Mapping[str, Any],
        call: Callable[[Mapping[str, Any]], Result],
    ) -> Result | PagedList[Any]:
        user, needed = caller.user, NEEDED[row.access]
        if row.access != READ and caller.token and caller.token.read_only:
            raise _denied(f"token {caller.token.name!r} may only read")
        if row.name == "createExperiment":
            return self._create(user, arguments, call)
        if _reaches(user.role, needed) or row.name in FOR_ALL_USERS:
            return call(arguments)
        granted = self.users.granted(user)
        if row.name in LISTS_OF_EXPERIMENTS:
            return self._list(granted, arguments)
        for experiment in self._concerned(row, arguments):
            if not _reaches(granted.get(experiment, accounts.MEMBER), needed):
                raise _denied(
                    f"user {user.name!r} may not {row.access} experiment {experiment}: an admin "
                    f"can allow it with  runlog users grant {user.name} {needed} -x {experiment}"
                )
        return call(arguments)

    def _create(
        self, user: User, arguments: Mapping[str, Any], call: Callable[[Mapping[str, Any]], Result]
    ) -> Result:
        if user.role not in accounts.MAKERS:
            raise _denied(f"user {user.name!r} has the role {user.role}, which makes no experiment")
        if arguments["artifact_location"] and not _reaches(user.role, accounts.EDITOR):
            raise _denied(  # it might be where the artifacts of others are
                f"user {user.name!r} has the role {user.role}, which names no artifact_location"
            )
        experiment = call(arguments)
        self.users.grant(user.name, str(experiment), accounts.ADMIN)
        return experiment

    def _list(self, granted: Mapping[str, str], given: Mapping[str, Any]) -> PagedList[Any]:
        if not granted:
            return PagedList()
        own = f"experiment_id IN ({', '.join(repr(each) for each in granted)})"
        asked = given.get("filter_string")
        if asked and asked.strip():
            parse_filter(asked, EXPERIMENTS)  # by itself, lest it ends the parenthesis
            own = f"({asked}) AND {own}"
        limit = given["max_results"]
        return self._store.search_experiments(
            given["view_type"],
            validate.MAX_SEARCH_RESULTS if limit is None else limit,
            own,
            given.get("order_by"),
            given["page_token"],
        )

    def _concerned(self, row: Row, given: Mapping[str, Any]) -> set[str]:
        """The experiments that a call reads or changes."""
        found = {str(validate.experiment_id(each)) for each in _of(given, "experiment_id")}
        runs = _of(given, "run_id")
        found.update(_all("Run", runs, self.users.experiments_of_runs(runs)))
        points = given.get("points")  # of a batch; of a chart it is how many
        logged = points if isinstance(points, (list, tuple)) else ()
        of_models = [*(given.get("models") or ()), *measured(logged)]
        models = [*{*_of(given, "model_id"), *(each.model_id for each in of_models)}]
        found.update(_all("logged model", models, self.users.experiments_of_models(models)))
        if row.name == "getExperimentByName":
            names = [given["name"]]
            found.update(_all("experiment", names, self.users.experiments_named(names)))
        elif "path" in given and not {"run_id", "model_id"} & given.keys():
            found.update(self._experiments_at(given["path"]))
        if not found and not any(f"{each}_ids" in given for each in ("experiment", "run")):
            raise _denied(f"{row.name} is for users with the role {NEEDED[row.access]} or more")
        return found

    def _experiments_at(self, path: str | None) -> set[str]:
        if not path or path.strip("/") in ("", "."):
            return set()
        return self.users.experiments_at(check_path(path.removesuffix("/")))

    # -- pages ------------------------------------------------------------------------------

    def describe(self, caller: Caller) -> dict[str, Any]:
        """Who the caller is, for a page."""
        user, token = caller.user, caller.token
        looks = user.role == accounts.VIEWER or bool(token and token.read_only)
        return {
            "user": user.name,
            "role": user.role,
            "read_only": self._read_only or looks,
        }

    def pages(self) -> list[Page]:
        """What the server answers besides the protocol: logging in and out, users and tokens."""
        return [*sessions.pages(self, self._now), *admin_api.pages(self)]

    def check_admin(self, caller: Caller, changes: bool) -> None:
        """Raises PERMISSION_DENIED unless the caller may look at, or change, users and tokens."""
        if caller.user.role != accounts.ADMIN:
            raise _denied(f"user {caller.user.name!r} is no admin")
        if changes and (self._read_only or (caller.token and caller.token.read_only)):
            raise _denied("this server, or your token, may only read")

    def note(self, caller: Caller, action: str, target: str, result: str) -> None:
        """Notes in the audit log what somebody did, or was refused."""
        token = caller.token.name if caller.token and caller.token.kind == TOKEN else ""
        self.audit.note(caller.user.name, token, caller.address, action, target, result)

    def close(self) -> None:
        """Writes what is left of the audit log."""
        self.audit.close()


def _reaches(role: str, needed: str) -> bool:
    return accounts.LEVELS[role] >= accounts.LEVELS[needed]


def _of(given: Mapping[str, Any], name: str) -> list[str]:
    """The ids that a request names, as `run_id` or `run_ids`."""
    one, many = given.get(name), given.get(name + "s")
    return [*([one] if one else ()), *(many or ())]


def _all(what: str, ids: list[str], found: Mapping[str, str]) -> list[str]:
    for each in ids:
        if each not in found:
            raise NotFound(f"{what} {each[:100]!r} not found")
    return [*found.values()]


def _target(given: Mapping[str, Any]) -> str:
    for name in ("experiment_id", "run_id", "model_id"):
        if ids := _of(given, name):
            return f"{name.removesuffix('_id')} {','.join(ids)}"
    return next((f"{name} {given[name]}" for name in ("path", "name") if given.get(name)), "")


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


def _denied(message: str) -> RunlogError:
    return RunlogError(f"Permission denied: {message}", "PERMISSION_DENIED")
