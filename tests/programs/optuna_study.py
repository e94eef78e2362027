"""An Optuna study that logs through MLflow's client to the server at argv[1]."""

import sys
import warnings

import optuna
from optuna_integration import MLflowCallback

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
log = MLflowCallback(tracking_uri=sys.argv[1], metric_name="loss")
study = optuna.create_study(study_name="sweep")
study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5, callbacks=[log])
