"""Logs to MLflow as its users do, then prints as JSON what MLflow itself reads of it:
mlflow_runs.py URI. Needs the real mlflow."""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import mlflow  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

EVERYTHING = 3  # ViewType.ALL

mlflow.set_tracking_uri(sys.argv[1])
major = int(mlflow.__version__.split(".")[0])
client = MlflowClient()
first = client.create_experiment("first exp/with é")
gone = client.create_experiment("gone")
client.set_experiment_tag(first, "team", "vision")
mlflow.set_experiment("first exp/with é")
runs = []
for number in range(3):
    with mlflow.start_run(run_name=f"run {number}") as run:
        mlflow.log_param("lr", 0.1 * number)
        mlflow.log_param("deep/key", "a\nb\r\n  c ")
        mlflow.set_tag("note/x", "ü 日本")
        for step in range(7):
            mlflow.log_metric("loss", 1 / (step + 3), step=step * 2 - 3)
        mlflow.log_metric("val/acc", float("nan"))
        mlflow.log_metric("inf", float("inf"), step=2**40)
        mlflow.log_metric("inf", float("-inf"), step=2)
        mlflow.log_metric("tiny", 5e-324)
        mlflow.log_text("hello", "notes/a.txt")
        if number == 1:
            with mlflow.start_run(nested=True) as child:
                mlflow.log_metric("x", 1)
            runs.append(child.info.run_id)
    runs.append(run.info.run_id)
client.delete_run(runs[0])
client.set_terminated(runs[-1], "KILLED")
running = client.create_run(first).info.run_id
client.log_metric(running, "loss", 2.5)
lost = client.create_run(gone).info.run_id
client.log_metric(lost, "m", 1.5)
client.delete_experiment(gone)
if major >= 2:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset("train", "abc123", "local", '{"uri": "x.csv"}', "{}", '{"rows": 3}')
    tags = [InputTag("mlflow.data.context", "training")]
    client.log_inputs(running, [DatasetInput(data, tags)])
if major >= 3:
    model = client.create_logged_model(first, "net", running, {"t": "1"}, {"depth": "3"}, "tree")
    client.finalize_logged_model(model.model_id, "READY")
    client.log_metric(running, "auc", 0.9, step=4, model_id=model.model_id)


def everything():
    for run_id in [*runs, running, lost]:
        run = client.get_run(run_id)
        info = run.info
        name = getattr(info, "run_name", None) or run.data.tags.get("mlflow.runName", "")
        yield (
            run_id,
            {
                "experiment": client.get_experiment(info.experiment_id).name,
                "info": [info.status, info.start_time, info.end_time, info.user_id, name],
                "stage": info.lifecycle_stage,
                "params": run.data.params,
                "tags": run.data.tags,
                "points": {
                    key: sorted(
                        [point.timestamp, point.step, repr(point.value)]
                        for point in client.get_metric_history(run_id, key)
                    )
                    for key in run.data.metrics
                },
                "inputs": [
                    [each.dataset.name, each.dataset.digest, each.tags[0].value]
                    for each in getattr(getattr(run, "inputs", None), "dataset_inputs", [])
                ],
            },
        )


print(json.dumps(dict(everything())))
