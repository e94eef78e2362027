"""Where runs are logged to: the tracking URI, its store, and the experiment in use.

The tracking URI is the argument given, else what `set_tracking_uri` set, else RUNLOG_TRACKING_URI,
else MLFLOW_TRACKING_URI, else `runlog.db` in the working directory. What is relative is so to the
working directory of its first use.
"""

from __future__ import annotations

import os
import threading

from runlog.errors import InvalidParameter, warn
from runlog.settings import setting, text
from runlog.store import Store, open_store
from runlog.store_uri import database_file, is_at_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_chosen: str | None = None
_chosen_registry: str | None = None
_stores: dict[str, Store] = {}
_opening = threading.RLock()  # a signal handler may open a store, too
_first_use: dict[
    str, str
] = {}  # what a tracking URI that nobody set in the program was, absolutely


def _reset_lock() -> None:
    global _opening
    _opening = threading.RLock()


if hasattr(os, "register_at_fork"):  # another thread may have held it
    os.register_at_fork(after_in_child=_reset_lock)


def set_tracking_uri(uri: str | Path) -> None:
    """Log to and read from this URI from now on: a file, a folder, a database or a server.

    - a file or folder: `x.db`, `folder/`, `sqlite:///x.db`, `file:/folder`
    - a database: `postgresql://user:password@host/database`, `mysql://...`, `mssql://...`
    - a server: `http(s)://host`, `databricks`

    A relative path is relative to the working directory of this moment. Processes that are started
    later inherit the choice. An empty text takes it back.

    >>> runlog.set_tracking_uri("experiments.db")
    >>> runlog.get_tracking_uri().endswith("experiments.db")
    True
    """
    global _chosen
    _chosen = absolute(uri) if uri else None
    _first_use.clear()
    if _chosen is None:
        os.environ.pop("RUNLOG_TRACKING_URI", None)
    else:
        os.environ["RUNLOG_TRACKING_URI"] = _chosen


def set_registry_uri(uri: str | Path) -> None:
    """Keep registered models in this store from now on, instead of the one at the tracking URI.

    `uri` is what `set_tracking_uri` takes. An empty text takes it back. Processes that are started
    later inherit the choice.

    >>> runlog.set_registry_uri("registry.db")
    >>> runlog.get_registry_uri().endswith("registry.db")
    True
    """
    global _chosen_registry
    _chosen_registry = absolute(uri) if uri else None
    if _chosen_registry is None:
        os.environ.pop("RUNLOG_REGISTRY_URI", None)
    else:
        os.environ["RUNLOG_REGISTRY_URI"] = _chosen_registry


def get_registry_uri() -> str:
    """Return the URI of the model registry, without a password: the tracking URI unless
    `set_registry_uri` or RUNLOG_REGISTRY_URI says otherwise."""
    return shown(chosen_registry_uri() or _current_uri())


def chosen_registry_uri() -> str | None:
    """Return the URI of a model registry that is not at the tracking URI, or None."""
    if _chosen_registry is not None:
        return _chosen_registry
    found = setting("REGISTRY_URI")
    return None if found is None else absolute(found)


def registry_store(uri: str) -> Store:
    """Return the store of a model registry. Raises InvalidParameter for Unity Catalog's."""
    if uri.startswith(("databricks-uc", "uc:")):
        raise InvalidParameter(
            f"model registry {uri!r}: runlog does not speak Unity Catalog's protocol. Use "
            "'databricks' for the registry of a workspace, or the URI of a runlog or MLflow server "
            "or of a database, with set_registry_uri or RUNLOG_REGISTRY_URI"
        )
    return store(uri)


def get_tracking_uri() -> str:
    """Return the URI that is logged to, with absolute paths and without a password."""
    return shown(_current_uri())


def _current_uri() -> str:
    return _chosen or _first_use.get(_default()) or absolute(_default())


def _default() -> str:
    return text("TRACKING_URI")


def shown(uri: str) -> str:
    """Return the URI without user and password, nor options of a database that may hold more."""
    scheme, separator, rest = uri.partition("://")
    if is_at_server(uri) and not scheme.startswith("http"):  # a database: / may be in a password
        return scheme + separator + rest.rpartition("@")[2].partition("?")[0]
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def with_password(uri: str | Path | None = None) -> str:
    """Return `uri`, or the tracking URI, as it is opened: with the password, which is known if
    `uri` is the tracking URI as `get_tracking_uri` shows it."""
    if uri is None:
        return _current_uri()
    full = absolute(uri)
    return _current_uri() if full == shown(_current_uri()) else full


def is_tracking_uri_set() -> bool:
    """Return whether the URI was set, by `set_tracking_uri` or by the environment."""
    return bool(_chosen or setting("TRACKING_URI"))


def store(uri: str | Path | None = None) -> Store:
    """Return the store at `uri`, or at the tracking URI; opened once in a process for each URI."""
    full = with_password(uri)
    found = _stores.get(full)
    if found is None:
        _mention_other_stores(full)
        with _opening:  # or threads would open the same file at once, and drop all but one
            found = _stores.get(full) or _stores.setdefault(full, open_store(full))
    if uri is None and _chosen is None:
        _first_use.setdefault(_default(), full)
    return found


def _mention_other_stores(uri: str) -> None:
    """Warn about a new file beside a store of MLflow's: its runs will not be in it."""
    if is_at_server(uri):
        return
    path = database_file(uri)
    folder = os.path.dirname(path)
    others = [name for name in ("mlflow.db", "mlruns") if os.path.exists(f"{folder}/{name}")]
    if others and not os.path.lexists(path):
        warn(
            f"{path} is a new file. The runs of MLflow in {' and '.join(others)} beside it are not "
            "in it, and runlog does not change them"
        )


def close() -> None:
    """Close all stores that were opened here and forget them."""
    while _stores:
        _stores.popitem()[1].close()


def absolute(uri: str | Path) -> str:
    """Return `uri` with an absolute path, which a change of the working directory leaves."""
    uri = os.fspath(uri)
    if uri.startswith("runlog:"):  # how programs with the real MLflow and our plug-in name it
        return absolute(uri.removeprefix("runlog:").removeprefix("//"))
    prefix, separator, path = uri.partition(":///")
    if separator and prefix == "sqlite":
        return f"sqlite:///{os.path.abspath(path)}"
    if (
        uri in ("databricks", "databricks-uc")
        or ":" in uri.partition("/")[0]
        and not os.path.splitdrive(uri)[0]
    ):
        return uri
    folder = uri.endswith("/") or os.path.isdir(uri)
    return os.path.abspath(uri) + ("/" if folder and uri.strip("/") else "")
