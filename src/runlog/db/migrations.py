"""The version of a store's schema, and how an older one becomes today's.

`schema.sql` and its kin make a new store at `VERSION` in one go. A change to them adds a `Step`
here, which brings a store of the version before to the next; released steps are never edited. A
step and the record of it are one transaction, so a killed upgrade has happened or has not.
"""

from __future__ import annotations

from collections import namedtuple

VERSION = 1

Step = namedtuple("Step", "to about apply")
"""From version `to - 1` to version `to`: `apply(connection)` runs its statements, one a call."""


STEPS: tuple[Step, ...] = ()


def pending(version: int) -> list[Step]:
    """Return the steps that a store of `version` still needs, in order."""
    return [step for step in STEPS if step.to > version]


def schema(name: str = "schema.sql") -> str:
    """Return the text of the schema's file, which each kind of database has one of."""
    with open(__file__[: -len("db/migrations.py")] + name, encoding="utf-8") as file:
        return file.read()
