"""The frameworks that can be logged, and those that cannot."""

from __future__ import annotations

from runlog.autologging import imports, options
from runlog.errors import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType
    from typing import Any

# framework: the modules whose import shows that it is used
FRAMEWORKS = {
    "sklearn": ("sklearn",),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "statsmodels": ("statsmodels",),
    "optuna": ("optuna",),
    "keras": ("keras",),
    "pytorch": ("lightning", "pytorch_lightning"),
    "transformers": ("transformers",),
}
# Frameworks that MLflow logs and runlog does not, with the modules that show their use.
UNSUPPORTED = {
    "spark": ("pyspark",),
    "paddle": ("paddle",),
    "fastai": ("fastai",),
}
# Options that only the framework's own `autolog` sets: a language model may have many GB.
OWN_OPTIONS = {"transformers": ("log_models",)}
OWNER = "autolog of {}"  # of actions that wait for an import


def enable_all(given: Mapping[str, Any], without: Sequence[str]) -> None:
    """Enable all frameworks with these options, as far as they have them, or disable all.

    Those that are not imported yet are enabled when they are.
    """
    for framework, modules in FRAMEWORKS.items():
        imports.forget(OWNER.format(framework))
        if given["disable"]:
            options.disable(framework)
        elif framework not in without and not options.is_enabled_by_name(framework):
            for module in modules:
                imports.when_imported(module, OWNER.format(framework), _enabler(framework, given))
    for framework, modules in UNSUPPORTED.items():
        imports.forget(OWNER.format(framework))
        if not given["disable"] and not given["silent"] and framework not in without:
            for module in modules:
                imports.when_imported(module, OWNER.format(framework), _reporter(framework))


def _enabler(framework: str, given: Mapping[str, Any]) -> Callable[[ModuleType], None]:
    def enable(module: ModuleType) -> None:
        if options.is_enabled_by_name(framework):
            return
        try:
            _autolog_of(framework, given)
        except Exception as error:  # in the middle of the program's import of something else
            warn(f"autologging of {framework} could not be enabled: {error}")

    return enable


def _autolog_of(framework: str, given: Mapping[str, Any]) -> None:
    from importlib import import_module
    from inspect import signature

    autolog = import_module(f"runlog.autologging.{framework}").autolog
    known = signature(autolog).parameters.keys() - OWN_OPTIONS.get(framework, ())
    with options.globally():
        autolog(**{name: value for name, value in given.items() if name in known})


def _reporter(framework: str) -> Callable[[ModuleType], None]:
    return lambda module: unsupported(framework)


def unsupported(framework: str) -> None:
    """Warn, the first time, that a framework is not logged by itself."""
    options.warn_once(
        f"no {framework}",
        f"runlog has no autologging of {framework}: log params, metrics and files with "
        "runlog.log_params, log_metrics and log_artifact. docs/autolog.md lists what is supported",
    )
