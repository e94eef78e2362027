from __future__ import annotations

import os
import shutil
import subprocess
from functools import cached_property

import pymysql
from pymysql.constants import CLIENT

from servers import HOST, Server, as_user, tool

HOW = "apt-get install mariadb-server"
USER = "root"
# Nothing waits for the disk: what is kept outlives the process, not a power cut.
FAST = ["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--skip-log-bin"]
FAST += ["--innodb-doublewrite=0", "--innodb-flush-method=nosync", "--innodb-log-file-size=64M"]


class MariaDB(Server):
    """MariaDB with the database `runlog`. It does not run as root: then as the user mysql."""

    def prepare(self) -> None:
        data = self.folder / "data"
        if os.geteuid() == 0:
            shutil.chown(self.folder, "mysql")
        make = [*as_user("mysql"), tool("mariadb-install-db", HOW), "--no-defaults"]
        make += [f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(make, cwd=self.folder, check=True, capture_output=True)
        self.uri = f"mysql://{USER}@{HOST}:{self.port}/runlog"
        self.env = {}
        self.command = [*as_user("mysql"), tool("mariadbd", HOW), "--no-defaults", *FAST]
        self.command += [f"--datadir={data}", f"--port={self.port}", f"--bind-address={HOST}"]
        self.command += ["--skip-name-resolve"]
        self.command += [f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]

    def connect(self, database: str | None = "runlog") -> pymysql.Connection:
        return pymysql.connect(
            host=HOST,
            port=self.port,
            user=USER,
            database=database,
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )

    def answer(self) -> None:
        self.connect(None).close()

    def create(self) -> None:
        self.database("runlog")

    def database(self, name: str) -> str:
        """Makes a database and returns its URI."""
        with self.connect(None) as connection, connection.cursor() as cursor:
            cursor.execute(f"create database `{name}`")
        return self.uri.rpartition("/")[0] + "/" + name

    def empty(self) -> None:
        """Deletes what is in the store's tables but the experiment Default. Experiments count from
        1 again; no other id is used twice, as processes that go on know them."""
        with self.session.cursor() as cursor:
            cursor.execute("show full tables where table_type = 'BASE TABLE'")
            tables = {row[0] for row in cursor.fetchall()} - {"runlog_schema", "experiment"}
            cursor.execute(
                "set foreign_key_checks = 0; "
                + "".join(f"delete from {table}; " for table in tables)
                + "delete from experiment where id <> 0; "
                "update experiment set name = 'Default', lifecycle_stage = 'active'; "
                "alter table experiment auto_increment = 1"
            )
            while cursor.nextset():
                pass

    @cached_property
    def session(self) -> pymysql.Connection:
        return self.connect()
