"""Logging in and out with a browser: the endpoints /login and /logout."""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import parse_qs

from bottle import response

from runlog.errors import BadRequest
from runlog.server import request_body
from runlog.server.auth import sessions
from runlog.server.auth.access import Environ, Page
from runlog.server.auth.authentication import Authentication, Caller
from runlog.sqlstore.accounts import LOG_IN

SPAN = 7 * 86_400_000  # milliseconds that a session lasts
MAX_FORM = 10_000  # bytes
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


def pages(auth: Authentication) -> list[Page]:
    """GET /login is a form, with a token one that a click sends; POST /login takes the form or
    JSON with username and password or a token; POST /logout ends the session."""

    def start(environ: Environ, caller: Caller) -> None:
        secret = auth.users.add_session(caller.user, auth.now() + SPAN, caller.token)
        sessions.set_cookie(environ, secret, SPAN // 1000, auth.proxies.is_https(environ))
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
        secret = sessions.cookie(environ)
        if secret:
            sessions.check_own_page(environ)
            auth.users.end_session(secret)
        sessions.set_cookie(environ, "", 0, auth.proxies.is_https(environ))
        return _json()

    return [
        Page("login", "GET", "/login", form),
        Page("login", "POST", "/login", log_in),
        Page("logout", "POST", "/logout", log_out),
    ]


def _fields(environ: Environ) -> tuple[dict[str, str], bool]:
    """Return what was sent, and whether it was by the form."""
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
