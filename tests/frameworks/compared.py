"""What runlog and the real MLflow log of the same program: params, metrics, tags by run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from frameworks.environments import with_mlflow

# A program defines functions that train; each is called in a run of its own.
FRAME = """
import json, sys
if sys.argv[1] == "mlflow":
    import mlflow as tracker
    tracker.set_tracking_uri("file:mlruns")
else:
    import runlog as tracker
TRAININGS = {}
def training(function):
    TRAININGS[function.__name__] = function
%s
found = {}
for name, train in TRAININGS.items():
    with tracker.start_run() as run:
        train()
    client = tracker.MlflowClient()
    data = client.get_run(run.info.run_id).data
    found[name] = {
        "params": data.params,
        "metrics": data.metrics,
        "points": {
            key: len(client.get_metric_history(run.info.run_id, key)) for key in data.metrics
        },
        "tags": {key: data.tags[key] for key in data.tags if "." not in key},
        "children": [
            [child.data.params, child.data.metrics.keys() and sorted(child.data.metrics)]
            for child in tracker.search_runs(
                search_all_experiments=True,
                filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
                order_by=["metrics.rank_test_score"],
                output_format="list",
            )
        ],
    }
print("FOUND", json.dumps(found))
"""


def compared(program: str, version: str = "3") -> tuple[dict, dict]:
    """Return what runlog and what MLflow logged, by training and kind."""
    return _logged(program, "runlog", {**os.environ}), _logged(
        program, "mlflow", {**with_mlflow(version), "MLFLOW_ALLOW_FILE_STORE": "true"}
    )


def _logged(program: str, tracker: str, environment: dict[str, str]) -> dict:
    command = [sys.executable, "-c", FRAME % program, tracker]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))
