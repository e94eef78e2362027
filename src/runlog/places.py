"""Where runs are logged to: the tracking URI, its store, and the experiment in use.

The tracking URI is the argument given, else what `set_tracking_uri` set, else RUNLOG_TRACKING_URI,
else MLFLOW_TRACKING_URI, else `runlog.db` in the working directory.
"""

from __future__ import annotations

import os

from runlog.settings import setting
from runlog.store import Store, is_at_server, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_chosen: str | None = None
_stores: dict[str, Store] = {}


def set_tracking_uri(uri: str | Path) -> None:
    """Logs to and reads from `uri` from now on: x.db, folder/, sqlite:///x.db, file:/folder,
    postgresql://user:password@host/database, mysql://..., mssql://..., http(s)://host, databricks.

    A relative path is relative to the working directory of this moment. Processes started later
    inherit the choice through the environment. An empty text takes the choice back.
    """
    global _chosen
    _chosen = absolute(uri) if uri else None
    if _chosen is None:
        os.environ.pop("RUNLOG_TRACKING_URI", None)
    else:
        os.environ["RUNLOG_TRACKING_URI"] = _chosen


def get_tracking_uri() -> str:
    """The URI that is logged to, with absolute paths and without a password."""
    return shown(_place())


def _place() -> str:
    return absolute(_chosen or setting("TRACKING_URI") or "runlog.db")


def shown(place: str) -> str:
    """A URI without a user, a password and, where it is of a server, what may hold more of that."""
    scheme, separator, rest = place.partition("://")
    if is_at_server(place) and not scheme.startswith("http"):  # a database: / may be in a password
        return scheme + separator + rest.rpartition("@")[2].partition("?")[0]
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def whole(uri: str | Path | None = None) -> str:
    """`uri`, or the tracking URI, as it is opened: with the password, which is known where it is
    the tracking URI as we say it ourselves."""
    place = _place() if uri is None else absolute(uri)
    return _place() if place == shown(_place()) else place


def is_tracking_uri_set() -> bool:
    """Whether the URI was chosen, by `set_tracking_uri` or the environment."""
    return bool(_chosen or setting("TRACKING_URI"))


def store(uri: str | Path | None = None) -> Store:
    """The store at `uri`, or at the tracking URI; opened once in a process for each URI."""
    place = whole(uri)
    found = _stores.get(place)
    if found is None:
        # Two threads that open the same file at once: the second one's store is dropped.
        found = _stores.setdefault(place, open_store(place))
    return found


def close() -> None:
    """Closes all stores that were opened here and forgets them."""
    while _stores:
        _stores.popitem()[1].close()


def absolute(uri: str | Path) -> str:
    """`uri` with an absolute path: the same place after a change of the working directory."""
    uri = os.fspath(uri)
    prefix, separator, path = uri.partition(":///")
    if separator and prefix == "sqlite":
        return f"sqlite:///{os.path.abspath(path)}"
    if uri == "databricks" or ":" in uri.partition("/")[0] and not os.path.splitdrive(uri)[0]:
        return uri
    folder = uri.endswith("/") or os.path.isdir(uri)
    return os.path.abspath(uri) + ("/" if folder and uri.strip("/") else "")
