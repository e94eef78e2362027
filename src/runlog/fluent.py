"""The module-level functions: an experiment in use, the active run, and logging to it.

Which run is active for whom is said in `active_runs`.
"""

from __future__ import annotations

import os

from runlog import active_runs, places, run_exit, validate
from runlog.active_runs import Active, ActiveRun
from runlog.client import RunlogClient, RunOperations, answer
from runlog.clock import point_time
from runlog.entities import (
    NOTE,
    PARENT_RUN_ID,
    RUN_NAME,
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
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Literal, overload

    import pandas

    from runlog.frames import MetricColumns
    from runlog.system_metrics import Sampling

DATASET_CONTEXT = "mlflow.data.context"


_experiment: tuple[str, Experiment] | None = None  # what was set, and the URI of its store


# -- experiments ----------------------------------------------------------------------------


def create_experiment(
    name: str,
    artifact_location: str | Path | None = None,
    tags: Mapping[str, Any] | None = None,
    trace_location: None = None,
) -> str:
    """Makes an experiment and returns its id; AlreadyExists if the name is taken. There are no
    traces, so `trace_location` must be None."""
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
    """Starts runs in this experiment from now on; a name that does not exist is created. There are
    no traces, so `trace_location` must be None."""
    global _experiment
    _refuse_traces(trace_location)
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidParameter("Must specify exactly one of: `experiment_id` or `experiment_name`.")
    store = places.store()
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


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with that id, deleted or not."""
    return RunlogClient().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment with that name, deleted or not, or None."""
    return RunlogClient().get_experiment_by_name(name)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """All experiments that match, newest first unless ordered otherwise."""
    store = places.store()
    return list(store.all_experiments(view_type, max_results, filter_string, order_by))


def list_experiments(
    view_type: int = ViewType.ACTIVE_ONLY, max_results: int | None = None
) -> list[Experiment]:
    """`search_experiments` under its MLflow 1.x name."""
    return search_experiments(view_type, max_results)


def delete_experiment(experiment_id: str) -> None:
    """Moves an experiment and its runs to the trash."""
    RunlogClient().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Brings an experiment back from the trash, with the runs that went with it."""
    RunlogClient().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Sets a tag of the experiment in use."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Sets tags of the experiment in use."""
    store = places.store()
    store.set_experiment_tags(_current_experiment_id(store), validate.mapping("tags", tags))


def delete_experiment_tag(key: str) -> None:
    """Removes a tag of the experiment in use."""
    store = places.store()
    store.delete_experiment_tag(_current_experiment_id(store), key)


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
    """Starts a run, or goes on with the one called `run_id`, and makes it the active one.

    Use it in a `with` statement, or call `end_run`. While a run that this thread (or task of
    asyncio) started is active, another one needs `nested=True` and becomes its child;
    `parent_run_id` names a parent otherwise. Threads, tasks and forked processes that only inherit
    an active run start runs of their own, with `nested=True` as its children. `run_name` comes
    before a name among the `tags`. `description` becomes the run's note (markdown).
    `log_system_metrics` logs what the machine does meanwhile, every ten seconds and at the end, as
    metrics `system/...`; None leaves that to `enable_system_metrics_logging`. It needs psutil.
    Raises RunlogError while another run is active, or when the program is ending.
    """
    own = active_runs.own()
    if own is not None and not nested:
        raise RunlogError(
            f"Run with UUID {own.run.info.run_id} is already active. To start a new "
            "run, first end the current run with runlog.end_run(). To start a nested run, call "
            "start_run with nested=True"
        )
    sampling = _sampling(log_system_metrics)
    store = places.store()
    run_exit.install(active_runs.end_all)
    given_tags = _named(_described(tags, description), run_name)
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
    """The run that the environment names. It is gone on with once; the next one is a new one."""
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


def _named(tags: dict[str, Any], run_name: str | None) -> dict[str, Any]:
    """`tags`, in which the name that was given comes before one among them."""
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
    """End the active run, which this thread has started; without one it does nothing."""
    active_runs.end(status)


def active_run() -> ActiveRun | None:
    """Return the run that log calls go to here, or None."""
    active = active_runs.innermost()
    return None if active is None else active.run


def last_active_run() -> Run | None:
    """Return the active run, or the one that this thread ended last as it is now, or None."""
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


def _target(run_id: str | None, synchronous: bool | None = None) -> tuple[Store, str]:
    if run_id is not None:
        store = places.store()
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
    """The run as it is now: info, last metric values, params, tags, inputs."""
    return RunlogClient().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that `run_id` is nested in, or None."""
    return RunlogClient().get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Moves a run to the trash."""
    RunlogClient().delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Brings a run back from the trash."""
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
    """Keeps one point of a metric of the active run, which is started if there is none.

    At a server's address the point is stored on this machine first and sent from there; with
    `synchronous=True` the call returns when the server has it.

    `value` is a number: Python, numpy, torch, jax, Decimal; NaN and infinities are kept. `step` is
    an integer (0), `timestamp` Unix milliseconds (now, or right after the point before if that is
    of the same step and millisecond: without a step, every call is a point, in the order of calls).

    With `model_id` the point is kept with that logged model, too, as measured on `dataset` (of
    `runlog.data`) if one is given. The run gets both as inputs, but for a model that it made.
    """
    store, run = _target(run_id, synchronous)
    at = 0 if step is None else step
    time = point_time(run, (key,), at) if timestamp is None else timestamp
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
    """Keeps points that were measured of a model or on a data set, and that the run read these."""
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
    """Keeps one point of each of several metrics, all or none; see `log_metric`."""
    store, run = _target(run_id, synchronous)
    at = 0 if step is None else step
    given = validate.mapping("metrics", metrics)
    time = point_time(run, given, at) if timestamp is None else timestamp
    if model_id is dataset is None:
        store.log(run, [(key, value, time, at) for key, value in given.items()])
    else:
        _log_measured(store, run, given, time, at, model_id, dataset)
    return answer(synchronous)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Keeps a param of the active run as text and returns `value`. A param is logged once: the
    same value again is fine, another one raises."""
    store, run = _target(None, synchronous)
    store.log(run, params=((key, value),))
    return answer(synchronous) or value


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Keeps several params, all or none; see `log_param`."""
    store, run = _target(run_id, synchronous)
    store.log(run, params=validate.mapping("params", params).items())
    return answer(synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Sets a tag of the active run; the last value wins."""
    return set_tags({key: value}, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Sets several tags of the active run, all or none."""
    store, run = _target(None, synchronous)
    store.log(run, tags=validate.mapping("tags", tags).items())
    return answer(synchronous)


def delete_tag(key: str) -> None:
    """Removes a tag of the active run."""
    store, run = _target(None)
    store.delete_tag(run, key)


def log_artifact(
    local_path: str | Path,
    artifact_path: str | None = None,
    run_id: str | None = None,
    callback: Any = None,
) -> None:
    """Copies a local file or folder to the run's artifacts, into the folder `artifact_path`.
    `callback`, an fsspec Callback, is told how many bytes there are and how many have gone."""
    client, run = _client(run_id)
    client.log_artifact(run, local_path, artifact_path, callback)


def log_artifacts(
    local_dir: str | Path,
    artifact_path: str | None = None,
    run_id: str | None = None,
    callback: Any = None,
) -> None:
    """Copies what is in a local folder to the run's artifacts."""
    client, run = _client(run_id)
    client.log_artifacts(run, local_dir, artifact_path, callback)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keeps a text as an artifact file."""
    client, run = _client(run_id)
    client.log_text(run, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keeps a dict (or list) as JSON, or as YAML for a name that ends in .yml or .yaml."""
    client, run = _client(run_id)
    client.log_dict(run, dictionary, artifact_file)


def log_stream(stream: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keeps what can be read from a binary stream as an artifact file."""
    client, run = _client(run_id)
    client.log_stream(run, stream, artifact_file)


def log_figure(
    figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None
) -> None:
    """Keeps a matplotlib figure as a picture, or a plotly one as .html or a picture."""
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
    """Keeps a picture (numpy array, PIL image) under the name `artifact_file`, or as the picture
    of `key` at `step` and `timestamp` (ms)."""
    client, run = _client()
    client.log_image(run, image, artifact_file, key, step, timestamp, synchronous)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keeps a dict of columns or a DataFrame as a table; one that is there grows by it."""
    client, run = _client(run_id)
    client.log_table(run, data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> pandas.DataFrame:
    """The rows of a table from all runs of the experiment in use, or from `run_ids`."""
    experiment_id = _current_experiment_id(places.store())
    return RunlogClient().load_table(experiment_id, artifact_file, run_ids, extra_columns)


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Keeps that the active run read `dataset` (of `runlog.data`), for example as
    `context="training"`, or a logged model, or both."""
    given = ([], [], []) if dataset is None else ([dataset], [context], [tags])
    if dataset is not None or model is not None:
        log_inputs(*given, models=[] if model is None else [model])


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput | None] | None = None,
) -> None:
    """Keeps that the active run read several data sets with their contexts and tags, lists of the
    same length, and logged models."""
    datasets, contexts, tags_list = datasets or [], contexts or [], tags_list or []
    if not len(datasets) == len(contexts) == len(tags_list):
        raise InvalidParameter(
            f"log_inputs got {len(datasets)} datasets, {len(contexts)} contexts and "
            f"{len(tags_list)} tags_list: give as many of each"
        )
    store, run = _target(None)
    inputs = [
        _dataset_input(dataset, context, tags)
        for dataset, context, tags in zip(datasets, contexts, tags_list, strict=True)
    ]
    of_models = [each for each in models or () if each is not None]
    store.log_inputs(run, inputs, validate.models(of_models, "model_id"))


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Keeps which logged models the active run made, at which step."""
    client, run = _client()
    client.log_outputs(run, models or ())


def _dataset_input(
    dataset: Any, context: str | None, tags: Mapping[str, str] | None
) -> DatasetInput:
    pairs = dict(tags or {})
    if context:
        pairs[DATASET_CONTEXT] = context
    entity = dataset._to_entity() if hasattr(dataset, "_to_entity") else dataset
    given = [InputTag(key, str(value)) for key, value in pairs.items()]
    return validate.dataset_input(DatasetInput(entity, given))


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The URI of the active run's artifacts, or of a path in them."""
    store, run = _target(None)
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
    """Makes a model in state PENDING, as made by the active run in its experiment if there is one;
    `finalize_logged_model` says when its files are there."""
    from runlog import context

    run = active_run()
    if run is not None:
        source_run_id = source_run_id or run.info.run_id
        experiment_id = experiment_id or run.info.experiment_id
    return RunlogClient().create_logged_model(
        experiment_id or _current_experiment_id(places.store()),
        name,
        source_run_id,
        {**context.default_tags(), **(tags or {})},
        params,
        model_type,
    )


def finalize_logged_model(model_id: str, status: str) -> LoggedModel:
    """Says how logging the model's files went: READY or FAILED."""
    return RunlogClient().finalize_logged_model(model_id, status)


def get_logged_model(model_id: str) -> LoggedModel:
    """The model as it is now, with what was measured of it. Raises NotFound."""
    return RunlogClient().get_logged_model(model_id)


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Sets tags of a model; the last value of a key wins."""
    RunlogClient().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Removes a tag of a model."""
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
    """The models that match, of the experiment in use unless `experiment_ids` says otherwise, as a
    DataFrame or, with `output_format="list"`, as a list. `datasets` and `order_by` are as in
    `RunlogClient.search_logged_models`."""
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
    from runlog import frames

    return frames.models(found)


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
    """The runs that match, as a DataFrame or, with `output_format="list"`, as a list of runs.

    Looks in the experiment in use unless `experiment_ids`, `experiment_names` or
    `search_all_experiments` say otherwise. The DataFrame has columns run_id, experiment_id, status,
    artifact_uri, start_time and end_time (UTC), then metrics.*, params.* and tags.*.
    """
    if output_format not in ("pandas", "list"):
        raise ValueError(f"Unsupported output format: {output_format}: use 'pandas' or 'list'")
    store = places.store()
    ids = _searched(store, experiment_ids, experiment_names, search_all_experiments)
    if output_format == "list":
        return list(store.all_runs(ids, filter_string, run_view_type, max_results, order_by))
    from runlog import frames

    columns = store.search_run_columns(ids, filter_string, run_view_type, max_results, order_by)
    return frames.runs(columns)


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
    """The full history of one metric of one run, or of many runs and metrics, as columns. The runs
    are given as ids, as runs, or as what `search_runs` found, list or DataFrame.

    For one run and one key a `frames.MetricColumns` with numpy arrays `steps` (int64), `timestamps`
    (int64, ms), `values` (float64) and `to_pandas()`. For several of either a DataFrame with
    columns run_id, key, step, timestamp, value. `keys=None` means every metric.
    """
    from runlog import frames

    one = isinstance(run_ids, (str, Run))
    ids = ids_of(run_ids)
    if one and isinstance(keys, str):
        return frames.history(places.store(), ids[0], keys)
    return frames.histories(places.store(), ids, [keys] if isinstance(keys, str) else keys)


def ids_of(runs: str | Run | Sequence[str | Run] | pandas.DataFrame) -> list[str]:
    """The ids of runs that are given as ids, as runs, or as what `search_runs` found."""
    given = getattr(runs, "run_id", runs)  # the column of a DataFrame
    wanted = [given] if isinstance(given, (str, Run)) else list(given)
    return [each.info.run_id if isinstance(each, Run) else each for each in wanted]


def flush() -> None:
    """Returns when what was logged so far survives a power cut too. (Without it the last moments
    before one may be lost, never more and never what was there before; a killed process loses
    nothing.)"""
    places.store().flush()


def flush_async_logging() -> None:
    """Does nothing: what a log call has returned from is kept already."""
