"""Clusters of database servers, with HAProxy in front: `nodes` can be killed one by one.

A node of PostgreSQL has its processes in a PID namespace, so that to kill it is to cut its power:
those that it starts by itself go with it, and none of them outlives the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from urllib.request import urlopen

import psycopg
import pymysql

from servers import HOST, Server, as_user, free_port, tool
from servers.postgresql import _tool as postgresql_tool

PATRONI = "apt-get install patroni etcd-server haproxy"
GALERA = "apt-get install mariadb-server galera-4 rsync haproxy"
PROXY = """
defaults
    mode tcp
    retries 0
    timeout connect 2s
    timeout client 300s
    timeout server 300s
    default-server inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
listen database
    bind {host}:{port}
"""


class Node(Server):
    """One of a cluster's servers, run as `user` where it does not run as root."""

    user = ""

    def alone(self, command: list[str]) -> list[str]:
        """A command that has the processes it starts to itself."""
        root = os.geteuid() == 0
        who = [] if root else ["--user", "--map-current-user"]
        apart = ["unshare", *who, "--pid", "--mount-proc", "--fork", "--kill-child"]
        return [*apart, *self.as_user(), *command]

    def as_user(self) -> list[str]:
        if os.geteuid() != 0:
            return []
        shutil.chown(self.folder, self.user)
        return as_user(self.user)


class Cluster(Server):
    """HAProxy, and the nodes behind it. `uri` leads to whichever of them takes writes."""

    check: list[str] = []  # what HAProxy asks a node

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._running = ExitStack()

    def start(self, node: Node) -> None:
        self.nodes.append(node)
        self._running.enter_context(node)

    def places(self) -> list[str]:
        """A line of HAProxy's for each node."""
        raise NotImplementedError

    def prepare(self) -> None:
        self.env = {}
        lines = [*self.check, *self.places()]
        config = PROXY.format(host=HOST, port=self.port) + "".join(
            f"    {each}\n" for each in lines
        )
        (self.folder / "haproxy.cfg").write_text(config)
        self.command = [tool("haproxy", PATRONI), "-db", "-f", str(self.folder / "haproxy.cfg")]

    def __exit__(self, *error: object) -> None:
        self._running.close()
        super().__exit__(*error)


# -- PostgreSQL -----------------------------------------------------------------------------


class Etcd(Node):
    def prepare(self) -> None:
        ours, peers = f"http://{HOST}:{self.port}", f"http://{HOST}:{free_port()}"
        self.uri, self.env = ours, {}
        self.command = [tool("etcd", PATRONI), "--data-dir", str(self.folder / "data")]
        self.command += ["--listen-client-urls", ours, "--advertise-client-urls", ours]
        self.command += ["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers]
        self.command += ["--initial-cluster", f"default={peers}"]

    def answer(self) -> None:
        with urlopen(f"{self.uri}/health", timeout=5) as answer:
            assert json.load(answer)["health"] == "true"


class Patroni(Node):
    """PostgreSQL with Patroni, which makes it the leader, or the replica of the leader."""

    user = "postgres"

    def __init__(self, etcd: Etcd, name: str) -> None:
        super().__init__()
        self.etcd, self.name, self.rest = etcd, name, free_port()

    def prepare(self) -> None:
        login = {"username": "postgres", "password": "secret"}
        config = {
            "scope": "runlog",
            "name": self.name,
            "etcd3": {"host": f"{HOST}:{self.etcd.port}"},
            "restapi": {
                "listen": f"{HOST}:{self.rest}", "connect_address": f"{HOST}:{self.rest}",
            },
            "bootstrap": {
                "dcs": {
                    # What was acknowledged is on both: else a failover may lose the last of it.
                    "synchronous_mode": True,
                    "ttl": 20, "loop_wait": 1, "retry_timeout": 3,  # seconds; ttl's least
                    "postgresql": {"use_pg_rewind": True},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "no-sync"],
            },
            "postgresql": {
                "listen": f"{HOST}:{self.port}", "connect_address": f"{HOST}:{self.port}",
                "data_dir": str(self.folder / "data"),
                "bin_dir": os.path.dirname(os.path.realpath(postgresql_tool("postgres"))),
                "pgpass": str(self.folder / "pgpass"),
                "pg_hba": [
                    f"host all all {HOST}/32 trust", f"host replication all {HOST}/32 trust",
                ],
                "authentication": {"superuser": login, "replication": login},
                "parameters": {
                    "unix_socket_directories": str(self.folder),
                    "fsync": "off", "full_page_writes": "off",  # no test cuts the machine's power
                },
            },
        }  # fmt: skip
        path = self.folder / "patroni.yml"
        path.write_text(json.dumps(config))  # which YAML can read
        self.uri, self.env = f"http://{HOST}:{self.rest}", {}
        self.command = self.alone([tool("patroni", PATRONI), str(path)])

    def answer(self) -> None:
        with urlopen(f"{self.uri}/health", timeout=5):
            pass

    @property
    def is_leader(self) -> bool:
        try:
            with urlopen(f"{self.uri}/primary", timeout=5):
                return True
        except OSError:
            return False


class PostgreSQLCluster(Cluster):
    """A leader and a synchronous replica that takes its place."""

    check = ["option httpchk GET /primary"]

    def prepare(self) -> None:
        etcd = Etcd()
        self._running.enter_context(etcd)
        for number in range(2):
            self.start(Patroni(etcd, f"node{number}"))
        self.uri = f"postgresql://postgres@{HOST}:{self.port}/postgres"
        super().prepare()

    def places(self) -> list[str]:
        return [
            f"server {node.name} {HOST}:{node.port} check port {node.rest}"
            for node in self.nodes
            if isinstance(node, Patroni)
        ]

    def answer(self) -> None:
        with psycopg.connect(self.uri, connect_timeout=5) as connection:
            found = connection.execute("select count(*) from pg_stat_replication "
                                       "where sync_state = 'sync'").fetchone()  # fmt: skip
            assert found == (1,), "there is no synchronous replica yet"

    @property
    def leader(self) -> Patroni:
        return next(node for node in self.nodes if isinstance(node, Patroni) and node.is_leader)


# -- MySQL's protocol -----------------------------------------------------------------------


class Galera(Node):
    """MariaDB, in a cluster in which every node takes writes."""

    user = "mysql"

    def __init__(self, others: list[Galera]) -> None:
        super().__init__()
        self.others, self.group = others, free_port()

    def prepare(self) -> None:
        data = str(self.folder / "data")
        make = [tool("mariadb-install-db", GALERA), "--no-defaults", f"--datadir={data}"]
        make += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        if self.others:  # the tables come from those
            make = ["mkdir", data]
        subprocess.run([*self.as_user(), *make], cwd=self.folder, check=True, capture_output=True)
        self.uri, self.env = f"mysql://root@{HOST}:{self.port}/", {}
        moving, state = free_port(), free_port()
        cluster = ",".join(f"{HOST}:{each.group}" for each in self.others)
        options = f"base_port={self.group};gmcast.listen_addr=tcp://{HOST}:{self.group};"
        options += f"ist.recv_addr={HOST}:{moving};"
        options += "evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S"
        # One process; Galera sets priorities of its threads, which fails in a PID namespace.
        self.command = [tool("mariadbd", GALERA), "--no-defaults", f"--datadir={data}"]
        self.command += ["--user=mysql"] * (os.geteuid() == 0)
        self.command += [f"--port={self.port}", f"--bind-address={HOST}", "--skip-name-resolve"]
        self.command += [f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        self.command += ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
        self.command += ["--innodb-log-file-size=64M", "--innodb-buffer-pool-size=64M"]
        self.command += ["--wsrep-on=ON", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"]
        self.command += [f"--wsrep-provider={_galera()}", f"--wsrep-provider-options={options}"]
        self.command += [f"--wsrep-cluster-address=gcomm://{cluster}"]
        self.command += [f"--wsrep-node-address={HOST}:{self.group}", "--wsrep-sst-method=rsync"]
        self.command += [f"--wsrep-sst-receive-address={HOST}:{state}", "--wsrep-sync-wait=7"]
        if not self.others:
            self.command += ["--wsrep-new-cluster"]

    def answer(self) -> None:
        with pymysql.connect(host=HOST, port=self.port, user="root") as connection:
            with connection.cursor() as cursor:
                cursor.execute("show status like 'wsrep_ready'")
                assert cursor.fetchone()[1] == "ON"


class GaleraCluster(Cluster):
    """Three nodes; connections go to each of them in turn."""

    check = ["balance roundrobin"]

    def prepare(self) -> None:
        for _ in range(3):
            self.start(Galera([*self.nodes]))  # type: ignore[list-item]
        self.uri = f"mysql://root@{HOST}:{self.port}/runlog"
        super().prepare()

    def places(self) -> list[str]:
        return [f"server node{i} {HOST}:{each.port} check" for i, each in enumerate(self.nodes)]

    def answer(self) -> None:
        with pymysql.connect(host=HOST, port=self.port, user="root") as connection:
            with connection.cursor() as cursor:
                cursor.execute("select 1")

    def create(self) -> None:
        with pymysql.connect(host=HOST, port=self.port, user="root") as connection:
            with connection.cursor() as cursor:
                cursor.execute("create database runlog")


def _galera() -> str:
    from pathlib import Path

    from servers import Missing

    found = [*Path("/usr/lib").glob("**/libgalera_smm.so")]
    if not found:
        raise Missing(f"Galera's library is not installed: {GALERA}")
    return str(found[0])
