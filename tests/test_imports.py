"""`import runlog` stays light: what a fresh interpreter loads is a set in this file."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Loaded by an import of runlog and by its first metric. A training script pays for each of them
# at every start, so a new one needs a reason.
IMPORT = {"runlog"}
FIRST_METRIC = IMPORT | {"apsw"}
HEAVY = {
    "asyncio", "bottle", "click", "concurrent", "email", "fsspec", "http", "inspect", "logging",
    "matplotlib", "multiprocessing", "numpy", "pandas", "sqlite3", "ssl", "subprocess",
    "unittest", "urllib",
}  # fmt: skip


def loaded(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter loads for `code`."""
    program = f"""if True:
        import json, sys
        before = set(sys.modules)
        {code}
        print(json.dumps(sorted({{name.split(".")[0] for name in set(sys.modules) - before}})))
    """
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code, allowed",
    [
        ("import runlog", IMPORT),
        ("import runlog; runlog.log_metric('loss', 1.0)", FIRST_METRIC),
    ],
)
def test_nothing_else_is_loaded(code, allowed):
    assert {name for name in loaded(code) if not name.startswith("_")} <= allowed


def test_nothing_heavy_is_loaded_by_a_first_run():
    code = "import runlog; runlog.start_run(); runlog.log_params({'a': 1}); runlog.end_run()"
    assert not loaded(code) & HEAVY


def test_every_public_name_is_there():
    code = "import runlog; [getattr(runlog, name) for name in runlog.__all__]"
    assert "runlog" in loaded(code)
    assert (
        "search_runs"
        in subprocess.run(
            [sys.executable, "-c", "import runlog; print(dir(runlog))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
