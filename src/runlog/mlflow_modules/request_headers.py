"""`mlflow.tracking.request_header`: classes that add headers to requests of MLflow's client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runlog.errors import warn


class RequestHeaderProvider:
    """The base of classes that say which headers a request is to have."""

    def in_context(self) -> bool:
        """Return whether the headers are to be sent."""
        return False

    def request_headers(self) -> dict[str, str]:
        """Return the headers."""
        return {}


class RequestHeaderProviderRegistry:
    """The classes that were registered. runlog does not ask them, and says so."""

    def __init__(self) -> None:
        self._registry: list[RequestHeaderProvider] = []

    def register(self, request_header_provider: Callable[[], RequestHeaderProvider]) -> None:
        """Register a class. Its headers are not sent: to log in, set RUNLOG_TRACKING_TOKEN, or
        RUNLOG_TRACKING_USERNAME and RUNLOG_TRACKING_PASSWORD."""
        self._registry.append(request_header_provider())
        warn(
            "runlog sends no headers of request header providers. To log in to a server, set "
            "RUNLOG_TRACKING_TOKEN, or RUNLOG_TRACKING_USERNAME and RUNLOG_TRACKING_PASSWORD"
        )

    def __iter__(self) -> Iterator[RequestHeaderProvider]:
        return iter(self._registry)


_request_header_provider_registry = RequestHeaderProviderRegistry()
