"""Upload files to a root.

Where a file would be visible while it grows, it is written under a hidden name beside its own and
then moved there, so nobody ever sees half of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, Protocol, cast

from runlog.errors import RunlogError
from runlog.storage import scheduler
from runlog.storage.paths import HIDDEN, join, last_part
from runlog.storage.progress import Progress
from runlog.storage.root import Root
from runlog.storage.transfer import SMALL, Transfer

_FEW = 8  # so many files are asked for their sizes one by one, not by listing their directories


class Ledger(Protocol):
    """What records the digests of the files of one root when they are logged. Paths are those of
    the repository, digests SHA-256 as hex digits."""

    def recorded(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Return the size and digest of those of the paths that were recorded."""

    def record(self, digests: Iterable[tuple[str, int, str]]) -> None:
        """Record path, size and digest of files that were uploaded."""

    def forget(self, path: str) -> None:
        """Forget the file, or what is below the directory `path`; everything, if it is empty."""


def send(
    root: Root,
    transfers: Sequence[Transfer],
    ledger: Ledger | None,
    directories: Iterable[str] = (),
    callback: Any = None,
) -> None:
    """Upload each transfer to its path, and create `directories` and those above the files."""
    for transfer in transfers:
        transfer.open()
    paths = [transfer.path for transfer in transfers]
    recorded = ledger.recorded(paths) if ledger is not None else {}
    above = {os.path.dirname(transfer.path) for transfer in transfers}
    for directory in sorted(above | set(directories)):
        root.make_directory(directory)

    async def act(transfer: Transfer) -> None:
        if (
            ledger is None
            or transfer.target
            or not await _is_there(root, transfer, recorded, ledger)
        ):
            await _put_unchanging(root, transfer, ledger is not None)

    total = sum(transfer.size or 0 for transfer in transfers)
    try:
        with Progress("Uploading", total, callback) as show:
            root.run(transfers, act, "write", show)
        sent = [transfer for transfer in transfers if transfer.target]
        _check_sizes(root, sent)
        if root.moves:
            _reveal(root, sent)
    except BaseException:
        _discard(root, [transfer for transfer in transfers if transfer.target])
        raise
    finally:
        for transfer in transfers:
            transfer.thaw()
    if ledger is not None and sent:
        ledger.record(
            [
                (transfer.path, transfer.size or 0, transfer.digest)
                for transfer in sent
                if transfer.digest
            ]
        )


async def _is_there(
    root: Root, transfer: Transfer, recorded: dict[str, tuple[int, str]], ledger: Ledger
) -> bool:
    """Whether the same file is there already."""
    if transfer.chunks is not None or transfer.path not in recorded:
        return False
    if recorded[transfer.path][0] == transfer.size:
        await _without_blocking(root, transfer.take_digest)
        if recorded[transfer.path][1] == transfer.digest:
            try:
                if await root.size(transfer.path) == transfer.size:
                    return True
            except FileNotFoundError:  # somebody has deleted it
                pass
    # No digest is better than that of another content.
    await _without_blocking(root, lambda: ledger.forget(transfer.path))
    return False


async def _without_blocking(root: Root, action: Callable[[], object]) -> None:
    """Call what may take a while without blocking an event loop."""
    if root.remote is None or root.remote.loop is None:
        action()
    else:
        await scheduler.in_thread(action)


async def _put_unchanging(root: Root, transfer: Transfer, digested: bool) -> None:
    """Send a file, and if others write to it meanwhile, a copy: as much as there was when it was
    opened. What one attempt has sent of a growing file, nobody knows."""
    if transfer.changed():
        await _without_blocking(root, transfer.freeze)
    await _put(root, transfer, digested)
    if transfer.changed():
        try:
            await _without_blocking(root, transfer.freeze)
        except RunlogError:
            if not root.moves:  # it is visible already
                await _without_blocking(root, lambda: root.files.rm(transfer.target))
            raise
        await _put(root, transfer, digested)


async def _put(root: Root, transfer: Transfer, digested: bool) -> None:
    """Send one file to its final name, or, if it would be visible while it grows, to a hidden name.
    A process that is killed now leaves a file that nobody lists or reads."""
    if not transfer.target:
        hidden = join(os.path.dirname(transfer.path), HIDDEN + os.urandom(8).hex())
        transfer.target = root.at(hidden if root.moves else transfer.path)
    if transfer.chunks is not None:
        return _fill(root, transfer, transfer.chunks, digested)
    data = transfer.data
    if data is None and root.remote is not None and (transfer.size or 0) <= SMALL:
        with open(transfer.local, "rb") as file:
            data = file.read(transfer.size or 0)
    if digested and (data is not None or (transfer.size or 0) <= SMALL):
        transfer.take_digest(data)
    elif digested and not transfer.digest:
        transfer.begin_digest()
    if root.remote is not None:
        await root.remote.put(transfer, data)
        transfer.arrived = True
    elif data is not None:
        _fill(root, transfer, (data,), False)
    else:
        transfer.watched = transfer.target
        transfer.stored = _put_first(root, transfer)


def _fill(root: Root, transfer: Transfer, chunks: Iterable[bytes], digested: bool) -> None:
    digest = sha256()
    size = 0
    with root.files.open(transfer.target, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            if digested:
                digest.update(chunk)
    transfer.size = size
    if digested:
        transfer.digest = digest.hexdigest()


def _check_sizes(root: Root, sent: Sequence[Transfer]) -> None:
    """Compare the size of what has arrived with that of what was sent."""
    _find_sizes(root, [transfer for transfer in sent if transfer.stored is None])
    for transfer in sent:
        transfer.end_digest()
        if transfer.stored != transfer.size:
            transfer.arrived = False
            raise RunlogError(
                f"artifact {transfer.path!r} is incomplete: {transfer.stored} of {transfer.size} "
                "bytes arrived",
                "DATA_LOSS",
            )


def _find_sizes(root: Root, sent: Sequence[Transfer]) -> None:
    """Set `stored` of each; for many files by a listing, where one request lists a directory."""
    if root.remote is None or len(sent) <= _FEW:

        async def ask(transfer: Transfer) -> None:
            transfer.stored = await root.size_at(transfer.target)

        return root.run(sent, ask, "check")
    remote, found = root.remote, {}

    async def look(folder: Transfer) -> None:
        found[folder.path] = await remote.sizes_in(root.at(folder.path))

    folders = {os.path.dirname(transfer.path) for transfer in sent}
    root.run([Transfer(path) for path in folders], look, "check")
    for transfer in sent:
        transfer.stored = found[os.path.dirname(transfer.path)].get(last_part(transfer.target))


def _reveal(root: Root, sent: Sequence[Transfer]) -> None:
    """Move the files to their final names, now that all of them are there. That waits for the disk
    or the network. On a local disk, 1000 small files took 2.7 s one after the other; after all were
    written, in 8 threads, 1.0 s (copying in threads as well was slower again)."""

    async def move(transfer: Transfer) -> None:
        final = root.at(transfer.path)
        try:
            _stage_anew(root, transfer)
            await root.move(transfer.target, final)
            if _stage_anew(root, transfer):
                await root.move(transfer.target, final)
        except FileNotFoundError:  # it was moved before, and only the answer was lost
            if transfer.last_error is None or await root.size_at(final) != transfer.size:
                raise

    for transfer in sent:
        transfer.last_error = None
    root.run(sent, move, "write", waits=True)


def _stage_anew(root: Root, transfer: Transfer) -> bool:
    """Stage a copy of a file that is sent when it is moved, if somebody has written to the file
    since. Return whether that was so."""
    if not getattr(root.files, "sends_late", False) or not transfer.changed():
        return False
    digested = bool(transfer.digest)
    transfer.freeze()
    if digested:
        transfer.take_digest()
    _put_first(root, transfer)
    return True


def _put_first(root: Root, transfer: Transfer) -> int | None:
    """Copy a local file, as long as it was, and return its size there, if that is known. A file
    system of fsspec's copies all of it."""
    if hasattr(root.files, "put_first"):
        return cast(
            "int | None", root.files.put_first(transfer.size, transfer.local, transfer.target)
        )
    root.files.put_file(transfer.local, transfer.target)
    return None


def _discard(root: Root, failed: Sequence[Transfer]) -> None:
    """Delete what a failure has left, unless that takes long. A file that is not moved is complete,
    or what was there before is still there."""
    if root.remote is not None:
        left = [transfer.target for transfer in failed if root.moves or not transfer.arrived]
        abandon = root.remote.abandon
        if left:
            scheduler.briefly(lambda: [abandon(path) for path in left])
    elif root.moves:
        for transfer in failed:
            try:
                root.files.rm(transfer.target)
            except OSError:
                pass
