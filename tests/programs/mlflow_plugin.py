"""The real MLflow logs to a file of runlog's through the plug-in and reads it back, as JSON."""

from __future__ import annotations

import json
import os
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

database = sys.argv[1]
is_3 = mlflow.__version__.startswith("3")
found: dict[str, object] = {}


class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [each * 2 for each in model_input]


def code_of(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except MlflowException as error:
        return error.error_code
    return "none"


mlflow.set_tracking_uri(f"runlog://{database}")
mlflow.set_experiment("plugged é")
client = MlflowClient()
with mlflow.start_run(run_name="outer") as run:
    run_id = run.info.run_id
    mlflow.log_params({"lr": 0.1, "depth": 3})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"nan": float("nan"), "accuracy": 0.9}, step=5)
    mlflow.set_tags({"team": "vision"})
    mlflow.log_text("hello", "notes/a.txt")
    with mlflow.start_run(nested=True, run_name="inner"):
        mlflow.log_metric("loss", 9)
    found["changed"] = code_of(mlflow.log_param, "lr", 0.2)
    asynchronous = mlflow.log_metric("later", 1, synchronous=False)
    asynchronous.wait()

found["history"] = [each.value for each in client.get_metric_history(run_id, "loss")]
found["matching"] = [
    each.info.run_name
    for each in mlflow.search_runs(filter_string="metrics.loss < 1", output_format="list")
]
found["text"] = mlflow.artifacts.load_text(f"runs:/{run_id}/notes/a.txt")
found["missing"] = code_of(client.get_run, "0" * 32)

with mlflow.start_run():
    named = {"name": "doubled"} if is_3 else {"artifact_path": "doubled"}
    info = mlflow.pyfunc.log_model(
        python_model=Doubled(), registered_model_name="doubler", pip_requirements=[], **named
    )
client.set_registered_model_alias("doubler", "best", "1")
client.transition_model_version_stage("doubler", "1", "Production")
found["predicted"] = [
    mlflow.pyfunc.load_model(uri).predict([1, 2])
    for uri in (info.model_uri, "models:/doubler/1", "models:/doubler@best")
]
found["stages"] = [each.version for each in client.get_latest_versions("doubler", ["Production"])]
found["same name"] = code_of(client.create_experiment, "plugged é")
found["taken"] = code_of(client.create_registered_model, "doubler")
if is_3:
    found["logged models"] = [
        each.status for each in mlflow.search_logged_models(output_format="list")
    ]

# Files in the database itself, and by a URI of the run.
inside = client.create_experiment("inside", artifact_location="sqlar:")
with mlflow.start_run(experiment_id=inside) as run:
    mlflow.log_text("in the file", "notes/b.txt")
    found["inside"] = [each.path for each in client.list_artifacts(run.info.run_id, "notes")]
    uri = f"runlog://{database}/{run.info.run_id}/notes"
    folder = mlflow.artifacts.download_artifacts(uri, dst_path="fetched")
    with open(os.path.join(folder, "b.txt")) as file:
        found["fetched"] = file.read()
print(json.dumps(found))
