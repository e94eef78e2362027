"""Download files to a folder of the local disk, and to nowhere outside of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from runlog.storage.local import LocalFiles
from runlog.storage.paths import HIDDEN
from runlog.storage.progress import Progress
from runlog.storage.root import Root
from runlog.storage.transfer import Transfer


def make_directory(folder: str, path: str) -> str:
    """Make the directory `path` of artifacts below the local folder `folder`, and return where it
    is. Raises InvalidParameter where that is outside: a link leads there."""
    directory = os.path.join(folder, *path.split("/")) if path else folder
    LocalFiles(folder).makedirs(directory, exist_ok=True)
    return directory


def fetch(root: Root, transfers: Sequence[Transfer], folder: str, callback: Any = None) -> None:
    """Download each file to its `local`, where it appears when it is complete. Raises
    InvalidParameter for one that is not below the local folder `folder`."""
    target = LocalFiles(folder)

    async def act(transfer: Transfer) -> None:
        folder = target.real(os.path.dirname(transfer.local))
        hidden = os.path.join(folder, HIDDEN + os.urandom(8).hex())
        try:
            arrived = await _download(root, transfer, hidden)
            if transfer.size not in (None, arrived):
                now = await root.size(transfer.path)
                if arrived != now:  # or else it was replaced meanwhile
                    raise OSError(f"{arrived} of {now} bytes arrived")
            os.replace(hidden, transfer.local)
        except BaseException:
            if os.path.exists(hidden):
                os.unlink(hidden)
            raise

    total = sum(transfer.size or 0 for transfer in transfers)
    with Progress("Downloading", total, callback) as show:
        root.run(transfers, act, "download", show)


async def _download(root: Root, transfer: Transfer, hidden: str) -> int:
    if root.remote is not None:
        await root.remote.get(root.at(transfer.path), transfer, hidden)
    else:
        transfer.watched = hidden
        size = root.files.get_file(root.at(transfer.path), hidden)
        if size is not None:
            return cast(int, size)
    return os.stat(hidden).st_size
