"""Automatic logging: what a framework fits is logged without log calls in the program.

`autolog` is `runlog.autolog`. The others are behind it:

- `sklearn`, with `sklearn_metrics`, `sklearn_search`, `sklearn_evaluation`: scikit-learn
- `xgboost` and `lightgbm`, with `boosters`; `catboost`; `statsmodels`; `optuna`
- `keras` and `tensorflow`; `pytorch`: Lightning; both with `checkpoints`; `transformers`
- `calls`: a call that is logged; `arguments`: its arguments; `runs`: its run; `content`: what is
  logged of most frameworks
- `options`: which frameworks are logged, and how; `frameworks`: which there are
- `patches`: functions that are replaced and put back; `imports`: waiting for an import;
  `randomness`: random states that stay as they are
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    log_models: bool = True,
    log_datasets: bool = True,
    log_traces: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: dict[str, str] | None = None,
    exclude_flavors: Sequence[str] | None = None,
) -> None:
    """Log what the supported frameworks train from now on, as soon as they are imported.

    A fit is logged to the active run or, if there is none, to one that it starts and ends. An error
    of logging is a warning; results, random numbers and errors of the program stay as they are.

    - `log_models`: log the fitted model; with `log_model_signatures` also the types of its inputs
      and outputs, with `log_input_examples` also the first five rows.
    - `log_datasets`: log name, digest and columns of the data.
    - `disable`: log no framework any more, and put their functions back.
    - `exclusive`: log only to runs that autologging starts.
    - `disable_for_unsupported_versions`: leave out a framework whose version is not supported.
      Without it there is a warning.
    - `silent`: do not warn.
    - `extra_tags`: tags of the runs that are started.
    - `exclude_flavors`: names of frameworks to leave alone, such as `["xgboost"]`.
    - `log_traces` is not used: scripts for MLflow may pass it.

    A framework whose own `autolog` was called, such as `runlog.sklearn.autolog()`, keeps its own
    options; `disable` is for all. Raises InvalidParameter for tags that are none.

    >>> from sklearn.linear_model import LinearRegression
    >>> runlog.autolog()
    >>> with runlog.start_run() as run:
    ...     model = LinearRegression().fit([[1], [2], [3]], [2, 4, 6])
    >>> runlog.get_run(run.info.run_id).data.metrics["training_r2_score"]
    1.0
    >>> runlog.autolog(disable=True)
    """
    options = {name: value for name, value in locals().items() if name != "exclude_flavors"}
    from runlog.autologging import frameworks

    frameworks.enable_all(options, exclude_flavors or ())
