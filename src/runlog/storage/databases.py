"""Databases among the files to be logged: of one that is in use, a snapshot is logged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from runlog.db import snapshots
from runlog.errors import InvalidParameter
from runlog.storage.transfer import Transfer

_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a database


@contextmanager
def with_snapshots(transfers: Sequence[Transfer]) -> Iterator[list[Transfer]]:
    """Yield the transfers, with a snapshot instead of each runlog database that is in use, and
    without the files that SQLite keeps beside it. The snapshots are deleted when the block ends."""
    in_use = snapshots.in_use(each.local for each in transfers)
    kept = [each for each in transfers if _base(each.local) not in in_use]
    if not in_use:
        yield kept
        return
    with TemporaryDirectory(prefix="runlog-") as folder:
        for number, each in enumerate(kept):
            if each.local in in_use:
                copy = os.path.join(folder, str(number))
                snapshots.take(each.local, copy)
                each.local = copy
        yield kept


def refuse_part(local: str) -> None:
    """Raise InvalidParameter for a file that SQLite keeps beside a database in use."""
    base = _base(local)
    if base is not None and snapshots.in_use([base]):
        raise InvalidParameter(
            f"{local!r} belongs to the database beside it, which is in use: log {base!r}, of which "
            "a snapshot is logged"
        )


def _base(local: str) -> str | None:
    """Return the database that a file of SQLite's would belong to."""
    return next((local.removesuffix(end) for end in _BESIDE if local.endswith(end)), None)
