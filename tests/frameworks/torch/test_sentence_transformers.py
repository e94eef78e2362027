"""The flavour `sentence_transformers`, with the real one and random weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sentence_transformers import SentenceTransformer

import runlog
from frameworks.programs import program
from frameworks.torch import tiny

TEXTS = ["the cat sat", "a dog ran on the mat"]


@pytest.fixture
def model(place) -> Any:
    tiny.bert("Model").save_pretrained("bert")
    tiny.tokenizer().save_pretrained("bert")
    return SentenceTransformer("bert", device="cpu")


def test_a_logged_model_encodes_the_same(model):
    with runlog.start_run() as run:
        info = runlog.sentence_transformers.log_model(model, "model")
    again = runlog.sentence_transformers.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), rtol=1e-5)
    loaded = runlog.pyfunc.load_model(info.model_uri)
    for given in (TEXTS, pd.DataFrame({"text": TEXTS})):
        np.testing.assert_allclose(loaded.predict(given), model.encode(TEXTS), rtol=1e-5)
    assert info.signature.inputs.to_dict() == [{"type": "string", "required": True}]


def test_params_are_those_of_encode(model):
    example = (TEXTS[0], {"normalize_embeddings": True})
    runlog.sentence_transformers.save_model(model, "model", input_example=example)
    loaded = runlog.pyfunc.load_model("model")
    vector = loaded.predict(TEXTS[:1], params={"normalize_embeddings": True})
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_mlmodel_says_what_mlflow_says(model):
    runlog.sentence_transformers.save_model(model, "model")
    saved = runlog.models.Model.load("model")
    flavor = saved.flavors["sentence_transformers"]
    assert flavor["pipeline_model_type"] == "BertModel"
    assert flavor["source_model_name"] == "bert"
    assert saved.flavors["python_function"]["data"] == "model.sentence_transformer"


PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
from sentence_transformers import SentenceTransformer
texts = json.loads(sys.argv[1])
native = mlflow.sentence_transformers.load_model("ours").encode(texts).tolist()
general = mlflow.pyfunc.load_model("ours").predict(texts).tolist()
model = SentenceTransformer("bert", device="cpu")
mlflow.sentence_transformers.save_model(model, "theirs", pip_requirements=["torch"])
print(json.dumps([native, general, model.encode(texts).tolist()]))
"""


def test_mlflow_loads_what_runlog_saved_and_the_other_way_round(model):
    runlog.sentence_transformers.save_model(model, "ours")
    native, general, theirs = program("3", PROGRAM, json.dumps(TEXTS))
    np.testing.assert_allclose(native, model.encode(TEXTS), rtol=1e-5)
    np.testing.assert_allclose(general, model.encode(TEXTS), rtol=1e-5)
    predicted = runlog.pyfunc.load_model("theirs").predict(TEXTS)
    np.testing.assert_allclose(predicted, theirs, rtol=1e-5)
