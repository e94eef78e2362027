"""The version of a store's schema, and how an older one becomes today's.

`schema.sql` and its kin make a new store at `VERSION` in one go. A change to them adds a `Step`
here, which brings a store of the version before to the next; released steps are never edited. A
step and the record of it are one transaction, so a killed upgrade has happened or has not.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 2

Step = namedtuple("Step", "to about apply")
"""From version `to - 1` to version `to`: `apply(connection)` runs its statements, one a call."""


def _create_registry(connection: Any) -> None:
    """The model registry's tables and views as the schema's file has them. When a later step
    changes one of them, this one needs a copy of what they are today."""
    _define(
        connection,
        "registered_model registered_model_tag model_version model_version_by_run "
        "model_version_by_model model_version_tag model_alias model_alias_by_version "
        "registered_models registered_model_tags model_versions model_version_tags model_aliases",
    )


def _define(connection: Any, names: str) -> None:
    """Run those statements of the schema's file that create what is so called: of SQLite's, or of
    the engine's whose database `connection` is."""
    import re

    wanted = names.split()
    script = connection.script() if hasattr(connection, "script") else schema()
    run = connection.define if hasattr(connection, "define") else connection.execute
    for statement in re.split(r";\s*\n", script):
        created = re.search(
            r"^create (?:or replace )?(?:table|view|index) (?:if not exists )?(\w+)",
            statement,
            re.MULTILINE,
        )
        if created and created[1] in wanted:
            run(statement[created.start() :])


STEPS: tuple[Step, ...] = (Step(2, "the model registry", _create_registry),)


def pending(version: int) -> list[Step]:
    """Return the steps that a store of `version` still needs, in order."""
    return [step for step in STEPS if step.to > version]


def schema(name: str = "schema.sql") -> str:
    """Return the text of the schema's file, which each kind of database has one of."""
    with open(__file__[: -len("db/migrations.py")] + name, encoding="utf-8") as file:
        return file.read()
