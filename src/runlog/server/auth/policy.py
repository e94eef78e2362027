"""Authorisation: what users may do.

Each request asks the database, so that a withdrawn grant is gone at once. What is refused where it
cannot be told which experiment is concerned: a new endpoint is closed until it is thought of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from runlog import clock, validate
from runlog.entities import PagedList
from runlog.errors import NotFound, RunlogError
from runlog.protocol.log_calls import measured
from runlog.protocol.registry_endpoints import REGISTRY
from runlog.protocol.rows import ADMIN, EDIT, READ, Row
from runlog.query.clauses import EXPERIMENTS
from runlog.query.parser import parse_filter
from runlog.server.auth import admin_api, login
from runlog.server.auth.access import Environ, Page, refuse_change
from runlog.server.auth.audit import KEPT_DAYS
from runlog.server.auth.authentication import Authentication, Caller
from runlog.server.auth.proxies import Proxies
from runlog.sqlstore.accounts import Users
from runlog.storage.paths import check_path
from runlog.store import Store
from runlog.store_parts import accounts
from runlog.store_parts.accounts import User

Result = TypeVar("Result")

NEEDED = {READ: accounts.VIEWER, EDIT: accounts.EDITOR, ADMIN: accounts.ADMIN}
FOR_ALL_USERS = ("serverInfo", "about", "flush")
LISTS_OF_EXPERIMENTS = ("searchExperiments", "listExperiments")


class Auth:
    """Lets users do what they may, and notes in the audit log what they changed."""

    def __init__(
        self,
        store: Store,
        users: Users,
        *,
        proxies: Proxies | None = None,
        read_only: bool = False,
        audit_days: int = KEPT_DAYS,
        now: Callable[[], int] = clock.now,
    ) -> None:
        """`now` is the time in Unix ms."""
        self._store, self.users, self._read_only = store, users, read_only
        self._authentication = Authentication(users, proxies, audit_days, now)
        self.audit = self._authentication.audit

    def identify(self, environ: Environ) -> Caller:
        """Return who sends this request. Raises UNAUTHENTICATED."""
        return self._authentication.identify(environ)

    def perform(
        self,
        caller: Caller,
        row: Row,
        arguments: Mapping[str, Any],
        call: Callable[[Mapping[str, Any]], Result],
    ) -> Result | PagedList[Any]:
        """Do what a request asks for, if the caller may. Raises PERMISSION_DENIED."""
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
                self._authentication.note(caller, row.name, _audited_object(row, arguments), result)
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
        if row.name in REGISTRY:  # its models belong to no experiment
            raise _denied(
                f"user {user.name!r} may not {row.access} the model registry: an admin can allow "
                f"it with  runlog users role {user.name} {needed}"
            )
        granted = self.users.granted(user)
        if row.name in LISTS_OF_EXPERIMENTS:
            return self._granted_experiments(granted, arguments)
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

    def _granted_experiments(
        self, granted: Mapping[str, str], given: Mapping[str, Any]
    ) -> PagedList[Any]:
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
        """Return the experiments that a call reads or changes."""
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
        """Return who the caller is, for a page."""
        user, token = caller.user, caller.token
        looks = user.role == accounts.VIEWER or bool(token and token.read_only)
        return {
            "user": user.name,
            "role": user.role,
            "read_only": self._read_only or looks,
        }

    def pages(self) -> list[Page]:
        """Return what the server answers besides the protocol: logging in and out, users and
        tokens."""
        return [
            *login.pages(self._authentication),
            *admin_api.pages(self._authentication, self._read_only),
        ]

    def close(self) -> None:
        """Write what is left of the audit log."""
        self.audit.close()


def _reaches(role: str, needed: str) -> bool:
    return accounts.LEVELS[role] >= accounts.LEVELS[needed]


def _of(given: Mapping[str, Any], name: str) -> list[str]:
    """Return the ids that a request names, as `run_id` or `run_ids`."""
    one, many = given.get(name), given.get(name + "s")
    return [*([one] if one else ()), *(many or ())]


def _all(what: str, ids: list[str], found: Mapping[str, str]) -> list[str]:
    for each in ids:
        if each not in found:
            raise NotFound(f"{what} {each[:100]!r} not found")
    return [*found.values()]


def _audited_object(row: Row, given: Mapping[str, Any]) -> str:
    if row.name in REGISTRY:
        version = f" version {given['version']}" if given.get("version") else ""
        return f"registered model {given.get('name', '')}{version}"
    for name in ("experiment_id", "run_id", "model_id"):
        if ids := _of(given, name):
            return f"{name.removesuffix('_id')} {','.join(ids)}"
    return next((f"{name} {given[name]}" for name in ("path", "name") if given.get(name)), "")


def _denied(message: str) -> RunlogError:
    return RunlogError(f"Permission denied: {message}", "PERMISSION_DENIED")
