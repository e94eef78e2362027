"""Store: the whole tracking model, and what each method promises.

A store is embedded (a SQLite file), a server's database, or a server behind HTTP. The client, the
fluent functions and the command line call these methods and nothing below them. The hard methods
come first; the derived ones below are theirs, and a store overrides one only for a measured reason.

Promises that hold for every method:
- what a call has returned from is kept, whatever happens to the process afterwards;
- a call does all that it says or, if it raises, nothing;
- what is returned never changes under the caller;
- errors are RunlogErrors: NotFound for an id or key that does not exist, InvalidParameter for a
  value that cannot be or for a write to something deleted, StoreError for a database in trouble.

Ids are text: 32 hex digits for runs, decimal digits for experiments. Times are Unix milliseconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple

from runlog import validate
from runlog.entities import (
    DatasetInput,
    Experiment,
    Metric,
    MetricSummary,
    PagedList,
    Param,
    Run,
    RunInfo,
    RunInputs,
    RunTag,
    ViewType,
    by_time,
    nan_last,
)
from runlog.errors import BadRequest, InvalidParameter, NotFound
from runlog.store_uri import DATABASE, FILE, SERVER, database_file, store_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NamedTuple, TypeVar

    T = TypeVar("T")

    from runlog.entities import LoggedModelInput
    from runlog.sql_results import QueryResult
    from runlog.store_parts.exact_copy import Records
    from runlog.store_parts.logged_models import LoggedModels
    from runlog.store_parts.registered_models import RegisteredModels
    from runlog.store_parts.views import Views

    Point = tuple[str, Any, int, int]  # key, value, timestamp (ms), step

    class History(NamedTuple):
        run_id: str
        key: str
        timestamps: array[int]
        steps: array[int]
        values: array[float]

    class DatasetSummary(NamedTuple):
        experiment_id: str
        name: str
        digest: str
        context: str | None

    class Sent(NamedTuple):
        sender: str
        sequence: int

    class RunColumns(NamedTuple):
        runs: list[RunInfo]
        metrics: dict[str, tuple[array[int], array[float]]]
        params: dict[str, tuple[array[int], list[str]]]
        tags: dict[str, tuple[array[int], list[str]]]

else:
    History = namedtuple("History", "run_id key timestamps steps values")
    History.__doc__ = """The points of a run and metric as columns, by timestamp, step, value:
    arrays of int64 (ms), int64 and float64."""
    DatasetSummary = namedtuple("DatasetSummary", "experiment_id name digest context")
    Sent = namedtuple("Sent", "sender sequence")
    Sent.__doc__ = """Who sends a change of a run, and its number among those that come from there:
    a change that comes behind one with a greater number is late, and is not made."""
    RunColumns = namedtuple("RunColumns", "runs metrics params tags")
    RunColumns.__doc__ = """Runs as a table: `runs` in order, and for each key its values, a pair of
    equally long sequences: positions in `runs` (int64) and values. What a run lacks is not
    there."""


class Store(ABC):
    """The base of all stores. `uri` says which one it is, `artifact_root` where files go."""

    uri: str
    artifact_root: str
    is_on_this_machine = False  # a server, whose own local paths are those of this machine
    refers_to_remote_files = False  # a copy with files brings those of buckets and hosts, too
    has_local_paths = True  # local paths in it may be of this machine: it is no server's word

    # -- experiments ------------------------------------------------------------------------

    @abstractmethod
    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id. Raises AlreadyExists if one, deleted or not,
        has that name."""

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return the experiment, deleted or not. Raises NotFound if there is none."""

    @abstractmethod
    def find_experiment(self, name: str) -> Experiment | None:
        """Return the experiment with that name, deleted or not, or None."""

    @abstractmethod
    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of the experiments that match, newest first unless ordered otherwise."""

    @abstractmethod
    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an active experiment a new name. Raises BadRequest if it is taken."""

    @abstractmethod
    def delete_experiment(self, experiment_id: str) -> None:
        """Move an active experiment and its runs to the trash."""

    @abstractmethod
    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment back, with the runs that went with it."""

    @abstractmethod
    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, Any]) -> None:
        """Set tags of an active experiment. A later value of a key replaces an earlier one."""

    @abstractmethod
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment. Raises NotFound if it is not set."""

    # -- runs -------------------------------------------------------------------------------

    @abstractmethod
    def create_run(
        self,
        experiment_id: str,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        """Create a RUNNING run in an active experiment. Without a name it gets a readable one,
        and the tag mlflow.runName always holds the name. Without a start time it starts now."""

    @abstractmethod
    def get_run(self, run_id: str) -> Run:
        """Return the run with the last value of each metric, deleted or not. Raises NotFound if
        there is none."""

    @abstractmethod
    def update_run(
        self,
        run_id: str,
        status: str | int | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
        sent: Sent | None = None,
    ) -> RunInfo:
        """Change what is given of an active run, and return its info as it is then."""

    @abstractmethod
    def delete_run(self, run_id: str) -> None:
        """Move a run to the trash. Do nothing if it is there already."""

    @abstractmethod
    def restore_run(self, run_id: str) -> None:
        """Bring a run back from the trash. Do nothing if it is active."""

    @abstractmethod
    def search_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """Return a page of the runs that match, latest start first unless ordered otherwise. The
        page after a token starts behind the last run of the page before, whatever was added
        since."""

    @abstractmethod
    def search_run_columns(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> RunColumns:
        """Return what `search_runs` finds, as columns and without pages."""

    # -- logging ----------------------------------------------------------------------------

    @abstractmethod
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
        """Log metric points, params, tags and inputs of an active run: all of them or none.

        A point that is there already is stored once, so that a repeated call is harmless. A param
        keeps its first value: the same again does nothing, another raises InvalidParameter. Of a
        tag the last value wins; the tag mlflow.runName renames the run. `measured` are points, each
        with a model_id, that are stored with the logged model, too. A data set that is an input
        already only gets its tags updated. `sent` says where a request comes from that may be late:
        then only its points and params are new.
        """

    @abstractmethod
    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag of an active run. Raises NotFound if it is not set."""

    # -- reading ----------------------------------------------------------------------------

    @abstractmethod
    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        """Return one row for each metric of the run, by key. Raises NotFound for an unknown run."""

    @abstractmethod
    def histories(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> list[History]:
        """Return all points of each of the runs and keys that exist, in the order they are asked
        for. `keys=None` means every key, by name."""

    @abstractmethod
    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Return all points of a metric by timestamp, step, value. The list is empty for an
        unknown run or key."""

    # -- digests of artifacts ---------------------------------------------------------------
    # A store may keep none, as this base does: then nobody can tell whether a file was damaged,
    # and every file is uploaded anew. One that does keep them overrides all three methods.

    def record_digests(  # noqa: B027 - to keep none is all that there is to do
        self, run_id: str, digests: Iterable[tuple[str, int, str]]
    ) -> None:
        """Record path, size in bytes and SHA-256 (64 hex digits) of files of a run, all or none
        of them. Of a path the last one counts. Raises NotFound for an unknown run."""

    def get_digests(
        self, run_id: str, paths: Iterable[str] | None = None
    ) -> dict[str, tuple[int, str]]:
        """Return size and SHA-256 of those of `paths` that were recorded, by path, or of all. A
        run that does not exist has none."""
        return {}

    def forget_digests(self, run_id: str, path: str = "") -> None:  # noqa: B027 - none was kept
        """Forget the file `path` and what is below it as a folder; everything for ""."""

    @property
    @abstractmethod
    def models(self) -> LoggedModels:
        """Return the logged models of this store."""

    @property
    @abstractmethod
    def registry(self) -> RegisteredModels:
        """Return the model registry of this store."""

    @abstractmethod
    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return the data sets that active runs of the experiments read, each context once: at
        most 1000, the latest first."""

    # -- keeping ----------------------------------------------------------------------------

    @abstractmethod
    def gc(
        self,
        older_than: int = 0,
        run_ids: Sequence[str] | None = None,
        experiment_ids: Sequence[str] | None = None,
        delete_artifacts: Callable[[str], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        may_go: Callable[[str, str], bool] | None = None,
    ) -> tuple[int, int]:
        """Delete for good what has been in the trash for at least `older_than` milliseconds: runs,
        then experiments that are left without runs.

        `delete_artifacts` is called with the artifact URI of each run before its rows go. From just
        before that the run cannot be restored, and if its files cannot be deleted the next gc
        resumes it. A run for which `may_go`, called before that with its id and artifact URI, is
        false stays in the trash. Return the numbers of runs and experiments.
        """

    @abstractmethod
    def flush(self) -> None:
        """Wait until what was logged so far survives a power cut, too."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections. The store can still be used, and opens them again."""

    # -- derived ----------------------------------------------------------------------------

    def synchronous(self) -> Store:
        """Return this store, with log calls that return when they are stored where it is: a
        server's are stored on this machine first."""
        return self

    def with_artifact_root(self, root: str) -> Store:
        """Return this store with its artifacts at `root`, a URI or an absolute path: the same
        data, over the same connections."""
        from copy import copy

        other = copy(self)
        other.artifact_root = root
        return other

    @property
    def views(self) -> Views:
        """Return tables, charts and changes as pages show them. Raises BadRequest where there
        are none: databases and runlog servers have them."""
        raise BadRequest(f"{self.uri} has no views: databases and runlog servers have them")

    def sql(
        self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> QueryResult:
        """Run one SQL statement that reads, over one snapshot. docs/schema.md describes the
        views. `params` are values for `:name` or `?` in it. Raises InvalidParameter for a
        statement that is wrong or that writes, and BadRequest where there is no SQL: databases
        and runlog servers have it."""
        raise BadRequest(
            f"{self.uri} takes no SQL: databases and runlog servers do. Search it with search_runs"
        )

    @property
    @abstractmethod
    def records(self) -> Records:
        """Return what is stored, exactly as it is, for copying it to another store. It remembers
        what it was given: use the same one for the whole copy."""

    def own_locations(self) -> Sequence[str]:
        """Return where files come with the store: a folder, and a URI that those inside it begin
        with."""
        return ()

    def files(self, artifact_uri: str) -> Any:
        """Return the file system of artifacts which only this store can reach, as ArtifactRepo
        takes it, or None for artifacts that anyone finds by their URI."""
        return None

    def own_files(self) -> list[str]:
        """Return the files and folders of this machine in which the store, and runlog for the
        user, keep their own data, whether they exist or not. None of them is an artifact of a
        run."""
        from runlog.settings import state_folder

        return [state_folder()]

    def log_metric(self, run_id: str, key: str, value: Any, timestamp: int, step: int) -> None:
        """Log one point of a metric."""
        self.log(run_id, points=((key, value, timestamp, step),))

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        inputs: RunInputs | None = None,
    ) -> None:
        """Log entities, as `log` does."""
        try:
            measured = [metric for metric in metrics if metric.model_id]
            points = [
                (metric.key, metric.value, metric.timestamp, metric.step)
                for metric in metrics
                if not (measured and metric.model_id)  # which costs as much as the rest
            ]
            named = [(param.key, param.value) for param in params]
            tagged = [(tag.key, tag.value) for tag in tags]
        except (AttributeError, TypeError) as error:
            raise InvalidParameter(
                "a batch is lists of entities, Metric(key, value, timestamp, step), "
                f"Param(key, value) and RunTag(key, value): {error}"
            ) from error
        self.log(run_id, points, named, tagged, measured, inputs)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        """Record which data sets and logged models an active run read."""
        self.log(run_id, inputs=RunInputs(list(datasets), list(models)))

    def get_experiment_by_name(self, name: str) -> Experiment:
        """Return the experiment with that name. Raises NotFound if there is none."""
        experiment = self.find_experiment(name)
        if experiment is None:
            raise NotFound(f"Could not find experiment with name '{name}'")
        return experiment

    def all_runs(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> PagedList[Run]:
        """Return the runs that match, up to `max_results`."""
        ids = list(experiment_ids)

        def page(size: int, token: str | None) -> PagedList[Run]:
            return self.search_runs(ids, filter_string, run_view_type, size, order_by, token)

        return _all_pages(page, max_results)

    def all_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
    ) -> PagedList[Experiment]:
        """Return the experiments that match, up to `max_results`."""

        def page(size: int, token: str | None) -> PagedList[Experiment]:
            return self.search_experiments(view_type, size, filter_string, order_by, token)

        return _all_pages(page, max_results)

    def metric_history_page(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Return a page of `get_metric_history`; all of it without `max_results`."""
        from bisect import bisect_right

        from runlog.query.page_token import decode_token, encode_token

        limit = None if max_results is None else validate.max_results(max_results, None)
        points = self.get_metric_history(run_id, key)
        start = 0
        if page_token:
            last = decode_token(page_token)
            if [type(each) for each in last[:2]] != [int, int] or not (
                len(last) == 3 and (last[2] == "NaN" or type(last[2]) in (int, float))
            ):
                raise InvalidParameter("Invalid page token: it is not of a metric's history")
            end = (*last[:2], *nan_last(float(last[2] or 0)))
            start = bisect_right(points, end, key=by_time)
        if limit is None or start + limit >= len(points):
            return PagedList(points[start:])
        found = points[start : start + limit]
        last_point = found[-1]
        value = "NaN" if last_point.value != last_point.value else last_point.value
        return PagedList(found, encode_token((last_point.timestamp, last_point.step, value)))

    def sampled_histories(
        self,
        run_ids: Sequence[str],
        key: str,
        start_step: int | None = None,
        end_step: int | None = None,
        max_results: int = 2500,
    ) -> list[Metric]:
        """Return a metric of several runs, thinned out for a chart. If they have at most
        `max_results` steps from `start_step` to `end_step`, all points there; else, from as many
        places evenly between the first and the last step of all, and from the ends of each run, the
        points at each run's next step. Each run's points are ordered by step, timestamp, value."""
        from bisect import bisect_left
        from math import nan

        low, high, limit = sampled_range(start_step, end_step, max_results)
        columns = self.histories(run_ids, [key])
        steps = [sorted({step for step in each.steps if low <= step <= high}) for each in columns]
        targets: set[int] = set().union(*steps)
        if len(targets) > limit:
            ends = [end for each in steps if each for end in (each[0], each[-1])]
            targets = {*spread(min(ends), max(ends), limit), *ends}
        found = []
        for each, own in zip(columns, steps, strict=True):
            places = (bisect_left(own, target) for target in targets)
            chosen = {own[index] for index in places if index < len(own)}
            points = zip(each.steps, each.timestamps, map(nan_last, each.values), strict=True)
            found += [
                Metric(key, nan if is_nan else value, time, step, run_id=each.run_id)
                for step, time, (is_nan, value) in sorted(
                    point for point in points if point[0] in chosen
                )
            ]
        return found


def _all_pages(
    page: Callable[[int, str | None], PagedList[T]], max_results: int | None
) -> PagedList[T]:
    """Return what `page(size, token)` finds, one after the other up to `max_results`."""
    found: PagedList[T] = PagedList()
    limit = validate.limit(max_results)
    while limit is None or len(found) < limit:
        some = page(1000 if limit is None else min(1000, limit - len(found)), found.token)
        found.extend(some)
        found.token = some.token
        if some.token is None:
            break
    return found


def sampled_range(
    start_step: int | None, end_step: int | None, max_results: int
) -> tuple[int, int, int]:
    """Return the least and the greatest step, and how many, that a sample is asked for."""
    limit = validate.max_results(max_results, 2500)
    if start_step is None or end_step is None:
        if start_step is not end_step:
            raise InvalidParameter("give both start_step and end_step, or neither")
        return -(2**63), 2**63 - 1, limit
    if start_step > end_step:
        raise InvalidParameter(
            f"start_step {start_step} must not be greater than end_step {end_step}"
        )
    return start_step, end_step, limit


def spread(first: int, last: int, count: int) -> list[int]:
    """Return `count` positions from `first` to `last`, evenly spread."""
    return [first + i * (last - first) // max(count - 1, 1) for i in range(count)]


_STORES = {  # by name: a store knows Store, not the reverse
    FILE: ("runlog.sqlstore.store", "SqlStore"),
    DATABASE: ("runlog.sqlstore.server_store", "RemoteStore"),
    SERVER: ("runlog.http.store", "HttpStore"),
}


def open_store(uri: str, default_artifact_root: str | None = None) -> Store:
    """Return the store at a tracking URI: `x.db`, `folder/`, `file:/folder`, `sqlite:///x.db`; a
    database on a server, as SQLAlchemy writes it, such as `postgresql://user:password@host/db`;
    `http(s)://host`, `databricks`, `databricks://profile`. Artifacts of experiments that are
    created in a database without a location go below `default_artifact_root`; a tracking server
    has its own. Raises InvalidParameter for a URI of another kind, MissingExtra without the package
    that a store needs.
    """
    kind = store_kind(uri)
    module, name = _STORES[kind]
    make = getattr(__import__(module, fromlist=[name]), name)
    if kind == SERVER:
        store: Store = make(uri)
    else:
        store = make(uri if kind == DATABASE else database_file(uri), default_artifact_root)
    return store


def view_stages(view_type: int) -> tuple[str, ...]:
    """Return the lifecycle stages that a view type shows. Raises InvalidParameter for another
    number."""
    stages = {
        ViewType.ACTIVE_ONLY: ("active",),
        ViewType.DELETED_ONLY: ("deleted",),
        ViewType.ALL: ("active", "deleted"),
    }
    if view_type not in stages:
        raise InvalidParameter(f"no view type {view_type!r}: use one of {sorted(stages)}")
    return stages[view_type]
