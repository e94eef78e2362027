"""The databases under the SQL store: one file an engine."""

from __future__ import annotations

from runlog.errors import StoreError

READS_ONLY = "this reads only: change runs with the Python API or the other commands"


class Undone(StoreError):
    """Nothing of a call was kept, for a reason that has nothing to do with it: call again.
    `pause` says how many seconds to wait at most before that."""

    pause = 0.0


class Unsure(Undone):
    """A call may have been kept or not: call again only if twice is the same as once."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 1.0
