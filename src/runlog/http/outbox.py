"""The outbox: log calls to a server are committed to a file of this machine before they return.

Each host has one file for a server, which all its processes share; `runlog.db.outbox` has the SQL.
An `Outbox` is what this process logs there under one login; `runlog.http.sender` sends it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from itertools import count
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from runlog.clock import now
from runlog.db import Undone
from runlog.db.outbox import OutboxFile, RefusedRow, StreamRow
from runlog.errors import StoreError, StoreUnusable
from runlog.http import owners
from runlog.http.batches import AT_ONCE
from runlog.http.owners import Owner
from runlog.settings import setting, state_folder

OFF = ("0", "off", "no", "false")
END = ".outbox"

Rows = list[tuple[str, "int | None", int, Any, "str | None"]]
"""Items without their numbers: name, step, timestamp (ms), value, fields."""

T = TypeVar("T")

_files: WeakValueDictionary[str, OutboxFile] = WeakValueDictionary()
_files_lock = threading.RLock()


def folder() -> str:
    """Return where outboxes are: RUNLOG_OUTBOX (or RUNLOG_SPOOL, its older name), or runlog/outbox
    in the user's folder for what programs leave. It is empty for RUNLOG_OUTBOX=0: then log calls
    wait for the server."""
    chosen = setting("OUTBOX") or setting("SPOOL")
    if chosen is not None:
        return "" if chosen.lower() in OFF else os.path.abspath(os.path.expanduser(chosen))
    return os.path.join(state_folder(), "outbox")


def digest(uri: str, who: str) -> str:
    """Return a digest of a login: it differs for two logins and holds no secret."""
    return sha256(f"{uri}\n{who}".encode()).hexdigest()[:24]


def file_for(uri: str) -> OutboxFile:
    """Return this host's file for the server at `uri`, shared by all of this process."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    host = "".join(each if each.isalnum() else "-" for each in socket.gethostname())
    key = sha256(uri.encode()).hexdigest()[:16]
    return _file(os.path.join(folder(), f"{host}-{user}-{key}{END}"), uri)


def _file(path: str, uri: str) -> OutboxFile:
    with _files_lock:
        found = _files.get(path)
        if found is None:
            _make_folder(os.path.dirname(path))
            found = _files[path] = OutboxFile(path, uri)
        return found


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(f"cannot make the folder {path}: {error.strerror}") from None


class Stream:
    """What one process logs to one run: how far it is stored, and how far it is sent."""

    __slots__ = (
        "confirmed",
        "deleted",
        "doubtful",
        "failures",
        "is_own",
        "last",
        "retry_at",
        "row",
        "window",
    )

    def __init__(self, row: StreamRow, last: int = 0, is_own: bool = True) -> None:
        self.row, self.last, self.is_own = row, last, is_own
        self.confirmed = self.deleted = 0
        self.window = AT_ONCE  # items that are sent at once; fewer while something is refused
        self.failures = 0  # in a row
        self.retry_at = 0.0  # monotonic
        self.doubtful: dict[str, str] = {}  # tags which a late request may still change

    @property
    def waits(self) -> bool:
        """Return whether something is not sent."""
        return self.confirmed < self.last


class Outbox:
    """What this process logs to a server, for any number of threads. Raises a StoreError where the
    disk takes nothing; then nothing of the call is stored."""

    def __init__(self, file: OutboxFile, login: str, parent: str = "") -> None:
        """`parent` is the name of the process that this one was forked from."""
        self.file, self.login = file, login
        self.file.open()
        self.sender = (parent + "." if parent else "") + os.urandom(6).hex()
        self.pid = os.getpid()
        self.owner = self._owner()
        self.streams: dict[str, Stream] = {}
        self.progress = threading.Condition()  # something was sent, or will not be
        self.added: Callable[[], None] = lambda: None
        self._numbers = count(1)  # one operation of Python's: signal handlers take some, too
        self._is_adding = False

    def _owner(self) -> Owner:
        try:
            owner = owners.lock(self.file.path, self.sender)
        except OSError as error:
            raise StoreUnusable(f"cannot lock {self.file.path}: {error.strerror}") from None
        assert owner is not None, self.sender
        return owner

    # -- log calls --------------------------------------------------------------------------

    def add_point(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        """Store one point."""
        with self.file.db.lock:
            if self._is_adding:  # a signal handler logs in the middle of another call
                self._elsewhere(run_id, [(key, step, timestamp, value, None)])
                return
            self._is_adding = True
            try:
                stream = self.streams.get(run_id) or self._stream(run_id)
                number = next(self._numbers)
                point = partial(
                    self.file.add_point, stream.row.id, number, key, value, timestamp, step
                )
                try:
                    point()
                except StoreError as error:
                    self._recovered(error, point)
                stream.last = number
            finally:
                self._is_adding = False
        self.added()

    def add(self, run_id: str, rows: Rows) -> None:
        """Store points and calls, all or none."""
        with self.file.db.lock:
            if self._is_adding:
                self._elsewhere(run_id, rows)
                return
            self._is_adding = True
            try:
                stream = self.streams.get(run_id) or self._stream(run_id)
                self._add(stream, rows)
            finally:
                self._is_adding = False
        self.added()

    def add_call(self, run_id: str, endpoint: str, fields: str) -> None:
        """Store a request of the protocol, whose fields are JSON."""
        self.add(run_id, [(endpoint, None, now(), None, fields)])

    def _add(self, stream: Stream, rows: Rows) -> None:
        while True:
            items = [(next(self._numbers), *row) for row in rows]
            store = partial(self.file.add, stream.row.id, items)
            try:
                store()
                break
            except Undone:  # a signal handler wrote: behind what it wrote, then
                continue
            except StoreError as error:
                self._recovered(error, store)
                break
        stream.last = items[-1][0]

    def _elsewhere(self, run_id: str, rows: Rows) -> None:
        """Store what a signal handler logs while a call that it interrupted has taken its number
        and not stored its item: in a stream of its own, since items have to be stored in order."""
        row = self._begun(f"{self.sender}:{os.urandom(3).hex()}", run_id)
        stream = Stream(row)
        self._add(stream, rows)
        self.streams[f"{run_id} {row.sender}"] = stream
        self.added()

    def _stream(self, run_id: str) -> Stream:
        stream = self.streams[run_id] = Stream(self._begun(self.sender, run_id))
        return stream

    def _begun(self, sender: str, run_id: str) -> StreamRow:
        number = self.file.begin_stream(sender, self.login, run_id)
        return StreamRow(number, sender, self.login, run_id)

    def _recovered(self, error: StoreError, action: Callable[[], T]) -> T:
        """Repeat it in a new file if the file was deleted; else raise the error."""
        if not self.file.is_lost():
            raise error
        self.file.replace()
        return action()

    def end(self, stream: Stream) -> None:
        """Forget the stream of a run that has ended, if all of it is sent: a process may have
        thousands of runs."""
        if not stream.is_own:
            return
        with self.file.db.lock:
            if stream.waits or self._is_adding:
                return
            for key in [key for key, each in self.streams.items() if each is stream]:
                del self.streams[key]
            try:
                if self.file.delete(stream.row.id, stream.confirmed):
                    self.file.end_stream(stream.row.id)
            except StoreError:  # whoever takes over what this process leaves finds it empty
                pass

    def number(self) -> int:
        """Return the number of a request that is not stored before it is sent."""
        return next(self._numbers)

    # -- what waits -------------------------------------------------------------------------

    def waiting(self, run_id: str | None = None) -> list[Stream]:
        """Return the streams that are not sent, of a run or of all."""
        return [
            stream
            for stream in [*self.streams.values()]
            if stream.waits and run_id in (None, stream.row.run_id)
        ]

    def items(self) -> int:
        """Return how many items wait."""
        return sum(self.file.waiting(stream.row.id)[0] for stream in self.waiting())

    def close(self) -> None:
        """Forget what is sent, and let others send the rest."""
        for stream in [*self.streams.values()]:
            if not stream.waits:
                try:
                    self.file.delete(stream.row.id, stream.confirmed)
                    self.file.end_stream(stream.row.id)
                except StoreError:  # sent again, which changes nothing
                    pass
        self.owner.release()
        try:
            self.file.close()
        except StoreError:
            pass


def process_of(sender: str) -> str:
    """Return the name of the process that a sender belongs to, which is that of its lock."""
    return sender.partition(":")[0]


# -- all of this machine ----------------------------------------------------------------------


class Waiting(NamedTuple):
    """What waits of a run: for which server, how many items, since when (ms), and whether the
    process that logged it is alive."""

    uri: str
    run_id: str
    items: int
    oldest: int | None
    in_use: bool
    refused: str
    path: str


def files() -> Iterator[OutboxFile]:
    """Yield the outboxes in the folder, of all hosts that share it, that are the user's."""
    directory = folder()
    try:
        names = sorted(os.listdir(directory)) if directory else []
    except OSError:
        return
    for name in names:
        if name.endswith(END):
            path = os.path.join(directory, name)
            try:
                yield _file(path, _address(path))
            except StoreError:  # of somebody else, or damaged
                continue


def take_back(file: OutboxFile) -> None:
    """Make what was refused wait again, as left by a process that has ended."""
    file.take_back(os.urandom(6).hex())


def _address(path: str) -> str:
    return OutboxFile(path, "").address()


def waiting(file: OutboxFile) -> Iterator[Waiting]:
    """Yield what waits in a file, and what was refused."""
    for stream in file.streams():
        count, oldest = file.waiting(stream.id)
        if count:
            alive = is_alive(file, stream.sender)
            yield Waiting(file.uri, stream.run_id, count, oldest, alive, "", file.path)
    for refused in file.refused():
        yield _refused(file, refused)


def _refused(file: OutboxFile, row: RefusedRow) -> Waiting:
    return Waiting(file.uri, row.run_id, row.items, row.oldest, False, row.error, file.path)


def is_alive(file: OutboxFile, sender: str) -> bool:
    """Return whether the process of that name has not ended."""
    try:
        owner = owners.lock(file.path, process_of(sender))
    except OSError:
        return True
    if owner is not None:
        owner.release()
    return owner is None
