"""Servers that tests start once, when the first of them needs one, and that end with the tests."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from functools import cache
from pathlib import Path
from typing import NamedTuple

from processes import LONG, PROGRAMS


class Server(NamedTuple):
    uri: str
    folder: Path


@cache
def stores() -> Server:
    """Our own server, with a store at /<name> for each folder <name> in `folder`."""
    folder = Path(tempfile.mkdtemp(prefix="runlog-stores-"))
    command = [sys.executable, str(PROGRAMS / "serve_stores.py"), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, process, folder)
    port = process.stdout.readline().strip()
    uri = f"http://127.0.0.1:{port}"
    wait_for(f"{uri}/none/health", process)
    return Server(uri, folder)


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    """Until the server of the process answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + LONG
    while process.poll() is None and time.monotonic() < end:
        try:
            with direct.open(url, timeout=LONG):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{process.args} did not come up")


def _end(process: subprocess.Popen[str], folder: Path) -> None:
    process.terminate()
    process.wait(LONG)
    if process.stdout:
        process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)
