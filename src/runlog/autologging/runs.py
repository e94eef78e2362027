"""The run that a call is logged to: the active one, or one that is started for it."""

from __future__ import annotations

import re
import time

from runlog import active_runs, fluent
from runlog.client import RunlogClient
from runlog.clock import now
from runlog.entities import Metric
from runlog.errors import InvalidParameter, RunlogError
from runlog.validate import MAX_KEY_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runlog.active_runs import Active, ActiveRun

AUTOLOGGING_TAG = "mlflow.autologging"
MAX_PARAM_LENGTH = 6000  # characters, as many as MLflow logs
WRITE_EVERY = 0.5  # seconds between two writes of metrics that come one by one

_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")  # in keys, but in the names of a pipeline's steps

_own: dict[str, None] = {}  # ids of runs that autologging has started, the latest last


class RunLog:
    """A run, by its id and store, that calls are logged to. Metrics of steps are written twice a
    second, and by `flush`."""

    def __init__(self, run_id: str, uri: str, experiment_id: str) -> None:
        self.run_id = run_id
        self.experiment_id = experiment_id
        self.client = RunlogClient(uri)
        self._points: list[Metric] = []
        self._written = time.monotonic()

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params as text, cut at 6000 characters. If the run has another value of one, the
        others are logged, and InvalidParameter is raised that names it."""
        texts = {param_key(key): _cut(str(value)) for key, value in params.items()}
        store = self.client.store
        try:
            store.log(self.run_id, params=texts.items())
            return
        except InvalidParameter:
            refused = []
        for key, text in texts.items():
            try:
                store.log(self.run_id, params=[(key, text)])
            except InvalidParameter:
                refused.append(key)
        if refused:
            raise InvalidParameter(
                f"the run {self.run_id} already has other values of {', '.join(refused)}: "
                "use a run for each fit"
            )

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags of the run, as text."""
        self.client.store.log(self.run_id, tags=tags.items())

    def log_metrics(
        self, values: Mapping[str, Any], step: int = 0, model_id: str | None = None
    ) -> None:
        """Log one point of each metric now, with the points that wait."""
        self.add_metrics(values, step, model_id)
        self.flush()

    def add_metrics(
        self, values: Mapping[str, Any], step: int = 0, model_id: str | None = None
    ) -> None:
        """Log one point of each metric, at the latest with the next `flush`."""
        at = now()
        self._points += [
            Metric(metric_key(key), float(value), at, step, model_id)
            for key, value in values.items()
        ]
        if time.monotonic() - self._written > WRITE_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write all metrics that wait."""
        points, self._points = self._points, []
        if points:
            self.client.log_batch(self.run_id, metrics=points)
        self._written = time.monotonic()


def metric_key(name: str) -> str:
    """Return the key of a framework's metric: `ndcg@3` is `ndcg_at_3`, as in MLflow."""
    return _NOT_ALLOWED.sub("_", name.replace("@", "_at_"))


def enter(framework: str, options: Mapping[str, Any]) -> tuple[RunLog | None, ActiveRun | None]:
    """Return the run that a call is logged to, and the same again if it was started for it.

    It is the active run, or a new one if there is none, or a child of it if it is only the main
    thread's. With the option `exclusive` and a run of the user's own it is None.
    """
    active = active_runs.innermost()
    if active is None or not (active.is_of_thread() or active_runs.is_in_context()):
        tags = dict(options.get("extra_tags") or {})
        tags[AUTOLOGGING_TAG] = framework
        started = fluent.start_run(nested=active is not None, tags=tags)
        _own[started.info.run_id] = None
        if len(_own) > 1000:
            del _own[next(iter(_own))]
        return _log_of(active_runs.innermost()), started
    is_theirs = active.run.info.run_id not in _own
    return (None if options.get("exclusive") and is_theirs else _log_of(active)), None


def _log_of(active: Active | None) -> RunLog:
    if active is None:
        raise RunlogError("the run ended while it was started")
    return RunLog(active.run.info.run_id, active.store.uri, active.run.info.experiment_id)


def param_key(name: object) -> str:
    """Return the name of a param as a key: characters that keys may not have are underscores."""
    return _NOT_ALLOWED.sub("_", str(name))[:MAX_KEY_LENGTH]


def _cut(text: str) -> str:
    return text if len(text) <= MAX_PARAM_LENGTH else text[: MAX_PARAM_LENGTH - 3] + "..."
