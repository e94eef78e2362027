"""The callback for Keras, with the real framework."""

from __future__ import annotations

import keras
import numpy
import pytest

import runlog
from runlog.integrations.keras import RunlogCallback

X = numpy.random.default_rng(1).normal(size=(64, 3))
Y = X[:, 0] > 0


def model() -> keras.Model:
    layers = [keras.layers.Input((3,)), keras.layers.Dense(1, activation="sigmoid")]
    made = keras.Sequential(layers)
    made.compile(keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    return made


def history(run_id: str, name: str) -> list[tuple[int, float]]:
    points = runlog.RunlogClient().get_metric_history(run_id, name)
    return [(point.step, point.value) for point in points]


def test_a_fit_is_a_run():
    callback = RunlogCallback(run_name="k", log_every_n_steps=2)
    seen = model().fit(
        X, Y, epochs=3, batch_size=16, validation_split=0.25, verbose=0, callbacks=[callback]
    )
    run = runlog.get_run(callback.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "k")
    for name, values in seen.history.items():
        assert history(callback.run_id, name) == [
            *enumerate(pytest.approx(each) for each in values)
        ]
    assert run.data.params["epochs"] == "3"
    assert run.data.params["optimizer.name"] == "adam"
    assert run.data.metrics["learning_rate"] == pytest.approx(0.01)
    assert [step for step, _ in history(callback.run_id, "batch_loss")] == [2, 4, 6, 8]
    assert not [name for name in run.data.metrics if name.startswith("test_")]
    summary = runlog.artifacts.load_text(f"runs:/{callback.run_id}/model_summary.txt")
    assert "dense" in summary and "Total params" in summary


def test_an_evaluation_is_logged_as_a_test():
    with runlog.start_run() as run:
        made, callback = model(), RunlogCallback()
        made.fit(X, Y, epochs=1, verbose=0, callbacks=[callback])
        found = made.evaluate(X, Y, verbose=0, callbacks=[callback], return_dict=True)
        assert runlog.active_run().info.run_id == run.info.run_id
    metrics = runlog.get_run(run.info.run_id).data.metrics
    assert metrics["test_loss"] == pytest.approx(found["loss"])
