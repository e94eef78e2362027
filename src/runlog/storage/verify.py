"""Whether files are still what they were when they were logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from runlog.errors import RunlogError
from runlog.storage.repository import ArtifactRepo

DAMAGED, MISSING, UNRECORDED, UNREADABLE = "damaged", "missing", "unrecorded", "unreadable"


class Finding(NamedTuple):
    """A file that is not what was recorded: its path, one of the words above, and why."""

    path: str
    state: str
    about: str


def digest(
    repo: ArtifactRepo, path: str, seen: Callable[[int], None] = lambda size: None
) -> tuple[int, str]:
    """Size and SHA-256 of a file as it is read now; `seen` is told of every piece."""
    found, size = sha256(), 0
    with repo.open(path) as file:
        while piece := file.read(1 << 20):
            found.update(piece)
            size += len(piece)
            seen(len(piece))
    return size, found.hexdigest()


def verify(
    repo: ArtifactRepo,
    recorded: Mapping[str, tuple[int, str]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Finding]:
    """Read every file of `repo` and compares it with what was `recorded`. `progress` gets the bytes
    that are done, and all of them."""
    sizes = {info.path: info.file_size or 0 for info in repo.files()}
    for path in sorted(recorded.keys() - sizes.keys()):
        yield Finding(path, MISSING, f"{recorded[path][0]} bytes were logged")
    done, total = 0, sum(sizes.values())
    for path, size in sorted(sizes.items()):
        finding = _compare(repo, path, size, recorded.get(path))
        if finding is not None:
            yield finding
        done += size
        progress(done, total)


def _compare(
    repo: ArtifactRepo, path: str, size: int, recorded: tuple[int, str] | None
) -> Finding | None:
    if recorded is None:
        return Finding(path, UNRECORDED, f"{size} bytes")
    if size != recorded[0]:
        return Finding(path, DAMAGED, f"{size} bytes instead of {recorded[0]}")
    try:
        now = digest(repo, path)
    except RunlogError as error:
        return Finding(path, UNREADABLE, error.message)
    if now != recorded:
        return Finding(path, DAMAGED, f"SHA-256 is {now[1]} instead of {recorded[1]}")
    return None
