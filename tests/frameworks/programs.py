"""Programs that run in an interpreter of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from frameworks.environments import with_mlflow

EXAMPLES = Path(__file__).parents[2] / "examples"


def program(mlflow: str, text: str, *arguments: str) -> Any:
    """Run a program with the real MLflow of a version, "2" or "3"; return the JSON of the last line
    that it printed."""
    run = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env=with_mlflow(mlflow),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def example(name: str) -> str:
    """Run an example in the current directory, and return what it printed."""
    run = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # small models only wait for more threads
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
