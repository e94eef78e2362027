from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh place for every test: an empty working directory, no settings from outside, and
    whatever the test opened is closed behind it."""
    for name in os.environ:
        if name.startswith(("RUNLOG_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if "runlog.fluent" in sys.modules:
        forget()


def forget() -> None:
    """End the runs that a test left active and close the stores that it opened."""
    import runlog

    while runlog.active_run():
        runlog.end_run()
