"""Files on their way from a place to a folder of the local disk, which they never lead out of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from runlog.storage.local import LocalFiles
from runlog.storage.paths import HIDDEN
from runlog.storage.progress import Progress
from runlog.storage.root import Place
from runlog.storage.transfer import Transfer


def make_directory(root: str, path: str) -> str:
    """Make the directory `path` of artifacts below the local folder `root`, and return where it
    is. Raises InvalidParameter where that is outside: a link leads there."""
    directory = os.path.join(root, *path.split("/")) if path else root
    LocalFiles(root).makedirs(directory, exist_ok=True)
    return directory


def fetch(place: Place, transfers: Sequence[Transfer], root: str, callback: Any = None) -> None:
    """Bring each file to its `local`, where it appears when it is whole. Raises InvalidParameter
    for one that is not below the local folder `root`."""
    target = LocalFiles(root)

    async def act(each: Transfer) -> None:
        folder = target.real(os.path.dirname(each.local))
        hidden = os.path.join(folder, HIDDEN + os.urandom(8).hex())
        try:
            arrived = await _bring(place, each, hidden)
            if each.size not in (None, arrived):
                now = await place.size(each.path)
                if arrived != now:  # or else it was replaced meanwhile
                    raise OSError(f"{arrived} of {now} bytes arrived")
            os.replace(hidden, each.local)
        except BaseException:
            if os.path.exists(hidden):
                os.unlink(hidden)
            raise

    total = sum(each.size or 0 for each in transfers)
    with Progress("Downloading", total, callback) as show:
        place.carry(transfers, act, "download", show)


async def _bring(place: Place, each: Transfer, hidden: str) -> int:
    if place.remote is not None:
        await place.remote.get(place.at(each.path), each, hidden)
    else:
        each.watched = hidden
        size = place.files.get_file(place.at(each.path), hidden)
        if size is not None:
            return cast(int, size)
    return os.stat(hidden).st_size
