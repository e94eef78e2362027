"""Logged models: what one is, and what a store promises about them.

A logged model belongs to an experiment and mostly to the run that made it. It has a place for its
files, params, tags, and metrics that were measured of it, each on a data set perhaps. Names are
those of MLflow 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple

from runlog.entities import PagedList, _Entity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    class ModelInput(NamedTuple):
        model_id: str

    class ModelOutput(NamedTuple):
        model_id: str
        step: int

    class ModelMetric(NamedTuple):
        key: str
        value: float
        timestamp: int
        step: int
        model_id: str
        run_id: str
        dataset_name: str | None = None
        dataset_digest: str | None = None

    class ModelOrder(NamedTuple):
        field_name: str
        ascending: bool = True

else:
    ModelInput = namedtuple("ModelInput", "model_id")
    ModelOutput = namedtuple("ModelOutput", "model_id step")
    ModelMetric = namedtuple(
        "ModelMetric",
        "key value timestamp step model_id run_id dataset_name dataset_digest",
        defaults=(None, None),
    )
    ModelOrder = namedtuple("ModelOrder", "field_name ascending", defaults=(True,))


class LoggedModel(_Entity):
    """A model that was logged. `status` is PENDING, READY or FAILED; times are Unix ms;
    `metric_points` are what was measured of it, `metrics` the last value of each."""

    __slots__ = (
        "model_id",
        "experiment_id",
        "name",
        "artifact_location",
        "creation_timestamp",
        "last_updated_timestamp",
        "status",
        "model_type",
        "source_run_id",
        "tags",
        "params",
        "metric_points",
    )
    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    status: str
    model_type: str
    source_run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metric_points: tuple[ModelMetric, ...]

    def __init__(
        self,
        model_id: str,
        experiment_id: str,
        name: str,
        artifact_location: str,
        creation_timestamp: int,
        last_updated_timestamp: int,
        status: str = "PENDING",
        model_type: str = "",
        source_run_id: str = "",
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        metric_points: tuple[ModelMetric, ...] = (),
    ) -> None:
        self._fill(
            model_id,
            experiment_id,
            name,
            artifact_location,
            creation_timestamp,
            last_updated_timestamp,
            status,
            model_type,
            source_run_id,
            {} if tags is None else tags,
            {} if params is None else params,
            metric_points,
        )

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric, by step and then time."""
        last = sorted(self.metric_points, key=lambda each: (each.step, each.timestamp))
        return {point.key: point.value for point in last}


class LoggedModels(ABC):
    """The logged models of a store: `store.models`. The promises of `Store` hold."""

    @abstractmethod
    def create(
        self,
        experiment_id: str,
        name: str | None = None,
        model_type: str = "",
        source_run_id: str = "",
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        """Makes a PENDING model in an active experiment; without a name it gets a readable one."""

    @abstractmethod
    def get(self, model_id: str) -> LoggedModel:
        """The model. Raises NotFound, for a deleted one too."""

    @abstractmethod
    def finalize(self, model_id: str, status: str) -> LoggedModel:
        """Says how logging the model's files went: READY or FAILED."""

    @abstractmethod
    def delete(self, model_id: str) -> None:
        """Moves the model to the trash."""

    @abstractmethod
    def set_tags(self, model_id: str, tags: Mapping[str, Any]) -> LoggedModel:
        """Sets tags; the last value of a key wins."""

    @abstractmethod
    def delete_tag(self, model_id: str, key: str) -> None:
        """Removes a tag. Raises NotFound if it is not set."""

    @abstractmethod
    def log_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Keeps params; a key keeps its first value, another raises InvalidParameter."""

    @abstractmethod
    def log_metrics(self, metrics: Sequence[ModelMetric]) -> None:
        """Keeps what was measured of models; what is there already is kept once."""

    @abstractmethod
    def link(
        self,
        run_id: str,
        inputs: Sequence[ModelInput] = (),
        outputs: Sequence[ModelOutput] = (),
    ) -> None:
        """Keeps which models an active run read and which it made, at which step."""

    @abstractmethod
    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[tuple[str, str | None]] = (),
        max_results: int = 50,
        order_by: Sequence[ModelOrder] = (),
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """A page of the models that match, newest first unless ordered otherwise. With `datasets`,
        pairs of a name and a digest or None, metrics in the filter are those measured on them."""
