"""Paths of artifacts and URIs of storages, checked and parsed. Nothing here touches a disk."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from runlog.errors import InvalidParameter
from runlog.validate import without_password

HIDDEN = ".runlog-"
"""How the names of unfinished files begin. Nothing else may be called so."""

# Deeper, or longer, than file systems and this program's own walks take.
MAX_PARTS, MAX_BYTES = 200, 3_000

PROXIED = "mlflow-artifacts:"
"""How the addresses of artifacts begin that a server passes on."""


def check_path(path: str | os.PathLike[str]) -> str:
    """Return `path` as text, if it can name an artifact: relative, in POSIX form, staying below the
    root. Parts that are `.` go. Percent signs mean themselves: nothing is decoded.

    Raises InvalidParameter with "Invalid path" in its message.
    """
    path = os.fspath(path)
    parts = [part for part in path.split("/") if part != "."]
    reason = None
    if not path or not parts:
        reason = "it names no file"
    elif path.startswith("/"):
        reason = "it must be relative"
    elif "\\" in path:
        reason = "separate directories with /"
    elif parts[0][:1].isalpha() and parts[0][1:2] == ":":
        reason = "it begins like a Windows drive"
    elif "" in parts:
        reason = "it has a directory without a name"
    elif ".." in parts:
        reason = "it must not lead upwards with .."
    elif not _is_plain_text(path):
        reason = "it has control characters or is not Unicode text"
    elif len(parts) > MAX_PARTS or len(path.encode()) > MAX_BYTES:
        reason = f"it has more than {MAX_PARTS} names or {MAX_BYTES} bytes"
    elif any(part.startswith(HIDDEN) for part in parts):
        reason = f"names that begin with {HIDDEN} are for unfinished files"
    if reason is not None:
        shown = path if len(path) <= 500 else path[:500] + "..."
        raise InvalidParameter(f"Invalid path {shown!r} of an artifact: {reason}")
    return "/".join(parts)


def parse_runs_uri(uri: str) -> tuple[str, str]:
    """Run id and artifact path of `runs:/<run id>/<path>`; the path may be empty. Nothing is
    decoded, so `%` and `#` in a path mean themselves. Raises InvalidParameter."""
    run_id, _, path = uri.removeprefix("runs:/").partition("/")
    if not uri.startswith("runs:/") or not run_id:
        raise InvalidParameter(f"not a run's URI: {uri!r}. Use runs:/<run id>/<path of artifact>")
    return run_id, path


class Address(NamedTuple):
    """A URI in its parts. Nothing is decoded but user and password: in a path, `%` means itself.

    `str()` and `repr()` of it leave the password out.
    """

    scheme: str  # "file" for a plain path
    user: str | None
    password: str | None
    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        slashes = "//" if self.host or user else ""
        return f"{self.scheme}:{slashes}{user}{self.host}{port}{self.path}"

    def __repr__(self) -> str:
        return f"<{self}>"


_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(//(?P<authority>[^/]*))?(?P<path>/.*)?", re.S
)
_AUTHORITY = re.compile(
    r"((?P<user>[^:]*)(:(?P<password>.*))?@)?(?P<host>\[[^]]*\]|[^:@]*)(:(?P<port>\d+))?", re.S
)


def parse(uri: str) -> Address:
    """Return the parts of a URI or of a local path. Raises InvalidParameter, without a password in
    its text, for what is neither, for chained URLs (`::`) and for control characters."""
    if not uri or "\0" in uri:
        raise InvalidParameter(f"not a location of artifacts: {uri!r}")
    scheme, colon, rest = uri.partition(":")
    if not colon or len(scheme) < 2 or not scheme.replace("+", "").replace("-", "").isalnum():
        return Address("file", None, None, "", None, os.path.abspath(uri))
    scheme = scheme.lower()
    if scheme == "file":
        return Address("file", None, None, "", None, os.path.abspath(_file_uri_path(uri, rest)))
    shown = without_password(uri)
    if "::" in uri:
        raise InvalidParameter(f"chained URLs ('::') are refused: {scheme}::...")
    found = _URI.fullmatch(uri)
    authority = _AUTHORITY.fullmatch(found["authority"] or "") if found else None
    if found is None or authority is None or not _is_plain_text(uri) or "?" in uri or "#" in uri:
        raise InvalidParameter(
            f"not the URI of a location of artifacts: {shown!r}. Write scheme://host/path, without "
            "control characters, '?' or '#', and percent-encode a user or password that has any of "
            "/ : @ ? #"
        )
    from urllib.parse import unquote

    return Address(
        scheme,
        unquote(authority["user"]) if authority["user"] else None,
        unquote(authority["password"]) if authority["password"] else None,
        authority["host"],
        int(authority["port"]) if authority["port"] else None,
        found["path"] or "",
    )


def local_root(uri: str) -> str:
    """Return the absolute local path that `uri` names: a path as it is, or a `file:` URI, decoded.
    Raises InvalidParameter for any other scheme."""
    address = parse(uri)
    if address.scheme != "file":
        raise InvalidParameter(f"not a local path but at {address.scheme}: {str(address)!r}")
    return address.path


def _file_uri_path(uri: str, rest: str) -> str:
    from urllib.parse import unquote

    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        rest = slash + path
        if host not in ("", "localhost"):
            raise InvalidParameter(
                f"file: URIs name files of this machine, not of {host!r}: {uri!r}"
            )
    if not rest or rest.startswith(":") or "?" in rest or "#" in rest:
        raise InvalidParameter(f"not a path: {uri!r}. Write ? as %3F and # as %23 in a file: URI")
    path = unquote(rest)
    return path[1:] if os.name == "nt" and path[2:3] == ":" else path


def _is_plain_text(path: str) -> bool:
    # Control characters are the two blocks C0 and C1; surrogates are bytes that are not UTF-8.
    return not any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in path)


def checked_directory(path: str | os.PathLike[str] | None) -> str:
    """Return the checked path of a directory, which may end with a slash; empty for the root."""
    text = "" if path is None else os.fspath(path)
    return "" if text in ("", ".", "./") else check_path(text.removesuffix("/"))


def join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def is_hidden(path: str) -> bool:
    return path.rpartition("/")[2].startswith(HIDDEN)


def is_safe(path: str) -> bool:
    """Return whether a name that a server lists is one that `check_path` would let in as it is."""
    try:
        return check_path(path) == path
    except InvalidParameter:
        return False
