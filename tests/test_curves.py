"""Confusion matrices and curves: the numbers are scikit-learn's, and the files are plain JSON."""

from __future__ import annotations

import json
import random

import pytest

import runlog
from runlog import curves
from runlog.errors import InvalidParameter

LABELS = ["cat", "dog", "owl"]


@pytest.fixture
def rows():
    """True labels and scores of three classes, with weights; scores repeat."""
    chance = random.Random(7)
    true = [chance.choice(LABELS) for _ in range(200)]
    scores = []
    for label in true:
        raw = [round(chance.random() + (name == label), 1) + 0.01 for name in LABELS]
        scores.append([each / sum(raw) for each in raw])
    return true, scores, [chance.choice([0.5, 1.0, 3.0]) for _ in true]


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_are_scikit_learns(rows, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    true, scores, weights = rows
    weight = weights if weighted else None
    predicted = [LABELS[max(range(3), key=row.__getitem__)] for row in scores]
    matrix = curves.confusion_matrix(true, predicted, sample_weight=weight)
    assert matrix["labels"] == LABELS
    theirs = metrics.confusion_matrix(true, predicted, sample_weight=weight)
    assert matrix["matrix"] == theirs.tolist()
    roc = curves.roc_curve(true, scores, sample_weight=weight)["curves"]
    pr = curves.pr_curve(true, scores, sample_weight=weight)["curves"]
    for at, label in enumerate(LABELS):
        is_label, column = [each == label for each in true], [row[at] for row in scores]
        assert (roc[at]["label"], pr[at]["label"]) == (label, label)
        area = metrics.roc_auc_score(is_label, column, sample_weight=weight)
        assert roc[at]["auc"] == pytest.approx(area, rel=1e-12)
        x, y, limits = metrics.roc_curve(
            is_label, column, sample_weight=weight, drop_intermediate=False
        )
        assert roc[at]["fpr"] == pytest.approx(x.tolist())
        assert roc[at]["tpr"] == pytest.approx(y.tolist())
        assert roc[at]["thresholds"] == [None, *limits.tolist()[1:]]
        average = metrics.average_precision_score(is_label, column, sample_weight=weight)
        assert pr[at]["average_precision"] == pytest.approx(average, rel=1e-12)
        given = curves.roc_curve(fpr=x, tpr=y, thresholds=limits)["curves"][0]
        assert given == {**roc[at], "label": None}
        precision, recall, limits = metrics.precision_recall_curve(
            is_label, column, sample_weight=weight
        )
        given = curves.pr_curve(precision=precision, recall=recall, thresholds=limits)["curves"]
        assert given[0]["average_precision"] == pytest.approx(average, rel=1e-12)


def test_two_classes_have_one_curve_of_the_greater_label():
    true, scores = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    (one,) = curves.roc_curve(true, scores)["curves"]
    assert (one["label"], one["auc"]) == (1, 0.75)
    assert curves.roc_curve(true, [[1 - each, each] for each in scores])["curves"] == [one]
    (other,) = curves.roc_curve(true, scores, pos_label=0)["curves"]
    assert (other["label"], other["auc"]) == (0, 0.25)


def test_arrays_of_other_packages_are_read():
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    true, scores = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    expected = curves.roc_curve(true, scores)
    assert curves.roc_curve(numpy.array(true), numpy.array([scores]).T) == expected
    assert curves.roc_curve(pandas.Series(true), pandas.Series(scores, [5, 6, 7, 8])) == expected
    matrix = curves.confusion_matrix(matrix=numpy.array([[3, 1], [0, 2]]), labels=["no", "yes"])
    assert (matrix["labels"], matrix["matrix"]) == (["no", "yes"], [[3, 1], [0, 2]])


def test_a_long_curve_is_thinned_evenly_and_its_area_is_exact():
    chance = random.Random(1)
    true = [chance.random() < 0.3 for _ in range(20_000)]
    scores = [chance.gauss(each, 1) for each in true]
    (one,) = curves.roc_curve(true, scores)["curves"]
    assert len(one["fpr"]) <= 1000
    assert (one["fpr"][0], one["tpr"][0], one["fpr"][-1], one["tpr"][-1]) == (0, 0, 1, 1)
    points = list(zip(one["fpr"], one["tpr"], strict=True))
    rough = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:], strict=False))
    assert one["auc"] == pytest.approx(rough, abs=1e-3)
    assert one["auc"] != rough


@pytest.mark.parametrize("rows", [50, 3000])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_numpy_and_without_curves_are_the_same(monkeypatch, rows, weighted):
    pytest.importorskip("numpy")
    chance = random.Random(rows)
    true = [chance.choice(["a", "b"]) for _ in range(rows)]
    scores = [round(chance.gauss(each == "b", 1), 2 if rows < 100 else 5) for each in true]
    weights = [chance.choice([0, 1, 2.5]) for _ in true] if weighted else None
    found = []
    for many in (1, 10**9):
        monkeypatch.setattr(curves, "MANY", many)
        found.append(
            [
                each(true, scores, sample_weight=weights)
                for each in (curves.roc_curve, curves.pr_curve)
            ]
        )
    for one, other, area in zip(*found, ("auc", "average_precision"), strict=True):
        (one,), (other,) = one["curves"], other["curves"]
        assert one.pop(area) == pytest.approx(other.pop(area), rel=1e-12)
        assert one.pop("thresholds") == other.pop("thresholds")
        assert one == other
    json.dumps(found, allow_nan=False)
    monkeypatch.setattr(curves, "MANY", 1)
    with pytest.raises(InvalidParameter, match="'x' is not a number"):
        curves.roc_curve(["a", "b"], [0.5, "x"])


def test_classes_without_rows_have_no_curve(rows):
    true, scores, _ = rows
    labels = [*LABELS[:2], "wolf"]
    assert [each["label"] for each in curves.pr_curve(true, scores, labels=labels)["curves"]] == [
        "cat",
        "dog",
    ]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: curves.roc_curve([0, 1], [0.5]), "y_true 2, y_score 1"),
        (lambda: curves.roc_curve([0, 0], [0.5, 0.6]), "only one label, 0"),
        (lambda: curves.roc_curve([0, 1, 2], [0.1, 0.2, 0.3]), "3 labels"),
        (lambda: curves.roc_curve([0, 1], [0.1, float("nan")]), "not a finite number"),
        (lambda: curves.roc_curve([0, 1], ["a", "b"]), "'a' is not a number"),
        (lambda: curves.roc_curve(fpr=[0, 1]), "both fpr and tpr"),
        (lambda: curves.roc_curve([0, 1], [0, 1], fpr=[0], tpr=[0]), "either"),
        (lambda: curves.pr_curve(), "y_true and y_score"),
        (lambda: curves.pr_curve("abc", [1, 2, 3]), "not a list"),
        (lambda: curves.confusion_matrix([0, 1]), "y_pred"),
        (lambda: curves.confusion_matrix([0, 1], [1]), "y_true 2, y_pred 1"),
        (lambda: curves.confusion_matrix(matrix=[[1, 2]]), "1 rows and columns"),
        (lambda: curves.confusion_matrix([], []), "1 to 1000 labels"),
        (lambda: curves.confusion_matrix(range(1001), range(1001)), "not 1001"),
        (lambda: curves.path_of("roc_curve", "a:b", 0), "key 'a:b'"),
    ],
)
def test_what_is_wrong_is_named(call, said):
    with pytest.raises(InvalidParameter, match=said):
        call()


def test_files_have_key_and_step_and_the_run_a_tag(tmp_path):
    client = runlog.RunlogClient(str(tmp_path / "runlog.db"))
    run_id = client.create_run("0").info.run_id
    client.log_confusion_matrix(run_id, ["a", 1], [1, 1], key="val/set", step=7)
    client.log_roc_curve(run_id, fpr={"a": [0, 1]}, tpr={"a": [0, 1]})
    client.log_pr_curve(run_id, [True, False], [0.9, 0.1], key="val", step=2)
    assert [each.path for each in client.list_artifacts(run_id, "curves")] == [
        "curves/evaluation.roc_curve.0.json",
        "curves/val.pr_curve.2.json",
        "curves/val~set.confusion_matrix.7.json",
    ]
    assert client.get_run(run_id).data.tags["runlog.curves"] == "True"
    path = client.download_artifacts(run_id, "curves/val~set.confusion_matrix.7.json")
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == {
            "type": "confusion_matrix",
            "labels": [1, "a"],
            "matrix": [[1, 0], [1, 0]],
            "key": "val/set",
            "step": 7,
        }


# -- define_metric --------------------------------------------------------------------------


def test_definitions_are_tags_of_the_experiment_and_copied(tmp_path):
    from runlog.copying.copy import copy
    from runlog.copying.selection import Selection

    client = runlog.RunlogClient(str(tmp_path / "runlog.db"))
    client.define_metric("0", "val/*", goal="max")
    client.define_metric("0", "val/loss", goal="max")
    client.define_metric("0", "val/loss", goal="min", step_metric="epoch")
    expected = {
        "val/*": {"goal": "max"},
        "val/loss": {"goal": "min", "step_metric": "epoch"},
    }
    assert client.get_metric_definitions("0") == expected
    client.create_run("0")
    other = runlog.RunlogClient(str(tmp_path / "other.db"))
    copy(client.store, other.store, Selection([client.get_experiment("0")]))
    assert other.get_metric_definitions("0") == expected
    client.set_experiment_tag("0", "runlog.metric.broken", "no JSON")
    assert client.get_metric_definitions("0") == expected


@pytest.mark.parametrize(
    "metric, name",
    [("val/loss", "val/loss"), ("val/f1", "val/*"), ("value", "v*"), ("loss", None)],
)
def test_the_closest_definition_counts(metric, name):
    from runlog.metric_definitions import definition_of

    defined = {each: {"goal": "min", "step_metric": each} for each in ("v*", "val/*", "val/loss")}
    assert definition_of(metric, defined).get("step_metric") == name


@pytest.mark.parametrize("arguments", [("a", "most"), ("a*b", "min"), ("", "min"), ("a" * 300,)])
def test_wrong_definitions_are_refused(tmp_path, arguments):
    client = runlog.RunlogClient(str(tmp_path / "runlog.db"))
    with pytest.raises(InvalidParameter):
        client.define_metric("0", *arguments)
