"""Metrics of a scikit-learn estimator on its training data, with MLflow's names."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runlog.autologging.calls import Call
    from runlog.autologging.runs import RunLog

    Curve = Callable[[RunLog], None]

PREFIX = "training_"
MAX_CLASSES = 20  # of which a matrix and curves can be read


def training_metrics(
    call: Call, estimator: Any, features: Any, targets: Any, weights: Any
) -> tuple[dict[str, float], list[Curve]]:
    """Return metrics by key, and functions that log matrix and curves. What cannot be computed is
    left out, and the call warns. Without targets there is nothing."""
    from sklearn.base import is_classifier, is_regressor

    if targets is None:
        return {}, []
    metrics: dict[str, float] = {}
    curves: list[Curve] = []
    with call.attempt("the metrics of the training data"):
        if is_classifier(estimator):
            curves = _classifier(call, metrics, estimator, features, targets, weights)
        elif is_regressor(estimator):
            _regressor(call, metrics, estimator, features, targets, weights)
    if hasattr(estimator, "score"):
        with call.attempt("training_score"):
            metrics["training_score"] = _training_score(
                metrics, estimator, features, targets, weights
            )
    return metrics, curves


def _classifier(
    call: Call, metrics: dict[str, float], estimator: Any, features: Any, targets: Any, weights: Any
) -> list[Curve]:
    from sklearn import metrics as of

    positive = call.options.get("pos_label")
    scores = estimator.predict_proba(features) if hasattr(estimator, "predict_proba") else None
    predicted = _predicted(estimator, features, scores)
    weighted = {"sample_weight": weights}
    averaged = {
        "pos_label": positive,
        "average": "weighted" if positive is None else "binary",
        **weighted,
    }
    one_score = scores
    if scores is not None and len(scores[0]) == 2:
        one_score = scores[:, 1]
    with call.attempt("training_precision_score, recall_score and f1_score"):
        found = of.precision_recall_fscore_support(targets, predicted, **averaged)[:3]
        names = ("precision_score", "recall_score", "f1_score")
        metrics |= {PREFIX + name: float(value) for name, value in zip(names, found, strict=True)}
    values: dict[str, Callable[[], float]] = {
        "accuracy_score": lambda: of.accuracy_score(targets, predicted, **weighted),
    }
    if scores is not None:
        values["log_loss"] = lambda: of.log_loss(targets, scores, **weighted)
        if weights is None or one_score is not scores:  # not defined for several classes
            values["roc_auc"] = lambda: of.roc_auc_score(
                targets, one_score, average="weighted", multi_class="ovo", **weighted
            )
    _compute_each(call, metrics, values)
    return _curves(targets, predicted, scores, weights, getattr(estimator, "classes_", None))


def _regressor(
    call: Call, metrics: dict[str, float], estimator: Any, features: Any, targets: Any, weights: Any
) -> None:
    from sklearn import metrics as of

    predicted = estimator.predict(features)
    weighted = {"sample_weight": weights}
    values = {
        "mean_squared_error": lambda: of.mean_squared_error(targets, predicted, **weighted),
        "mean_absolute_error": lambda: of.mean_absolute_error(targets, predicted, **weighted),
        "r2_score": lambda: of.r2_score(targets, predicted, **weighted),
    }
    _compute_each(call, metrics, values)
    squared = metrics.get("training_mean_squared_error")
    if squared is not None:
        metrics["training_root_mean_squared_error"] = squared**0.5


def _compute_each(
    call: Call, metrics: dict[str, float], values: dict[str, Callable[[], float]]
) -> None:
    for name, compute in values.items():
        with call.attempt(PREFIX + name):
            metrics[PREFIX + name] = float(compute())


def _predicted(estimator: Any, features: Any, scores: Any) -> Any:
    """Predict, or take the most probable classes where predict does just that and is expensive."""
    from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
    from sklearn.ensemble._forest import ForestClassifier

    for kind in (ForestClassifier, BaggingClassifier, HistGradientBoostingClassifier):
        if _is_method_of(kind, "predict", estimator) and not isinstance(scores, list):
            return estimator.classes_.take(scores.argmax(axis=1), axis=0)
    return estimator.predict(features)


def _training_score(
    metrics: dict[str, float], estimator: Any, features: Any, targets: Any, weights: Any
) -> float:
    """Return what `score` returns. The mixins' own are metrics that are known already."""
    from sklearn.base import ClassifierMixin, RegressorMixin

    for kind, name in ((ClassifierMixin, "accuracy_score"), (RegressorMixin, "r2_score")):
        if _is_method_of(kind, "score", estimator) and PREFIX + name in metrics:
            return metrics[PREFIX + name]
    from runlog.autologging.arguments import names_of

    has_weights = "sample_weight" in names_of(estimator.score)
    return float(estimator.score(features, targets, *([weights] if has_weights else [])))


def _is_method_of(kind: type, name: str, estimator: Any) -> bool:
    return _unwrapped(getattr(type(estimator), name, None)) is _unwrapped(getattr(kind, name))


def _unwrapped(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)


def _curves(targets: Any, predicted: Any, scores: Any, weights: Any, classes: Any) -> list[Curve]:
    """Return functions that log the confusion matrix and, with probabilities, the curves."""
    if getattr(targets, "ndim", 0) != 1 or classes is None or len(classes) > MAX_CLASSES:
        return []
    common = {"sample_weight": weights, "key": "training"}
    curves: list[Curve] = [
        lambda run: run.client.log_confusion_matrix(
            run.run_id, targets, predicted, labels=classes.tolist(), **common
        )
    ]
    if scores is None or len(classes) < 2:
        return curves
    of_two = {**common, "pos_label": classes[1]}
    score = scores[:, 1] if len(classes) == 2 else scores
    given = of_two if len(classes) == 2 else {**common, "labels": classes.tolist()}
    return [
        *curves,
        lambda run: run.client.log_roc_curve(run.run_id, targets, score, **given),
        lambda run: run.client.log_pr_curve(run.run_id, targets, score, **given),
    ]
