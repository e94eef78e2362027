"""Which places a client may name as the artifact location of an experiment.

The server reads and writes there with its own rights. So a client may name a place in the server's
own artifacts (`mlflow-artifacts:/x`), or an object store, whose keys guard it; a local path only
below the server's artifact root, or anywhere where the server was started so.
"""

from __future__ import annotations

import os

from runlog.artifacts.paths import PROXIED, check_path, local_root
from runlog.errors import InvalidParameter

OBJECT_STORES = frozenset(
    "s3 s3a gs gcs az abfs abfss wasb wasbs adl hdfs viewfs dbfs r2 oss".split()
)
# Their URIs may name no host: the workspace or the cluster that is configured is meant.
WITH_DEFAULT_HOST = frozenset(("dbfs", "hdfs", "viewfs"))


def check(location: str, root: str, local_anywhere: bool) -> str:
    """`location`, as it is kept, if a client may name it. Raises InvalidParameter."""
    scheme, colon, rest = location.partition(":")
    scheme = scheme.lower()
    if "::" in location or any(ord(character) < 32 for character in location):
        raise _refused(location, "it must be a plain URI or path")
    if not colon or "/" in scheme:
        return _local(location, location, root, local_anywhere)
    if scheme == "file":
        return _local(location, local_root(location), root, local_anywhere)
    if scheme == PROXIED[:-1]:
        if rest.startswith("//") or not rest.startswith("/"):
            raise _refused(location, "write mlflow-artifacts:/path, without a host")
        return f"{PROXIED}/{check_path(rest.strip('/'))}"
    if scheme not in OBJECT_STORES:
        known = ", ".join(sorted(OBJECT_STORES))
        raise _refused(location, f"use mlflow-artifacts:/path or one of {known}")
    start = "/" if scheme in WITH_DEFAULT_HOST else "//"
    if not rest.startswith(start) or ".." in rest.split("/"):
        raise _refused(
            location,
            f"write {scheme}:{start}{'' if len(start) == 1 else 'bucket/'}path, without ..",
        )
    return location


def _local(location: str, path: str, root: str, anywhere: bool) -> str:
    if "\0" in path or path.startswith("~"):
        raise _refused(location, "it must be a plain path")
    absolute = os.path.abspath(path)
    inside = os.path.realpath(absolute).startswith(os.path.join(os.path.realpath(root), ""))
    if anywhere or (inside and "://" not in root):
        return absolute
    raise _refused(
        location,
        "a local path must be below the server's artifact root. Name no location, or start the "
        "server with --allow-local-locations if it shares its disk with its clients",
    )


def _refused(location: str, reason: str) -> InvalidParameter:
    # A URI may hold a password: what is shown is no more than the client said, and not all of it.
    return InvalidParameter(f"Invalid artifact location {location[:100]!r}: {reason}")
