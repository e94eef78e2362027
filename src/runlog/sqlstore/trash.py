"""The trash: what lies in it, and deleting that for good.

A run is claimed before its files go, by the deleted_time 0: from then on it cannot be restored, as
half of it may be gone, and the next gc goes on with it if this one is ended.
"""

from __future__ import annotations

from runlog import validate
from runlog.clock import now
from runlog.errors import InvalidParameter, NotFound
from runlog.sqlstore.ids import json_ids, run_number
from runlog.sqlstore.retry import retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runlog.db.base import Database
    from runlog.entities import Experiment, RunInfo
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.locations import Locations
    from runlog.sqlstore.metrics import Metrics
    from runlog.sqlstore.rows import Rows

_MAX_TIME = 2**63 - 1


class Trash:
    """The deleted runs and experiments that have been so for at least `older_than` milliseconds:
    all of them; or of `run_ids`, of `experiment_ids`, of both where both are given.

    Raises NotFound for an id that does not exist, InvalidParameter for one that is active.
    """

    def __init__(
        self,
        db: Database,
        older_than: int,
        run_ids: Sequence[str] | None,
        experiment_ids: Sequence[str] | None,
    ) -> None:
        self._db = db
        self._before = now() - older_than if older_than else _MAX_TIME
        self._runs: set[int] | None = None  # None: of any
        self._experiments: set[int] | None = None
        with db.reading() as fetch:
            if run_ids is not None:
                self._runs = {_trashed_run(fetch, each) for each in run_ids}
            if experiment_ids is not None:
                self._experiments = {_trashed_experiment(fetch, each) for each in experiment_ids}
        self._no_experiments = run_ids is not None and experiment_ids is None

    def runs(self) -> list[tuple[int, str, str]]:
        """Return the row ids of the runs, their run ids, and their artifact URIs as stored."""
        rows = self._db.execute(
            """select id, run_id, artifact_uri, experiment from run
               where lifecycle_stage = 'deleted' and deleted_time <= :before order by id""",
            {"before": self._before},
        )
        return [
            (number, run_id, uri)
            for number, run_id, uri, experiment in rows
            if (self._runs is None or number in self._runs)
            and (self._experiments is None or experiment in self._experiments)
        ]

    def experiments(self, without: Sequence[int] = ()) -> list[int]:
        """Return the row ids of the experiments that have no runs but those `without`."""
        if self._no_experiments:
            return []
        rows = self._db.execute(
            """select id from experiment
               where lifecycle_stage = 'deleted' and last_update_time <= :before
                   and not exists (select 1 from run where run.experiment = experiment.id
                                   and id not in (select j.value from json_each(:ids) j))""",
            {"before": self._before, **json_ids(without)},
        )
        chosen = self._experiments
        return [number for (number,) in rows if chosen is None or number in chosen]

    @retry
    def claim(self, number: int) -> bool:
        """Make sure that a run will not be restored any more; return False if it was meanwhile."""
        with self._db.transaction():
            return bool(
                self._db.change(
                    """update run set deleted_time = 0
                       where id = :run and lifecycle_stage = 'deleted'""",
                    {"run": number},
                )
            )

    @retry
    def delete_run(self, number: int, metrics: Metrics) -> None:
        """Delete the rows of a claimed run."""
        with self._db.transaction():
            metrics.delete(number)
            self._db.forget_files(number)
            # What only refers to the run goes with it: on delete cascade.
            self._db.execute("delete from run where id = :run", {"run": number})

    @retry
    def delete_experiments(self) -> int:
        """Delete the experiments that are left without runs, and return how many they were."""
        with self._db.transaction():
            gone = self.experiments()
            for number in gone:
                self._db.execute("delete from experiment where id = :id", {"id": number})
            self._db.execute(
                """delete from metric_key
                   where not exists (select 1 from metric m where m.key = metric_key.id)"""
            )
        return len(gone)


def contents(rows: Rows, trash: Trash) -> tuple[list[RunInfo], list[Experiment]]:
    """Return the runs and experiments in the trash."""
    with rows.db.reading() as fetch:
        runs = [number for number, _, _ in trash.runs()]
        experiments = trash.experiments(without=runs)
        return list(rows.infos(fetch, runs).values()), rows.experiments(fetch, experiments)


def empty(
    trash: Trash,
    locations: Locations,
    metrics: Metrics,
    delete_artifacts: Callable[[str], None] | None,
    progress: Callable[[int, int], None] | None,
    may_go: Callable[[str, str], bool] | None,
) -> tuple[int, int]:
    """Delete what is in the trash for good, and return how many runs and experiments that were."""
    runs, deleted = trash.runs(), 0
    for done, (number, run_id, uri) in enumerate(runs, 1):
        goes = may_go is None or may_go(run_id, locations.absolute(uri))
        if goes and trash.claim(number):
            if delete_artifacts is not None:
                delete_artifacts(locations.absolute(uri))
            trash.delete_run(number, metrics)
            deleted += 1
        if progress is not None:
            progress(done, len(runs))
    return deleted, trash.delete_experiments()


def _trashed_run(fetch: Fetch, run_id: str) -> int:
    number = run_number(fetch, run_id)
    if fetch("select 1 from run where id = :id and lifecycle_stage = 'active'", {"id": number}):
        raise InvalidParameter(f"run {run_id} is active: delete it first, then gc it")
    return number


def _trashed_experiment(fetch: Fetch, experiment_id: str) -> int:
    number = validate.experiment_id(experiment_id)
    found = fetch("select name, lifecycle_stage from experiment where id = :id", {"id": number})
    if not found:
        raise NotFound(f"No Experiment with id={experiment_id} exists")
    name, stage = found[0]
    if stage == "active":
        raise InvalidParameter(
            f"experiment {experiment_id} ({name}) is active: delete it first, then gc it"
        )
    return number
