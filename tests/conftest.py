from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

import servers
import units

settings.register_profile("runlog", deadline=None)  # no test is about time
settings.load_profile("runlog")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of units are marked. Where several processes share the tests, those of a file go
    to one of them; of the contracts those of one kind of server, so that it is started once."""
    for item in items:
        if units.is_unit(item):
            item.add_marker(pytest.mark.unit)
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        contract = item.path.parent.name.startswith("contract") and hasattr(item, "callspec")
        kind = item.callspec.params.get("kind") if contract else None
        item.add_marker(pytest.mark.xdist_group(kind or item.path.name))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Ends the servers that tests share."""
    if "served" in sys.modules:
        sys.modules["served"].running.close()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh place for every test: an empty working directory, no settings from outside, and
    whatever the test opened is closed behind it."""
    forget_settings()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if "runlog.fluent" in sys.modules:
        forget_runs()
    if "runlog.tracking_uri" in sys.modules:
        forget_places()
    forget_settings()


@pytest.fixture
def own_temporary_files(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test downloads to nowhere in particular goes with the other files of tests."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))


def forget_settings() -> None:
    for name in [*os.environ]:
        if name.startswith(("RUNLOG_", "MLFLOW_")):
            del os.environ[name]


def forget_runs() -> None:
    """Leave the active runs as they are: a test may have broken the store that they are in."""
    from runlog import active_runs, fluent

    active_runs._active.clear()
    active_runs._innermost.set(None)
    active_runs._ended.run = active_runs._ended_in_main = None
    active_runs._warned.clear()
    active_runs._model.set("")
    active_runs.last_logged_model_id = None
    fluent._experiment = None


def forget_places() -> None:
    from runlog import tracking_uri

    tracking_uri.close()
    tracking_uri.set_tracking_uri("")
    tracking_uri.set_registry_uri("")


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], servers.Server]]:
    """server("sshd") is the one real server of that kind, started when a test first asks for it.
    Where it cannot run, the test is skipped; but not where scripts/test installs all of them."""
    with ExitStack() as running:

        @cache
        def started(kind: str) -> servers.Server:
            try:
                return running.enter_context(servers.start(kind))
            except servers.Missing as missing:
                if "CI" in os.environ:
                    raise
                pytest.skip(str(missing))

        yield started
