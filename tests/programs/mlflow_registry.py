"""What a script does with the model registry through MLflow's own client, of any version since
1.30: registers at the server at argv[1] and prints as JSON what it reads back. It must not import
runlog."""

import json
import sys

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

said = {}
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
has_aliases = hasattr(client, "set_registered_model_alias")

with mlflow.start_run() as run:
    mlflow.log_text("flavors: {}\n", "model/MLmodel")
uri = f"runs:/{run.info.run_id}/model"
made = client.create_registered_model("digits", {"team": "vision"}, "reads digits")
said["created"] = [made.name, made.tags, made.description]
first = mlflow.register_model(uri, "digits")
second = client.create_model_version(
    "digits", first.source, run.info.run_id, tags={"n": 2}, description="second"
)
said["versions"] = [str(first.version), str(second.version), second.tags, second.description]
said["source"] = first.source.endswith("artifacts/model")
said["run"] = [first.run_id == run.info.run_id, first.status, first.current_stage]
download = client.get_model_version_download_uri("digits", "1")
said["files"] = download == first.source

client.update_registered_model("digits", "new")
client.update_model_version("digits", "1", "first")
client.set_registered_model_tag("digits", "k", "v")
client.delete_registered_model_tag("digits", "team")
client.set_model_version_tag("digits", "1", "a", "b")
client.delete_model_version_tag("digits", "2", "n")
found = client.get_registered_model("digits")
said["updated"] = [found.description, found.tags, client.get_model_version("digits", "1").tags]

client.transition_model_version_stage("digits", "1", "Production")
moved = client.transition_model_version_stage(
    "digits", "2", "production", archive_existing_versions=True
)
latest = client.get_latest_versions("digits")
said["stages"] = [moved.current_stage, sorted([str(v.version), v.current_stage] for v in latest)]
latest = client.get_latest_versions("digits", stages=["Archived"])
said["archived"] = [str(v.version) for v in latest]
said["known stages"] = client.get_model_version_stages("digits", "1")

if has_aliases:
    client.set_registered_model_alias("digits", "best", "2")
    found = client.get_model_version_by_alias("digits", "best")
    aliases = client.get_registered_model("digits").aliases
    said["aliases"] = [str(found.version), {k: str(v) for k, v in aliases.items()}]
    client.delete_registered_model_alias("digits", "best")
    copied = client.copy_model_version("models:/digits/2", "copied")
    said["copied"] = [copied.name, str(copied.version), copied.source]
    client.delete_registered_model("copied")

for name in ("a", "b", "c"):
    client.create_registered_model(name)
names, token = [], None
while True:
    page = client.search_registered_models(max_results=2, page_token=token, order_by=["name DESC"])
    names += [each.name for each in page]
    token = page.token
    if not token:
        break
said["names"] = names
search = client.search_registered_models
said["found"] = [each.name for each in search(filter_string="name LIKE 'di%'")]
versions = client.search_model_versions("name = 'digits'")
said["searched"] = sorted(str(each.version) for each in versions)
versions = client.search_model_versions(f"run_id = '{run.info.run_id}'")
said["of run"] = sorted(str(each.version) for each in versions)

client.rename_registered_model("digits", "numbers")
client.delete_model_version("numbers", "1")
said["left"] = [str(v.version) for v in client.search_model_versions("name = 'numbers'")]
errors = []
for wrong in (
    lambda: client.get_registered_model("digits"),
    lambda: client.create_registered_model("numbers"),
    lambda: client.get_model_version("numbers", "1"),
    lambda: client.create_registered_model("a/b"),
    lambda: client.search_model_versions("nonsense"),
    lambda: client.transition_model_version_stage("numbers", "2", "Live"),
    lambda: client.create_model_version("numbers", "/etc"),
):
    try:
        wrong()
        errors.append(None)
    except MlflowException as error:
        errors.append(error.error_code)
said["errors"] = errors
client.delete_registered_model("numbers")
said["gone"] = [each.name for each in search()]
print(json.dumps(said))
