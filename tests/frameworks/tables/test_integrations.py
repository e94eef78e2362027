"""Callbacks for XGBoost, LightGBM, CatBoost, Optuna and Hydra, with the real frameworks."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import catboost
import lightgbm
import numpy
import optuna
import pytest
import sklearn.model_selection
import xgboost

import runlog
from processes import LONG
from runlog.integrations import catboost as for_catboost
from runlog.integrations import lightgbm as for_lightgbm
from runlog.integrations import optuna as for_optuna
from runlog.integrations import xgboost as for_xgboost
from runlog.integrations.target import Target, key

RANDOM = numpy.random.default_rng(1)
X = RANDOM.normal(size=(200, 4))
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def history(run_id: str, name: str) -> list[tuple[int, float]]:
    client = runlog.RunlogClient()
    return [(point.step, point.value) for point in client.get_metric_history(run_id, name)]


# -- the run ----------------------------------------------------------------------------------


def test_names_become_names_of_metrics():
    assert key("a (b) @5%/c") == "a _b_ _5_/c"
    assert key("/a//b/../c/") == "a/b/c" and key("") == "_"
    with runlog.start_run() as run:
        Target().log_metrics({"a@5": 1, "/x//y/": 2.5, "text": "no", "none": None, "": 1})
    assert runlog.get_run(run.info.run_id).data.metrics == {"a_5": 1, "x/y": 2.5, "_": 1}


def test_a_new_run_is_ended_and_an_active_one_is_not():
    target = Target(experiment_name="e", run_name="n", tags={"a": "b"})
    target.log_params({"a": {"b": 1, "c": {}}})
    assert runlog.active_run().info.run_id == target.run_id
    target.end()
    run = runlog.get_run(target.run_id)
    assert (run.info.status, run.info.run_name, run.data.tags["a"]) == ("FINISHED", "n", "b")
    assert run.data.params == {"a.b": "1", "a.c": "{}"}
    with runlog.start_run() as outer:
        target = Target()
        assert target.run_id == outer.info.run_id
        target.end("FAILED")
        assert runlog.active_run().info.run_id == outer.info.run_id


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda target: pickle.loads(pickle.dumps(target))]
)
def test_a_copy_logs_to_the_same_run_and_does_not_end_it(copied):
    target = Target()
    other = copied(target)
    assert target.run_id
    same = copied(target)
    same.log_metrics({"a": 1})
    same.end()
    assert runlog.get_run(target.run_id).info.status == "RUNNING"
    assert other.run_id == same.run_id == target.run_id  # it is the active run
    target.end()


def test_other_values_of_params_are_a_warning():
    with runlog.start_run() as run:
        runlog.log_param("a", 1)
        with pytest.warns(UserWarning, match="other values of these params already: a"):
            Target().log_params({"a": 2, "b": 3})
    assert runlog.get_run(run.info.run_id).data.params == {"a": "1", "b": "3"}


# -- boosting -----------------------------------------------------------------------------------


def test_xgboost():
    train, test = (xgboost.DMatrix(X[part], Y[part]) for part in (slice(150), slice(150, 200)))
    params = {"objective": "binary:logistic", "eval_metric": ["logloss", "auc"], "seed": 1}
    callback = for_xgboost.RunlogCallback(run_name="x", params=params)
    seen = {}
    xgboost.train(
        params, train, 20, evals=[(train, "train"), (test, "test")], evals_result=seen,
        verbose_eval=False, early_stopping_rounds=3, callbacks=[callback],
    )  # fmt: skip
    run = runlog.get_run(callback.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "x")
    assert run.data.params["objective"] == "binary:logistic"
    assert history(callback.run_id, "test-auc") == [*enumerate(seen["test"]["auc"])]
    assert run.data.metrics["best_score"] == max(seen["test"]["auc"])
    scores = runlog.artifacts.load_dict(f"runs:/{callback.run_id}/feature_importance_gain.json")
    assert scores["f0"] == max(scores.values())
    assert runlog.active_run() is None


def test_a_search_with_an_estimator_that_has_a_callback():
    model = xgboost.XGBClassifier(n_estimators=2, callbacks=[for_xgboost.RunlogCallback()])
    with runlog.start_run() as run:
        search = sklearn.model_selection.GridSearchCV(model, {"max_depth": [1, 2]}, cv=2)
        search.fit(X, Y)
        assert runlog.active_run().info.run_id == run.info.run_id
    assert runlog.artifacts.load_dict(f"runs:/{run.info.run_id}/feature_importance_gain.json")


def test_xgboost_estimators_and_cross_validation():
    with runlog.start_run() as run:
        callback = for_xgboost.RunlogCallback()
        model = xgboost.XGBClassifier(n_estimators=5, callbacks=[callback])
        model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
        assert len(history(run.info.run_id, "validation_0-logloss")) == 5
    with runlog.start_run() as run:
        callback = for_xgboost.RunlogCallback()
        data = xgboost.DMatrix(X, Y)
        params = {"objective": "binary:logistic"}
        table = xgboost.cv(params, data, 4, nfold=3, callbacks=[callback], as_pandas=False)
    points = [value for _, value in history(run.info.run_id, "test-logloss-mean")]
    assert points == pytest.approx(table["test-logloss-mean"])
    assert len(history(run.info.run_id, "test-logloss-std")) == 4


@pytest.mark.parametrize("early", [False, True])
def test_lightgbm(early):
    params = {"objective": "binary", "verbose": -1, "metric": ["auc", "binary_logloss"]}
    train = lightgbm.Dataset(X[:150], Y[:150])
    test = lightgbm.Dataset(X[150:], Y[150:], reference=train)
    seen = {}
    callback = for_lightgbm.RunlogCallback()
    callbacks = [lightgbm.record_evaluation(seen), callback]
    if early:
        callbacks.append(lightgbm.early_stopping(2, verbose=False))
    lightgbm.train(params, train, 40, valid_sets=[test], callbacks=callbacks)
    assert history(callback.run_id, "valid_0-auc") == [*enumerate(seen["valid_0"]["auc"])]
    run = runlog.get_run(callback.run_id)
    assert run.data.params["objective"] == "binary"
    assert run.info.status == ("RUNNING" if early else "FINISHED")
    callback.close()
    assert runlog.get_run(callback.run_id).info.status == "FINISHED"


def test_lightgbm_cross_validation_and_estimators():
    params = {"objective": "binary", "verbose": -1}
    with runlog.start_run() as run:
        found = lightgbm.cv(
            params, lightgbm.Dataset(X, Y), 3, nfold=3, callbacks=[for_lightgbm.RunlogCallback()]
        )
        lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(
            X,
            Y,
            eval_X=(X,),
            eval_y=(Y,),
            eval_metric="auc",
            callbacks=[for_lightgbm.RunlogCallback()],
        )
    means = [value for _, value in history(run.info.run_id, "valid-binary_logloss-mean")]
    assert means == found["valid binary_logloss-mean"]
    names = runlog.get_run(run.info.run_id).data.metrics
    assert [name for name in names if name.endswith("-auc")]


def test_catboost():
    callback = for_catboost.RunlogCallback(params={"depth": 2})
    model = catboost.CatBoostClassifier(
        iterations=5, depth=2, verbose=False, allow_writing_files=False
    )
    model.fit(X, Y, eval_set=(X, Y), callbacks=[callback])
    callback.close()
    run = runlog.get_run(callback.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"depth": "2"})
    expected = model.get_evals_result()["validation"]["Logloss"]
    assert [value for _, value in history(callback.run_id, "validation-Logloss")] == expected


# -- Optuna ---------------------------------------------------------------------------------------


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    for step in range(3):
        trial.report(x * step, step)
    if trial.number == 1:
        raise optuna.TrialPruned
    if trial.number == 2:
        raise RuntimeError("trial 2")
    trial.set_user_attr("note", "a")
    return x * x


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_and_its_trials(place, tracked, jobs):
    study = optuna.create_study(study_name="s", storage="sqlite:///optuna.db")
    with for_optuna.RunlogCallback(run_name="study", metric_name="loss") as callback:

        @callback.tracked
        def logged(trial):
            runlog.log_param("own", trial.number)
            return objective(trial)

        study.optimize(
            logged if tracked else objective, 6, n_jobs=jobs, catch=RuntimeError,
            callbacks=[callback],
        )  # fmt: skip
    parent = runlog.get_run(callback.run_id)
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "study")
    assert parent.data.metrics["best_loss"] == study.best_value
    assert parent.data.tags["optuna.best.x"] == str(study.best_params["x"])
    trials = runlog.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{callback.run_id}'", output_format="list"
    )
    assert len(trials) == 6
    for run in trials:
        trial = study.trials[int(run.data.tags["optuna.trial"])]
        assert run.info.run_name == f"trial {trial.number}"
        assert run.data.params["x"] == str(trial.params["x"])
        assert run.data.params.get("own") == (str(trial.number) if tracked else None)
        values = [trial.params["x"] * step for step in range(3)]
        values += trial.values or []
        assert history(run.info.run_id, "loss") == [*enumerate(values)]
        statuses = {1: "KILLED", 2: "FAILED"}
        assert run.info.status == statuses.get(trial.number, "FINISHED")
    assert len(optuna.load_study(study_name="s", storage="sqlite:///optuna.db").trials) == 6


def test_a_study_of_several_objectives():
    study = optuna.create_study(directions=["minimize", "maximize"])
    with runlog.start_run() as run:
        callback = for_optuna.RunlogCallback()
        study.optimize(lambda trial: (trial.suggest_int("n", 0, 3), 2.0), 2, callbacks=[callback])
        study.set_metric_names(["size", "gain"])
        study.optimize(lambda trial: (trial.suggest_int("n", 0, 3), 2.0), 1, callbacks=[callback])
    trials = runlog.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'", output_format="list"
    )
    names = sorted(tuple(sorted(trial.data.metrics)) for trial in trials)
    assert names == [("gain", "size"), ("value_0", "value_1"), ("value_0", "value_1")]


def test_the_example(place):
    example = Path(__file__).parents[3] / "examples" / "optuna_study.py"
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=LONG
    )
    assert done.returncode == 0, done.stderr
    assert "best trial" in done.stdout
    runs = runlog.search_runs(output_format="list", search_all_experiments=True)
    assert len(runs) == 21 and "RUNNING" not in {run.info.status for run in runs}


# -- Hydra ----------------------------------------------------------------------------------------

HYDRA = """
import hydra, runlog
@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(config):
    runlog.log_metric("loss", config.model.lr)
    if config.model.lr > 5:
        raise ValueError("too much")
main()
"""
CONFIG = """
model: {lr: 0.1, layers: [1, 2]}
name: ${model.lr}
hydra:
  callbacks:
    runlog:
      _target_: runlog.integrations.hydra.RunlogCallback
      experiment_name: hydra
      log_output_dir: true
"""


@pytest.fixture
def hydra_app(place):
    (place / "conf").mkdir()
    (place / "conf" / "config.yaml").write_text(CONFIG)
    (place / "app.py").write_text(HYDRA)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "app.py", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=LONG)

    return run


def test_a_hydra_job_is_a_run(hydra_app):
    done = hydra_app("model.lr=0.5", "hydra.job.chdir=true")
    assert done.returncode == 0, done.stderr
    (run,) = runlog.search_runs(experiment_names=["hydra"], output_format="list")
    assert (run.info.status, run.info.run_name) == ("FINISHED", "app")
    assert run.data.params == {"model.lr": "0.5", "model.layers": "[1, 2]", "name": "0.5"}
    assert run.data.metrics == {"loss": 0.5}
    assert run.data.tags["hydra.overrides"] == "model.lr=0.5"
    uri = f"runs:/{run.info.run_id}/hydra"
    assert runlog.artifacts.load_dict(f"{uri}/config.yaml")["name"] == 0.5
    assert runlog.artifacts.list_artifacts(f"{uri}/output")


def test_a_hydra_job_that_fails_is_a_failed_run(hydra_app):
    assert hydra_app("model.lr=6").returncode != 0
    (run,) = runlog.search_runs(experiment_names=["hydra"], output_format="list")
    assert run.info.status == "FAILED" and "too much" in run.data.tags["runlog.traceback"]


def test_the_jobs_of_a_multirun_are_nested(hydra_app):
    done = hydra_app("-m", "model.lr=1,2,3")
    assert done.returncode == 0, done.stderr
    runs = runlog.search_runs(experiment_names=["hydra"], output_format="list")
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    jobs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.data.metrics["loss"] for run in jobs) == [1, 2, 3]
    assert {run.info.status for run in runs} == {"FINISHED"} and len(runs) == 4
