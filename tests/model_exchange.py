"""Programs that log and load models, with runlog and with the real MLflow, for tests of both.

Each gets the tracking URI and a folder, and prints or reads JSON: the URIs of models.
"""

from __future__ import annotations

_MODELS = """
import json, logging, os, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.tree import DecisionTreeClassifier

uri, folder = sys.argv[1:3]
logging.disable(logging.WARNING)
frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})
tree = DecisionTreeClassifier(random_state=0).fit(frame, [1, 1, 5])
"""

_LOG = """
class Scaled(tracker.pyfunc.PythonModel):
    def load_context(self, context):
        self.factor = float(Path(context.artifacts["factor"]).read_text())

    def predict(self, context, model_input, params=None):
        scaled = model_input["a"] * self.factor * (params or {}).get("more", 1)
        return (scaled + context.model_config["plus"]).tolist()


def lengths(model_input: list[str]) -> list[int]:
    return [len(each) for each in model_input]


def write(name, save):
    if not uri:
        save(f"{folder}/{name}")
        return f"{folder}/{name}"
    return None


tracker.set_tracking_uri(uri or f"{folder}/nothing.db")
Path(folder, "factor.txt").write_text("2.5")
Path(folder, "coded.py").write_text(f'''
import {tracker.__name__}

class Coded({tracker.__name__}.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [5] * len(model_input)

{tracker.__name__}.models.set_model(Coded())
''')
tracker_tree = dict(sk_model=tree, input_example=frame, serialization_format="cloudpickle")
scaled = dict(
    python_model=Scaled(),
    artifacts={"factor": f"{folder}/factor.txt"},
    model_config={"plus": 1},
    input_example=(frame, {"more": 1}),
)
function = dict(python_model=lengths, pip_requirements=[])
code = dict(python_model=f"{folder}/coded.py", input_example=frame)
flavors = {
    "tree": (tracker.sklearn, tracker_tree),
    "scaled": (tracker.pyfunc, scaled),
    "lengths": (tracker.pyfunc, function),
    "coded": (tracker.pyfunc, code),
}
found = {}
if uri:
    tracker.set_experiment("exchange")
    with tracker.start_run() as run:
        for name, (flavor, given) in flavors.items():
            registered = {"registered_model_name": "exchanged"} if name == "tree" else {}
            found[name] = flavor.log_model(**NAMED(name), **given, **registered).model_uri
    if os.environ.get("REGISTRY", "1") == "1":
        found["registered"] = "models:/exchanged/1"
        client = tracker.MlflowClient()
        client.set_registered_model_alias("exchanged", "best", "1")
        found["alias"] = "models:/exchanged@best"
    found["run"] = f"runs:/{run.info.run_id}/tree"
else:
    for name, (flavor, given) in flavors.items():
        flavor.save_model(path=f"{folder}/{name}", **given)
        found[name] = f"{folder}/{name}"
print(json.dumps(found))
"""

_LOAD = """
tracker.set_tracking_uri(uri or f"{folder}/nothing.db")
expected = {
    "scaled": (frame, [3.5, 6.0, 8.5]),
    "lengths": (["a", "bcd"], [1, 3]),
    "coded": (frame, [5, 5, 5]),
}
found = {}
for name, model_uri in json.loads(sys.argv[3]).items():
    data, result = expected.get(name, (frame, [1, 1, 5]))
    model = tracker.pyfunc.load_model(model_uri)
    assert np.asarray(model.predict(data)).tolist() == result, (name, model.predict(data))
    if name not in expected:
        loaded = tracker.sklearn.load_model(model_uri)
        assert type(loaded).__name__ == "DecisionTreeClassifier"
        assert loaded.predict(frame).tolist() == result
        try:
            model.predict(frame[["a"]])
        except tracker.MlflowException as error:
            assert "b" in str(error)
        else:
            raise AssertionError("the signature is not enforced")
        assert model.input_example.equals(frame)
    if name == "scaled":  # MLflow 2.22 cannot infer its signature, which would have the params
        if model.metadata.get_params_schema() is not None:
            assert model.predict(frame, {"more": 2}) == [6.0, 11.0, 16.0]
        assert model.unwrap_python_model().factor == 2.5
    found[name] = json.loads(model.metadata.to_json()).get("signature") is not None
print(json.dumps(found))
"""

_RUNLOG = "import runlog as tracker\nimport runlog.sklearn, runlog.pyfunc\n"
_MLFLOW = (
    "import mlflow as tracker\nimport mlflow.sklearn, mlflow.pyfunc\n"
    "tracker.MlflowException = tracker.exceptions.MlflowException\n"
)
_NAMED = {
    "2": "NAMED = lambda name: {'artifact_path': name}\n",
    "3": "NAMED = lambda name: {'name': name}\n",
}


def logs(tracker: str, form: str = "3") -> str:
    """Return a program that logs models with `runlog` or `mlflow`, as MLflow `form` does it."""
    return _MODELS + (_RUNLOG if tracker == "runlog" else _MLFLOW) + _NAMED[form] + _LOG


def loads(tracker: str) -> str:
    """Return a program that loads these models, and fails if they do not predict the same."""
    return _MODELS + (_RUNLOG if tracker == "runlog" else _MLFLOW) + _LOAD
