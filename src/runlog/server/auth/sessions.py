"""Logging in with a browser: /login, /logout and the session's cookie.

The cookie is out of reach of scripts (HttpOnly) and is not sent by other sites (SameSite=Strict).
That does not keep out a page of another port of the same host, so what changes something must say
by its Origin that it comes from this server's own pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from bottle import response

from runlog.errors import BadRequest, RunlogError
from runlog.server import cross_site, request_body
from runlog.server.auth.access import Environ, Page
from runlog.sqlstore.accounts import LOG_IN

if TYPE_CHECKING:
    from runlog.server.auth.policy import Auth, Caller

SPAN = 7 * 86_400_000  # milliseconds
MAX_FORM = 10_000
NAME = "runlog_session"
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>runlog: log in</title>
<meta name="viewport" content="width=device-width">
<form method="post" action="">
<p><label>User <input name="username" autocomplete="username" autofocus></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password"></label>
<p>or <label>Token <input name="token" type="password" autocomplete="off"></label>
<p><button>Log in</button>
</form></html>
"""
CONFIRMATION = """<!doctype html><html lang="en"><meta charset="utf-8"><title>runlog: log in</title>
<meta name="viewport" content="width=device-width">
<form method="post" action="login">
<input name="token" type="hidden" value="{token}">
<p>Log in to {host} as {user}?
<p><button autofocus>Log in</button>
</form></html>
"""
FORM_POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def pages(auth: Auth, now: Callable[[], int]) -> list[Page]:
    """GET /login is a form, with a token one that a click sends; POST /login takes the form or
    JSON with username and password or a token; POST /logout ends the session."""

    def start(environ: Environ, caller: Caller) -> None:
        secret = auth.users.add_session(caller.user, now() + SPAN, caller.token)
        _set_cookie(environ, secret, SPAN // 1000, auth.proxies.is_https(environ))
        auth.audit.note(caller.user.name, "", caller.address, LOG_IN, "", "OK")

    def form(environ: Environ) -> bytes:
        token = str(request_body.query(environ).get("token") or "")
        response.content_type = "text/html; charset=utf-8"
        response.set_header("Content-Security-Policy", FORM_POLICY)
        if not token:
            return FORM.encode()
        # To follow a link changes nothing: another site's might log you in as somebody else.
        caller = auth.bearer(token, auth.proxies.address(environ))
        host = environ.get("HTTP_HOST") or "runlog"
        return CONFIRMATION.format(
            token=escape(token), host=escape(host), user=escape(caller.user.name)
        ).encode()

    def log_in(environ: Environ) -> bytes:
        given, is_form = _fields(environ)
        address = auth.proxies.address(environ)
        caller = (
            auth.bearer(given["token"], address)
            if given.get("token")
            else auth.log_in(given.get("username", ""), given.get("password", ""), address)
        )
        start(environ, caller)
        return _see_index() if is_form else _json(user=caller.user.name, role=caller.user.role)

    def log_out(environ: Environ) -> bytes:
        secret = cookie(environ)
        if secret:
            check_own_page(environ)
            auth.users.end_session(secret)
        _set_cookie(environ, "", 0, auth.proxies.is_https(environ))
        return _json()

    return [
        Page("login", "GET", "/login", form),
        Page("login", "POST", "/login", log_in),
        Page("logout", "POST", "/logout", log_out),
    ]


def cookie(environ: Environ) -> str | None:
    """The session that a request is part of."""
    wanted = _cookie_name(environ) + "="
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        if part.strip().startswith(wanted):
            return str(part.strip()[len(wanted) :])
    return None


def check_own_page(environ: Environ) -> None:
    """Raises PERMISSION_DENIED for a change that is not asked for by a page of this server."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") or cross_site.is_allowed(environ, ()):
        return
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE") != "same-origin":
        raise RunlogError(
            "with a session only pages of this server may change something: programs use a token",
            "PERMISSION_DENIED",
        )


def _cookie_name(environ: Environ) -> str:
    # Cookies are a host's, whatever the port: two servers of one host need two names.
    port = environ.get("HTTP_HOST", "").rpartition(":")[2]
    return f"{NAME}_{port}" if port.isascii() and port.isdigit() else NAME


def _set_cookie(environ: Environ, value: str, seconds: int, secure: bool) -> None:
    response.set_header(
        "Set-Cookie",
        f"{_cookie_name(environ)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"
        + ("; Secure" if secure else ""),
    )


def _fields(environ: Environ) -> tuple[dict[str, str], bool]:
    """What was sent, and whether it was by the form."""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    body = b"".join(request_body.pieces(environ, MAX_FORM))
    given: Any
    try:
        if kind == "application/x-www-form-urlencoded":
            given = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        elif kind == "application/json":
            given = json.loads(body)
        else:
            raise BadRequest(f"Content-Type must be application/json, not {kind[:100]!r}")
    except (ValueError, RecursionError):
        raise BadRequest("the body of the request cannot be read") from None
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise BadRequest("send username and password, or token, as texts")
    return given, kind != "application/json"


def _see_index() -> bytes:
    response.status = 303
    response.set_header("Location", "./")
    return b""


def _json(**found: str) -> bytes:
    response.content_type = "application/json"
    return json.dumps(found).encode()
