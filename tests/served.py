"""Servers that tests start once, when the first of them needs one, and that end with the tests.

conftest.py closes `running` when the last test of this process is done. At the exit of the process
would be too late: xdist kills a process that takes more than 10 seconds from its last test to that,
and its servers would stay.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

import servers
from processes import LONG, PROGRAMS
from runlog.store import Store, open_store
from serving import free_port, serving

running = ExitStack()  # what is to be ended, the last first

PATIENT = 300  # seconds: MLflow's server makes its tables first, which takes up to a minute


class Server(NamedTuple):
    uri: str
    folder: Path


@cache
def stores() -> Server:
    """Our own server, with a store at /<name> for each folder <name> in `folder`."""
    folder = Path(tempfile.mkdtemp(prefix="runlog-stores-"))
    command = [*servers.tied(), sys.executable, str(PROGRAMS / "serve_stores.py"), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    running.callback(_end, process, folder)
    port = process.stdout.readline().strip()
    uri = f"http://127.0.0.1:{port}"
    wait_for(f"{uri}/none/health", process)
    return Server(uri, folder)


@cache
def mlflow() -> Server:
    """A real MLflow server, with its database in `folder`, and there an empty one to go back to."""
    from test_real_clients import python_with

    folder = Path(tempfile.mkdtemp(prefix="runlog-mlflow-"))
    uri = f"http://127.0.0.1:{free_port()}"
    words = ["-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    words += ["--artifacts-destination", f"{folder}/artifacts", "--workers", "1"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [
                *servers.tied("TERM"),
                python_with("mlflow server"),
                *words,
                "--port",
                uri.rpartition(":")[2],
            ],
            stdout=log,
            stderr=log,
            text=True,
            env={**environment, "MLFLOW_DISABLE_TELEMETRY": "true"},
            start_new_session=True,
        )
    running.callback(_end, process, folder)
    wait_for(f"{uri}/health", process)
    _copy(folder / "mlflow.db", folder / "empty.db")
    return Server(uri, folder)


def empty(server: Server) -> None:
    """Makes MLflow's database what it was before the first test."""
    _copy(server.folder / "empty.db", server.folder / "mlflow.db")


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@cache
def database(kind: str) -> tuple[servers.Server, Store]:
    """The database server of that name, and the store there. Raises servers.Missing."""
    server = running.enter_context(servers.start(kind))
    store = open_store(server.uri)
    running.callback(store.close)
    return server, store


@cache
def over(kind: str) -> str:
    """The URI of our own server, two processes of it, over that database."""
    folder = Path(tempfile.mkdtemp(prefix="runlog-over-"))
    words = ["--backend-store-uri", database(kind)[0].uri, "--workers", "2"]
    words += ["--allow-local-locations", "--allowed-locations", "s3://bucket"]
    running.callback(shutil.rmtree, folder, ignore_errors=True)
    return running.enter_context(serving(folder, *words)).uri


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    """Until the server of the process answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + PATIENT
    while process.poll() is None and time.monotonic() < end:
        try:
            with direct.open(url, timeout=LONG):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{process.args} did not come up")


def _end(process: subprocess.Popen[str], folder: Path) -> None:
    below = servers.below(process.pid)  # some are groups of their own
    _kill(signal.SIGTERM, process.pid, *below)
    try:
        process.wait(LONG)
    finally:
        _kill(signal.SIGKILL, process.pid, *below)
    if process.stdout:
        process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)


def _kill(how: int, *pids: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass
