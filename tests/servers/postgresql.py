from __future__ import annotations

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

import psycopg

from servers import HOST, Missing, Server, as_user, tool

USER = "runlog"
# Nothing waits for the disk: what is kept outlives the process, not a power cut.
FAST = "fsync=off full_page_writes=off max_connections=200".split()


class PostgreSQL(Server):
    """PostgreSQL with the database `runlog`. It does not run as root: then as the user postgres."""

    def prepare(self) -> None:
        self.data = self.folder / "data"
        self.run([_tool("initdb"), "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8"]
                 + ["--locale=C.UTF-8", "--no-sync", "--no-instructions"])  # fmt: skip
        self.uri = f"postgresql://{USER}:se%40cret@{HOST}:{self.port}/runlog"
        self.env = {}
        settings = [f"listen_addresses={HOST}", f"port={self.port}", *FAST]
        settings.append(f"unix_socket_directories={self.folder}")
        options = [word for each in settings for word in ("-c", each)]
        self.command = [*as_user("postgres"), _tool("postgres"), "-D", str(self.data), *options]

    def run(self, command: list[str]) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        subprocess.run(
            [*as_user("postgres"), *command], cwd=self.folder, check=True, capture_output=True
        )

    def connect(self, database: str = "runlog") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=HOST, port=self.port, user=USER, dbname=database, autocommit=True
        )

    def answer(self) -> None:
        self.connect("postgres").close()

    def create(self) -> None:
        self.database("runlog")

    def database(self, name: str) -> str:
        """Makes a database and returns its URI."""
        with self.connect("postgres") as connection:
            connection.execute(f'create database "{name}"')  # type: ignore[arg-type]
        return self.uri.rpartition("/")[0] + "/" + name

    def empty(self) -> None:
        """Deletes what is in the store's tables but the experiment Default. Experiments count from
        1 again; no other id is used twice, as processes that go on know them."""
        self.session.execute(
            """do $$ declare name text; begin
                set local session_replication_role = replica;
                for name in select tablename from pg_tables
                    where schemaname = 'public' and tablename <> 'runlog_schema' loop
                    execute 'delete from ' || name
                        || case name when 'experiment' then ' where id <> 0' else '' end;
                end loop;
                update experiment set name = 'Default', lifecycle_stage = 'active';
                alter table experiment alter id restart with 1;
            end $$"""
        )

    @cached_property
    def session(self) -> psycopg.Connection[tuple[object, ...]]:
        return self.connect()


def _tool(name: str) -> str:
    try:
        return tool(name, "apt-get install postgresql")
    except Missing:
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))  # where Debian has it
        if not found:
            raise
        return str(found[-1])
