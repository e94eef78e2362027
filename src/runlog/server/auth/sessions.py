"""The cookie of a session in a browser.

It is out of reach of scripts (HttpOnly) and is not sent by other sites (SameSite=Strict). That does
not keep out a page of another port of the same host, so what changes something must say by its
Origin that it comes from this server's own pages.
"""

from __future__ import annotations

from bottle import response

from runlog.errors import RunlogError
from runlog.server import cross_site
from runlog.server.auth.access import Environ

NAME = "runlog_session"


def cookie(environ: Environ) -> str | None:
    """Return the secret of the session that a request is part of."""
    wanted = _cookie_name(environ) + "="
    for part in environ.get("HTTP_COOKIE", "").split(";"):
        if part.strip().startswith(wanted):
            return str(part.strip()[len(wanted) :])
    return None


def check_own_page(environ: Environ) -> None:
    """Raise PERMISSION_DENIED for a change that is not asked for by a page of this server."""
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") or cross_site.is_allowed(environ, ()):
        return
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE") != "same-origin":
        raise RunlogError(
            "with a session only pages of this server may change something: programs use a token",
            "PERMISSION_DENIED",
        )


def set_cookie(environ: Environ, value: str, seconds: int, secure: bool) -> None:
    """Set the cookie of the session `value`, good for that many seconds; 0 takes it away."""
    response.set_header(
        "Set-Cookie",
        f"{_cookie_name(environ)}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"
        + ("; Secure" if secure else ""),
    )


def _cookie_name(environ: Environ) -> str:
    # Cookies are a host's, whatever the port: two servers of one host need two names.
    port = environ.get("HTTP_HOST", "").rpartition(":")[2]
    return f"{NAME}_{port}" if port.isascii() and port.isdigit() else NAME
