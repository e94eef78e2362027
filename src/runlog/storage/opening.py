"""The artifacts of a store: opened where the store may say that files are, and nowhere else.

A store is a file that anyone may have written, or a server that anyone may run. It may name its own
folder, which came with it; any other local folder must be allowed on this machine
(`runlog.storage.allowed`), or else a received store could have it read, sent away or deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from runlog.errors import RunlogError
from runlog.storage import allowed
from runlog.storage.repository import ArtifactRepo

if TYPE_CHECKING:
    from runlog.storage.upload import Ledger


class Owner(Protocol):
    """What has artifacts: a store, or what an importer reads."""

    uri: str
    is_on_this_machine: bool

    def files(self, artifact_uri: str) -> Any: ...
    def own_files(self) -> list[str]: ...
    def own_locations(self) -> Sequence[str]: ...


_OF_RUN = re.compile(r"[0-9a-f]{32}|m-[0-9a-f]{32}")  # the ids of runs and models


class LocationRefused(RunlogError):
    """A store names a location that it may not open on this machine. `location` is what to
    allow, with `runlog artifacts allow`, if that is right. Code PERMISSION_DENIED."""

    error_code = "PERMISSION_DENIED"

    def __init__(self, store: str, uri: str) -> None:
        self.location = folder_of(uri)
        super().__init__(
            f"{store} says that files are at {uri}. That is not in the store's own folder, and "
            "nobody has allowed it on this machine. If you trust the store, allow it with  runlog "
            f"artifacts allow {self.location!r}  or RUNLOG_ALLOWED_LOCATIONS"
        )


def opened(store: Owner, uri: str, ledger: Ledger | None = None) -> ArtifactRepo:
    """Return the artifacts at a URI that `store` gave. Raises LocationRefused."""
    files = store.files(uri)
    if files is None:
        check(store, uri)
    return ArtifactRepo(uri, files, ledger, store.own_files)


def check(store: Owner, uri: str) -> None:
    """Raise LocationRefused unless `store` may have the location opened on this machine. That of
    a bucket or a host may always: there, keys of the user's decide."""
    if allowed.is_local(uri) and not is_own(store, uri) and not allowed.is_allowed(uri):
        raise LocationRefused(store.uri, uri)


def is_own(store: Owner, uri: str) -> bool:
    """Return whether a location is one that `store` may always have opened: where its own files
    are."""
    if any(_is_inside(root, uri) for root in store.own_locations()):
        return True
    # Servers such as MLflow's tell their clients on the same machine where on its disk to write. A
    # tunnel looks alike, so such a server may name the folders of runs, and no other.
    return store.is_on_this_machine and _is_folder_of_run(uri)


def _is_inside(root: str, uri: str) -> bool:
    """Return whether a location is below a store's own. That may have come as a link, with the
    store, so it is not followed."""
    if root.startswith("sqlar:") or uri.startswith("sqlar:"):
        return root.startswith("sqlar:") and uri.startswith(root)
    if not allowed.is_local(root):
        return False
    above, name = os.path.split(root)
    return allowed.is_below(allowed.real_path(uri), os.path.join(os.path.realpath(above), name))


def _is_folder_of_run(uri: str) -> bool:
    if uri.startswith("sqlar:"):
        return False
    above, name = os.path.split(allowed.real_path(uri))
    return name == "artifacts" and bool(_OF_RUN.fullmatch(os.path.basename(above)))


def is_named_after(uri: str, owner: str) -> bool:
    """Return whether a location is that of the run or model `owner` alone: it ends in its id and
    `artifacts`, and if it is local, leads to such a folder."""
    end = f"/{owner}/artifacts"
    if uri.startswith("sqlar:") or not allowed.is_local(uri):
        return uri.rstrip("/").endswith(end)
    return allowed.real_path(uri).replace(os.sep, "/").endswith(end)


def is_there(uri: str) -> bool:
    """Return whether there is anything at a local location."""
    return uri.startswith("sqlar:") or os.path.lexists(allowed.real_path(uri))


def folder_of(uri: str) -> str:
    """Return the location of the experiment that a run's is in, as far as that shows."""
    above, _, name = uri.rstrip("/").rpartition("/")
    experiment, _, run_id = above.rpartition("/")
    return experiment if name == "artifacts" and _OF_RUN.fullmatch(run_id) else uri
