"""The server's processes: granian around the application, its workers, TLS, and how it stops.

docs/design.md has the figures by which granian was chosen.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, MissingExtra
from runlog.server import listening, memory, traffic
from runlog.server.app import create_app
from runlog.server.auth import startup
from runlog.server.auth.access import Access
from runlog.server.auth.proxies import Proxies
from runlog.server.slow_clients import Guard
from runlog.sqlstore.store import SqlStore
from runlog.storage import allowed, opening
from runlog.store import Store, open_store
from runlog.store_uri import artifact_root, database_file, is_at_server
from runlog.tracking_uri import shown
from runlog.validate import is_loopback

CONNECTIONS = 4096
OTHER_FILES = 256  # descriptors for everything that is no connection
MAX_HEAD = 2**16  # bytes of a request's headers
STOP_SECONDS = 10
HEADER_SECONDS = 15


class Config(NamedTuple):
    """Everything that `runlog serve` was told; it travels to the worker processes."""

    store_uri: str
    artifacts: str = ""  # where artifacts go, by default beside the database
    serve_artifacts: bool = True
    artifacts_only: bool = False
    default_root: str = ""  # where new experiments' artifacts are, by default with the others
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    static_prefix: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_local_locations: bool = False
    allowed_locations: tuple[str, ...] = ()  # that clients may name beyond the server's own
    read_only: bool = False
    auth: bool | None = None  # by default unless bound to loopback
    trusted_proxies: tuple[str, ...] = ()
    user_header: str = ""
    audit_days: int = 90
    access_log: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    counts_folder: str = ""  # where the processes count requests; made for them


def opened(config: Config) -> Store:
    """Return the store that is served. Who opens it first makes it, with its experiment Default."""
    return open_store(config.store_uri, config.default_root or None)


def load(config: Config, access: Access | None = None) -> Any:
    """Return the application that a worker serves, its store opened."""
    store = with_artifacts(opened(config), config)
    repo = ArtifactRepo(store.artifact_root) if config.serve_artifacts else None
    memory.give_back()
    requests = traffic.Traffic()
    Guard(requests, config.port, most_connections()).start()
    return create_app(
        store,
        repo,
        access=access or _access(store, config),
        allowed_hosts=config.allowed_hosts,
        allowed_origins=config.allowed_origins,
        static_prefix=config.static_prefix,
        allow_local_locations=config.allow_local_locations,
        allowed_locations=_allowed(config),
        artifacts_only=config.artifacts_only,
        log=_print if config.access_log else None,
        sync=None if config.read_only else store.flush,
        counts_folder=config.counts_folder,
        store_name=store_name(config),
        # Whoever reaches a public server without log-ins need not know the machine's folders.
        store_uri=shown(config.store_uri) if _tells_where(config) else "",
        requests=requests,
    )


def store_name(config: Config) -> str:
    """Return a short name of what is served: the end of a file's path, or a database without its
    host."""
    path = database_path(config)
    if path:
        return "/".join(path.replace(os.sep, "/").split("/")[-2:])
    scheme, _, rest = shown(config.store_uri).partition("://")
    return f"{scheme.partition('+')[0]}: {rest.rpartition('/')[2]}"


def _tells_where(config: Config) -> bool:
    return demands_log_in(config) or is_loopback(config.host)


def _access(store: Store, config: Config) -> Access:
    proxies = Proxies(config.trusted_proxies, config.user_header)
    return startup.access_for(
        store, demands_log_in(config), config.read_only, proxies, config.audit_days
    )


def _allowed(config: Config) -> tuple[str, ...]:
    """Return the locations that clients may name: all that the options of the server do."""
    given = (config.default_root,) if config.default_root not in ("", "sqlar:") else ()
    return (*config.allowed_locations, *(allowed.kept(each) for each in given))


def with_artifacts(store: Store, config: Config) -> Store:
    """Return the store with its artifacts where the options say. Raises LocationRefused."""
    if config.artifacts:
        return store.with_artifact_root(artifact_root(config.artifacts))
    opening.check(store, store.artifact_root)  # it may have come with the store, as a link
    return store


def serve(
    config: Config,
    application: Callable[[Config], Any] = load,
    announce: Callable[[Config, Store], None] = lambda config, store: None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished then. `announce` is called
    when the port is open and the store is found sound, before anybody can connect. Raises
    MissingExtra without granian, RunlogError when the store cannot be opened, something private
    would be served, or the server cannot listen where it should."""
    try:
        import granian  # noqa: F401
    except ImportError:
        raise MissingExtra("granian", install="granian") from None
    _check_tls(config)
    with listening.opened(config.host, config.port) as endpoint:
        config = config._replace(host=endpoint.address, port=endpoint.port)
        if demands_log_in(config):
            os.umask(0o077)  # the database has what users are known by
        _prepare(config, announce)
        _run_server(config, application)


def demands_log_in(config: Config) -> bool:
    """Return whether users must log in."""
    return startup.is_demanded(config.host, config.auth, bool(config.user_header))


def _prepare(config: Config, announce: Callable[[Config, Store], None]) -> None:
    """Say what is wrong with the store here, once, and not in each worker."""
    store = opened(config)
    try:
        if not isinstance(store, SqlStore):
            raise InvalidParameter(
                f"{store.uri} is a server already: open that address in a browser, or bring its "
                "runs to a file with  runlog copy"
            )
        root = with_artifacts(store, config).artifact_root
        if config.serve_artifacts:
            ArtifactRepo(root)  # for its errors: nothing connects yet
            startup.check_private_files(root, _private_files(config))
        _access(store, config).close()
        announce(config, store)
    finally:
        store.close()


def database_path(config: Config) -> str:
    """Return the path of the database that is served; empty for one on a server."""
    return "" if is_at_server(config.store_uri) else database_file(config.store_uri)


def _private_files(config: Config) -> dict[str, str]:
    """Return what nobody may read over HTTP: paths, and what each is."""
    path = database_path(config)
    found = {path: "database"} if path else {}
    for suffix in ("-wal", "-shm", "-journal"):
        if path and os.path.lexists(path + suffix):  # any of them may be a link
            found[path + suffix] = "database's file"
    return {**found, config.tls_certificate: "certificate", config.tls_key: "TLS key"}


def _run_server(config: Config, application: Callable[[Config], Any]) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.server import Server

    if sys.platform == "linux":
        # Forked workers share the parent's memory and need not import anything again.
        import multiprocessing

        multiprocessing.set_start_method("fork", force=True)
    tls: dict[str, Any] = {}
    if config.tls_certificate:
        from pathlib import Path

        tls = {"ssl_cert": Path(config.tls_certificate), "ssl_key": Path(config.tls_key)}
        tls["ssl_protocol_min"] = _tls_1_2()
    server = Server(
        "runlog",
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=config.workers,
        blocking_threads=traffic.THREADS,
        backlog=CONNECTIONS,
        backpressure=most_connections(),
        http1_settings=_http1_settings(),
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_enabled=False,
        **tls,
    )
    with TemporaryDirectory(prefix="runlog-counts-") as folder:
        config = config._replace(counts_folder=folder)
        server.serve(target_loader=partial(_load, application, config), wrap_loader=False)


def _load(application: Callable[[Config], Any], config: Config, *_: Any) -> Any:
    threading.Thread(target=_end_with_main, args=(config.counts_folder,), daemon=True).start()
    loaded = application(config)
    # An answer of a thousand runs is a million objects, none of them in a circle: looking for
    # circles every 700 objects takes a fifth of the time that the answer does.
    gc.freeze()
    gc.set_threshold(100_000)
    return loaded


def most_connections() -> int:
    """Return how many connections a process takes. It lets itself have the open files that it may
    have."""
    try:
        import resource
    except ImportError:  # Windows, where files and connections do not share a number
        return CONNECTIONS
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if resource.RLIM_INFINITY != allowed < wanted:
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return (
        CONNECTIONS
        if allowed == resource.RLIM_INFINITY
        else min(CONNECTIONS, max(allowed - OTHER_FILES, allowed // 2))
    )


def _http1_settings() -> Any:
    from granian.http import HTTP1Settings

    return HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=MAX_HEAD)


def _check_tls(config: Config) -> None:
    """Raise InvalidParameter for a certificate or key that cannot be used."""
    import ssl

    if not config.tls_certificate:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(config.tls_certificate, config.tls_key, password=lambda: "")
    except OSError as error:  # SSLError is one
        reason = getattr(error, "reason", "") or error.strerror or error
        raise InvalidParameter(
            f"cannot serve TLS with --tls-certificate {config.tls_certificate} and --tls-key "
            f"{config.tls_key}: {reason}"
        ) from None


def _tls_1_2() -> Any:
    from granian.constants import SSLProtocols

    return SSLProtocols.tls12


def _end_with_main(counts_folder: str) -> None:
    """Stop this worker when the server's main process is gone, however it ended. A worker that was
    forked earlier follows the later ones, which have inherited its end of the pipe."""
    import multiprocessing
    import shutil

    main = multiprocessing.parent_process()
    assert main is not None
    main.join()
    shutil.rmtree(counts_folder, ignore_errors=True)  # main would have done it
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
