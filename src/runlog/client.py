"""RunlogClient: MLflow's client methods over a store and its artifacts."""

from __future__ import annotations

import os

from runlog import tracking_uri as uris
from runlog import validate
from runlog.clock import now, point_time
from runlog.entities import (
    PARENT_RUN_ID,
    DatasetInput,
    Experiment,
    FileInfo,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    MetricSummary,
    PagedList,
    Param,
    Run,
    RunInfo,
    RunTag,
    ViewType,
)
from runlog.errors import InvalidParameter, NotFound, shown
from runlog.registry_client import RegistryClient
from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedIOBase, RawIOBase
    from pathlib import Path
    from typing import Any

    import pandas

    from runlog.storage.repository import ArtifactRepo
    from runlog.store import Store

LOGGED_ARTIFACTS = "mlflow.loggedArtifacts"
LOGGED_IMAGES = "mlflow.loggedImages"


class RunOperations:
    """The result of a log call with `synchronous=False`. The data is stored when the call
    returns, at a server's address in the outbox on this machine, so there is nothing to wait
    for."""

    def wait(self, timeout: float | None = None) -> None:
        """Return at once."""


def answer(synchronous: bool | None) -> RunOperations | None:
    return RunOperations() if synchronous is False else None


class RunlogClient(RegistryClient):
    """Read and write experiments, runs and artifacts at a tracking URI, by run id.

    Methods, arguments and results are those of MlflowClient. `tracking_uri` is by default the one
    of `runlog.get_tracking_uri`, `registry_uri` the one that `runlog.set_registry_uri` or
    RUNLOG_REGISTRY_URI names, or else the tracking URI.

    >>> client = runlog.RunlogClient()
    >>> run = client.create_run("0", run_name="first")
    >>> client.log_metric(run.info.run_id, "loss", 0.5)
    >>> client.set_terminated(run.info.run_id)
    >>> client.get_run(run.info.run_id).info.status
    'FINISHED'
    """

    def __init__(
        self, tracking_uri: str | Path | None = None, registry_uri: str | None = None
    ) -> None:
        self._uri = None if tracking_uri is None else uris.absolute(tracking_uri)
        self._registry_uri = None if registry_uri is None else uris.absolute(registry_uri)
        self._repos: dict[str, ArtifactRepo] = {}

    @property
    def tracking_uri(self) -> str:
        """Return the URI that this client reads from and writes to."""
        return self._uri or uris.get_tracking_uri()

    @property
    def store(self) -> Store:
        """Return the store behind this client."""
        return uris.store(self._uri)

    def __repr__(self) -> str:
        return f"RunlogClient({self.tracking_uri!r})"

    if not TYPE_CHECKING:  # which would take every name for a method

        def __getattr__(self, name: str) -> Any:
            """Methods of MLflow's client that runlog does not have: to call one raises."""
            from runlog.mlflow_names import absent

            found = None if name.startswith("_") else absent.method(name)
            if found is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return found

    # -- experiments ------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | Path | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id. See `runlog.create_experiment`.

        A local `artifact_location` is remembered as one that stores may open on this machine, like
        those of `runlog artifacts allow`.
        """
        location = None if artifact_location is None else os.fspath(artifact_location)
        number = self.store.create_experiment(name, location, tags)
        named = location or setting("ARTIFACT_ROOT")
        if named:
            from runlog.storage import allowed

            allowed.remember(named)
        return number

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return the experiment with that id, deleted or not. Raises NotFound if there is none."""
        return self.store.get_experiment(experiment_id)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment with that name, deleted or not, or None if there is none."""
        return self.store.find_experiment(name)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of the experiments that match: at most `max_results`.

        Pass `.token` of the result as `page_token` for the next page; it is None on the last one.
        See `runlog.search_experiments`.
        """
        limit = 1000 if max_results is None else max_results
        return self.store.search_experiments(view_type, limit, filter_string, order_by, page_token)

    def list_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Return a page of all experiments: `search_experiments` under its MLflow 1.x name."""
        return self.search_experiments(view_type, max_results, page_token=page_token)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment a new name.

        Raises NotFound if there is no such experiment, and BadRequest if the name is taken.
        """
        self.store.rename_experiment(experiment_id, new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Move an experiment and its runs to the trash. See `runlog.delete_experiment`."""
        self.store.delete_experiment(experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring an experiment back from the trash. See `runlog.restore_experiment`."""
        self.store.restore_experiment(experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set a tag of an experiment, as text. A later value replaces an earlier one."""
        self.store.set_experiment_tags(experiment_id, {key: value})

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an experiment. Raises NotFound if it is not set."""
        self.store.delete_experiment_tag(experiment_id, key)

    def define_metric(
        self,
        experiment_id: str,
        name: str,
        goal: str | None = None,
        step_metric: str | None = None,
    ) -> None:
        """Say which values of a metric are better, and what to draw it over. See
        `runlog.define_metric`."""
        from runlog import metric_definitions

        self.set_experiment_tag(experiment_id, *metric_definitions.tag(name, goal, step_metric))

    def get_metric_definitions(self, experiment_id: str) -> dict[str, dict[str, str]]:
        """Return what `define_metric` said of the metrics of an experiment, by their names:
        `{"val/loss": {"goal": "min", "step_metric": "epoch"}}`."""
        from runlog import metric_definitions

        return metric_definitions.definitions(self.get_experiment(experiment_id).tags)

    # -- runs -------------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a run in state RUNNING and return it. It is not the active run: log to it by its
        id.

        `start_time` is in Unix milliseconds, by default now. Without a name the run gets a readable
        random one. Raises NotFound if there is no such experiment.
        """
        user = (tags or {}).get("mlflow.user", "unknown")
        return self.store.create_run(experiment_id, str(user), start_time, tags, run_name)

    def get_run(self, run_id: str) -> Run:
        """Return the run with that id as it is now. See `runlog.get_run`."""
        return self.store.get_run(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """Return the run that this run is nested in, or None. See `runlog.get_parent_run`."""
        parent = self.get_run(run_id).data.tags.get(PARENT_RUN_ID)
        return None if parent is None else self.get_run(parent)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change the status of a run (a name of `RunStatus`), or its name, or both."""
        self.store.update_run(run_id, status, run_name=name)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run: with status FINISHED unless `status` says otherwise, at `end_time` (Unix
        milliseconds, by default now)."""
        self.store.update_run(run_id, status or "FINISHED", now() if end_time is None else end_time)

    def delete_run(self, run_id: str) -> None:
        """Move a run to the trash. See `runlog.delete_run`."""
        self.store.delete_run(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a run back from the trash. See `runlog.restore_run`."""
        self.store.restore_run(run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """Return a page of the runs that match: at most `max_results`.

        Pass `.token` of the result as `page_token` for the next page; it is None on the last one.
        Runs that are added meanwhile do not shift the pages. See `runlog.search_runs`.

        >>> client = runlog.RunlogClient()
        >>> for _ in range(3):
        ...     run = client.create_run("0")
        >>> page = client.search_runs(["0"], max_results=2)
        >>> len(page), len(client.search_runs(["0"], page_token=page.token))
        (2, 1)
        """
        return self.store.search_runs(
            experiment_ids,
            filter_string,
            run_view_type,
            1000 if max_results is None else max_results,
            order_by,
            page_token,
        )

    def list_run_infos(
        self,
        experiment_id: str,
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RunInfo]:
        """Return a page of the infos of an experiment's runs, as MLflow 1.x does."""
        runs = self.search_runs(
            [experiment_id], "", run_view_type, max_results, order_by, page_token
        )
        return PagedList((run.info for run in runs), runs.token)

    # -- logging ----------------------------------------------------------------------------

    def _store_for(self, synchronous: bool | None) -> Store:
        return self.store.synchronous() if synchronous else self.store

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Log one point of a metric to a run: `value` at `step` (0) and `timestamp` (Unix
        milliseconds, by default now). See `runlog.log_metric`.

        With `model_id` the point is stored with that logged model, too, as measured on the data set
        with that name and digest.
        """
        at = 0 if step is None else step
        time = point_time(run_id, (key,), at) if timestamp is None else timestamp
        if model_id is dataset_name is dataset_digest is None:
            self._store_for(synchronous).log_metric(run_id, key, value, time, at)
        else:
            metric = Metric(key, value, time, at, model_id, dataset_name, dataset_digest)
            self._store_for(synchronous).log_batch(run_id, [metric])
        return answer(synchronous)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Log a param of a run, as text, and return `value`. See `runlog.log_param`."""
        self._store_for(synchronous).log(run_id, params=((key, value),))
        return answer(synchronous) or value

    def set_tag(
        self, run_id: str, key: str, value: Any, synchronous: bool | None = None
    ) -> RunOperations | None:
        """Set a tag of a run, as text. A later value replaces an earlier one."""
        self._store_for(synchronous).log(run_id, tags=((key, value),))
        return answer(synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag of a run. Raises NotFound if it is not set."""
        self.store.delete_tag(run_id, key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Log metrics, params and tags, any number of them: all or, if one is invalid, none.

        A metric with a `model_id` is stored with that logged model, too.

        >>> from runlog.entities import Metric, Param
        >>> client = runlog.RunlogClient()
        >>> run_id = client.create_run("0").info.run_id
        >>> points = [Metric("loss", 1 / step, 1700000000000, step) for step in (1, 2, 4)]
        >>> client.log_batch(run_id, points, [Param("lr", "0.1")])
        >>> client.get_run(run_id).data.metrics
        {'loss': 0.25}
        """
        self._store_for(synchronous).log_batch(run_id, metrics, params, tags)
        return answer(synchronous)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[LoggedModelInput] | None = None,
    ) -> None:
        """Record which data sets and logged models a run read. See `runlog.log_inputs`."""
        given = [validate.dataset_input(each) for each in datasets or ()]
        self.store.log_inputs(run_id, given, validate.models(models or (), "model_id"))

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record which logged models a run created, and at which step."""
        self.store.models.log_outputs(run_id, validate.models(models, "model_id", "step"))

    # -- metrics ----------------------------------------------------------------------------

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Return all points of a metric, by timestamp, step and value. The list is empty if
        there is no such run or metric."""
        return self.store.get_metric_history(run_id, key)

    def get_metric_summary(self, run_id: str) -> dict[str, MetricSummary]:
        """Return, for each metric of the run, the number of points and the last, first, smallest
        and greatest value with their steps. Raises NotFound if there is no such run.

        >>> with runlog.start_run() as run:
        ...     for step, loss in enumerate([0.9, 0.4, 0.6]):
        ...         runlog.log_metric("loss", loss, step=step)
        >>> loss = runlog.RunlogClient().get_metric_summary(run.info.run_id)["loss"]
        >>> loss.min, loss.min_step, loss.last
        (0.4, 1, 0.6)
        """
        return self.store.get_metric_summary(run_id)

    # -- logged models ----------------------------------------------------------------------

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Create a logged model in state PENDING. See `runlog.initialize_logged_model`."""
        return self.store.models.create(
            experiment_id, name, model_type or "", source_run_id or "", params, tags
        )

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """Return the logged model as it is now, with its metrics. Raises NotFound if there is
        none."""
        return self.store.models.get(model_id)

    def finalize_logged_model(self, model_id: str, status: str) -> LoggedModel:
        """Set the state of a logged model: READY if its files were logged, or else FAILED."""
        return self.store.models.finalize(model_id, status)

    def delete_logged_model(self, model_id: str) -> None:
        """Move a logged model to the trash. Raises NotFound if there is none."""
        self.store.models.delete(model_id)

    def set_logged_model_tags(self, model_id: str, tags: Mapping[str, Any]) -> None:
        """Set tags of a logged model, as text. A later value replaces an earlier one."""
        self.store.models.set_tags(model_id, validate.mapping("tags", tags))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a logged model. Raises NotFound if it is not set."""
        self.store.models.delete_tag(model_id, key)

    def log_model_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        """Log params of a logged model, as text. Raises InvalidParameter if a param has another
        value."""
        self.store.models.log_params(model_id, validate.mapping("params", params))

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Return a page of the logged models that match, newest first: at most `max_results` (100).

        Pass `.token` of the result as `page_token` for the next page; it is None on the last one.

        - `datasets`: a list of `{"dataset_name": ..., "dataset_digest": ...}`, where the digest may
          be left out. Metrics in the filter are those measured on one of them.
        - `order_by`: a list of `{"field_name": ..., "ascending": True}`. A metric may name the
          `dataset_name` and `dataset_digest` that it was measured on.

        Raises InvalidParameter for a filter or order that is wrong.
        """
        from runlog.store_parts.logged_models import ModelOrder

        measured_on = []
        for each in datasets or ():
            given = validate.fields("datasets", each, "dataset_name", "dataset_digest")
            measured_on.append((given["dataset_name"], given.get("dataset_digest")))
        order = []
        for each in order_by or ():
            given = validate.fields("order_by", each, *ModelOrder._fields)
            order.append(ModelOrder(**given))
        limit = 100 if max_results is None else max_results
        return self.store.models.search(
            experiment_ids, filter_string, measured_on, limit, order, page_token
        )

    def log_model_artifact(
        self, model_id: str, local_path: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy a local file to the files of a logged model, into the folder `artifact_path` of
        them."""
        self._model_repo(model_id).log_artifact(local_path, artifact_path)

    def log_model_artifacts(
        self, model_id: str, local_dir: str | Path, artifact_path: str | None = None
    ) -> None:
        """Copy what is in a local folder to the files of a logged model."""
        self._model_repo(model_id).log_artifacts(local_dir, artifact_path)

    def list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> list[FileInfo]:
        """Return what is directly in the files of a logged model, or in the folder `path` of
        them."""
        return self._model_repo(model_id).list(path)

    def _model_repo(self, model_id: str) -> ArtifactRepo:
        from runlog.storage.opening import opened

        return opened(self.store, self.get_logged_model(model_id).artifact_location)

    # -- artifacts --------------------------------------------------------------------------

    def _repo(self, run_id: str) -> ArtifactRepo:
        repo = self._repos.get(run_id)
        if repo is None:
            from runlog.storage.opening import opened
            from runlog.store_parts.file_digests import FileDigests

            uri = self.get_run(run_id).info.artifact_uri
            repo = opened(self.store, uri, FileDigests(self.store, run_id))
            self._repos[run_id] = repo
        return repo

    def log_artifact(
        self,
        run_id: str,
        local_path: str | Path,
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy a local file or folder to a run's artifacts. See `runlog.log_artifact`."""
        self._repo(run_id).log_artifact(local_path, artifact_path, callback)

    def log_artifacts(
        self,
        run_id: str,
        local_dir: str | Path,
        artifact_path: str | None = None,
        callback: Any = None,
    ) -> None:
        """Copy what is in a local folder to a run's artifacts. See `runlog.log_artifacts`."""
        self._repo(run_id).log_artifacts(local_dir, artifact_path, callback)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Log a text as an artifact file. See `runlog.log_text`.

        Raises InvalidParameter if `text` is not a text.
        """
        if not isinstance(text, str):
            raise InvalidParameter(f"the text for {artifact_file!r} is {shown(text)}: not a text")
        self._repo(run_id).write(artifact_file, text.encode("utf-8"))

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Log a dictionary or list as a JSON or YAML file. See `runlog.log_dict`."""
        from runlog import media

        self._repo(run_id).write(artifact_file, media.dictionary(dictionary, artifact_file))

    def log_stream(
        self, run_id: str, stream: BufferedIOBase | RawIOBase, artifact_file: str
    ) -> None:
        """Log what a binary stream yields as an artifact file. See `runlog.log_stream`."""

        def chunks() -> Iterator[bytes]:
            while chunk := stream.read(1 << 20):
                yield chunk

        self._repo(run_id).write(artifact_file, chunks())

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str,
        *,
        save_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Log a matplotlib or plotly figure as an artifact file. See `runlog.log_figure`."""
        from runlog import media

        content = media.figure(figure, artifact_file, save_kwargs)
        self._repo(run_id).write(artifact_file, content)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Log an image as an artifact file, or as the image of `key` at a step. See
        `runlog.log_image`."""
        from runlog import media

        if artifact_file is not None and (key, step, timestamp) != (None, None, None):
            raise TypeError("log_image takes artifact_file, or key with step and timestamp")
        if artifact_file is None and key is None:
            raise TypeError("log_image needs artifact_file or key")
        repo, picture = self._repo(run_id), media.pil_image(image)
        if artifact_file is not None:
            repo.write(artifact_file, media.image(picture, artifact_file))
        elif key is not None:
            time = now() if timestamp is None else validate.timestamp(timestamp)
            full, small = media.image_paths(key, validate.integer("step", step or 0), time)
            repo.write(full, media.image(picture, full))
            repo.write(small, media.thumbnail(picture))
            self.set_tag(run_id, LOGGED_IMAGES, True)
        return answer(synchronous)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Log a table as an artifact file, or append to one. See `runlog.log_table`."""
        import json

        from runlog import media

        repo = self._repo(run_id)
        content, images = media.table(data, artifact_file, _read_file(repo, artifact_file))
        for name, picture in images.items():
            repo.write(name, picture)
        repo.write(artifact_file, content)
        entry = {"path": artifact_file, "type": "table"}
        logged = self.get_run(run_id).data.tags.get(LOGGED_ARTIFACTS)
        entries = json.loads(logged) if logged else []
        if entry not in entries:
            self.set_tag(run_id, LOGGED_ARTIFACTS, json.dumps([*entries, entry]))

    def log_confusion_matrix(
        self,
        run_id: str,
        y_true: Any = None,
        y_pred: Any = None,
        *,
        matrix: Any = None,
        labels: Any = None,
        sample_weight: Any = None,
        key: str = "evaluation",
        step: int = 0,
    ) -> None:
        """Log a confusion matrix. See `runlog.log_confusion_matrix`."""
        from runlog import curves

        found = curves.confusion_matrix(
            y_true, y_pred, matrix=matrix, labels=labels, sample_weight=sample_weight
        )
        self._log_curve(run_id, found, key, step)

    def log_roc_curve(
        self, run_id: str, y_true: Any = None, y_score: Any = None, **options: Any
    ) -> None:
        """Log ROC curves. `options` are the other arguments of `runlog.log_roc_curve`."""
        from runlog import curves

        key, step = options.pop("key", "evaluation"), options.pop("step", 0)
        self._log_curve(run_id, curves.roc_curve(y_true, y_score, **options), key, step)

    def log_pr_curve(
        self, run_id: str, y_true: Any = None, y_score: Any = None, **options: Any
    ) -> None:
        """Log precision-recall curves. `options` are the other arguments of
        `runlog.log_pr_curve`."""
        from runlog import curves

        key, step = options.pop("key", "evaluation"), options.pop("step", 0)
        self._log_curve(run_id, curves.pr_curve(y_true, y_score, **options), key, step)

    def _log_curve(self, run_id: str, curve: dict[str, Any], key: str, step: int) -> None:
        from runlog import curves

        step = validate.integer("step", step)
        path = curves.path_of(curve["type"], key, step)
        self._repo(run_id).write(path, curves.encoded(curve, key, step))
        self.set_tag(run_id, curves.TAG, True)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pandas.DataFrame:
        """Return the rows of a table from all runs of an experiment, or of `run_ids`, as a
        DataFrame. See `runlog.load_table`."""
        from runlog import dataframes, media

        columns = self.store.search_run_columns([experiment_id])
        frame = dataframes.runs(columns)
        found = []
        for row, info in enumerate(columns.runs):
            if run_ids and info.run_id not in run_ids:
                continue
            content = _read_file(self._repo(info.run_id), artifact_file)
            if content is None:
                continue
            table = media.load_table(content, artifact_file)
            for column in extra_columns or ():
                if column not in frame:
                    raise InvalidParameter(
                        f"no column {column!r} to add: there are {', '.join(frame)}"
                    )
                table[column + "_" if column in table else column] = frame[column].iloc[row]
            found.append(table)
        if not found:
            raise NotFound(
                f"No runs found with the corresponding table artifact {artifact_file!r} in "
                f"experiment {experiment_id}"
            )
        return dataframes.below_each_other(found)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """Return the files and folders that are directly in the folder `path` of a run's artifacts.

        `path` is relative to the artifacts, as are the paths of the result. The list is empty for a
        file.
        """
        return self._repo(run_id).list(path)

    def download_artifacts(
        self,
        run_id: str,
        path: str = "",
        dst_path: str | Path | None = None,
        callback: Any = None,
    ) -> str:
        """Copy an artifact file or folder to this machine and return its local path.

        It is copied into the existing folder `dst_path`, or into a new temporary one. `callback` is
        that of `log_artifact`. Raises NotFound if there is no such artifact.
        """
        return self._repo(run_id).download(path, dst_path, callback)

    # -- all --------------------------------------------------------------------------------

    def sql(self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> Any:
        """Run one SQL statement that reads, and return a DataFrame, or a list of dicts if pandas
        is not installed. See `runlog.sql`."""
        return query_rows(self.store, query, params)

    def flush(self) -> None:
        """Wait until what was logged so far survives a power cut. See `runlog.flush`."""
        self.store.flush()


def query_rows(
    store: Store,
    query: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    output_format: str | None = None,
) -> Any:
    """Return what a SQL query finds in a store, in the form that `runlog.sql` describes."""
    if output_format not in (None, "pandas", "list"):
        raise InvalidParameter(f"output_format is {output_format!r}: use 'pandas' or 'list'")
    found = store.sql(query, params)
    if output_format == "list" or (output_format is None and not _has_pandas()):
        return found.dictionaries()
    from runlog import dataframes

    return dataframes.query(found)


def _has_pandas() -> bool:
    try:
        import pandas  # noqa: F401  here, since to find it takes as long as its first use
    except ImportError:
        return False
    return True


def _read_file(repo: ArtifactRepo, artifact_file: str) -> bytes | None:
    """Return what is in an artifact file, None if it is not there."""
    try:
        with repo.open(artifact_file) as file:
            return file.read()
    except NotFound:
        return None
