"""Confusion matrices, ROC and precision-recall curves, as small JSON files that any tool reads.

Plain functions: labels and scores in, dictionaries out. Neither numpy nor scikit-learn is needed;
anything with `tolist` is read. If numpy has been imported, it does the sums of many rows.
docs/artifacts.md describes the files.
"""

from __future__ import annotations

import sys

from runlog.errors import InvalidParameter, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Point = tuple[float, float, float | None]  # x, y, threshold
    Sums = tuple[Any, Any, Any]  # of true positives, of false positives, thresholds

FOLDER = "curves"
TAG = "runlog.curves"
"""Set on runs that have such files: pages then need not list the others' folders."""
MAX_POINTS = 1000  # of a curve
MAX_LABELS = 1000  # of a matrix
MANY = 2000  # rows, from which on numpy is used if it is there


def path_of(kind: str, key: str, step: int) -> str:
    """Return the artifact path of the curve or matrix `key` at a step. Raises InvalidParameter."""
    from re import fullmatch

    if not isinstance(key, str) or not fullmatch(r"[a-zA-Z0-9_\-./ ]+", key):
        raise InvalidParameter(
            f"key {shown(key)}: use letters, digits, underscores (_), dashes (-), periods (.), "
            "spaces ( ) and slashes (/)"
        )
    return f"{FOLDER}/{key.replace('/', '~')}.{kind}.{step}.json"


def encoded(curve: dict[str, Any], key: str, step: int) -> bytes:
    """Return the file of a curve or matrix."""
    import json

    return json.dumps({**curve, "key": key, "step": step}, allow_nan=False).encode()


# -- confusion matrix -----------------------------------------------------------------------


def confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    *,
    matrix: Any = None,
    labels: Any = None,
    sample_weight: Any = None,
) -> dict[str, Any]:
    """Return a matrix of counts, or sums of weights: a row a true label, a column a predicted one.

    Give true and predicted labels, or a finished `matrix`. `labels` chooses the labels and their
    order; rows of others are left out. Raises InvalidParameter if the lengths differ.
    """
    names = None if labels is None else _listed(labels)
    if matrix is not None:
        if y_true is not None or y_pred is not None:
            raise InvalidParameter("give either y_true and y_pred, or matrix")
        cells = [[_number(cell) for cell in _listed(row)] for row in _listed(matrix)]
        names = list(range(len(cells))) if names is None else names
        if len(cells) != len(names) or any(len(row) != len(names) for row in cells):
            raise InvalidParameter(
                f"matrix must have {len(names)} rows and columns, as many as there are labels"
            )
    else:
        if y_true is None or y_pred is None:
            raise InvalidParameter("give y_true and y_pred, or matrix")
        true, predicted = _flat(y_true), _flat(y_pred)
        weights = _weights(sample_weight, len(true))
        _same_length(y_true=true, y_pred=predicted, sample_weight=weights)
        names = _sorted({*true, *predicted}) if names is None else names
        at = {name: position for position, name in enumerate(names)}
        cells = [[0.0 if sample_weight is not None else 0] * len(names) for _ in names]
        for row, column, weight in zip(true, predicted, weights, strict=True):
            if row in at and column in at:
                cells[at[row]][at[column]] += weight
    if not 0 < len(names) <= MAX_LABELS:
        raise InvalidParameter(f"a confusion matrix has 1 to {MAX_LABELS} labels, not {len(names)}")
    return {"type": "confusion_matrix", "labels": [_label(name) for name in names], "matrix": cells}


# -- curves ---------------------------------------------------------------------------------


def roc_curve(
    y_true: Any = None,
    y_score: Any = None,
    *,
    fpr: Any = None,
    tpr: Any = None,
    thresholds: Any = None,
    labels: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
) -> dict[str, Any]:
    """Return the ROC curves of scores, or of computed rates. See `runlog.log_roc_curve`."""
    if fpr is not None or tpr is not None:
        _only(y_true, y_score, "fpr and tpr")
        given = _given("fpr", fpr, "tpr", tpr, thresholds)
        curves = [_roc(label, *_transposed(sorted(points, key=_xy))) for label, points in given]
    else:
        curves = [
            _roc(label, _over(fp, fp[-1]), _over(tp, tp[-1]), limits)
            for label, (tp, fp, limits) in _one_against_rest(
                y_true, y_score, labels, pos_label, sample_weight
            )
        ]
    return {"type": "roc_curve", "curves": curves}


def pr_curve(
    y_true: Any = None,
    y_score: Any = None,
    *,
    precision: Any = None,
    recall: Any = None,
    thresholds: Any = None,
    labels: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
) -> dict[str, Any]:
    """Return the precision-recall curves of scores, or of computed values. See
    `runlog.log_pr_curve`."""
    if precision is not None or recall is not None:
        _only(y_true, y_score, "precision and recall")
        given = _given("recall", recall, "precision", precision, thresholds)
        curves = [_pr(label, *_transposed(points)) for label, points in given]
    else:
        curves = [
            _pr(label, _over(tp, tp[-1]), _precisions(tp, fp), limits)
            for label, (tp, fp, limits) in _one_against_rest(
                y_true, y_score, labels, pos_label, sample_weight
            )
        ]
    return {"type": "pr_curve", "curves": curves}


def _roc(label: Any, fpr: Any, tpr: Any, limits: Any) -> dict[str, Any]:
    if _is_array(fpr):
        area = float(((fpr[1:] - fpr[:-1]) * (tpr[1:] + tpr[:-1])).sum() / 2)
    else:
        area = sum(
            (x - x0) * (y + y0) / 2
            for x0, x, y0, y in zip(fpr, fpr[1:], tpr, tpr[1:], strict=False)
        )
    x, y, thresholds = _thinned(fpr, tpr, limits)
    return {"label": _label(label), "auc": area, "fpr": x, "tpr": y, "thresholds": thresholds}


def _pr(label: Any, recall: Any, precision: Any, limits: Any) -> dict[str, Any]:
    if recall[0] > recall[-1]:  # scikit-learn's order
        recall, precision, limits = recall[::-1], precision[::-1], limits[::-1]
    if _is_array(recall):
        area = float(((recall[1:] - recall[:-1]) * precision[1:]).sum())
    else:
        area = sum(
            (x - x0) * y for x0, x, y in zip(recall, recall[1:], precision[1:], strict=False)
        )
    x, y, thresholds = _thinned(recall, precision, limits)
    return {
        "label": _label(label),
        "average_precision": area,
        "recall": x,
        "precision": y,
        "thresholds": thresholds,
    }


def _is_array(values: Any) -> bool:
    """Whether these are numpy's numbers: see `_sums`."""
    return hasattr(values, "dtype")


def _over(values: Any, whole: float) -> Any:
    return values / whole if _is_array(values) else [value / whole for value in values]


def _precisions(tp: Any, fp: Any) -> Any:
    """Return the precision at each threshold; where the curve begins it is 1."""
    if _is_array(tp):
        found = tp.copy()
        found[0], found[1:] = 1, tp[1:] / (tp[1:] + fp[1:])
        return found
    return [1.0, *(a / (a + b) for a, b in zip(tp[1:], fp[1:], strict=True))]


def _xy(point: Point) -> tuple[float, float]:
    return point[:2]


def _transposed(points: list[Point]) -> tuple[list[float], list[float], list[float | None]]:
    return [x for x, _, _ in points], [y for _, y, _ in points], [each for _, _, each in points]


def _thinned(xs: Any, ys: Any, limits: Any) -> tuple[list[float], list[float], list[float | None]]:
    """Return at most `MAX_POINTS` points, evenly along the curve, with the first and the last."""
    if len(xs) <= MAX_POINTS:
        chosen: Any = range(len(xs))
    elif _is_array(xs):
        chosen = _even_by_numpy(xs, ys)
    else:
        chosen = _even(xs, ys)
    thresholds = [None if limits[at] is None else float(limits[at]) for at in chosen]
    return [float(xs[at]) for at in chosen], [float(ys[at]) for at in chosen], thresholds


def _even(xs: list[float], ys: list[float]) -> list[int]:
    from itertools import accumulate

    pairs = zip(xs, xs[1:], ys, ys[1:], strict=False)
    lengths = [*accumulate(abs(x - x0) + abs(y - y0) for x0, x, y0, y in pairs)]
    piece = lengths[-1] / (MAX_POINTS - 2) or 1.0
    pieces = [0.0, *(length // piece for length in lengths[:-1])]
    chosen = [at for at in range(1, len(pieces)) if pieces[at] > pieces[at - 1]]
    return [0, *chosen, len(xs) - 1]


def _even_by_numpy(xs: Any, ys: Any) -> list[int]:
    numpy = sys.modules["numpy"]
    lengths = numpy.cumsum(numpy.abs(numpy.diff(xs)) + numpy.abs(numpy.diff(ys)))
    piece = lengths[-1] / (MAX_POINTS - 2) or 1.0
    pieces = lengths[:-1] // piece  # of the points between the first and the last
    chosen = 1 + numpy.flatnonzero(numpy.diff(pieces, prepend=0) > 0)
    return [0, *chosen.tolist(), len(xs) - 1]


def _one_against_rest(
    y_true: Any, y_score: Any, labels: Any, pos_label: Any, sample_weight: Any
) -> Iterator[tuple[Any, Sums]]:
    """Yield for each class its label and the sums (true positives, false positives, threshold),
    from the highest score down. A class that all or no rows have is left out, unless it is the
    only one."""
    if y_true is None or y_score is None:
        raise InvalidParameter("give y_true and y_score, or the points of the curve")
    true, scores = _flat(y_true), _listed(y_score)
    weights = _weights(sample_weight, len(true))
    _same_length(y_true=true, y_score=scores, sample_weight=weights)
    names = _sorted(set(true)) if labels is None else _listed(labels)
    rows = [_listed(row) for row in scores] if scores and _is_listed(scores[0]) else []
    if not rows or len(rows[0]) <= 2:
        flat = [row[-1] for row in rows] if rows else scores
        positive = _positive(names, pos_label)
        if all(each == positive for each in true) or positive not in true:
            raise InvalidParameter(
                f"y_true has only rows of one kind: a curve needs rows with the label {positive!r} "
                "and others"
            )
        yield positive, _sums(true, flat, weights, positive)
        return
    if any(len(row) != len(names) for row in rows):
        raise InvalidParameter(
            f"y_score has {len(rows[0])} columns and there are {len(names)} labels: give the label "
            "of each column as labels"
        )
    for column, name in enumerate(names):
        if 0 < sum(each == name for each in true) < len(true):
            yield name, _sums(true, [row[column] for row in rows], weights, name)


def _sums(true: list[Any], scores: list[Any], weights: list[Any], positive: Any) -> Sums:
    """Return the weights of true and of false positives at each threshold, and these, from the
    highest down; first the sums above all scores, which are 0."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and len(true) >= MANY:
        tp, fp, limits = _sums_by_numpy(numpy, true, scores, weights, positive)
    else:
        numbers = [_number(score) for score in scores]
        order = sorted(range(len(numbers)), key=numbers.__getitem__, reverse=True)
        tp, fp, limits = [0.0], [0.0], [None]
        hits = misses = 0.0
        for row, after in zip(order, [*order[1:], None], strict=True):
            if true[row] == positive:
                hits += weights[row]
            else:
                misses += weights[row]
            is_last = after is None or numbers[after] != numbers[row]
            if is_last and (hits or misses):
                tp.append(hits)
                fp.append(misses)
                limits.append(numbers[row])
    if not tp[-1] or not fp[-1]:
        raise InvalidParameter("sample_weight leaves no rows with or without the label")
    return tp, fp, limits


def _sums_by_numpy(
    numpy: Any, true: list[Any], scores: list[Any], weights: list[Any], positive: Any
) -> Sums:
    """The same ten times as fast, for who has imported numpy anyway."""
    try:
        numbers = numpy.array(scores, dtype=float)
    except (TypeError, ValueError):
        numbers = numpy.array([numpy.nan])
    if not numpy.isfinite(numbers).all():
        for score in scores:
            _number(score)  # names the one that is wrong
    order = numpy.argsort(-numbers, kind="stable")
    is_hit = numpy.array([each == positive for each in true])[order]
    weight = numpy.array(weights, dtype=float)[order]
    numbers = numbers[order]
    ends = numpy.append(numpy.flatnonzero(numpy.diff(numbers)), len(numbers) - 1)
    tp, fp = (numpy.cumsum(weight * each)[ends] for each in (is_hit, ~is_hit))
    ends = ends[tp + fp > 0]
    tp, fp = (numpy.concatenate([[0.0], each[tp + fp > 0]]) for each in (tp, fp))
    return tp, fp, [None, *numbers[ends].tolist()]


def _positive(names: list[Any], pos_label: Any) -> Any:
    if pos_label is not None:
        return pos_label
    if len(names) == 1:
        raise InvalidParameter(f"y_true has only one label, {shown(names[0])}: a curve needs two")
    if len(names) != 2:
        raise InvalidParameter(
            f"y_true has {len(names)} labels and y_score one column: give a column for each label, "
            "or pos_label"
        )
    return names[1]


def _only(y_true: Any, y_score: Any, points: str) -> None:
    if y_true is not None or y_score is not None:
        raise InvalidParameter(f"give either y_true and y_score, or {points}")


def _given(x_name: str, x: Any, y_name: str, y: Any, thresholds: Any) -> list[tuple[Any, Any]]:
    """Return the label and the points of each curve that a caller computed: lists, or dictionaries
    of them by label."""
    if not hasattr(x, "items"):
        x, y = {None: x}, {None: y}
        thresholds = None if thresholds is None else {None: thresholds}
    found = []
    for label in x:
        if label not in (y or {}) or x[label] is None or y[label] is None:
            raise InvalidParameter(f"give both {x_name} and {y_name}")
        xs, ys = _flat(x[label]), _flat(y[label])
        _same_length(**{x_name: xs, y_name: ys})
        if not xs:
            raise InvalidParameter(f"{x_name} and {y_name} are empty")
        limit = (thresholds or {}).get(label)
        limits = [] if limit is None else [_threshold(each) for each in _flat(limit)]
        # scikit-learn has a threshold less than points: the end has none.
        limits += [None] * (len(xs) - len(limits))
        numbers = [(_number(a), _number(b)) for a, b in zip(xs, ys, strict=True)]
        found.append((label, [(a, b, t) for (a, b), t in zip(numbers, limits, strict=False)]))
    return found


# -- values ---------------------------------------------------------------------------------


def _is_listed(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0


def _listed(value: Any) -> list[Any]:
    """Return a sequence of numpy, pandas, polars, torch or Python as a list."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidParameter(f"{shown(value)} is not a list or an array")
    return list(value)


def _flat(value: Any) -> list[Any]:
    """Return `values` as a list; a column of rows with one value each counts too."""
    rows = _listed(value)
    if rows and _is_listed(rows[0]):
        if any(len(row) != 1 for row in rows):
            raise InvalidParameter(f"{shown(value)} has more than one dimension")
        return [row[0] for row in rows]
    return rows


def _weights(sample_weight: Any, rows: int) -> list[Any]:
    return [1] * rows if sample_weight is None else [_number(w) for w in _flat(sample_weight)]


def _same_length(**lists: Sequence[Any]) -> None:
    if len({len(each) for each in lists.values()}) > 1:
        lengths = ", ".join(f"{name} {len(each)}" for name, each in lists.items())
        raise InvalidParameter(f"the lengths differ: {lengths}")


def _sorted(labels: Iterable[Any]) -> list[Any]:
    some = list(labels)
    try:
        return sorted(some)
    except TypeError:  # texts and numbers
        return sorted(some, key=lambda label: (type(label).__name__, str(label)))


def _number(value: Any) -> float:
    try:
        number = value if type(value) in (int, float) else float(value)
    except (TypeError, ValueError):
        raise InvalidParameter(f"{shown(value)} is not a number") from None
    if number - number != 0:
        raise InvalidParameter(f"{value} is not a finite number")
    return number


def _threshold(value: Any) -> float | None:
    """None for the infinity that scikit-learn begins with."""
    number = float(value)
    return number if number - number == 0 else None


def _label(label: Any) -> Any:
    """Return a label as JSON has it."""
    if label is None or isinstance(label, (str, bool, int)):
        return label
    return label if isinstance(label, float) and label - label == 0 else str(label)
