"""The flavours `keras` and `tensorflow`, with the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import runlog
from frameworks.programs import program

BATCH = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype="float32")


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(shape=(3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)]
    )
    model.compile("sgd", loss="mse")
    return model


class Line(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def __call__(self, batch: tf.Tensor) -> tf.Tensor:
        return batch * self.slope


def signature(model: keras.Model) -> Any:
    return runlog.models.infer_signature(BATCH, model.predict(BATCH, verbose=0))


@pytest.mark.parametrize("flavor", ["keras", "tensorflow"])
def test_a_logged_network_predicts_the_same(network, flavor):
    wanted = network.predict(BATCH, verbose=0)
    module = getattr(runlog, flavor)
    with runlog.start_run() as run:
        info = module.log_model(network, "model", signature=signature(network))
    again = module.load_model(f"runs:/{run.info.run_id}/model")
    assert isinstance(again, keras.Model)
    np.testing.assert_allclose(again.predict(BATCH, verbose=0), wanted, rtol=1e-6)
    model = runlog.pyfunc.load_model(info.model_uri)
    np.testing.assert_allclose(model.predict(BATCH), wanted, rtol=1e-6)


@pytest.mark.parametrize("flavor", ["keras", "tensorflow"])
def test_a_table_comes_back_as_a_table(network, flavor):
    getattr(runlog, flavor).save_model(network, "model")
    table = pd.DataFrame(BATCH, columns=[*"abc"], index=[7, 9])
    predicted = runlog.pyfunc.load_model("model").predict(table)
    assert list(predicted.index) == [7, 9]
    np.testing.assert_allclose(predicted, network.predict(BATCH, verbose=0), rtol=1e-6)


def test_mlmodel_says_what_mlflow_says(network):
    runlog.keras.save_model(network, "model", input_example=BATCH)
    model = runlog.models.Model.load("model")
    assert model.flavors["keras"] == {
        "code": None,
        "data": "data",
        "keras_version": keras.__version__,
        "keras_backend": "tensorflow",
        "save_exported_model": False,
    }
    assert model.flavors["python_function"]["loader_module"] == "mlflow.keras"
    assert [spec.shape for spec in model.signature.inputs] == [(-1, 3)]
    assert Path("model/data/keras_module.txt").read_text() == "keras"
    assert Path("model/data/model.keras").exists()
    assert f"keras=={keras.__version__}" in Path("model/requirements.txt").read_text()


def test_an_exported_network_is_served(network):
    runlog.keras.save_model(
        network, "model", save_exported_model=True, signature=signature(network)
    )
    assert Path("model/data/model/saved_model.pb").exists()
    wanted = network.predict(BATCH, verbose=0)
    exported = runlog.keras.load_model("model")
    np.testing.assert_allclose(exported.serve(BATCH), wanted, rtol=1e-6)
    np.testing.assert_allclose(runlog.pyfunc.load_model("model").predict(BATCH), wanted, rtol=1e-6)


def test_an_export_needs_a_signature(network):
    with pytest.raises(runlog.RunlogError, match="signature"):
        runlog.keras.save_model(network, "model", save_exported_model=True)


@keras.saving.register_keras_serializable("tests")
class Registered(keras.layers.Layer):
    def call(self, batch: Any) -> Any:
        return 3 * batch


class Unregistered(keras.layers.Layer):
    def call(self, batch: Any) -> Any:
        return 2 * batch


def test_custom_objects_go_with_the_model(monkeypatch):
    network = keras.Sequential([keras.Input(shape=(3,)), Unregistered(), Registered()])
    runlog.tensorflow.save_model(network, "model", custom_objects={"Unregistered": Unregistered})
    np.testing.assert_array_equal(runlog.pyfunc.load_model("model").predict(BATCH), 6 * BATCH)
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    with pytest.raises(runlog.RunlogError, match="custom_objects"):
        runlog.tensorflow.load_model("model")


def test_custom_objects_of_a_keras_file():
    network = keras.Sequential([keras.Input(shape=(3,)), Unregistered()])
    runlog.keras.save_model(network, "model")
    again = runlog.keras.load_model("model", custom_objects={"Unregistered": Unregistered})
    np.testing.assert_array_equal(again.predict(BATCH, verbose=0), 2 * BATCH)


def test_a_module_of_tensorflow():
    with runlog.start_run():
        info = runlog.tensorflow.log_model(Line(), name="line")
    flavor = info.flavors["tensorflow"]
    assert flavor["saved_model_dir"] == "tf2model"
    assert flavor["model_type"] == "tf2-module"
    again = runlog.tensorflow.load_model(info.model_uri)
    np.testing.assert_array_equal(again(tf.constant(BATCH)).numpy(), 2 * BATCH)
    model = runlog.pyfunc.load_model(info.model_uri)
    np.testing.assert_array_equal(model.predict(BATCH), 2 * BATCH)


def test_other_objects_are_refused():
    with pytest.raises(runlog.RunlogError, match=r"tf\.Module"):
        runlog.tensorflow.save_model(object(), "model")


def test_the_batch_is_a_free_dimension(network):
    fixed = runlog.models.ModelSignature(
        inputs=runlog.types.Schema([runlog.types.TensorSpec(np.dtype("float32"), (2, 3))])
    )
    for module in (runlog.keras, runlog.tensorflow):
        with pytest.raises(runlog.RunlogError, match="-1"):
            module.save_model(network, "model", signature=fixed)


def test_the_callback_with_mlflow_s_arguments(network):
    labels = np.zeros((2, 2))
    with runlog.start_run() as run:
        callbacks = [runlog.keras.MlflowCallback()]
        network.fit(BATCH, labels, epochs=2, verbose=0, callbacks=callbacks)
    assert list(runlog.metric_history(run.info.run_id, "loss").steps) == [0, 1]
    with pytest.raises(runlog.RunlogError, match="log_every_epoch=False"):
        runlog.tensorflow.MLflowCallback(log_every_n_steps=1)


def test_a_checkpoint_of_autologging(network):
    network.save("latest_checkpoint.keras")
    with runlog.start_run() as run:
        runlog.log_artifact("latest_checkpoint.keras", "checkpoints")
        runlog.set_tag("mlflow.latest_checkpoint_artifact", "checkpoints/latest_checkpoint.keras")
        again = runlog.tensorflow.load_checkpoint()
    np.testing.assert_allclose(
        again.predict(BATCH, verbose=0), network.predict(BATCH, verbose=0), rtol=1e-6
    )
    with pytest.raises(runlog.RunlogError, match="epoch"):
        runlog.tensorflow.load_checkpoint(run_id=run.info.run_id, epoch=0, global_step=1)


# Both ways with the real MLflow

PROGRAM = """
import json, sys
import keras, mlflow, numpy as np, tensorflow as tf
batch = np.array(json.loads(sys.argv[1]), dtype="float32")
answers = {}
for name in ("keras", "tensorflow"):
    flavor = getattr(mlflow, name)
    answers[name] = [
        flavor.load_model("ours-" + name).predict(batch, verbose=0).tolist(),
        mlflow.pyfunc.load_model("ours-" + name).predict(batch).tolist(),
    ]
answers["line"] = mlflow.pyfunc.load_model("ours-line").predict(batch).tolist()
model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(2)])
signature = mlflow.models.infer_signature(batch, model.predict(batch, verbose=0))
for name in ("keras", "tensorflow"):
    getattr(mlflow, name).save_model(
        model, "theirs-" + name, signature=signature, pip_requirements=["keras"])
class Line(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def __call__(self, batch):
        return 2 * batch
mlflow.tensorflow.save_model(Line(), "theirs-line", pip_requirements=["keras"])
answers["theirs"] = model.predict(batch, verbose=0).tolist()
print(json.dumps(answers))
"""


@pytest.mark.parametrize("version", ["2", "3"])
def test_mlflow_loads_what_runlog_saved_and_the_other_way_round(network, version):
    for flavor in (runlog.keras, runlog.tensorflow):
        flavor.save_model(network, f"ours-{flavor.FLAVOR_NAME}", signature=signature(network))
    runlog.tensorflow.save_model(Line(), "ours-line")
    answers = program(version, PROGRAM, json.dumps(BATCH.tolist()))
    wanted = network.predict(BATCH, verbose=0)
    np.testing.assert_array_equal(answers["line"], 2 * BATCH)
    np.testing.assert_array_equal(runlog.pyfunc.load_model("theirs-line").predict(BATCH), 2 * BATCH)
    for flavor in (runlog.keras, runlog.tensorflow):
        for predicted in answers[flavor.FLAVOR_NAME]:
            np.testing.assert_allclose(predicted, wanted, rtol=1e-6)
        theirs = f"theirs-{flavor.FLAVOR_NAME}"
        for predicted in (
            flavor.load_model(theirs).predict(BATCH, verbose=0),
            runlog.pyfunc.load_model(theirs).predict(BATCH),
        ):
            np.testing.assert_allclose(predicted, answers["theirs"], rtol=1e-6)
