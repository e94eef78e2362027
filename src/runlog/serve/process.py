"""The server's processes: granian around the application, its workers, TLS, and how it stops.

docs/design.md has the figures by which granian was chosen.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, MissingExtra
from runlog.serve import guard
from runlog.serve.access import Access
from runlog.serve.app import create_app
from runlog.serve.proxies import Proxies
from runlog.store import Store, open_store

# A thread that reads a slow client's body is one that others do not have. Idle ones cost little.
THREADS = 1024
CONNECTIONS = 4096
STOP_SECONDS = 10
HEADER_SECONDS = 15


class Config(NamedTuple):
    """Everything that `runlog serve` was told; it travels to the worker processes."""

    store_uri: str
    artifacts: str = ""  # where artifacts go, by default beside the database
    serve_artifacts: bool = True
    default_root: str = ""  # where new experiments' artifacts are, by default with the others
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    static_prefix: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_local_locations: bool = False
    read_only: bool = False
    auth: bool | None = None  # by default unless bound to loopback
    trusted_proxies: tuple[str, ...] = ()
    user_header: str = ""
    audit_days: int = 90
    access_log: bool = False
    tls_certificate: str = ""
    tls_key: str = ""


def load(config: Config, access: Access | None = None) -> Any:
    """The application that a worker serves, its store opened."""
    store = open_store(config.store_uri)
    place(store, config)
    repo = ArtifactRepo(store.artifact_root) if config.serve_artifacts else None
    return create_app(
        store,
        repo,
        access=access or _access(store, config),
        allowed_hosts=config.allowed_hosts,
        allowed_origins=config.allowed_origins,
        static_prefix=config.static_prefix,
        allow_local_locations=config.allow_local_locations,
        log=_print if config.access_log else None,
        sync=None if config.read_only else store.flush,
    )


def _access(store: Store, config: Config) -> Access:
    demanded = guard.is_demanded(config.host, config.auth, bool(config.user_header))
    proxies = Proxies(config.trusted_proxies, config.user_header)
    return guard.access_for(store, demanded, config.read_only, proxies, config.audit_days)


def place(store: Store, config: Config) -> None:
    """Tells the store where artifacts are."""
    if config.artifacts:
        uri = config.artifacts
        store.artifact_root = uri if "://" in uri else os.path.abspath(uri.removeprefix("file:"))
    if config.default_root:
        root = config.default_root.rstrip("/") or "/"
        store.new_artifacts = root if ":" in root.partition("/")[0] else os.path.abspath(root)


def serve(config: Config, application: Callable[[Config], Any] = load) -> None:
    """Serves until SIGINT or SIGTERM; requests in flight are finished then. Raises MissingExtra
    without granian, RunlogError when the store cannot be opened or the port is taken."""
    try:
        from granian.constants import HTTPModes, Interfaces
        from granian.server import Server
    except ImportError:
        raise MissingExtra("granian", "server") from None
    _check_port(config)
    store = open_store(config.store_uri)  # what is wrong with it is said here, once
    _access(store, config).close()
    store.close()
    if sys.platform == "linux":
        # Forked workers share the parent's memory and need not import anything again.
        import multiprocessing

        multiprocessing.set_start_method("fork", force=True)
    tls: dict[str, Any] = {}
    if config.tls_certificate:
        from pathlib import Path

        tls = {"ssl_cert": Path(config.tls_certificate), "ssl_key": Path(config.tls_key)}
        tls["ssl_protocol_min"] = _tls_1_2()
    Server(
        "runlog",
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=config.workers,
        blocking_threads=THREADS,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        http1_settings=_http1_settings(),
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_enabled=False,
        **tls,
    ).serve(target_loader=partial(_load, application, config), wrap_loader=False)


def _load(application: Callable[[Config], Any], config: Config, *_: Any) -> Any:
    loaded = application(config)
    # An answer of a thousand runs is a million objects, none of them in a circle: looking for
    # circles every 700 objects takes a fifth of the time that the answer does.
    gc.freeze()
    gc.set_threshold(100_000)
    return loaded


def _http1_settings() -> Any:
    from granian.http import HTTP1Settings

    return HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000)


def _tls_1_2() -> Any:
    from granian.constants import SSLProtocols

    return SSLProtocols.tls12


def _check_port(config: Config) -> None:
    import socket

    try:
        infos = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidParameter(f"no address {config.host!r} to listen at: {error}") from None
    family, kind, _, _, address = infos[0]
    with socket.socket(family, kind) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise InvalidParameter(
                f"cannot listen at {config.host}:{config.port}: {error.strerror}. Choose another "
                "port with --port"
            ) from None


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
