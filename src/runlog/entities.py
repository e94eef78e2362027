"""What a tracker keeps: experiments, runs, metrics, params, tags, inputs, files.

Plain frozen data, without behaviour beyond conversion to a dict and a readable repr. Names and
attributes are MLflow's, so that code written for its entities reads ours. Timestamps are Unix
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ViewType:
    """Which lifecycle stages a search looks at."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    _NAMES = {ACTIVE_ONLY: "active_only", DELETED_ONLY: "deleted_only", ALL: "all"}

    @classmethod
    def from_string(cls, view: str) -> int:
        """The number of `view`, one of active_only, deleted_only, all in any case."""
        for number, name in cls._NAMES.items():
            if name == view.lower():
                return number
        raise ValueError(f"no view type {view!r}: use one of {', '.join(cls._NAMES.values())}")

    @classmethod
    def to_string(cls, view_type: int) -> str:
        """The name of a view type's number."""
        if view_type not in cls._NAMES:
            raise ValueError(f"no view type {view_type!r}: use one of {sorted(cls._NAMES)}")
        return cls._NAMES[view_type]


class RunStatus:
    """The state of a run. `RunInfo.status` holds the name; MLflow's numbers are accepted too."""

    RUNNING = 1
    SCHEDULED = 2
    FINISHED = 3
    FAILED = 4
    KILLED = 5

    _NAMES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}

    @classmethod
    def from_string(cls, status: str) -> int:
        """The number of the status called `status`."""
        for number, name in cls._NAMES.items():
            if name == status:
                return number
        raise ValueError(f"no run status {status!r}: use one of {', '.join(cls.all_status())}")

    @classmethod
    def to_string(cls, status: int) -> str:
        """The name of a status' number."""
        if status not in cls._NAMES:
            raise ValueError(f"no run status {status!r}: use one of {sorted(cls._NAMES)}")
        return cls._NAMES[status]

    @classmethod
    def is_terminated(cls, status: int | str) -> bool:
        """Whether a run in `status` has ended."""
        number = cls.from_string(status) if isinstance(status, str) else status
        return number in (cls.FINISHED, cls.FAILED, cls.KILLED)

    @classmethod
    def all_status(cls) -> list[str]:
        """The names of all states."""
        return list(cls._NAMES.values())


class LifecycleStage:
    """`active`, or `deleted` for what is in the trash until `runlog gc`."""

    ACTIVE = "active"
    DELETED = "deleted"


class SourceType:
    """What started a run, as the tag mlflow.source.type says it."""

    NOTEBOOK, JOB, PROJECT, LOCAL, UNKNOWN = 1, 2, 3, 4, 5
    _NAMES = {1: "NOTEBOOK", 2: "JOB", 3: "PROJECT", 4: "LOCAL", 5: "UNKNOWN"}

    @classmethod
    def to_string(cls, source_type: int) -> str:
        """The name of a source type's number."""
        return cls._NAMES[source_type]


class PagedList(list[T], Generic[T]):
    """A page of a search: a list whose `token` asks for the next page, None on the last one."""

    def __init__(self, items: Any = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token

    def to_list(self) -> list[T]:
        """The same items as a plain list."""
        return list(self)


class _Entity:
    """Iteration over (name, value) pairs, so that `dict(entity)` works as with MLflow's."""

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name in self.__dataclass_fields__:  # type: ignore[attr-defined]
            yield name, getattr(self, name)


@dataclass(frozen=True, slots=True)
class Metric(_Entity):
    """One point of a metric's history: `value` (float) at `step` (int) and `timestamp` (ms)."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    run_id: str | None = None


def metrics_of(run_id: str, key: str, rows: Iterable[tuple[int, int, float | str]]) -> list[Metric]:
    """Metrics from rows of (timestamp, step, value), a million of them in half the time: the
    slots are filled directly, since a frozen dataclass' own constructor takes a detour a field."""
    new, set_key, set_value, set_timestamp, set_step, set_run_id = _METRIC_PARTS
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


_METRIC_PARTS: Any = (
    object.__new__,
    *(Metric.__dict__[name].__set__ for name in ("key", "value", "timestamp", "step", "run_id")),
)


@dataclass(frozen=True, slots=True)
class Param(_Entity):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunTag(_Entity):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ExperimentTag(_Entity):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class InputTag(_Entity):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Dataset(_Entity):
    """A data set as a run used it; `source`, `schema` and `profile` are text, mostly JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput(_Entity):
    """A data set that a run read, with tags such as mlflow.data.context = "training"."""

    dataset: Dataset
    tags: list[InputTag] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileInfo(_Entity):
    """An artifact file or directory; `path` is relative to the run's artifact root."""

    path: str
    is_dir: bool
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class MetricSummary(_Entity):
    """A metric of a run in one row: how many points, the last by MLflow's rule (greatest step,
    then timestamp, then value), the first, the smallest and the greatest with their steps.
    NaN is smallest or greatest only when there is nothing else."""

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


@dataclass(frozen=True, slots=True)
class Experiment(_Entity):
    """An experiment: a named set of runs."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = LifecycleStage.ACTIVE
    tags: Mapping[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None

    def _repr_html_(self) -> str:
        return _html_table("Experiment " + self.name, dict(self))


@dataclass(frozen=True, slots=True)
class RunInfo(_Entity):
    """What a run is, apart from what it logged. Times are Unix milliseconds."""

    run_id: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None = None
    lifecycle_stage: str = LifecycleStage.ACTIVE
    artifact_uri: str = ""
    run_name: str = ""

    @property
    def run_uuid(self) -> str:
        """The run id under its MLflow 1.x name."""
        return self.run_id


@dataclass(frozen=True, slots=True)
class RunData(_Entity):
    """What a run logged: the last value of each metric, params and tags, as dicts by key."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metric_points: tuple[Metric, ...] = field(default=(), repr=False, compare=False)

    def to_dictionary(self) -> dict[str, Any]:
        """`{"metrics": {...}, "params": {...}, "tags": {...}}`"""
        return {
            "metrics": dict(self.metrics),
            "params": dict(self.params),
            "tags": dict(self.tags),
        }


@dataclass(frozen=True, slots=True)
class RunInputs(_Entity):
    """What a run read."""

    dataset_inputs: list[DatasetInput] = field(default_factory=list)

    def to_dictionary(self) -> dict[str, Any]:
        """`{"dataset_inputs": [...]}`, nested down to plain values."""
        return {"dataset_inputs": [_plain(each) for each in self.dataset_inputs]}


@dataclass(frozen=True, slots=True)
class Run(_Entity):
    """A run: its `info`, its `data` and its `inputs`."""

    info: RunInfo
    data: RunData = field(default_factory=RunData)
    inputs: RunInputs = field(default_factory=RunInputs)

    def to_dictionary(self) -> dict[str, Any]:
        """`{"info": {...}, "data": {...}, "inputs": {...}}`, plain values all the way down."""
        return {
            "info": _plain(self.info),
            "data": self.data.to_dictionary(),
            "inputs": self.inputs.to_dictionary(),
        }

    def _repr_html_(self) -> str:
        title = f"Run {self.info.run_name} ({self.info.status})"
        sections = {"": dict(self.info), **self.data.to_dictionary()}
        return "".join(_html_table(name or title, rows) for name, rows in sections.items())


def _plain(value: Any) -> Any:
    if isinstance(value, _Entity):
        return {name: _plain(each) for name, each in value}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _html_table(title: str, rows: Mapping[str, Any]) -> str:
    from html import escape

    body = "".join(
        f"<tr><th style='text-align:left'>{escape(str(name))}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"
