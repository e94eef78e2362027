"""Automatic logging: the core, and scikit-learn. Other frameworks are in tests/frameworks."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
import threading
import warnings

import pytest

import runlog
from runlog.autologging import calls, imports, options, patches
from runlog.autologging.arguments import Arguments
from runlog.errors import InvalidParameter

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.dummy import DummyClassifier  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

X, y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def off_again():
    yield
    runlog.autolog(disable=True)
    for framework in options.enabled():
        options.disable(framework)
    options._warned.clear()


@pytest.fixture
def no_models():
    runlog.autolog(log_models=False)


def runs():
    return runlog.search_runs(output_format="list")


def files(run, path=None):
    found = runlog.RunlogClient().list_artifacts(run.info.run_id, path)
    return {each.path for each in found}


# --- patches -----------------------------------------------------------------------------------


class Machine:
    """Something with a method to patch."""

    def fit(self, data, rate=0.1):
        """Fit it."""
        return data * rate


class Faster(Machine):
    pass


@pytest.fixture
def machine():
    """Let `watch` be told to watch Machine.fit."""
    options._enabled["machine"] = {"extra_tags": {"kind": "test"}}

    def watch(watcher, owner=Machine):
        patches.patch("machine", owner, "fit", calls.watched("machine", watcher))

    yield watch
    options._enabled.pop("machine", None)
    patches.undo("machine")


def logs_rate(call):
    with call.attempt("the params"):
        call.run.log_params({"rate": call.get("rate", 0.1)})
    result = yield
    call.run.log_metrics({"result": result})


def test_a_call_is_logged_in_a_run_of_its_own(machine):
    machine(logs_rate)
    assert Machine().fit(3, rate=2) == 6
    (run,) = runs()
    assert (run.data.params, run.data.metrics) == ({"rate": "2"}, {"result": 6})
    assert run.data.tags["mlflow.autologging"] == "machine"
    assert run.data.tags["kind"] == "test"
    assert run.info.status == "FINISHED"
    assert runlog.active_run() is None


def test_the_active_run_is_used_and_not_ended(machine):
    machine(logs_rate)
    with runlog.start_run() as mine:
        Machine().fit(3)
        assert runlog.active_run() is mine
    (run,) = runs()
    assert run.data.metrics == {"result": pytest.approx(0.3)}


def test_undoing_restores_the_very_function(machine):
    original = Machine.fit
    machine(logs_rate)
    assert Machine.fit is not original
    patches.undo("machine")
    assert Machine.fit is original


def test_an_inherited_method_is_removed_again(machine):
    machine(logs_rate, Faster)
    assert "fit" in vars(Faster)
    patches.undo("machine")
    assert "fit" not in vars(Faster)


def test_patching_twice_patches_once(machine):
    machine(logs_rate)
    once = Machine.fit
    machine(logs_rate)
    assert Machine.fit is once
    patches.undo("machine")
    assert not patches.is_patched(Machine.fit)


def test_what_others_wrapped_since_stays_and_logs_nothing(machine):
    machine(logs_rate)
    ours = Machine.fit
    Machine.fit = theirs = lambda self, data: ours(self, data)
    try:
        options._enabled.pop("machine")
        patches.undo("machine")
        assert Machine.fit is theirs
        assert Machine().fit(10) == 1
        assert runs() == []
    finally:
        Machine.fit = ours.__wrapped__


def test_a_patched_function_looks_like_the_original(machine):
    before = inspect.signature(Machine.fit), Machine.fit.__doc__, Machine.fit.__qualname__
    machine(logs_rate)
    assert (inspect.signature(Machine.fit), Machine.fit.__doc__, Machine.fit.__qualname__) == before


def test_an_error_before_the_call_is_one_warning(machine):
    def watch(call):
        call.replace("rate", 1000)
        raise OSError("disk on fire")
        yield

    machine(watch)
    with pytest.warns(UserWarning, match="disk on fire") as caught:
        assert Machine().fit(10) == 1
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert runs()[0].info.status == "FINISHED"


def test_an_error_after_the_call_is_one_warning(machine):
    def watch(call):
        yield
        with call.attempt("this"):
            raise OSError("no this")
        with call.attempt("that"):
            raise OSError("no that")

    machine(watch)
    with pytest.warns(UserWarning, match="this .*no this.*that .*no that") as caught:
        assert Machine().fit(10) == 1
    assert len(caught) == 1


def test_where_warnings_are_errors_ours_are_not(machine, capsys):
    def watch(call):
        yield
        raise OSError("no this")

    machine(watch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Machine().fit(10) == 1
    assert "no this" in capsys.readouterr().err


def test_silent_is_silent(machine):
    def watch(call):
        yield
        raise OSError("no this")

    machine(watch)
    options._enabled["machine"]["silent"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Machine().fit(10) == 1


def test_without_a_store_the_call_goes_on(machine, place):
    machine(logs_rate)
    (place / "file").write_text("no database")
    runlog.set_tracking_uri(str(place / "file"))
    with pytest.warns(UserWarning, match="for want of a run"):
        assert Machine().fit(10) == 1


def test_an_error_of_the_call_is_raised_and_the_run_failed(machine):
    machine(logs_rate)
    with pytest.raises(TypeError, match="NoneType"):
        Machine().fit(None)
    (run,) = runs()
    assert run.info.status == "FAILED"
    assert run.data.params == {"rate": "0.1"}


def test_an_interrupt_is_raised_and_the_run_killed(machine):
    class Slow:
        def __mul__(self, other):
            raise KeyboardInterrupt

    machine(logs_rate)
    with pytest.raises(KeyboardInterrupt):
        Machine().fit(Slow())
    assert runs()[0].info.status == "KILLED"


def test_exclusive_leaves_runs_of_the_user_alone(machine):
    machine(logs_rate)
    options._enabled["machine"]["exclusive"] = True
    with runlog.start_run() as mine:
        Machine().fit(3)
    assert runlog.get_run(mine.info.run_id).data.params == {}
    Machine().fit(3)
    assert len(runs()) == 2


def test_a_second_fit_in_a_run_says_which_params_differ(machine):
    machine(logs_rate)
    with runlog.start_run() as run:
        Machine().fit(3)
        with pytest.warns(UserWarning, match="other values of rate: use a run for each fit"):
            Machine().fit(3, rate=5)
    assert runlog.get_run(run.info.run_id).data.metrics["result"] == 15


def test_threads_get_runs_of_their_own_below_the_main_threads(machine):
    machine(logs_rate)
    with runlog.start_run() as outer:
        threads = [threading.Thread(target=Machine().fit, args=(3, rate)) for rate in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    children = [run for run in runs() if run.info.run_id != outer.info.run_id]
    assert sorted(run.data.params["rate"] for run in children) == ["0", "1", "2"]
    parents = {run.data.tags["mlflow.parentRunId"] for run in children}
    assert parents == {outer.info.run_id}


def test_random_numbers_are_those_without_logging(machine):
    import random

    def watch(call):
        random.random(), np.random.rand(), call.states[0].rand()
        yield
        random.random(), np.random.rand(), call.states[0].rand()

    def numbers():
        random.seed(1), np.random.seed(1)
        Machine().fit(1)
        return random.random(), np.random.rand()

    own = np.random.RandomState(3)

    def watch_own(call):
        call.states = [own]
        yield
        own.rand()

    plain = numbers()
    machine(watch_own)
    assert numbers() == plain
    assert own.rand() == np.random.RandomState(3).rand()


def test_long_params_are_cut_and_many_points_are_written(machine):
    def watch(call):
        call.run.log_params({"long": "x" * 10_000})
        yield
        for step in range(1000):
            call.run.add_metrics({"loss@k": step}, step)

    machine(watch)
    Machine().fit(1)
    (run,) = runs()
    assert len(run.data.params["long"]) == 6000
    assert len(runlog.metric_history(run, "loss_at_k").values) == 1000


def test_arguments_by_name_and_others_in_their_place():
    def function(a, b=2, *rest, c=3, **more):
        return a, b, rest, c, more

    mine = {"c": [5]}
    call = Arguments(function, (1,), mine)
    assert (call.get("a"), call.get("b", "none"), call.get("c")) == (1, "none", [5])
    assert call.with_defaults(without=["a"]) == {"b": 2, "c": [5]}
    call.replace("a", 10)
    call.replace("c", [6])
    call.replace("b", 7)
    assert call.proceed() == (10, 7, (), [6], {})
    assert mine == {"c": [5]}
    call.restore()
    assert call.proceed() == (1, 2, (), [5], {})


# --- imports -----------------------------------------------------------------------------------


def test_an_action_comes_after_the_import(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    (place / "late_module.py").write_text("value = 1")
    seen = []
    imports.when_imported("late_module", "test", lambda module: seen.append(module.value))
    assert seen == []
    import late_module

    assert seen == [1]
    assert type(late_module.__loader__).__name__ == "SourceFileLoader"
    assert "exec_module" not in vars(late_module.__loader__)
    imports.when_imported("late_module", "test", lambda module: seen.append(2))
    assert seen == [1, 2]
    del sys.modules["late_module"]


def test_a_forgotten_action_does_not_come(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    (place / "other_module.py").write_text("value = 1")
    seen = []
    imports.when_imported("other_module", "test", seen.append)
    imports.forget("test")
    import other_module  # noqa: F401

    assert seen == []
    del sys.modules["other_module"]


def test_a_module_that_fails_is_not_acted_on(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    (place / "bad_module.py").write_text("1 / 0")
    seen = []
    imports.when_imported("bad_module", "test", seen.append)
    with pytest.raises(ZeroDivisionError):
        import bad_module  # noqa: F401
    with pytest.raises(ImportError):
        __import__("module_that_is_not_there")
    assert seen == []
    imports.forget("test")


BEFORE = """
import sys, runlog
runlog.autolog(log_models=False)
loaded = {"sklearn", "numpy", "pandas", "xgboost", "inspect"} & set(sys.modules) - {"inspect"}
assert not loaded, loaded
from sklearn.linear_model import LinearRegression
LinearRegression().fit([[1], [2], [3]], [2, 4, 6])
print(runlog.last_active_run().data.metrics["training_r2_score"])
"""


def test_autolog_before_the_import_loads_no_framework(place):
    command = [sys.executable, "-c", BEFORE]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == "1.0\n"


# --- options -----------------------------------------------------------------------------------


def test_a_frameworks_own_options_win_over_the_general_ones():
    runlog.sklearn.autolog(log_models=False, max_tuning_runs=2)
    runlog.autolog(log_models=True)
    assert options.of("sklearn")["max_tuning_runs"] == 2
    assert options.of("sklearn")["log_models"] is False
    runlog.autolog(disable=True)
    assert options.of("sklearn") is None


def test_general_options_may_be_changed(no_models):
    runlog.autolog(log_models=False, log_datasets=False)
    assert options.of("sklearn")["log_datasets"] is False


def test_excluded_frameworks_are_left_alone():
    runlog.autolog(exclude_flavors=["sklearn"])
    LinearRegression().fit(X, y)
    assert runs() == []


def test_versions_that_are_not_supported(monkeypatch):
    monkeypatch.setattr("sklearn.__version__", "7.0")
    with pytest.warns(UserWarning, match="at least 1.0 and less than 2, and this is 7.0"):
        runlog.sklearn.autolog(log_models=False)
    assert options.of("sklearn")
    runlog.sklearn.autolog(disable_for_unsupported_versions=True)
    assert options.of("sklearn") is None


def test_options_that_cannot_be():
    with pytest.raises(InvalidParameter, match="max_tuning_runs"):
        runlog.sklearn.autolog(max_tuning_runs=-1)
    with pytest.raises(InvalidParameter, match="extra_tags"):
        runlog.sklearn.autolog(extra_tags="a")


def test_all_is_undone():
    from sklearn import metrics, model_selection

    functions = [
        lambda: LinearRegression.fit,
        lambda: vars(GridSearchCV.__mro__[1])["predict"].fn,
        lambda: metrics.accuracy_score,
        lambda: model_selection.cross_val_score,
        lambda: vars(BaseEstimator).get("__init_subclass__"),
    ]
    before = [get() for get in functions]
    runlog.autolog()
    patched = [get() for get in functions]
    assert not any(one is other for one, other in zip(before, patched, strict=True))
    runlog.autolog(disable=True)
    after = [get() for get in functions]
    assert all(one is other for one, other in zip(before, after, strict=True))


# --- scikit-learn ------------------------------------------------------------------------------


def test_a_classifier(no_models):
    model = LogisticRegression(max_iter=500).fit(X, y)
    (run,) = runs()
    assert run.data.params["max_iter"] == "500"
    assert run.data.params.keys() == model.get_params().keys()
    assert run.data.metrics.keys() == {
        f"training_{name}"
        for name in "accuracy_score f1_score log_loss precision_score recall_score roc_auc "
        "score".split()
    }
    assert run.data.metrics["training_score"] == model.score(X, y)
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    assert run.data.tags["estimator_class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert {"estimator.html", "curves"} <= files(run)
    (dataset,) = run.inputs.dataset_inputs
    assert json.loads(dataset.dataset.profile)["features_shape"] == [150, 4]


def test_a_forests_predictions_follow_from_its_probabilities(no_models):
    features = X[:, :2]
    model = RandomForestClassifier(3, max_depth=2, random_state=0).fit(features, y)
    (run,) = runs()
    runlog.autolog(disable=True)
    assert run.data.metrics["training_accuracy_score"] == model.score(features, y)


def test_a_regressor_with_weights(no_models):
    weights = np.arange(150)
    model = Ridge().fit(X, y, sample_weight=weights)
    (run,) = runs()
    assert run.data.metrics["training_r2_score"] == model.score(X, y, weights)
    assert run.data.metrics.keys() == {
        f"training_{name}"
        for name in "mean_squared_error root_mean_squared_error mean_absolute_error r2_score "
        "score".split()
    }


def test_a_positive_label():
    runlog.sklearn.autolog(log_models=False, pos_label=1)
    LogisticRegression().fit(X[:100], y[:100])
    assert runs()[0].data.metrics["training_precision_score"] == 1


def test_estimators_are_drawn(no_models):
    Ridge(alpha=2).fit(X, y)
    make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    composed, plain = (
        runlog.artifacts.load_text(f"runs:/{run.info.run_id}/estimator.html") for run in runs()
    )
    assert "<tr><th>alpha</th><td>2</td></tr>" in plain
    assert "StandardScaler" in composed and "<style>" in composed


def test_a_pipeline_is_one_run_with_the_params_of_its_steps(no_models):
    make_pipeline(StandardScaler(), LogisticRegression(C=3)).fit(X, y)
    (run,) = runs()
    assert run.data.params["logisticregression__C"] == "3"
    assert run.data.tags["estimator_name"] == "Pipeline"


def test_steps_may_have_any_names():
    runlog.autolog()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pipeline([("scale (std)", StandardScaler()), ("fit", LogisticRegression(C=3))]).fit(X, y)
    (run,) = runs()
    assert run.data.params["scale _std___with_mean"] == "True"
    (model,) = run.outputs.model_outputs
    assert runlog.get_logged_model(model.model_id).params["fit__C"] == "3"


def test_preparing_alone_is_no_run(no_models):
    StandardScaler().fit(X)
    StandardScaler().fit_transform(X)
    assert runs() == []


def test_without_targets_there_are_no_metrics(no_models):
    KMeans(2, n_init=1).fit_predict(X)
    (run,) = runs()
    assert run.data.params["n_clusters"] == "2"
    assert run.data.metrics == {}


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_a_search_has_children_for_the_best(backend):
    import joblib

    runlog.sklearn.autolog(log_models=False, max_tuning_runs=2)
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4]}, cv=3)
    search.n_jobs = 2
    with joblib.parallel_config(backend=backend):
        search.fit(X, y)
    every = runs()
    (parent,) = (run for run in every if "mlflow.parentRunId" not in run.data.tags)
    children = sorted((run for run in every if run is not parent), key=lambda run: run.info.run_id)
    assert len(children) == 2
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert parent.data.params["best_max_depth"] == str(search.best_params_["max_depth"])
    assert "estimator__max_depth" not in parent.data.params
    assert {run.data.metrics["rank_test_score"] for run in children} == {1, 2}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in children} == {"FINISHED"}
    assert "split0_test_score" not in children[0].data.metrics
    table = runlog.artifacts.load_text(f"runs:/{parent.info.run_id}/cv_results.csv").splitlines()
    assert len(table) == 5 and table[0].startswith("mean_fit_time,")


def test_all_candidates_or_none():
    search = GridSearchCV(Ridge(), {"alpha": [1, 2, 3]}, cv=2)
    runlog.sklearn.autolog(log_models=False, max_tuning_runs=None)
    search.fit(X, y)
    assert len(runs()) == 4
    runlog.sklearn.autolog(log_models=False, max_tuning_runs=0)
    search.fit(X, y)
    assert len(runs()) == 5


def test_cross_validation_is_not_logged(no_models):
    cross_val_score(LogisticRegression(max_iter=500), X, y)  # imported before autolog
    assert runs() == []


def test_metrics_after_the_fit(no_models):
    from sklearn.metrics import accuracy_score, f1_score

    model = LogisticRegression(max_iter=500).fit(X, y)
    X_test, y_test = X[::2], y[::2]
    predicted = model.predict(X_test)
    accuracy = accuracy_score(y_test, predicted)
    f1_score(y_true=y_test, y_pred=predicted, average="macro")
    accuracy_score(y_test, predicted)
    model.score(y=y_test, X=X_test)
    accuracy_score(y_test, predicted.copy())  # nobody knows whose prediction this is
    (run,) = runs()
    found = {key: value for key, value in run.data.metrics.items() if "training" not in key}
    assert found == {
        "accuracy_score_X_test": accuracy,
        "accuracy_score-2_X_test": accuracy,
        "f1_score_X_test": pytest.approx(accuracy, abs=0.1),
        "LogisticRegression_score_X_test": accuracy,
    }
    info = runlog.artifacts.load_dict(f"runs:/{run.info.run_id}/metric_info.json")
    assert info["f1_score_X_test"] == "f1_score(y_true=y_test, y_pred=predicted, average='macro')"
    contexts = [each.tags[0].value for each in run.inputs.dataset_inputs]
    assert sorted(contexts) == ["eval", "train"]


def test_metrics_after_the_fit_may_be_left_out():
    runlog.sklearn.autolog(log_models=False, log_post_training_metrics=False)
    model = LogisticRegression(max_iter=500).fit(X, y)
    model.score(X, y)
    assert not any("_score_X" in key for key in runs()[0].data.metrics)


def test_a_clone_or_a_copy_of_a_model_is_not_the_model(no_models):
    model = LogisticRegression(max_iter=500).fit(X, y)
    assert vars(model).keys() == vars(LogisticRegression.fit.__wrapped__(clone(model), X, y)).keys()
    again = pickle.loads(pickle.dumps(model))
    again.score(X, y)
    assert not any("_score_X" in key for key in runs()[0].data.metrics)


def test_patched_metrics_can_be_pickled(no_models):
    from sklearn import metrics

    scorer = metrics.make_scorer(metrics.accuracy_score)
    assert pickle.loads(pickle.dumps(scorer))._score_func is metrics.accuracy_score


class Mutating(BaseEstimator, TransformerMixin):
    """A step that changes what it gets."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        X *= 2
        return X


class Wrapping(BaseEstimator, ClassifierMixin):
    """An estimator that is not scikit-learn's own."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.inner_ = LogisticRegression(max_iter=500).fit(X, y)
        return self

    def predict(self, X):
        return self.inner_.predict(X)


def test_data_is_changed_by_the_program_alone(no_models):
    data = X.copy()
    make_pipeline(Mutating(), LinearRegression()).fit(data, y)
    assert np.array_equal(data, X * 2)
    (run,) = runs()
    assert run.data.metrics["training_r2_score"] > 0.9


def test_a_subclass_is_logged_by_its_own_name(no_models):
    class Mine(LogisticRegression):
        pass

    Mine(max_iter=500).fit(X, y)
    assert runs()[0].data.tags["estimator_name"] == "Mine"


def test_of_an_estimator_of_the_user_what_it_fits_is_logged(no_models):
    Wrapping().fit(X, y)
    assert [run.data.tags["estimator_name"] for run in runs()] == ["LogisticRegression"]


def test_a_state_of_the_estimators_own_is_not_drawn_from(no_models):
    def predictions():
        model = DummyClassifier(strategy="uniform", random_state=np.random.RandomState(0))
        return model.fit(X, y).predict(X)

    logged = predictions()
    runlog.autolog(disable=True)
    assert np.array_equal(logged, predictions())


def test_results_are_those_without_logging(no_models):
    def fitted():
        np.random.seed(0)
        model = RandomForestClassifier(5).fit(X, y)
        return model.predict_proba(X), np.random.rand()

    logged, number = fitted()
    runlog.autolog(disable=True)
    plain, same = fitted()
    assert np.array_equal(logged, plain) and number == same


def test_an_error_of_a_fit_is_its_own(no_models):
    with pytest.raises(ValueError, match="Found input variables with inconsistent") as caught:
        LogisticRegression().fit(X, y[:10])
    assert caught.value.__context__ is None
    assert runs()[0].info.status == "FAILED"


def test_a_frames_columns_and_lists(no_models):
    pandas = pytest.importorskip("pandas")
    LinearRegression().fit(pandas.DataFrame(X, columns=list("abcd")), y)
    with pytest.raises(AssertionError):
        assert runs() == []
    (dataset,) = runs()[0].inputs.dataset_inputs
    assert "mlflow_colspec" in dataset.dataset.schema
    LinearRegression().fit([[1], [2], [3]], [2, 4, 6])
    assert len(runs()) == 2


def test_frameworks_without_support_warn_once():
    from runlog.autologging import frameworks

    with pytest.warns(UserWarning, match="no autologging of paddle") as caught:
        frameworks.unsupported("paddle")
        frameworks.unsupported("paddle")
    assert len(caught) == 1
