"""HttpStore: the store behind a runlog, MLflow or Databricks server.

What a method sends and reads is the protocol's row. A runlog server has endpoints of its own for
what MLflow's API has not: summaries, columns, logging without limits. With other servers these are
put together from what they have.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
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
)
from runlog.errors import AlreadyExists, BadRequest, InvalidParameter, NotFound, RunlogError
from runlog.http import address as addresses
from runlog.http import databricks, derived, security
from runlog.http.link import Away, Link, tell
from runlog.http.patience import patience
from runlog.http.transport import Connections, Transport
from runlog.protocol import wire
from runlog.protocol.columns import Digest
from runlog.protocol.rows import (
    MAX_DATASET_EXPERIMENTS,
    MAX_INPUTS,
    MAX_PAIRS,
    MAX_POINTS,
    MAX_RUNS_AT_ONCE,
    ROWS,
)
from runlog.store import DatasetSummary, History, RunColumns, Store, view_stages

if TYPE_CHECKING:
    from runlog.http.files import ProxiedFiles
    from runlog.http.models import HttpModels
    from runlog.http.spool import Spool
    from runlog.records import Records
    from runlog.results import QueryResult
    from runlog.store import Point
    from runlog.views import Views

PROXIED = "mlflow-artifacts:"
HISTORY_PAGE = 25_000
LOG_SECONDS = 10.0  # that a log call waits for the server before it goes to the spool
RUNS_KNOWN = 1000  # whose infos are remembered, to say what became of them while it is away

# A search has two rows, of which the first takes a filter of any length.
_ROWS = {row.name: row for row in reversed(ROWS)}


class HttpStore(Store):
    """A store at `http(s)://[user:password@]host[:port][/prefix]`, `databricks` or
    `databricks://profile`. Safe to share between threads and forks. Making one connects to nothing.

    Requests are repeated as `runlog.http.patience` says. So that a repeated one does nothing
    twice, a runlog server is told the id that a new run shall have; other servers are not asked
    again to make a run when the answer to the first request is lost.
    """

    artifact_root = PROXIED + "/"
    has_local_paths = False

    def __init__(self, uri: str, transport: Transport | None = None) -> None:
        """`transport` is used instead of connections to the server."""
        profile = databricks.settings(uri) if uri.startswith(databricks.SCHEME) else None
        where = addresses.parse(uri) if profile is None else databricks.address(profile)
        self.uri = uri if profile is not None else str(where)
        patient = patience()
        carrier = transport or Connections(where, patient.timeout, security.context)
        if profile is None:
            login = addresses.login(where)
        else:
            login = databricks.login(profile, Link(str(where), carrier, patient))
        self.link = Link(str(where), carrier, patient, login, where.prefix)
        self._host = where.netloc
        self.is_on_this_machine = validate.is_loopback(where.host)
        self._is_runlog = False if profile is not None else None
        self._spool: Spool | None = None
        self._spool_of = 0  # the process that it is of; a fork begins its own
        self._infos: dict[str, RunInfo] = {}
        _stores.add(self)

    def __repr__(self) -> str:
        return f"HttpStore({self.uri!r})"

    # -- asking -----------------------------------------------------------------------------

    def call(
        self,
        endpoint: str,
        /,
        *,
        repeatable: bool = True,
        done: type[RunlogError] | tuple[type[RunlogError], ...] = (),
        **arguments: Any,
    ) -> Any:
        """What an endpoint of the protocol answers to these arguments; None where an
        earlier attempt had been done already, see `Link.ask`. What waits in the spool is sent
        before, so that it is not overtaken."""
        if self._waits and self._spool is not None:
            self._spool.deliver(self._send)
        given = _ROWS[endpoint].request(**arguments)
        return self._send(endpoint, given, repeatable=repeatable, done=done)

    def _send(
        self, endpoint: str, fields: Mapping[str, Any], seconds: float | None = None, **options: Any
    ) -> Any:
        row, given = _ROWS[endpoint], dict(fields)
        path = row.prefixes[0] + row.path
        body = None
        while "<" in path:
            before, _, rest = path.partition("<")
            field, _, after = rest.partition(">")
            # In the body as well: MLflow's servers miss it there.
            value = given.pop(field) if row.verb == "GET" else given[field]
            path = before + quote(value, safe="") + after
        if row.verb == "GET":
            path = f"{path}?{urlencode(given, doseq=True)}" if given else path
        else:
            body = wire.dump(given).encode()
        said = self.link.json(row.verb, path, body, seconds=seconds, **options)
        if said is None:
            return None
        try:
            return row.answer.read(said, "")
        except InvalidParameter as error:
            raise RunlogError(
                f"{self.link.name}: the answer of {endpoint} cannot be understood: {error.message}"
            ) from error

    def log_call(self, endpoint: str, /, **arguments: Any) -> Any:
        """As `call`, for what a running training logs. Once the server has answered, its absence
        neither stops nor fails the call: that goes to the spool, and is sent later; then the
        result is None."""
        spool = self._spooling()
        if spool is None:
            return self.call(endpoint, **arguments)
        given = _ROWS[endpoint].request(**arguments)
        if spool.add(endpoint, given):
            return None
        try:
            return self._send(endpoint, given, LOG_SECONDS)
        except Away as away:
            tell(away.trouble.message)
            if spool.add(endpoint, given, even_first=True):
                return None
        return self.call(endpoint, **arguments)

    @property
    def _waits(self) -> bool:
        """Whether calls of this process wait in the spool."""
        return self._spool is not None and self._spool_of == os.getpid() and self._spool.waits

    def _spooling(self) -> Spool | None:
        """The spool of this process; None for none. What earlier processes left is sent first."""
        if self._spool_of != os.getpid():
            from runlog.http import spool

            place = spool.folder()
            if not self.link.has_answered or not place:
                return None
            self._spool_of = os.getpid()
            self._spool = spool.Spool(place, self.uri, self._send_now)
            try:
                spool.adopt(place, self.uri, self._send_now)
            except (Away, RunlogError) as error:
                tell(f"what earlier programs left in {place} cannot be sent yet: {error}")
        return self._spool

    def _send_now(self, endpoint: str, given: Mapping[str, Any]) -> None:
        self._send(endpoint, given, LOG_SECONDS)

    def send_left(self) -> int:
        """Sends what programs that have ended could not, and says how many requests that were.
        Raises ServerUnreachable; what is left then stays."""
        from runlog.http import spool

        return spool.adopt(spool.folder(), self.uri, self._send)

    @property
    def is_runlog(self) -> bool:
        """Whether the server has runlog's own endpoints; it is asked once."""
        if self._is_runlog is None:
            try:
                said = self.call("about")
                self._is_runlog = isinstance(said, dict) and "runlog" in said
            except RunlogError as error:
                # Behind a web application, any path may answer its page.
                if error.get_http_status_code() != 404 and "not JSON" not in error.message:
                    raise
                self._is_runlog = False
        return self._is_runlog

    # -- experiments ------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        name = validate.experiment_name(name)
        location = validate.artifact_location(artifact_location) if artifact_location else None
        kept = validate.texts(tags, "experiment tag")
        made: str | None = self.call(
            "createExperiment",
            name=name, artifact_location=location, tags=kept,
            done=AlreadyExists,
        )  # fmt: skip
        if made is None:
            made = self.get_experiment_by_name(name).experiment_id
        return made

    def get_experiment(self, experiment_id: str) -> Experiment:
        found: Experiment = self.call("getExperiment", experiment_id=_experiment(experiment_id))
        return found

    def find_experiment(self, name: str) -> Experiment | None:
        try:
            found: Experiment = self.call("getExperimentByName", name=validate.text(name))
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
        page: PagedList[Experiment] = self.call(
            "searchExperiments",
            view_type=view_type, max_results=validate.max_results(max_results),
            filter_string=filter_string, order_by=_list(order_by), page_token=page_token,
        )  # fmt: skip
        return page

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        name = validate.experiment_name(new_name)
        self.call("updateExperiment", experiment_id=_experiment(experiment_id), new_name=name)

    def delete_experiment(self, experiment_id: str) -> None:
        self.call("deleteExperiment", experiment_id=_experiment(experiment_id), done=NotFound)

    def restore_experiment(self, experiment_id: str) -> None:
        self.call("restoreExperiment", experiment_id=_experiment(experiment_id), done=NotFound)

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> None:
        number = _experiment(experiment_id)
        for key, value in validate.texts(tags, "experiment tag").items():
            self.call("setExperimentTag", experiment_id=number, key=key, value=value)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        self.call(
            "deleteExperimentTag",
            experiment_id=_experiment(experiment_id), key=validate.text(key),
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
            "experiment_id": _experiment(experiment_id),
            "user_id": validate.text(user_id or ""),
            "start_time": now() if start_time is None else validate.timestamp(start_time),
            "tags": validate.texts(tags, "tag"),
            "run_name": validate.text(run_name) if run_name else None,
        }
        if run_id is not None:
            validate.run_id(run_id)
        if not self.is_runlog:
            if run_id is not None:
                raise InvalidParameter(
                    f"run id {run_id!r}: {self.uri} chooses the ids of runs itself"
                )
            made: Run = self.call("createRun", **wanted, repeatable=False)
        else:
            new = names.run_id() if run_id is None else run_id
            made = self.call("createRun", **wanted, new_run_id=new, done=AlreadyExists)
            made = self.get_run(new) if made is None else made
        self._remember(made.info)
        return made

    def get_run(self, run_id: str) -> Run:
        found: Run = self.call("getRun", run_id=validate.run_id(run_id))
        return found

    def update_run(
        self,
        run_id: str,
        status: str | int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        changes: dict[str, Any] = {
            "status": None if status is None else validate.status(status),
            "end_time": None if end_time is None else validate.timestamp(end_time),
            "run_name": validate.text(run_name) if run_name else None,
        }
        known = self._infos.get(validate.run_id(run_id))
        ask = self.call if known is None else self.log_call
        info: RunInfo | None = ask("updateRun", run_id=run_id, **changes)
        if info is None:  # it waits in the spool
            assert known is not None
            changed = {name: value for name, value in changes.items() if value is not None}
            info = known._replace(**changed)
        return self._remember(info)

    def _remember(self, info: RunInfo) -> RunInfo:
        while len(self._infos) >= RUNS_KNOWN:
            self._infos.pop(next(iter(self._infos)), None)
        self._infos[info.run_id] = info
        return info

    def delete_run(self, run_id: str) -> None:
        self.call("deleteRun", run_id=validate.run_id(run_id))

    def restore_run(self, run_id: str) -> None:
        self.call("restoreRun", run_id=validate.run_id(run_id))

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
        page: PagedList[Run] = self.call(
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
            found: RunColumns = self.call("searchRunColumns", **wanted, max_results=limit)
            return found
        return derived.columns(
            self.all_runs(
                wanted["experiment_ids"], filter_string, run_view_type, limit, wanted["order_by"]
            )
        )

    # -- logging ----------------------------------------------------------------------------

    def log_metric(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> None:
        self.log_call(
            "logMetric",
            run_id=validate.run_id(run_id),
            key=validate.key(key, "metric"),
            value=validate.number(key, value),
            timestamp=validate.timestamp(timestamp),
            step=validate.integer("step", step),
        )

    def log(
        self,
        run_id: str,
        points: Iterable[Point] = (),
        params: Iterable[tuple[str, Any]] = (),
        tags: Iterable[tuple[str, Any]] = (),
        measured: Iterable[Metric] = (),
        inputs: RunInputs | None = None,
    ) -> None:
        """As `Store.log`. What is more than one request takes, 1000 values and on a runlog server
        100,000 points, goes in several: then a failure can leave the first of them behind, params
        and tags before points. So it is with inputs, which have a request of their own before."""
        run_id = validate.run_id(run_id)
        numbers: list[Point | Metric] = [
            (
                validate.key(key, "metric"),
                validate.number(key, value),
                validate.timestamp(time),
                validate.integer("step", step),
            )
            for key, value, time, step in points
        ]
        numbers += [_measured(metric) for metric in measured]
        texts = [(validate.key(key, "param"), validate.text(value)) for key, value in params]
        validate.unique_params(texts, run_id)
        texts = list(dict(texts).items())
        marks = list(validate.texts(dict(tags), "tag").items())
        if inputs is not None:
            count = max(len(inputs.dataset_inputs), len(inputs.model_inputs), 1)
            for at in range(0, count, MAX_INPUTS):
                self.log_call(
                    "logInputs",
                    run_id=run_id,
                    datasets=inputs.dataset_inputs[at : at + MAX_INPUTS],
                    models=inputs.model_inputs[at : at + MAX_INPUTS],
                )
            if not (numbers or texts or marks):
                return
        if _fits(numbers, texts, marks):
            self.log_call("logBatch", run_id=run_id, points=numbers, params=texts, tags=marks)
        elif self._is_runlog if self._waits else self.is_runlog:
            for some in _pieces(texts[MAX_PAIRS:], MAX_PAIRS):
                self.log_call("logWhole", run_id=run_id, points=[], params=some, tags=[])
            for some in _pieces(marks[MAX_PAIRS:], MAX_PAIRS):
                self.log_call("logWhole", run_id=run_id, points=[], params=[], tags=some)
            texts, marks = texts[:MAX_PAIRS], marks[:MAX_PAIRS]
            for piece in _pieces(numbers, MAX_POINTS) if numbers else [[]]:
                self.log_call("logWhole", run_id=run_id, points=piece, params=texts, tags=marks)
                texts, marks = [], []
        else:
            for piece in _pieces(texts, validate.MAX_PARAMS_PER_BATCH):
                self.log_call("logBatch", run_id=run_id, params=piece)
            for piece in _pieces(marks, validate.MAX_TAGS_PER_BATCH):
                self.log_call("logBatch", run_id=run_id, tags=piece)
            for piece in _pieces(numbers, validate.MAX_METRICS_PER_BATCH):
                self.log_call("logBatch", run_id=run_id, points=piece)

    def delete_tag(self, run_id: str, key: str) -> None:
        self.call(
            "deleteTag", run_id=validate.run_id(run_id), key=validate.text(key), done=NotFound
        )

    # -- digests of artifacts ---------------------------------------------------------------
    # MLflow's servers keep none.

    def record_digests(self, run_id: str, digests: Iterable[tuple[str, int, str]]) -> None:
        if self.is_runlog:
            for given in _pieces([Digest(*each) for each in digests], MAX_PAIRS):
                self.call("recordDigests", run_id=validate.run_id(run_id), digests=given)

    def get_digests(
        self, run_id: str, paths: Iterable[str] | None = None
    ) -> dict[str, tuple[int, str]]:
        wanted = None if paths is None else list(paths)
        if not self.is_runlog or wanted == []:
            return {}
        found = [
            digest
            for paths_at_once in ([None] if wanted is None else _pieces(wanted, MAX_PAIRS))
            for digest in self.call(
                "getDigests", run_id=validate.run_id(run_id), paths=paths_at_once
            )
        ]
        return {path: (size, sha256) for path, size, sha256 in found}

    def forget_digests(self, run_id: str, path: str = "") -> None:
        if self.is_runlog:
            self.call("forgetDigests", run_id=validate.run_id(run_id), path=path)

    # -- reading ----------------------------------------------------------------------------

    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        if self.is_runlog:
            found = self.call("getMetricSummary", run_id=validate.run_id(run_id))
            return {summary.key: summary for summary in found}
        histories = self.histories([run_id])
        return {each.key: derived.summary(each) for each in histories if len(each.values)}

    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> list[History]:
        ids = [validate.run_id(run_id) for run_id in run_ids]
        found: list[History] = []
        if self.is_runlog:
            if keys is not None and not keys:
                return found
            for some in _pieces(ids, MAX_RUNS_AT_ONCE):
                found += self.call("histories", run_ids=some, keys=_list(keys))
            return found
        for run_id in ids:
            there = self.get_run(run_id).data.metrics
            for key in sorted(there) if keys is None else keys:
                if key in there:
                    found.append(derived.history(run_id, key, self.get_metric_history(run_id, key)))
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
        page = self.call(
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
            return super().records
        from runlog.http.records import HttpRecords

        return HttpRecords(self)

    @property
    def models(self) -> HttpModels:
        from runlog.http.models import HttpModels

        return HttpModels(self)

    @property
    def views(self) -> Views:
        if not self.is_runlog:
            return super().views
        from runlog.http.views import views

        return views(self)

    def sql(
        self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> QueryResult:
        if not self.is_runlog:
            return super().sql(query, params)
        from runlog.results import bindings

        found: QueryResult = self.call("sql", query=query, params=bindings(params))
        return found

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        ids = [*map(str, validate.experiment_ids(experiment_ids))]
        found: list[DatasetSummary] = []
        for some in _pieces(ids, MAX_DATASET_EXPERIMENTS):
            found += self.call("searchDatasets", experiment_ids=some)
        return found

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        wanted: dict[str, Any] = {"run_id": validate.run_id(run_id), "key": key}
        points: list[Metric] = []
        token = None
        while True:  # without a size, some of MLflow's servers answer nothing but a token
            try:
                page = self.call(
                    "getMetricHistory", **wanted, max_results=HISTORY_PAGE, page_token=token
                )
            except NotFound:  # MLflow's servers differ about unknown runs
                return []
            points += _of_run(run_id, page)
            token = page.token
            if token is None:
                break
        points.sort(key=derived.by_time)
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
        """Always raises BadRequest: there is no way to say this over HTTP."""
        raise BadRequest(
            f"{self.uri}: a server's trash is emptied on the server: run  runlog gc  there, with "
            "the tracking URI of its database"
        )

    def flush(self) -> None:
        if self.is_runlog:
            self.call("flush")

    def finish(self) -> None:
        """Sends what waits in the spool; it stays where the server does not take it now."""
        is_ours = self._spool_of == os.getpid()
        spool, self._spool, self._spool_of = self._spool, None, 0
        if spool is not None and is_ours:
            spool.finish()

    def close(self) -> None:
        self.finish()
        self.link.close()

    def own_files(self) -> list[str]:
        from runlog.http import spool

        folder = spool.folder()
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
        return ProxiedFiles(self.link, PROXIED + (f"//{host}" if host else ""))


# -- what goes out ----------------------------------------------------------------------------


def _experiment(experiment_id: Any) -> str:
    """MLflow's servers have ids of 18 digits, Databricks' too; all are digits."""
    return str(validate.experiment_id(experiment_id))


def _list(items: Sequence[str] | None) -> list[str] | None:
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
        "order_by": _list(order_by),
    }


def _measured(metric: Metric) -> Metric:
    return Metric(
        validate.key(metric.key, "metric"),
        validate.number(metric.key, metric.value),
        validate.timestamp(metric.timestamp),
        validate.integer("step", metric.step),
        metric.model_id,
        metric.dataset_name,
        metric.dataset_digest,
    )


def _of_run(run_id: str, points: Iterable[Metric]) -> Iterator[Metric]:
    """Points of a history, whose wire form does not say of which run they are."""
    return (
        Metric(each.key, each.value, each.timestamp, each.step, run_id=run_id) for each in points
    )


_stores: WeakSet[HttpStore] = WeakSet()


@atexit.register  # before that of the runs, which end while their calls can still be kept
def _finish() -> None:
    for store in [*_stores]:
        store.finish()


def _pieces(items: list[Any], size: int) -> Iterator[list[Any]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]


def _fits(points: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]) -> bool:
    return (
        len(points) + len(params) + len(tags) <= validate.MAX_METRICS_PER_BATCH
        and len(params) <= validate.MAX_PARAMS_PER_BATCH
        and len(tags) <= validate.MAX_TAGS_PER_BATCH
    )
