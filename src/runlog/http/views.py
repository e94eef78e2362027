"""Tables, charts and changes of a runlog server's runs, as its own pages ask for them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

from runlog.protocol.endpoints import ROWS
from runlog.views import Views

if TYPE_CHECKING:
    from runlog.http.store import HttpStore

_ENDPOINTS = {row.call: row.name for row in ROWS if isinstance(row.call, str)}


def views(store: HttpStore) -> Views:
    """What `store.views` is: each method asks the endpoint that calls it on the other side."""
    return cast(Views, _HttpViews(store))


class _HttpViews:
    def __init__(self, store: HttpStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        endpoint = _ENDPOINTS.get(f"views.{name}")
        if endpoint is None:
            raise AttributeError(name)
        taken = signature(getattr(Views, name))

        def ask(*given: Any, **named: Any) -> Any:
            arguments = taken.bind(self, *given, **named).arguments
            del arguments["self"]
            return self._store.call(endpoint, **arguments)

        return ask
