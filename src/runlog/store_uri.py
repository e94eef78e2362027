"""What a tracking URI names: a file of this machine, a database on a server, a tracking server.

A folder that another experiment tracker writes is refused: the trackers are known by the names of
their folders and by what is in them.
"""

from __future__ import annotations

import os

from runlog.errors import InvalidParameter

FILE, DATABASE, SERVER = "file", "database", "server"
_KINDS = {  # by scheme
    "sqlite": FILE,
    "postgresql": DATABASE,
    "postgres": DATABASE,
    "mysql": DATABASE,
    "mariadb": DATABASE,
    "mssql": DATABASE,
    "http": SERVER,
    "https": SERVER,
    "databricks": SERVER,
}

_MOST = 200  # entries of a folder that are looked at: some hold a million
_FOLDERS = {"mlruns": "MLflow", "wandb": "Weights & Biases", ".aim": "Aim"}


def store_kind(uri: str) -> str:
    """Return what is at a tracking URI: FILE, DATABASE or SERVER."""
    scheme, colon, _ = uri.partition(":")
    known = _KINDS.get(scheme.partition("+")[0].lower())
    return known if known and (colon or uri == "databricks") else FILE


def is_at_server(uri: str) -> bool:
    """Return whether a tracking URI is of a server, not of a file of this machine."""
    return store_kind(uri) != FILE


def artifact_root(uri: str) -> str:
    """Return a URI or local path for artifacts as a store has it: a local one is absolute."""
    return uri if "://" in uri else os.path.abspath(uri.removeprefix("file:"))


def database_file(uri: str) -> str:
    """Return the absolute path of the file behind a tracking URI, whether it is there or not.
    Raises InvalidParameter where there can be none."""
    scheme, colon, rest = uri.partition(":")
    if _is_host_and_port(uri):
        raise InvalidParameter(
            f"tracking URI {uri!r}: a server's begins with http:// or https://. Write http://{uri}"
        )
    if uri == "databricks" or os.path.basename(uri) == ":memory:":
        raise InvalidParameter(
            f"no store for the tracking URI {uri!r}: this version of runlog keeps runs in a local "
            "file (runlog.db, folder/, file:/folder, sqlite:///x.db)"
        )
    kind = scheme.replace("+", "") if rest.startswith("//") else scheme  # with a driver's name
    if not colon or not kind.isalnum() or len(scheme) == 1:  # a path, C:\... included
        is_folder = uri.endswith(("/", os.sep)) or os.path.isdir(uri)
        return os.path.abspath(_in_folder(uri) if is_folder else uri)
    if scheme == "file":
        return os.path.abspath(_in_folder(_folder_of(rest)))
    if scheme == "sqlite" and rest.startswith("///"):
        return os.path.abspath(rest[3:])
    if scheme == "sqlite":
        raise InvalidParameter(
            f"tracking URI {uri!r}: write sqlite:///relative.db or sqlite:////absolute.db"
        )
    # The rest of the URI stays out of the message: it may hold a password.
    if is_at_server(uri):
        raise InvalidParameter(
            f"a {scheme}: address is of a server: this works on the file of a database only"
        )
    raise InvalidParameter(
        f"no store for tracking URIs of the kind {scheme}: this version of runlog keeps runs in a "
        "local file (runlog.db, folder/, file:/folder, sqlite:///x.db), in a database on a server "
        "(postgresql://, mysql://, mssql://) or on a server (http://, https://, databricks)"
    )


def _is_host_and_port(uri: str) -> bool:
    """Return whether it is such as 127.0.0.1:5000, [::1]:5000, host:5000/path. C:5000 is a file."""
    host, _, port = uri.partition("/")[0].rpartition(":")
    return port.isdigit() and len(host) > 1


def _folder_of(rest: str) -> str:
    from urllib.parse import unquote

    if rest.startswith("//"):
        host, _, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise InvalidParameter(f"tracking URI 'file:{rest}' names the host {host!r}")
        rest = "/" + path
    return unquote(rest)


def _in_folder(folder: str) -> str:
    if os.path.isfile(folder):
        raise InvalidParameter(f"{folder} is a file: give its path, not a file: URI of a folder")
    file = os.path.join(folder, "runlog.db")
    if not os.path.isfile(file):
        if owner := _owner(folder):
            command = f"bring its runs over with  runlog import {folder}  or "
            raise InvalidParameter(
                f"{folder} is a folder of {owner}, which runlog does not write to: "
                + (command if owner == "MLflow" else "")
                + "choose another folder, or a file such as runlog.db"
            )
    return file


def _owner(folder: str) -> str | None:
    """Return the name of the tool that writes to a folder, or None. A folder that merely contains
    one of these, as a project does, and an empty one belong to nobody."""
    names = _names(folder)
    by_name = _FOLDERS.get(os.path.basename(os.path.abspath(folder)))
    if by_name and names:
        return by_name
    paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
    if any(_is_experiment(path) for path in paths):
        return "MLflow"
    if any(_is_wandb_run(name) for name in names):
        return "Weights & Biases"
    if "run_metadata.sqlite" in names:
        return "Aim"
    if _has_events(names) or (paths and all(_has_events(_names(path)) for path in paths)):
        return "TensorBoard"
    return None


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for _, entry in zip(range(_MOST), entries, strict=False)]
    except OSError:  # no folder, or none that may be read
        return []


def _is_experiment(path: str) -> bool:
    """Return whether it is an experiment in MLflow's file store. Recipes of conda are meta.yaml,
    too."""
    try:
        with open(os.path.join(path, "meta.yaml"), "rb") as file:
            return b"artifact_location" in file.read(4096)
    except OSError:
        return False


def _is_wandb_run(name: str) -> bool:
    """run-20240131_235959-1a2b3c4d, or offline-run-..."""
    kind, _, rest = name.removeprefix("offline-").partition("-")
    time = rest.partition("-")[0].replace("_", "")
    return kind == "run" and len(time) == 14 and time.isdigit()


def _has_events(names: list[str]) -> bool:
    return any(name.startswith("events.out.tfevents.") for name in names)
