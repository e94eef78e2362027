"""Which locations the user of this machine allows stores to open.

The list is outside of every store: RUNLOG_ALLOWED_LOCATIONS, RUNLOG_ARTIFACT_ROOT, and a file of
the user's, to which `runlog artifacts allow` and `create_experiment` add. An entry is a local
folder, or a URI such as s3://bucket/path, and covers what is below it; s3:// covers every bucket.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from runlog.errors import InvalidParameter, RunlogError
from runlog.settings import setting, state_folder
from runlog.storage.paths import PROXIED, Address, parse
from runlog.validate import without_password

_SQLAR = "sqlar:"
_HEADER = "# Locations of artifacts that stores may open, one a line: see  runlog artifacts allow\n"

_of_this_process: list[str] = []  # what could not be written to the file


def is_local(uri: str) -> bool:
    """Return whether a location is on this machine's disk: a path, a file: URI, a database's
    files."""
    return uri.startswith(_SQLAR) or parse(uri).scheme == "file"


def real_path(uri: str) -> str:
    """Return where a local location leads, all links followed; of files in a database, the
    database."""
    from runlog.storage import sqlar

    return os.path.realpath(sqlar.parse(uri)[0] if uri.startswith(_SQLAR) else parse(uri).path)


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is a folder, or in it; both without links."""
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))


def covers(entry: str, uri: str) -> bool:
    """Return whether an entry of the list allows a location."""
    try:
        if is_local(uri) and is_local(entry):
            return is_below(real_path(uri), real_path(entry))
        return not is_local(uri) and not is_local(entry) and _covers(parse(entry), parse(uri))
    except RunlogError:  # what is no location allows nothing, and nothing allows it
        return False


def _covers(entry: Address, found: Address) -> bool:
    parts, below = (each.path.strip("/").split("/") for each in (entry, found))
    if entry.scheme != found.scheme or ".." in below:
        return False
    if not entry.host and parts == [""]:
        return True
    return (
        (entry.host.lower(), entry.port) == (found.host.lower(), found.port)
        and entry.user in (None, found.user)
        and (parts == [""] or below[: len(parts)] == parts)
    )


def from_text(text: str | None) -> tuple[str, ...]:
    """Return the entries of a setting or an option, with commas between, as they are kept. Raises
    InvalidParameter."""
    return tuple(kept(each.strip()) for each in (text or "").split(",") if each.strip())


def kept(location: str) -> str:
    """Return a location as it is kept in the list: a local one as an absolute path, a URI without a
    password. Raises InvalidParameter for what is none."""
    if location.startswith(_SQLAR):
        return location.rstrip("/")
    address = parse(os.path.expanduser(location))
    if address.scheme == "file":
        return address.path
    return without_password(location) if location.endswith("://") else str(address).rstrip("/")


def is_allowed(uri: str, more: Iterable[str] = ()) -> bool:
    """Return whether the user allows a location, or an entry of `more` does. What
    RUNLOG_ARTIFACT_ROOT allows is remembered: its runs outlive the setting."""
    entries = [*more, *from_text(setting("ALLOWED_LOCATIONS")), *_of_this_process]
    if any(covers(each, uri) for each in entries):
        return True
    root = setting("ARTIFACT_ROOT")
    if root and covers(root, uri):
        remember(root)
        return True
    return any(covers(each, uri) for each in listed())


def path() -> str:
    """Return where the user's file is."""
    return os.path.join(state_folder(), "allowed-locations")


def listed() -> list[str]:
    """Return the entries of the user's file. Raises RunlogError where others may have written to
    it."""
    try:
        with open(path(), encoding="utf-8") as file:
            _check_owner(os.fstat(file.fileno()))
            lines = [line.rstrip("\n") for line in file]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RunlogError(f"cannot read {path()}: {error}", "PERMISSION_DENIED") from error
    return [line for line in lines if line and not line.startswith("#")]


def _check_owner(status: os.stat_result) -> None:
    if os.name == "posix" and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
        raise RunlogError(
            f"{path()} says which locations stores may open, and somebody else may have written "
            "to it: it must belong to you, and nobody else may write to it (chmod 600)",
            "PERMISSION_DENIED",
        )


def remember(location: str) -> None:
    """Allow a location, which this user has just named, from now on. Where the file cannot be
    written, it is allowed in this process. What a store or a server has itself needs none."""
    if location.startswith((_SQLAR, PROXIED)):
        return
    try:
        entry = kept(location)
    except InvalidParameter:  # nothing will open it
        return
    if any(covers(each, entry) for each in _of_this_process):
        return
    try:
        add(entry)
    except (RunlogError, OSError):
        _of_this_process.append(entry)


def add(location: str) -> bool:
    """Add a location to the user's file; False if it allows that already. Raises InvalidParameter
    for what is no location, OSError."""
    entry = kept(location)
    if not entry.isprintable():
        raise InvalidParameter(f"{entry!r} cannot be allowed: its name has control characters")
    found = listed()
    if any(each == entry or covers(each, entry) for each in found):
        return False
    os.makedirs(os.path.dirname(path()), mode=0o700, exist_ok=True)
    new = os.open(path(), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with open(new, "r+", encoding="utf-8") as file:
        text = file.read() or _HEADER
        begin = _HEADER if text is _HEADER else "" if text.endswith("\n") else "\n"
        file.write(f"{begin}{entry}\n")
    return True


def remove(location: str) -> bool:
    """Take an entry out of the user's file; False if it has none such. Raises OSError."""
    entry = kept(location)
    found = listed()
    left = [each for each in found if each not in (entry, location)]
    if left == found:
        return False
    new = os.open(path() + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(new, "w", encoding="utf-8") as file:
        file.write(_HEADER + "".join(f"{each}\n" for each in left))
    os.replace(path() + ".new", path())
    return True
