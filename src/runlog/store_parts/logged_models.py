"""Logged models: what a store promises about them.

A logged model belongs to an experiment and mostly to the run that made it. It has a place for its
files, params, tags, and metrics that were measured of it, each on a data set perhaps; those are
logged with their run, by `Store.log`. Names are those of MLflow 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple

from runlog.entities import LoggedModel, LoggedModelOutput, PagedList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    class ModelOrder(NamedTuple):
        field_name: str
        ascending: bool = True
        dataset_name: str | None = None
        dataset_digest: str | None = None

else:
    ModelOrder = namedtuple(
        "ModelOrder",
        "field_name ascending dataset_name dataset_digest",
        defaults=(True, None, None),
    )


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
        """Create a PENDING model in an active experiment. Without a name it gets a readable one."""

    @abstractmethod
    def get(self, model_id: str) -> LoggedModel:
        """Return the model. Raises NotFound, for a deleted one too."""

    @abstractmethod
    def finalize(self, model_id: str, status: str) -> LoggedModel:
        """Set the state of a model: READY or FAILED."""

    @abstractmethod
    def delete(self, model_id: str) -> None:
        """Move the model to the trash."""

    @abstractmethod
    def set_tags(self, model_id: str, tags: Mapping[str, Any]) -> LoggedModel:
        """Set tags. A later value of a key replaces an earlier one."""

    @abstractmethod
    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag. Raises NotFound if it is not set."""

    @abstractmethod
    def log_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Log params. Raises InvalidParameter for another value of a key than its first."""

    @abstractmethod
    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record which models an active run created, and at which step."""

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
        """Return a page of the models that match, newest first unless ordered otherwise. With
        `datasets`, pairs of a name and a digest or None, models are found that were measured on one
        of them, and metrics in the filter are those measured there. The metric of an order is one
        that was measured on its own data set, where it names that, its digest or both. Raises
        InvalidParameter for a page token of another search."""
