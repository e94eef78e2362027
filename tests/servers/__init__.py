"""Servers on 127.0.0.1, all real but DBFS, that tests and benchmarks keep artifacts or runs on.

    with start("sshd") as server:
        server.uri      # the root of what may be written: sftp://root@127.0.0.1:23456/tmp/...
        server.env      # what a user would have in the environment to use it
        server.kill()   # SIGKILL, to it and to the processes of its connections
        server.restart()

A new server is a file here with one subclass of `Server` (webdav.py is the shortest), its line in
`KINDS`, and its package in the `test` extra of setup.cfg, in package.json, or in scripts/packages.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

HOST = "127.0.0.1"
TEMPORARY = tempfile.gettempdir()  # not that of a test: paths of sockets have to be short
FOLDER = "runlog-server-"
PATIENCE = 60  # seconds until a server answers, on a machine that does much else
STARTS = 20  # of a process that ends at once

KINDS = {  # name: module and class
    "seaweedfs": "seaweedfs.SeaweedFS",
    "moto": "moto.Moto",
    "fake_gcs": "fake_gcs.FakeGCS",
    "azurite": "azurite.Azurite",
    "sshd": "sshd.Sshd",
    "vsftpd": "vsftpd.Vsftpd",
    "vsftpd_tls": "vsftpd.VsftpdTls",
    "webdav": "webdav.WebDAV",
    "http": "http.Http",
    "postgresql": "postgresql.PostgreSQL",
    "mariadb": "mariadb.MariaDB",
    "dbfs": "dbfs.DBFS",
}


CLUSTERS = {  # of several servers, which take their time to start
    "patroni": "clusters.PostgreSQLCluster",
    "galera": "clusters.GaleraCluster",
}


class Missing(Exception):
    """The server cannot run on this machine; says why, and what to install."""


class Server:
    """A process in a temporary folder. Subclasses set `uri`, `env` and `command` in `prepare` and
    say in `answer` how to find out that it works; `create` is called once, when it first does."""

    uri: str
    env: dict[str, str]
    command: list[str]

    def __init__(self) -> None:
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-", dir=TEMPORARY))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        raise NotImplementedError

    def answer(self) -> None:
        """Raises while the server is not ready."""
        raise NotImplementedError

    def create(self) -> None:
        """Makes the bucket, or what else has to be there."""

    def __enter__(self) -> Server:
        try:
            self.prepare()
            self.restart()
            self.create()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """Starts it on its port, with the data that it has kept, and waits until it answers."""
        self.kill()
        process, starts = self._start(), 1
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.answer()
            except Exception as error:
                ended = process.poll() is not None
                if time.monotonic() > until or (ended and starts == STARTS):
                    raise RuntimeError(f"{self.command} does not answer: {self.log()}") from error
            if ended:  # perhaps because a process of the one before has not yet let go
                time.sleep(0.25)
                process, starts = self._start(), starts + 1
            time.sleep(0.05)

    def _start(self) -> subprocess.Popen[bytes]:
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [*tied(), *self.command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.process

    def kill(self) -> None:
        if self.process is not None:
            for pid in [self.process.pid, *below(self.process.pid)]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
            self.process = None

    @contextmanager
    def stopped(self, seconds: float) -> Iterator[None]:
        """It does nothing while the block runs, but for at most so long: its system still takes
        connections and acknowledges what is sent."""
        pids = [self.process.pid, *below(self.process.pid)]

        def signalled(number: int) -> None:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

        end = threading.Timer(seconds, signalled, [signal.SIGCONT])
        signalled(signal.SIGSTOP)
        while not all(map(_is_stopped, pids)):
            time.sleep(0.01)
        end.start()
        try:
            yield
        finally:
            end.cancel()
            signalled(signal.SIGCONT)

    def log(self) -> str:
        """The end of what the server has printed."""
        return (self.folder / "server.log").read_text(errors="replace")[-2000:]


def start(kind: str) -> Server:
    """The server of that name, to be used in a with statement. Raises Missing."""
    module, name = {**KINDS, **CLUSTERS}[kind].split(".")
    made = getattr(import_module(f"{__name__}.{module}"), name)()
    assert isinstance(made, Server)
    return made


def free_port() -> int:
    """A port below those that the system gives to clients, so that none has it at a restart."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def tool(name: str, hint: str) -> str:
    """The path of a program: of this Python's environment, or of the system."""
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    )
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"{name} is not installed: {hint}")
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this host, which is its own authority, and its key."""
    found = folder / "certificate.pem", folder / "key.pem"
    openssl = tool("openssl", "apt-get install openssl")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"]
    command += ["-out", str(found[0]), "-keyout", str(found[1])]
    subprocess.run(command, capture_output=True, check=True)
    return found


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=5)


def tied(how: str = "KILL") -> list[str]:
    """A prefix for commands, so that a server ends with us, however we end: by TERM if it has
    processes of its own to end."""
    return ["setpriv", "--pdeathsig", how] if shutil.which("setpriv") else []


def _sweep() -> None:
    """Takes away the folders of programs that were killed before they could."""
    for folder in Path(TEMPORARY).glob(f"{FOLDER}*-*"):
        pid = folder.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def as_user(name: str) -> list[str]:
    """A prefix for a server that does not run as root: then as this user. It is tied to us once
    more, for to become somebody else is to lose that."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", "--pdeathsig=KILL"]


def _is_stopped(pid: int) -> bool:
    """Whether all threads of a process stand still. Linux tells."""
    states = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(each.read_text().rpartition(")")[2].split()[0] in "TtZX" for each in states)


def below(pid: int) -> list[int]:
    """The processes that a server has for its connections, and theirs. Linux tells."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *below(child)]
    return found
