"""Optuna and Kedro log to MLflow, without it: `mlflow` is runlog. Each program is read back."""

from __future__ import annotations

import os
import subprocess
import sys

import runlog
from frameworks.aliased import logged, run
from frameworks.environments import with_more


def test_optuna(place):
    run("""
import optuna
from optuna_integration.mlflow import MLflowCallback

callback = MLflowCallback(
    tracking_uri="study.db", metric_name="loss", mlflow_kwargs={"nested": True})
study = optuna.create_study(study_name="quadratic")

@callback.track_in_mlflow()
def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    trial.set_user_attr("kind", "quadratic")
    mlflow.log_metric("inside", x)
    return x**2

study.optimize(objective, n_trials=3, callbacks=[callback])
""")
    found = logged("study.db")
    assert len(found) == 3 and {each.info.status for each in found} == {"FINISHED"}
    for number, each in enumerate(found):
        assert each.info.run_name == str(number)
        x = float(each.data.params["x"])
        assert each.data.metrics == {"inside": x, "loss": x**2}
        assert each.data.tags["kind"] == "quadratic"
    assert runlog.get_experiment(found[0].info.experiment_id).name == "quadratic"


def test_kedro(place):
    """A project whose pipeline logs a param, a metric and a file through kedro-mlflow."""
    package = place / "src" / "tracked"
    (place / "conf" / "base").mkdir(parents=True)
    (place / "conf" / "local").mkdir()
    package.mkdir(parents=True)
    (place / "pyproject.toml").write_text(
        '[tool.kedro]\npackage_name = "tracked"\nproject_name = "tracked"\n'
        f'kedro_init_version = "{_version()}"\nsource_dir = "src"\n'
    )
    (place / "conf" / "base" / "parameters.yml").write_text("lr: 0.1\n")
    (place / "conf" / "base" / "mlflow.yml").write_text(
        "server:\n  mlflow_tracking_uri: kedro.db\ntracking:\n  experiment:\n    name: pipelines\n"
    )
    (place / "conf" / "base" / "catalog.yml").write_text(
        "loss:\n  type: kedro_mlflow.io.metrics.MlflowMetricDataset\n  key: loss\n"
    )
    (package / "__init__.py").touch()
    (package / "settings.py").touch()
    (package / "pipeline_registry.py").write_text(
        "from kedro.pipeline import node, pipeline\n\n"
        "def train(lr):\n    return lr * 2\n\n"
        "def register_pipelines():\n"
        "    return {'__default__': pipeline([node(train, 'params:lr', 'loss')])}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "runlog.as_mlflow", "-m", "kedro", "run"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(place), **with_more("kedro-mlflow")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = logged("kedro.db")
    assert runlog.get_experiment(found.info.experiment_id).name == "pipelines"
    assert found.data.params["lr"] == "0.1" and found.data.metrics == {"loss": 0.2}
    assert found.info.status == "FINISHED"


def _version() -> str:
    from importlib.metadata import version

    return version("kedro")
