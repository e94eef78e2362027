"""What a tracker keeps: experiments, runs, metrics, params, tags, inputs, files.

Plain frozen data, without behaviour beyond conversion to a dict and a readable repr. Names and
attributes are MLflow's, so that code written for its entities reads ours. Timestamps are Unix
milliseconds. Those of the model registry are in `model_registry`.

They would be frozen dataclasses, but making fifteen of those takes 70 ms, half of it for importing
`dataclasses`: more than all the rest that a script pays until its first metric is on the disk.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")
    E = TypeVar("E", bound="Entity")
else:
    T = object

# Tags that mean something, as MLflow calls them.
RUN_NAME = "mlflow.runName"  # the same as the run's name
PARENT_RUN_ID = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
DATASET_CONTEXT = "mlflow.data.context"  # of an input: training, validation...


class ViewType:
    """Which lifecycle stages a search returns: ACTIVE_ONLY, DELETED_ONLY (the trash) or ALL."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    _NAMES = {ACTIVE_ONLY: "active_only", DELETED_ONLY: "deleted_only", ALL: "all"}

    @classmethod
    def from_string(cls, view: str) -> int:
        """Return the number of a view type: of active_only, deleted_only or all, in any case.
        Raises ValueError for another text."""
        for number, name in cls._NAMES.items():
            if name == view.lower():
                return number
        raise ValueError(f"no view type {view!r}: use one of {', '.join(cls._NAMES.values())}")

    @classmethod
    def to_string(cls, view_type: int) -> str:
        """Return the name of a view type's number. Raises ValueError for another number."""
        if view_type not in cls._NAMES:
            raise ValueError(f"no view type {view_type!r}: use one of {sorted(cls._NAMES)}")
        return cls._NAMES[view_type]


class RunStatus:
    """The status of a run: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED. `RunInfo.status`
    holds the name; MLflow's numbers are accepted, too."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5

    _NAMES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}

    @classmethod
    def from_string(cls, status: str) -> int:
        """Return the number of a status. Raises ValueError for another text."""
        for number, name in cls._NAMES.items():
            if name == status:
                return number
        raise ValueError(f"no run status {status!r}: use one of {', '.join(cls.all_status())}")

    @classmethod
    def to_string(cls, status: int) -> str:
        """Return the name of a status' number. Raises ValueError for another number."""
        if status not in cls._NAMES:
            raise ValueError(f"no run status {status!r}: use one of {sorted(cls._NAMES)}")
        return cls._NAMES[status]

    @classmethod
    def is_terminated(cls, status: int | str) -> bool:
        """Return whether a run with this status, a name or a number, has ended."""
        number = cls.from_string(status) if isinstance(status, str) else status
        return number in (cls.FINISHED, cls.FAILED, cls.KILLED)

    @classmethod
    def all_status(cls) -> list[str]:
        """Return the names of all statuses."""
        return list(cls._NAMES.values())


class LifecycleStage:
    """`active`, or `deleted` for what is in the trash."""

    ACTIVE = "active"
    DELETED = "deleted"


class SourceType:
    """What started a run, as the tag mlflow.source.type says it: NOTEBOOK, JOB, PROJECT, LOCAL
    or UNKNOWN."""

    NOTEBOOK, JOB, PROJECT, LOCAL, UNKNOWN = 1, 2, 3, 4, 5
    _NAMES = {1: "NOTEBOOK", 2: "JOB", 3: "PROJECT", 4: "LOCAL", 5: "UNKNOWN"}

    @classmethod
    def to_string(cls, source_type: int) -> str:
        """Return the name of a source type's number."""
        return cls._NAMES[source_type]


class PagedList(list[T]):
    """A page of a search: a list whose `token` asks for the next page, None on the last one."""

    def __init__(self, items: Iterable[T] = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token

    def to_list(self) -> list[T]:
        """Return the same items as a plain list."""
        return list(self)


class Entity:
    """Frozen and compared by value; `dict(entity)` works as with MLflow's entities."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()
    _setters: tuple[Callable[[Any, Any], None], ...] = ()
    _entity: type[Entity]

    def __init_subclass__(cls) -> None:
        slots: tuple[str, ...] = cls.__slots__
        fields = tuple(name for name in slots if name[0] != "_")
        if fields:  # ActiveRun, which adds none, is a Run
            cls._fields, cls._entity = fields, cls
            # The slots themselves: object.__setattr__ looks for them at each call.
            cls._setters = tuple(cls.__dict__[name].__set__ for name in fields)

    def _fill(self, *values: Any) -> None:
        for fill, value in zip(self._setters, values, strict=True):
            fill(self, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set {name!r}: a {type(self).__name__} does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name!r}: a {type(self).__name__} does not change")

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, getattr(self, name)) for name in self._fields)

    def to_dictionary(self) -> dict[str, Any]:
        """Return its fields by name."""
        return dict(self)

    def _replace(self: E, **changes: Any) -> E:
        """Return a copy with other values in these fields."""
        return type(self)(**{**dict(self), **changes})

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entity) or other._entity is not self._entity:
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        # Without the dictionaries and lists: what is equal in all is equal in the rest.
        return hash(tuple(value for value in self._values() if value.__hash__ is not None))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self)
        return f"{type(self).__name__}({fields})"


class Metric(Entity):
    """One point of a metric's history: `value` at `step` and `timestamp` (Unix milliseconds).

    With a `model_id` it was measured of that logged model, on the data set that is named, or on
    none. Raises InvalidParameter if only one of `dataset_name` and `dataset_digest` is given.
    """

    __slots__ = (
        "key",
        "value",
        "timestamp",
        "step",
        "model_id",
        "dataset_name",
        "dataset_digest",
        "run_id",
    )
    key: str
    value: float
    timestamp: int
    step: int
    model_id: str | None
    dataset_name: str | None
    dataset_digest: str | None
    run_id: str | None

    def __init__(
        self,
        key: str,
        value: float,
        timestamp: int,
        step: int = 0,
        model_id: str | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        run_id: str | None = None,
    ) -> None:
        # As `_fill` does, in a third of the time: there are thousands of these at once.
        set_key, set_value, set_timestamp, set_step, set_run_id = _METRIC_SETTERS
        set_key(self, key)
        set_value(self, value)
        set_timestamp(self, timestamp)
        set_step(self, step)
        set_run_id(self, run_id)
        if model_id is dataset_name is dataset_digest is None:
            return
        if (dataset_name is None) != (dataset_digest is None):
            from runlog.errors import InvalidParameter

            raise InvalidParameter(
                f"the metric {key!r} is of a data set with the name {dataset_name!r} and the "
                f"digest {dataset_digest!r}: give both or neither"
            )
        object.__setattr__(self, "model_id", model_id)
        object.__setattr__(self, "dataset_name", dataset_name)
        object.__setattr__(self, "dataset_digest", dataset_digest)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> None:
            # Asked only for what is not set. Most points are of no model: not to fill three slots
            # of each with None makes a long history a third faster.
            if name in ("model_id", "dataset_name", "dataset_digest"):
                return None
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def nan_last(value: float) -> tuple[bool, float]:
    """Return a key that sorts NaN after all numbers."""
    return (True, 0.0) if value != value else (False, value)


def by_time(point: Metric) -> tuple[int, int, bool, float]:
    """Return a key that sorts a history: by timestamp, step and value, NaN last."""
    return point.timestamp, point.step, *nan_last(point.value)


def metrics_of(run_id: str, key: str, rows: Iterable[tuple[int, int, float | str]]) -> list[Metric]:
    """Return metrics from rows of (timestamp, step, value), a million of them in half the time: the
    slots are filled directly, since the constructor takes a detour a field."""
    new = object.__new__
    set_key, set_value, set_timestamp, set_step, set_run_id = _METRIC_SETTERS
    found = []
    for timestamp, step, value in rows:
        metric = new(Metric)
        set_key(metric, key)
        set_value(metric, float(value))
        set_timestamp(metric, timestamp)
        set_step(metric, step)
        set_run_id(metric, run_id)
        found.append(metric)
    return found


_METRIC_SETTERS: Any = tuple(
    Metric.__dict__[name].__set__ for name in ("key", "value", "timestamp", "step", "run_id")
)


class Param(Entity):
    """A param of a run. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(
        self,
        key: str,
        value: str,
    ) -> None:
        self._fill(key, value)


class RunTag(Entity):
    """A tag of a run. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(
        self,
        key: str,
        value: str,
    ) -> None:
        self._fill(key, value)


class ExperimentTag(Entity):
    """A tag of an experiment. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(
        self,
        key: str,
        value: str,
    ) -> None:
        self._fill(key, value)


class InputTag(Entity):
    """A tag of a data set as a run used it. The value is text."""

    __slots__ = ("key", "value")
    key: str
    value: str

    def __init__(
        self,
        key: str,
        value: str,
    ) -> None:
        self._fill(key, value)


class Dataset(Entity):
    """A data set as a run used it. `source`, `schema` and `profile` are text, mostly JSON."""

    __slots__ = ("name", "digest", "source_type", "source", "schema", "profile")
    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None

    def __init__(
        self,
        name: str,
        digest: str,
        source_type: str,
        source: str,
        schema: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._fill(name, digest, source_type, source, schema, profile)


class DatasetInput(Entity):
    """A data set that a run read, with tags such as mlflow.data.context = "training"."""

    __slots__ = ("dataset", "tags")
    dataset: Dataset
    tags: list[InputTag]

    def __init__(
        self,
        dataset: Dataset,
        tags: list[InputTag] | None = None,
    ) -> None:
        self._fill(dataset, [] if tags is None else tags)

    def to_dictionary(self) -> dict[str, Any]:
        """Return `{"dataset": {...}, "tags": {...}}`."""
        return {
            "dataset": self.dataset.to_dictionary(),
            "tags": {tag.key: tag.value for tag in self.tags},
        }


class LoggedModelInput(Entity):
    """A logged model that a run read."""

    __slots__ = ("model_id",)
    model_id: str

    def __init__(self, model_id: str) -> None:
        self._fill(model_id)


class LoggedModelOutput(Entity):
    """A logged model that a run created, at a step."""

    __slots__ = ("model_id", "step")
    model_id: str
    step: int

    def __init__(self, model_id: str, step: int) -> None:
        self._fill(model_id, step)


class LoggedModelStatus:
    """The state of a logged model: PENDING, READY or FAILED."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class LoggedModel(Entity):
    """A model that was logged. Times are Unix milliseconds. `metrics` are the points that were
    measured of it."""

    __slots__ = (
        "experiment_id",
        "model_id",
        "name",
        "artifact_location",
        "creation_timestamp",
        "last_updated_timestamp",
        "model_type",
        "source_run_id",
        "status",
        "tags",
        "params",
        "metrics",
    )
    experiment_id: str
    model_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None
    source_run_id: str | None
    status: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: list[Metric]

    def __init__(
        self,
        experiment_id: str,
        model_id: str,
        name: str,
        artifact_location: str,
        creation_timestamp: int,
        last_updated_timestamp: int,
        model_type: str | None = None,
        source_run_id: str | None = None,
        status: str = LoggedModelStatus.READY,
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        metrics: list[Metric] | None = None,
    ) -> None:
        self._fill(
            experiment_id,
            model_id,
            name,
            artifact_location,
            creation_timestamp,
            last_updated_timestamp,
            model_type,
            source_run_id,
            status,
            {} if tags is None else tags,
            {} if params is None else params,
            [] if metrics is None else metrics,
        )

    def to_dictionary(self) -> dict[str, Any]:
        """Return its fields by name, plain values at all levels."""
        return {**dict(self), "metrics": [each.to_dictionary() for each in self.metrics]}


class FileInfo(Entity):
    """An artifact file or folder. `path` is relative to the run's artifacts, `file_size` is in
    bytes."""

    __slots__ = ("path", "is_dir", "file_size")
    path: str
    is_dir: bool
    file_size: int | None

    def __init__(
        self,
        path: str,
        is_dir: bool,
        file_size: int | None = None,
    ) -> None:
        self._fill(path, is_dir, file_size)


class MetricSummary(Entity):
    """A metric of a run in one row: the number of points, and the last, first, smallest and
    greatest value with their steps. The last point is that of the greatest step, then timestamp,
    then value. NaN is smallest or greatest only if there is no number."""

    __slots__ = (
        "key",
        "count",
        "last",
        "last_step",
        "last_timestamp",
        "first",
        "first_step",
        "min",
        "min_step",
        "max",
        "max_step",
    )
    key: str
    count: int
    last: float
    last_step: int
    last_timestamp: int
    first: float
    first_step: int
    min: float
    min_step: int
    max: float
    max_step: int

    def __init__(
        self,
        key: str,
        count: int,
        last: float,
        last_step: int,
        last_timestamp: int,
        first: float,
        first_step: int,
        min: float,
        min_step: int,
        max: float,
        max_step: int,
    ) -> None:
        self._fill(
            key,
            count,
            last,
            last_step,
            last_timestamp,
            first,
            first_step,
            min,
            min_step,
            max,
            max_step,
        )


class Experiment(Entity):
    """An experiment: a named set of runs. Times are Unix milliseconds."""

    __slots__ = (
        "experiment_id",
        "name",
        "artifact_location",
        "lifecycle_stage",
        "tags",
        "creation_time",
        "last_update_time",
    )
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: Mapping[str, str]
    creation_time: int | None
    last_update_time: int | None

    def __init__(
        self,
        experiment_id: str,
        name: str,
        artifact_location: str,
        lifecycle_stage: str = LifecycleStage.ACTIVE,
        tags: Mapping[str, str] | None = None,
        creation_time: int | None = None,
        last_update_time: int | None = None,
    ) -> None:
        self._fill(
            experiment_id,
            name,
            artifact_location,
            lifecycle_stage,
            {} if tags is None else tags,
            creation_time,
            last_update_time,
        )

    def _repr_html_(self) -> str:
        from runlog.entities_html import experiment_html

        return experiment_html(self.to_dictionary())


class RunInfo(Entity):
    """What a run is, apart from what it logged. Times are Unix milliseconds."""

    __slots__ = (
        "run_id",
        "experiment_id",
        "user_id",
        "status",
        "start_time",
        "end_time",
        "lifecycle_stage",
        "artifact_uri",
        "run_name",
    )
    run_id: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str
    run_name: str

    def __init__(
        self,
        run_id: str,
        experiment_id: str,
        user_id: str,
        status: str,
        start_time: int,
        end_time: int | None = None,
        lifecycle_stage: str = LifecycleStage.ACTIVE,
        artifact_uri: str = "",
        run_name: str = "",
    ) -> None:
        self._fill(
            run_id,
            experiment_id,
            user_id,
            status,
            start_time,
            end_time,
            lifecycle_stage,
            artifact_uri,
            run_name,
        )

    @property
    def run_uuid(self) -> str:
        """Return the run id, under its MLflow 1.x name."""
        return self.run_id


class RunData(Entity):
    """What a run logged: the last value of each metric, params and tags, as dictionaries by key.
    `metric_points` are the last points themselves, with step and time."""

    __slots__ = ("metrics", "params", "tags", "metric_points", "_rows")
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metric_points: tuple[Metric, ...]
    _rows: tuple[str, Iterable[tuple[Any, ...]]]

    def __init__(
        self,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        metric_points: tuple[Metric, ...] = (),
    ) -> None:
        self._fill(
            {} if metrics is None else metrics,
            {} if params is None else params,
            {} if tags is None else tags,
            metric_points,
        )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> tuple[Metric, ...]:
            # Asked only for what is not set. Few who search want more of a metric than its value:
            # to make points of thousands of rows was a quarter of the search's CPU.
            if name != "metric_points":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            run_id, rows = self._rows
            found = tuple(
                Metric(key, float(value), time, step, run_id=run_id)
                for *_, key, value, time, step in rows
            )
            object.__setattr__(self, name, found)
            return found

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dictionary().items())

    def to_dictionary(self) -> dict[str, Any]:
        """Return `{"metrics": {...}, "params": {...}, "tags": {...}}`."""
        return {
            "metrics": dict(self.metrics),
            "params": dict(self.params),
            "tags": dict(self.tags),
        }


def run_data_of(
    run_id: str,
    rows: Iterable[tuple[Any, ...]],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> RunData:
    """Return the data of a run with the points of rows that end in key, value, timestamp, step, in
    this order."""
    made = RunData.__new__(RunData)
    set_metrics, set_params, set_tags, _ = RunData._setters
    set_metrics(made, {row[-4]: float(row[-3]) for row in rows})
    set_params(made, params)
    set_tags(made, tags)
    object.__setattr__(made, "_rows", (run_id, rows))
    return made


class RunInputs(Entity):
    """The data sets and logged models that a run read."""

    __slots__ = ("dataset_inputs", "model_inputs")
    dataset_inputs: list[DatasetInput]
    model_inputs: list[LoggedModelInput]

    def __init__(
        self,
        dataset_inputs: list[DatasetInput] | None = None,
        model_inputs: list[LoggedModelInput] | None = None,
    ) -> None:
        self._fill(
            [] if dataset_inputs is None else dataset_inputs,
            [] if model_inputs is None else model_inputs,
        )

    def to_dictionary(self) -> dict[str, Any]:
        """Return `{"dataset_inputs": [...], "model_inputs": [...]}`, plain values at all levels."""
        return {
            "dataset_inputs": [each.to_dictionary() for each in self.dataset_inputs],
            "model_inputs": [each.to_dictionary() for each in self.model_inputs],
        }


class RunOutputs(Entity):
    """The logged models that a run created."""

    __slots__ = ("model_outputs",)
    model_outputs: list[LoggedModelOutput]

    def __init__(
        self,
        model_outputs: list[LoggedModelOutput] | None = None,
    ) -> None:
        self._fill([] if model_outputs is None else model_outputs)

    def to_dictionary(self) -> dict[str, Any]:
        """Return `{"model_outputs": [...]}`, plain values at all levels."""
        return {"model_outputs": [each.to_dictionary() for each in self.model_outputs]}


class Run(Entity):
    """A run: its `info`, its `data`, its `inputs` and its `outputs`."""

    __slots__ = ("info", "data", "inputs", "outputs")
    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs

    def __init__(
        self,
        run_info: RunInfo,
        run_data: RunData | None = None,
        run_inputs: RunInputs | None = None,
        run_outputs: RunOutputs | None = None,
    ) -> None:
        self._fill(
            run_info,
            RunData() if run_data is None else run_data,
            RunInputs() if run_inputs is None else run_inputs,
            RunOutputs() if run_outputs is None else run_outputs,
        )

    def to_dictionary(self) -> dict[str, Any]:
        """Return `{"info": {...}, "data": {...}, ...}`, plain values at all levels."""
        return {
            "info": self.info.to_dictionary(),
            "data": self.data.to_dictionary(),
            "inputs": self.inputs.to_dictionary(),
            "outputs": self.outputs.to_dictionary(),
        }

    def _repr_html_(self) -> str:
        from runlog.entities_html import run_html

        return run_html(self.to_dictionary())


if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):  # each import asks for __path__
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return __import__("runlog.mlflow_names", fromlist=["*"]).attribute("entities", name)
