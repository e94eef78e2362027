"""`mlflow.utils.autologging_utils`: what other packages use of it to patch a framework."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from runlog.errors import warn
from runlog.fluent import log_params

AUTOLOGGING_INTEGRATIONS: dict[str, dict[str, Any]] = {}
"""The options of each integration, as its `autolog` was last called."""
_disabled: list[None] = []


def autologging_integration(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator for the `autolog` function of an integration: it remembers the options
    of each call, and warns if the function fails."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        import inspect

        signature = inspect.signature(function)
        AUTOLOGGING_INTEGRATIONS[name] = {}

        @functools.wraps(function)
        def autolog(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            AUTOLOGGING_INTEGRATIONS[name] = dict(given.arguments)
            try:
                return function(*args, **kwargs)
            except Exception as error:  # a training runs without its autologging
                warn(f"autologging of {name} could not be enabled: {error}")
                return None

        autolog.integration_name = name  # type: ignore[attr-defined]
        return autolog

    return decorated


def get_autologging_config(flavor_name: str, config_key: str, default_value: Any = None) -> Any:
    """Return an option of an integration as its `autolog` was last called."""
    return AUTOLOGGING_INTEGRATIONS.get(flavor_name, {}).get(config_key, default_value)


def autologging_is_disabled(integration_name: str) -> bool:
    """Return whether an integration is off: not called yet, called with `disable=True`, or inside
    `disable_autologging`."""
    options = AUTOLOGGING_INTEGRATIONS.get(integration_name)
    return bool(_disabled) or not options or bool(options.get("disable"))


@contextlib.contextmanager
def disable_autologging() -> Iterator[None]:
    """Turn off autologging through `safe_patch` within a `with` statement."""
    _disabled.append(None)
    try:
        yield
    finally:
        _disabled.pop()


def safe_patch(
    autologging_integration: str,
    destination: Any,
    function_name: str,
    patch_function: Callable[..., Any],
    manage_run: bool = False,
    extra_tags: Mapping[str, Any] | None = None,
) -> None:
    """Replace `destination.function_name` by a function that calls `patch_function(original,
    *args, **kwargs)` while the integration is on, within a run if `manage_run` is true.

    If the patch fails before it has called the original, the original is called all the same, and
    the error becomes a warning; what the original raises is raised.
    """
    original = getattr(destination, function_name)

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if autologging_is_disabled(autologging_integration):
            return original(*args, **kwargs)
        calls = _Calls(original)
        try:
            with _run(manage_run, extra_tags):
                return patch_function(calls, *args, **kwargs)
        except Exception as error:
            if calls.error is not None:
                raise calls.error from None
            warn(f"autologging of {autologging_integration} failed: {error}")
            return calls.result if calls.done else original(*args, **kwargs)

    setattr(destination, function_name, patched)


class _Calls:
    """The original function: whether it was called, and with which outcome."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.done, self.result = False, None
        self.error: BaseException | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            self.result = self.function(*args, **kwargs)
        except BaseException as error:
            self.error = error
            raise
        self.done = True
        return self.result


@contextlib.contextmanager
def _run(wanted: bool, tags: Mapping[str, Any] | None) -> Iterator[None]:
    from runlog import fluent

    if not wanted or fluent.active_run() is not None:
        yield
        return
    with fluent.start_run(tags=tags):
        yield


def log_fn_args_as_params(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], unlogged: Any = ()
) -> None:
    """Log the arguments of a call, with the defaults of those that are not given, as params of
    the active run. `unlogged` are names to leave out."""
    log_params(get_mlflow_run_params_for_fn_args(fn, args, kwargs, unlogged))


def get_mlflow_run_params_for_fn_args(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], unlogged: Any = ()
) -> dict[str, Any]:
    """Return the arguments of a call by name, with the defaults of those that are not given."""
    import inspect

    given = inspect.signature(fn).bind_partial(*args, **kwargs)
    given.apply_defaults()
    return {name: value for name, value in given.arguments.items() if name not in (unlogged or ())}
