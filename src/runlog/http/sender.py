"""Send what waits in an outbox, from a thread of each process that logs to a server.

Every run has its own queue: a long backlog of one run, or what the server refuses of it, holds up
no other. A queue goes in order, as much at once as the server takes. Where a request is refused,
less and less is sent at once, until what is refused is alone: that is put aside, and what is behind
it goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from runlog.entities import LifecycleStage, RunStatus
from runlog.errors import InvalidParameter, NotFound, RunlogError, StoreError
from runlog.http import batches, owners
from runlog.http.batches import Request
from runlog.http.outbox import Outbox, Stream, process_of
from runlog.http.owners import Owner
from runlog.http.session import Unavailable, warn

if TYPE_CHECKING:
    from runlog.db.outbox import Item

SEND_SECONDS = 30.0  # for one request
LINGER = 0.15  # seconds in which calls gather
SLOWEST = 60.0  # seconds between two attempts
POLL_ENDED = 5.0  # seconds between two looks for what ended processes left
QUIET = 1.0  # seconds after which a wait reports what it waits for
SHRINK = 8
# What a server never takes. All other errors may pass: an expired token, for example.
REFUSED = frozenset(
    "INVALID_PARAMETER_VALUE BAD_REQUEST RESOURCE_DOES_NOT_EXIST RESOURCE_ALREADY_EXISTS".split()
)
# What may be the fault of the server or of the request: the next request shows which.
FAILING = frozenset("INTERNAL_ERROR PERMISSION_DENIED ENDPOINT_NOT_FOUND".split())
ATTEMPTS = 4  # at a request at which the server fails, before the one behind it is tried


class Server(Protocol):
    """Where requests go."""

    uri: str

    def post(self, endpoint: str, fields: dict[str, Any], seconds: float) -> Any:
        """Send one request. Raises Unavailable where the server cannot take it now; RunlogError."""

    def delivers(self, seconds: float) -> bool:
        """Return whether it is a runlog server that takes `deliver`. Raises as `post` does."""

    def id_there(self, run_id: str) -> str | None:
        """Return a run's id on the server, None while the run is not made there."""

    def create(self, run_id: str, fields: dict[str, Any], seconds: float) -> bool:
        """Make the run that was started as `run_id`; False while its parent is not made there.
        Raises as `post` does."""

    def forget(self, run_id: str) -> None:
        """Forget a run that the server does not let anybody log to."""

    @property
    def factor(self) -> float:
        """Return the seconds before the second attempt."""


class Sender:
    """Sends the streams of an outbox, and of processes that ended; starts with the first call."""

    def __init__(self, outbox: Outbox, server: Server) -> None:
        self.outbox, self._server = outbox, server
        self._adopted: dict[int, Stream] = {}
        self._heirs: dict[str, Owner] = {}
        self._sending = threading.RLock()
        self._adopting = threading.RLock()
        self._wake = threading.Event()
        self._is_idle = True
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._items: dict[int, list[Item]] = {}  # read and not sent, by stream
        self.error: RunlogError | None = None  # why nothing can be sent at the moment
        self._denied = threading.Event()  # and waiting is of no use
        self.is_answered = False  # whether the server has been there
        self._pause, self._retry_at = 0.0, 0.0
        self._waited = 0.0  # seconds that callers waited since the server answered last
        self._hurried_until = 0.0  # somebody waits until then
        self._look_at = 0.0
        self._warned: dict[str, float] = {}
        outbox.added = self.start

    # -- the thread -------------------------------------------------------------------------

    def start(self) -> None:
        """Something was added: see that it is sent."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="runlog outbox", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter ends: `finish` sends
                pass
        if self._is_idle:
            self._is_idle = False
            self._wake.set()

    def _work(self) -> None:
        while not self._ending.is_set():
            delay = self._pass()
            if delay:
                self._wake.wait(delay)
                self._wake.clear()
                if self._hurried_until < time.monotonic():
                    self._ending.wait(LINGER)

    def _pass(self) -> float:
        """Send once of each stream, and return the seconds after which to go on."""
        try:
            with self._sending:
                return self._passed()
        except StoreError as error:  # the disk's: what cannot be read now may be later
            self._warn("disk", f"{self.outbox.file.path} cannot be read: {error.message}")
            return 1.0
        except Exception as error:  # a thread that ends would leave all that follows unsent
            self._warn("bug", f"the outbox cannot send: {type(error).__name__}: {error}")
            return SLOWEST

    def _passed(self) -> float:
        moment = time.monotonic()
        if moment < self._retry_at:
            return self._retry_at - moment
        due = [each for each in self._all() if each.waits]
        ready = [each for each in due if each.retry_at <= moment]
        for stream in ready:
            if not self._send_some(stream):
                break
        if self._retry_at > moment:
            return max(0.001, self._retry_at - time.monotonic())
        if any(stream.waits and stream.retry_at <= moment for stream in ready):
            return 0.0
        if moment >= self._look_at:
            self._look_at = moment + POLL_ENDED
            if self.adopt():
                return 0.0
        if due:
            return max(0.001, min(each.retry_at for each in due) - time.monotonic())
        self._tidy()
        self._is_idle = True
        if self.outbox.waiting():  # added just before
            self._is_idle = False
            return 0.001
        return POLL_ENDED

    def _all(self) -> list[Stream]:
        streams = [*self.outbox.streams.values()]
        streams.sort(key=lambda stream: stream.row.id)
        return streams + [*self._adopted.values()]

    # -- one request ------------------------------------------------------------------------

    def _send_some(self, stream: Stream) -> bool:
        """Send a request of a stream. False where nothing can be sent now."""
        items = self._next_items(stream)
        if not items:
            self._confirm(stream, stream.last)
            return True
        request: Request | None = None
        try:
            request = batches.first(items, stream.window, self._server.delivers(SEND_SECONDS))
            return self._sent(stream, request)
        except Unavailable as failure:
            return self._not_taken(stream, request, items, failure)
        except RunlogError as error:
            return self._not_accepted(stream, request, items, error)

    def _next_items(self, stream: Stream) -> list[Item]:
        """Return what is next of a stream, behind what is confirmed."""
        items = self._items.get(stream.row.id, [])
        if items and items[0][0] <= stream.confirmed:
            items = [item for item in items if item[0] > stream.confirmed]
        if not items:
            file = self.outbox.file
            items = file.head(stream.row.id, stream.confirmed, batches.AT_ONCE)
        self._items[stream.row.id] = items
        return items

    def _sent(self, stream: Stream, request: Request) -> bool:
        if not self._post(stream, request):  # its run is not made yet
            stream.retry_at = time.monotonic() + 0.5
            return True
        self.answered()
        stream.window = min(batches.AT_ONCE, 2 * stream.window)
        stream.failures = 0
        self._confirm(stream, request.last)
        if is_end(request.endpoint, request.fields):
            self.outbox.end(stream)
        return True

    def _post(self, stream: Stream, request: Request) -> bool:
        endpoint, run_id = request.endpoint, stream.row.run_id
        if endpoint not in batches.CALLS | {batches.DELIVER}:
            raise InvalidParameter(f"{endpoint} is no log call, and is not sent")
        if endpoint == "createRun":
            return self._server.create(run_id, request.fields, SEND_SECONDS)
        there = self._server.id_there(run_id)
        if there is None:
            return False
        try:
            self._server.post(endpoint, self._fields(stream, request, there), SEND_SECONDS)
        except Unavailable as failure:
            if failure.may_be_done:
                stream.doubtful.update(_tags(request))
            raise
        if stream.doubtful:
            self._settle_tags(stream, request, there)
        return True

    def _fields(self, stream: Stream, request: Request, run_id: str) -> dict[str, Any]:
        fields = {**request.fields, "run_id": run_id, "run_uuid": run_id}
        if request.endpoint in (batches.DELIVER, batches.BATCH, "updateRun"):
            fields |= {"sender": stream.row.sender, "sequence": request.last}
        return fields

    def _settle_tags(self, stream: Stream, request: Request, run_id: str) -> None:
        """MLflow's server knows no sequence: where a request may come late, tags are read back when
        the run ends, and set right."""
        doubtful, tags = stream.doubtful, _tags(request)
        doubtful.update({key: tags[key] for key in tags if key in doubtful})
        if not is_end(request.endpoint, request.fields) or self._server.delivers(SEND_SECONDS):
            return
        there = self._server.post("getRun", {"run_id": run_id}, SEND_SECONDS).data.tags
        wrong = [(key, value) for key, value in doubtful.items() if there.get(key) != value]
        for at in range(0, len(wrong), batches.MLFLOW.tags):
            fields = batches.tags(wrong[at : at + batches.MLFLOW.tags])
            self._server.post(batches.BATCH, {**fields, "run_id": run_id}, SEND_SECONDS)
        doubtful.clear()

    # -- what went wrong --------------------------------------------------------------------

    def _not_taken(
        self, stream: Stream, request: Request | None, items: list[Item], failure: Unavailable
    ) -> bool:
        """Handle a server that did not answer, or is not well."""
        error = failure.error
        if request is None or error.error_code not in FAILING:
            if request is not None and failure.may_be_done:  # it may be too much for the time
                stream.window = max(1, min(stream.window, request.items) // SHRINK)
            self._wait_for_server(error)
            return False
        return self._failing(stream, request, items, error)

    def _failing(
        self, stream: Stream, request: Request, items: list[Item], error: RunlogError
    ) -> bool:
        """Find out whether it is the server that fails, or this request."""
        stream.failures += 1
        stream.window = max(1, min(stream.window, request.items) // SHRINK)
        if stream.failures > ATTEMPTS and request.items == 1 and self._next_is_taken(stream, items):
            self._put_aside(stream, request.last, error)
            self._confirm(stream, items[1][0])
            stream.failures = 0
            return True
        pause = self._server.factor * 2 ** min(stream.failures - 5, 6) if request.items == 1 else 0
        stream.retry_at = time.monotonic() + min(SLOWEST, max(0.05, pause))
        self._warn(
            f"failing {stream.row.run_id}",
            f"{self._server.uri} fails at log calls of run {stream.row.run_id}, which wait: "
            f"{error.message}",
        )
        self.error = error
        self._notify_waiters()
        return True

    def _next_is_taken(self, stream: Stream, items: list[Item]) -> bool:
        if len(items) < 2:
            return False
        try:
            request = batches.first(items[1:], 1, self._server.delivers(SEND_SECONDS))
            return self._post(stream, request)
        except (Unavailable, RunlogError):
            return False

    def _not_accepted(
        self, stream: Stream, request: Request | None, items: list[Item], error: RunlogError
    ) -> bool:
        """Handle a refusal of a request, or of us."""
        if request is not None and error.error_code in FAILING:
            return self._failing(stream, request, items, error)
        if request is None or error.error_code not in REFUSED:
            self._wait_for_server(error, SLOWEST)
            self._denied.set()
            return False
        self.answered()
        if request.items > 1 and not self._is_gone(stream):
            stream.window = max(1, min(stream.window, request.items) // SHRINK)
            return True
        last = stream.last if request.items > 1 else request.last
        self._put_aside(stream, last, error)
        self._confirm(stream, last)
        return True

    def _is_gone(self, stream: Stream) -> bool:
        """Return whether the run cannot be logged to, so that all that waits of it is refused."""
        run_id = self._server.id_there(stream.row.run_id)
        if run_id is None:
            return False
        try:
            run = self._server.post("getRun", {"run_id": run_id}, SEND_SECONDS)
        except NotFound:
            return True
        except (Unavailable, RunlogError):
            return False
        return bool(run.info.lifecycle_stage == LifecycleStage.DELETED)

    def _put_aside(self, stream: Stream, last: int, error: RunlogError) -> None:
        count = self.outbox.file.put_aside(stream.row, last, str(error))
        self._server.forget(stream.row.run_id)
        self._warn(
            f"refused {stream.row.run_id}",
            f"{self._server.uri} refuses {_calls(count)} of run "
            f"{stream.row.run_id}, put aside in {self.outbox.file.path}: {error}. "
            "See  runlog outbox list",
        )

    def not_answered(self, error: RunlogError, seconds: float) -> None:
        """A caller waited so long for an answer to a request of its own, and had none."""
        self._waited += seconds
        self._wait_for_server(error)

    def _wait_for_server(self, error: RunlogError, pause: float = 0.0) -> None:
        if self.error is None:
            warn(
                f"{error.message}. Log calls wait in {self.outbox.file.path} and are sent when "
                f"{self._server.uri} takes them"
            )
        self.error = error
        self._pause = min(SLOWEST, 2 * self._pause) if self._pause else self._server.factor / 2
        self._retry_at = time.monotonic() + max(0.05, pause, self._pause)
        self._notify_waiters()

    def answered(self) -> None:
        """The server has answered: what waited in the outage that ends is forgotten."""
        self.is_answered = True
        self._pause = self._retry_at = self._waited = 0.0
        self._denied.clear()
        was_away, self.error = self.error is not None, None
        if was_away:
            warn(f"{self._server.uri} answers again: what waited is being sent")

    def run_changed(self, run_id: str, fields: Mapping[str, Any]) -> None:
        """The server has taken a caller's change of a run."""
        stream = self.outbox.streams.get(run_id)
        if stream is None or not is_end("updateRun", fields):
            return
        if stream.doubtful:
            request = Request("updateRun", dict(fields), stream.last, 1)
            try:
                self._settle_tags(stream, request, self._server.id_there(run_id) or run_id)
            except (Unavailable, RunlogError) as error:
                self._warn(f"tags {run_id}", f"the tags of run {run_id} were not checked: {error}")
        self.outbox.end(stream)

    def _warn(self, what: str, text: str) -> None:
        """Log a warning, of each kind at most one a minute."""
        moment = time.monotonic()
        if self._warned.get(what, 0.0) <= moment:
            self._warned[what] = moment + 60.0
            warn(text)

    # -- what is done -----------------------------------------------------------------------

    def _confirm(self, stream: Stream, last: int) -> None:
        """The items up to `last` need not be sent again."""
        last = max(last, stream.confirmed)
        self._delete(stream, last)
        stream.confirmed = last
        self._notify_waiters()
        if not stream.waits:
            self._items.pop(stream.row.id, None)
            if not stream.is_own and stream.deleted == last:
                self._end_adopted(stream)
            elif stream.row.sender != self.outbox.sender:  # of a signal handler
                self.outbox.end(stream)

    def _delete(self, stream: Stream, last: int) -> None:
        """Delete what is sent, unless a log call is in the way; then it goes with what follows."""
        try:
            if self.outbox.file.delete(stream.row.id, last):
                stream.deleted = last
        except StoreError as error:  # of a full disk, for example
            self._warn("delete", f"{self.outbox.file.path} cannot be tidied up: {error.message}")

    def _tidy(self) -> None:
        """Delete what could not be deleted when it was sent."""
        for stream in self._all():
            if stream.deleted < stream.confirmed:
                self._delete(stream, stream.confirmed)

    def _notify_waiters(self) -> None:
        with self.outbox.progress:
            self.outbox.progress.notify_all()

    # -- what ended processes left ----------------------------------------------------------

    def adopt(self, any_login: bool = False) -> bool:
        """Take over what processes that have ended logged under this login; return whether there
        is something."""
        with self._adopting:
            rows = [
                row
                for row in self.outbox.file.streams()
                if row.id not in self._adopted
                and process_of(row.sender) != self.outbox.sender
                and (any_login or row.login == self.outbox.login)
            ]
            ended = {
                process
                for process in {process_of(row.sender) for row in rows}
                if self._inherits(process)
            }
            for row in rows:
                if process_of(row.sender) in ended:
                    stream = Stream(row, self.outbox.file.last(row.id), is_own=False)
                    self._adopted[row.id] = stream
                    if not stream.waits:
                        self._end_adopted(stream)
        return bool(ended)

    def _inherits(self, process: str) -> bool:
        """Take the lock of a process; False where it is alive."""
        if process not in self._heirs:
            try:
                owner = owners.lock(self.outbox.file.path, process)
            except OSError:
                return False
            if owner is None:
                return False
            self._heirs[process] = owner
        return True

    def _end_adopted(self, stream: Stream) -> None:
        self._items.pop(stream.row.id, None)
        try:
            if not self.outbox.file.end_stream(stream.row.id):
                return
        except StoreError:
            return
        with self._adopting:
            self._adopted.pop(stream.row.id, None)
            process = process_of(stream.row.sender)
            if not any(process_of(each.row.sender) == process for each in self._adopted.values()):
                owner = self._heirs.pop(process, None)
                if owner is not None:
                    owner.release()

    def pending(self) -> list[Stream]:
        """Return what is adopted and not sent."""
        return [stream for stream in [*self._adopted.values()] if stream.waits]

    def send_all(self, any_login: bool = False) -> int:
        """Send what ended processes left, and return how many items those were. Raises what keeps
        the rest from being sent."""
        with self._sending:
            self.adopt(any_login)
            total = sum(self.outbox.file.waiting(stream.row.id)[0] for stream in self.pending())
            while streams := self.pending():
                before = [stream.confirmed for stream in streams]
                for stream in streams:
                    time.sleep(max(0.0, stream.retry_at - time.monotonic()))
                    is_away = not self._send_some(stream)
                    if is_away or stream.failures > 2 * ATTEMPTS:
                        raise self.error or RunlogError(f"{self._server.uri} takes nothing")
                if before == [stream.confirmed for stream in streams] and self._is_stuck(streams):
                    break
        return total

    def _is_stuck(self, streams: list[Stream]) -> bool:
        """Return whether these wait for runs that nobody makes."""
        return all(self._server.id_there(stream.row.run_id) is None for stream in streams)

    # -- waiting ----------------------------------------------------------------------------

    def wait(self, seconds: float, run_id: str | None = None, aloud: bool = False) -> bool:
        """Wait until what waits now is sent, of a run or of this process and those that it forked;
        return whether it is. It ends when the server will not talk with us, and on Ctrl-C."""
        self.adopt()
        targets = self._targets(run_id)
        if not targets:
            return True
        for stream, _ in targets:
            stream.retry_at = 0.0
        begun = time.monotonic()
        deadline = begun + seconds
        report_at = begun + QUIET if aloud else deadline
        self._hurry(deadline)
        try:
            while any(stream.confirmed < last for stream, last in targets):
                moment = time.monotonic()
                if moment >= deadline or self._denied.is_set():
                    return False
                if moment >= report_at:
                    report_at = deadline
                    self._report_wait(seconds)
                self._wait_a_little(min(deadline, report_at) - moment)
            return True
        except KeyboardInterrupt:
            if not aloud:
                raise
            return False
        finally:
            self._hurried_until = 0.0
            if self.error is not None:
                self._waited += time.monotonic() - begun

    def wait_in_outage(
        self, seconds: float, run_id: str | None = None, aloud: bool = False
    ) -> bool:
        """`wait`, where all waits of one outage together take no longer than one."""
        return self.wait(self.remaining_in_outage(seconds), run_id, aloud)

    def remaining_in_outage(self, seconds: float) -> float:
        """Return how many of these seconds a caller may still wait in the present outage."""
        return max(0.0, seconds - self._waited)

    def _targets(self, run_id: str | None) -> list[tuple[Stream, int]]:
        streams = self.outbox.waiting(run_id)
        for stream in self.pending():
            child = stream.row.sender.startswith(self.outbox.sender + ".")
            if child if run_id is None else stream.row.run_id == run_id:
                streams.append(stream)
        return [(stream, stream.last) for stream in streams]

    def _hurry(self, deadline: float) -> None:
        self._denied.clear()  # retry
        self._hurried_until = deadline
        self._retry_at = self._pause = 0.0
        self.start()
        self._wake.set()

    def _wait_a_little(self, seconds: float) -> None:
        thread = self._thread
        if thread is None or not thread.is_alive():  # the interpreter ends
            time.sleep(min(seconds, self._pass()))
            return
        with self.outbox.progress:
            self.outbox.progress.wait(max(0.0, min(seconds, 0.1)))

    def _report_wait(self, seconds: float) -> None:
        warn(
            f"waiting up to {seconds:.0f} s for {_calls(self.outbox.items())} to reach "
            f"{self._server.uri} (Ctrl-C leaves them in {self.outbox.file.path})"
        )

    def finish(self, seconds: float) -> None:
        """Wait for what waits, report what is not sent, and end."""
        try:
            if not self.wait_in_outage(seconds, aloud=True):
                self.report_unsent()
        finally:
            self._ending.set()
            self._wake.set()
            thread = self._thread
            if (
                thread is not None
                and thread.is_alive()
                and thread is not threading.current_thread()
            ):
                thread.join(1.0)
            for owner in self._heirs.values():
                owner.release()
            self.outbox.close()

    def report_unsent(self) -> None:
        """Report what is not sent, and how it will be."""
        why = f" ({self.error.message})" if self.error is not None else ""
        warn(
            f"not sent to {self._server.uri}: {_calls(self.outbox.items())}{why}. The next program "
            "that logs there sends what is left, or:  runlog outbox send  "
            f"(it is in {self.outbox.file.path})"
        )


def _calls(count: int) -> str:
    return f"{count} log call{'s' * (count != 1)}"


def is_end(endpoint: str, fields: Mapping[str, Any]) -> bool:
    """Return whether a request ends a run."""
    return endpoint == "updateRun" and RunStatus.is_terminated(fields.get("status", "RUNNING"))


def _tags(request: Request) -> dict[str, str]:
    return {each["key"]: each["value"] for each in request.fields.get("tags", ())}
