"""A SqlStore whose database is on a server: PostgreSQL, MySQL, MariaDB, SQL Server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlog.db.server import database
from runlog.errors import BadRequest, InvalidParameter
from runlog.sqlstore.locations import ARCHIVE, Locations
from runlog.sqlstore.server_metrics import DirectMetrics
from runlog.sqlstore.store import SqlStore
from runlog.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from runlog.db.query import Limits
    from runlog.sql_results import QueryResult


class ServerLocations(Locations):
    """The locations of a database on a server, which holds no files."""

    def __init__(self, database: str, default_root: str | None) -> None:
        archive = ARCHIVE + "///"  # no stored location begins so
        super().__init__(database, os.path.abspath("artifacts"), archive, default_root)

    def of_experiment(self, given: str | None, number: int) -> str:
        location = super().of_experiment(given, number)
        if location.startswith(ARCHIVE):
            raise InvalidParameter(
                f"artifacts cannot be kept inside {self.database}: {ARCHIVE} is for SQLite files "
                "only. Give a folder that all clients see, or a bucket"
            )
        return location


class RemoteStore(SqlStore):
    """A store in a database on a server, which any number of processes share. Threads may share
    it; forks connect anew."""

    def __init__(self, uri: str, default_artifact_root: str | None = None) -> None:
        """Artifacts of new experiments go below `default_artifact_root`, a path or a URI; else
        below RUNLOG_ARTIFACT_ROOT; else to the folder `artifacts` in the working directory."""
        self.server = db = database(uri)
        locations = ServerLocations(db.path, default_artifact_root)
        self.start(db.path, db, DirectMetrics(db), locations)

    def own_locations(self) -> Sequence[str]:
        return (self.artifact_root,)

    def own_files(self) -> list[str]:
        return [*self.locations.folders(), *Store.own_files(self)]

    def sql(
        self,
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        limits: Limits | None = None,
    ) -> QueryResult:
        from runlog.db.server_query import run
        from runlog.sql_results import QueryResult, bindings

        if limits is not None:  # nothing but the rights of a user of its own would keep a query in
            raise BadRequest(
                "this server keeps its runs in a database that you can query itself: connect to it "
                "with its own URI and a user who may only read the views (docs/databases.md)"
            )
        return QueryResult(*run(self.server, query, bindings(params)))
