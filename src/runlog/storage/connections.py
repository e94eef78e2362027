"""A file system behind a network, as ArtifactRepo uses it: connections and timeouts."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from mimetypes import guess_type
from typing import Any, cast
from urllib.parse import quote

from runlog.errors import InvalidParameter
from runlog.storage import schemes
from runlog.storage.errors import is_final
from runlog.storage.paths import Address, last_part
from runlog.storage.scheduler import finish, in_thread, together
from runlog.storage.transfer import Transfer, memory, timeout

_PIECE = 8 << 20  # bytes of a big file that one request fetches, at most

_remotes: dict[Any, Remote] = {}


def remote(address: Address) -> Remote:
    """Return the file system of the host of an address; repositories of one process share it
    while the environment that it was opened in is the same. Raises InvalidParameter and
    MissingExtra."""
    scheme = schemes.row(address)
    options = repr(scheme.options(address))
    key = (os.getpid(), *address[:2], *address[3:5], memory(), timeout(), options)
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
        self._lock, self._connecting = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        return f"<Remote {self._address}>"

    # -- connections ------------------------------------------------------------------------

    def new(self) -> Any:
        return schemes.create(self.traits, self._address, self.room)

    def _take(self) -> Any:
        files = self._take_idle()
        if files is not None or not self.traits.shared:
            return files or self.new()
        with self._connecting:  # the others wait for this one
            files = self._take_idle()
            if files is None:
                files = self.new()
                self._idle.append(files)
        return files

    def _take_idle(self) -> Any:
        if self._pid != os.getpid():  # connections, loops and locks do not cross a fork
            self._start()
        with self._lock:
            if not self._idle:
                return None
            return self._idle[-1] if self.traits.shared else self._idle.pop()

    def _give_back(self, files: Any) -> None:
        if not self.traits.shared:
            with self._lock:
                self._idle.append(files)

    def _lost(self) -> None:
        """Drop all connections: they are as old as the one that broke, or older."""
        if self.traits.reconnects:
            with self._lock:
                self._idle.clear()

    @property
    def loop(self) -> Any:
        """Return the event loop of its file systems; None where they block."""
        if not schemes.load(self.traits).async_impl:
            return None
        from fsspec.asyn import get_loop

        return get_loop()

    async def _do(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A coroutine of `loop`; one that waits for nothing but blocks, where there is none."""
        async with self._connected() as files:
            return await _method(files, name)(*args, **kwargs)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """A file system to use; it is kept if it is as good as before afterwards."""
        files = self._take_idle()
        if files is None:  # to connect, fsspec waits for its loop: nothing in that may
            files = self._take() if self.loop is None else await in_thread(self._take)
        try:
            yield files
        except BaseException as error:
            if is_final(error):
                self._give_back(files)
            else:
                self._lost()
            raise
        self._give_back(files)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._wait_for(lambda: self._do(name, *args, **kwargs))

    def _wait_for(self, action: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        loop = self.loop
        if loop is None:
            return finish(action())
        import asyncio

        given_up = threading.Event()

        async def guarded() -> Any:
            try:
                return await action()
            except Exception:
                if not given_up.is_set():  # or else nobody is there to see it
                    raise

        future = asyncio.run_coroutine_threadsafe(guarded(), loop)
        try:
            return future.result(timeout())
        except BaseException:
            given_up.set()
            future.cancel()
            raise

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method; again, over a new connection, if the first one is
        stale."""
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

    async def put(self, transfer: Transfer, data: bytes | None) -> None:
        """Send `data`, if the file has been read, or else the local file."""
        self._writable()
        if data is not None:
            options = self.traits.content_type(guess_type(transfer.path)[0])
            await self._do("pipe_file", transfer.target, data, **options)
            transfer.absolute_update(len(data))
        else:
            how = self.traits.put(self.room)
            await self._do("put_file", transfer.local, transfer.target, callback=transfer, **how)

    async def get(self, path: str, transfer: Transfer, local: str) -> None:
        path, size = self._path(path), transfer.size
        if self.traits.pieces and size is not None and size > min(_PIECE, self.room):
            async with self._connected() as files:
                return await _get_in_pieces(files, path, transfer, local, self.room)
        # A small file takes one request, if it is not treated as one that may fill the room.
        how = self.traits.get(min(self.room, size or self.room))
        await self._do("get_file", path, local, callback=transfer, **how)

    async def size(self, path: str) -> int:
        return cast(int, (await self._do("info", self._path(path)))["size"])

    async def sizes_in(self, directory: str) -> dict[str, int]:
        """Those of the files in a directory, by name."""
        found = await self._do("ls", self._path(directory), detail=True)
        return {last_part(entry["name"]): entry["size"] for entry in found}

    async def mv(self, hidden: str, path: str) -> None:
        await self._do("mv", hidden, path)

    def rm(self, path: str, recursive: bool = False) -> None:
        self._writable()
        self._ask("rm", self._path(path), recursive=recursive)

    def abandon(self, path: str) -> None:
        """Clean up what a failed transfer to `path` may have left, as far as that is possible."""
        if self.traits.moves:
            self._call("rm", path)
        else:
            self._wait_for(lambda: self._abandon(path))

    async def _abandon(self, path: str) -> None:
        async with self._connected() as files:
            await self.traits.abandon(files, path)

    def open(self, path: str) -> Any:
        # A file of its own connection, where they are not shared: it may stay open for long.
        path = self._path(path)
        if not self.traits.shared:
            return self.new().open(path, "rb", block_size=2**20)
        return self._take().open(path, "rb", block_size=2**22)

    def cat(self, path: str, start: int, end: int) -> bytes:
        found: bytes = self._ask("cat_file", self._path(path), start=start, end=end)
        return found

    def call_s3(self, name: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Return a call of S3's own, about one object."""
        bucket, _, key = path.partition("/")
        found: dict[str, Any] = self._ask("call_s3", name, Bucket=bucket, Key=key, **arguments)
        return found

    def signed(self, path: str, call: str, seconds: int, **arguments: Any) -> str:
        """Return a signed URL, with which anyone may make a call of S3's."""
        return str(self._ask("url", path, expires=seconds, client_method=call, **arguments))

    def _writable(self) -> None:
        if not self.traits.writable:
            raise InvalidParameter(f"{self._address.scheme}: addresses can only be read")

    def _path(self, path: str) -> str:
        if not self.traits.quoted:
            return path
        scheme, _, rest = path.partition("://")
        host, _, rest = rest.partition("/")
        return f"{scheme}://{host}/{quote(rest)}"


def _method(files: Any, name: str) -> Callable[..., Awaitable[Any]]:
    if files.async_impl and hasattr(files, f"_{name}"):
        return cast(Callable[..., Awaitable[Any]], getattr(files, f"_{name}"))

    async def blocking(*args: Any, **kwargs: Any) -> Any:
        return getattr(files, name)(*args, **kwargs)

    return blocking


async def _get_in_pieces(files: Any, path: str, transfer: Transfer, local: str, room: int) -> None:
    """Fetch a big file in ranges, some at once. It must be the same one from first to last."""
    found = await _method(files, "info")(path)
    size = found["size"]  # it may be another one than that in the listing already
    length = min(_PIECE, room)
    starts = iter(range(0, size, length))
    with open(local, "wb") as file:

        async def fetch() -> None:
            for start in starts:
                end = min(start + length, size)
                piece = await _method(files, "cat_file")(path, start=start, end=end)
                file.seek(start)
                file.write(piece)
                transfer.relative_update(len(piece))

        await together([fetch() for _ in range(room // length)])
    if _version(await _method(files, "info")(path)) != _version(found):
        raise OSError(f"{path} was replaced while it was fetched")


def _version(entry: dict[str, Any]) -> list[Any]:
    return [entry.get(key) for key in ("size", "ETag", "etag", "generation", "mtime")]
