"""Makes v<schema>.db: a small store of today's schema, kept to see that later versions open it.

Run it once for every schema, before its release, and again while that schema is still changing:
python tests/upgrade/make.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from runlog import RunlogClient
from runlog.db import migrations
from runlog.entities import Dataset, DatasetInput, InputTag, Metric

HERE = Path(__file__).parent


def fill(path: Path) -> None:
    """Something of everything that a store keeps. `test_upgrade.py` knows what."""
    client = RunlogClient(str(path))
    client.set_experiment_tag("0", "team", "first")
    number = client.create_experiment("sweep", tags={"stage": "old"})
    parent = client.create_run(number, start_time=1_700_000_000_000, run_name="parent")
    for lr in (0.1, 0.01):
        child = client.create_run(
            number,
            start_time=1_700_000_001_000,
            tags={"mlflow.parentRunId": parent.info.run_id},
            run_name=f"lr {lr}",
        )
        run_id = child.info.run_id
        client.log_param(run_id, "lr", lr)
        client.set_tag(run_id, "note", "a 'quoted' snow\N{SNOWMAN}")
        start = 1_700_000_002_000
        points = [Metric("loss", lr / (step + 1), start + step, step) for step in range(50)]
        for step, value in enumerate(["-inf", "inf", "nan"]):
            points.append(Metric("odd", float(value), start + step, step))
        client.log_batch(run_id, points)
        data = Dataset("digits", "a1b2", "local", "digits.csv", '{"pixels": 64}', None)
        client.log_inputs(
            run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])]
        )
        client.store.record_digests(run_id, [("model/weights.bin", 5, "ab" * 32)])
        client.set_terminated(run_id, end_time=1_700_000_009_000)
    deleted = client.create_run("0", run_name="deleted")
    client.delete_run(deleted.info.run_id)
    client.create_registered_model("digits", {"team": "vision"}, "reads digits")
    client.create_model_version("digits", f"runs:/{parent.info.run_id}/model", tags={"n": "1"})
    client.set_registered_model_alias("digits", "best", 1)
    client.log_metric(parent.info.run_id, "unmerged", 0.5, 1_700_000_003_000, 7)
    client.store.db.close()  # only the file: a merge would leave nothing unmerged


if __name__ == "__main__":
    target = HERE / f"v{migrations.VERSION}.db"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "runlog.db")
        fill(made)
        target.write_bytes(made.read_bytes())
    print(f"{target.name}: {target.stat().st_size} bytes", file=sys.stderr)
