"""Models: logged, loaded and found by their URIs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import runlog
from runlog import cli
from runlog.errors import InvalidParameter, NotFound, RunlogError
from runlog.model_uris import split
from runlog.models import Model, ModelSignature, get_model_info, infer_signature, uris
from runlog.models.requirements import name_of

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
    outputs = pandas.Series(tree.predict(FRAME))  # of a table: a value a row
    assert model.signature == infer_signature(FRAME, outputs, {"limit": 0.5})
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
        ("models:/a/1", ("models:/a/1", "")),
        ("models:/a b/1/sub/x", ("models:/a b/1", "sub/x")),
        ("models:/a/Production/MLmodel", ("models:/a/Production", "MLmodel")),
        ("models:/a@champion", ("models:/a@champion", "")),
        ("models:/a@b/x/y", ("models:/a@b", "x/y")),
        ("models:/m-0/x", ("models:/m-0", "x")),
        ("models:/m-0/2/x", ("models:/m-0/2", "x")),
    ],
)
def test_the_path_in_a_uri(uri, parts):
    assert split(uri) == parts


def test_registered_models(place, tree):
    for number in (1, 2):
        with runlog.start_run():
            logged = runlog.sklearn.log_model(
                tree, "tree", registered_model_name="digits", metadata={"number": number}
            )
        assert logged.registered_model_version == number
    third = runlog.sklearn.log_model(tree, name="alone", registered_model_name="digits")
    client = runlog.RunlogClient()
    client.set_registered_model_alias("digits", "champion", "1")
    client.transition_model_version_stage("digits", "2", "Production")
    found = {
        uri: runlog.pyfunc.load_model(uri).metadata.metadata
        for uri in ("models:/digits/1", "models:/digits@champion", "models:/digits/Production")
    }
    assert [each["number"] for each in found.values()] == [1, 1, 2]
    for uri in ("models:/digits/latest", "models:/digits/3", third.model_uri):
        assert runlog.sklearn.load_model(uri).predict(FRAME).tolist() == ["low", "low", "high"]
    path = runlog.artifacts.download_artifacts("models:/digits@champion/MLmodel", dst_path="out")
    assert Model.load(path).metadata == {"number": 1}
    listed = runlog.artifacts.list_artifacts("models:/digits/3")
    assert "MLmodel" in [each.path for each in listed]
    with pytest.raises(InvalidParameter, match="register that"):
        runlog.models.set_signature("models:/digits/1", infer_signature(FRAME))


def test_a_signature_and_requirements_that_change(place, tree):
    logged = runlog.sklearn.log_model(tree, name="tree")
    assert logged.signature is None
    signature = infer_signature(FRAME, tree.predict(FRAME))
    runlog.models.set_signature(logged.model_uri, signature)
    runlog.models.update_model_requirements(logged.model_uri, "add", ["numpy<3", "polars"])
    runlog.models.update_model_requirements(logged.model_uri, "remove", ["cloudpickle"])
    assert get_model_info(logged.model_uri).signature == signature
    path = runlog.pyfunc.get_model_dependencies(logged.model_uri)
    packages = {name_of(line) for line in Path(path).read_text().splitlines()}
    assert packages == {"numpy", "polars", "scikit-learn"}
    conda = Path(runlog.pyfunc.get_model_dependencies(logged.model_uri, "conda")).read_text()
    assert "numpy<3" in conda and "cloudpickle" not in conda


def test_environments_that_are_given(place, tree):
    Path("constraints.txt").write_text("scipy<2\n")
    Path("needed.txt").write_text("# a comment\npandas>=2\n-c constraints.txt\n")
    runlog.sklearn.save_model(tree, "a", pip_requirements="needed.txt")
    assert Path("a/requirements.txt").read_text() == "pandas>=2\n-c constraints.txt"
    assert Path("a/constraints.txt").read_text() == "scipy<2"
    runlog.sklearn.save_model(tree, "b", extra_pip_requirements=["numpy==1.0", "polars"])
    lines = Path("b/requirements.txt").read_text().splitlines()
    assert "numpy==1.0" in lines and "polars" in lines and len(lines) == 4
    conda = {"name": "x", "dependencies": ["python=3.11", {"pip": ["scikit-learn"]}]}
    runlog.sklearn.save_model(tree, "c", conda_env=conda)
    assert Path("c/requirements.txt").read_text() == "scikit-learn"
    with pytest.raises(InvalidParameter, match="only one of"):
        runlog.sklearn.save_model(tree, "d", conda_env=conda, pip_requirements=["x"])


def test_serving_input(place, tree):
    runlog.sklearn.save_model(tree, "saved", input_example=FRAME)
    text = Path("saved/serving_input_example.json").read_text()
    found = runlog.models.validate_serving_input("saved", text)
    assert found.tolist() == ["low", "low", "high"]
    records = {"dataframe_records": FRAME.to_dict(orient="records")}
    assert runlog.models.validate_serving_input("saved", records).tolist() == found.tolist()
    Path("data.csv").write_text(FRAME.to_csv(index=False))
    printed = runlog.models.predict("saved", input_path="data.csv", content_type="csv")
    assert json.loads(printed) == {"predictions": ["low", "low", "high"]}
    with pytest.raises(InvalidParameter, match="one of dataframe_split"):
        runlog.models.validate_serving_input("saved", "{}")


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


def test_the_commands(place, tree):
    with runlog.start_run() as run:
        logged = runlog.sklearn.log_model(
            tree, name="tree", input_example=FRAME, registered_model_name="digits"
        )
    Path("data.csv").write_text(FRAME.to_csv(index=False))
    expected = {"predictions": ["low", "low", "high"]}
    for uri in (logged.model_uri, "models:/digits/1", f"runs:/{run.info.run_id}/tree"):
        words = ["models", "predict", "-u", uri, "-i", "data.csv"]
        assert json.loads(command(*words)) == expected
    text = Path(uris.local_folder(logged.model_uri), "serving_input_example.json").read_text()
    command("models", "predict", "-m", "models:/digits/1", "-o", "out.json", input=text)
    assert json.loads(Path("out.json").read_text()) == expected
    shown = command("models", "info", "models:/digits/1")
    assert "python_function, sklearn" in shown and "'a': double (required)" in shown
    plain = json.loads(command("models", "info", "models:/digits/1", "--json"))
    assert plain["model_id"] == logged.model_id
    path = command("artifacts", "download", "-u", "models:/digits/1/MLmodel", "-d", "out").strip()
    assert Model.load(path).model_id == logged.model_id


def command(*words: str, input: str | None = None) -> str:
    done = CliRunner().invoke(cli.main, [*words], input=input, standalone_mode=False)
    assert done.exception is None, (done.output, done.exception)
    return done.stdout
