"""RUNLOG_OFFLINE: runs that are started without their server, and made there later.

The id of such a run is chosen here. A runlog server takes it; with others the run is found again by
a tag, and its id there is remembered in the outbox. Experiments are named here and looked up there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runlog import names, validate
from runlog.clock import now
from runlog.entities import (
    PARENT_RUN_ID,
    RUN_NAME,
    Experiment,
    LifecycleStage,
    Run,
    RunData,
    RunInfo,
)
from runlog.errors import AlreadyExists, NotFound

if TYPE_CHECKING:
    from runlog.db.outbox import OutboxFile

Post = Callable[[str, Mapping[str, Any]], Any]

ID_TAG = "runlog.run_id"  # of a run on a server that chose another id for it
DEFAULT = ("0", "Default")
_FIRST = 9 * 10**18  # ids of experiments from here on are ours


def experiment(file: OutboxFile, name: str) -> Experiment:
    """Return the experiment of that name, which the server is not asked for."""
    if name == DEFAULT[1]:
        return _offline_experiment(*DEFAULT)
    number = str(_FIRST + int(sha256(name.encode()).hexdigest()[:14], 16))
    file.add_alias(number, name, None)
    return _offline_experiment(number, name)


def experiment_of(file: OutboxFile, experiment_id: str) -> Experiment:
    """Return the experiment with that id, which may be the server's."""
    if experiment_id == DEFAULT[0]:
        return _offline_experiment(*DEFAULT)
    found = file.alias(experiment_id)
    return _offline_experiment(experiment_id, found[0] if found and found[0] else experiment_id)


def _offline_experiment(number: str, name: str) -> Experiment:
    return Experiment(number, name, "", LifecycleStage.ACTIVE, {}, None, None)


def new_run(file: OutboxFile, wanted: Mapping[str, Any], run_id: str | None) -> Run:
    """Return a run as it will be made, from the arguments of `createRun`."""
    run_id = names.run_id() if run_id is None else validate.run_id(run_id)
    tags = dict(wanted["tags"])
    name = wanted["run_name"] or tags.get(RUN_NAME) or names.generate()
    tags[RUN_NAME] = name
    start = wanted["start_time"] or now()
    info = RunInfo(
        run_id, wanted["experiment_id"], wanted["user_id"], "RUNNING", start,
        None, LifecycleStage.ACTIVE, "", name,
    )  # fmt: skip
    file.add_alias(run_id, None, None)
    return Run(info, RunData({}, {}, tags))


def make(
    file: OutboxFile, run_id: str, fields: Mapping[str, Any], post: Post, is_runlog: bool
) -> bool:
    """Make the run on its server, once; False while its parent is not made there."""
    tags = {each["key"]: each["value"] for each in fields.get("tags", ())}
    parent = tags.get(PARENT_RUN_ID)
    if parent is not None:
        found = file.alias(parent)
        if found is not None and found[1] is None:
            return False
        tags[PARENT_RUN_ID] = parent if found is None else str(found[1])
    there = {**fields, "experiment_id": _experiment_there(file, fields["experiment_id"], post)}
    if is_runlog:
        there["new_run_id"] = run_id
        try:
            post("createRun", {**there, "tags": _listed(tags)})
        except AlreadyExists:  # an earlier attempt made it
            pass
        file.add_alias(run_id, None, run_id)
        return True
    tags[ID_TAG] = run_id
    filter_string = f"tags.`{ID_TAG}` = '{run_id}'"
    earlier = post(
        "searchRuns",
        {"experiment_ids": [there["experiment_id"]], "filter": filter_string, "max_results": 1},
    )
    run = earlier[0] if earlier else post("createRun", {**there, "tags": _listed(tags)})
    file.add_alias(run_id, None, run.info.run_id)
    return True


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _experiment_there(file: OutboxFile, experiment_id: str, post: Post) -> str:
    found = file.alias(experiment_id)
    if found is None:
        return experiment_id
    name, there = found
    if there is None:
        try:
            there = post("getExperimentByName", {"experiment_name": name}).experiment_id
        except NotFound:
            try:
                there = post("createExperiment", {"name": name})
            except AlreadyExists:  # somebody else made it in between
                there = post("getExperimentByName", {"experiment_name": name}).experiment_id
        file.add_alias(experiment_id, name, there)
    return str(there)
