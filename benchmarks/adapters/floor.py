"""The floor: apsw and hand-written SQL, doing the least that still keeps the data."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

import fleet

if TYPE_CHECKING:
    import pandas as pd

LOG_SCHEMA = """
create table if not exists points(run integer, key text, step integer, timestamp integer,
    value real)
"""
FLEET_SCHEMA = """
create table if not exists runs(id integer primary key, experiment integer, run_id text unique,
    name text, status text, start_time integer, end_time integer, lifecycle text);
create table if not exists metrics(run integer, key text, value real, step integer,
    timestamp integer, primary key (run, key)) without rowid;
create table if not exists params(run integer, key text, value text,
    primary key (run, key)) without rowid;
create table if not exists tags(run integer, key text, value text,
    primary key (run, key)) without rowid;
create index if not exists runs_by_time on runs(experiment, start_time);
create index if not exists metrics_by_value on metrics(key, value);
create index if not exists params_by_value on params(key, value);
"""
HISTORY_SCHEMA = """
create table if not exists history(run integer, key text, step integer, timestamp integer,
    value real, primary key (run, key, step, timestamp, value)) without rowid
"""
POINT = "insert into points values (1, ?, ?, ?, ?)"


class Peer:
    def __init__(self, place: Path) -> None:
        self.connection = apsw.Connection(str(place / "floor.db"))
        for pragma in ("journal_mode = wal", "synchronous = normal", "busy_timeout = 60000"):
            self.connection.execute(f"pragma {pragma}").fetchall()
        self.connection.execute(LOG_SCHEMA)

    def open(self) -> None:
        pass

    def log_one(self, key: str, value: float, step: int) -> None:
        self.connection.execute(POINT, (key, step, int(time.time() * 1000), value))

    def log_many(self, values: dict[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        self._write(POINT, [(key, step, now, value) for key, value in values.items()])

    def _write(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.connection.execute("begin immediate")
        self.connection.executemany(statement, rows)
        self.connection.execute("commit")

    def close(self) -> None:
        self.connection.close()

    def count(self) -> int:
        return int(self.connection.execute("select count(*) from points").get)

    def log_batches(self, batches: list[Any]) -> None:
        for batch in batches:
            self._write(POINT, batch)

    def prepare_batch(self, points: list[tuple[str, float, int, int]]) -> Any:
        return [(key, step, timestamp, value) for key, value, timestamp, step in points]

    def many_runs(self, runs: list[fleet.FleetRun]) -> None:
        self.connection.execute(FLEET_SCHEMA)
        done = self.connection.execute("select count(*) from runs").get
        for number, run in enumerate(runs, done):
            self.connection.execute("begin immediate")
            self._insert(number, run)
            self.connection.execute("commit")

    def _insert(self, number: int, run: fleet.FleetRun) -> None:
        execute, many = self.connection.execute, self.connection.executemany
        times = (run.start_time, run.start_time + 500)
        row = (number, 1, f"{number:032x}", run.name, "FINISHED", *times, "active")
        execute("insert into runs values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        metrics = ((number, k, v, 0, run.start_time) for k, v in run.metrics.items())
        many("insert into metrics values (?, ?, ?, ?, ?)", metrics)
        params = ((number, k, v) for k, v in run.params.items())
        many("insert into params values (?, ?, ?)", params)
        tags = ((number, k, v) for k, v in run.tags.items())
        many("insert into tags values (?, ?, ?)", tags)

    def fill(self, count: int) -> None:
        self.connection.execute(FLEET_SCHEMA)
        with self.connection:
            for number, run in enumerate(fleet.runs(count)):
                self._insert(number, run)
        self.connection.execute("analyze")

    def fill_history(self, count: int) -> None:
        self.connection.execute(HISTORY_SCHEMA)
        statement = "insert into history values (1, 'loss', ?, ?, ?)"
        self._write(statement, fleet.history(count))

    def search(self, query: fleet.Query) -> tuple[list[float], int]:
        ids = [row[0] for row in self.connection.execute(*_search_sql(query))]
        runs: dict[int, dict[str, dict[str, Any]]] = {
            run: {"metrics": {}, "params": {}, "tags": {}} for run in ids
        }
        marks = ",".join("?" * len(ids))
        for table in ("metrics", "params", "tags"):
            statement = f"select run, key, value from {table} where run in ({marks})"
            for run, key, value in self.connection.execute(statement, ids):
                runs[run][table][key] = value
        fields = sum(len(part) for run in runs.values() for part in run.values())
        return [run["metrics"]["m7"] for run in runs.values()], fields

    def frame(self, count: int) -> pd.DataFrame:
        """What anybody would write with pandas: read the long tables, pivot, join."""
        import pandas as pd

        columns = ["run_id", "name", "status", "start_time", "end_time"]
        rows = self.connection.execute(
            f"select id, {', '.join(columns)} from runs where lifecycle = 'active'"
        ).fetchall()
        frame = pd.DataFrame(rows, columns=["id", *columns]).set_index("id")
        for column in ("start_time", "end_time"):
            frame[column] = pd.to_datetime(frame[column], unit="ms", utc=True)
        for table in ("metrics", "params", "tags"):
            cells = self.connection.execute(f"select run, key, value from {table}").fetchall()
            long = pd.DataFrame(cells, columns=["run", "key", "value"])
            wide = long.pivot(index="run", columns="key", values="value")
            frame = frame.join(wide.add_prefix(f"{table}."))
        return frame

    def history_run(self) -> int:
        return 1

    def history_entities(self, run: int) -> int:
        """The bare rows."""
        statement = "select step, timestamp, value from history where run = ? and key = 'loss'"
        return len(self.connection.execute(statement, (run,)).fetchall())

    history_columns = history_entities


def _search_sql(query: fleet.Query) -> tuple[str, tuple[Any, ...]]:
    """The search as someone who knows the schema writes it."""
    joins, bindings = "", list[Any]()
    if query.metric_above is not None:
        joins += " join metrics m on m.run = r.id and m.key = 'm3' and m.value > ?"
        bindings.append(query.metric_above)
    if query.param:
        joins += " join params p on p.run = r.id and p.key = ? and p.value = ?"
        bindings += query.param
    order = "r.start_time"
    if query.order.startswith("metrics."):
        joins += " left join metrics o on o.run = r.id and o.key = ?"
        bindings.append(query.order.removeprefix("metrics."))
        order = "o.value"
    where = "where r.experiment = 1 and r.lifecycle = 'active'"
    return (
        f"select r.id from runs r {joins} {where} order by {order} desc limit {fleet.TOP}",
        tuple(bindings),
    )
