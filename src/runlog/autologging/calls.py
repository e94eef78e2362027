"""A call of a framework's function that is logged: its run, and what happens around it.

A watcher is a generator function. What it does before its `yield` happens before the call; the
`yield` gives it the result. The call itself happens outside of it, exactly once, so an error of
the watcher is a warning and nothing else.
"""

from __future__ import annotations

import functools
import sys
from contextlib import contextmanager
from contextvars import ContextVar

from runlog.autologging import options, patches, runs
from runlog.autologging.arguments import Arguments
from runlog.autologging.randomness import unchanged_random_state
from runlog.errors import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from runlog.active_runs import ActiveRun
    from runlog.autologging.runs import RunLog

    Watcher = Callable[["Call"], Generator[None, Any, None]]

_inside: ContextVar[Call | None] = ContextVar("runlog_autologging_inside", default=None)


class Call(Arguments):
    """A call that is logged: function, arguments, options and, as `run`, where it is logged.

    A function of the name `lets` that it calls, of the same framework, is logged to the same run.
    `states` are random states of the arguments that logging leaves alone, too.
    """

    def __init__(
        self, framework: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(function, args, kwargs)
        self.framework = framework
        self.options = options.of(framework) or {}
        self.lets = ""
        self.states: list[Any] = []
        self._run: RunLog | None = None
        self._failures: list[str] = []

    @property
    def run(self) -> RunLog:
        """Return the run of this call."""
        assert self._run is not None
        return self._run

    def log_to(self, run: RunLog) -> None:
        """Log to that run from now on."""
        self._run = run

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Do something that may fail: then `what` is missing, a warning says why, and all the rest
        is logged all the same."""
        try:
            yield
        except Exception as error:
            self.failed(what, error)

    def failed(self, what: str, error: BaseException) -> None:
        """Note that something could not be logged; `warn` says so, at the end of the call."""
        reason = " ".join(str(error).split())
        self._failures.append(f"{what} ({type(error).__name__}: {reason[:300]})")

    def warn(self) -> None:
        """Warn, once, of everything that could not be logged. Never raises."""
        failures, self._failures = self._failures, []
        if failures and not self.options.get("silent"):
            text = f"autologging of {self.framework} could not log " + "; ".join(failures)
            try:
                warn(text)
            except Exception:  # warnings are errors here: those of ours never are
                print(f"runlog: {text}", file=sys.stderr)


def is_inside() -> bool:
    """Whether this code is part of a call that is logged, or logging is off here."""
    return _inside.get() is not None


@contextmanager
def quiet() -> Iterator[None]:
    """Log no calls of frameworks in this block."""
    token = _inside.set(_QUIET)
    try:
        yield
    finally:
        _inside.reset(token)


@contextmanager
def loud() -> Iterator[None]:
    """Log calls of frameworks in this block, though it is part of a call that is logged."""
    token = _inside.set(None)
    try:
        yield
    finally:
        _inside.reset(token)


def watched(
    framework: str, watch: Watcher, wants: Callable[[Call], bool] | None = None
) -> patches.Wrapper:
    """Return a wrapper for `patches.patch` that logs each call in a run: the active one or, if
    there is none, one that it starts and ends. Calls inside of a call are not logged again, nor
    those for which `wants` is false."""

    def wrap(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outer = _inside.get()
        is_part = outer is not None and not _lets(outer, framework, function)
        if is_part or options.of(framework) is None:
            return function(*args, **kwargs)
        call = Call(framework, function, args, kwargs)
        if wants is not None and not _is_wanted(call, wants):
            return function(*args, **kwargs)
        return _observe(call, watch, outer)

    return wrap


def noted(framework: str, watch: Watcher) -> patches.Wrapper:
    """Return a wrapper for `patches.patch` for calls that need no run of their own. Calls inside of
    calls are left alone."""

    def wrap(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if options.of(framework) is None or _inside.get() is not None:
            return function(*args, **kwargs)
        call = Call(framework, function, args, kwargs)
        steps = watch(call)
        _take_step(call, steps)
        with quiet():
            result = call.proceed()
        _take_step(call, steps, result)
        call.warn()
        return result

    return wrap


def _silenced(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with quiet():
        return function(*args, **kwargs)


def patch_quiet(framework: str, owner: Any, name: str) -> None:
    """Let no call be logged that this function makes."""
    patches.patch(framework, owner, name, _silenced)


class Quiet:
    """A function that runs in other threads for a call that is logged: nothing that it calls is
    logged. In another process it is the plain function."""

    def __init__(self, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with quiet():
            return self.function(*args, **kwargs)

    def __reduce__(self) -> Any:
        return functools.partial, (self.function,)


def _is_wanted(call: Call, wants: Callable[[Call], bool]) -> bool:
    is_wanted = False
    with call.attempt("anything"):
        is_wanted = wants(call)
    call.warn()
    return is_wanted


def _lets(outer: Call, framework: str, function: Any) -> bool:
    return outer.framework == framework and outer.lets == function.__name__


def _observe(call: Call, watch: Watcher, outer: Call | None) -> Any:
    started: ActiveRun | None = None
    try:
        if outer is None:
            with unchanged_random_state():
                log, started = runs.enter(call.framework, call.options)
        else:
            log = outer.run
    except Exception as error:
        call.failed("anything, for want of a run", error)
        call.warn()
        return call.proceed()
    if log is None:  # exclusive, and the active run is the user's own
        return call.proceed()
    call.log_to(log)
    status: tuple[Any, Any, Any] = (None, None, None)
    token = _inside.set(call)
    try:
        return _between(call, watch(call))
    except BaseException:
        status = sys.exc_info()
        raise
    finally:
        _inside.reset(token)
        _leave(call, started, status)


def _between(call: Call, steps: Generator[None, Any, None]) -> Any:
    """Make the call between the two steps of its watcher."""
    _take_step(call, steps)
    try:
        result = call.proceed()
    except BaseException:
        with call.attempt("something"), quiet():
            steps.close()
        raise
    _take_step(call, steps, result)
    return result


def _leave(call: Call, started: ActiveRun | None, status: tuple[Any, Any, Any]) -> None:
    with call.attempt("metrics"):
        call.run.flush()
    if started is not None:
        with call.attempt("the end of the run"):
            started.__exit__(*status)
    call.warn()


def _take_step(call: Call, steps: Generator[None, Any, None], result: Any = None) -> None:
    """Let a watcher do what comes next. If that fails, the call keeps its own arguments."""
    token = _inside.set(_QUIET)
    try:
        with unchanged_random_state(call.states):
            steps.send(result)
    except StopIteration:
        pass
    except Exception as error:
        call.failed("something", error)
        call.restore()
    finally:
        _inside.reset(token)


_QUIET = Call("", None, (), {})
