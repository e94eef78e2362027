"""What keeps other web sites out of a server that a browser can reach.

A site can make its own name mean 127.0.0.1 and then read what is there (DNS rebinding): so the Host
of a request must be an address, localhost, or a name the server was told. It can have a browser
send requests to another server (CSRF): so a request with an Origin that changes something must
come from the server's own pages or from an origin that was allowed. Names are compared exactly;
patterns such as 10.* also match 10.evil.example.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

from runlog.errors import RunlogError

SAFE_VERBS = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ALLOWED_VERBS = "GET, POST, PUT, PATCH, DELETE"


def host_of(value: str) -> str:
    """Return the host of a Host header or an origin's, without its port, in lower case."""
    if value.startswith("["):
        return value.partition("]")[0][1:].lower()
    return value.rpartition(":")[0].lower() if ":" in value else value.lower()


def check_host(host: str, allowed: Collection[str]) -> None:
    """Raise PERMISSION_DENIED for a Host header that a rebound name could have."""
    name = host_of(host).rstrip(".")
    if "*" in allowed or name == "localhost" or name in allowed or host.lower() in allowed:
        return
    try:
        ip_address(name)
    except ValueError:
        raise RunlogError(
            f"Invalid Host header {host[:200]!r}: this server does not go by that name. Start it "
            f"with --allowed-hosts {name[:200]} if it should",
            "PERMISSION_DENIED",
        ) from None


def check_origin(environ: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Raise PERMISSION_DENIED for a change that another site's page asks for."""
    origin = environ.get("HTTP_ORIGIN")
    if environ["REQUEST_METHOD"] in SAFE_VERBS or is_allowed(environ, allowed):
        return
    if origin is None and environ.get("HTTP_SEC_FETCH_SITE", "none") != "cross-site":
        return  # not from a browser, or of its own will
    raise RunlogError(
        f"Cross-origin request blocked: a page of {str(origin)[:200]!r} may not change anything "
        f"here. Start the server with --cors-allowed-origins {str(origin)[:200]} if it may",
        "PERMISSION_DENIED",
    )


def is_within_a_page(environ: Mapping[str, Any]) -> bool:
    """Return whether a page of this server loads what is asked for into itself, a frame or a
    picture for example: it is not opened as a page. Browsers say so of HTTPS and localhost;
    elsewhere, that a page of the server is where the request comes from has to do."""
    destination = environ.get("HTTP_SEC_FETCH_DEST")
    if destination is not None:
        return destination != "document" and environ.get("HTTP_SEC_FETCH_SITE") == "same-origin"
    authority = environ.get("HTTP_REFERER", "").partition("://")[2].partition("/")[0]
    return bool(authority) and authority.lower() == environ.get("HTTP_HOST", "").lower()


def is_allowed(environ: Mapping[str, Any], allowed: Collection[str]) -> bool:
    """Return whether the request's origin is the server itself or one that was allowed."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return False
    scheme, _, host = origin.partition("://")
    own = host and host.lower() == environ.get("HTTP_HOST", "").lower()
    return bool(own and scheme in ("http", "https")) or origin in allowed or "*" in allowed


def cors_headers(environ: Mapping[str, Any], allowed: Collection[str]) -> dict[str, str]:
    """Return what lets pages of allowed origins read the answer."""
    if not allowed or not is_allowed(environ, allowed):
        return {}
    return {
        "Access-Control-Allow-Origin": environ["HTTP_ORIGIN"],
        "Access-Control-Allow-Methods": ALLOWED_VERBS,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }
