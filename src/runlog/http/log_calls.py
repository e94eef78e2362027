"""What a training logs to a server: put into the outbox, or asked where the server may refuse it.

Metrics and tags are stored in the outbox, and the call returns. What the server may refuse (params,
the end of a run, inputs) is asked behind what waits of its run; where the server stays away, it
joins the queue. Without an outbox every call waits for the server's word.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

from runlog import validate
from runlog.clock import now
from runlog.entities import LifecycleStage, Metric, RunInfo, RunInputs
from runlog.errors import InvalidParameter, RunlogError, ServerUnreachable, StoreError
from runlog.http.batches import BATCH
from runlog.http.calls import Calls, request
from runlog.http.session import Unavailable, warn
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME
from runlog.protocol.limits import MAX_INPUTS, MAX_PAIRS, MAX_POINTS
from runlog.protocol.rows import READ
from runlog.settings import flag, number

if TYPE_CHECKING:
    from runlog.db.outbox import OutboxFile
    from runlog.http.outbox import Rows
    from runlog.http.sender import Sender
    from runlog.store import Point

LOG_SECONDS = 10.0  # that a call which may be refused waits before it joins the queue
RUNS_KNOWN = 1000  # whose infos and params are remembered
NOT_OF_RUNS = frozenset(  # what is read without waiting for log calls
    "about getExperiment getExperimentByName searchExperiments listExperiments serverInfo".split()
)


def flush_seconds() -> float:
    """Return how long the end of a run, or of the program, waits for what is not sent. Raises
    InvalidParameter."""
    return number("FLUSH_TIMEOUT", least=0)


class LogCalls:
    """The log calls of one HttpStore; the `Server` of its sender. Threads may share it; a forked
    process has a queue of its own."""

    def __init__(self, calls: Calls, uri: str, who: str, factor: float) -> None:
        self.uri, self.factor = uri, factor
        self.is_offline = flag("OFFLINE")
        self._calls, self._who = calls, who
        self._sender: Sender | None = None
        self._broken_until = 0.0  # when to look again whether the disk takes an outbox
        self._warn_at = 0.0
        self._infos: dict[str, RunInfo] = {}
        self._open: set[str] = set()  # runs that are logged to without asking for them
        self._params: dict[str, dict[str, str]] = {}  # logged by this process
        self._ids: dict[str, str] = {}  # on the server, of runs that were started without it
        self._name = os.urandom(6).hex()  # where there is no outbox to have a name
        self._numbers = count(1)

    # -- the queue --------------------------------------------------------------------------

    def sender(self) -> Sender | None:
        """Return what sends the log calls of this process, if it has logged any."""
        sender = self._sender
        return sender if sender is not None and sender.outbox.pid == os.getpid() else None

    def _queue(self) -> Sender | None:
        """Return the same, which begins here; None where log calls wait for the server."""
        return self.sender() or self._begin()

    def _begin(self) -> Sender | None:
        from runlog.http import outbox

        if not outbox.folder() or monotonic() < self._broken_until:
            return None
        try:
            return self._begin_with(outbox.file_for(self.uri))
        except StoreError as error:
            self._disk_fails(error)
            return None

    def _begin_with(self, file: OutboxFile) -> Sender:
        from runlog.http import outbox
        from runlog.http.sender import Sender

        parent = "" if self._sender is None else self._sender.outbox.sender
        made = outbox.Outbox(file, outbox.digest(self.uri, self._who), parent)
        self._sender = Sender(made, self)
        return self._sender

    def send_pending(self, file: OutboxFile, any_login: bool) -> int:
        """Send what processes that have ended left in a file; return how many items those were.
        Raises what keeps the rest there."""
        sender = self.sender() or self._begin_with(file)
        return sender.send_all(any_login)

    def _disk_fails(self, error: StoreError) -> None:
        """The disk does not take an outbox: log calls wait for the server until it does."""
        moment = monotonic()
        self._broken_until = moment + 10.0
        if moment >= self._warn_at:
            self._warn_at = moment + 300.0
            warn(f"{error.message}. Until then log calls wait for {self.uri}")

    def outbox_file(self) -> OutboxFile:
        """Return the outbox's file. Raises a StoreError where there is none."""
        sender = self._queue()
        if sender is None:
            raise StoreError(
                f"without an outbox (RUNLOG_OUTBOX) {self.uri} is needed to start a run"
            )
        return sender.outbox.file

    # -- which runs there are ---------------------------------------------------------------

    def remember(self, info: RunInfo) -> RunInfo:
        """Remember a run, as the server has it now."""
        while len(self._infos) >= RUNS_KNOWN:
            self._forget_run(next(iter(self._infos)))
        self._infos[info.run_id] = info
        if info.lifecycle_stage == LifecycleStage.ACTIVE:
            self._open.add(info.run_id)
        else:
            self._open.discard(info.run_id)
        return info

    def known(self, run_id: str) -> RunInfo | None:
        """Return what is remembered of a run."""
        return self._infos.get(run_id)

    def _forget_run(self, run_id: str) -> None:
        self._infos.pop(run_id, None)
        self._params.pop(run_id, None)
        self._open.discard(run_id)

    def forget_all(self) -> None:
        """Forget all runs: some of them may have been deleted."""
        for run_id in [*self._infos]:
            self._forget_run(run_id)
        self._open.clear()

    def _check_run(self, run_id: str) -> None:
        """Ask once for a run that this process did not start: a wrong id is no news of later on.
        Raises NotFound, and InvalidParameter for a run that is deleted."""
        validate.run_id(run_id)
        info = self._infos.get(run_id)
        if info is None and not self.is_offline:
            if not self._calls.session.has_answered:
                info = self.remember(self.call("getRun", run_id=run_id).info)
            else:
                try:
                    found = self._calls.send("getRun", {"run_id": run_id}, LOG_SECONDS)
                    info = self.remember(found.info)
                except Unavailable:  # if there is no such run, that is reported later
                    pass
        if info is not None and info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise InvalidParameter(
                f"The run {run_id} must be in the 'active' state. Current state is "
                f"{info.lifecycle_stage}."
            )
        self._open.add(run_id)

    # -- log calls --------------------------------------------------------------------------

    def metric(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        """Log a point."""
        if run_id not in self._open:
            self._check_run(run_id)
        sender = self._sender
        if sender is None or sender.outbox.pid != os.getpid():
            sender = self._queue()
        if sender is not None:
            try:
                return sender.outbox.add_point(run_id, key, value, timestamp, step)
            except StoreError as error:
                self._disk_fails(error)
        self._send_now(run_id, [(key, value, timestamp, step)], [], [], [])

    def log(
        self,
        run_id: str,
        points: list[Point],
        measured: list[Metric],
        params: list[tuple[str, str]],
        tags: list[tuple[str, str]],
        inputs: RunInputs | None,
    ) -> None:
        """Log what is valid: first what may be refused, inputs, params and what was measured of
        models."""
        if run_id not in self._open:
            self._check_run(run_id)
        sender = self._queue()
        if inputs is not None:
            self._log_inputs(run_id, inputs)
        if sender is None:
            return self._send_now(run_id, points, measured, params, tags)
        if params:
            self._log_params(run_id, params)
        for some in pieces(measured, validate.MAX_METRICS_PER_BATCH):
            self.ask(BATCH, run_id=run_id, points=some)
        if not (points or tags):
            return
        try:
            sender.outbox.add(run_id, [*_point_rows(points), *_tag_rows(tags)])
        except StoreError as error:
            self._disk_fails(error)
            self._send_now(run_id, points, [], [], tags)

    def _log_inputs(self, run_id: str, inputs: RunInputs) -> None:
        datasets, models = inputs.dataset_inputs, inputs.model_inputs
        for at in range(0, max(len(datasets), len(models), 1), MAX_INPUTS):
            end = at + MAX_INPUTS
            self.ask("logInputs", run_id, datasets=datasets[at:end], models=models[at:end])

    def _log_params(self, run_id: str, params: list[tuple[str, str]]) -> None:
        known = self._params.setdefault(run_id, {})
        for key, value in params:
            if known.get(key, value) != value:
                raise InvalidParameter(
                    f"Changing param values is not allowed. Param with key='{key}' was already "
                    f"logged with value='{known[key]}' for run ID='{run_id}'. "
                    f"Attempted logging new value '{value}'."
                )
        new = [(key, value) for key, value in params if key not in known]
        if len(new) > validate.MAX_PARAMS_PER_BATCH and self._calls.is_runlog_if_known:
            for piece in pieces(new, MAX_PAIRS):
                self.ask("logWhole", run_id=run_id, params=piece)
        else:
            for piece in pieces(new, validate.MAX_PARAMS_PER_BATCH):
                self.ask(BATCH, run_id=run_id, params=piece)
        known.update(new)

    def ask(self, endpoint: str, run_id: str, **arguments: Any) -> Any:
        """Ask the server for a change of a run, behind what waits of that. Return None where it
        stays away: then the change has joined the queue."""
        fields = BY_NAME[endpoint].request(run_id=run_id, **arguments)
        sender = self._queue()
        if sender is None:
            return self._calls.send(endpoint, fields)
        if endpoint == "updateRun":
            is_sent = sender.wait_in_outage(self._seconds_to_wait(sender), run_id, aloud=True)
        else:
            is_sent = sender.wait_in_outage(self._seconds_to_wait(sender, LOG_SECONDS), run_id)
        if is_sent and not (self.is_offline and self._is_to_be_made(sender, run_id)):
            seconds = sender.remaining_in_outage(LOG_SECONDS)
            try:
                if seconds > 0:
                    return self._ask_now(sender, endpoint, fields, seconds)
            except Unavailable:
                pass
        self._join(sender, run_id, endpoint, fields)
        return None

    def _ask_now(
        self, sender: Sender, endpoint: str, fields: Mapping[str, Any], seconds: float
    ) -> Any:
        begun = monotonic()
        given = {**fields, "run_id": self._ids.get(fields["run_id"], fields["run_id"])}
        if endpoint == "updateRun":
            given |= {"sender": sender.outbox.sender, "sequence": sender.outbox.number()}
        try:
            answer = self._calls.send(endpoint, given, seconds)
        except Unavailable as failure:
            sender.not_answered(failure.error, monotonic() - begun)
            raise
        sender.answered()
        if endpoint == "updateRun":
            sender.run_changed(fields["run_id"], fields)
        return answer

    def _join(self, sender: Sender, run_id: str, endpoint: str, fields: Mapping[str, Any]) -> None:
        given = {
            name: value for name, value in fields.items() if name not in ("run_id", "run_uuid")
        }
        rows: Rows
        if endpoint == "logWhole":
            parts = [*pieces(given["params"], validate.MAX_PARAMS_PER_BATCH)]
            rows = [(BATCH, None, now(), None, codecs.dump({"params": part})) for part in parts]
        else:
            rows = [(endpoint, None, now(), None, codecs.dump(given))]
        try:
            sender.outbox.add(run_id, rows)
        except StoreError as error:
            self._disk_fails(error)
            self._calls.send(endpoint, fields)

    def _seconds_to_wait(self, sender: Sender, seconds: float | None = None) -> float:
        """Return how long a call waits for the queue: offline, while no server has answered, not at
        all."""
        if self.is_offline and not sender.is_answered:
            return 0.0
        return flush_seconds() if seconds is None else seconds

    def _is_to_be_made(self, sender: Sender, run_id: str) -> bool:
        return self.id_there(run_id) is None

    def start_offline(self, run_id: str, fields: Mapping[str, Any]) -> None:
        """Queue the making of a run."""
        sender = self._queue()
        assert sender is not None, "outbox_file() was asked before"
        sender.outbox.add_call(run_id, "createRun", codecs.dump(dict(fields)))

    # -- without a queue --------------------------------------------------------------------

    def _send_now(
        self,
        run_id: str,
        points: list[Point],
        measured: list[Metric],
        params: list[tuple[str, str]],
        tags: list[tuple[str, str]],
    ) -> None:
        """Log, and return with the server's word: in one request, unless there are more values
        than it takes at once."""
        self.settle("logMetric", {"run_id": run_id})
        numbers: list[Any] = [*points, *measured]
        if _fits(numbers, params, tags):
            self._send_batch(BATCH, run_id, points=numbers, params=params, tags=tags)
        elif self._calls.is_runlog:
            for part in pieces(params[MAX_PAIRS:], MAX_PAIRS):
                self._send_batch("logWhole", run_id, params=part)
            for part in pieces(tags[MAX_PAIRS:], MAX_PAIRS):
                self._send_batch("logWhole", run_id, tags=part)
            params, tags = params[:MAX_PAIRS], tags[:MAX_PAIRS]
            for some in pieces(numbers, MAX_POINTS) if numbers else [[]]:
                self._send_batch("logWhole", run_id, points=some, params=params, tags=tags)
                params, tags = [], []
        else:
            for part in pieces(params, validate.MAX_PARAMS_PER_BATCH):
                self._send_batch(BATCH, run_id, params=part)
            for part in pieces(tags, validate.MAX_TAGS_PER_BATCH):
                self._send_batch(BATCH, run_id, tags=part)
            for some in pieces(numbers, validate.MAX_METRICS_PER_BATCH):
                self._send_batch(BATCH, run_id, points=some)

    def _send_batch(self, endpoint: str, run_id: str, **values: Any) -> None:
        sender, number = self._next_number()
        fields = BY_NAME[endpoint].request(
            run_id=self.id_there(run_id) or run_id, sender=sender, sequence=number, **values
        )
        self._calls.send(endpoint, fields)

    def _next_number(self) -> tuple[str, int]:
        sender = self.sender()
        if sender is None:
            return f"{self._name}-{os.getpid()}", next(self._numbers)
        return sender.outbox.sender, sender.outbox.number()

    # -- reading ----------------------------------------------------------------------------

    def call(
        self,
        endpoint: str,
        /,
        *,
        repeatable: bool = True,
        done: type[RunlogError] | tuple[type[RunlogError], ...] = (),
        **arguments: Any,
    ) -> Any:
        """Return what an endpoint answers to these arguments; None where an earlier attempt had
        been done already, see `Session.ask`. What waits in the outbox of the same run is sent
        before, so that it is not overtaken."""
        self.settle(endpoint, arguments)
        if "run_id" in arguments:
            arguments["run_id"] = self.id_there(arguments["run_id"]) or arguments["run_id"]
        fields = request(endpoint, **arguments)
        return self._calls.send(endpoint, fields, repeatable=repeatable, done=done)

    def settle(self, endpoint: str, arguments: Mapping[str, Any]) -> None:
        """Wait until a request sees what was logged before it. Raises ServerUnreachable, or what
        keeps it from being sent."""
        sender = self.sender()
        if sender is None or endpoint in NOT_OF_RUNS:
            return
        run_id = arguments.get("run_id")
        if run_id is None and BY_NAME[endpoint].access != READ:
            return
        if not sender.wait(flush_seconds(), run_id):
            error = sender.error
            what = "this process" if run_id is None else f"run {run_id}"
            why = f"it did not take them within {flush_seconds():g} s"
            kind, code = ServerUnreachable, ServerUnreachable.error_code
            if error is not None:
                why, code = error.message, error.error_code
            text = f"log calls of {what} wait to be sent to {self.uri}: {why}"
            raise kind(text) if code == kind.error_code else RunlogError(text, code)

    def flush(self) -> bool:
        """Wait for what waits; whether it is sent. What is not is safe on this disk."""
        sender = self.sender()
        if sender is None or sender.wait_in_outage(flush_seconds(), aloud=True):
            return True
        sender.outbox.file.flush()
        sender.report_unsent()
        return False

    def finish(self) -> None:
        """Wait for what waits, and leave the rest to other programs."""
        sender, self._sender = self.sender(), None
        if sender is not None:
            sender.finish(self._seconds_to_wait(sender, None if not self.is_offline else 1.0))

    # -- the server, as its sender sees it --------------------------------------------------

    def post(self, endpoint: str, fields: Mapping[str, Any], seconds: float) -> Any:
        return self._calls.send(endpoint, fields, seconds)

    def delivers(self, seconds: float) -> bool:
        return self._calls.delivers(seconds)

    def id_there(self, run_id: str) -> str | None:
        there = self._ids.get(run_id)
        if there is not None:
            return there
        sender = self.sender()
        found = None if sender is None else sender.outbox.file.alias(run_id)
        if found is None:
            return run_id
        if found[1] is not None:
            self._ids[run_id] = found[1]
        return found[1]

    def create(self, run_id: str, fields: Mapping[str, Any], seconds: float) -> bool:
        from runlog.http import offline

        def post(endpoint: str, given: Mapping[str, Any]) -> Any:
            return self._calls.send(endpoint, given, seconds)

        return offline.make(self.outbox_file(), run_id, fields, post, self._calls.delivers(seconds))

    def forget(self, run_id: str) -> None:
        self._forget_run(run_id)


class Synchronous(LogCalls):
    """The log calls of a store that wait for the server's word, behind those of its queue."""

    def __init__(self, queued: LogCalls) -> None:
        self.__dict__.update(queued.__dict__)
        self._queued, self._sender = queued, None

    def sender(self) -> Sender | None:
        return self._queued.sender()

    def _queue(self) -> Sender | None:
        return None

    def finish(self) -> None:
        self._queued.finish()


def _point_rows(points: Iterable[Point]) -> Iterator[Any]:
    return ((key, step, timestamp, value, None) for key, value, timestamp, step in points)


def _tag_rows(tags: list[tuple[str, str]]) -> Iterator[Any]:
    for some in pieces(tags, validate.MAX_TAGS_PER_BATCH):
        yield BATCH, None, now(), None, codecs.dump(BY_NAME[BATCH].request(tags=some))


def pieces(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield the items, so many at a time."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


def _fits(points: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]) -> bool:
    return (
        len(points) + len(params) + len(tags) <= validate.MAX_METRICS_PER_BATCH
        and len(params) <= validate.MAX_PARAMS_PER_BATCH
        and len(tags) <= validate.MAX_TAGS_PER_BATCH
    )
