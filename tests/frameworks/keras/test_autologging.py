"""Automatic logging of Keras, by both of MLflow's names."""

from __future__ import annotations

import pytest

import runlog
from frameworks.compared import compared
from runlog.errors import InvalidParameter

np = pytest.importorskip("numpy")

X = np.random.RandomState(0).rand(64, 4).astype("float32")
y = (X.sum(1) > 2).astype("int32")


@pytest.fixture(autouse=True)
def off_again():
    yield
    runlog.autolog(disable=True)
    for framework in ("keras", "tensorflow"):
        getattr(runlog, framework).autolog(disable=True)


def fitted(callbacks=None, **arguments):
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(X, y, batch_size=16, verbose=0, callbacks=callbacks, **arguments)
    return model


def runs():
    return runlog.search_runs(output_format="list")


def files(run, path=None):
    client = runlog.RunlogClient()
    return {each.path for each in client.list_artifacts(run.info.run_id, path)}


PROGRAM = """
import keras, numpy as np
if sys.argv[1] == "mlflow":
    import mlflow.keras
tracker.keras.autolog(log_models=False)
X = np.random.RandomState(0).rand(64, 4).astype("float32")
y = (X.sum(1) > 2).astype("int32")

@training
def sequential():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(X, y, epochs=3, batch_size=16, verbose=0, validation_data=(X[:16], y[:16]),
        callbacks=[keras.callbacks.EarlyStopping(patience=1)])
"""


def test_keys_and_values_are_those_of_mlflow(place):
    ours, theirs = compared(PROGRAM)
    (mine,), (logged,) = ours.values(), theirs.values()
    assert mine["params"] == logged["params"]
    assert mine["metrics"] == pytest.approx(logged["metrics"])
    assert mine["points"] == logged["points"]


def test_a_fit_is_logged_with_its_model():
    runlog.autolog(log_input_examples=True)
    callbacks = []
    model = fitted(callbacks, epochs=2, validation_split=0.25)
    assert callbacks == []
    (run,) = runs()
    assert run.data.params["epochs"] == "2"
    assert {"loss", "val_loss", "validation_accuracy"} <= run.data.metrics.keys()
    assert len(runlog.metric_history(run, "loss").values) == 2
    assert "model_summary.txt" in files(run)
    (logged,) = runlog.search_logged_models(output_format="list")
    assert {"loss", "val_loss"} <= {metric.key for metric in logged.metrics}
    loaded = runlog.keras.load_model(f"models:/{logged.model_id}")
    assert loaded.predict(X, verbose=0) == pytest.approx(model.predict(X, verbose=0))
    signature = runlog.models.get_model_info(f"models:/{logged.model_id}").signature
    assert signature.inputs.inputs[0].shape == (-1, 4)


def test_weights_are_those_without_logging():
    plain = fitted(epochs=1).get_weights()
    runlog.autolog(log_models=False)
    logged = fitted(epochs=1).get_weights()
    assert all((one == other).all() for one, other in zip(plain, logged, strict=True))


def test_tensorflow_logs_early_stopping_and_checkpoints():
    import keras

    runlog.tensorflow.autolog(log_models=False)
    stopping = keras.callbacks.EarlyStopping(
        "loss", patience=0, min_delta=10, restore_best_weights=True
    )
    fitted([stopping], epochs=4, validation_split=0.25)
    (run,) = runs()
    assert run.data.tags["mlflow.autologging"] == "tensorflow"
    assert run.data.params["opt_name"].startswith("adam")
    assert run.data.params["patience"] == "0"
    assert run.data.metrics["stopped_epoch"] == 1
    assert run.data.metrics["restored_epoch"] == 0
    assert files(run, "checkpoints") == {
        "checkpoints/latest_checkpoint.keras",
        "checkpoints/latest_checkpoint_metrics.json",
    }
    latest = run.data.tags["mlflow.latest_checkpoint_artifact"]
    assert latest == "checkpoints/latest_checkpoint.keras"
    loaded = runlog.tensorflow.load_checkpoint(run_id=run.info.run_id)
    assert loaded.predict(X, verbose=0).shape == (64, 1)


def test_every_checkpoint_of_steps():
    runlog.tensorflow.autolog(
        log_models=False,
        log_every_epoch=False,
        log_every_n_steps=2,
        checkpoint_save_best_only=False,
        checkpoint_save_weights_only=True,
        checkpoint_save_freq=3,
    )
    fitted(epochs=2)
    (run,) = runs()
    assert runlog.metric_history(run, "loss").steps.tolist() == [2, 4, 6, 8]
    assert files(run, "checkpoints") == {"checkpoints/global_step_3", "checkpoints/global_step_6"}


def test_epochs_or_steps():
    with pytest.raises(InvalidParameter, match="log_every_n_steps=3"):
        runlog.keras.autolog(log_every_n_steps=3)
    with pytest.raises(InvalidParameter, match="log_every_epoch=False"):
        runlog.tensorflow.autolog(log_every_epoch=False)
