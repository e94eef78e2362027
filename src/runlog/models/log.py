"""Logging a model: to a run's artifacts, or as a logged model; and registering it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from runlog import active_runs, fluent, model_registration
from runlog.client import RunlogClient
from runlog.entities import LoggedModelOutput, LoggedModelStatus, Metric, Param
from runlog.models import from_code

HISTORY = "mlflow.log-model.history"


class Wanted(NamedTuple):
    """What a logged model is to be: see `Model.log`."""

    name: str | None
    model_type: str | None
    params: Mapping[str, Any] | None
    tags: Mapping[str, Any] | None
    step: int
    model_id: str | None


@contextmanager
def _saved(model: Any, flavor: Any, given: dict[str, Any]) -> Iterator[str]:
    """Return a temporary folder that the flavour has saved the model to."""
    with TemporaryDirectory(prefix="runlog-") as folder:
        path = os.path.join(folder, "model")
        flavor.save_model(path=path, mlflow_model=model, **given)
        yield path


def _client() -> RunlogClient:
    active = active_runs.innermost()
    return RunlogClient() if active is None else RunlogClient(active.store.uri)


def to_run(model: Any, artifact_path: str, flavor: Any, given: dict[str, Any]) -> Any:
    """Log the model's files to a folder of the run's artifacts. The tag `mlflow.log-model.history`
    says so. Starts a run if none is active."""
    if model.run_id is None:
        model.run_id = (fluent.active_run() or fluent.start_run()).info.run_id
    client = _client()
    model.artifact_path = artifact_path
    with _saved(model, flavor, given) as path:
        client.log_artifacts(model.run_id, path, artifact_path)
    _log_config(client, model.run_id, given.get("model_config"))
    history = json.loads(client.get_run(model.run_id).data.tags.get(HISTORY) or "[]")
    client.set_tag(model.run_id, HISTORY, json.dumps([*history, _history_entry(model)]))
    return model.get_model_info()


def _history_entry(model: Any) -> dict[str, Any]:
    names = ("run_id", "artifact_path", "utc_time_created", "model_uuid")
    flavors = {
        name: {key: value for key, value in conf.items() if key != "config"}
        for name, conf in model.flavors.items()
    }
    return {**{name: getattr(model, name) for name in names}, "flavors": flavors}


def to_logged_model(model: Any, wanted: Wanted, flavor: Any, given: dict[str, Any]) -> Any:
    """Log the model's files to a logged model, which becomes an output of the run, if there is
    one. If that fails, its state is FAILED."""
    client, run = _client(), fluent.active_run()
    run_id = model.run_id or (run.info.run_id if run is not None else None)
    if wanted.model_id is not None:
        logged = client.get_logged_model(wanted.model_id)
    else:
        of_run = {} if run_id is None else client.get_run(run_id).data.params
        logged = fluent.initialize_logged_model(
            wanted.name, run_id, wanted.tags, {**of_run, **(wanted.params or {})}, wanted.model_type
        )
    model.run_id, model.artifact_path = run_id, logged.artifact_location
    model.model_id = model.model_uuid = logged.model_id
    try:
        if run_id is not None:
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, wanted.step)])
            _link_metrics(client, run_id, logged.model_id, wanted.step)
        with _saved(model, flavor, given) as path:
            client.log_model_artifacts(logged.model_id, path)
        _log_config(client, run_id, given.get("model_config"))
    except BaseException:
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
        raise
    logged = client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    return model.get_model_info(logged)


def _link_metrics(client: RunlogClient, run_id: str, model_id: str, step: int) -> None:
    """Store the run's points at this step with the model, too."""
    linked = []
    for key, summary in client.get_metric_summary(run_id).items():
        if summary.last_step < step or summary.first_step > step:
            continue
        points = client.get_metric_history(run_id, key)
        linked += [
            Metric(key, each.value, each.timestamp, step, model_id, *_measured_on(each))
            for each in points
            if each.step == step and each.model_id is None
        ]
    if linked:
        client.log_batch(run_id, linked)


def _log_config(client: RunlogClient, run_id: str | None, config: Any) -> None:
    """Log a model's configuration as params of its run, nested keys joined by slashes."""
    if run_id is None or not config:
        return
    flat = dict(_flat("", from_code.read_config(config)))
    known = client.get_run(run_id).data.params
    new = [Param(name, str(value)) for name, value in flat.items() if name not in known]
    client.log_batch(run_id, params=new)


def _flat(prefix: str, config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{key}/", value)
        else:
            yield f"{prefix}{key}", value


def _measured_on(metric: Metric) -> tuple[str | None, str | None]:
    return metric.dataset_name, metric.dataset_digest


def register(
    model_uri: str,
    name: str,
    await_registration_for: int | None = 300,
    tags: Mapping[str, Any] | None = None,
) -> int:
    """Register a model that was logged as a new version of the model `name`, which is created if
    it does not exist, and return the version's number. There is nothing to wait for."""
    return int(model_registration.register(_client(), model_uri, name, tags).version)
