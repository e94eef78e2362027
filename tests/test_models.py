"""Models: logged, loaded and found by their URIs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import runlog
from runlog.errors import InvalidParameter, NotFound, RunlogError
from runlog.model_uris import ModelsUri
from runlog.models import Model, ModelSignature, get_model_info, infer_signature, uris

np = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from sklearn.tree import DecisionTreeClassifier  # noqa: E402

FRAME = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})


@pytest.fixture
def tree():
    return DecisionTreeClassifier(random_state=0).fit(FRAME, ["low", "low", "high"])


def test_a_model_of_a_run(place, tree):
    with runlog.start_run() as run:
        logged = runlog.sklearn.log_model(tree, "tree", input_example=FRAME)
    uri = f"runs:/{run.info.run_id}/tree"
    assert logged.model_uri == uri
    assert logged.model_id is None
    history = json.loads(runlog.get_run(run.info.run_id).data.tags["mlflow.log-model.history"])
    assert [each["artifact_path"] for each in history] == ["tree"]
    assert runlog.sklearn.load_model(uri).predict(FRAME).tolist() == ["low", "low", "high"]
    assert runlog.pyfunc.load_model(uri).predict(FRAME).tolist() == ["low", "low", "high"]
    assert runlog.search_logged_models(output_format="list") == []


def test_a_logged_model(place, tree):
    with runlog.start_run() as run:
        runlog.log_metrics({"accuracy": 0.5}, step=2)
        runlog.log_param("depth", 3)
        logged = runlog.sklearn.log_model(
            tree,
            name="tree",
            params={"leaves": 2},
            tags={"team": "a"},
            model_type="tree",
            step=2,
        )
    model = runlog.get_logged_model(logged.model_id)
    assert (model.status, model.name, model.model_type) == ("READY", "tree", "tree")
    assert model.params == {"depth": "3", "leaves": "2"}
    assert model.tags["team"] == "a"
    assert [(each.key, each.step) for each in model.metrics] == [("accuracy", 2)]
    (output,) = runlog.get_run(run.info.run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (logged.model_id, 2)
    for uri in (logged.model_uri, f"models:/{logged.model_id}", f"runs:/{run.info.run_id}/tree"):
        assert runlog.pyfunc.load_model(uri).predict(FRAME).tolist() == ["low", "low", "high"]
    info = get_model_info(logged.model_uri)
    assert (info.name, info.params, info.run_id) == ("tree", model.params, run.info.run_id)


def test_a_model_without_a_run(place, tree):
    logged = runlog.sklearn.log_model(tree, name="alone")
    assert runlog.active_run() is None
    assert runlog.get_logged_model(logged.model_id).source_run_id in (None, "")


def test_a_model_that_cannot_be_saved_is_failed(place):
    with runlog.start_run(), pytest.raises(InvalidParameter, match="serialization format"):
        runlog.sklearn.log_model(object(), name="broken", serialization_format="smoke")
    (model,) = runlog.search_logged_models(output_format="list")
    assert model.status == "FAILED"


def test_what_is_in_a_saved_folder(place, tree):
    runlog.sklearn.save_model(tree, "saved", input_example=(FRAME, {"limit": 0.5}))
    names = {path.name for path in Path("saved").iterdir()}
    assert names == {
        "MLmodel",
        "model.pkl",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "input_example.json",
        "serving_input_example.json",
    }
    model = Model.load("saved")
    assert Model.load("saved/MLmodel") == model
    assert model.flavors["python_function"]["loader_module"] == "mlflow.sklearn"
    assert model.signature == infer_signature(FRAME, tree.predict(FRAME), {"limit": 0.5})
    needed = Path("saved/requirements.txt").read_text().splitlines()
    packages = [each.partition("==")[0] for each in needed]
    assert packages == ["cloudpickle", "numpy", "pandas", "scikit-learn"]
    assert runlog.pyfunc.load_model("saved").input_example.equals(FRAME)
    with pytest.raises(InvalidParameter, match="not empty"):
        runlog.sklearn.save_model(tree, "saved")


@pytest.mark.filterwarnings("ignore")
def test_the_real_mlflow_reads_a_saved_folder(place, tree):
    mlflow = pytest.importorskip("mlflow")
    runlog.sklearn.save_model(tree, "saved", input_example=FRAME)
    loaded = mlflow.pyfunc.load_model("saved")
    assert loaded.predict(FRAME).tolist() == ["low", "low", "high"]
    assert loaded.input_example.equals(FRAME)
    assert loaded.metadata.signature.to_dict() == Model.load("saved").signature.to_dict()


def test_pickles_are_refused_where_they_are_switched_off(place, tree, monkeypatch):
    runlog.sklearn.save_model(tree, "saved")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    for load in (runlog.sklearn.load_model, runlog.pyfunc.load_model):
        with pytest.raises(RunlogError, match="RUNLOG_ALLOW_PICKLE_DESERIALIZATION") as error:
            load("saved")
        assert error.value.error_code == "PERMISSION_DENIED"


def test_a_model_names_no_file_outside_of_its_folder(place, tree):
    runlog.sklearn.save_model(tree, "saved")
    model = Model.load("saved")
    model.flavors["sklearn"]["pickled_model"] = "../other.pkl"
    model.save("saved/MLmodel")
    with pytest.raises(InvalidParameter, match="not in its own folder"):
        runlog.sklearn.load_model("saved")


@pytest.mark.parametrize(
    "uri, parts",
    [
        ("models:/a/1", ("a", "1", None, None, "")),
        ("models:/a b/1/sub/x", ("a b", "1", None, None, "sub/x")),
        ("models:/a%20b/Production", ("a b", None, None, "Production", "")),
        ("models:/a/latest", ("a", None, None, "latest", "")),
        ("models:/a@champion", ("a", None, "champion", None, "")),
        ("models:/a@b@c/x", ("a@b", None, "c", None, "x")),
    ],
)
def test_the_parts_of_a_uri(uri, parts):
    found = ModelsUri(uri)
    assert (found.name, found.version, found.alias, found.stage, found.path) == parts


@pytest.mark.parametrize("uri", ["models:/", "models:/a", "models://a/1", "models:/@b", "runs:/a"])
def test_what_is_no_uri_of_a_model(uri):
    with pytest.raises(InvalidParameter, match="not a model's URI"):
        ModelsUri(uri)


def test_there_is_no_such_model(place):
    for uri in ("missing", f"models:/m-{'0' * 32}", f"runs:/{'0' * 32}/model"):
        with pytest.raises(NotFound):
            uris.local_folder(uri)
    with runlog.start_run() as run:
        runlog.log_text("x", "model/notes.txt")
    with pytest.raises(NotFound, match="MLmodel"):
        runlog.pyfunc.load_model(f"runs:/{run.info.run_id}/model")


def test_a_signature_as_json():
    signature = infer_signature(FRAME, np.zeros(3), {"limit": 0.5, "names": ["a"]})
    assert ModelSignature.from_dict(signature.to_dict()) == signature
