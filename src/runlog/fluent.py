"""The module-level functions: an experiment in use, the active run, and logging to it.

Which run is active for whom is said in `active_runs`.
"""

from __future__ import annotations

import os

from runlog import active_runs, run_exit, tracking_uri, validate
from runlog.active_runs import Active, ActiveRun
from runlog.client import RunlogClient, RunOperations, answer, query_rows
from runlog.clock import point_time
from runlog.entities import (
    DATASET_CONTEXT,
    NOTE,
    PARENT_RUN_ID,
    RUN_NAME,
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LifecycleStage,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunInputs,
    ViewType,
)
from runlog.errors import AlreadyExists, InvalidParameter, NotFound, RunlogError, shown
from runlog.settings import setting
from runlog.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Literal, TypeVar, overload

    import pandas

    from runlog.dataframes import MetricColumns
    from runlog.entities import PagedList
    from runlog.entities.model_registry import ModelVersion, RegisteredModel
    from runlog.system_metrics import Sampling

    T = TypeVar("T")


_experiment: tuple[str, Experiment] | None = None  # what was set, and the URI of its store


# -- experiments ----------------------------------------------------------------------------


def create_experiment(
    name: str,
    artifact_location: str | Path | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: None = None,
) -> str:
    """Create an experiment and return its id, a text of digits.

    `artifact_location` is a folder or URI for the files of its runs, by default a folder beside the
    database. `tags` are stored as text. runlog has no traces: `trace_location` must be None. Raises
    AlreadyExists if an experiment has that name, even a deleted one.

    >>> runlog.create_experiment("digits", tags={"team": "vision"})
    '1'
    """
    _refuse_traces(trace_location)
    return RunlogClient().create_experiment(name, artifact_location, tags)


def _refuse_traces(trace_location: object) -> None:
    if trace_location is not None:
        raise InvalidParameter(
            f"trace_location {shown(trace_location)}: runlog keeps no traces, leave it out"
        )


def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    trace_location: None = None,
) -> Experiment:
    """Start new runs in this experiment from now on, and return it.

    Give either a name, which is created if it does not exist, or an id. Processes that are started
    later inherit the choice. Raises NotFound if no experiment has that id, and InvalidParameter if
    it is in the trash or if not exactly one argument is given.

    >>> runlog.set_experiment("digits").name
    'digits'
    """
    global _experiment
    _refuse_traces(trace_location)
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidParameter("Must specify exactly one of: `experiment_id` or `experiment_name`.")
    store = tracking_uri.store()
    if experiment_id is not None:
        experiment = store.get_experiment(experiment_id)
    else:
        assert experiment_name is not None
        experiment = _found_or_made(store, experiment_name)
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidParameter(
            f"Cannot set a deleted experiment {experiment.name!r} as the active experiment: "
            "restore it, or delete it for good with `runlog gc` to create a new one."
        )
    _experiment = store.uri, experiment
    for name in ("EXPERIMENT_ID", "EXPERIMENT_NAME"):
        os.environ.pop("RUNLOG_" + name, None)
        os.environ.pop("MLFLOW_" + name, None)
    # Processes started later inherit it: its name, which means the same in every store.
    try:
        os.environ["RUNLOG_EXPERIMENT_NAME"] = experiment.name
    except UnicodeEncodeError:  # the locale has not all letters
        os.environ["RUNLOG_EXPERIMENT_ID"] = experiment.experiment_id
    run_exit.install(active_runs.end_all)  # here too: threads cannot handle signals
    return experiment


def _found_or_made(store: Store, name: str) -> Experiment:
    experiment = store.find_experiment(name)
    if experiment is None:
        try:
            return store.get_experiment(store.create_experiment(name))
        except AlreadyExists:  # another process made it in between
            experiment = store.get_experiment_by_name(name)
    return experiment


def _current_experiment_id(store: Store) -> str:
    if _experiment is not None:
        uri, experiment = _experiment
        here = experiment if uri == store.uri else _found_or_made(store, experiment.name)
        return here.experiment_id
    name, given_id = setting("EXPERIMENT_NAME"), setting("EXPERIMENT_ID")
    if name:
        experiment = _found_or_made(store, name)
        if given_id and given_id != experiment.experiment_id:
            raise InvalidParameter(
                f"the environment names experiment {name!r}, which has the id "
                f"{experiment.experiment_id}, and the id {given_id}: unset one of "
                "RUNLOG_EXPERIMENT_NAME and RUNLOG_EXPERIMENT_ID"
            )
        return experiment.experiment_id
    if given_id:
        try:
            return store.get_experiment(given_id).experiment_id
        except NotFound:
            raise InvalidParameter(
                f"the environment names the experiment id {given_id}, which does not exist in "
                f"{store.uri}: unset RUNLOG_EXPERIMENT_ID or give one that exists"
            ) from None
    return "0"


def experiment_id_in_use(store: Store, name: str | None = None) -> str:
    """Return the id of the experiment that new runs of a store go to, or of the one called `name`.
    It is created if it does not exist."""
    if name:
        return _found_or_made(store, name).experiment_id
    return _current_experiment_id(store)


def get_experiment(experiment_id: str) -> Experiment:
    """Return the experiment with that id, deleted or not. Raises NotFound if there is none.

    >>> runlog.get_experiment("0").name
    'Default'
    """
    return RunlogClient().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """Return the experiment with that name, deleted or not, or None if there is none.

    >>> runlog.get_experiment_by_name("nobody has this name") is None
    True
    """
    return RunlogClient().get_experiment_by_name(name)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Return all experiments that match a filter, newest first unless `order_by` says otherwise.

    `view_type` is one of `ViewType`; without `max_results` there is no limit. docs/query.md
    describes filters and orders. Raises InvalidParameter for a filter or order that is wrong.

    >>> _ = runlog.create_experiment("digits-1", tags={"team": "vision"})
    >>> [each.name for each in runlog.search_experiments(filter_string="tags.team = 'vision'")]
    ['digits-1']
    """
    store = tracking_uri.store()
    return list(store.all_experiments(view_type, max_results, filter_string, order_by))


def list_experiments(
    view_type: int = ViewType.ACTIVE_ONLY, max_results: int | None = None
) -> list[Experiment]:
    """Return all experiments: `runlog.search_experiments` under its MLflow 1.x name."""
    return search_experiments(view_type, max_results)


def delete_experiment(experiment_id: str) -> None:
    """Move an experiment and its runs to the trash. `runlog gc` empties the trash.

    Raises NotFound if there is no such experiment, and InvalidParameter if it is deleted.
    """
    RunlogClient().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Bring an experiment back from the trash, with the runs that went with it.

    Raises NotFound if there is no such experiment.
    """
    RunlogClient().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the experiment in use, as text. A later value replaces an earlier one."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the experiment in use, all of them or, if one is invalid, none."""
    store = tracking_uri.store()
    store.set_experiment_tags(_current_experiment_id(store), validate.mapping("tags", tags))


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the experiment in use. Raises NotFound if it is not set."""
    store = tracking_uri.store()
    store.delete_experiment_tag(_current_experiment_id(store), key)


def define_metric(name: str, goal: str | None = None, step_metric: str | None = None) -> None:
    """Say which values of a metric are better, and what charts draw it over.

    It holds for all runs of the active run's experiment, or of the experiment in use: best values
    in the pages, in `runlog runs compare`, and the order of a sorted column follow it. `goal` is
    "min" or "max"; charts of the metric have `step_metric`, another metric, as their x axis. `*` at
    the end of the name stands for any ending: "val/*"; an exact name comes first, then the longest
    beginning. A later definition of a name replaces an earlier one. It is stored as a tag of the
    experiment. Raises InvalidParameter for another goal, or a `*` elsewhere.

    >>> runlog.define_metric("val/loss", goal="min", step_metric="epoch")
    >>> runlog.RunlogClient().get_metric_definitions("0")
    {'val/loss': {'goal': 'min', 'step_metric': 'epoch'}}
    """
    run = active_run()
    experiment_id = run.info.experiment_id if run else _current_experiment_id(tracking_uri.store())
    RunlogClient().define_metric(experiment_id, name, goal, step_metric)


# -- runs -----------------------------------------------------------------------------------


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Start a run, or resume the run with the id `run_id`, and make it the active run.

    Use it in a `with` statement, or call `end_run`. Log calls go to the active run.

    - `experiment_id`: by default the experiment in use, see `set_experiment`.
    - `run_name`: by default a readable random one. It takes precedence over a name in `tags`.
    - `nested`: start a child of the active run. Without it, starting a second run raises.
    - `parent_run_id`: start a child of this run instead.
    - `description`: a note in Markdown, shown on the run's page.
    - `log_system_metrics`: log the use of CPU, memory, disk, network and GPUs every 10 seconds, as
      metrics `system/...`. It needs psutil. None: as `enable_system_metrics_logging` says.

    Each thread and each asyncio task has its own active run. One that has not started a run
    inherits the run around it: it logs there, and with `nested=True` starts children of it.

    Raises RunlogError if another run is active here or the program is ending, and NotFound if there
    is no run `run_id`.

    >>> with runlog.start_run(run_name="outer"):
    ...     runlog.log_param("depth", 3)
    ...     with runlog.start_run(run_name="inner", nested=True) as inner:
    ...         runlog.log_metric("loss", 0.5)
    3
    >>> runlog.get_parent_run(inner.info.run_id).info.run_name
    'outer'
    """
    own = active_runs.own()
    if own is not None and not nested:
        raise RunlogError(
            f"Run with UUID {own.run.info.run_id} is already active. To start a new "
            "run, first end the current run with runlog.end_run(). To start a nested run, call "
            "start_run with nested=True"
        )
    sampling = _sampling(log_system_metrics)
    store = tracking_uri.store()
    run_exit.install(active_runs.end_all)
    given_tags = _tags_with_name(_described(tags, description), run_name)
    with active_runs.Starting():
        # A run that is nested, or has a parent, is a new one, whatever the environment names.
        existing = run_id or (None if nested or parent_run_id else _run_id_from_outside())
        if existing:
            run = _resumed(store, existing, run_name, given_tags)
        else:
            parent = _parent(store, parent_run_id, own, nested)
            run = _created(store, experiment_id, run_name, parent, given_tags)
        active = ActiveRun(run.info, run.data, run.inputs)
        monitor = None if sampling is None else sampling.start(store, run)
        active_runs.start(Active(active, store, monitor))
    return active


def _sampling(wanted: bool | None) -> Sampling | None:
    if wanted or (wanted is None and setting("ENABLE_SYSTEM_METRICS_LOGGING")):
        from runlog import system_metrics

        return system_metrics.sampling(wanted)
    return None


def _run_id_from_outside() -> str | None:
    """Return the run that the environment names. It is gone on with once; the next one is a new
    one."""
    run_id = setting("RUN_ID")
    for name in ("RUNLOG_RUN_ID", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    return run_id


def _described(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, Any]:
    given = dict(validate.mapping("tags", tags or {}))
    if description:
        if NOTE in given:
            raise InvalidParameter(
                f"Description is already set via the tag {NOTE} in tags. "
                f"Remove the key {NOTE} from the tags or omit the description."
            )
        given[NOTE] = description
    return given


def _tags_with_name(tags: dict[str, Any], run_name: str | None) -> dict[str, Any]:
    """Return `tags`, in which the name that was given comes before one among them."""
    return {**tags, RUN_NAME: run_name} if run_name and RUN_NAME in tags else tags


def _resumed(store: Store, run_id: str, run_name: str | None, tags: Mapping[str, Any]) -> Run:
    run = store.get_run(run_id)
    uri, chosen = _experiment or ("", None)
    if chosen is not None and uri == store.uri and chosen.experiment_id != run.info.experiment_id:
        raise RunlogError(
            f"Cannot start run with ID {run_id} because active experiment ID "
            f"{chosen.experiment_id} does not match the run's {run.info.experiment_id}: call "
            f"set_experiment(experiment_id={run.info.experiment_id!r}) first"
        )
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise RunlogError(f"Cannot start run with ID {run_id} because it is in the deleted state.")
    if tags:
        store.log(run_id, tags=tags.items())
    store.update_run(run_id, "RUNNING", run_name=run_name)
    return store.get_run(run_id)


def _created(
    store: Store,
    experiment_id: str | None,
    run_name: str | None,
    parent: str | None,
    tags: Mapping[str, Any],
) -> Run:
    from runlog import context

    every = {**context.default_tags(), **tags}
    if parent is not None:
        every[PARENT_RUN_ID] = parent
    if experiment_id is None:
        experiment_id = _current_experiment_id(store)
    user = str(every.get("mlflow.user", ""))
    return store.create_run(str(experiment_id), user, None, every, run_name)


def _parent(
    store: Store, parent_run_id: str | None, own: Active | None, nested: bool
) -> str | None:
    """Return the parent of a run that is started while `own` is active."""
    if not parent_run_id:
        outer = active_runs.around() if nested else None
        return None if outer is None else outer.run.info.run_id
    current = parent_run_id if own is None else own.run.info.run_id
    if current != parent_run_id:
        raise RunlogError(
            f"Current run with UUID {current} does not match the specified parent_run_id "
            f"{parent_run_id}. To start a new nested run under the parent run with UUID "
            f"{parent_run_id}, first end the current run with runlog.end_run()."
        )
    if store.get_run(parent_run_id).info.lifecycle_stage == LifecycleStage.DELETED:
        raise RunlogError(
            f"Cannot start run under parent run with ID {parent_run_id} "
            "because it is in the deleted state."
        )
    return parent_run_id


def end_run(status: str = "FINISHED") -> None:
    """End the active run, now, with a status of `RunStatus`. Do nothing if there is none.

    Only the thread that started a run ends it. At a server's address, wait as `flush` does.

    >>> run = runlog.start_run()
    >>> runlog.end_run("FAILED")
    >>> runlog.get_run(run.info.run_id).info.status
    'FAILED'
    """
    active_runs.end(status)


def active_run() -> ActiveRun | None:
    """Return the run that log calls go to here, as it was when it was started, or None.

    Call `get_run` for what it has logged since.
    """
    active = active_runs.innermost()
    return None if active is None else active.run


def last_active_run() -> Run | None:
    """Return the active run, or else the run that this thread ended last, as it is now, or None.

    >>> with runlog.start_run():
    ...     runlog.log_metric("loss", 0.5)
    >>> runlog.last_active_run().data.metrics
    {'loss': 0.5}
    """
    active = active_run()
    ended = active_runs.last_ended()
    if active is not None or ended is None:
        return active
    return ended.store.get_run(ended.run.info.run_id)


def _active() -> Active:
    active = active_runs.innermost() or active_runs.ended_meanwhile()
    if active is None:
        start_run()
        active = active_runs.innermost()
        assert active is not None
    return active


def _store_and_run(run_id: str | None, synchronous: bool | None = None) -> tuple[Store, str]:
    if run_id is not None:
        store = tracking_uri.store()
    else:
        active = _active()
        store, run_id = active.store, active.run.info.run_id
    return (store.synchronous() if synchronous else store), run_id


def _client(run_id: str | None = None) -> tuple[RunlogClient, str]:
    if run_id is not None:
        return RunlogClient(), run_id
    active = _active()
    if active.client is None:
        active.client = RunlogClient(active.store.uri)
    return active.client, active.run.info.run_id


def get_run(run_id: str) -> Run:
    """Return the run with that id as it is now: info, last metric values, params, tags, inputs.

    Raises NotFound if there is none.

    >>> with runlog.start_run() as run:
    ...     runlog.log_metrics({"loss": 0.5, "accuracy": 0.9}, step=1)
    >>> runlog.get_run(run.info.run_id).data.metrics["accuracy"]
    0.9
    """
    return RunlogClient().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """Return the run that this run is nested in, or None. Raises NotFound for an unknown run."""
    return RunlogClient().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Move a run to the trash; `restore_run` brings it back, `runlog gc` empties the trash.

    Raises NotFound if there is no such run.
    """
    RunlogClient().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a run back from the trash. Raises NotFound if there is no such run."""
    RunlogClient().restore_run(run_id)


# -- logging --------------------------------------------------------------------------------


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Log one point of a metric to the active run. Start a run if none is active.

    - `value`: a number of Python, numpy, torch or jax, or a Decimal. NaN and infinities are stored
      as they are.
    - `step`: an integer, by default 0.
    - `timestamp`: Unix milliseconds, by default now. Points of the same step and millisecond get
      later timestamps, so that without a step every call is a point, in the order of the calls.
    - `run_id`: log to this run instead.
    - `model_id`, `dataset`: the logged model that was measured, by default that of
      `set_active_model`, and the data set of `runlog.data` that it was measured on. The point is
      stored with the run and with the model, and both become inputs of the run, except a model that
      the run created.

    Once the call returns, the point is stored: in the database, or, at a server's address, in the
    outbox on this machine, from which it is sent. `synchronous=True` waits until the server has it.
    `synchronous=False` returns an object with `wait()`, for scripts that expect one. Raises
    InvalidParameter if the value is not a number, and NotFound if there is no run `run_id`.

    >>> with runlog.start_run() as run:
    ...     for step in range(3):
    ...         runlog.log_metric("loss", 1 / (step + 1), step=step)
    >>> history = runlog.RunlogClient().get_metric_history(run.info.run_id, "loss")
    >>> [point.value for point in history][:2]
    [1.0, 0.5]
    """
    store, run = _store_and_run(run_id, synchronous)
    at = 0 if step is None else step
    time = point_time(run, (key,), at) if timestamp is None else timestamp
    model_id = model_id or active_runs.active_model_id()
    if model_id is dataset is None:
        store.log_metric(run, key, value, time, at)
    else:
        _log_measured(store, run, {key: value}, time, at, model_id, dataset)
    return answer(synchronous)


def _log_measured(
    store: Store,
    run_id: str,
    values: Mapping[str, float],
    time: int,
    step: int,
    model_id: str | None,
    dataset: Any,
) -> None:
    """Keep points that were measured of a model or on a data set, and that the run read these."""
    run = store.get_run(run_id)
    inputs = RunInputs()
    if model_id not in {
        None,
        *(each.model_id for each in run.inputs.model_inputs),
        *(each.model_id for each in run.outputs.model_outputs),
    }:
        inputs.model_inputs.append(LoggedModelInput(str(model_id)))
    name = digest = None
    if dataset is not None:
        given = _dataset_input(dataset, None, None)
        name, digest = given.dataset.name, given.dataset.digest
        known = [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs]
        if (name, digest) not in known:
            inputs.dataset_inputs.append(given)
    metrics = [
        Metric(key, value, time, step, model_id, name, digest) for key, value in values.items()
    ]
    store.log_batch(run_id, metrics, inputs=inputs)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Log one point of each of several metrics: all of them or, if one is invalid, none.

    The other arguments are those of `log_metric`.

    >>> with runlog.start_run():
    ...     runlog.log_metrics({"loss": 0.5, "accuracy": 0.9}, step=1)
    """
    store, run = _store_and_run(run_id, synchronous)
    at = 0 if step is None else step
    given = validate.mapping("metrics", metrics)
    time = point_time(run, given, at) if timestamp is None else timestamp
    model_id = model_id or active_runs.active_model_id()
    if model_id is dataset is None:
        store.log(run, [(key, value, time, at) for key, value in given.items()])
    else:
        _log_measured(store, run, given, time, at, model_id, dataset)
    return answer(synchronous)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log a param of the active run, as text, and return `value`.

    A param has one value: logging the same value again does nothing, another one raises
    InvalidParameter.

    >>> with runlog.start_run():
    ...     runlog.log_param("lr", 0.1)
    0.1
    """
    store, run = _store_and_run(None, synchronous)
    store.log(run, params=((key, value),))
    return answer(synchronous) or value


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Log several params: all of them or, if one is invalid, none. See `log_param`.

    >>> with runlog.start_run() as run:
    ...     runlog.log_params({"lr": 0.1, "depth": 3})
    >>> runlog.get_run(run.info.run_id).data.params["depth"]
    '3'
    """
    store, run = _store_and_run(run_id, synchronous)
    store.log(run, params=validate.mapping("params", params).items())
    return answer(synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Set a tag of the active run, as text. A later value replaces an earlier one."""
    return set_tags({key: value}, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Set several tags of the active run: all of them or, if one is invalid, none.

    >>> with runlog.start_run() as run:
    ...     runlog.set_tags({"stage": "draft", "team": "vision"})
    >>> runlog.get_run(run.info.run_id).data.tags["team"]
    'vision'
    """
    store, run = _store_and_run(None, synchronous)
    store.log(run, tags=validate.mapping("tags", tags).items())
    return answer(synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag of the active run. Raises NotFound if it is not set."""
    store, run = _store_and_run(None)
    store.delete_tag(run, key)


def log_artifact(
    local_path: str | Path,
    artifact_path: str | None = None,
    run_id: str | None = None,
    callback: Any = None,
) -> None:
    """Copy a local file or folder to the run's artifacts, into the folder `artifact_path` of them.

    `callback` is an fsspec `Callback`, which is given the number of bytes to copy and of bytes
    copied. `run_id` names another run than the active one. Raises NotFound if there is no such
    file, and InvalidParameter if `artifact_path` is absolute or leads out of the artifacts.

    >>> with open("weights.txt", "w") as file:
    ...     _ = file.write("0.1 0.2")
    >>> with runlog.start_run() as run:
    ...     runlog.log_artifact("weights.txt", "model")
    >>> runlog.artifacts.load_text(f"runs:/{run.info.run_id}/model/weights.txt")
    '0.1 0.2'
    """
    client, run = _client(run_id)
    client.log_artifact(run, local_path, artifact_path, callback)


def log_artifacts(
    local_dir: str | Path,
    artifact_path: str | None = None,
    run_id: str | None = None,
    callback: Any = None,
) -> None:
    """Copy what is in a local folder to the run's artifacts. See `log_artifact`.

    The store's own files and folders are left out.
    """
    client, run = _client(run_id)
    client.log_artifacts(run, local_dir, artifact_path, callback)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Log a text as an artifact file, in UTF-8. `artifact_file` is its path in the artifacts.

    >>> with runlog.start_run() as run:
    ...     runlog.log_text("a good run", "notes/summary.txt")
    >>> runlog.artifacts.load_text(f"runs:/{run.info.run_id}/notes/summary.txt")
    'a good run'
    """
    client, run = _client(run_id)
    client.log_text(run, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Log a dictionary or list as a JSON file, or as YAML if the name ends with .yml or .yaml.

    >>> with runlog.start_run() as run:
    ...     runlog.log_dict({"lr": 0.1}, "config.json")
    >>> runlog.artifacts.load_dict(f"runs:/{run.info.run_id}/config.json")
    {'lr': 0.1}
    """
    client, run = _client(run_id)
    client.log_dict(run, dictionary, artifact_file)


def log_stream(stream: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Log what a binary stream yields, to its end, as an artifact file.

    >>> import io
    >>> with runlog.start_run():
    ...     runlog.log_stream(io.BytesIO(b"0123"), "data.bin")
    """
    client, run = _client(run_id)
    client.log_stream(run, stream, artifact_file)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None
) -> None:
    """Log a matplotlib or plotly figure as an artifact file, in the format of the extension.

    `save_kwargs` are passed to `savefig`, `write_html` or `write_image`. Raises TypeError if it is
    no such figure.

    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> _ = figure.subplots().plot([1, 4, 9])
    >>> with runlog.start_run():
    ...     runlog.log_figure(figure, "squares.png")
    """
    client, run = _client()
    client.log_figure(run, figure, artifact_file, save_kwargs=save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> None:
    """Log an image as an artifact file, or as the image of `key` at a step.

    `image` is a numpy array (height x width, or height x width x 1, 3 or 4 channels), a PIL image
    or a `runlog.Image`. Arrays hold integers from 0 to 255, floats from 0 to 1, or booleans. Give
    either `artifact_file`, or `key` with `step` (0) and `timestamp` (Unix milliseconds, now);
    images with a key are shown step by step on the run's page. Raises TypeError if both or neither
    are given, and ValueError for an array that is no image.

    >>> import numpy
    >>> with runlog.start_run():
    ...     runlog.log_image(numpy.zeros((8, 8)), key="sample", step=3)
    """
    client, run = _client()
    client.log_image(run, image, artifact_file, key, step, timestamp, synchronous)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Log a table as an artifact file, .json or .parquet. Append to a table that is there already.

    `data` is a DataFrame, or a dictionary of columns; one row if no value is a list. Cells may hold
    images. Raises InvalidParameter for columns of different lengths or another extension.

    >>> with runlog.start_run():
    ...     runlog.log_table({"word": ["good", "bad"], "score": [0.9, 0.2]}, "scores.json")
    """
    client, run = _client(run_id)
    client.log_table(run, data, artifact_file)


def log_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    *,
    matrix: Any = None,
    labels: Any = None,
    sample_weight: Any = None,
    key: str = "evaluation",
    step: int = 0,
    run_id: str | None = None,
) -> None:
    """Log a confusion matrix from true and predicted labels, or a finished `matrix` with a row for
    each true label.

    `labels` chooses the labels and their order; `sample_weight` is a number for each row. The
    pages draw it as `key`, with a slider over steps; another one of the same key and step replaces
    it. Raises InvalidParameter if lengths differ. docs/artifacts.md describes the file.

    >>> with runlog.start_run() as run:
    ...     runlog.log_confusion_matrix(["cat", "dog", "dog"], ["cat", "dog", "cat"], key="val")
    >>> file = f"runs:/{run.info.run_id}/curves/val.confusion_matrix.0.json"
    >>> runlog.artifacts.load_dict(file)["matrix"]
    [[1, 0], [1, 1]]
    """
    client, run = _client(run_id)
    client.log_confusion_matrix(
        run,
        y_true,
        y_pred,
        matrix=matrix,
        labels=labels,
        sample_weight=sample_weight,
        key=key,
        step=step,
    )


def log_roc_curve(
    y_true: Any = None,
    y_score: Any = None,
    *,
    fpr: Any = None,
    tpr: Any = None,
    thresholds: Any = None,
    labels: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
    key: str = "evaluation",
    step: int = 0,
    run_id: str | None = None,
) -> None:
    """Log ROC curves from true labels and scores, or from false and true positive rates.

    `y_score` has one column, the scores of the greater of two labels or of `pos_label`, or a column
    for each of `labels` (by default the labels in `y_true`, sorted): then each class is compared
    with the rest. Rates are lists, or dictionaries of lists by label. The area under each curve is
    computed from all points, of which at most 1,000 are stored. The pages draw it as `key`, with a
    slider over steps, and overlay runs. Raises InvalidParameter if lengths differ, or if a curve
    lacks rows with or without its label.

    >>> with runlog.start_run() as run:
    ...     runlog.log_roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], key="val", step=3)
    >>> file = f"runs:/{run.info.run_id}/curves/val.roc_curve.3.json"
    >>> runlog.artifacts.load_dict(file)["curves"][0]["auc"]
    0.75
    """
    client, run = _client(run_id)
    client.log_roc_curve(
        run,
        y_true,
        y_score,
        fpr=fpr,
        tpr=tpr,
        thresholds=thresholds,
        labels=labels,
        pos_label=pos_label,
        sample_weight=sample_weight,
        key=key,
        step=step,
    )


def log_pr_curve(
    y_true: Any = None,
    y_score: Any = None,
    *,
    precision: Any = None,
    recall: Any = None,
    thresholds: Any = None,
    labels: Any = None,
    pos_label: Any = None,
    sample_weight: Any = None,
    key: str = "evaluation",
    step: int = 0,
    run_id: str | None = None,
) -> None:
    """Log precision-recall curves from true labels and scores, or from precisions and recalls.

    The arguments are those of `runlog.log_roc_curve`. The average precision is stored with each
    curve.

    >>> with runlog.start_run() as run:
    ...     runlog.log_pr_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], key="val")
    >>> file = f"runs:/{run.info.run_id}/curves/val.pr_curve.0.json"
    >>> round(runlog.artifacts.load_dict(file)["curves"][0]["average_precision"], 3)
    0.833
    """
    client, run = _client(run_id)
    client.log_pr_curve(
        run,
        y_true,
        y_score,
        precision=precision,
        recall=recall,
        thresholds=thresholds,
        labels=labels,
        pos_label=pos_label,
        sample_weight=sample_weight,
        key=key,
        step=step,
    )


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """Return the rows of a table from all runs of the experiment in use, or of `run_ids`.

    The result is a pandas DataFrame. `extra_columns` are columns of `search_runs` to add to each
    row, such as run_id. Raises NotFound if no run has the table.

    >>> with runlog.start_run():
    ...     runlog.log_table({"word": ["good", "bad"], "score": [0.9, 0.2]}, "scores.json")
    >>> runlog.load_table("scores.json")["score"].tolist()
    [0.9, 0.2]
    """
    experiment_id = _current_experiment_id(tracking_uri.store())
    return RunlogClient().load_table(experiment_id, artifact_file, run_ids, extra_columns)


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Record that the active run read a data set of `runlog.data`, or a logged model, or both.

    `context` says what for, "training" for example; `tags` are tags of this use.

    >>> import numpy
    >>> data = runlog.data.from_numpy(numpy.arange(4), name="four numbers")
    >>> with runlog.start_run() as run:
    ...     runlog.log_input(data, context="training")
    >>> runlog.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset.name
    'four numbers'
    """
    given = ([], [], []) if dataset is None else ([dataset], [context], [tags])
    if dataset is not None or model is not None:
        log_inputs(*given, models=[] if model is None else [model])


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput | None] | None = None,
) -> None:
    """Record that the active run read several data sets and logged models. See `log_input`.

    `datasets`, `contexts` and `tags_list` are of the same length; InvalidParameter is raised if
    they are not.
    """
    datasets, contexts, tags_list = datasets or [], contexts or [], tags_list or []
    if not len(datasets) == len(contexts) == len(tags_list):
        raise InvalidParameter(
            f"log_inputs got {len(datasets)} datasets, {len(contexts)} contexts and "
            f"{len(tags_list)} tags_list: give as many of each"
        )
    store, run = _store_and_run(None)
    inputs = [
        _dataset_input(dataset, context, tags)
        for dataset, context, tags in zip(datasets, contexts, tags_list, strict=True)
    ]
    of_models = [each for each in models or () if each is not None]
    store.log_inputs(run, inputs, validate.models(of_models, "model_id"))


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Record which logged models the active run created, and at which step."""
    client, run = _client()
    client.log_outputs(run, models or ())


def _dataset_input(
    dataset: Any, context: str | None, tags: Mapping[str, str] | None
) -> DatasetInput:
    pairs = dict(tags or {})
    if context:
        pairs[DATASET_CONTEXT] = context
    entity = Dataset(**dataset.to_dict()) if hasattr(dataset, "to_dict") else dataset
    given = [InputTag(key, str(value)) for key, value in pairs.items()]
    return validate.dataset_input(DatasetInput(entity, given))


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return the URI of the active run's artifacts, or of the file or folder `artifact_path`
    there."""
    store, run = _store_and_run(None)
    root = store.get_run(run).info.artifact_uri
    return f"{root}/{artifact_path}" if artifact_path else root


# -- logged models --------------------------------------------------------------------------


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a logged model in state PENDING. Call `finalize_logged_model` once its files are
    there.

    It belongs to the active run and its experiment, unless `source_run_id` and `experiment_id` say
    otherwise. Without a name it gets a readable random one.

    >>> with runlog.start_run() as run:
    ...     model = runlog.initialize_logged_model("tree", params={"depth": 3})
    >>> runlog.finalize_logged_model(model.model_id, "READY").source_run_id == run.info.run_id
    True
    """
    from runlog import context

    run = active_run()
    if run is not None:
        source_run_id = source_run_id or run.info.run_id
        experiment_id = experiment_id or run.info.experiment_id
    model = RunlogClient().create_logged_model(
        experiment_id or _current_experiment_id(tracking_uri.store()),
        name,
        source_run_id,
        {**context.default_tags(), **(tags or {})},
        params,
        model_type,
    )
    active_runs.last_logged_model_id = model.model_id
    return model


def finalize_logged_model(model_id: str, status: str) -> LoggedModel:
    """Set the state of a logged model: READY if its files were logged, or else FAILED.

    Raises NotFound if there is no such model.
    """
    return RunlogClient().finalize_logged_model(model_id, status)


def get_logged_model(model_id: str) -> LoggedModel:
    """Return the logged model as it is now, with its metrics. Raises NotFound if there is none."""
    return RunlogClient().get_logged_model(model_id)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a logged model, as text. A later value replaces an earlier one."""
    RunlogClient().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Remove a tag of a logged model. Raises NotFound if it is not set."""
    RunlogClient().delete_logged_model_tag(model_id, key)


if TYPE_CHECKING:

    @overload
    def search_logged_models(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        output_format: Literal["pandas"] = "pandas",
    ) -> pandas.DataFrame: ...
    @overload
    def search_logged_models(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        *,
        output_format: Literal["list"],
    ) -> list[LoggedModel]: ...
    @overload
    def search_logged_models(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        output_format: str = "pandas",
    ) -> pandas.DataFrame | list[LoggedModel]: ...


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, Any]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Mapping[str, Any]] | None = None,
    output_format: str = "pandas",
) -> pandas.DataFrame | list[LoggedModel]:
    """Return the logged models that match, as a DataFrame or, with `output_format="list"`, a list.

    They are those of the experiment in use, unless `experiment_ids` says otherwise. The other
    arguments are those of `RunlogClient.search_logged_models`.

    >>> model = runlog.initialize_logged_model("tree", params={"depth": 3})
    >>> [each.name for each in runlog.search_logged_models(output_format="list")]
    ['tree']
    """
    if output_format not in ("pandas", "list"):
        raise InvalidParameter(
            f"Unsupported output format: {output_format!r}: use 'pandas' or 'list'"
        )
    client = RunlogClient()
    ids = experiment_ids or [_current_experiment_id(client.store)]
    found: list[LoggedModel] = []
    token = None
    while max_results is None or len(found) < max_results:
        size = None if max_results is None else max_results - len(found)
        page = client.search_logged_models(ids, filter_string, datasets, size, order_by, token)
        found += page
        token = page.token
        if token is None:
            break
    if output_format == "list":
        return found
    from runlog import dataframes

    return dataframes.models(found)


# -- model registry -------------------------------------------------------------------------


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = 300,
    *,
    tags: Mapping[str, Any] | None = None,
    env_pack: None = None,
) -> ModelVersion:
    """Create a version of a registered model from a model that was logged, and return it. If there
    is no registered model of that name, it is created.

    `model_uri` is `runs:/<run id>/<path or name>`, `models:/<model id>`,
    `models:/<name>/<version>`, a path or a URI. `tags` are tags of the version. No files are
    copied, so the version is READY at once and `await_registration_for` is not needed. `env_pack`
    must be None. Raises NotFound if the run has no such model.

    >>> with runlog.start_run() as run:
    ...     runlog.log_dict({"weights": [1, 2]}, "model/weights.json")
    >>> version = runlog.register_model(f"runs:/{run.info.run_id}/model", "digits")
    >>> version.name, version.version, version.run_id == run.info.run_id
    ('digits', '1', True)
    """
    from runlog.model_registration import register

    if env_pack is not None:
        raise InvalidParameter(
            f"env_pack {shown(env_pack)}: packed environments are for Databricks, leave it out"
        )
    return register(RunlogClient(), model_uri, name, tags)


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[RegisteredModel]:
    """Return the registered models that match, by name: all, or at most `max_results`. See
    `RunlogClient.search_registered_models`."""
    from runlog.store_parts.registered_models import MAX_MODELS_PAGE

    search = RunlogClient().registry.search_models
    return _pages(search, filter_string, max_results, order_by, MAX_MODELS_PAGE)


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[ModelVersion]:
    """Return the versions that match, last changed first: all, or at most `max_results`. See
    `RunlogClient.search_model_versions`.

    >>> version = runlog.register_model("s3://bucket/model", "numbers")
    >>> [each.version for each in runlog.search_model_versions(filter_string="name = 'numbers'")]
    ['1']
    """
    from runlog.store_parts.registered_models import VERSIONS_PAGE

    search = RunlogClient().registry.search_versions
    return _pages(search, filter_string, max_results, order_by, VERSIONS_PAGE)


def _pages(
    search: Callable[..., PagedList[T]],
    filter_string: str | None,
    max_results: int | None,
    order_by: Sequence[str] | None,
    most: int,
) -> list[T]:
    found: list[T] = []
    token = None
    max_results = validate.limit(max_results)
    while max_results is None or len(found) < max_results:
        size = most if max_results is None else min(most, max_results - len(found))
        page = search(filter_string, size, order_by, token)
        found += page
        token = page.token
        if token is None:
            break
    return found


def set_model_version_tag(
    name: str, version: int | str | None = None, key: str | None = None, value: Any = None
) -> None:
    """Set a tag of a version of a registered model, as text. Raises NotFound if there is none."""
    RunlogClient().set_model_version_tag(name, version, key, value)


# -- reading --------------------------------------------------------------------------------


if TYPE_CHECKING:  # typing is not loaded for it: see tests/test_imports.py

    @overload
    def search_runs(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 100_000,
        order_by: Sequence[str] | None = None,
        output_format: Literal["pandas"] = "pandas",
        search_all_experiments: bool = False,
        experiment_names: Sequence[str] | None = None,
    ) -> pandas.DataFrame: ...
    @overload
    def search_runs(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 100_000,
        order_by: Sequence[str] | None = None,
        *,
        output_format: Literal["list"],
        search_all_experiments: bool = False,
        experiment_names: Sequence[str] | None = None,
    ) -> list[Run]: ...
    @overload
    def search_runs(
        experiment_ids: Sequence[str] | None,
        filter_string: str,
        run_view_type: int,
        max_results: int,
        order_by: Sequence[str] | None,
        output_format: Literal["list"],
        search_all_experiments: bool = False,
        experiment_names: Sequence[str] | None = None,
    ) -> list[Run]: ...
    @overload
    def search_runs(
        experiment_ids: Sequence[str] | None = None,
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 100_000,
        order_by: Sequence[str] | None = None,
        output_format: str = "pandas",
        search_all_experiments: bool = False,
        experiment_names: Sequence[str] | None = None,
    ) -> pandas.DataFrame | list[Run]: ...


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 100_000,
    order_by: Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> pandas.DataFrame | list[Run]:
    """Return the runs that match a filter, as a DataFrame or, with `output_format="list"`, a list.

    Search the experiment in use, unless `experiment_ids`, `experiment_names` or
    `search_all_experiments` say otherwise; latest start first, unless `order_by` says otherwise.
    docs/query.md describes filters and orders. `run_view_type` is one of `ViewType`. The DataFrame
    has the columns run_id, experiment_id, status, artifact_uri, start_time, end_time (UTC), then
    metrics.*, params.* and tags.*. It needs pandas; a list does not. Raises InvalidParameter for a
    filter or order that is wrong.

    >>> for lr in (0.1, 0.01):
    ...     with runlog.start_run():
    ...         runlog.log_params({"lr": lr})
    ...         runlog.log_metric("loss", lr * 2)
    >>> found = runlog.search_runs(
    ...     filter_string="metrics.loss < 1", order_by=["metrics.loss"], output_format="list"
    ... )
    >>> [run.data.params["lr"] for run in found]
    ['0.01', '0.1']
    """
    if output_format not in ("pandas", "list"):
        raise ValueError(f"Unsupported output format: {output_format}: use 'pandas' or 'list'")
    store = tracking_uri.store()
    ids = _searched(store, experiment_ids, experiment_names, search_all_experiments)
    if output_format == "list":
        return list(store.all_runs(ids, filter_string, run_view_type, max_results, order_by))
    from runlog import dataframes

    columns = store.search_run_columns(ids, filter_string, run_view_type, max_results, order_by)
    return dataframes.runs(columns)


def _searched(
    store: Store,
    experiment_ids: Sequence[str] | None,
    experiment_names: Sequence[str] | None,
    everywhere: bool,
) -> list[str]:
    for name, given in (("experiment_ids", experiment_ids), ("experiment_names", experiment_names)):
        if isinstance(given, str):
            raise InvalidParameter(f"{name} must be a list: [{given!r}], not {given!r}")
    if experiment_ids and experiment_names:
        raise InvalidParameter("Only experiment_ids or experiment_names can be used, but not both")
    if everywhere and not (experiment_ids or experiment_names):
        return [each.experiment_id for each in search_experiments()]
    if experiment_names:
        named = [(name, store.find_experiment(name)) for name in experiment_names]
        return [experiment.experiment_id for name, experiment in named if experiment is not None]
    if experiment_ids:
        return list(experiment_ids)
    return [_current_experiment_id(store)]


if TYPE_CHECKING:

    @overload
    def metric_history(run_ids: str | Run, keys: str) -> MetricColumns: ...
    @overload
    def metric_history(
        run_ids: str | Run | Sequence[str | Run] | pandas.DataFrame,
        keys: str | Sequence[str] | None = None,
    ) -> pandas.DataFrame | MetricColumns: ...


def metric_history(
    run_ids: str | Run | Sequence[str | Run] | pandas.DataFrame,
    keys: str | Sequence[str] | None = None,
) -> Any:
    """Return all points of one metric of one run, or of many runs and metrics, as columns.

    Give the runs as ids, as runs, or as what `search_runs` returned. For one run and one key the
    result has numpy arrays `steps`, `timestamps` (Unix milliseconds) and `values`, and a method
    `to_pandas()`. For several of either it is a DataFrame with the columns run_id, key, step,
    timestamp (UTC) and value. `keys=None` means every metric. Raises NotFound if a run does not
    exist, or has no metric of that one key.

    >>> with runlog.start_run() as run:
    ...     for step in range(3):
    ...         runlog.log_metric("loss", 2.0**-step, step=step)
    >>> runlog.metric_history(run, "loss").values.tolist()
    [1.0, 0.5, 0.25]
    """
    from runlog import dataframes

    one = isinstance(run_ids, (str, Run))
    ids = ids_of(run_ids)
    if one and isinstance(keys, str):
        return dataframes.history(tracking_uri.store(), ids[0], keys)
    return dataframes.histories(
        tracking_uri.store(), ids, [keys] if isinstance(keys, str) else keys
    )


if TYPE_CHECKING:

    @overload
    def sql(
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        output_format: Literal["pandas"] | None = None,
    ) -> pandas.DataFrame: ...
    @overload
    def sql(
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        output_format: Literal["list"],
    ) -> list[dict[str, Any]]: ...


def sql(
    query: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    output_format: str | None = None,
) -> Any:
    """Run one SQL statement that reads, and return what it finds as a DataFrame.

    docs/schema.md describes the views: runs, params, metrics, metric_summary and others. `params`
    are the values for `:name` (a dict) or `?` (a list) in the query. It sees one snapshot of the
    store. Columns named `time` or `*_time` are times (UTC). Without pandas, or with
    `output_format="list"`, the result is a list of dicts, with times as text.

    Raises InvalidParameter if the statement is wrong or writes, BadRequest if the tracking URI is
    of a server without SQL, such as MLflow's, and PERMISSION_DENIED if you may not read all runs.

    >>> with runlog.start_run():
    ...     runlog.log_metric("loss", 0.5)
    >>> query = "select key, last from metric_summary where key = :key"
    >>> runlog.sql(query, {"key": "loss"}, output_format="list")
    [{'key': 'loss', 'last': 0.5}]
    """
    return query_rows(tracking_uri.store(), query, params, output_format)


def ids_of(runs: str | Run | Sequence[str | Run] | pandas.DataFrame) -> list[str]:
    """Return the ids of runs that are given as ids, as runs, or as what `search_runs` found."""
    given = getattr(runs, "run_id", runs)  # the column of a DataFrame
    wanted = [given] if isinstance(given, (str, Run)) else list(given)
    return [each.info.run_id if isinstance(each, Run) else each for each in wanted]


def flush() -> None:
    """Wait until what was logged so far survives a power cut.

    A log call survives a killed program as soon as it returns; a power cut may take the last
    moments. At a server's address, wait until the server has it, at most RUNLOG_FLUSH_TIMEOUT
    seconds (60); what is not sent by then stays in the outbox, and the log says so.
    """
    tracking_uri.store().flush()


def flush_async_logging() -> None:
    """Do nothing: once a log call returns, its data is stored. Scripts for MLflow may call it."""


def flush_artifact_async_logging() -> None:
    """Do nothing: once a log call returns, its files are stored. Scripts for MLflow may call it."""
