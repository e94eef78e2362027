"""What `runlog doctor` finds: one row each."""

from __future__ import annotations

from typing import NamedTuple

OK, NOTE, WRONG = "ok", "note", "wrong"


class Finding(NamedTuple):
    """`level` is OK, NOTE or WRONG."""

    level: str
    topic: str
    text: str
