"""Models that are Python code: classes, functions, files."""

from __future__ import annotations

import json
import sys
import threading
import zipfile
from pathlib import Path

import pytest

import runlog
from runlog.errors import InvalidParameter, RunlogError
from runlog.models import Model, ModelConfig, ModelSignature, keras_models
from runlog.types import ColSpec, Schema

pandas = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
pydantic = pytest.importorskip("pydantic")


class Scaled(runlog.pyfunc.PythonModel):
    def load_context(self, context):
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        return model_input * self.factor * (params or {}).get("more", 1)


class Plain(runlog.pyfunc.PythonModel):
    """The form without a context."""

    def predict(self, model_input):
        return [each + 1 for each in model_input]

    def predict_stream(self, model_input):
        yield from model_input


def test_a_class_with_artifacts_and_params(place):
    Path("factor.txt").write_text("2.5")
    frame = pandas.DataFrame({"a": [1.0, 2.0]})
    with runlog.start_run() as run:
        runlog.log_artifact("factor.txt", "files")
        logged = runlog.pyfunc.log_model(
            name="scaled",
            python_model=Scaled(),
            artifacts={"factor": f"runs:/{run.info.run_id}/files/factor.txt"},
            input_example=(frame, {"more": 2}),
        )
    assert logged.signature.params.params[0].default == 2
    loaded = runlog.pyfunc.load_model(logged.model_uri)
    assert loaded.predict(frame)["a"].tolist() == [5.0, 10.0]
    assert loaded.predict(frame, {"more": 1})["a"].tolist() == [2.5, 5.0]
    assert loaded.unwrap_python_model().factor == 2.5
    conf = loaded.metadata.flavors["python_function"]
    assert conf["artifacts"]["factor"]["path"] == "artifacts/factor.txt"
    assert conf["loader_module"] == loaded.loader_module == "mlflow.pyfunc.model"


@pytest.mark.parametrize("given", [Plain, Plain()], ids=["class", "instance"])
def test_a_class_without_a_context(place, given):
    runlog.pyfunc.save_model("saved", python_model=given)
    loaded = runlog.pyfunc.load_model("saved")
    assert loaded.predict([1, 2]) == [2, 3]
    assert list(loaded.predict_stream([1, 2])) == [1, 2]


def test_a_model_that_does_not_stream(place):
    runlog.pyfunc.save_model("saved", python_model=lambda data: data)
    with pytest.raises(RunlogError, match="does not stream"):
        list(runlog.pyfunc.load_model("saved").predict_stream(1))


def test_a_function_with_type_hints(place):
    def lengths(model_input: list[str]) -> list[int]:
        return [len(each) for each in model_input]

    runlog.pyfunc.save_model("saved", python_model=lengths)
    signature = Model.load("saved").signature
    assert signature == ModelSignature(Schema([ColSpec("string")]), Schema([ColSpec("long")]))
    assert signature.from_type_hint
    loaded = runlog.pyfunc.load_model("saved")
    assert loaded.predict(["a", "bcd"]) == [1, 3]
    assert loaded.predict(pandas.DataFrame({"text": ["a", "bcd"]})) == [1, 3]
    with pytest.raises(InvalidParameter, match="takes str, not 5"):
        loaded.predict([5])


class Point(pydantic.BaseModel):
    x: float
    label: str | None = None


def test_hints_of_pydantic(place):
    def labels(model_input: list[Point]) -> list[str]:
        return [f"{each.label} {each.x}" for each in model_input]

    runlog.pyfunc.save_model("saved", python_model=labels)
    (column,) = Model.load("saved").signature.inputs
    assert column.type.to_dict()["properties"] == {
        "label": {"type": "string", "required": False},
        "x": {"type": "double", "required": True},
    }
    loaded = runlog.pyfunc.load_model("saved")
    assert loaded.predict([{"x": 1, "label": "a"}]) == ["a 1.0"]
    with pytest.raises(InvalidParameter, match="Point"):
        loaded.predict([{"label": "a"}])


CODE = """
import runlog
from runlog.models import ModelConfig, set_model

config = ModelConfig(development_config={"word": "draft"})

class Greeting(runlog.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return f"{config.get('word')} {model_input} {context.model_config}"

set_model(Greeting())
"""


def test_a_file_of_code(place):
    Path("greeting.py").write_text(CODE)
    with runlog.start_run() as run:
        logged = runlog.pyfunc.log_model(
            name="greeting", python_model="greeting.py", model_config={"word": "hello"}
        )
    assert runlog.get_run(run.info.run_id).data.params == {"word": "hello"}
    loaded = runlog.pyfunc.load_model(logged.model_uri)
    assert loaded.predict("you") == "hello you {'word': 'hello'}"
    Path("other.yaml").write_text("word: bye")
    other = runlog.pyfunc.load_model(logged.model_uri, model_config="other.yaml")
    assert other.predict("you") == "bye you {'word': 'bye'}"
    conf = loaded.metadata.flavors["python_function"]
    assert conf["model_code_path"] == "greeting.py"
    assert "python_model" not in conf
    with pytest.raises(RunlogError, match="no configuration"):
        ModelConfig()


def test_a_file_that_sets_no_model(place):
    Path("empty.py").write_text("x = 1")
    with pytest.raises(RunlogError, match="set_model"):
        runlog.pyfunc.save_model("saved", python_model="empty.py")


def test_a_module_that_loads_the_model(place, monkeypatch):
    Path("mine.py").write_text(
        "class Model:\n    def __init__(self, text): self.text = text\n"
        "    def predict(self, data): return self.text + data\n"
        "from pathlib import Path\ndef _load_pyfunc(path): return Model(Path(path).read_text())\n"
    )
    Path("data.txt").write_text("a")
    runlog.pyfunc.save_model(
        "saved", loader_module="mine", data_path="data.txt", code_paths=["mine.py"]
    )
    Path("mine.py").unlink()
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert runlog.pyfunc.load_model("saved").predict("b") == "ab"
    sys.modules.pop("mine")
    assert Path("saved/code/mine.py").exists()


def test_what_is_refused(place):
    with pytest.raises(InvalidParameter, match="must be specified"):
        runlog.pyfunc.save_model("saved")
    with pytest.raises(InvalidParameter, match="exactly one argument"):
        runlog.pyfunc.save_model("a", python_model=lambda x, y: x)
    with pytest.raises(InvalidParameter, match="must be a PythonModel"):
        runlog.pyfunc.save_model("b", python_model=5)
    with pytest.raises(InvalidParameter, match="serialize"):
        runlog.pyfunc.save_model("c", python_model=With(threading.Lock()))
    with pytest.raises(RunlogError, match="Spark"):
        runlog.pyfunc.spark_udf(None, "models:/a/1")


class With(runlog.pyfunc.PythonModel):
    def __init__(self, lock):
        self.lock = lock

    def predict(self, model_input):
        return model_input


def test_nothing_runs_code_where_that_is_switched_off(place, monkeypatch):
    Path("greeting.py").write_text(CODE)
    runlog.pyfunc.save_model("code", python_model="greeting.py")
    runlog.pyfunc.save_model("class", python_model=Plain())
    Path("mine.py").write_text("")
    runlog.pyfunc.save_model("module", loader_module="mine", code_paths=["mine.py"])
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    for path in ("code", "class", "module"):
        with pytest.raises(RunlogError, match="RUNLOG_ALLOW_PICKLE_DESERIALIZATION"):
            runlog.pyfunc.load_model(path)


def test_a_module_is_refused_before_it_is_imported(place, monkeypatch):
    monkeypatch.syspath_prepend(place)
    Path("sly.py").write_text("open('hacked', 'w')\n_load_pyfunc = print\n")
    Path("mlflow").mkdir()
    Path("mlflow/sly.py").write_text("open('hacked', 'w')\n_load_pyfunc = print\n")
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    for name in ("sly", "mlflow.sly", "mlflow", "runlog", "mlflow..sly", "runlog.sly", "absent"):
        Path("MLmodel").write_text(f"flavors: {{python_function: {{loader_module: {name}}}}}\n")
        with pytest.raises(RunlogError, match="RUNLOG_ALLOW_PICKLE_DESERIALIZATION"):
            runlog.pyfunc.load_model(".")
    assert not Path("hacked").exists()


@pytest.mark.parametrize(
    "file, content",
    [
        ("modules.json", [{"type": "sly.Part", "path": ""}]),
        ("1_Dense/config.json", {"activation_function": "os.abort"}),
    ],
)
def test_encoders_name_no_classes_where_that_is_switched_off(place, monkeypatch, file, content):
    Path("MLmodel").write_text("flavors: {sentence_transformers: {}}\n")
    path = Path("model.sentence_transformer", file)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    with pytest.raises(RunlogError, match="RUNLOG_ALLOW_PICKLE_DESERIALIZATION"):
        runlog.sentence_transformers.load_model(".")


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "weights.bin", "model"])
def test_only_zips_of_keras_are_without_functions(place, monkeypatch, name):
    Path(name).write_bytes(b"\x89HDF")
    keras_models.refuse_functions(name)
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    with pytest.raises(RunlogError, match="RUNLOG_ALLOW_PICKLE_DESERIALIZATION"):
        keras_models.refuse_functions(name)
    with zipfile.ZipFile("zip.keras", "w"):
        pass
    keras_models.refuse_functions("zip.keras")


def test_the_packages_that_a_class_needs(place):
    class Needs(runlog.pyfunc.PythonModel):
        def predict(self, model_input):
            import yaml

            return np.asarray(yaml.safe_load(model_input))

    runlog.pyfunc.save_model("saved", python_model=Needs())
    path = runlog.pyfunc.get_model_dependencies("saved")
    packages = {line.partition("==")[0] for line in Path(path).read_text().splitlines()}
    assert packages >= {"cloudpickle", "numpy", "PyYAML"}
    assert not packages & {"mlflow", "runlog-tracking", "scikit-learn"}
