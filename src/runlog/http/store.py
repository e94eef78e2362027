"""HttpStore: the store behind a runlog, MLflow or Databricks server.

What a method sends and reads is the protocol's row. A runlog server has endpoints of its own for
what MLflow's API has not: summaries, columns, logging without limits. With other servers these are
put together from what they have.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from runlog import names, validate
from runlog.clock import now
from runlog.entities import (
    Experiment,
    Metric,
    MetricSummary,
    PagedList,
    Run,
    RunInfo,
    RunInputs,
    ViewType,
    by_time,
)
from runlog.errors import (
    AlreadyExists,
    BadRequest,
    InvalidParameter,
    NotFound,
)
from runlog.http import address as addresses
from runlog.http import calls, databricks, fallbacks, offline, tls
from runlog.http.calls import Calls
from runlog.http.log_calls import LogCalls, Synchronous, pieces
from runlog.http.retry import retry_policy
from runlog.http.session import Session
from runlog.http.transport import Connections, Transport
from runlog.protocol.arrays import Digest
from runlog.protocol.limits import MAX_DATASET_EXPERIMENTS, MAX_PAIRS, MAX_RUNS_AT_ONCE
from runlog.storage.paths import PROXIED
from runlog.store import DatasetSummary, History, RunColumns, Store, view_stages
from runlog.store_parts.summaries import summary

if TYPE_CHECKING:
    from runlog.db.outbox import OutboxFile
    from runlog.http.files import ProxiedFiles
    from runlog.http.logged_models import HttpModels
    from runlog.http.registry import HttpRegistry
    from runlog.sql_results import QueryResult
    from runlog.store import Point, Sent
    from runlog.store_parts.exact_copy import Records
    from runlog.store_parts.views import Views

HISTORY_PAGE = 25_000


class HttpStore(Store):
    """A store at `http(s)://[user:password@]host[:port][/prefix]`, `databricks` or
    `databricks://profile`. Safe to share between threads and forks. Making one connects to nothing.

    Requests are retried as `runlog.http.retry` describes. So that a retry does nothing twice, a
    runlog server is given the id for a new run; with other servers, the request that makes a run
    is not retried when the answer to the first is lost.
    """

    artifact_root = PROXIED + "/"
    has_local_paths = False

    def __init__(self, uri: str, transport: Transport | None = None) -> None:
        """`transport` is used instead of connections to the server."""
        profile = databricks.settings(uri) if uri.startswith(databricks.SCHEME) else None
        where = addresses.parse(uri) if profile is None else databricks.address(profile)
        self.uri = uri if profile is not None else str(where)
        policy = retry_policy()
        carrier = transport or Connections(where, policy.timeout, tls.context)
        if profile is None:
            login, who = addresses.login(where), addresses.identity(where)
        else:
            login = databricks.login(profile, Session(str(where), carrier, policy))
            who = databricks.identity(profile)
        self.session = Session(str(where), carrier, policy, login, where.prefix)
        self._host = where.netloc
        self.is_on_this_machine = validate.is_loopback(where.host)
        self._calls = Calls(self.session, None if profile is None else {})
        self._logs = LogCalls(self._calls, self.uri, who, policy.factor)
        self._offline_runs: dict[str, Run] = {}
        _stores.add(self)

    def __repr__(self) -> str:
        return f"HttpStore({self.uri!r})"

    def synchronous(self) -> HttpStore:
        if isinstance(self._logs, Synchronous):
            return self
        other = copy(self)
        other._logs = Synchronous(self._logs)
        return other

    @property
    def is_runlog(self) -> bool:
        """Return whether the server has runlog's own endpoints; it is asked once."""
        return self._calls.is_runlog

    # -- what waits -------------------------------------------------------------------------

    def send_pending(self, file: OutboxFile | None = None, any_login: bool = False) -> int:
        """Send what programs that have ended left in an outbox, this host's by default, logged by
        the same user unless `any_login`. Return how many log calls that were. Raises what keeps
        the rest there."""
        return self._logs.send_pending(file or self._logs.outbox_file(), any_login)

    # -- experiments ------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        name = validate.experiment_name(name)
        if self._logs.is_offline:
            return offline.experiment(self._logs.outbox_file(), name).experiment_id
        location = validate.artifact_location(artifact_location) if artifact_location else None
        kept = validate.texts(tags, "experiment tag")
        made: str | None = self._logs.call(
            "createExperiment",
            name=name, artifact_location=location, tags=kept,
            done=AlreadyExists,
        )  # fmt: skip
        if made is None:
            made = self.get_experiment_by_name(name).experiment_id
        return made

    def get_experiment(self, experiment_id: str) -> Experiment:
        if self._logs.is_offline:
            number = _experiment_id(experiment_id)
            return offline.experiment_of(self._logs.outbox_file(), number)
        found: Experiment = self._logs.call(
            "getExperiment", experiment_id=_experiment_id(experiment_id)
        )
        return found

    def find_experiment(self, name: str) -> Experiment | None:
        if self._logs.is_offline:
            return offline.experiment(self._logs.outbox_file(), validate.text(name))
        try:
            found: Experiment = self._logs.call("getExperimentByName", name=validate.text(name))
        except NotFound:
            return None
        return found

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        view_stages(view_type)
        page: PagedList[Experiment] = self._logs.call(
            "searchExperiments",
            view_type=view_type, max_results=validate.max_results(max_results),
            filter_string=filter_string, order_by=_as_list(order_by), page_token=page_token,
        )  # fmt: skip
        return page

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        name = validate.experiment_name(new_name)
        self._logs.call(
            "updateExperiment", experiment_id=_experiment_id(experiment_id), new_name=name
        )

    def delete_experiment(self, experiment_id: str) -> None:
        self._logs.forget_all()
        self._logs.call(
            "deleteExperiment", experiment_id=_experiment_id(experiment_id), done=NotFound
        )

    def restore_experiment(self, experiment_id: str) -> None:
        self._logs.forget_all()
        self._logs.call(
            "restoreExperiment", experiment_id=_experiment_id(experiment_id), done=NotFound
        )

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> None:
        number = _experiment_id(experiment_id)
        for key, value in validate.texts(tags, "experiment tag").items():
            self._logs.call("setExperimentTag", experiment_id=number, key=key, value=value)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        self._logs.call(
            "deleteExperimentTag",
            experiment_id=_experiment_id(experiment_id), key=validate.text(key),
            done=NotFound,
        )  # fmt: skip

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
        wanted: dict[str, Any] = {
            "experiment_id": _experiment_id(experiment_id),
            "user_id": validate.text(user_id or ""),
            "start_time": now() if start_time is None else validate.timestamp(start_time),
            "tags": validate.texts(tags, "tag"),
            "run_name": validate.text(run_name) if run_name else None,
        }
        if run_id is not None:
            validate.run_id(run_id)
        if self._logs.is_offline:
            return self._start_offline(wanted, run_id)
        if not self.is_runlog:
            if run_id is not None:
                raise InvalidParameter(
                    f"run id {run_id!r}: {self.uri} chooses the ids of runs itself"
                )
            made: Run = self._logs.call("createRun", **wanted, repeatable=False)
        else:
            new = names.run_id() if run_id is None else run_id
            made = self._logs.call("createRun", **wanted, new_run_id=new, done=AlreadyExists)
            made = self.get_run(new) if made is None else made
        self._logs.remember(made.info)
        return made

    def _start_offline(self, wanted: dict[str, Any], run_id: str | None) -> Run:
        run = offline.new_run(self._logs.outbox_file(), wanted, run_id)
        given = {**wanted, "tags": run.data.tags, "run_name": run.info.run_name}
        self._logs.start_offline(run.info.run_id, calls.request("createRun", **given))
        self._logs.remember(run.info)
        self._offline_runs[run.info.run_id] = run
        return run

    def get_run(self, run_id: str) -> Run:
        validate.run_id(run_id)
        if run_id in self._offline_runs and self._logs.id_there(run_id) is None:
            return self._offline_runs[run_id]
        found: Run = self._logs.call("getRun", run_id=run_id)
        self._logs.remember(found.info)
        return found

    def update_run(
        self,
        run_id: str,
        status: str | int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
        sent: Sent | None = None,
    ) -> RunInfo:
        changes: dict[str, Any] = {
            "status": None if status is None else validate.status(status),
            "end_time": None if end_time is None else validate.timestamp(end_time),
            "run_name": validate.text(run_name) if run_name else None,
        }
        known = self._logs.known(validate.run_id(run_id))
        ask = self._logs.call if known is None else self._logs.ask
        info: RunInfo | None = ask("updateRun", run_id=run_id, **changes)
        if info is None:  # it waits in the outbox
            assert known is not None
            changed = {name: value for name, value in changes.items() if value is not None}
            info = known._replace(**changed)
        return self._logs.remember(info)

    def delete_run(self, run_id: str) -> None:
        self._logs.call("deleteRun", run_id=validate.run_id(run_id))
        self._logs.forget(run_id)

    def restore_run(self, run_id: str) -> None:
        self._logs.call("restoreRun", run_id=validate.run_id(run_id))
        self._logs.forget(run_id)

    def search_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        size = validate.max_results(max_results)
        page: PagedList[Run] = self._logs.call(
            "searchRuns",
            **_search(experiment_ids, filter_string, run_view_type, order_by),
            max_results=size,
            page_token=page_token,
        )
        return page

    def search_run_columns(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> RunColumns:
        wanted = _search(experiment_ids, filter_string, run_view_type, order_by)
        limit = validate.limit(max_results)
        if self.is_runlog:
            found: RunColumns = self._logs.call("searchRunColumns", **wanted, max_results=limit)
            return found
        return fallbacks.columns(
            self.all_runs(
                wanted["experiment_ids"], filter_string, run_view_type, limit, wanted["order_by"]
            )
        )

    # -- logging ----------------------------------------------------------------------------

    def log_metric(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> None:
        self._logs.metric(
            run_id,
            validate.key(key, "metric"),
            validate.number(key, value),
            validate.timestamp(timestamp),
            validate.integer("step", step),
        )

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
        """As `Store.log`. Inputs and params have requests of their own, which come first: if one is
        refused, nothing else is logged. Points and tags are stored in the outbox together."""
        run_id = validate.run_id(run_id)
        numbers: list[Point] = [
            (
                validate.key(key, "metric"),
                validate.number(key, value),
                validate.timestamp(time),
                validate.integer("step", step),
            )
            for key, value, time, step in points
        ]
        metrics = [calls.checked_metric(metric) for metric in measured]
        texts = [(validate.key(key, "param"), validate.text(value)) for key, value in params]
        validate.unique_params(texts, run_id)
        texts = list(dict(texts).items())
        marks = list(validate.texts(dict(tags), "tag").items())
        self._logs.log(run_id, numbers, metrics, texts, marks, inputs)

    def delete_tag(self, run_id: str, key: str) -> None:
        self._logs.call(
            "deleteTag", run_id=validate.run_id(run_id), key=validate.text(key), done=NotFound
        )

    # -- digests of artifacts ---------------------------------------------------------------
    # MLflow's servers keep none.

    def record_digests(self, run_id: str, digests: Iterable[tuple[str, int, str]]) -> None:
        if self.is_runlog:
            for given in pieces([Digest(*each) for each in digests], MAX_PAIRS):
                self._logs.call("recordDigests", run_id=validate.run_id(run_id), digests=given)

    def get_digests(
        self, run_id: str, paths: Iterable[str] | None = None
    ) -> dict[str, tuple[int, str]]:
        wanted = None if paths is None else list(paths)
        if not self.is_runlog or wanted == []:
            return {}
        found = [
            digest
            for paths_at_once in ([None] if wanted is None else pieces(wanted, MAX_PAIRS))
            for digest in self._logs.call(
                "getDigests", run_id=validate.run_id(run_id), paths=paths_at_once
            )
        ]
        return {path: (size, sha256) for path, size, sha256 in found}

    def forget_digests(self, run_id: str, path: str = "") -> None:
        if self.is_runlog:
            self._logs.call("forgetDigests", run_id=validate.run_id(run_id), path=path)

    # -- reading ----------------------------------------------------------------------------

    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        if self.is_runlog:
            found = self._logs.call("getMetricSummary", run_id=validate.run_id(run_id))
            return {summary.key: summary for summary in found}
        histories = self.histories([run_id])
        return {each.key: summary(each) for each in histories if len(each.values)}

    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> list[History]:
        ids = [validate.run_id(run_id) for run_id in run_ids]
        found: list[History] = []
        if self.is_runlog:
            if keys is not None and not keys:
                return found
            for some in pieces(ids, MAX_RUNS_AT_ONCE):
                found += self._logs.call("histories", run_ids=some, keys=_as_list(keys))
            return found
        for run_id in ids:
            there = self.get_run(run_id).data.metrics
            for key in sorted(there) if keys is None else keys:
                if key in there:
                    found.append(
                        fallbacks.history(run_id, key, self.get_metric_history(run_id, key))
                    )
        return found

    def metric_history_page(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        # Overrides the derived method, which reads the history whole for each of its pages.
        # MLflow's servers order theirs by their own rules.
        if max_results is None or not self.is_runlog:
            return super().metric_history_page(run_id, key, max_results, page_token)
        page = self._logs.call(
            "getMetricHistory",
            run_id=validate.run_id(run_id),
            key=key,
            max_results=validate.max_results(max_results, None),
            page_token=page_token,
        )
        return PagedList(_of_run(run_id, page), page.token)

    @property
    def records(self) -> Records:
        if not self.is_runlog:
            from runlog.http.mlflow_records import MlflowRecords

            return MlflowRecords(self)
        from runlog.http.exact_copy import HttpRecords

        return HttpRecords(self.find_experiment, self._logs.call)

    @property
    def models(self) -> HttpModels:
        from runlog.http.logged_models import HttpModels

        return HttpModels(self._logs.call, self._logs.ask)

    @property
    def registry(self) -> HttpRegistry:
        from runlog.http.registry import HttpRegistry

        return HttpRegistry(self._logs.call)

    @property
    def views(self) -> Views:
        if not self.is_runlog:
            return super().views
        from runlog.http.views import views

        return views(self._logs.call)

    def sql(
        self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> QueryResult:
        if not self.is_runlog:
            return super().sql(query, params)
        from runlog.sql_results import bindings

        found: QueryResult = self._logs.call("sql", query=query, params=bindings(params))
        return found

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        ids = [*map(str, validate.experiment_ids(experiment_ids))]
        found: list[DatasetSummary] = []
        for some in pieces(ids, MAX_DATASET_EXPERIMENTS):
            found += self._logs.call("searchDatasets", experiment_ids=some)
        return found

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        wanted: dict[str, Any] = {"run_id": validate.run_id(run_id), "key": key}
        points: list[Metric] = []
        token = None
        while True:  # without a size, some of MLflow's servers answer nothing but a token
            try:
                page = self._logs.call(
                    "getMetricHistory", **wanted, max_results=HISTORY_PAGE, page_token=token
                )
            except NotFound:  # MLflow's servers differ about unknown runs
                return []
            points += _of_run(run_id, page)
            token = page.token
            if token is None:
                break
        points.sort(key=by_time)
        return points

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
        """Raise BadRequest: there is no endpoint for this."""
        raise BadRequest(
            f"{self.uri}: a server's trash is emptied on the server: run  runlog gc  there, with "
            "the tracking URI of its database"
        )

    def flush(self) -> None:
        if self._logs.flush() and self.is_runlog:
            self._logs.call("flush")

    def finish(self) -> None:
        """Wait for what waits in the outbox; the rest stays there, and a warning reports it."""
        self._logs.finish()

    def close(self) -> None:
        self.finish()
        self.session.close()

    def own_files(self) -> list[str]:
        from runlog.http import outbox

        folder = outbox.folder()
        return [*super().own_files(), *([folder] if folder else [])]

    def files(self, artifact_uri: str) -> ProxiedFiles | None:
        if not artifact_uri.startswith(PROXIED):
            return None
        from runlog.http.files import ProxiedFiles

        rest = artifact_uri.removeprefix(PROXIED)
        host = rest[2:].partition("/")[0] if rest.startswith("//") else ""
        if host and host != self._host:
            raise InvalidParameter(
                f"artifacts at {addresses.shown(artifact_uri)!r} are not at {self.uri}, which is "
                "the only server that is asked for them"
            )
        return ProxiedFiles(self.session, PROXIED + (f"//{host}" if host else ""))


# -- what goes out ----------------------------------------------------------------------------


def _experiment_id(experiment_id: Any) -> str:
    """MLflow's servers have ids of 18 digits, Databricks' too; all are digits."""
    return str(validate.experiment_id(experiment_id))


def _as_list(items: Sequence[str] | None) -> list[str] | None:
    return None if items is None else list(items)


def _search(
    experiment_ids: Iterable[str],
    filter_string: str | None,
    view_type: int,
    order_by: Sequence[str] | None,
) -> dict[str, Any]:
    view_stages(view_type)
    return {
        "experiment_ids": [*map(str, validate.experiment_ids(experiment_ids))],
        "filter_string": filter_string,
        "run_view_type": view_type,
        "order_by": _as_list(order_by),
    }


def _of_run(run_id: str, points: Iterable[Metric]) -> Iterator[Metric]:
    """Yield points of a history, whose wire form does not say of which run they are."""
    return (
        Metric(each.key, each.value, each.timestamp, each.step, run_id=run_id) for each in points
    )


_stores: WeakSet[HttpStore] = WeakSet()


@atexit.register  # before that of the runs, which end while their calls can still be kept
def _finish() -> None:
    for store in [*_stores]:
        store.finish()
