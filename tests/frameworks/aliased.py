"""Programs in which `mlflow` is runlog, and what they logged."""

from __future__ import annotations

import os
import subprocess
import sys

import runlog


def run(program: str, **environment: str) -> None:
    """Run a program as the main module. The `mlflow` that it finds must be runlog."""
    check = "import mlflow\nassert 'runlog' in mlflow.__file__\n"
    lines = (check + program).splitlines()
    with open("train.py", "w") as file:  # guarded, for the processes that it starts
        file.write("if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in lines))
    done = subprocess.run(
        [sys.executable, "-m", "runlog.as_mlflow", "train.py"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": os.getcwd(), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def logged(uri: str = "runlog.db") -> list[runlog.Run]:
    """Return the runs in a file, the first one first."""
    runlog.set_tracking_uri(uri)
    return runlog.search_runs(
        output_format="list",
        search_all_experiments=True,
        order_by=["attributes.start_time", "attributes.run_id"],
    )
