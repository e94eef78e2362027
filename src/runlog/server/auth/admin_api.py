"""Users, grants and tokens over HTTP, for admins: what `runlog users` and `runlog tokens` do where
the database is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bottle import response

from runlog.errors import RunlogError
from runlog.protocol import codecs
from runlog.protocol.codecs import FLAG, ID, INT64, TEXT, Field, needed
from runlog.protocol.rows import OURS
from runlog.server import request_body
from runlog.server.auth.access import Environ, Page
from runlog.server.auth.authentication import Authentication, Caller
from runlog.server.traffic import identified
from runlog.sqlstore.accounts import Users
from runlog.store_parts import accounts


class Action(NamedTuple):
    """Something that an admin may ask for: where, with which fields, and what is answered."""

    verb: str
    path: str
    fields: tuple[Field, ...]
    act: Callable[..., Mapping[str, Any] | None]


NAMED = ("name", "user", "experiment_id", "role")  # in the audit log
INSIDE = ("id", "kind")  # what is nobody's business


def _listed(name: str, found: Iterable[Any]) -> dict[str, Any]:
    return {
        name: [
            {key: value for key, value in each._asdict().items() if key not in INSIDE}
            for each in found
        ]
    }


def _of(known: Users, user: str | None) -> str | None:
    return known.get(user).name if user else None


def _add(known: Users, name: str, role: str, password: str | None) -> None:
    known.add(name, role, password)


_NAME, _USER, _ROLE = needed("name", TEXT), needed("user", TEXT), needed("role", TEXT)
_EXPERIMENT, _PASSWORD = needed("experiment_id", ID), Field("password", TEXT)
_ANY_USER = Field("user", TEXT)

ACTIONS = (
    Action("GET", "users/list", (), lambda known: _listed("users", known.all())),
    Action("POST", "users/create", (_NAME, _ROLE, _PASSWORD), _add),
    Action("POST", "users/set-role", (_NAME, _ROLE), Users.set_role),
    Action("POST", "users/set-password", (_NAME, _PASSWORD), Users.set_password),
    Action("POST", "users/delete", (_NAME,), Users.remove),
    Action(
        "GET", "grants/list", (_ANY_USER,),
        lambda known, user: _listed("grants", known.grants(_of(known, user))),
    ),
    Action(
        "POST", "grants/set", (_USER, _EXPERIMENT, _ROLE),
        lambda known, user, **given: known.grant(user, **given),
    ),
    Action(
        "POST", "grants/delete", (_USER, _EXPERIMENT),
        lambda known, user, **given: known.withdraw(user, **given),
    ),
    Action(
        "GET", "tokens/list", (_ANY_USER,),
        lambda known, user: _listed("tokens", known.tokens(_of(known, user))),
    ),
    Action(
        "POST", "tokens/create",
        (_USER, _NAME, Field("expiry_time", INT64), Field("read_only", FLAG, default=False)),
        lambda known, **given: {"token": known.add_token(**given)},
    ),
    Action("POST", "tokens/revoke", (_USER, _NAME), Users.revoke),
)  # fmt: skip


def pages(auth: Authentication, read_only: bool) -> list[Page]:
    """Return the endpoints, below /api/runlog/1/. With `read_only` they change nothing."""
    return [
        Page(each.path, each.verb, OURS[0] + each.path, _view(auth, each, read_only))
        for each in ACTIONS
    ]


def check_admin(caller: Caller, changes: bool, read_only: bool) -> None:
    """Raise PERMISSION_DENIED unless the caller may look at, or change, users and tokens."""
    reason = ""
    if caller.user.role != accounts.ADMIN:
        reason = f"user {caller.user.name!r} is no admin"
    elif changes and (read_only or (caller.token and caller.token.read_only)):
        reason = "this server, or your token, may only read"
    if reason:
        raise RunlogError(f"Permission denied: {reason}", "PERMISSION_DENIED")


def _view(auth: Authentication, action: Action, read_only: bool) -> Callable[[Environ], bytes]:
    def view(environ: Environ) -> bytes:
        caller = auth.identify(environ)
        identified(environ)
        target, result = "", "INTERNAL_ERROR"
        try:
            check_admin(caller, action.verb != "GET", read_only)
            given = codecs.read_fields(action.fields, request_body.fields(environ))
            target = " ".join(f"{name} {given[name]}" for name in NAMED if given.get(name))
            answer = action.act(auth.users, **given)
            result = "OK"
        except RunlogError as error:
            result = error.error_code
            raise
        finally:
            if action.verb != "GET" or result == "PERMISSION_DENIED":
                auth.note(caller, action.path, target, result)
        response.content_type = "application/json"
        return codecs.dump(answer or {}).encode()

    return view
