"""Which storages can hold artifacts: one row for each kind of URI.

A row says which file system of fsspec's is used, which package brings it, how its options follow
from the URI and the environment, and what the storage can do. A scheme that
has no row is refused, unless RUNLOG_ARTIFACT_SCHEMES names it; the wrappers of other addresses
always are: fsspec never sees a URI that did not pass here.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from runlog.errors import InvalidParameter, MissingExtra
from runlog.settings import flag, setting
from runlog.storage import filesystems
from runlog.storage.paths import Address, parse

Options = dict[str, Any]


async def _leave(files: Any, path: str) -> None:
    """Nothing is left by a failure, or nothing can be done about it."""


class Scheme(NamedTuple):
    """What ArtifactRepo has to know about a kind of storage."""

    file_system: Callable[[], Any]  # returns the class of the file system; imports it
    package: str
    extra: str
    options: Callable[[Address], Options]  # what to make an instance with
    root: Callable[[Address], str]  # the path of the address, in the file system's words
    moves: bool = True  # a file is seen while it grows: send it under a hidden name, then move
    directories: bool = True  # they exist by themselves, and can be empty
    shared: bool = True  # one instance serves many threads; else each gets its own
    reconnects: bool = False  # an instance that has lost its connection stays useless
    ranges: bool = False  # cat_file fetches no more than the range asked for
    writable: bool = True
    signs: bool = False  # others can be let send parts of a file there, see `parts`
    quoted: bool = False  # paths are parts of a URL
    workers: int = 8  # files at a time
    buffered: bool = False  # files are in memory while they are sent: RUNLOG_ARTIFACT_MEMORY
    put: Callable[[int], Options] = lambda room: {}  # arguments that keep a transfer within `room`
    get: Callable[[int], Options] = lambda room: {}
    tune: Callable[[Any, int], None] = lambda files, room: None  # the same, where it is no argument
    abandon: Callable[[Any, str], Awaitable[None]] = _leave  # clean up after a failure
    content_type: Callable[[str | None], Options] = (
        lambda mime: {}
    )  # how to send bytes of a MIME type
    pieces: bool = False  # big files come faster in ranges than by get_file


# --- options and roots -------------------------------------------------------------------------


def _given(**options: Any) -> Options:
    """Return those that are there: what is None is left to the environment and to FSSPEC_...
    settings."""
    return {name: value for name, value in options.items() if value is not None}


def _below_host(address: Address) -> str:
    return f"{address.host}{address.path}".rstrip("/")


def _absolute(address: Address) -> str:
    return "/" + address.path.strip("/")


def _s3(address: Address) -> Options:
    extra = setting("S3_UPLOAD_EXTRA_ARGS")
    style = setting("BOTO_CLIENT_ADDRESSING_STYLE")
    endpoint = setting("S3_ENDPOINT_URL")
    # botocore puts its own name together, and checks our arguments against its model of S3, anew
    # for each request: a sixth of the CPU that a small file takes.
    config: Options = {
        "max_pool_connections": 32,
        "user_agent": "runlog",
        "parameter_validation": False,
        "signature_version": "s3v4",  # of addresses, too, which botocore signs as of old
    }
    if endpoint and "AWS_REQUEST_CHECKSUM_CALCULATION" not in os.environ:
        # Other servers than Amazon's often do not know the checksums that follow a body, and a
        # sixth of the time for small files goes there.
        config["request_checksum_calculation"] = "when_required"
        config["response_checksum_validation"] = "when_required"
    if style:
        config["s3"] = {"addressing_style": style}
    return _given(
        key=address.user if address.password else None,
        secret=address.password,
        endpoint_url=endpoint,
        client_kwargs={"verify": False} if flag("S3_IGNORE_TLS") else None,
        config_kwargs=config,
        s3_additional_kwargs=_json("S3_UPLOAD_EXTRA_ARGS", extra) if extra else None,
        use_listings_cache=False,
    )


def _json(name: str, text: str) -> Options:
    import json

    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter(f"RUNLOG_{name} must be a JSON object, like '{{\"ACL\": ...}}'")
    return found


def _s3_parts(room: int) -> Options:
    part = max(5 << 20, min(8 << 20, room))  # S3 takes no part below 5 MiB
    return {"chunksize": part, "max_concurrency": max(1, room // part)}


async def _s3_abort(files: Any, path: str) -> None:
    """Parts that were sent and never put together cost money, and nobody sees them. A part that is
    still being taken in may come to be after its upload was aborted, so S3 wants one to look again.
    """
    import asyncio

    bucket, key, _ = files.split_path(path)
    for seconds in (0.0, 0.2, 0.5):
        await asyncio.sleep(seconds)
        found = await files._call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
        uploads = [each for each in found.get("Uploads", ()) if each["Key"] == key]
        for each in uploads:
            await files._call_s3(
                "abort_multipart_upload", Bucket=bucket, Key=key, UploadId=each["UploadId"]
            )
        if seconds and not uploads:
            return


# The storage hosts of Microsoft's clouds, which alone get keys and tokens of the environment.
_AZURE_HOSTS = (
    ".core.windows.net",
    ".core.chinacloudapi.cn",
    ".core.usgovcloudapi.net",
    ".core.cloudapi.de",
    ".storage.azure.net",
    ".fabric.microsoft.com",
)


def _azure(address: Address) -> Options:
    """Return the account in the host: ACCOUNT.blob.core.windows.net, or of another Azure cloud;
    .dfs. addresses the same files. az://CONTAINER/path has none, it is in the environment."""
    account = address.host.partition(".")[0] if address.user else None
    host = address.host.replace(".dfs.", ".blob.", 1) if address.user else None
    environment = os.environ
    connection = environment.get("AZURE_STORAGE_CONNECTION_STRING")
    if host and not connection and not host.lower().endswith(_AZURE_HOSTS):
        raise InvalidParameter(
            f"artifacts at {address}: {host} is no host of Azure's, so it gets none of your keys. "
            "If it is one of your own, set AZURE_STORAGE_CONNECTION_STRING, with its BlobEndpoint"
        )
    return _given(
        account_name=account,
        account_host=host,
        connection_string=connection,
        account_key=None if connection else environment.get("AZURE_STORAGE_ACCESS_KEY"),
        use_listings_cache=False,
    )


def _azure_root(address: Address) -> str:
    return f"{address.user or address.host}{address.path}".rstrip("/")


def _azure_parts(files: Any, room: int) -> None:
    """Set in the blob client's configuration how big a piece may be; it has no argument for it."""
    for limit, size in {
        "max_single_put_size": 8 << 20,
        "max_block_size": 8 << 20,
        "max_single_get_size": 8 << 20,
        "max_chunk_get_size": 8 << 20,
    }.items():
        setattr(files.service_client._config, limit, min(size, room))


def _azure_workers(room: int) -> Options:
    return {"max_concurrency": max(1, min(8, room // (16 << 20)))}


def _login(address: Address, port: int | None = None) -> Options:
    return _given(
        host=address.host,
        port=address.port or port,
        username=address.user,
        password=password_of(address),
    )


def _ftp(address: Address) -> Options:
    from runlog.storage.transfer import timeout

    options = {**_login(address, 21), "timeout": timeout(), "use_listings_cache": False}
    return {**options, "tls": True} if address.scheme == "ftps" else options


def _sftp(address: Address) -> Options:
    # No known_hosts at all, sshfs's default, is no check of the host's key; an empty tuple is
    # ssh's own rule: ~/.ssh/known_hosts, and what ~/.ssh/config says.
    from runlog.storage.transfer import timeout

    limits = {"keepalive_interval": 15, "connect_timeout": timeout(), "login_timeout": timeout()}
    return {**_login(address), "known_hosts": (), **limits}


def _web(address: Address) -> tuple[str, tuple[str, str] | None]:
    """Return the base URL, without user and password, and these."""
    scheme = {"webdav": "http", "webdavs": "https"}.get(address.scheme, address.scheme)
    port = f":{address.port}" if address.port else ""
    password = password_of(address)
    login = (address.user or "", password) if password is not None else None
    return f"{scheme}://{address.host}{port}", login


def _webdav(address: Address) -> Options:
    from runlog.storage.transfer import timeout

    url, login = _web(address)
    return _given(base_url=url, auth=login, timeout=timeout())


def _http(address: Address) -> Options:
    login = _web(address)[1]
    if login is None:
        return {"encoded": True}
    from aiohttp import BasicAuth

    return {"encoded": True, "client_kwargs": {"auth": BasicAuth(*login)}}


def _http_root(address: Address) -> str:
    from urllib.parse import unquote

    return _web(address)[0] + unquote(address.path.rstrip("/"))


def _dbfs(address: Address) -> Options:
    """Return workspace and token of the environment, never the address's: one that a store
    gives must not send it anywhere else."""
    from runlog.storage.transfer import timeout

    host = (os.environ.get("DATABRICKS_HOST") or "").removeprefix("https://").strip("/")
    named = f"{address.host}:{address.port}" if address.port else address.host
    if not host:
        raise InvalidParameter(
            f"artifacts at {address}: set DATABRICKS_HOST to your workspace, as "
            "https://NAME.cloud.databricks.com, and DATABRICKS_TOKEN to its token"
        )
    if named not in ("", host, host.partition(":")[0]):
        raise InvalidParameter(
            f"artifacts at {address} are not on {host}, which DATABRICKS_HOST names: its token is "
            f"sent nowhere else. Write dbfs:{address.path}, or set DATABRICKS_HOST to {named}"
        )
    return _given(timeout=timeout(), instance=host, token=os.environ.get("DATABRICKS_TOKEN"))


def _hdfs(address: Address) -> Options:
    return _given(host=address.host or "default", port=address.port, user=address.user)


def password_of(address: Address) -> str | None:
    """Return the password for an address that has none itself, as those in a database: that of
    RUNLOG_ARTIFACT_ROOT, if it is the same user of the same host; that of ~/.netrc."""
    if address.password is not None:
        return address.password
    root = setting("ARTIFACT_ROOT")
    if root:
        known = parse(root)
        if known[:2] == address[:2] and known[3:5] == address[3:5] and known.password is not None:
            return known.password
    return _netrc(address)


def _netrc(address: Address) -> str | None:
    if address.user is None or address.scheme == "sftp":  # ssh has its own ways
        return None
    from netrc import NetrcParseError, netrc

    try:
        found = netrc().authenticators(address.host)
    except (OSError, NetrcParseError):
        return None
    return found[2] if found and found[0] == address.user else None


# --- the table ---------------------------------------------------------------------------------


def _class(name: str) -> Callable[[], Any]:
    def load() -> Any:
        from importlib import import_module

        module, _, cls = name.partition(":")
        return getattr(import_module(module), cls)

    return load


S3 = Scheme(
    filesystems.s3,
    "s3fs",
    "s3",
    _s3,
    _below_host,
    moves=False,
    directories=False,
    ranges=True,
    workers=32,
    buffered=True,
    signs=True,
    put=_s3_parts,
    get=_s3_parts,
    abandon=_s3_abort,
    content_type=lambda mime: _given(ContentType=mime),
    pieces=True,
)
GCS = Scheme(
    filesystems.gcs,
    "gcsfs",
    "gcs",
    lambda address: {"use_listings_cache": False},
    _below_host,
    moves=False,
    directories=False,
    ranges=True,
    workers=16,
    buffered=True,
    get=lambda room: {"concurrency": 1},  # of what is not fetched in pieces
    content_type=lambda mime: _given(content_type=mime),
    pieces=True,
)
AZURE = Scheme(
    _class("adlfs:AzureBlobFileSystem"),
    "adlfs",
    "azure",
    _azure,
    _azure_root,
    moves=False,
    directories=False,
    ranges=True,
    workers=16,
    buffered=True,
    put=_azure_workers,
    get=_azure_workers,
    tune=_azure_parts,
)
FTP = Scheme(
    filesystems.ftp, "fsspec", "", _ftp, _absolute, shared=False, reconnects=True, workers=4
)
SFTP = Scheme(filesystems.sftp, "sshfs", "sftp", _sftp, _absolute, reconnects=True)
WEBDAV = Scheme(filesystems.webdav, "webdav4", "webdav", _webdav, _absolute, workers=4)
HTTP = Scheme(
    filesystems.http,
    "aiohttp",
    "http",
    _http,
    _http_root,
    ranges=True,
    writable=False,
    quoted=True,
)
MEMORY = Scheme(
    _class("fsspec.implementations.memory:MemoryFileSystem"),
    "fsspec",
    "",
    lambda address: {},
    lambda address: "/" + _below_host(address).strip("/"),
    workers=1,
)
DBFS = Scheme(
    filesystems.dbfs,
    "requests",
    "databricks",
    _dbfs,
    _absolute,
    shared=False,
    workers=4,
)
HDFS = Scheme(
    _class("fsspec.implementations.arrow:HadoopFileSystem"),
    "pyarrow",
    "hdfs",
    _hdfs,
    _absolute,
    workers=4,
)

SCHEMES = {
    **dict.fromkeys(("s3", "s3a", "s3n"), S3),
    **dict.fromkeys(("gs", "gcs"), GCS),
    **dict.fromkeys(("wasbs", "wasb", "abfs", "abfss", "az"), AZURE),
    **dict.fromkeys(("ftp", "ftps"), FTP),
    "sftp": SFTP,
    **dict.fromkeys(("http", "https"), HTTP),
    **dict.fromkeys(("webdav", "webdavs"), WEBDAV),
    "memory": MEMORY,
    "dbfs": DBFS,
    "hdfs": HDFS,
}
WRAPPERS = frozenset(
    "async_wrapper asyncwrapper blockcache cached chained dir filecache generic jar libarchive "
    "reference simplecache tar zip".split()
)
"""What fsspec calls its file systems that take another address to work on. A reference document
can name any file, and has run code (CVE-2026-104851)."""


def row(address: Address) -> Scheme:
    """Return what is known of the address's scheme. Raises InvalidParameter for one that is not
    allowed, without loading anything; MissingExtra where fsspec cannot load what it names."""
    name = address.scheme
    if name in SCHEMES:
        return SCHEMES[name]
    allowed = (setting("ARTIFACT_SCHEMES") or "").lower().replace(",", " ").split()
    if name in WRAPPERS or name not in allowed:
        hint = (
            "it wraps other addresses, which is never allowed"
            if name in WRAPPERS
            else "name it in RUNLOG_ARTIFACT_SCHEMES if fsspec knows it and you trust it"
        )
        raise InvalidParameter(
            f"artifacts cannot be kept at {name}: addresses: {hint}. "
            f"Local paths and {', '.join(sorted(SCHEMES))} work"
        )
    return _by_request(name)


def _by_request(name: str) -> Scheme:
    from fsspec import get_filesystem_class
    from fsspec.implementations.chained import ChainedFileSystem

    try:
        cls = get_filesystem_class(name)
    except ValueError:
        raise InvalidParameter(f"fsspec does not know {name}: addresses") from None
    except ImportError as error:
        raise MissingExtra(f"the package of {name}: addresses ({error})", "") from error
    if issubclass(cls, ChainedFileSystem):
        raise InvalidParameter(f"{name}: wraps other addresses, which is never allowed")

    def uri(address: Address) -> str:
        return str(address)

    return Scheme(
        lambda: cls,
        name,
        "",
        lambda address: {
            **cls._get_kwargs_from_urls(uri(address)),
            **_given(password=password_of(address)),
        },
        lambda address: cls._strip_protocol(uri(address)).rstrip("/"),
        shared=False,
        reconnects=True,
        workers=1,
    )


def load(scheme: Scheme) -> Any:
    """Return the class of its file system. Raises MissingExtra."""
    try:
        return scheme.file_system()
    except ImportError as error:
        raise MissingExtra(scheme.package, scheme.extra) from error


def create(scheme: Scheme, address: Address, room: int) -> Any:
    """Return a new file system for the address: never one that fsspec caches and shares."""
    files = load(scheme)(**scheme.options(address), skip_instance_cache=True)
    scheme.tune(files, room)
    return files
