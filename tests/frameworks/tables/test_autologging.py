"""Automatic logging of XGBoost, LightGBM, CatBoost, statsmodels and Optuna."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import runlog
from frameworks.compared import compared
from frameworks.environments import run_with_mlflow
from runlog.autologging import options

np = pytest.importorskip("numpy")
from sklearn.datasets import load_breast_cancer, load_diabetes  # noqa: E402
from sklearn.linear_model import Ridge  # noqa: E402

X, y = load_breast_cancer(return_X_y=True)
XD, yd = load_diabetes(return_X_y=True, as_frame=True)


@pytest.fixture(autouse=True)
def off_again():
    yield
    runlog.autolog(disable=True)
    options._warned.clear()


def runs():
    return runlog.search_runs(output_format="list")


def files(run):
    return {each.path for each in runlog.RunlogClient().list_artifacts(run.info.run_id)}


def models(run):
    found = runlog.search_logged_models(output_format="list")
    return [each for each in found if each.source_run_id == run.info.run_id]


PROGRAM = """
import numpy as np, xgboost as xgb, lightgbm as lgb, statsmodels.api as sm
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
tracker.autolog(log_models=False)
import sklearn.metrics as of
X, y = load_breast_cancer(return_X_y=True)
XD, yd = load_diabetes(return_X_y=True, as_frame=True)

@training
def booster():
    data, other = xgb.DMatrix(X, y), xgb.DMatrix(X[::2], y[::2])
    xgb.train({"max_depth": 2, "objective": "binary:logistic"}, data, 20, verbose_eval=False,
        evals=[(data, "train"), (other, "other")], early_stopping_rounds=5)

@training
def ranked():
    data = xgb.DMatrix(XD, (yd > 100).astype(int), group=[len(yd)])
    params = {"objective": "rank:ndcg", "eval_metric": "ndcg@3"}
    xgb.train(params, data, 3, evals=[(data, "train")], verbose_eval=False)

@training
def xgb_classifier():
    model = xgb.XGBClassifier(n_estimators=5, max_depth=2)
    model.fit(X, y, eval_set=[(X, y)], verbose=False)
    X_test = X[::3]
    predicted = model.predict(X_test)
    of.accuracy_score(y[::3], predicted)
    model.score(X_test, y[::3])

@training
def lgb_booster():
    data = lgb.Dataset(X, y)
    other = lgb.Dataset(X[::2], y[::2], reference=data)
    params = {"num_leaves": 4, "objective": "binary", "verbose": -1, "num_threads": 1}
    lgb.train(params, data, 20, valid_sets=[data, other], valid_names=["train", "other"],
        callbacks=[lgb.early_stopping(3, verbose=False)])

@training
def lgb_regressor():
    lgb.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(XD, yd)

@training
def ols():
    sm.OLS(yd, sm.add_constant(XD)).fit()

@training
def logit():
    sm.Logit(y, X[:, :3]).fit(disp=0)

@training
def logistic():
    LogisticRegression(max_iter=20, tol=1).fit(X, y)

@training
def forest():
    model = RandomForestClassifier(5, random_state=1).fit(X, y)
    predicted, other = model.predict(X), X[:50]
    of.accuracy_score(y, predicted)
    model.score(other, y[:50])
    of.f1_score(y_true=y, y_pred=predicted, average="macro")
    of.accuracy_score(y, predicted)

@training
def weighted():
    LinearRegression().fit(XD, yd, sample_weight=np.arange(len(yd)))

@training
def pipeline():
    make_pipeline(StandardScaler(), Ridge()).fit(XD, yd)

@training
def search():
    pipe = make_pipeline(StandardScaler(), Ridge())
    GridSearchCV(pipe, {"ridge__alpha": [1, 2, 3, 4, 5, 6, 7]}, cv=3).fit(XD, yd)

@training
def clusters():
    KMeans(3, random_state=0, n_init=2).fit_predict(X)
"""


def test_keys_and_values_are_those_of_mlflow(place):
    ours, theirs = compared(PROGRAM)
    assert ours.keys() == theirs.keys()
    for name, logged in theirs.items():
        mine = ours[name]
        logged["params"].pop("kwargs", None)  # of statsmodels, an empty value
        assert mine["params"] == logged["params"], name
        assert mine["metrics"] == pytest.approx(logged["metrics"]), name
        assert mine["points"] == logged["points"], name
        mine["tags"].pop("runlog.curves", None)
        assert mine["tags"] == logged["tags"], name
        assert mine["children"] == logged["children"], name


def test_xgboost_logs_model_signature_example_importance_and_data():
    xgboost = pytest.importorskip("xgboost")
    runlog.xgboost.autolog(log_input_examples=True, importance_types=["gain", "weight"])
    model = xgboost.XGBRegressor(n_estimators=3).fit(XD, yd)
    (run,) = runs()
    assert files(run) >= {"feature_importance_gain.json", "feature_importance_weight.json"}
    (logged,) = models(run)
    loaded = runlog.pyfunc.load_model(f"models:/{logged.model_id}")
    assert loaded.predict(XD) == pytest.approx(model.predict(XD))
    assert loaded.metadata.signature.inputs.input_names() == list(XD.columns)
    assert run.data.params["num_boost_round"] == "3"
    (dataset,) = run.inputs.dataset_inputs
    assert "bmi" in dataset.dataset.schema


def test_a_booster_is_a_model_with_the_metrics_of_its_training():
    xgboost = pytest.importorskip("xgboost")
    runlog.autolog()
    data = xgboost.DMatrix(X, y)
    callbacks = []
    xgboost.train({}, data, 4, evals=[(data, "train")], verbose_eval=False, callbacks=callbacks)
    (run,) = runs()
    (logged,) = models(run)
    assert {metric.key for metric in logged.metrics} == {"train-rmse"}
    assert len(runlog.metric_history(run, "train-rmse").values) == 4
    assert callbacks == []
    assert runlog.xgboost.load_model(f"models:/{logged.model_id}").num_boosted_rounds() == 4


def test_trainings_of_boosters_that_fail_are_failed_runs_and_their_errors():
    xgboost = pytest.importorskip("xgboost")
    runlog.autolog()
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "none of it"}, xgboost.DMatrix(X, y), 4)
    assert runs()[0].info.status == "FAILED"


def test_lightgbm_logs_its_model():
    lightgbm = pytest.importorskip("lightgbm")
    runlog.lightgbm.autolog()
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1).fit(X, y)
    (run,) = runs()
    (logged,) = models(run)
    loaded = runlog.pyfunc.load_model(f"models:/{logged.model_id}")
    assert (loaded.predict(X) == model.predict(X)).all()
    assert files(run) >= {"feature_importance_split.json", "feature_importance_gain.json"}


def test_the_example(place):
    example = Path(__file__).parents[3] / "examples" / "xgboost_autolog.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "accuracy: 0.9" in done.stdout
    assert "autologging" not in done.stderr


def test_boosters_in_a_search_belong_to_it():
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.model_selection import GridSearchCV

    runlog.autolog(log_models=False)
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1)
    GridSearchCV(model, {"max_depth": [2, 3]}, cv=2).fit(XD, yd)
    assert len(runs()) == 3


def test_catboost_logs_iterations_and_model():
    catboost = pytest.importorskip("catboost")
    runlog.autolog()
    model = catboost.CatBoostClassifier(
        iterations=5, verbose=0, thread_count=1, allow_writing_files=False
    )
    model.fit(X, y, eval_set=(X[::2], y[::2]))
    X_test = X[::3]
    score = model.score(X_test, y[::3])
    (run,) = runs()
    assert run.data.params["iterations"] == "5"
    assert run.data.metrics["CatBoostClassifier_score_X_test"] == score
    assert run.data.metrics["best_iteration"] == model.get_best_iteration()
    for key, data in (("learn-Logloss", "learn"), ("validation-Logloss", "validation")):
        values = runlog.metric_history(run, key).values.tolist()
        assert values == model.get_evals_result()[data]["Logloss"]
    assert "feature_importance_Logloss.json" in files(run)
    (logged,) = models(run)
    loaded = runlog.catboost.load_model(f"models:/{logged.model_id}")
    assert (loaded.predict(X) == model.predict(X)).all()


def test_catboost_predicts_the_same_without_logging():
    catboost = pytest.importorskip("catboost")

    def predicted():
        model = catboost.CatBoostRegressor(
            iterations=5, verbose=0, thread_count=1, allow_writing_files=False, random_seed=1
        )
        return model.fit(XD, yd).predict(XD)

    plain = predicted()
    runlog.autolog(log_models=False)
    assert (predicted() == plain).all()


def test_statsmodels_logs_summary_and_model():
    api = pytest.importorskip("statsmodels.api")
    runlog.statsmodels.autolog()
    result = api.OLS(yd, XD).fit()
    (run,) = runs()
    text = runlog.artifacts.load_text(f"runs:/{run.info.run_id}/model_summary.txt")
    assert "OLS Regression Results" in text
    (logged,) = models(run)
    loaded = runlog.statsmodels.load_model(f"models:/{logged.model_id}")
    assert loaded.params.to_dict() == pytest.approx(result.params.to_dict())


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_is_a_run_and_its_trials_are_below_it(jobs):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    runlog.autolog(log_models=False)

    def objective(trial):
        alpha = trial.suggest_float("alpha", 0.1, 1)
        for step in range(3):
            trial.report(step * alpha, step)
            if trial.number == 1:
                raise optuna.TrialPruned
        runlog.log_metric("own", trial.number)
        return Ridge(alpha).fit(XD, yd).score(XD, yd)

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=4, n_jobs=jobs)
    every = runs()
    (parent,) = (run for run in every if "mlflow.parentRunId" not in run.data.tags)
    trials = {int(run.data.tags["optuna.trial"]): run for run in every if run is not parent}
    assert sorted(trials) == [0, 1, 2, 3]
    assert parent.data.metrics == {
        "best_value": study.best_value,
        "best_trial": study.best_trial.number,
    }
    assert parent.data.params["sampler"] == "TPESampler"
    for number, run in trials.items():
        frozen = study.trials[number]
        assert run.info.status == "FINISHED"
        assert run.data.tags["optuna.state"] == frozen.state.name
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert float(run.data.params["alpha"]) == frozen.params["alpha"]
        history = runlog.metric_history(run, "intermediate_value")
        assert dict(zip(history.steps, history.values, strict=True)) == frozen.intermediate_values
        if number != 1:
            assert run.data.metrics["own"] == number
            assert run.data.metrics["value"] == run.data.metrics["training_score"]


def test_a_trial_that_fails_is_a_failed_run():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    runlog.autolog()
    with pytest.raises(ZeroDivisionError):
        optuna.create_study().optimize(lambda trial: 1 / 0, n_trials=1)
    assert {run.info.status for run in runs()} == {"FAILED"}


OPTIONS = """
import importlib, inspect, json
for name in ("sklearn", "xgboost", "lightgbm", "statsmodels"):
    function = importlib.import_module("mlflow." + name).autolog
    parameters = inspect.signature(function).parameters.values()
    print(json.dumps([name, [[each.name, each.default] for each in parameters]]))
"""


def test_names_and_defaults_of_options_are_those_of_mlflow():
    for line in run_with_mlflow("3", OPTIONS).splitlines():
        name, theirs = json.loads(line)
        parameters = inspect.signature(getattr(runlog, name).autolog).parameters.values()
        assert [[each.name, each.default] for each in parameters] == theirs, name
