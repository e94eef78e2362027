"""Search hyperparameters with Optuna: the study is a run, each trial a run below it.

pip install optuna scikit-learn
"""

import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

import runlog
from runlog.integrations.optuna import RunlogCallback

runlog.set_experiment("digits")
images, digits = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(images / 16, digits, random_state=0)

study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
)
with RunlogCallback(run_name="optuna", metric_name="accuracy") as callback:

    @callback.tracked  # so that the trial's run is the active run
    def objective(trial: optuna.Trial) -> float:
        """Return the accuracy of a linear model that was trained for some epochs."""
        model = SGDClassifier(
            alpha=trial.suggest_float("alpha", 1e-6, 1e-1, log=True),
            penalty=trial.suggest_categorical("penalty", ["l1", "l2"]),
            random_state=0,
        )
        accuracy = 0.0
        for epoch in range(5):
            model.partial_fit(x_train, y_train, classes=range(10))
            accuracy = model.score(x_test, y_test)
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        runlog.log_text(str(model), "model.txt")
        return accuracy

    study.optimize(objective, n_trials=20, callbacks=[callback])

best = runlog.search_runs(
    filter_string=f"tags.mlflow.parentRunId = '{callback.run_id}' AND status = 'FINISHED'",
    order_by=["metrics.accuracy DESC"],
    max_results=1,
    output_format="list",
)[0]
print(f"best {best.info.run_name}: {best.data.metrics['accuracy']:.3f} with {best.data.params}")
