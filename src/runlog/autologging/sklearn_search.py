"""A parameter search of scikit-learn: its result, and child runs for the best candidates."""

from __future__ import annotations

import csv
import io
from numbers import Number

from runlog import context
from runlog.autologging.content import log_dataset
from runlog.autologging.runs import AUTOLOGGING_TAG, RunLog
from runlog.clock import now
from runlog.entities import PARENT_RUN_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runlog.autologging.calls import Call
    from runlog.entities import Dataset


def is_search(estimator: Any) -> bool:
    """Whether this is a search over params: GridSearchCV, RandomizedSearchCV and their like."""
    from sklearn.model_selection._search import BaseSearchCV

    return isinstance(estimator, BaseSearchCV)


def estimator_tags(estimator: Any) -> dict[str, str]:
    """Return the tags that name the estimator's class."""
    kind = type(estimator)
    return {
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
    }


def log_search(
    call: Call, search: Any, dataset: Dataset | None, model_id: str | None, best_id: str | None
) -> None:
    """Log best score and params, the table cv_results.csv, and the child runs."""
    run = call.run
    with call.attempt("the best score"):
        if hasattr(search, "best_score_"):
            run.log_metrics({"best_cv_score": search.best_score_}, model_id=model_id)
    with call.attempt("the best params"):
        best = getattr(search, "best_params_", {})
        run.log_params({f"best_{key}": value for key, value in best.items()})
    if hasattr(search, "cv_results_"):
        with call.attempt("child runs"):
            _log_candidates(call, search, dataset, best_id)
        with call.attempt("cv_results.csv"):
            run.client.log_text(run.run_id, _results_csv(search.cv_results_), "cv_results.csv")


def _log_candidates(call: Call, search: Any, dataset: Dataset | None, best_id: str | None) -> None:
    results, run = search.cv_results_, call.run
    store = run.client.store
    parent = store.get_run(run.run_id)
    tags = {
        **context.default_tags(),
        AUTOLOGGING_TAG: call.framework,
        PARENT_RUN_ID: run.run_id,
        **estimator_tags(search.estimator),
    }
    base = search.estimator.get_params(deep=not is_search(search.estimator))
    for row in _best_rows(results, call.options["max_tuning_runs"]):
        params = results["params"][row]
        user = tags.get("mlflow.user", "")
        child = store.create_run(run.experiment_id, user, parent.info.start_time, tags, None)
        log = RunLog(child.info.run_id, store.uri, run.experiment_id)
        log.log_params({**base, **params})
        is_best = row == getattr(search, "best_index_", None)
        log.log_metrics(_candidate_metrics(results, row), model_id=best_id if is_best else None)
        if call.options["log_datasets"]:
            log_dataset(log, dataset, "train")
        store.update_run(child.info.run_id, "FINISHED", now())


def _best_rows(results: Any, most: int | None) -> list[int]:
    rows = list(range(len(results["params"])))
    ranks = [key for key in results if key.startswith("rank_test_")]
    if most is None or not ranks:
        return rows
    rank = results["rank_test_score" if "rank_test_score" in results else ranks[0]]
    return sorted(rows, key=lambda row: float(rank[row]))[:most]


def _candidate_metrics(results: Any, row: int) -> dict[str, float]:
    """Mean, deviation and rank of a candidate; not its single splits."""
    found = {}
    for key, column in results.items():
        if not key.startswith(("param", "split")) and isinstance(column[row], Number):
            found[key] = float(column[row])
    return found


def _results_csv(results: Any) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(results)
    for row in range(len(results["params"])):
        rows.writerow([_cell(column[row]) for column in results.values()])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if getattr(value, "mask", False) is True or str(value) == "--":  # masked: not a param of it
        return ""
    return value.item() if hasattr(value, "item") else value
