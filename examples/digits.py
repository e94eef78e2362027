"""Search for a good reader of handwritten digits, and keep every try.

Trains 40 classifiers of three families on the digits that scikit-learn ships, as child runs of
one parent run, then asks the store which was best. Everything goes to `runlog.db` and the folder
beside it in the current directory; running it again adds another search.

    python examples/digits.py
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from matplotlib.figure import Figure
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import runlog

EXPERIMENT = "digits"
MODELS = {"linear": SGDClassifier, "network": MLPClassifier, "forest": RandomForestClassifier}
# The linear models and the networks learn epoch by epoch, the forests in one go.
EPOCHS = {"linear": 8, "network": 12, "forest": 1}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "linear": {
        "loss": ["log_loss"],
        "penalty": ["l1", "l2"],
        "alpha": [1e-5, 1e-4, 1e-3, 1e-2],
        "average": [False, True],
    },
    "network": {
        "hidden_layer_sizes": [(16,), (64,), (32, 32)],
        "learning_rate_init": [1e-3, 3e-3, 1e-2, 1e-1],
        "solver": ["adam"],
    },
    "forest": {
        "n_estimators": [10, 50],
        "max_depth": [4, 8, 16],
        "max_features": ["sqrt", 0.5],
    },
}


def tries() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every family with every combination of its settings."""
    for family, grid in GRIDS.items():
        for values in itertools.product(*grid.values()):
            yield family, dict(zip(grid, values, strict=True))


def split() -> dict[str, tuple[Any, Any]]:
    """The digits as (pictures, labels) for training, validation and the final test."""
    pictures, labels = load_digits(return_X_y=True)
    pictures = pictures / 16
    x_rest, x_test, y_rest, y_test = train_test_split(
        pictures, labels, test_size=0.2, stratify=labels, random_state=0
    )
    x_train, x_val, y_train, y_val = train_test_split(
        x_rest, y_rest, test_size=0.25, stratify=y_rest, random_state=0
    )
    return {"train": (x_train, y_train), "val": (x_val, y_val), "test": (x_test, y_test)}


def fit(family: str, settings: dict[str, Any], data: dict[str, tuple[Any, Any]]) -> ClassifierMixin:
    """Train one model, logging loss and accuracy after each epoch."""
    model = MODELS[family](random_state=0, **settings)
    x, y = data["train"]
    for epoch in range(EPOCHS[family]):
        if family == "forest":
            model.fit(x, y)
        else:
            model.partial_fit(x, y, classes=range(10))
        runlog.log_metrics(measure(model, data), step=epoch)
    return model


def measure(model: ClassifierMixin, data: dict[str, tuple[Any, Any]]) -> dict[str, float]:
    metrics = {}
    for part in ("train", "val"):
        x, y = data[part]
        chances = model.predict_proba(x)
        metrics[f"{part}_loss"] = -np.log(chances[range(len(y)), y].clip(1e-9)).mean()
        metrics[f"{part}_accuracy"] = (chances.argmax(axis=1) == y).mean()
    return metrics


def keep(model: ClassifierMixin, data: dict[str, tuple[Any, Any]]) -> None:
    """Log a picture of the confusions, a report as text, and the model itself."""
    x, y = data["val"]
    guesses = model.predict(x)
    runlog.log_figure(picture(confusion_matrix(y, guesses)), "confusion.png")
    runlog.log_text(classification_report(y, guesses, zero_division=0), "report.txt")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.joblib")
        joblib.dump(model, file)
        runlog.log_artifact(str(file))


def picture(matrix: Any) -> Figure:
    figure = Figure(figsize=(4, 4))
    axes = figure.add_subplot(xlabel="predicted", ylabel="true", xticks=range(10), yticks=range(10))
    axes.imshow(matrix, cmap="Blues")
    for row, column in zip(*matrix.nonzero(), strict=True):
        color = "white" if row == column else "black"
        axes.text(column, row, matrix[row, column], color=color, ha="center", va="center")
    return figure


def search(data: dict[str, tuple[Any, Any]]) -> str:
    """Train and log them all; return the id of the parent run."""
    dataset = runlog.data.from_numpy(data["train"][0], targets=data["train"][1], name="digits")
    with runlog.start_run(run_name="search") as parent:
        for family, settings in tries():
            with runlog.start_run(nested=True):
                runlog.log_input(dataset, context="training")
                runlog.log_params({"family": family, **settings})
                keep(fit(family, settings, data), data)
    return parent.info.run_id


def report(parent_id: str, data: dict[str, tuple[Any, Any]]) -> None:
    """Ask the store what came out, by a query and by a DataFrame."""
    children = f"tags.`mlflow.parentRunId` = '{parent_id}'"
    good = runlog.search_runs(
        experiment_names=[EXPERIMENT],
        filter_string=f"{children} AND max(metrics.val_accuracy) > 0.95"
        " AND (params.family = 'forest' OR metrics.val_loss < 0.2)",
        order_by=["metrics.val_accuracy DESC", "metrics.val_loss"],
        output_format="list",
    )
    best = good[0]
    print(f"{len(good)} runs are good; the best is {best.info.run_name} ({best.info.run_id}):")
    print("  " + ", ".join(f"{key}={value}" for key, value in sorted(best.data.params.items())))

    file = runlog.artifacts.download_artifacts(
        run_id=best.info.run_id, artifact_path="model.joblib"
    )
    x, y = data["test"]
    print(f"  accuracy on digits it has never seen: {joblib.load(file).score(x, y):.3f}\n")

    runs = runlog.search_runs(experiment_names=[EXPERIMENT], filter_string=children)
    runs = runs.sort_values("metrics.val_accuracy", ascending=False)
    columns = ["tags.mlflow.runName", "params.family", "metrics.val_accuracy", "metrics.val_loss"]
    print(runs.head(10)[columns].to_string(index=False), end="\n\n")
    families = runs.groupby("params.family")["metrics.val_accuracy"]
    print(families.agg(["count", "median", "max"]).to_string())
    print(f"\nall kept in {runlog.get_tracking_uri()}")


def main() -> None:
    runlog.set_experiment(EXPERIMENT)
    data = split()
    report(search(data), data)


if __name__ == "__main__":
    main()
