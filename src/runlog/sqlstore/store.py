"""SqlStore: every promise of Store as SQL, each statement beside the method that runs it.

Metrics are in `sqlmetrics`, the search for runs in `sqlsearch`, the trash in `sqltrash`.
"""

from __future__ import annotations

import os

from runlog import validate
from runlog.clock import now
from runlog.db.sqlite import Database
from runlog.entities import (
    RUN_NAME,
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    Metric,
    MetricSummary,
    PagedList,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
    ViewType,
)
from runlog.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameter,
    NotFound,
    RunlogError,
)
from runlog.settings import setting
from runlog.sqlstore.ids import again, again_if_unsure, json_ids, listed, run_number
from runlog.sqlstore.metrics import Metrics
from runlog.store import DatasetSummary, History, RunColumns, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from runlog.db.query import Limits
    from runlog.entities import LoggedModelInput, LoggedModelOutput
    from runlog.query.clauses import Clause, OrderBy
    from runlog.sql_results import QueryResult
    from runlog.sqlstore.exact_copy import SqlRecords
    from runlog.sqlstore.logged_models import SqlModels
    from runlog.sqlstore.search import Search
    from runlog.sqlstore.trash import Trash
    from runlog.sqlstore.views import SqlViews
    from runlog.store import Point, Sent

    Fetch = Callable[..., list[tuple[Any, ...]]]

ARCHIVE = "sqlar:"  # how locations inside the file begin

_NO_LINKS: tuple[list[LoggedModelInput], list[LoggedModelOutput]] = ([], [])


class SqlStore(Store):
    """A store in a SQLite file. Safe to share between threads; forks open it anew."""

    def __init__(self, path: str, default_artifact_root: str | None = None) -> None:
        """Artifacts of new experiments go below `default_artifact_root`, a path or a URI; else
        below RUNLOG_ARTIFACT_ROOT; else to a folder beside the file."""
        self._default_root = default_artifact_root
        self.db = Database(path)
        self.uri = "sqlite:///" + self.db.path
        self.artifact_root = os.path.join(os.path.dirname(self.db.path), "artifacts")
        self._metrics = Metrics(self.db)
        path = self.db.path.replace(os.sep, "/").lstrip("/")
        self.archive = f"{ARCHIVE}///{path}/"
        self.db.open()
        self._make_default_experiment()

    def own_files(self) -> list[str]:
        beside = [self.db.path + end for end in ("", "-wal", "-shm", "-journal")]
        return [*beside, *self.artifact_folders(), *super().own_files()]

    def artifact_folders(self) -> list[str]:
        """The folders that artifacts go below, where they are on this machine."""
        roots = (self.artifact_root, self._default_root, setting("ARTIFACT_ROOT"))
        return [os.path.expanduser(root) for root in roots if root and "://" not in root]

    def _roots(self) -> dict[str, str]:
        """What stored locations begin with when they are made absolute."""
        return {"artifact_root": self.artifact_root, "archive": self.archive}

    def own_locations(self) -> Sequence[str]:
        return self.artifact_root, self.archive

    # -- experiments ------------------------------------------------------------------------

    @again
    def _make_default_experiment(self) -> None:
        if self.db.read_only or self.db.execute("select 1 from experiment limit 1"):
            return
        with self.db.transaction():
            self.db.execute(
                """insert into experiment
                       (id, name, artifact_location, creation_time, last_update_time)
                   values (0, 'Default', :location, :now, :now) on conflict do nothing""",
                {"location": self._location(None, 0), "now": now()},
            )

    @again
    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        name = validate.experiment_name(name)
        with self.db.transaction():
            self._refuse_taken(name, AlreadyExists)
            row = self.db.execute(
                """insert into experiment
                       (name, artifact_location, creation_time, last_update_time)
                   values (:name, '', :now, :now) returning id""",
                {"name": name, "now": now()},
            )
            experiment = int(row[0][0])
            self.db.execute(
                "update experiment set artifact_location = :location where id = :id",
                {"id": experiment, "location": self._location(artifact_location, experiment)},
            )
            self._set_experiment_tags(experiment, tags or {})
        return str(experiment)

    def _location(self, given: str | None, number: int) -> str:
        """Where a new experiment's artifacts go, as it is stored."""
        if given and given != ARCHIVE:
            return self._given_location(given)
        root = given or self._default_root or setting("ARTIFACT_ROOT") or ""
        root = validate.without_password(root)
        if root == ARCHIVE:
            return f"{ARCHIVE}{number}"
        return self._given_location(f"{root.rstrip('/')}/{number}") if root else f"./{number}"

    def _given_location(self, location: str) -> str:
        location = validate.artifact_location(location)
        if ":" not in location.partition("/")[0]:  # a path, not a URI
            location = os.path.abspath(os.path.expanduser(location))
        stored = self._relative(location)
        if location.startswith(ARCHIVE) and stored == location:
            raise InvalidParameter(
                f"artifact location {location!r}: write {ARCHIVE} alone to keep files inside "
                f"{self.db.path}; they cannot be in another database"
            )
        return stored

    def _relative(self, uri: str) -> str:
        """`uri` as it is stored: what is under the artifact root, or in the file itself, relative
        to it, so that the file and the folder can be moved together."""
        if uri.startswith(self.archive):
            return ARCHIVE + uri[len(self.archive) :]
        inside = uri.startswith(self.artifact_root + "/")
        return "." + uri[len(self.artifact_root) :] if inside else uri

    def _absolute(self, stored: str) -> str:
        if stored.startswith(ARCHIVE):
            return self.archive + stored[len(ARCHIVE) :]
        return self.artifact_root + stored[1:] if stored.startswith("./") else stored

    def _refuse_taken(self, name: str, error: type[RunlogError]) -> None:
        taken = self.db.execute(
            "select id, lifecycle_stage from experiment where name = :name", {"name": name}
        )
        if taken:
            number, stage = taken[0]
            hint = "; restore it or `runlog gc` it" if stage == "deleted" else ""
            raise error(f"Experiment '{name}' already exists ({stage}, id {number}){hint}.")

    def _set_experiment_tags(self, experiment: int, tags: Mapping[str, Any]) -> None:
        self.db.executemany(
            """insert into experiment_tag (experiment, key, value)
               values (:experiment, :key, :value)
               on conflict (experiment, key) do update set value = excluded.value""",
            [
                {
                    "experiment": experiment,
                    "key": validate.key(key, "experiment tag"),
                    "value": validate.text(value),
                }
                for key, value in tags.items()
            ],
        )

    def get_experiment(self, experiment_id: str) -> Experiment:
        number = validate.experiment_id(experiment_id)
        with self.db.reading() as fetch:
            found = self._experiments(fetch, [number])
        if not found:
            raise NotFound(f"No Experiment with id={experiment_id} exists")
        return found[0]

    def find_experiment(self, name: str) -> Experiment | None:
        with self.db.reading() as fetch:
            ids = fetch(
                "select id from experiment where name = :name",
                {"name": validate.text(name)},
            )
            found = self._experiments(fetch, [row[0] for row in ids])
        # A database that takes 'a ' for 'a' finds the other one.
        return found[0] if found and found[0].name == validate.text(name) else None

    def _experiments(self, fetch: Fetch, ids: Sequence[int]) -> list[Experiment]:
        bindings = json_ids(ids)
        tags: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select t.experiment, t.key, t.value from json_each(:ids) j
                cross join experiment_tag t on t.experiment = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        rows = fetch(
            """select e.id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time,
                      e.last_update_time
               from json_each(:ids) j cross join experiment e on e.id = j.value order by j.key""",
            bindings,
        )
        return [
            Experiment(str(number), name, self._absolute(place), stage, tags[number], made, changed)
            for number, name, place, stage, made, changed in rows
        ]

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        from runlog.query.clauses import EXPERIMENTS, full_order
        from runlog.query.parser import parse_filter, parse_order_by
        from runlog.sqlstore import search as sqlsearch

        scope = EXPERIMENTS
        limit = validate.max_results(max_results)
        clause = parse_filter(filter_string, scope)
        order = full_order(parse_order_by(order_by, scope), scope)
        stages = sqlsearch.stages_scope(view_type)
        with self.db.reading() as fetch:
            search = sqlsearch.Search(
                sqlsearch.experiments(), stages, clause, order, self._roots(), self.db
            )
            ids, token = sqlsearch.page_of(search, fetch, limit, page_token)
            found = self._experiments(fetch, ids)
        return PagedList(found, token)

    @again
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        name = validate.experiment_name(new_name)
        with self.db.transaction():
            number, _ = self._active_experiment(experiment_id)
            current = self.db.execute("select name from experiment where id = :id", {"id": number})
            if current[0][0] == name:
                return
            self._refuse_taken(name, BadRequest)
            self.db.execute(
                "update experiment set name = :name, last_update_time = :now where id = :id",
                {"id": number, "name": name, "now": now()},
            )

    @again
    def delete_experiment(self, experiment_id: str) -> None:
        with self.db.transaction():
            number = validate.experiment_id(experiment_id)
            # Later than what was deleted before, in this millisecond or by a faster clock:
            # restoring tells by the time which runs went with the experiment.
            latest = self.db.execute(
                """select max(deleted_time) from run
                   where experiment = :id and lifecycle_stage = 'deleted'""",
                {"id": number},
            )[0][0]
            time = now() if latest is None else max(now(), latest + 1)
            self._change_stage(number, "active", "deleted", time)
            self.db.execute(
                """update run set lifecycle_stage = 'deleted', deleted_time = :now
                   where experiment = :id and lifecycle_stage = 'active'""",
                {"id": number, "now": time},
            )

    @again
    def restore_experiment(self, experiment_id: str) -> None:
        with self.db.transaction():
            number = validate.experiment_id(experiment_id)
            deleted = self.db.execute(
                "select last_update_time from experiment where id = :id", {"id": number}
            )
            self._change_stage(number, "deleted", "active", now())
            self.db.execute(
                """update run set lifecycle_stage = 'active', deleted_time = null
                   where experiment = :id and lifecycle_stage = 'deleted'
                       and deleted_time = :deleted""",
                {"id": number, "deleted": deleted[0][0]},
            )

    def _change_stage(self, number: int, before: str, after: str, time: int) -> None:
        changed = self.db.change(
            """update experiment set lifecycle_stage = :after, last_update_time = :now
               where id = :id and lifecycle_stage = :before""",
            {"id": number, "before": before, "after": after, "now": time},
        )
        if not changed:
            raise NotFound(f"No {before} Experiment with id={number} exists")

    @again_if_unsure
    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> None:
        with self.db.transaction():
            number, _ = self._active_experiment(experiment_id)
            self._set_experiment_tags(number, tags)
            self._touch_experiment(number)

    @again
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        with self.db.transaction():
            number, _ = self._active_experiment(experiment_id)
            deleted = self.db.change(
                "delete from experiment_tag where experiment = :id and key = :key",
                {"id": number, "key": key},
            )
            if not deleted:
                raise NotFound(f"No tag with name: {key} in experiment with id {experiment_id}")
            self._touch_experiment(number)

    def _touch_experiment(self, number: int) -> None:
        self.db.execute(
            "update experiment set last_update_time = :now where id = :id",
            {"id": number, "now": now()},
        )

    def _active_experiment(self, experiment_id: str) -> tuple[int, str]:
        """The number of an experiment that may be written to, and its location as stored."""
        number = validate.experiment_id(experiment_id)
        found = self.db.execute(
            "select lifecycle_stage, artifact_location from experiment where id = :id",
            {"id": number},
        )
        if not found:
            raise NotFound(f"No Experiment with id={experiment_id} exists")
        _refuse_deleted("experiment", experiment_id, found[0][0])
        return number, found[0][1]

    # -- runs -------------------------------------------------------------------------------

    @again
    def create_run(
        self,
        experiment_id: str,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        from runlog import names

        tags = {key: validate.text(value) for key, value in (tags or {}).items()}
        name = _run_name(run_name, tags) or names.generate()
        tags[RUN_NAME] = name
        user = validate.text(user_id or "")
        run_id = names.run_id() if run_id is None else validate.run_id(run_id)
        start = now() if start_time is None else validate.timestamp(start_time)
        with self.db.transaction():
            experiment, place = self._active_experiment(experiment_id)
            artifacts = f"{place.rstrip('/')}/{run_id}/artifacts"
            row = self.db.execute(
                """insert into run (run_id, experiment, name, status, user_id, start_time,
                                    artifact_uri)
                   values (:run_id, :experiment, :name, 'RUNNING', :user, :start, :artifacts)
                   on conflict do nothing returning id""",
                {
                    "run_id": run_id,
                    "experiment": experiment,
                    "name": name,
                    "user": user,
                    "start": start,
                    "artifacts": artifacts,
                },
            )
            if not row:
                raise AlreadyExists(f"Run with id={run_id} already exists")
            self._set_tags(int(row[0][0]), tags.items())
        info = RunInfo(
            run_id,
            str(experiment),
            user,
            "RUNNING",
            start,
            None,
            LifecycleStage.ACTIVE,
            self._absolute(artifacts),
            name,
        )
        return Run(info, RunData({}, {}, tags))

    def get_run(self, run_id: str) -> Run:
        with self._metrics.reading() as (fetch, metric_table, _):
            number = run_number(fetch, run_id)
            return self._runs(fetch, [number], metric_table)[0]

    def _active_run(self, run_id: str) -> int:
        """The row id of a run that may be written to."""
        validate.run_id(run_id)
        found = self.db.execute(
            "select id, lifecycle_stage from run where run_id = :run_id", {"run_id": run_id}
        )
        if not found:
            raise NotFound(f"Run with id={run_id} not found")
        _refuse_deleted("run", run_id, found[0][1])
        return int(found[0][0])

    def _infos(self, fetch: Fetch, ids: Sequence[int]) -> dict[int, RunInfo]:
        rows = fetch(
            """select r.id, r.run_id, r.experiment, r.user_id, r.status, r.start_time, r.end_time,
                      r.lifecycle_stage, r.artifact_uri, r.name
               from json_each(:ids) j cross join run r on r.id = j.value order by j.key""",
            json_ids(ids),
        )
        if len(rows) < len(ids):
            raise self.db.damaged("an index of runs names rows that are not there")
        return {
            number: RunInfo(
                run_id, str(experiment), user, status, start, end, stage, self._absolute(uri), name
            )
            for number, run_id, experiment, user, status, start, end, stage, uri, name in rows
        }

    def _runs(self, fetch: Fetch, ids: Sequence[int], metric_table: str) -> list[Run]:
        """The runs of these row ids, in that order."""
        if not ids:
            return []
        bindings = json_ids(ids)
        infos = self._infos(fetch, ids)
        points: dict[int, list[tuple[Any, ...]]] = {number: [] for number in ids}
        for row in fetch(
            f"""select m.run, k.name, m.last, m.last_timestamp, m.last_step
                from json_each(:ids) j cross join {metric_table} m on m.run = j.value
                join metric_key k on k.id = m.key order by m.run, k.name""",
            bindings,
        ):
            points[row[0]].append(row)
        params: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select p.run, p.key, p.value from json_each(:ids) j
                cross join param p on p.run = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            params[number][key] = value
        tags: dict[int, dict[str, str]] = {number: {} for number in ids}
        for number, key, value in fetch(
            f"""select t.run, t.key, t.value from json_each(:ids) j
                cross join tag t on t.run = j.value {self.db.BY_KEY}""",
            bindings,
        ):
            tags[number][key] = value
        inputs = self._inputs(fetch, bindings)
        links = self._links(fetch, bindings)
        return [
            Run(
                infos[number],
                RunData._of_rows(
                    infos[number].run_id, points[number], params[number], tags[number]
                ),
                RunInputs(inputs.get(number, []), links.get(number, _NO_LINKS)[0]),
                RunOutputs(links.get(number, _NO_LINKS)[1]),
            )
            for number in ids
        ]

    def _links(
        self, fetch: Fetch, bindings: Mapping[str, Any]
    ) -> dict[int, tuple[list[LoggedModelInput], list[LoggedModelOutput]]]:
        # Without logged models, which most files have none of, their module is not needed.
        linked = fetch("select 1 from model_link limit 1")
        return self.models.links(fetch, bindings) if linked else {}

    def _inputs(self, fetch: Fetch, bindings: Mapping[str, Any]) -> dict[int, list[DatasetInput]]:
        found: dict[int, dict[int, DatasetInput]] = {}
        for run, number, key, value, *fields in fetch(
            """select i.run, i.id, t.key, t.value,
                      d.name, d.digest, d.source_type, d.source, d.schema, d.profile
               from json_each(:ids) j cross join input i on i.run = j.value
               join dataset d on d.id = i.dataset left join input_tag t on t.input = i.id
               order by i.id, t.key""",
            bindings,
        ):
            of_run = found.setdefault(run, {})
            if number not in of_run:
                of_run[number] = DatasetInput(Dataset(*fields), [])
            if key is not None:
                of_run[number].tags.append(InputTag(key, value))
        return {run: [*of_run.values()] for run, of_run in found.items()}

    @again_if_unsure
    def update_run(
        self,
        run_id: str,
        status: str | int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
        sent: Sent | None = None,
    ) -> RunInfo:
        changes: dict[str, Any] = {}
        if status is not None:
            changes["status"] = validate.status(status)
        if end_time is not None:
            changes["end_time"] = validate.timestamp(end_time)
        if run_name:
            changes["name"] = validate.text(run_name)
        with self.db.transaction():
            number = self._active_run(run_id)
            if self._is_late(number, sent):
                changes, run_name = {}, None
            if changes:
                assignments = ", ".join(f"{column} = :{column}" for column in changes)
                self.db.execute(
                    f"update run set {assignments} where id = :id", {"id": number, **changes}
                )
            if run_name:
                self._set_tags(number, [(RUN_NAME, run_name)])
            info = self._infos(self.db.execute, [number])[number]
        if RunStatus.is_terminated(info.status):
            self._metrics.run_ended()
        return info

    def delete_run(self, run_id: str) -> None:
        self._change_run_stage(run_id, "deleted", now())

    def restore_run(self, run_id: str) -> None:
        self._change_run_stage(run_id, "active", None)

    @again_if_unsure
    def _change_run_stage(self, run_id: str, stage: str, deleted_time: int | None) -> None:
        with self.db.transaction():
            number = run_number(self.db.execute, run_id)
            if self.db.execute(
                "select 1 from run where id = :id and deleted_time = 0", {"id": number}
            ):
                raise InvalidParameter(
                    f"run {run_id} is gone for good: gc has begun to delete it, files first"
                )
            self.db.execute(
                """update run set lifecycle_stage = :stage, deleted_time = :deleted
                   where id = :id and lifecycle_stage <> :stage""",
                {"id": number, "stage": stage, "deleted": deleted_time},
            )

    @again
    def move_artifacts(self, run_id: str, before: str, after: str) -> bool:
        """Says that the files of a run, deleted or not, are at `after` from now on, if they were at
        `before` until now; returns whether they were."""
        with self.db.transaction():
            return bool(
                self.db.change(
                    """update run set artifact_uri = :after
                       where id = :id and artifact_uri = :before""",
                    {
                        "id": run_number(self.db.execute, run_id),
                        "before": self._relative(before),
                        "after": self._relative(after),
                    },
                )
            )

    # -- searching --------------------------------------------------------------------------

    def search_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        from runlog.query.clauses import full_order
        from runlog.query.parser import parse_filter, parse_order_by
        from runlog.sqlstore import search as sqlsearch

        limit = validate.max_results(max_results)
        order = full_order(parse_order_by(order_by))
        clause = parse_filter(filter_string)
        scope = sqlsearch.runs_scope(experiment_ids, run_view_type)
        with self._metrics.reading() as (fetch, table, _):
            search = self._run_search(fetch, table, scope, clause, order)
            ids, token = sqlsearch.page_of(search, fetch, limit, page_token)
            found = self._runs(fetch, ids, table)
        return PagedList(found, token)

    def _run_search(
        self,
        fetch: Fetch,
        table: str,
        scope: str,
        clause: Clause | None,
        order: Sequence[OrderBy],
    ) -> Search:
        from runlog.sqlstore.search import Search, metric_names, runs

        keys = self._metric_keys(fetch, metric_names(clause, order))
        return Search(runs(table, keys), scope, clause, order, self._roots(), self.db)

    def _metric_keys(self, fetch: Fetch, names: Iterable[str]) -> dict[str, int]:
        import json

        if not names:
            return {}
        return dict(
            fetch(
                """select k.name, k.id from json_each(:names) j
                   join metric_key k on k.name = j.value""",
                {"names": json.dumps([*names])},
            )
        )

    def search_run_columns(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> RunColumns:
        from array import array

        from runlog.query.clauses import full_order
        from runlog.query.parser import parse_filter, parse_order_by
        from runlog.sqlstore import search as sqlsearch

        limit = validate.limit(max_results)
        order = full_order(parse_order_by(order_by))
        clause = parse_filter(filter_string)
        scope = sqlsearch.runs_scope(experiment_ids, run_view_type)
        with self._metrics.reading() as (fetch, table, _):
            search = self._run_search(fetch, table, scope, clause, order)
            ids = [row[0] for row in search.rows(fetch, limit)]
            columns = RunColumns(list(self._infos(fetch, ids).values()), {}, {}, {})
            names: dict[int, str] = dict(fetch("select id, name from metric_key"))
            bindings = json_ids(ids)
            for key, position, number in fetch.each(
                f"""select m.key, j.key, m.last from json_each(:ids) j
                    cross join {table} m on m.run = j.value""",
                bindings,
            ):
                column = columns.metrics.get(names[key])
                if column is None:
                    column = columns.metrics[names[key]] = (array("q"), array("d"))
                column[0].append(position)
                column[1].append(float(number))
            for name, texts in (("param", columns.params), ("tag", columns.tags)):
                same: dict[str, str] = {}  # equal values share one text
                for key, position, value in fetch.each(
                    f"""select p.key, j.key, p.value from json_each(:ids) j
                        cross join {name} p on p.run = j.value""",
                    bindings,
                ):
                    text_column = texts.get(key)
                    if text_column is None:
                        text_column = texts[key] = (array("q"), [])
                    text_column[0].append(position)
                    text_column[1].append(same.setdefault(value, value))
        return columns

    # -- logging ----------------------------------------------------------------------------

    def log_metric(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> None:
        # Overrides the derived method: one statement with its own transaction costs 1.1 times the
        # bare insert, the general way below 1.6 times (benchmarks/README.md).
        with self.db.lock:
            if not self._metrics.append_point(run_id, key, value, timestamp, step):
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
        of_run = [*points, *(_point(each) for each in measured)] if measured else points
        with self.db.lock:
            self._log(run_id, of_run, params, tags, measured, inputs, sent)

    @again_if_unsure
    def _log(
        self,
        run_id: str,
        points: list[Point],
        params: list[tuple[str, Any]],
        tags: list[tuple[str, Any]],
        measured: list[Metric],
        inputs: RunInputs | None,
        sent: Sent | None,
    ) -> None:
        known: dict[str, int] | None = None
        with self.db.transaction():
            run = self._active_run(run_id)
            if params:
                self._keep_params(run, run_id, params)
            if tags and not self._is_late(run, sent):
                self._set_tags(run, tags)
            if points:
                known = self._metrics.append(run_id, run, points)
            if measured:
                self.models.measured(run_id, measured)
            if inputs is not None:
                self._keep_inputs(run, inputs)
        if known is not None:  # committed
            self._metrics.committed(run_id, run, known)

    def _is_late(self, run: int, sent: Sent | None) -> bool:
        """Whether something later of the same sender was stored. Points and params need not ask:
        they are the same whenever they come."""
        if sent is None:
            return False
        bindings = {"run": run, "sender": sent.sender, "sequence": sent.sequence}
        later = self.db.change(
            """update delivery set sequence = :sequence
               where run = :run and sender = :sender and sequence < :sequence""",
            bindings,
        )
        return not later and not self.db.change(
            """insert into delivery (run, sender, sequence) values (:run, :sender, :sequence)
               on conflict do nothing""",
            bindings,
        )

    def _keep_params(self, run: int, run_id: str, params: Iterable[tuple[str, Any]]) -> None:
        rows: list[dict[str, Any]] = [
            {"run": run, "key": validate.key(key, "param"), "value": validate.text(value)}
            for key, value in params
        ]
        new = self.db.change_many(
            """insert into param (run, key, value) values (:run, :key, :value)
               on conflict do nothing""",
            rows,
        )
        if new == len(rows):
            return
        kept: dict[str, str] = dict(
            self.db.execute("select key, value from param where run = :run", {"run": run})
        )
        for row in rows:
            key, value = row["key"], row["value"]
            if kept[key] != value:
                raise InvalidParameter(
                    f"Changing param values is not allowed. Param with key='{key}' was already "
                    f"logged with value='{kept[key]}' for run ID='{run_id}'. "
                    f"Attempted logging new value '{value}'."
                )

    def _set_tags(self, run: int, tags: Iterable[tuple[str, Any]]) -> None:
        rows = [
            {"run": run, "key": validate.key(key, "tag"), "value": validate.text(value)}
            for key, value in tags
        ]
        self.db.executemany(
            """insert into tag (run, key, value) values (:run, :key, :value)
               on conflict (run, key) do update set value = excluded.value""",
            rows,
        )
        for row in rows:
            if row["key"] == RUN_NAME:
                self.db.execute("update run set name = :value where id = :run", row)

    @again
    def delete_tag(self, run_id: str, key: str) -> None:
        with self.db.transaction():
            deleted = self.db.change(
                "delete from tag where run = :run and key = :key",
                {"run": self._active_run(run_id), "key": key},
            )
            if not deleted:
                raise NotFound(f"No tag with name: {key} in run with id {run_id}")

    def _keep_inputs(self, run: int, inputs: RunInputs) -> None:
        for given in inputs.dataset_inputs:
            self._keep_input(run, given)
        if inputs.model_inputs:
            self.models.read_by(run, inputs.model_inputs)

    def _keep_input(self, run: int, given: DatasetInput) -> None:
        data = given.dataset
        bindings = {
            "run": run,
            "name": validate.text(data.name),
            "digest": validate.text(data.digest),
            "source_type": validate.text(data.source_type),
            "source": validate.text(data.source),
            "schema": None if data.schema is None else validate.text(data.schema),
            "profile": None if data.profile is None else validate.text(data.profile),
        }
        if not data.name or not data.digest:
            raise InvalidParameter(f"a data set needs a name and a digest, not {data!r}")
        self.db.execute(
            """insert into dataset (experiment, name, digest, source_type, source, schema, profile)
               select experiment, :name, :digest, :source_type, :source, :schema, :profile
               from run where id = :run on conflict do nothing""",
            bindings,
        )
        self.db.execute(
            """insert into input (run, dataset)
               select r.id, d.id from run r join dataset d on d.experiment = r.experiment
               where r.id = :run and d.name = :name and d.digest = :digest
               on conflict do nothing""",
            bindings,
        )
        number = self.db.execute(
            """select i.id from run r join dataset d on d.experiment = r.experiment
               join input i on i.run = r.id and i.dataset = d.id
               where r.id = :run and d.name = :name and d.digest = :digest""",
            bindings,
        )[0][0]
        self.db.executemany(
            """insert into input_tag (input, key, value) values (:input, :key, :value)
               on conflict do nothing""",
            [
                {
                    "input": number,
                    "key": validate.input_tag_key(tag.key),
                    "value": validate.text(tag.value),
                }
                for tag in given.tags
            ],
        )

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        numbers = listed(validate.experiment_ids(experiment_ids))
        rows = self.db.execute(
            f"""select d.experiment, d.name, d.digest, t.value
                from dataset d join input i on i.dataset = d.id
                join run r on r.id = i.run and r.lifecycle_stage = 'active'
                left join input_tag t on t.input = i.id and t.key = 'mlflow.data.context'
                where d.experiment in ({numbers})
                group by d.id, d.experiment, d.name, d.digest, t.value
                order by d.id desc, t.value limit 1000"""
        )
        return [DatasetSummary(str(number), *rest) for number, *rest in rows]

    @property
    def models(self) -> SqlModels:
        from runlog.sqlstore.logged_models import SqlModels

        return SqlModels(self)

    @property
    def records(self) -> SqlRecords:
        from runlog.sqlstore.exact_copy import SqlRecords

        return SqlRecords(self)

    def sql(
        self,
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        limits: Limits | None = None,
    ) -> QueryResult:
        """`limits` are for the queries of others, which a server runs."""
        from runlog.db.query import run
        from runlog.sql_results import QueryResult, bindings

        return QueryResult(*run(self.db, query, bindings(params), limits))

    @property
    def views(self) -> SqlViews:
        from runlog.sqlstore.views import SqlViews

        return SqlViews(self)

    # -- metrics ----------------------------------------------------------------------------

    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        return self._metrics.summary(run_id)

    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> list[History]:
        return self._metrics.histories(run_ids, keys)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        return self._metrics.history(run_id, key)

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
        return self._metrics.page(run_id, key, limit, page_token)

    def sampled_histories(
        self,
        run_ids: Sequence[str],
        key: str,
        start_step: int | None = None,
        end_step: int | None = None,
        max_results: int = 2500,
    ) -> list[Metric]:
        # Overrides the derived method, which reads the histories whole.
        return self._metrics.sample(run_ids, key, start_step, end_step, max_results)

    # -- digests of artifacts ---------------------------------------------------------------

    def record_digests(self, run_id: str, digests: Iterable[tuple[str, int, str]]) -> None:
        self._record_digests(run_id, list(digests))

    @again_if_unsure
    def _record_digests(self, run_id: str, digests: list[tuple[str, int, str]]) -> None:
        from runlog.db import digests as kept

        with self.db.transaction():
            kept.record(self.db, run_number(self.db.execute, run_id), digests)

    def get_digests(
        self, run_id: str, paths: Iterable[str] | None = None
    ) -> dict[str, tuple[int, str]]:
        from runlog.db import digests as kept

        with self.db.reading() as fetch:
            return kept.read(fetch, run_id, paths)

    @again
    def forget_digests(self, run_id: str, path: str = "") -> None:
        from runlog.db import digests as kept

        with self.db.transaction():
            kept.forget(self.db, run_id, path)

    # -- keeping ----------------------------------------------------------------------------

    def gc(
        self,
        older_than: int = 0,
        run_ids: Sequence[str] | None = None,
        experiment_ids: Sequence[str] | None = None,
        delete_artifacts: Callable[[str], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        may_go: Callable[[str, str], bool] | None = None,
    ) -> tuple[int, int]:
        self._metrics.merge()
        trash = self._trash(older_than, run_ids, experiment_ids)
        runs, deleted = trash.runs(), 0
        for done, (number, run_id, uri) in enumerate(runs, 1):
            goes = may_go is None or may_go(run_id, self._absolute(uri))
            if goes and trash.claim(number):
                if delete_artifacts is not None:
                    delete_artifacts(self._absolute(uri))
                trash.delete_run(number, self._metrics)
                deleted += 1
            if progress is not None:
                progress(done, len(runs))
        return deleted, trash.delete_experiments()

    def trash(
        self,
        older_than: int = 0,
        run_ids: Sequence[str] | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> tuple[list[RunInfo], list[Experiment]]:
        """The runs and experiments that `gc` with the same arguments would delete."""
        trash = self._trash(older_than, run_ids, experiment_ids)
        with self.db.reading() as fetch:
            runs = [number for number, _, _ in trash.runs()]
            experiments = trash.experiments(without=runs)
            return list(self._infos(fetch, runs).values()), self._experiments(fetch, experiments)

    def _trash(
        self, older_than: int, run_ids: Sequence[str] | None, experiment_ids: Sequence[str] | None
    ) -> Trash:
        from runlog.sqlstore.trash import Trash

        return Trash(self.db, older_than, run_ids, experiment_ids)

    def flush(self) -> None:
        self.db.flush()

    def close(self) -> None:
        with self.db.lock:
            self._metrics.closing()
            self.db.close()


def _point(metric: Metric) -> Point:
    return metric.key, metric.value, metric.timestamp, metric.step


def _refuse_deleted(kind: str, given_id: str, stage: str) -> None:
    if stage != LifecycleStage.ACTIVE:
        raise InvalidParameter(
            f"The {kind} {given_id} must be in the 'active' state. Current state is {stage}."
        )


def _run_name(run_name: str | None, tags: Mapping[str, str]) -> str | None:
    tagged = tags.get(RUN_NAME)
    if run_name and tagged and run_name != tagged:
        raise InvalidParameter(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{run_name}', mlflow.runName='{tagged}')."
        )
    return validate.text(run_name) if run_name else tagged
