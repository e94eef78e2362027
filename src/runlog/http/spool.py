"""What log calls say while their server is away: kept on this machine's disk, and sent later.

A spool is a file of one process for one server. Its first line says whose it is; each line after it
is a request, endpoint and fields as in the protocol, in the order of the calls. The process holds a
lock on its file and sends what is in it as soon as the server answers. If it ended before that, its
lock has ended too, and the next program that logs to the server sends the file, or the command
`runlog spool send`. A request may be sent twice: a repeated point is one point, and the last value
of a tag stays the last.

What the server refuses, or fails at while it takes what is behind it, is put aside: into a file of
the same form beside the spool, from where `runlog spool send --refused` sends it again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

from runlog import validate
from runlog.errors import RunlogError
from runlog.http.link import Away, tell
from runlog.settings import setting, state_folder

Send = Callable[[str, Mapping[str, Any]], object]

OFF = ("0", "off", "no", "false")
END, ASIDE = ".jsonl", ".refused"
RUN: tuple[str, ...] = ("run_id", "run_uuid")  # what names a run
LONG = 5.0  # seconds, after which an attempt at the end of a program is the last
SLOWEST = 60.0  # seconds between two attempts of the thread that sends
# What a server will never take: all else may be another day's trouble, a token that expired say.
REFUSED = frozenset(
    "INVALID_PARAMETER_VALUE BAD_REQUEST RESOURCE_DOES_NOT_EXIST RESOURCE_ALREADY_EXISTS".split()
)
# What may be the server's trouble or the request's own: what is behind it tells.
FAILING = frozenset("INTERNAL_ERROR PERMISSION_DENIED ENDPOINT_NOT_FOUND".split())
PAUSES = (0.1, 0.4, 1.6)  # seconds, after which a request is tried again that the server fails at


class Request(NamedTuple):
    """A request of a spool, and where the next one begins in the file."""

    endpoint: str
    given: dict[str, Any]
    end: int


class Left(NamedTuple):
    """A spool on the disk: its path, the server it is for, how many requests it has, whether the
    process that wrote it still has it; and why, if these are requests that were put aside."""

    path: str
    uri: str
    requests: int
    in_use: bool
    refused: str = ""


def folder() -> str:
    """Where spools are: RUNLOG_SPOOL, or runlog/spool in the user's folder for what programs keep.
    Empty where RUNLOG_SPOOL is 0, for log calls that wait for their server instead."""
    chosen = setting("SPOOL")
    if chosen is not None:
        return "" if chosen.lower() in OFF else os.path.abspath(os.path.expanduser(chosen))
    return os.path.join(state_folder(), "spool")


class Spool:
    """The requests of this process that wait for the server at `uri`; `send` sends one, and raises
    Away when the server cannot take it now. For any number of threads."""

    def __init__(self, place: str, uri: str, send: Send) -> None:
        self._place, self._uri, self._send = place, uri, send
        self._lock = threading.RLock()  # a signal handler may log, too
        self._delivering = threading.RLock()
        self._ending = threading.Event()
        self._file: BinaryIO | None = None
        self._path = ""
        self._done = self._size = 0  # bytes of the file: sent, and in all
        self._params: dict[str, list[tuple[str, str]]] = {}  # that wait, by run

    @property
    def waits(self) -> bool:
        """Whether there is something to send."""
        return self._file is not None

    def add(self, endpoint: str, given: Mapping[str, Any], even_first: bool = False) -> bool:
        """Keeps a request behind those that wait; if none do, only `even_first`. Says whether it
        did: not where the disk takes nothing. Raises InvalidParameter for a param that waits with
        another value."""
        with self._lock:
            if self._file is None and not even_first:
                return False
            self._check_params(given)
            line = json.dumps({"endpoint": endpoint, "given": given}).encode() + b"\n"
            is_first = self._file is None
            try:
                if self._file is None:
                    self._begin()
                assert self._file is not None
                self._file.seek(self._size)
                self._file.write(line)
            except OSError as error:
                self._give_up(f"{self._place} takes no request ({error.strerror})")
                return False
            self._size += len(line)
            if is_first:
                self._start()
            return True

    def _check_params(self, given: Mapping[str, Any]) -> None:
        params = [(each["key"], each["value"]) for each in given.get("params", ())]
        if params:
            known = self._params.setdefault(given["run_id"], [])
            validate.unique_params([*known, *params], given["run_id"])
            known += params

    def _begin(self) -> None:
        os.makedirs(self._place, mode=0o700, exist_ok=True)
        name = f"{_key(self._uri)}-{os.getpid()}-{os.urandom(4).hex()}{END}"
        self._path = os.path.join(self._place, name)
        file = open(self._path, "x+b", buffering=0)
        _locked(file)
        header = json.dumps({"uri": self._uri, "pid": os.getpid()}).encode() + b"\n"
        file.write(header)
        self._file, self._done, self._size = file, len(header), len(header)

    def _give_up(self, why: str) -> None:
        """What cannot be written whole is no request: the file goes on to be sent as it is."""
        if self._file is not None:
            try:
                self._file.truncate(self._size)
            except OSError:
                pass
        tell(f"{why}: log calls wait for {self._uri} again")

    def _start(self) -> None:
        tell(f"what is logged meanwhile is kept in {self._path} and sent when {self._uri} answers")
        try:
            threading.Thread(target=self._keep_trying, name="runlog spool", daemon=True).start()
        except RuntimeError:  # the interpreter ends: `finish` comes
            pass

    def _keep_trying(self) -> None:
        delay = 1.0
        while not self._ending.wait(delay) and self.waits:
            before = self._done
            try:
                self.deliver()
            except Away:
                delay = 1.0 if self._done > before else min(SLOWEST, 2 * delay)
            except RunlogError as error:
                tell(f"{self._path} cannot be sent yet: {error.message}")
                delay = SLOWEST

    def deliver(self, send: Send | None = None) -> None:
        """Sends what waits, in order. Raises what `send` raises, when the rest waits on."""
        with self._delivering:
            while (file := self._file) is not None:
                with open(self._path, "rb") as reader:
                    waiting = requests(reader, self._done, self._size)
                    for request in _sent(self._path, self._uri, waiting, send or self._send):
                        if self._file is not file:  # a signal handler was faster
                            break
                        self._done = request.end
                with self._lock:
                    if self._file is file and self._done >= self._size:
                        self._end(file)

    def _end(self, file: BinaryIO) -> None:
        self._file, self._params = None, {}
        file.close()
        _remove(self._path)
        tell(f"{self._uri} has all that was kept in {self._path}")

    def _insist(self) -> None:
        """Delivers, again after short pauses, from their first whenever it got further: the last
        attempt of a program should not be lost to one bad moment. A server that leaves an attempt
        without an answer is not waited for."""
        pauses = iter(PAUSES)
        while True:
            before, begun = self._done, time.monotonic()
            try:
                return self.deliver()
            except Away:
                if self._done > before:
                    pauses = iter(PAUSES)
                pause = next(pauses, None)
                if pause is None or time.monotonic() - begun > LONG:
                    raise
                time.sleep(pause)

    def finish(self) -> None:
        """Sends what waits if the server takes it now; else it stays, and says so."""
        self._ending.set()
        try:
            self._insist()
        except (Away, RunlogError) as error:
            why = error.trouble.message if isinstance(error, Away) else error.message
            tell(
                f"{self._path} has log calls that were not sent ({why}). The next program that "
                f"logs to {self._uri} sends them, or:  runlog spool send"
            )
        finally:
            if self._file is not None:
                self._file.close()
                self._file = None


# -- files ----------------------------------------------------------------------------------


def left(place: str, uri: str | None = None) -> list[Left]:
    """The spools on the disk, of one server or of all, and what was put aside."""
    found = []
    for path in [*_paths(place, uri), *_paths(place, uri, ASIDE)]:
        try:
            with open(path, "r+b") as file:
                in_use = not _locked(file)
                header = _header(file)
                count, last = 0, b""
                for last in file:
                    count += last.endswith(b"\n")
        except OSError:
            continue
        refused = _error(last) if path.endswith(ASIDE) else ""
        found.append(Left(path, header.get("uri", ""), count, in_use, refused))
    return found


def take_back(place: str) -> None:
    """Makes spools again of what was put aside."""
    for path in _paths(place, None, ASIDE):
        os.replace(path, f"{path.removesuffix(ASIDE)}-{os.urandom(4).hex()}{END}")


def adopt(place: str, uri: str, send: Send) -> int:
    """Sends what processes that have ended left for a server, and says how many requests that
    were. Raises what `send` raises; the rest stays."""
    sent, trouble = 0, None
    for path in _paths(place, uri):
        try:
            sent += _adopted(path, uri, send)
        except (Away, RunlogError) as error:
            if _code(error) not in FAILING:
                raise
            trouble = error  # of that file, perhaps not of the next
    if trouble is not None:
        raise trouble
    return sent


def _adopted(path: str, uri: str, send: Send) -> int:
    try:
        file = open(path, "r+b")
    except OSError:  # another process has sent it
        return 0
    with file:
        if not _locked(file):
            return 0
        _header(file)
        waiting = requests(file, file.tell(), os.fstat(file.fileno()).st_size)
        sent = sum(1 for _ in _sent(path, uri, waiting, send))
        if sys.platform != "win32":  # there nobody deletes what is open
            _remove(path)
    _remove(path)
    return sent


def requests(file: BinaryIO, start: int, end: int) -> Iterator[Request]:
    """The requests between two places of a file; points of one run that follow one another are put
    together. A last line that is not whole belongs to a call that never returned."""
    file.seek(start)
    waiting: Request | None = None
    while start < end and (line := file.readline()).endswith(b"\n"):
        start += len(line)
        try:
            said = json.loads(line)
            request = _as_batch(said["endpoint"], said["given"], start)
        except (ValueError, KeyError, TypeError):  # a disk that failed
            tell(f"{file.name}: a line that cannot be read is left out")
            continue
        together = waiting and _together(waiting, request)
        if waiting and not together:
            yield waiting
        waiting = together or request
    if waiting:
        yield waiting


def _as_batch(endpoint: str, given: dict[str, Any], end: int) -> Request:
    if endpoint != "logMetric":
        return Request(endpoint, given, end)
    run = {name: given.pop(name) for name in RUN if name in given}
    return Request("logBatch", {**run, "metrics": [given]}, end)


def _together(one: Request, other: Request) -> Request | None:
    if not one.endpoint == other.endpoint == "logBatch":
        return None
    others = [{**each.given, "metrics": None} for each in (one, other)]
    points = [*one.given.get("metrics", ()), *other.given.get("metrics", ())]
    if others[0] != others[1] or len(points) > validate.MAX_METRICS_PER_BATCH:
        return None
    if one.given.keys() - {*RUN, "metrics"}:  # params and tags stay as they came
        return None
    return Request("logBatch", {**one.given, "metrics": points}, other.end)


def _sent(path: str, uri: str, waiting: Iterable[Request], send: Send) -> Iterator[Request]:
    """Sends requests, and yields those that need not be sent again, all before them included.
    Raises what `send` raises, but for a request that is put aside."""
    failed: tuple[Request, Away | RunlogError] | None = None
    for request in waiting:
        error = _attempt(request, send)
        if error is not None and _code(error) not in REFUSED:
            if failed is not None or _code(error) not in FAILING:
                raise error
            failed = request, error
            continue
        if failed is not None:  # the server is well: it was the request
            _put_aside(path, uri, *failed)
            failed = None
        if error is not None:
            _put_aside(path, uri, request, error)
        yield request
    if failed is not None:
        raise failed[1]


def _attempt(request: Request, send: Send) -> Away | RunlogError | None:
    """What went wrong. A bad moment of the server is given time to pass."""
    pauses = iter(PAUSES)
    while True:
        try:
            send(request.endpoint, request.given)
            return None
        except RunlogError as error:  # it has been tried as often as it may help
            return error
        except Away as away:
            pause = next(pauses, None)
            if pause is None or _code(away) not in FAILING:
                return away
        time.sleep(pause)


def _code(error: Away | RunlogError) -> str:
    return (error.trouble if isinstance(error, Away) else error).error_code


def _put_aside(path: str, uri: str, request: Request, error: Away | RunlogError) -> None:
    aside = path.removesuffix(END) + ASIDE
    said = {"error": str(error), "endpoint": request.endpoint, "given": request.given}
    with open(aside, "ab") as file:
        lines = [said] if file.tell() else [{"uri": uri}, said]
        file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    tell(f"the server refuses a log call that was kept: {error}. It is now in {aside}")


def _error(line: bytes) -> str:
    try:
        return str(json.loads(line)["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def _paths(place: str, uri: str | None, end: str = END) -> list[str]:
    start = "" if uri is None else _key(uri) + "-"
    try:
        names = os.listdir(place) if place else []
    except OSError:
        return []
    return sorted(
        (
            os.path.join(place, name)
            for name in names
            if name.startswith(start) and name.endswith(end)
        ),
        key=_age,
    )


def _age(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _header(file: BinaryIO) -> dict[str, Any]:
    try:
        said = json.loads(file.readline())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _key(uri: str) -> str:
    return sha256(uri.encode()).hexdigest()[:16]


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _locked(file: BinaryIO) -> bool:
    """Takes the lock of a file, which lasts as long as the process; False if another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            at = file.tell()
            file.seek(1 << 40)  # what is locked cannot be read there
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            finally:
                file.seek(at)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
