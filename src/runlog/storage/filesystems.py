"""File systems of other packages, put right where they would not do: each reason is beside it.

Every function returns a class, so that its package is imported by those alone who use it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from errno import EACCES, ENOENT
from functools import cache, partial
from html import unescape
from io import BytesIO
from shutil import copyfileobj
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import quote, unquote

from runlog.storage.scheduler import together

_OF_MLFLOW = "/mlflow-artifacts/artifacts/"  # in an address, what is below it answers in JSON
_PIECE = 1 << 20  # bytes of a body that are read at a time


@cache
def s3() -> Any:
    from aiobotocore.session import AioSession
    from s3fs import S3FileSystem

    class S3Files(S3FileSystem):  # type: ignore[misc]
        """Always has as many parts on their way as it may: s3fs's sends some, waits for the last
        of them, and sends some more. Leaves times as text: every answer has some, and to parse
        them is a tenth of the CPU that a small file takes. Keeps no listings, and does not look
        for any to forget, for each directory above each file."""

        def __init__(self, *args: Any, profile: str | None = None, **kwargs: Any) -> None:
            session = AioSession(profile=profile)
            parsers = session.get_component("response_parser_factory")
            parsers.set_parser_defaults(timestamp_parser=str)
            super().__init__(*args, session=session, **kwargs)

        def invalidate_cache(self, path: str | None = None) -> None:
            pass

        async def _upload_file_part_concurrent(
            self,
            bucket: str,
            key: str,
            mpu: Any,
            f0: Any,
            chunksize: int,
            callback: Any = None,
            max_concurrency: int | None = None,
        ) -> list[Any]:
            sent: dict[int, Any] = {}
            parts = enumerate(iter(lambda: f0.read(chunksize), b""), 1)

            async def send() -> None:
                for number, part in parts:
                    sent[number] = await self._call_s3(
                        "upload_part",
                        Bucket=bucket,
                        Key=key,
                        UploadId=mpu["UploadId"],
                        PartNumber=number,
                        Body=part,
                    )
                    callback.relative_update(len(part))

            await together([send() for _ in range(max_concurrency or 1)])
            return [sent[number] for number in sorted(sent)]

    return S3Files


@cache
def gcs() -> Any:
    from gcsfs import GCSFileSystem
    from gcsfs.core import initiate_upload

    class GcsFiles(GCSFileSystem):  # type: ignore[misc]
        """One request for all of a file, as it is read. gcsfs sends parts one after the other, each
        of them whole in memory. What an upload that failed has sent costs nothing, is not seen and
        is gone after a week."""

        async def _put_file(
            self,
            lpath: str,
            rpath: str,
            content_type: str | None = None,
            callback: Any = None,
            **_: Any,
        ) -> None:
            bucket, key, _generation = self.split_path(rpath)
            mime = content_type or "application/octet-stream"
            body = _Body(lpath, callback)
            address = await initiate_upload(self, bucket, key, mime)
            headers = {
                "Content-Type": mime,
                "Content-Length": str(body.size),
                "Content-Range": f"bytes 0-{body.size - 1}/{body.size}",
            }
            try:
                await self._call("PUT", address, headers=headers, data=body)
            except FileNotFoundError as error:  # begin again, Google's documentation says
                raise ConnectionError(f"the server has forgotten an upload: {error}") from error

    return GcsFiles


class _Body:
    """A local file as aiohttp sends it: from its beginning, if it is sent again."""

    def __init__(self, path: str, callback: Any) -> None:
        self._path = path
        self._callback = callback
        self.size = os.path.getsize(path)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = 0
        with open(self._path, "rb", buffering=0) as file:
            while piece := file.read(min(_PIECE, self.size - sent)):
                yield piece
                sent += len(piece)
                if self._callback is not None:
                    self._callback.absolute_update(sent)


@cache
def ftp() -> Any:
    import ssl
    from ftplib import FTP, FTP_TLS, error_perm

    from fsspec.implementations.ftp import FTPFileSystem, _mlsd2

    class FtpFiles(FTPFileSystem):  # type: ignore[misc]
        """One command a file: fsspec's begins a new STOR every 64 kB, and lists the directories
        above for every file. A file is not listed as a directory that holds itself. Certificates
        are checked: ftplib takes any."""

        def _connect(self) -> None:
            how: dict[str, Any] = {"timeout": self.timeout, "encoding": self.encoding}
            if self.tls:
                self.ftp: Any = FTP_TLS(context=ssl.create_default_context(), **how)
            else:
                self.ftp = FTP(**how)
            self.ftp.connect(self.host, self.port)
            self.ftp.login(*self.cred)
            if self.tls:
                self.ftp.prot_p()

        def put_file(self, lpath: str, rpath: str, callback: Any = None, **_: Any) -> None:
            with open(lpath, "rb") as file:
                self.ftp.storbinary(
                    f"STOR {rpath}",
                    file,
                    2**18,
                    None if callback is None else lambda sent: callback.relative_update(len(sent)),
                )

        def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
            self.ftp.storbinary(f"STOR {path}", BytesIO(value), 2**18)

        def get_file(self, rpath: str, lpath: str, callback: Any = None, **_: Any) -> None:
            with open(lpath, "wb") as file:

                def take(received: bytes) -> None:
                    file.write(received)
                    if callback is not None:
                        callback.relative_update(len(received))

                self.ftp.retrbinary(f"RETR {rpath}", take, 2**18)

        def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
            path = self._strip_protocol(path)
            try:
                self.ftp.cwd(path)
            except error_perm as error:
                raise FileNotFoundError(ENOENT, str(error), path) from error
            try:
                found = [*self.ftp.mlsd()]
            except error_perm:  # it does not know the command
                found = _mlsd2(self.ftp)
            kinds = {"file": "file", "dir": "directory"}
            entries = [
                {
                    "name": f"{path.rstrip('/')}/{name.rpartition('/')[2]}",
                    "size": int(facts.get("size", 0)),
                    "type": kinds.get(facts["type"], facts["type"]),
                }
                for name, facts in found
                if name not in (".", "..") and facts["type"] not in ("cdir", "pdir")
            ]
            return entries if detail else [entry["name"] for entry in entries]

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            path = self._strip_protocol(path)
            try:
                self.ftp.voidcmd("TYPE I")
                return {"name": path, "size": self.ftp.size(path), "type": "file"}
            except error_perm:
                pass
            try:
                self.ftp.cwd(path)
            except error_perm:  # it is not there, or the server does not know SIZE
                found: dict[str, Any] = super().info(path)
                return found
            return {"name": path, "size": 0, "type": "directory"}

        def makedirs(self, path: str, exist_ok: bool = False) -> None:
            made = ""
            for part in path.strip("/").split("/"):
                made = f"{made}/{part}"
                try:
                    self.ftp.mkd(made)
                except error_perm:  # it is there; if it is not, the file will say so
                    pass

    return FtpFiles


@cache
def sftp() -> Any:
    from sshfs import SSHFileSystem
    from sshfs.utils import READ_BLOCK_SIZE, WRITE_BLOCK_SIZE, as_progress_handler, wrap_exceptions

    class SftpFiles(SSHFileSystem):  # type: ignore[misc]
        """Sends a file without making its directories anew each time: they are there. Sends and
        fetches the holes of a file, too: asyncssh leaves out the one at the end, and the file is
        shorter."""

        @wrap_exceptions  # type: ignore[untyped-decorator]
        async def _put_file(self, lpath: str, rpath: str, callback: Any = None, **_: Any) -> None:
            async with self._pool.get() as channel:
                await channel.put(
                    lpath,
                    rpath,
                    block_size=WRITE_BLOCK_SIZE,
                    sparse=False,
                    progress_handler=as_progress_handler(callback),
                )

        @wrap_exceptions  # type: ignore[untyped-decorator]
        async def _get_file(self, rpath: str, lpath: str, callback: Any = None, **_: Any) -> None:
            async with self._pool.get() as channel:
                await channel.get(
                    rpath,
                    lpath,
                    block_size=READ_BLOCK_SIZE,
                    sparse=False,
                    progress_handler=as_progress_handler(callback),
                )

        @wrap_exceptions  # type: ignore[untyped-decorator]
        async def _pipe_file(self, path: str, value: bytes, **_: Any) -> None:
            async with self._pool.get() as channel, channel.open(path, "wb") as file:
                await file.write(value)

    return SftpFiles


@cache
def webdav() -> Any:
    from webdav4.client import Client
    from webdav4.fsspec import WebdavFileSystem

    class QuotingClient(Client):  # type: ignore[misc]
        """Takes a path for what it is: webdav4 sends `%`, `#` and `?` as they are."""

        def join_url(self, path: str, add_trailing_slash: bool = False) -> Any:
            return super().join_url(quote(path), add_trailing_slash)

    class WebdavFiles(WebdavFileSystem):  # type: ignore[misc]
        """Moves by one request, where webdav4 would copy and delete; fetches by one, where it asks
        for facts first, in the pieces that arrive; and sends a file without making its directories
        anew each time, which locks them."""

        def __init__(self, base_url: str, auth: Any = None, **options: Any) -> None:
            options.pop("skip_instance_cache", None)
            client = QuotingClient(base_url, auth=auth, chunk_size=2**18, **options)
            super().__init__(base_url, client=client)

        def put_file(self, lpath: str, rpath: str, callback: Any = None, **_: Any) -> None:
            with open(lpath, "rb") as file:
                told = None if callback is None else callback.relative_update
                self.client.upload_fileobj(file, rpath, overwrite=True, callback=told)

        def get_file(self, rpath: str, lpath: str, callback: Any = None, **_: Any) -> None:
            url = self.client.join_url(rpath)
            with (
                open(lpath, "wb") as file,
                self.client.http.stream("GET", url, follow_redirects=True) as answer,
            ):
                if answer.status_code == 404:
                    raise FileNotFoundError(ENOENT, "No such file", rpath)
                answer.raise_for_status()
                for piece in answer.iter_bytes():
                    file.write(piece)
                    if callback is not None:
                        callback.relative_update(len(piece))

        def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
            self.client.upload_fileobj(BytesIO(value), path, overwrite=True)

        def mv(self, path1: str, path2: str, **_: Any) -> None:
            self.client.move(path1, path2, overwrite=True)

    return WebdavFiles


@cache
def http() -> Any:
    from aiohttp import ClientError
    from fsspec.implementations.http import HTTPFileSystem, HTTPStreamFile

    class WebFiles(HTTPFileSystem):  # type: ignore[misc]
        """Tells a directory, which servers answer to with a slash more, from a file, and what is
        not there from what a server does not give. Takes the names in a listing for the text of a
        page, which they are. Every file that it opens can be read from any position."""

        async def _info(self, url: str, **_: Any) -> dict[str, Any]:
            below = f"{url.rstrip('/')}/"
            if _OF_MLFLOW in below:
                return await self._info_of_mlflow(url.rstrip("/"))
            try:
                found = await self._asked(url)
            except FileNotFoundError:  # some answer to the slash alone
                found = await self._asked(below)
            if found.get("mimetype") == "text/html" and not _is_directory(found):
                try:  # a page may be a directory's whose server does not ask for the slash
                    found = {**found, "url": (await self._asked(below))["url"]}
                except FileNotFoundError:
                    pass
            return {**found, "type": "directory"} if _is_directory(found) else found

        async def _asked(self, url: str) -> dict[str, Any]:
            try:
                found: dict[str, Any] = await super()._info(url)
            except FileNotFoundError as error:  # fsspec takes every failure for this one
                raise _web_error(error.__cause__ or error, url) from error.__cause__
            return {"url": url, **found}

        async def _info_of_mlflow(self, url: str) -> dict[str, Any]:
            directory, _, name = url.rpartition("/")
            if f"{url}/".endswith(_OF_MLFLOW):
                return {"name": url, "size": None, "type": "directory"}
            for entry in await self._ls_of_mlflow(directory):
                if entry["name"] == f"{directory}/{unquote(name)}":
                    return {**entry, "name": url}
            raise FileNotFoundError(ENOENT, "no such file", url)

        async def _ls_of_mlflow(self, url: str) -> list[dict[str, Any]]:
            """A directory behind an MLflow server, which says in JSON what is in it."""
            root, below, path = f"{url}/".partition(_OF_MLFLOW)
            session = await self.set_session()
            try:
                async with session.get(f"{root}{below[:-1]}?path={path.rstrip('/')}") as answer:
                    answer.raise_for_status()
                    files = (await answer.json()).get("files", [])
            except ClientError as error:
                raise _web_error(error, url) from error
            return [
                {
                    "name": f"{url}/{file['path']}",
                    "size": int(file.get("file_size") or 0),
                    "type": "directory" if file.get("is_dir") else "file",
                }
                for file in files
            ]

        async def _ls(self, url: str, detail: bool = True, **_: Any) -> list[Any]:
            if _OF_MLFLOW in f"{url}/":
                return await self._ls_of_mlflow(url.rstrip("/"))
            if (await self._info(url))["type"] != "directory":
                raise NotADirectoryError(url)
            found = await super()._ls(f"{url.rstrip('/')}/", detail=True)
            below = f"{url.rstrip('/')}/"
            entries = []
            for entry in found:
                name = unescape(entry["name"]).removeprefix(below).lstrip("/").rstrip("/")
                plain = unquote(name)  # %2F is part of a name in no file system that is served
                if name and "/" not in plain and "?" not in name and ":" not in name:
                    entries.append({**entry, "name": below + plain})
            return entries

        def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
            file = super()._open(path, mode, **options)
            if not isinstance(file, HTTPStreamFile):
                return file
            # It has no bytes, or its server does not say how many or gives no ranges.
            whole = SpooledTemporaryFile(_PIECE)
            with file:
                copyfileobj(file, whole, _PIECE)
            whole.seek(0)
            return whole

    return WebFiles


def _is_directory(found: dict[str, Any]) -> bool:
    return str(found["url"]).partition("?")[0].endswith("/")


def _web_error(cause: BaseException, url: str) -> OSError:
    """Why a web server did not give what is at `url`."""
    status = getattr(cause, "status", None)
    if status in (404, 410):
        return FileNotFoundError(ENOENT, f"the server answers {status}", url)
    if status in (401, 403):
        return PermissionError(EACCES, f"the server answers {status}", url)
    return ConnectionError(f"{url}: {cause}")


@cache
def dbfs() -> Any:
    from fsspec.implementations.dbfs import DatabricksException, DatabricksFileSystem

    class DatabricksFiles(DatabricksFileSystem):  # type: ignore[misc]
        """Keeps no listings, and does not wait for ever. Moves in place of what is there, which
        the interface does not: what was there is deleted first. Says so where there is nothing to
        delete, and deletes the rest where there is too much for one request."""

        def __init__(self, instance: str, token: str, timeout: float, **options: Any) -> None:
            super().__init__(instance, token, use_listings_cache=False, **options)
            self.session.request = partial(self.session.request, timeout=timeout)
            adapter = self.session.get_adapter("https://")
            adapter.max_retries = adapter.max_retries.new(total=1)  # 10 take a minute

        def mv(self, source_path: str, destination_path: str, **_: Any) -> None:
            try:
                super().mv(source_path, destination_path)
            except FileExistsError:
                self.rm(destination_path)
                super().mv(source_path, destination_path)

        def rm(self, path: str, recursive: bool = False, **_: Any) -> None:
            what = {"path": path, "recursive": recursive}
            while True:
                try:
                    self._send_to_api(method="post", endpoint="delete", json=what)
                    return
                except DatabricksException as error:
                    if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                        raise FileNotFoundError(ENOENT, error.message, path) from error
                    if error.error_code != "PARTIAL_DELETE":
                        raise

    return DatabricksFiles
