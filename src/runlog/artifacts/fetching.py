"""Files on their way from a place to the local disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from runlog.artifacts.paths import HIDDEN
from runlog.artifacts.place import Place
from runlog.artifacts.progress import Progress
from runlog.artifacts.transfer import Transfer


def fetch(place: Place, transfers: Sequence[Transfer], callback: Any = None) -> None:
    """Bring each file to its `local`, where it appears when it is whole."""

    async def act(each: Transfer) -> None:
        folder, _ = os.path.split(each.local)
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
