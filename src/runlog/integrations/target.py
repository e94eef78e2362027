"""The run that an integration logs to, and how values become metrics and params."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runlog import active_runs, fluent, run_exit, tracking_uri, validate
from runlog.errors import InvalidParameter, NotFound, RunlogError, warn

_starting = threading.Lock()
_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
_EMPTY_PARTS = re.compile(r"(?<![^/])\.{0,2}/+|/+\.{0,2}$")


class Target:
    """The run with an id, else the active run, else a new one that starts with the first call.

    A new run becomes the active run, and `end` ends it; any other run stays as it is. If the
    program ends before that, so does the run, FAILED with a traceback after an exception.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        nested: bool = False,
    ) -> None:
        self._run_id = run_id
        self._experiment_name, self._run_name = experiment_name, run_name
        self._tags, self._nested = tags, nested
        self._own: active_runs.Active | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy, and one in another process, logs to the same run and does not end it.
        return {**vars(self), "_own": None}

    @property
    def run_id(self) -> str:
        """Return the id of the run, which is started if there is none yet."""
        with _starting:
            if self._run_id is None:
                active = active_runs.innermost()
                if active is not None and not self._nested:
                    self._run_id = active.run.info.run_id
                    if self._tags:
                        fluent.set_tags(self._tags)
            return self._run_id or self._started_run()

    def _started_run(self) -> str:
        experiment_id = None
        if self._experiment_name:
            store = tracking_uri.store()
            experiment_id = fluent.experiment_id_in_use(store, self._experiment_name)
        run = fluent.start_run(
            experiment_id=experiment_id,
            run_name=self._run_name,
            tags=self._tags,
            nested=self._nested,
        )
        self._run_id = run.info.run_id
        self._own = active_runs.innermost()
        return run.info.run_id

    @property
    def is_own(self) -> bool:
        """Whether the run was started here and goes on."""
        return self._own is not None and not self._own.ended

    def log_metrics(
        self, values: Mapping[str, Any], step: int | None = None, prefix: str = ""
    ) -> None:
        """Log what is a number in `values`, with names that metrics may have."""
        numbers = {}
        for name, value in flat(values):
            try:
                numbers[key(prefix + name)] = validate.number(name, value)
            except InvalidParameter:  # a text, a list, an image: these are no metrics
                continue
        if numbers:
            fluent.log_metrics(numbers, step=step, run_id=self.run_id)

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Log nested values as params, `a.b` for b in a. One that the run has with another value
        stays as it is, and a warning says so."""
        params = {key(name): str(value) for name, value in flat(values)}
        if not params:
            return
        try:
            fluent.log_params(params, run_id=self.run_id)
        except RunlogError:
            logged = fluent.get_run(self.run_id).data.params
            other = sorted(
                name for name in params if logged.get(name, params[name]) != params[name]
            )
            if not other:
                raise
            warn(f"the run has other values of these params already: {', '.join(other)}")
            for name in other:
                del params[name]
            fluent.log_params(params, run_id=self.run_id)

    def log_file(self, path: str, artifact_path: str | None = None) -> None:
        """Log a file, or a folder with all its files."""
        log = fluent.log_artifacts if os.path.isdir(path) else fluent.log_artifact
        log(path, artifact_path, run_id=self.run_id)

    def end(self, status: str = "FINISHED", error: BaseException | None = None) -> None:
        """End the run if it was started here: with `status`, or as `error` says."""
        own, self._own = self._own, None
        if own is not None and not own.ended:
            status = run_exit.status_after(error) if error is not None else status
            try:
                active_runs.leave(own, status, error)
            except NotFound:  # somebody has deleted it
                pass


def key(name: str) -> str:
    """Return a name as the key of a metric or param: other characters than those allowed become
    underscores, and it is cut where it is too long."""
    text = _EMPTY_PARTS.sub("", _NOT_ALLOWED.sub("_", str(name))) or "_"
    return text[: validate.MAX_KEY_LENGTH]


def flat(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested values with the names of the ways to them: `a.b`."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def numbered(values: Sequence[Any], names: Sequence[str] | None, default: str) -> dict[str, Any]:
    """Return values with their names, or `default`, which is numbered if there are several."""
    if names and values:
        return dict(zip(names, values, strict=True))
    if len(values) == 1:
        return {default: values[0]}
    return {f"{default}_{number}": value for number, value in enumerate(values)}
