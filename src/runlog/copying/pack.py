"""The files of a run, moved into the database and out of it again.

Files are copied, read back and compared; then the run says that they are at the new place; then
the old ones are deleted. Whoever is killed on the way has lost nothing: the run names a place where
everything is, and the same call again goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from runlog.artifacts import ArtifactRepo, LocationRefused
from runlog.entities import RunInfo, RunStatus
from runlog.errors import BadRequest, InvalidParameter, NotFound, RunlogError
from runlog.sqlstore.store import SqlStore
from runlog.storage.opening import opened
from runlog.storage.paths import local_root
from runlog.storage.verify import digest
from runlog.store_parts.file_digests import FileDigests

Progress = Callable[[int, int], None]


class Moved(NamedTuple):
    """What was moved: how many files and bytes, where they are now, and the places where files
    were left that are not those of the run."""

    files: int
    bytes: int
    uri: str
    left_at: list[str]


def pack(store: SqlStore, info: RunInfo, progress: Progress = lambda done, total: None) -> Moved:
    """Move the files of a run into the database. `progress` gets bytes done, and all of them.

    Raises InvalidParameter for a run that may still be logging and for a file that is too big,
    BadRequest for one that is not what was logged; then the run's files are where they were.
    """
    return _move(store, info, _inside(store, info), _outside(store, info), progress)


def unpack(store: SqlStore, info: RunInfo, progress: Progress = lambda done, total: None) -> Moved:
    """Move the files of a run out of the database, to the location of its experiment; to the folder
    beside the database, if that is inside. Raises as `pack` does."""
    return _move(store, info, _outside(store, info), _inside(store, info), progress)


def _inside(store: SqlStore, info: RunInfo) -> str:
    return f"{store.archive}{info.experiment_id}/{info.run_id}/artifacts"


def _outside(store: SqlStore, info: RunInfo) -> str:
    location = store.get_experiment(info.experiment_id).artifact_location
    if location.startswith(store.archive):
        location = f"{store.artifact_root}/{info.experiment_id}"
    return f"{location.rstrip('/')}/{info.run_id}/artifacts"


def _move(store: SqlStore, info: RunInfo, target_uri: str, other: str, progress: Progress) -> Moved:
    if not RunStatus.is_terminated(info.status):
        raise InvalidParameter(
            f"run {info.run_id} is {info.status}: its program may log more files to where they are "
            "now. If that has ended, say so with RunlogClient.set_terminated"
        )
    target = opened(store, target_uri)
    if info.artifact_uri != target_uri:
        _copy_all(store, info, opened(store, info.artifact_uri), target, progress)
        if not store.move_artifacts(info.run_id, info.artifact_uri, target_uri):
            raise BadRequest(f"somebody else moved the files of run {info.run_id} meanwhile")
    store.flush()  # a power cut must not take back what the deleted files were replaced by
    # The other place, too: somebody may have been killed when he had copied them and moved on.
    places = [uri for uri in dict.fromkeys((info.artifact_uri, other)) if uri != target_uri]
    left = [uri for uri in places if not _clear(store, info, uri, target)]
    sizes = [each.file_size or 0 for each in target.files()]
    return Moved(len(sizes), sum(sizes), target_uri, left)


def _copy_all(
    store: SqlStore, info: RunInfo, source: ArtifactRepo, target: ArtifactRepo, progress: Progress
) -> None:
    ledger = FileDigests(store, info.run_id)
    recorded = store.get_digests(info.run_id)
    files = source.files()
    total, done = sum(each.file_size or 0 for each in files), 0
    new = []
    for each in files:
        found = digest(source, each.path)
        if recorded.get(each.path, found) != found:
            raise BadRequest(
                f"{each.path} of run {info.run_id} is not what was logged: see  runlog artifacts "
                f"verify {info.run_id}  and put it right, or log it again"
            )
        if each.path not in recorded:
            new.append((each.path, *found))
        _copy(source, target, each.path, found)
        done += found[0]
        progress(done, total)
    ledger.record(new)
    _sync_directories(target, [each.path for each in files])


def _copy(source: ArtifactRepo, target: ArtifactRepo, path: str, found: tuple[int, str]) -> None:
    if _digest_if_there(target, path) == found:
        return
    source.copy_to(target, path)
    if digest(target, path) != found:
        raise RunlogError(f"{path} did not arrive at {target.uri} as it was", "DATA_LOSS")


def _clear(store: SqlStore, info: RunInfo, uri: str, target: ArtifactRepo) -> bool:
    """Delete what the target has from the files at `uri`. What was logged there since is copied
    first; what the run does not know stays, and all that may not be opened here. Returns whether
    nothing did that is the run's."""
    try:
        source = opened(store, uri)
    except LocationRefused:
        return True
    files = source.files()
    recorded = store.get_digests(info.run_id) if files else {}
    empty = True
    for each in files:
        found = digest(source, each.path)
        if recorded.get(each.path) == found:
            _copy(source, target, each.path, found)
            store.flush()
            _sync_directories(target, [each.path])
        if _digest_if_there(target, each.path) == found:
            source.delete(each.path)
        else:
            empty = False
    _remove_empty_directories(source)
    return empty


def _digest_if_there(repo: ArtifactRepo, path: str) -> tuple[int, str] | None:
    try:
        return digest(repo, path)
    except NotFound:
        return None


def _local(repo: ArtifactRepo) -> str | None:
    try:
        return local_root(repo.uri)
    except InvalidParameter:
        return None


def _sync_directories(repo: ArtifactRepo, paths: Iterable[str]) -> None:
    """Return when the names of local files, new as they are, survive a power cut."""
    root = _local(repo)
    if root is None or os.name != "posix":
        return
    directories = set()
    for path in paths:
        directory = os.path.dirname(f"{root}/{path}")
        while directory not in directories:
            directories.add(directory)
            directory = os.path.dirname(directory)
    for directory in directories:
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except OSError:  # above what is ours
            continue
        try:
            os.fsync(descriptor)
        except OSError:
            pass
        finally:
            os.close(descriptor)


def _remove_empty_directories(repo: ArtifactRepo) -> None:
    root = _local(repo)
    if root is None:
        return
    below = [folder for folder, _, _ in os.walk(root, topdown=False)]
    for folder in [*below, os.path.dirname(root)]:
        try:
            os.rmdir(folder)
        except OSError:  # not empty, not there
            pass
