"""Train XGBoost with automatic logging, then load the best model by a search.

Three depths are tried. Each training is a run, with params, metrics of every round, importance of
features and model, though nothing here logs them. Needs xgboost (or xgboost-cpu) and scikit-learn.

    python examples/xgboost_autolog.py
"""

from __future__ import annotations

import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import runlog

runlog.set_experiment("tumours")
runlog.autolog()

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
for depth in (1, 2, 4):
    with runlog.start_run(run_name=f"depth {depth}"):
        model = xgboost.XGBClassifier(max_depth=depth, n_estimators=40, eval_metric="logloss")
        model.fit(X_train, y_train, eval_set=[(X_test, y_test)], verbose=False)
        model.score(X_test, y_test)

best = runlog.search_runs(order_by=["metrics.XGBClassifier_score_X_test desc"]).iloc[0]
print(f"best: depth {best['params.max_depth']}")
print(f"accuracy: {best['metrics.XGBClassifier_score_X_test']:.3f}")

losses = runlog.metric_history(best["run_id"], "validation_0-logloss").values
print(f"log loss: {losses[0]:.3f} in the first round, {losses.min():.3f} at best")

loaded = runlog.xgboost.load_model(f"runs:/{best['run_id']}/model")
print(f"the model says of the first patient: {loaded.predict_proba(X_test[:1])[0, 1]:.2f}")
