"""SqlStore: every promise of Store, kept with SQL.

The statements are in the package's other modules, which get the database, the metrics and the
locations, never the store.
"""

from __future__ import annotations

import os
from copy import copy

from runlog import validate
from runlog.clock import now
from runlog.db.sqlite import Database as SqliteDatabase
from runlog.entities import ViewType
from runlog.sqlstore import experiments, logging, runs
from runlog.sqlstore.ids import run_number
from runlog.sqlstore.locations import ARCHIVE, Locations
from runlog.sqlstore.metrics import Metrics
from runlog.sqlstore.retry import retry, retry_if_unsure
from runlog.sqlstore.rows import Rows
from runlog.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from runlog.db.base import Database
    from runlog.db.query import Limits
    from runlog.entities import (
        Experiment,
        Metric,
        MetricSummary,
        PagedList,
        Run,
        RunInfo,
        RunInputs,
    )
    from runlog.sql_results import QueryResult
    from runlog.sqlstore.exact_copy import SqlRecords
    from runlog.sqlstore.logged_models import SqlModels
    from runlog.sqlstore.registry import SqlRegistry
    from runlog.sqlstore.views import SqlViews
    from runlog.store import DatasetSummary, History, Point, RunColumns, Sent


class SqlStore(Store):
    """A store in a SQLite file. Safe to share between threads; forks open it anew."""

    def __init__(self, path: str, default_artifact_root: str | None = None) -> None:
        """Open the file, which is made if it is missing. Artifacts of new experiments go below
        `default_artifact_root`, a path or a URI; else below RUNLOG_ARTIFACT_ROOT; else to a folder
        beside the file."""
        db = SqliteDatabase(path)
        artifacts = os.path.join(os.path.dirname(db.path), "artifacts")
        archive = f"{ARCHIVE}///{db.path.replace(os.sep, '/').lstrip('/')}/"
        locations = Locations(db.path, artifacts, archive, default_artifact_root)
        self.start("sqlite:///" + db.path, db, Metrics(db), locations)

    def start(self, uri: str, db: Database, metrics: Metrics, locations: Locations) -> None:
        """Open the database; called once, by the initialiser."""
        self.uri = uri
        self.db, self.metrics, self.locations = db, metrics, locations
        self.rows = Rows(db, locations)
        db.open()
        experiments.create_default(db, locations)

    # -- files ------------------------------------------------------------------------------

    @property
    def artifact_root(self) -> str:
        return self.locations.artifact_root

    @artifact_root.setter
    def artifact_root(self, root: str) -> None:
        self.locations.artifact_root = root

    def with_artifact_root(self, root: str) -> SqlStore:
        other = copy(self)
        other.locations = copy(self.locations)
        other.locations.artifact_root = root
        other.rows = Rows(self.db, other.locations)
        return other

    @property
    def archive(self) -> str:
        """Return how URIs of files inside the database begin."""
        return self.locations.archive

    def own_files(self) -> list[str]:
        beside = [self.db.path + end for end in ("", "-wal", "-shm", "-journal")]
        return [*beside, *self.locations.folders(), *super().own_files()]

    def own_locations(self) -> Sequence[str]:
        return self.artifact_root, self.archive

    # -- experiments ------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        return experiments.create(self.db, self.locations, name, artifact_location, tags)

    def get_experiment(self, experiment_id: str) -> Experiment:
        return experiments.get(self.rows, experiment_id)

    def find_experiment(self, name: str) -> Experiment | None:
        return experiments.find(self.rows, name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        return experiments.search_experiments(
            self.rows, view_type, max_results, filter_string, order_by, page_token
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        experiments.rename(self.db, experiment_id, new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        experiments.delete(self.db, experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        experiments.restore(self.db, experiment_id)

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> None:
        experiments.set_tags(self.db, experiment_id, tags)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        experiments.delete_tag(self.db, experiment_id, key)

    # -- runs -------------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        return runs.create(
            self.db, self.locations, experiment_id, user_id, start_time, tags, run_name, run_id
        )

    def get_run(self, run_id: str) -> Run:
        return runs.get(self.rows, self.metrics, run_id)

    def update_run(
        self,
        run_id: str,
        status: str | int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
        sent: Sent | None = None,
    ) -> RunInfo:
        return runs.update(self.rows, self.metrics, run_id, status, end_time, run_name, sent)

    def delete_run(self, run_id: str) -> None:
        runs.change_stage(self.db, run_id, "deleted", now())

    def restore_run(self, run_id: str) -> None:
        runs.change_stage(self.db, run_id, "active", None)

    def move_artifacts(self, run_id: str, before: str, after: str) -> bool:
        """Change the artifact URI of a run, deleted or not, from `before` to `after`; return
        whether it was `before`."""
        return runs.move_artifacts(self.db, self.locations, run_id, before, after)

    def search_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        return runs.search_runs(
            self.rows,
            self.metrics,
            experiment_ids,
            filter_string,
            run_view_type,
            max_results,
            order_by,
            page_token,
        )

    def search_run_columns(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> RunColumns:
        return runs.search_columns(
            self.rows,
            self.metrics,
            experiment_ids,
            filter_string,
            run_view_type,
            max_results,
            order_by,
        )

    # -- logging ----------------------------------------------------------------------------

    def log_metric(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> None:
        # Overrides the derived method: one statement with its own transaction costs 1.1 times the
        # bare insert, the general way below 1.6 times (benchmarks/README.md).
        with self.db.lock:
            if not self.metrics.append_point(run_id, key, value, timestamp, step):
                self.log(run_id, ((key, value, timestamp, step),))

    def log(
        self,
        run_id: str,
        points: Iterable[Point] = (),
        params: Iterable[tuple[str, Any]] = (),
        tags: Iterable[tuple[str, Any]] = (),
        measured: Iterable[Metric] = (),
        inputs: RunInputs | None = None,
        sent: Sent | None = None,
    ) -> None:
        # Read before the transaction, which may have to begin again.
        points, params, tags, measured = list(points), list(params), list(tags), list(measured)
        points += [(each.key, each.value, each.timestamp, each.step) for each in measured]
        with self.db.lock:
            logging.log(self.db, self.metrics, run_id, points, params, tags, measured, inputs, sent)

    def delete_tag(self, run_id: str, key: str) -> None:
        logging.delete_tag(self.db, run_id, key)

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        return logging.dataset_summaries(self.db, experiment_ids)

    # -- parts, whose modules are loaded when they are used ---------------------------------

    @property
    def models(self) -> SqlModels:
        from runlog.sqlstore.logged_models import SqlModels

        return SqlModels(self.db, self.locations)

    @property
    def registry(self) -> SqlRegistry:
        from runlog.sqlstore.registry import SqlRegistry

        return SqlRegistry(self.db, self.locations)

    @property
    def records(self) -> SqlRecords:
        from runlog.sqlstore.exact_copy import SqlRecords

        return SqlRecords(self, self.rows, self.metrics)

    @property
    def views(self) -> SqlViews:
        from runlog.sqlstore.views import SqlViews

        return SqlViews(self.rows, self.metrics)

    def sql(
        self,
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        limits: Limits | None = None,
    ) -> QueryResult:
        """`limits` are for the queries of others, which a server runs."""
        from runlog.db.query import run
        from runlog.sql_results import QueryResult, bindings

        assert isinstance(self.db, SqliteDatabase)  # other stores have a `sql` of their own
        return QueryResult(*run(self.db, query, bindings(params), limits))

    # -- metrics ----------------------------------------------------------------------------

    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        return self.metrics.summary(run_id)

    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> list[History]:
        return self.metrics.histories(run_ids, keys)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        return self.metrics.history(run_id, key)

    def metric_history_page(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        # Overrides the derived method: of a million points a page of 25,000 takes 0.02 s instead
        # of 1 s, but for the first one.
        if max_results is None:
            return super().metric_history_page(run_id, key, None, page_token)
        limit = validate.max_results(max_results, None)
        return self.metrics.page(run_id, key, limit, page_token)

    def sampled_histories(
        self,
        run_ids: Sequence[str],
        key: str,
        start_step: int | None = None,
        end_step: int | None = None,
        max_results: int = 2500,
    ) -> list[Metric]:
        # Overrides the derived method, which reads the histories whole.
        return self.metrics.sample(run_ids, key, start_step, end_step, max_results)

    # -- digests of artifacts ---------------------------------------------------------------

    def record_digests(self, run_id: str, digests: Iterable[tuple[str, int, str]]) -> None:
        self._record_digests(run_id, list(digests))

    @retry_if_unsure
    def _record_digests(self, run_id: str, rows: list[tuple[str, int, str]]) -> None:
        from runlog.db import digests

        with self.db.transaction():
            digests.record(self.db, run_number(self.db.execute, run_id), rows)

    def get_digests(
        self, run_id: str, paths: Iterable[str] | None = None
    ) -> dict[str, tuple[int, str]]:
        from runlog.db import digests

        with self.db.reading() as fetch:
            return digests.read(fetch, run_id, paths)

    @retry
    def forget_digests(self, run_id: str, path: str = "") -> None:
        from runlog.db import digests

        with self.db.transaction():
            digests.forget(self.db, run_id, path)

    # -- maintenance ------------------------------------------------------------------------

    def gc(
        self,
        older_than: int = 0,
        run_ids: Sequence[str] | None = None,
        experiment_ids: Sequence[str] | None = None,
        delete_artifacts: Callable[[str], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        may_go: Callable[[str, str], bool] | None = None,
    ) -> tuple[int, int]:
        from runlog.sqlstore import trash

        self.metrics.merge()
        chosen = trash.Trash(self.db, older_than, run_ids, experiment_ids)
        return trash.empty(chosen, self.locations, self.metrics, delete_artifacts, progress, may_go)

    def trash(
        self,
        older_than: int = 0,
        run_ids: Sequence[str] | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> tuple[list[RunInfo], list[Experiment]]:
        """Return the runs and experiments that `gc` with the same arguments would delete."""
        from runlog.sqlstore import trash

        return trash.contents(self.rows, trash.Trash(self.db, older_than, run_ids, experiment_ids))

    def flush(self) -> None:
        self.db.flush()

    def close(self) -> None:
        with self.db.lock:
            self.metrics.closing()
            self.db.close()
