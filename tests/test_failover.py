"""Servers die while clients log: nothing that was acknowledged is lost, nothing is there twice, and
logging goes on. Real clusters, two runlog servers over each, nginx in front, clients over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

import servers
from processes import LONG
from runlog.db import Undone
from runlog.db.mysql import MySQL
from runlog.store import open_store
from serving import free_port, serving

CLIENTS = 4
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/nginx.log; events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream runlog {{
        {backends}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://runlog;
            proxy_set_header Host $http_host;
            proxy_connect_timeout 2s;
        }}
    }}
}}
"""


@pytest.fixture(autouse=True)
def no_outbox(monkeypatch):
    """A call returns when the database has what it logs, not when the client's own disk has."""
    monkeypatch.setenv("RUNLOG_OUTBOX", "0")


@contextmanager
def nginx(folder, *ports: int):
    """The URI of an nginx in front of servers at these ports."""
    port = free_port()
    backends = "\n".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in ports)
    config = NGINX.format(folder=folder, port=port, backends=backends)
    (folder / "nginx.conf").write_text(config)
    program = servers.tool("nginx", "apt-get install nginx")
    command = [
        *servers.tied("TERM"),
        program,
        "-e",
        str(folder / "nginx.log"),
        "-c",
        str(folder / "nginx.conf"),
    ]
    process = subprocess.Popen(command, cwd=folder)
    try:
        eventually(lambda: servers.connect(port).close())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(LONG)


def eventually(deed) -> None:
    """Until it raises nothing."""
    end = time.monotonic() + LONG
    while True:
        try:
            return deed()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


class Clients:
    """Threads that log one point after the other, each to a run of its own."""

    def __init__(self, uri: str) -> None:
        self.acknowledged: dict[str, list[int]] = {}
        self.errors: list[BaseException] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._log, args=(uri,)) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _log(self, uri: str) -> None:
        store = open_store(uri)
        try:
            run_id = store.create_run("0").info.run_id
            steps = self.acknowledged[run_id] = []
            while not self._done.is_set():
                step = len(steps)
                store.log_metric(run_id, "m", step / 3, 1_000 + step, step)
                steps.append(step)
        except BaseException as error:
            self.errors.append(error)
        finally:
            store.close()

    def go_on(self, points: int = 30) -> None:
        """Returns when every client has logged so many points more; at most a minute later."""
        before = {run_id: len(steps) for run_id, steps in self.acknowledged.items()}
        end = time.monotonic() + LONG
        while (
            len(self.acknowledged) < CLIENTS
            or any(len(self.acknowledged[each]) < count + points for each, count in before.items())
        ) and time.monotonic() < end:
            assert not self.errors, self.errors
            time.sleep(0.02)
        assert time.monotonic() < end, "logging did not go on"

    def stop(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(LONG)
        assert not self.errors, self.errors

    def check(self, store) -> None:
        """All that was acknowledged is there, once, and so it is in the summaries."""
        assert len(self.acknowledged) == CLIENTS
        for run_id, steps in self.acknowledged.items():
            history = store.get_metric_history(run_id, "m")
            assert [(each.step, each.value) for each in history] == [(i, i / 3) for i in steps]
            assert store.get_metric_summary(run_id)["m"].count == len(steps)


def kill_leader(cluster) -> None:
    """Of two nodes, so that the other one is the leader when somebody writes again."""
    killed = cluster.leader
    killed.kill()
    assert not killed.is_leader


def kill_node(cluster) -> None:
    cluster.nodes[-1].kill()


@pytest.mark.slow
@pytest.mark.parametrize("kind, kill", [("patroni", kill_leader), ("galera", kill_node)])
def test_a_database_server_and_a_runlog_server_are_killed(kind, kill, server, place, monkeypatch):
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_BACKOFF_FACTOR", "0.25")
    monkeypatch.setenv("RUNLOG_HTTP_REQUEST_MAX_RETRIES", "12")
    cluster = server(kind)
    with ExitStack() as running:
        pair = []
        for name in ("one", "two"):
            (place / name).mkdir()
            pair.append(running.enter_context(serving(place / name, store=cluster.uri)))
        front = running.enter_context(nginx(place, *(each.port for each in pair)))
        clients = Clients(front)
        running.callback(clients.stop)
        clients.go_on()
        kill(cluster)
        clients.go_on()
        os.killpg(pair[0].process.pid, signal.SIGKILL)
        clients.go_on()
        clients.stop()
        for uri in (pair[1].uri, cluster.uri):
            store = open_store(uri)
            clients.check(store)
            store.close()


@pytest.mark.slow
def test_a_server_is_stopped_under_load(server, place):
    """Gracefully: no client notices more than that it had to ask again."""
    uri = server("postgresql").database(place.name)
    with ExitStack() as running:
        pair = []
        for name in ("one", "two"):
            (place / name).mkdir()
            pair.append(running.enter_context(serving(place / name, store=uri)))
        front = running.enter_context(nginx(place, *(each.port for each in pair)))
        clients = Clients(front)
        running.callback(clients.stop)
        clients.go_on()
        assert pair[0].stop() == 0
        clients.go_on()
        clients.stop()
        store = open_store(pair[1].uri)
        clients.check(store)
        store.close()


@pytest.mark.slow
def test_nodes_that_write_the_same_undo_one_of_them_at_its_commit(server, monkeypatch):
    """Error 1213, of which the other engines know nothing: it is done again."""
    nodes = [each for each in server("galera").nodes if each.process is not None][:2]
    undone, leave = [], MySQL.leave

    def noting(database, keep):
        try:
            leave(database, keep)
        except Undone as error:
            undone.append(error)
            raise

    monkeypatch.setattr(MySQL, "leave", noting)
    stores = [open_store(f"{each.uri}runlog") for each in nodes]
    run_id = stores[0].create_run("0").info.run_id
    points = [[], []]
    end = time.monotonic() + LONG

    def log(own, store):
        while not (undone and len(own) >= 20) and time.monotonic() < end:
            step = 2 * len(own) + stores.index(store)
            store.log(run_id, [("m", float(step), 5, step)], tags=[("t", str(step))])
            own.append(step)

    with ThreadPoolExecutor() as pool:
        list(pool.map(log, points, stores))
    assert undone
    for store in stores:
        assert [each.step for each in store.get_metric_history(run_id, "m")] == sorted(
            sum(points, [])
        )
        assert store.get_metric_summary(run_id)["m"].count == len(sum(points, []))
        store.close()
