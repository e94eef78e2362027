"""Measure logging and loading a small model with runlog and with MLflow, in one go.

    python benchmarks/models.py [--repeat N]

rewrites the table in MODELS.md. It needs an interpreter with runlog, mlflow or mlflow-skinny 3 and
scikit-learn: that of the tests has all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).with_name("MODELS.md")
PROGRAM = """
import json, logging, resource, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
from sklearn.linear_model import LinearRegression
import numpy as np, pandas as pd

name, folder, example = sys.argv[1], sys.argv[2], sys.argv[3] == "example"
frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 4.0]})
model = LinearRegression().fit(frame, [1.0, 2.0, 3.0])
given = {"input_example": frame} if example else {}


def cpu():
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in each)


took = {}
start = cpu()
if name == "runlog":
    import runlog as tracker, runlog.sklearn, runlog.pyfunc
    tracker.set_tracking_uri(f"{folder}/runlog.db")
else:
    import mlflow as tracker, mlflow.sklearn, mlflow.pyfunc
    tracker.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
with tracker.start_run():
    tracker.log_metric("loss", 0.5)
took["import, first run"] = cpu() - start
for turn in ("first", "second"):
    with tracker.start_run():
        start = cpu()
        logged = tracker.sklearn.log_model(
            model, name="line", serialization_format="cloudpickle", **given
        )
        took[f"{turn} log_model"] = cpu() - start
    start = cpu()
    assert tracker.sklearn.load_model(logged.model_uri).predict(frame).shape == (3,)
    took[f"{turn} sklearn.load_model"] = cpu() - start
    start = cpu()
    assert tracker.pyfunc.load_model(logged.model_uri).predict(frame).shape == (3,)
    took[f"{turn} pyfunc.load_model, predict"] = cpu() - start
    took[f"{turn} log_model + sklearn.load_model"] = (
        took[f"{turn} log_model"] + took[f"{turn} sklearn.load_model"]
    )
print(json.dumps(took))
"""
TARGET = 0.1  # of MLflow's CPU, for log_model and load_model together


def measured(name: str, example: str) -> dict[str, float]:
    """Return CPU seconds by step, of a process of its own."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, name, folder, example],
            env={**os.environ, **quiet},
            stdout=subprocess.PIPE,
            check=True,
            cwd=folder,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="times; the median counts")
    repeat = parser.parse_args().repeat
    rows = ["| CPU | runlog | MLflow | share | target |  |", "|---|---|---|---|---|---|"]
    for example in ("no example", "example"):
        taken: dict[str, list[dict[str, float]]] = {"runlog": [], "mlflow": []}
        for _ in range(repeat):
            for name, found in taken.items():
                found.append(measured(name, example))
        for step in taken["runlog"][0]:
            ours, theirs = (statistics.median(each[step] for each in taken[name]) for name in taken)
            share = ours / theirs
            is_target = "+" in step
            verdict = "" if not is_target else "met" if share <= TARGET else "**missed**"
            target = f"at most {TARGET:g}" if is_target else ""
            with_it = ", with an input example" if example == "example" else ""
            rows.append(
                f"| {step}{with_it} | {ours * 1000:,.0f} ms | {theirs * 1000:,.0f} ms | "
                f"{share:.3f} | {target} | {verdict} |"
            )
    head, _, _ = PAGE.read_text().partition("<!-- results -->")
    table = "\n".join(rows)
    PAGE.write_text(f"{head}<!-- results -->\n{table}\n")
    print(table)


if __name__ == "__main__":
    main()
