"""Train a Keras network, export it, and load it in three ways to predict.

Trains on points around a parabola, logs the loss of each epoch, and stores the network twice: as
a `.keras` file and exported as a TensorFlow SavedModel, which needs no Keras to run. Everything
goes to `runlog.db` in the current directory.

    pip install tensorflow
    python examples/keras_export.py
"""

from __future__ import annotations

import keras
import numpy as np

import runlog
from runlog.integrations.keras import RunlogCallback


def points(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions from -1 to 1, and heights of a noisy parabola above them."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, size=(count, 1)).astype("float32")
    noise = random.normal(scale=0.02, size=x.shape).astype("float32")
    return x, 2 * x**2 - 1 + noise


def train() -> keras.Model:
    """Train in the active run."""
    model = keras.Sequential(
        [
            keras.Input(shape=(1,)),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(16, activation="tanh"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    model.fit(
        *points(800, seed=1),
        epochs=30,
        validation_data=points(200, seed=2),
        callbacks=[RunlogCallback()],
        verbose=0,
    )
    return model


def main() -> None:
    keras.utils.set_random_seed(0)
    runlog.set_experiment("parabola")
    with runlog.start_run(run_name="keras") as run:
        model = train()
        x, y = points(100, seed=3)
        signature = runlog.models.infer_signature(x, model.predict(x, verbose=0))
        logged = runlog.keras.log_model(model, name="network", signature=signature)
        exported = runlog.keras.log_model(
            model, name="exported", signature=signature, save_exported_model=True
        )
    print(f"loss after training: {runlog.get_run(run.info.run_id).data.metrics['val_loss']:.4f}")

    again = runlog.keras.load_model(logged.model_uri)
    print(f"as a Keras model, {again.count_params()} weights: {error(again.predict(x), y):.4f}")
    saved = runlog.keras.load_model(exported.model_uri)
    print(f"as a SavedModel: {error(saved.serve(x).numpy(), y):.4f}")
    anything = runlog.pyfunc.load_model(logged.model_uri)
    print(f"as whatever it is: {error(anything.predict(x), y):.4f}")


def error(predicted: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(predicted - y).mean())


if __name__ == "__main__":
    main()
