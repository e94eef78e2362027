"""Small helpers of `mlflow.utils`: git_utils, logging_utils, name_utils, os, string_utils, time."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from runlog import context, names


def get_git_commit(path: str) -> str | None:
    """Return the commit of the git repository around a path, None without one."""
    return context.git_tags(path).get("mlflow.source.git.commit")


def get_git_branch(path: str) -> str | None:
    """Return the branch of the git repository around a path, None without one."""
    return context.git_tags(path).get("mlflow.source.git.branch")


def get_git_repo_url(path: str) -> str | None:
    """Return the remote of the git repository around a path, None without one."""
    return context.git_tags(path).get("mlflow.source.git.repoURL")


def eprint(*values: Any, **options: Any) -> None:
    """Print to stderr."""
    print(*values, file=sys.stderr, **options)


def is_windows() -> bool:
    """Return whether the program runs on Windows."""
    return os.name == "nt"


def is_string_type(item: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(item, str)


def strip_prefix(original: str, prefix: str) -> str:
    """Return a text without a prefix."""
    return original.removeprefix(prefix)


def strip_suffix(original: str, suffix: str) -> str:
    """Return a text without a suffix."""
    return original.removesuffix(suffix)


def get_current_time_millis() -> int:
    """Return the time in Unix milliseconds."""
    return int(time.time() * 1000)


def _generate_random_name() -> str:
    return names.generate()
