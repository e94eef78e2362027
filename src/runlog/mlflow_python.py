"""`runlog-mlflow-python`: what MLflow's client for Java takes for a Python with MLflow.

That client moves files by running `$MLFLOW_PYTHON_EXECUTABLE -m mlflow.store.artifact.cli` with the
words of `runlog artifacts` behind it. So it needs no MLflow, only this in its place.
"""

from __future__ import annotations

import sys

from runlog import cli
from runlog.commands import output

MODULE = ["-m", "mlflow.store.artifact.cli"]


def main() -> None:
    """Run `runlog artifacts` with the words behind the module's name."""
    words = sys.argv[1:]
    if words[:2] != MODULE:
        output.report("error", f"this is not Python: it only runs  {' '.join(MODULE)}")
        sys.exit(2)
    cli.main(["artifacts", *words[2:]])
