"""The databases under the SQL store.

- `base`: what the store asks of a database
- `migrations`, `schemas/`: the version of the schema, how older ones become today's, and the tables
  of each engine on a server
- `digests`: sizes and checksums of a run's files
- SQLite: `sqlite` (a file's connections and transactions), `sqlite_file` (finding, recognising and
  making it), `sqlite_transaction`, `sqlite_snapshot` (reading), `sqlite_locks`, `sqlite_watch`
  (what others do to the file), `sqlite_errors`, `file_system` (is it a network's?), `fork`
- what is made of a SQLite file: `archive` (artifacts inside it), `outbox` (metrics that wait for a
  server), `snapshots` (copies), `maintenance` (check, vacuum, backup), `query` (SQL of users)
- `foreign`: databases of other tools, to be read
- databases on a server: `server` (pool, transactions, tables), `engine` (what engines differ in),
  `postgresql`, `mysql`, `mssql` (an engine each), `dialect` (statements in an engine's words),
  `server_errors`, `server_query` (SQL of users), `watchdog` (servers that do not answer), `bulk`
  (many rows in a statement), `doubles` (floats as bytes), `blanks` (names that end with one)
"""

from __future__ import annotations

from runlog.errors import StoreError

READS_ONLY = "this reads only: change runs with the Python API or the other commands"


class Undone(StoreError):
    """Nothing of a call was kept, for a reason that has nothing to do with it: call again.
    `pause` says how many seconds to wait at most before that."""

    pause = 0.0


class Unsure(Undone):
    """A call may have been kept or not: call again only if twice is the same as once."""

    error_code = "TEMPORARILY_UNAVAILABLE"
    pause = 1.0
