"""What a training script does through MLflow's own client, of any version since 1.30: logs to the
server at argv[1] and prints as JSON what it reads back. It must not import runlog."""

import json
import math
import os
import sys
import tempfile

import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

said = {}
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
mlflow.set_experiment("training")
experiment = client.get_experiment_by_name("training")

with mlflow.start_run(run_name="parent") as parent:
    mlflow.log_params({"lr": 0.1, "layers": 3})
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"acc": 0.5, "odd": math.nan, "wide": math.inf}, step=2)
    mlflow.set_tags({"team": "red", "note": "a 'quoted' snow\N{SNOWMAN}"})
    mlflow.log_text("hello", "notes/a b.txt")
    mlflow.log_dict({"a": [1, 2]}, "x.json")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one.bin", "two.bin"):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(name.encode() * 1000)
        mlflow.log_artifacts(folder, "many")
    with mlflow.start_run(nested=True):
        mlflow.log_metric("loss", 2.0)

run_id = parent.info.run_id
client.log_batch(
    run_id,
    metrics=[Metric("batch", float(i), 1000 + i, i) for i in range(500)],
    params=[Param(f"p{i}", "v") for i in range(50)],
    tags=[RunTag("b", "1")],
)
run = client.get_run(run_id)
said["status"] = run.info.status
said["lifecycle"] = run.info.lifecycle_stage
said["metrics"] = {key: repr(run.data.metrics[key]) for key in sorted(run.data.metrics)}
said["params"] = [run.data.params["lr"], len(run.data.params)]
said["tags"] = [run.data.tags[key] for key in ("team", "note", "b", "mlflow.runName")]
said["history"] = [(p.step, p.value) for p in client.get_metric_history(run_id, "loss")][:3]
said["long history"] = len(client.get_metric_history(run_id, "batch"))
found = client.search_runs(
    [experiment.experiment_id], "metrics.loss > 1", order_by=["metrics.loss"]
)
said["children"] = [each.data.tags["mlflow.parentRunId"] == run_id for each in found]
pages, token = [], None
while True:
    page = client.search_runs(
        [experiment.experiment_id], run_view_type=ViewType.ALL, max_results=1, page_token=token
    )
    pages.append(len(page))
    token = page.token
    if not token:
        break
said["pages"] = pages
said["files"] = sorted(each.path for each in client.list_artifacts(run_id))
said["more files"] = [(each.path, each.file_size) for each in client.list_artifacts(run_id, "many")]
with tempfile.TemporaryDirectory() as folder:
    with open(client.download_artifacts(run_id, "notes/a b.txt", folder)) as file:
        said["text"] = file.read()
    said["downloaded"] = sorted(os.listdir(client.download_artifacts(run_id, "many", folder)))
errors = []
for wrong in (
    lambda: client.get_run("0" * 32),
    lambda: client.log_param(run_id, "lr", "0.2"),
    lambda: client.create_experiment("training"),
    lambda: client.search_runs(["0"], "nonsense"),
    lambda: client.delete_tag(run_id, "none"),
):
    try:
        wrong()
        errors.append(None)
    except MlflowException as error:
        errors.append(error.error_code)
said["errors"] = errors
client.delete_run(run_id)
said["deleted"] = client.get_run(run_id).info.lifecycle_stage
client.restore_run(run_id)
client.set_terminated(run_id, "FAILED")
said["ended"] = client.get_run(run_id).info.status
client.rename_experiment(experiment.experiment_id, "renamed")
client.set_experiment_tag(experiment.experiment_id, "k", "v")
said["renamed"] = [
    client.get_experiment(experiment.experiment_id).name,
    client.get_experiment(experiment.experiment_id).tags["k"],
]
client.delete_experiment(experiment.experiment_id)
client.restore_experiment(experiment.experiment_id)
list_or_search = getattr(client, "search_experiments", None) or client.list_experiments
said["experiments"] = sorted(each.name for each in list_or_search())
print(json.dumps(said))
