"""MLflow's REST stores, whose requests are answered in this process."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from runlog.errors import RunlogError
from runlog.mlflow_plugin.in_process import Channel


class _Facade:
    """A store of MLflow's that does not look like one of a server: MLflow would print links to
    the pages of the server after each run."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._store, name)


def _refusal(error: RunlogError) -> Exception:
    """Return MLflow's exception for an error of runlog's."""
    content = {"error_code": error.error_code, "message": error.message}
    exception: Exception = import_module("mlflow.exceptions").RestException(content)
    return exception


def _fill_answer(channel: Channel, endpoint: str, method: str, json_body: Any, answer: Any) -> Any:
    """Send a request and fill in MLflow's message for the answer. Raises its RestException."""
    body = json.loads(json_body) if json_body else None
    status, content = channel.send(method, endpoint, body)
    if status != 200:
        raise import_module("mlflow.exceptions").RestException(content)
    import_module("mlflow.utils.proto_json_utils").parse_dict(js_dict=content, message=answer)
    return answer


def tracking(uri: str) -> Any:
    """Return the store for experiments, runs and logged models at a `runlog:` URI."""
    module: Any = import_module("mlflow.store.tracking.rest_store")
    channel = Channel(uri)

    class TrackingStore(module.RestStore):  # type: ignore[misc]
        supports_workspaces = supports_trace_archival = False

        def _call_endpoint(
            self,
            api: Any,
            json_body: Any = None,
            endpoint: str | None = None,
            retry_timeout_seconds: float | None = None,
            response_proto: Any = None,
        ) -> Any:
            # A table of the module's until 3.5, and of the class since then.
            table = getattr(self, "_METHOD_TO_INFO", None) or module._METHOD_TO_INFO
            if api in getattr(self, "_V3_APIS", ()):
                table = self._V3_METHOD_TO_INFO
            path, method = table[api]
            answer = response_proto or api.Response()
            return _fill_answer(channel, endpoint or path, method, json_body, answer)

        def create_experiment(
            self, name: str, artifact_location: str | None = None, tags: Any = None
        ) -> str:
            # A server takes few locations from its clients. Here the user is at home.
            given = {each.key: each.value for each in tags or ()}
            try:
                return channel.client.create_experiment(name, artifact_location, given)
            except RunlogError as error:
                raise _refusal(error) from None

    return _Facade(TrackingStore(lambda: _credentials(uri)))


def registry(uri: str) -> Any:
    """Return the store for registered models at a `runlog:` URI."""
    module: Any = import_module("mlflow.store.model_registry.rest_store")
    channel = Channel(uri)

    class RegistryStore(module.RestStore):  # type: ignore[misc]
        supports_workspaces = False

        def _call_endpoint(
            self, api: Any, json_body: Any, call_all_endpoints: bool = False, *_: Any, **__: Any
        ) -> Any:
            if call_all_endpoints:
                path, method = self._get_all_endpoints_from_method(api)[0]
            else:
                path, method = self._get_endpoint_from_method(api)
            answer = self._get_response_from_method(api)
            return _fill_answer(channel, path, method, json_body, answer)

    return _Facade(RegistryStore(lambda: _credentials(uri)))


def _credentials(uri: str) -> Any:
    return import_module("mlflow.utils.rest_utils").MlflowHostCreds(uri)
