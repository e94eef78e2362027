"""`mlflow.tracking.context`: the tags that a run gets without asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlog import context


class RunContextProvider:
    """The base of classes which say what they know of the program that runs."""

    def in_context(self) -> bool:
        """Return whether the class knows anything of the program."""
        return False

    def tags(self) -> dict[str, str]:
        """Return what the class knows."""
        return {}


class DefaultRunContext(RunContextProvider):
    """The user, the program and, where it lies in a git repository, the commit."""

    def in_context(self) -> bool:
        """Return True."""
        return True

    def tags(self) -> dict[str, str]:
        """Return the tags of every new run."""
        return context.default_tags()


def resolve_tags(tags: Mapping[str, Any] | None = None, ignore: object = None) -> dict[str, Any]:
    """Return the tags of a new run: those that runlog finds out, replaced by those in `tags`."""
    return {**context.default_tags(), **(tags or {})}
