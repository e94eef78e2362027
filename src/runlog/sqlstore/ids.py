"""Row ids: of the runs and experiments that users name by their ids, and as lists in statements."""

from __future__ import annotations

from runlog import validate
from runlog.entities import LifecycleStage
from runlog.errors import InvalidParameter, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Fetch = Callable[..., list[tuple[Any, ...]]]


def run_number(fetch: Fetch, run_id: str) -> int:
    """Return the row id of a run, deleted or not. Raises NotFound."""
    validate.run_id(run_id)
    found = fetch("select id from run where run_id = :run_id", {"run_id": run_id})
    if not found:
        raise NotFound(f"Run with id={run_id} not found")
    return int(found[0][0])


def active_run(fetch: Fetch, run_id: str) -> int:
    """Return the row id of a run that may be written to. Raises NotFound, InvalidParameter."""
    validate.run_id(run_id)
    found = fetch("select id, lifecycle_stage from run where run_id = :run_id", {"run_id": run_id})
    if not found:
        raise NotFound(f"Run with id={run_id} not found")
    _refuse_deleted("run", run_id, found[0][1])
    return int(found[0][0])


def active_experiment(fetch: Fetch, experiment_id: str) -> tuple[int, str]:
    """Return the row id of an experiment that may be written to, and its location as stored.
    Raises NotFound, InvalidParameter."""
    number = validate.experiment_id(experiment_id)
    found = fetch(
        "select lifecycle_stage, artifact_location from experiment where id = :id",
        {"id": number},
    )
    if not found:
        raise NotFound(f"No Experiment with id={experiment_id} exists")
    _refuse_deleted("experiment", experiment_id, found[0][0])
    return number, found[0][1]


def _refuse_deleted(kind: str, given_id: str, stage: str) -> None:
    if stage != LifecycleStage.ACTIVE:
        raise InvalidParameter(
            f"The {kind} {given_id} must be in the 'active' state. Current state is {stage}."
        )


def json_ids(numbers: Iterable[int]) -> dict[str, str]:
    """Return row ids as a JSON list for `json_each(:ids) j`: one statement for any number."""
    return {"ids": "[" + ",".join(map(str, numbers)) + "]"}


def listed(numbers: Iterable[int]) -> str:
    """Return row ids as they stand between `in (` and `)`, where not all databases take nothing."""
    return ", ".join(map(str, numbers)) or "null"
