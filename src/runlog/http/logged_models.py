"""The logged models of a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runlog import validate
from runlog.entities import LoggedModel, LoggedModelOutput, PagedList
from runlog.errors import NotFound
from runlog.store_parts.logged_models import LoggedModels, ModelOrder


class HttpModels(LoggedModels):
    """`HttpStore.models`. Making a model is not repeated when the answer is lost."""

    def __init__(self, call: Callable[..., Any], log_call: Callable[..., Any]) -> None:
        """Both ask an endpoint; `log_call` may queue the request where the server is away."""
        self._call, self._log_call = call, log_call

    def create(
        self,
        experiment_id: str,
        name: str | None = None,
        model_type: str = "",
        source_run_id: str = "",
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedModel:
        made: LoggedModel = self._call(
            "createLoggedModel",
            experiment_id=str(validate.experiment_id(experiment_id)),
            name=name,
            model_type=validate.text(model_type or ""),
            source_run_id=validate.run_id(source_run_id) if source_run_id else None,
            params=validate.texts(params, "param"),
            tags=validate.texts(tags, "tag"),
            repeatable=False,
        )
        return made

    def get(self, model_id: str) -> LoggedModel:
        found: LoggedModel = self._call("getLoggedModel", model_id=model_id)
        return found

    def finalize(self, model_id: str, status: str) -> LoggedModel:
        model: LoggedModel = self._call("finalizeLoggedModel", model_id=model_id, status=status)
        return model

    def delete(self, model_id: str) -> None:
        self._call("deleteLoggedModel", model_id=model_id, done=NotFound)

    def set_tags(self, model_id: str, tags: Mapping[str, Any]) -> LoggedModel:
        model: LoggedModel = self._call(
            "setLoggedModelTags", model_id=model_id, tags=validate.texts(tags, "tag")
        )
        return model

    def delete_tag(self, model_id: str, key: str) -> None:
        self._call("deleteLoggedModelTag", model_id=model_id, key=validate.text(key), done=NotFound)

    def log_params(self, model_id: str, params: Mapping[str, Any]) -> None:
        kept = validate.texts(params, "param")
        self._call("logLoggedModelParams", model_id=model_id, params=kept)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        self._log_call("logOutputs", run_id=validate.run_id(run_id), models=list(models))

    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[tuple[str, str | None]] = (),
        max_results: int = 50,
        order_by: Sequence[ModelOrder] = (),
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        page: PagedList[LoggedModel] = self._call(
            "searchLoggedModels",
            experiment_ids=[*map(str, validate.experiment_ids(experiment_ids))],
            filter_string=filter_string,
            datasets=list(datasets),
            max_results=validate.max_results(max_results),
            order_by=list(order_by),
            page_token=page_token,
        )
        return page
