"""Users, grants and tokens over HTTP, for admins: what `runlog users` and `runlog tokens` do where
the database is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle import response

from runlog.errors import RunlogError
from runlog.protocol import codecs
from runlog.protocol.codecs import FLAG, ID, INT64, TEXT, Field, needed
from runlog.protocol.rows import OURS
from runlog.server import request_body
from runlog.server.auth.access import Environ, Page
from runlog.server.traffic import identified
from runlog.sqlstore.accounts import Users

if TYPE_CHECKING:
    from runlog.server.auth.policy import Auth


class Deed(NamedTuple):
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

DEEDS = (
    Deed("GET", "users/list", (), lambda known: _listed("users", known.all())),
    Deed("POST", "users/create", (_NAME, _ROLE, _PASSWORD), _add),
    Deed("POST", "users/set-role", (_NAME, _ROLE), Users.set_role),
    Deed("POST", "users/set-password", (_NAME, _PASSWORD), Users.set_password),
    Deed("POST", "users/delete", (_NAME,), Users.remove),
    Deed(
        "GET", "grants/list", (_ANY_USER,),
        lambda known, user: _listed("grants", known.grants(_of(known, user))),
    ),
    Deed(
        "POST", "grants/set", (_USER, _EXPERIMENT, _ROLE),
        lambda known, user, **given: known.grant(user, **given),
    ),
    Deed(
        "POST", "grants/delete", (_USER, _EXPERIMENT),
        lambda known, user, **given: known.withdraw(user, **given),
    ),
    Deed(
        "GET", "tokens/list", (_ANY_USER,),
        lambda known, user: _listed("tokens", known.tokens(_of(known, user))),
    ),
    Deed(
        "POST", "tokens/create",
        (_USER, _NAME, Field("expiry_time", INT64), Field("read_only", FLAG, default=False)),
        lambda known, **given: {"token": known.add_token(**given)},
    ),
    Deed("POST", "tokens/revoke", (_USER, _NAME), Users.revoke),
)  # fmt: skip


def pages(auth: Auth) -> list[Page]:
    """The endpoints, below /api/runlog/1/."""
    return [Page(deed.path, deed.verb, OURS[0] + deed.path, _view(auth, deed)) for deed in DEEDS]


def _view(auth: Auth, deed: Deed) -> Callable[[Environ], bytes]:
    def view(environ: Environ) -> bytes:
        caller = auth.identify(environ)
        identified(environ)
        target, result = "", "INTERNAL_ERROR"
        try:
            auth.check_admin(caller, deed.verb != "GET")
            given = codecs.read_fields(deed.fields, request_body.fields(environ))
            target = " ".join(f"{name} {given[name]}" for name in NAMED if given.get(name))
            answer = deed.act(auth.users, **given)
            result = "OK"
        except RunlogError as error:
            result = error.error_code
            raise
        finally:
            if deed.verb != "GET" or result == "PERMISSION_DENIED":
                auth.note(caller, deed.path, target, result)
        response.content_type = "application/json"
        return codecs.dump(answer or {}).encode()

    return view
