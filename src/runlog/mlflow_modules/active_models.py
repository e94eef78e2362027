"""Logged models that are in use: the active one, and those whose files are kept elsewhere."""

from __future__ import annotations

from runlog import active_runs, fluent, validate
from runlog.client import RunlogClient
from runlog.entities import LoggedModel, LoggedModelStatus
from runlog.errors import InvalidParameter, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

IS_EXTERNAL = "mlflow.model.isExternal"


class ActiveModel(LoggedModel):
    """The logged model that metrics belong to: what `runlog.set_active_model` returns. At the end
    of its `with` block the model that was active before is active again."""

    __slots__ = ("_before",)
    _before: str | None

    def __init__(self, logged_model: LoggedModel, set_by_user: bool = True) -> None:
        super().__init__(**dict(logged_model))
        object.__setattr__(self, "_before", active_runs.active_model_id())
        active_runs.set_active_model_id(self.model_id)

    def __enter__(self) -> ActiveModel:
        return self

    def __exit__(self, *_: object) -> None:
        active_runs.set_active_model_id(self._before)


def set_active_model(*, name: str | None = None, model_id: str | None = None) -> ActiveModel:
    """Make metrics belong to a logged model from now on, in this thread or asyncio task, or within
    a `with` block.

    Give its id, or a name: of several models of that name in the experiment in use, the newest is
    meant; if there is none, one is created without files. Raises InvalidParameter if neither is
    given or the two do not match, and NotFound if no model has that id.

    >>> with runlog.set_active_model(name="tree") as model, runlog.start_run():
    ...     runlog.log_metric("accuracy", 0.9)
    >>> [point.value for point in runlog.get_logged_model(model.model_id).metrics]
    [0.9]
    """
    if model_id is not None:
        found = fluent.get_logged_model(model_id)
        if name is not None and found.name != name:
            raise InvalidParameter(
                f"the logged model {model_id} is called {found.name!r}, not {name!r}: give one of "
                "name and model_id"
            )
    elif name is not None:
        text = "'" + name.replace("'", "''") + "'"
        models = fluent.search_logged_models(
            filter_string=f"name = {text}", max_results=2, output_format="list"
        )
        if len(models) > 1:
            warn(f"several logged models are called {name!r}: the newest is active now")
        found = models[0] if models else create_external_model(name)
    else:
        raise InvalidParameter("set_active_model needs a name or a model_id")
    return ActiveModel(found)


def get_active_model_id() -> str | None:
    """Return the id of the logged model that metrics belong to here, or None: that of
    `set_active_model`, or of RUNLOG_ACTIVE_MODEL_ID.

    >>> runlog.get_active_model_id() is None
    True
    """
    return active_runs.active_model_id()


def clear_active_model() -> None:
    """Make metrics belong to no logged model unless a call names one."""
    active_runs.set_active_model_id(None)


def last_logged_model() -> LoggedModel | None:
    """Return the logged model that this process created last, as it is now, or None.

    >>> model = runlog.initialize_logged_model("tree")
    >>> runlog.last_logged_model().model_id == model.model_id
    True
    """
    model_id = active_runs.last_logged_model_id
    return None if model_id is None else fluent.get_logged_model(model_id)


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Create a logged model whose files are kept elsewhere, in state READY, and return it.

    The arguments are those of `initialize_logged_model`.

    >>> runlog.create_external_model("service", params={"prompt": "v2"}).status
    'READY'
    """
    import os
    import tempfile

    from runlog.models import Model

    marked = {**validate.mapping("tags", tags or {}), IS_EXTERNAL: "true"}
    model = fluent.initialize_logged_model(
        name, source_run_id, marked, params, model_type, experiment_id
    )
    client = RunlogClient()
    described = Model(
        artifact_path=model.artifact_location,
        run_id=model.source_run_id,
        model_uuid=model.model_id,
        model_id=model.model_id,
        metadata={IS_EXTERNAL: True},
    )
    with tempfile.TemporaryDirectory() as folder:  # so that the registry finds a model there
        described.save(os.path.join(folder, "MLmodel"))
        client.log_model_artifacts(model.model_id, folder)
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def log_model_params(params: Mapping[str, Any], model_id: str | None = None) -> None:
    """Log params of a logged model, by default the active one, as text. Raises InvalidParameter if
    there is none, or a param has another value.

    >>> model = runlog.initialize_logged_model("tree")
    >>> runlog.log_model_params({"depth": 3}, model.model_id)
    >>> runlog.get_logged_model(model.model_id).params
    {'depth': '3'}
    """
    model_id = model_id or active_runs.active_model_id()
    if model_id is None:
        raise InvalidParameter("log_model_params needs a model_id: no logged model is active")
    RunlogClient().log_model_params(model_id, params)
