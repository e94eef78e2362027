"""statsmodels: the `fit` of its models."""

from __future__ import annotations

from numbers import Number

from runlog.autologging import options, patches
from runlog.autologging.calls import watched
from runlog.autologging.content import log_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "statsmodels"
METRICS = (
    "aic bic centered_tss condition_number df_model df_resid ess f_pvalue fvalue llf mse_model "
    "mse_resid mse_total rsquared rsquared_adj scale ssr uncentered_tss"
).split()


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every fit of a model of statsmodels from now on: the arguments of `fit` as params, what
    the result says of its quality as metrics, its summary as model_summary.txt, the model.

    `log_datasets` is not used, as in MLflow. The options are those of `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_statsmodels(module: ModuleType) -> None:
    for model in _tree(module.Model):
        _patch_class(model)
    patches.patch_subclassing(NAME, module.Model, _patch_class)


def _tree(base: type) -> Iterator[type]:
    yield base
    below: list[type] = type.__subclasses__(base)
    for each in below:
        yield from _tree(each)


def _patch_class(model: type) -> None:
    if "fit" in vars(model) and model.__module__.startswith("statsmodels."):
        patches.patch(NAME, model, "fit", watched(NAME, _fit_statsmodels))


HOOKS = {"statsmodels.base.model": _patch_statsmodels}


def _fit_statsmodels(call: Call) -> Generator[None, Any, None]:
    run = call.run
    with call.attempt("the params"):
        run.log_params(call.with_defaults())
    result = yield
    model_id = None
    if call.options["log_models"]:
        model_id = log_model(call, NAME, result)
    with call.attempt("the metrics"):
        run.log_metrics(_result_metrics(call, result), model_id=model_id)
    if hasattr(result, "summary"):
        with call.attempt("model_summary.txt"):
            run.client.log_text(run.run_id, result.summary().as_text(), "model_summary.txt")


def _result_metrics(call: Call, result: Any) -> dict[str, float]:
    found = {}
    for name in METRICS:
        try:
            value = getattr(result, name, None)
        except Exception as error:  # many are computed only now
            call.failed(name, error)
        else:
            if isinstance(value, Number) and not isinstance(value, (bool, complex)):
                found[name] = float(value)  # type: ignore[arg-type]
    return found
