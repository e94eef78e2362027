"""The flavour `transformers`, with the real one and models of random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

import runlog
from frameworks.programs import program
from frameworks.torch import tiny

TEXTS = ["the cat sat", "a dog ran on the mat"]


def test_a_logged_pipeline_answers_the_same():
    pipeline = tiny.pipeline("text-classification")
    with runlog.start_run() as run:
        info = runlog.transformers.log_model(pipeline, "model", input_example=TEXTS[0])
    again = runlog.transformers.load_model(f"runs:/{run.info.run_id}/model")
    assert type(again) is type(pipeline)
    assert again(TEXTS) == pipeline(TEXTS)
    pd.testing.assert_frame_equal(
        runlog.pyfunc.load_model(info.model_uri).predict(TEXTS), pd.DataFrame(pipeline(TEXTS))
    )


def test_mlmodel_says_what_mlflow_says():
    pipeline = tiny.pipeline("text-classification")
    runlog.transformers.save_model(pipeline, "model", input_example=TEXTS[0])
    model = runlog.models.Model.load("model")
    assert model.flavors["transformers"] == {
        "transformers_version": transformers.__version__,
        "code": None,
        "task": "text-classification",
        "instance_type": "TextClassificationPipeline",
        "torch_dtype": "torch.float32",
        "pipeline_model_type": "BertForSequenceClassification",
        "source_model_name": "",
        "model_binary": "model",
        "tokenizer_type": type(pipeline.tokenizer).__name__,
        "components": ["tokenizer"],
    }
    assert model.flavors["python_function"]["loader_module"] == "mlflow.transformers"
    assert Path("model/model/model.safetensors").exists()
    assert Path("model/components/tokenizer/tokenizer.json").exists()
    assert model.signature.outputs.input_names() == ["label", "score"]
    requirements = Path("model/requirements.txt").read_text()
    assert f"transformers=={transformers.__version__}" in requirements and "torch==" in requirements


def test_components():
    parts = {"model": tiny.bert("ForMaskedLM"), "tokenizer": tiny.tokenizer()}
    runlog.transformers.save_model(parts, "model", task="fill-mask")
    again = runlog.transformers.load_model("model", return_type="components")
    assert again["task"] == "fill-mask"
    for name, weights in parts["model"].state_dict().items():
        assert torch.equal(again["model"].state_dict()[name], weights)
    assert again["tokenizer"].get_vocab() == parts["tokenizer"].get_vocab()
    assert runlog.transformers.load_model("model")("the [MASK] sat")[0]["token_str"]


def test_a_processor_makes_components_only():
    pipeline = tiny.pipeline("text-classification")
    runlog.transformers.save_model(pipeline, "model", processor=tiny.tokenizer())
    with pytest.raises(runlog.RunlogError, match="return_type='components'"):
        runlog.transformers.load_model("model")
    assert "processor" in runlog.transformers.load_model("model", return_type="components")
    assert "python_function" not in runlog.models.Model.load("model").flavors


def test_a_folder_of_transformers():
    pipeline = tiny.pipeline("fill-mask")
    pipeline.save_pretrained("checkpoint")
    with pytest.raises(runlog.RunlogError, match="task"):
        runlog.transformers.save_model("checkpoint", "model")
    runlog.transformers.save_model("checkpoint", "model", task="fill-mask")
    assert runlog.transformers.load_model("model")(*["a [MASK]"]) == pipeline("a [MASK]")


@pytest.mark.parametrize(
    "given, message",
    [
        ({"model": None, "other": 1}, "components of a model"),
        ({"tokenizer": None}, "components of a model"),
        (42, "not 42"),
    ],
)
def test_other_objects_are_refused(given: Any, message: str):
    with pytest.raises(runlog.RunlogError, match=message):
        runlog.transformers.save_model(given, "model", task="fill-mask")


def test_the_type_of_weights():
    pipeline = tiny.pipeline("text-classification")
    runlog.transformers.save_model(pipeline, "half", torch_dtype=torch.bfloat16)
    assert runlog.transformers.load_model("half").model.dtype == torch.bfloat16
    again = runlog.transformers.load_model("half", torch_dtype=torch.float32)
    assert again.model.dtype == torch.float32


# Predictions of each task


def predictor(task: str, **options: Any) -> Any:
    runlog.transformers.save_model(tiny.pipeline(task), "model", **options)
    return runlog.pyfunc.load_model("model")


def test_words_are_filled_in():
    model = predictor("fill-mask")
    expected = tiny.pipeline("fill-mask")("the [MASK] sat")[0]["token_str"]
    assert model.predict("the [MASK] sat") == [expected]
    assert model.predict(["the [MASK] sat"] * 2) == [expected] * 2
    assert model.predict(pd.DataFrame({"text": ["the [MASK] sat"]})) == [expected]


def test_tokens_are_classified():
    answers = predictor("token-classification").predict(TEXTS)
    assert [len(answer.split(",")) for answer in answers] == [3, 6]
    assert {kind for answer in answers for kind in answer.split(",")} <= {"NOUN", "VERB"}


def test_features_are_an_array():
    expected = np.array(tiny.pipeline("feature-extraction")(TEXTS)[0][0])
    model = predictor("feature-extraction")
    np.testing.assert_allclose(model.predict(TEXTS), expected, rtol=1e-6)


def test_labels_of_no_training():
    model = predictor("zero-shot-classification")
    question = {"sequences": TEXTS[0], "candidate_labels": json.dumps(["sports", "food"])}
    table = model.predict({**question, "hypothesis_template": "this text is about {}."})
    assert list(table.columns) == ["sequence", "labels", "scores"]
    assert sorted(table["labels"]) == ["food", "sports"]


def test_texts_are_continued():
    options = {"max_new_tokens": 5, "do_sample": False}
    model = predictor("text-generation", model_config=options)
    expected = tiny.pipeline("text-generation")(TEXTS[0], **options)[0]["generated_text"]
    assert model.predict(TEXTS[0]) == [expected]
    for text, start in zip(model.predict(TEXTS), TEXTS, strict=True):
        assert text.startswith(start)


def test_a_prompt_goes_around_a_text():
    options = {"max_new_tokens": 1, "do_sample": False, "return_full_text": True}
    template = "this text is about {prompt} food"
    model = predictor("text-generation", model_config=options, prompt_template=template)
    assert model.predict("sports")[0].startswith("this text is about sports food")


def test_a_prompt_without_its_text_is_left_out():
    model = predictor(
        "text-generation", model_config={"max_new_tokens": 2}, prompt_template="the {prompt}"
    )
    assert not model.predict("cat")[0].startswith("the cat")


@pytest.mark.parametrize("template", ["no field", "{prompt} {prompt}", "{other}"])
def test_a_prompt_has_one_field(template: str):
    with pytest.raises(runlog.RunlogError, match="once"):
        predictor("text-generation", prompt_template=template)


def test_random_numbers_stay_as_they_were():
    torch.manual_seed(1)
    wanted = torch.rand(1)
    torch.manual_seed(1)
    runlog.transformers.save_model(
        tiny.pipeline("text-generation"),
        "model",
        input_example="the cat",
        model_config={"do_sample": True, "max_new_tokens": 3},
    )
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), wanted)


def test_the_protocols_of_model_servers_are_refused_in_words():
    with pytest.raises(runlog.RunlogError, match="text-generation"):
        pipeline = tiny.pipeline("text-generation")
        runlog.transformers.save_model(pipeline, "model", task="llm/v1/chat")


# Both ways with the real MLflow

QUESTIONS = {
    "feature-extraction": TEXTS[:1],
    "fill-mask": "the [MASK] sat",
    "text-classification": TEXTS[0],
    "text-generation": TEXTS[0],
    "token-classification": TEXTS[0],
}
PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
from frameworks.torch import tiny
answers = {}
for task, question in json.loads(sys.argv[1]).items():
    mlflow.transformers.load_model("ours-" + task)
    options = {"do_sample": False, "max_new_tokens": 3} if task == "text-generation" else None
    mlflow.transformers.save_model(
        tiny.pipeline(task), "theirs-" + task, model_config=options, pip_requirements=["torch"])
    for folder in ("ours-", "theirs-"):
        answer = mlflow.pyfunc.load_model(folder + task).predict(question)
        answers[folder + task] = (
            answer if isinstance(answer, list)
            else answer.tolist() if hasattr(answer, "tolist") else answer.to_dict("records"))
print(json.dumps(answers))
"""


def test_mlflow_loads_what_runlog_saved_and_the_other_way_round():
    for task in QUESTIONS:
        options = {"do_sample": False, "max_new_tokens": 3} if task == "text-generation" else None
        runlog.transformers.save_model(tiny.pipeline(task), f"ours-{task}", model_config=options)
    answers = program("3", PROGRAM, json.dumps(QUESTIONS))
    for task, question in QUESTIONS.items():
        runlog.transformers.load_model(f"theirs-{task}")
        for folder in (f"ours-{task}", f"theirs-{task}"):
            ours = runlog.pyfunc.load_model(folder).predict(question)
            if isinstance(ours, pd.DataFrame):
                pd.testing.assert_frame_equal(ours, pd.DataFrame(answers[folder]))
            elif isinstance(ours, np.ndarray):
                np.testing.assert_allclose(ours, answers[folder], rtol=1e-5, atol=1e-6)
            else:
                assert ours == answers[folder]
