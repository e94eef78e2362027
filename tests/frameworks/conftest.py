"""A group's tests are collected by its interpreter alone; any other collects nothing here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from frameworks.environments import GROUPS, SOURCE, TESTS, cache

HERE = Path(__file__).parent
SETTINGS = {
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TOKENIZERS_PARALLELISM": "false",
}
"""No GPU, no hub, no telemetry, no window."""


def group() -> str | None:
    """Return the group whose environment runs the tests, if it is one."""
    folder = Path(sys.prefix)
    name = folder.name.rpartition("-")[0]
    return name if folder.parent == cache().resolve() and name in GROUPS else None


if group():
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # Several checkouts share an environment, so runlog is not installed in it.
    paths = [str(SOURCE), str(TESTS)]
    sys.path[:0] = [path for path in paths if path not in sys.path]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])


def pytest_configure(config: pytest.Config) -> None:
    """Frameworks warn of each other. What runlog itself is warned of remains an error."""
    if group():
        config.addinivalue_line("filterwarnings", "default")
        config.addinivalue_line("filterwarnings", "error:::runlog")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not collection_path.is_relative_to(HERE):
        return None
    part = collection_path.relative_to(HERE).parts[:1]
    return True if not group() or (part and part[0] in GROUPS and part[0] != group()) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.frameworks)
