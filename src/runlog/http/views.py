"""Tables, charts and changes of a runlog server's runs, as its own pages ask for them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, cast

from runlog.protocol.endpoints import ROWS
from runlog.store_parts.views import Views

_ENDPOINTS = {row.call: row.name for row in ROWS if isinstance(row.call, str)}


def views(call: Callable[..., Any]) -> Views:
    """Return what `store.views` is: each method calls the endpoint that calls it on the server."""
    return cast(Views, _HttpViews(call))


class _HttpViews:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        endpoint = _ENDPOINTS.get(f"views.{name}")
        if endpoint is None:
            raise AttributeError(name)
        taken = signature(getattr(Views, name))

        def ask(*given: Any, **named: Any) -> Any:
            arguments = taken.bind(self, *given, **named).arguments
            del arguments["self"]
            return self._call(endpoint, **arguments)

        return ask
