"""A place behind a network, as ArtifactRepo uses it: connections, and an end to waiting."""

from __future__ import annotations

import os
import threading
from typing import Any
from urllib.parse import quote

from runlog.artifacts import schemes
from runlog.artifacts.failures import is_final
from runlog.artifacts.paths import Address
from runlog.artifacts.transfer import Transfer, memory, patience
from runlog.errors import InvalidParameter

_remotes: dict[Any, Remote] = {}


def remote(address: Address) -> Remote:
    """The way to the host of an address; repositories of one process share it while the
    environment that it was opened in is the same. Raises InvalidParameter, MissingExtra."""
    scheme = schemes.row(address)
    options = repr(scheme.options(address))
    key = (os.getpid(), *address[:2], *address[3:5], memory(), patience(), options)
    found = _remotes.get(key)
    if found is None:
        found = _remotes.setdefault(key, Remote(scheme, address))
    return found


class Remote:
    """The methods of fsspec's file systems that ArtifactRepo calls, for paths of one host.

    Every call ends: a coroutine is cancelled after RUNLOG_ARTIFACT_TIMEOUT, and file systems that
    block have that as the timeout of their sockets. A lost connection is opened again.
    """

    def __init__(self, scheme: schemes.Scheme, address: Address) -> None:
        self.traits = scheme
        self.room = memory() // 4  # a part that is on its way stands in memory up to three times
        password = schemes.password_of(address)
        self.secrets = (password, quote(password, "")) if password else ()
        self._address = address
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Remote {self._address}>"

    # -- connections ------------------------------------------------------------------------

    def new(self) -> Any:
        return schemes.make(self.traits, self._address, self.room)

    def _take(self) -> Any:
        if self._pid != os.getpid():  # connections, loops and locks do not cross a fork
            self._start()
        with self._lock:
            if self._idle:
                return self._idle[-1] if self.traits.shared else self._idle.pop()
            if self.traits.shared:  # the others wait for this one
                self._idle.append(self.new())
                return self._idle[-1]
        return self.new()

    def _give_back(self, files: Any) -> None:
        if not self.traits.shared:
            with self._lock:
                self._idle.append(files)

    def _lost(self) -> None:
        """All connections are as old as the one that broke, or older."""
        if self.traits.reconnects:
            with self._lock:
                self._idle.clear()

    def _call(self, name: str, *args: Any, transfer: Transfer | None = None, **kwargs: Any) -> Any:
        files = self._take()
        try:
            result = self._run(files, name, args, kwargs, transfer)
        except BaseException as error:
            if is_final(error):
                self._give_back(files)
            else:
                self._lost()
            raise
        self._give_back(files)
        return result

    def _run(self, files: Any, name: str, args: Any, kwargs: Any, transfer: Transfer | None) -> Any:
        coroutine = getattr(files, f"_{name}", None) if files.async_impl else None
        if coroutine is None:
            return getattr(files, name)(*args, **kwargs)
        import asyncio

        given_up = threading.Event()

        async def guarded() -> Any:
            try:
                return await coroutine(*args, **kwargs)
            except Exception:
                if not given_up.is_set():  # or else nobody is there to hear of it
                    raise

        def give_up() -> None:
            given_up.set()
            future.cancel()

        future = asyncio.run_coroutine_threadsafe(guarded(), files.loop)
        if transfer is not None:
            transfer.cancel = give_up
        try:
            return future.result(None if transfer is not None else patience())
        except BaseException:
            give_up()
            raise

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A call that may be made again: over a new connection, if the first one is stale."""
        try:
            return self._call(name, *args, **kwargs)
        except Exception as error:
            if is_final(error) or not self.traits.reconnects:
                raise
        return self._call(name, *args, **kwargs)

    # -- what ArtifactRepo calls ------------------------------------------------------------

    def info(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("info", self._path(path))
        return found

    def ls(self, path: str, detail: bool = True) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("ls", self._path(path), detail=True)
        return [self._followed(entry) for entry in found]

    def _followed(self, entry: dict[str, Any]) -> dict[str, Any]:
        if entry["type"] != "link":
            return entry
        try:
            return {**self.info(entry["name"]), "name": entry["name"], "islink": True}
        except Exception:  # it leads nowhere
            return {**entry, "type": "file", "islink": True}

    def find(self, path: str) -> list[dict[str, Any]]:
        return [*self._ask("find", self._path(path), detail=True).values()]

    def makedirs(self, path: str, exist_ok: bool = True) -> None:
        if self.traits.directories:
            self._ask("makedirs", self._path(path), exist_ok=exist_ok)

    def put(self, transfer: Transfer) -> None:
        self._writable()
        if transfer.data is not None:
            self._call("pipe_file", transfer.place, transfer.data, transfer=transfer)
        else:
            self._call(
                "put_file",
                transfer.local,
                transfer.place,
                callback=transfer,
                transfer=transfer,
                **self.traits.put(self.room),
            )

    def get(self, path: str, transfer: Transfer, local: str) -> None:
        # A small file takes one request, if it is not treated as one that may fill the room.
        room = min(self.room, transfer.size or self.room)
        self._call(
            "get_file",
            self._path(path),
            local,
            callback=transfer,
            transfer=transfer,
            **self.traits.get(room),
        )

    def mv(self, hidden: str, path: str) -> None:
        self._call("mv", hidden, path)

    def rm(self, path: str, recursive: bool = False) -> None:
        self._writable()
        self._ask("rm", self._path(path), recursive=recursive)

    def abandon(self, place: str) -> None:
        """Clean up what a failed transfer to `place` may have left, as far as that is possible."""
        files = self._take()
        try:
            if self.traits.moves:
                self._run(files, "rm", (place,), {}, None)
            else:
                self.traits.abandon(files, place)
        finally:
            self._give_back(files)

    def open(self, path: str) -> Any:
        # A file of its own connection, where they are not shared: it may stay open for long.
        path = self._path(path)
        if not self.traits.shared:
            return self.new().open(path, "rb", block_size=2**20)
        return self._take().open(path, "rb", block_size=2**22)

    def cat(self, path: str, start: int, end: int) -> bytes:
        found: bytes = self._ask("cat_file", self._path(path), start=start, end=end)
        return found

    def ask_s3(self, name: str, place: str, **given: Any) -> dict[str, Any]:
        """A call of S3's own, about one object."""
        bucket, _, key = place.partition("/")
        found: dict[str, Any] = self._ask("call_s3", name, Bucket=bucket, Key=key, **given)
        return found

    def signed(self, place: str, call: str, seconds: int, **given: Any) -> str:
        """The address at which anyone may make a call of S3's, once it is signed."""
        return str(self._ask("url", place, expires=seconds, client_method=call, **given))

    def _writable(self) -> None:
        if not self.traits.writable:
            raise InvalidParameter(f"{self._address.scheme}: addresses can only be read")

    def _path(self, path: str) -> str:
        if not self.traits.quoted:
            return path
        scheme, _, rest = path.partition("://")
        host, _, rest = rest.partition("/")
        return f"{scheme}://{host}/{quote(rest)}"
