"""Optuna: a study as a run, and its trials as runs nested in it."""

from __future__ import annotations

import functools
import sys

from runlog import fluent
from runlog.autologging import options, patches
from runlog.autologging.calls import loud, watched
from runlog.autologging.runs import AUTOLOGGING_TAG, RunLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "optuna"


def autolog(
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every `study.optimize` of Optuna from now on: a run for the study, with the best params
    and value, and a nested run for each trial, with its params, its values and the intermediate
    values that it reported.

    The trial's run is the active run while its objective is computed, so that log calls and models
    that are trained there go to it. MLflow has no such function. The options are those of
    `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_optuna(module: ModuleType) -> None:
    patches.patch(NAME, module.Study, "optimize", watched(NAME, _optimize))


HOOKS = {"optuna.study.study": _patch_optuna}


def _optimize(call: Call) -> Generator[None, Any, None]:
    study, run = call.owner, call.run
    with call.attempt("the params"):
        run.log_params(_study_params(call, study))
    trials = _Trials(call)
    call.replace("func", trials.wrapped(call.get("func")))
    call.replace("callbacks", [*(call.get("callbacks") or ()), trials.log_values])
    try:
        yield
    finally:  # after Ctrl-C, too: the best so far
        with call.attempt("the best trial"):
            _log_best(study, run)


def _study_params(call: Call, study: Any) -> dict[str, Any]:
    return {
        "study_name": study.study_name,
        "directions": ", ".join(each.name.lower() for each in study.directions),
        "sampler": type(study.sampler).__name__,
        "pruner": type(study.pruner).__name__,
        "n_trials": call.get("n_trials"),
        "timeout": call.get("timeout"),
        "n_jobs": call.get("n_jobs", 1),
    }


def _log_best(study: Any, run: RunLog) -> None:
    if len(study.directions) > 1 or not any(each.values for each in _trials_of(study)):
        return
    best = study.best_trial
    run.log_metrics({"best_value": best.value, "best_trial": best.number})
    run.set_tags({f"best_{name}": value for name, value in best.params.items()})


def _trials_of(study: Any) -> list[Any]:
    trials: list[Any] = study.get_trials(deepcopy=False)
    return trials


class _Trials:
    """The runs of a study's trials."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._runs: dict[int, RunLog] = {}

    def wrapped(self, objective: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the objective with a run around it."""

        @functools.wraps(objective)
        def in_run(trial: Any) -> Any:
            started = self._start_trial(trial)
            if started is None:
                return objective(trial)
            from optuna import TrialPruned

            status: tuple[Any, Any, Any] = (None, None, None)
            try:
                with loud():
                    return objective(trial)
            except TrialPruned:  # which is no failure
                raise
            except BaseException:
                status = sys.exc_info()
                raise
            finally:
                with self._call.attempt("the params of a trial"):
                    self._runs[trial.number].log_params(trial.params)
                with self._call.attempt("the end of a trial's run"):
                    started.__exit__(*status)

        return in_run

    def _start_trial(self, trial: Any) -> Any:
        """Start the run of a trial, or return None if that fails."""
        tags = {AUTOLOGGING_TAG: NAME, "optuna.trial": trial.number}
        started: Any = None
        with self._call.attempt("the run of a trial"):
            name = f"trial {trial.number}"
            started = fluent.start_run(run_name=name, nested=True, tags=tags)
            own = self._call.run
            uri = own.client.tracking_uri
            self._runs[trial.number] = RunLog(started.info.run_id, uri, own.experiment_id)
        return started

    def log_values(self, study: Any, trial: Any) -> None:
        """Log what a trial that is over has come to: a callback of the study."""
        with self._call.attempt("the values of a trial"):
            run = self._runs.pop(trial.number, None)
            if run is None:
                return
            for step, value in sorted(trial.intermediate_values.items()):
                run.add_metrics({"intermediate_value": value}, step)
            values = trial.values or []
            names = study.metric_names or (
                ["value"] if len(values) == 1 else [f"value_{at}" for at in range(len(values))]
            )
            run.log_metrics(dict(zip(names, values, strict=False)))
            attributes = {f"user_{key}": value for key, value in trial.user_attrs.items()}
            run.set_tags({"optuna.state": trial.state.name, **attributes})
