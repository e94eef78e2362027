"""What automatic logging adds to a fit of about a second, beside MLflow's.

    python benchmarks/autolog.py [--repeat 5]

prints the table of AUTOLOG.md. A process fits in turns with and without logging, after one fit of
each; a figure is the median of CPU (user and system, all threads). Both trackers log all that they
log by default: params, metrics on the training data, data set, model. Needs scikit-learn, mlflow.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

FIT = """
import json, statistics, sys, time, warnings
warnings.simplefilter("ignore")
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier

if sys.argv[1] == "runlog":
    import runlog as tracker
else:
    import mlflow as tracker
    tracker.set_tracking_uri("file:mlruns")
if sys.argv[2] == "gradient boosting":
    X, y = make_regression(2000, 40, random_state=0)
    model = GradientBoostingRegressor(n_estimators=60, random_state=0)
else:
    X, y = make_classification(2000, 40, random_state=0)
    model = RandomForestClassifier(70, random_state=0)
found = {True: [], False: []}
for turn in range(2 * int(sys.argv[3]) + 2):
    is_logged = turn % 2 == 0
    tracker.autolog(disable=not is_logged, silent=True)
    begun = time.process_time()
    model.fit(X, y)
    found[is_logged].append(time.process_time() - begun)
print(json.dumps([statistics.median(found[kind][1:]) for kind in (False, True)]))
"""


def measured(tracker: str, fit: str, repeat: int) -> tuple[float, float]:
    """Return seconds of CPU of a fit without and with logging."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", FIT, tracker, fit, str(repeat)],
            cwd=folder,
            env={**os.environ, **threads, "MLFLOW_ALLOW_FILE_STORE": "true"},
            capture_output=True,
            text=True,
            check=True,
        )
    alone, logged = json.loads(done.stdout.splitlines()[-1])
    return alone, logged


def main(repeat: int) -> None:
    print("| Fit | Tracker | without | with | added |\n|---|---|---|---|---|")
    for fit in ("gradient boosting", "random forest"):
        for tracker in ("runlog", "MLflow"):
            alone, logged = measured(tracker, fit, repeat)
            added = logged - alone
            print(
                f"| {fit} | {tracker} | {alone:.2f} s | {logged:.2f} s | "
                f"{1000 * added:.0f} ms, {100 * added / alone:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeat", type=int, default=5)
    main(arguments.parse_args().repeat)
