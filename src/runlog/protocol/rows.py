"""An endpoint as a row: where it is, its fields, what is called, what it answers, who may call it.

`call` is the name of a method of Store where the fields are its arguments, else a function of a
store and the fields. Rows without a call are about files, which the server does with its artifacts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from runlog.protocol import codecs
from runlog.protocol.codecs import Field, Kind
from runlog.store import Store

MLFLOW = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
PREVIEW = ("/api/2.0/preview/mlflow/", "/ajax-api/2.0/preview/mlflow/")  # clients of 1.x
MLFLOW_3 = ("/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/")
ARTIFACTS = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")
AJAX = ("/ajax-api/2.0/mlflow/",)  # what only MLflow's pages ask for
OURS = ("/api/runlog/1/",)  # what MLflow has no endpoint for

READ, EDIT, ADMIN = "read", "edit", "admin"


class Row(NamedTuple):
    """An endpoint. `access` is what a caller must be allowed to; `prefixes` come before `path`,
    in which `<name>` is a field."""

    name: str
    verb: str
    path: str
    access: str
    call: str | Callable[..., Any] | None
    fields: tuple[Field, ...]
    answer: Kind
    prefixes: tuple[str, ...] = MLFLOW + PREVIEW

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the call that a request gives, query string or JSON body
        alike."""
        return codecs.read_fields(self.fields, given)

    def request(self, **arguments: Any) -> dict[str, Any]:
        """Return the request that gives these arguments."""
        return codecs.write_fields(self.fields, arguments)

    def apply(self, store: Store, arguments: Mapping[str, Any]) -> Any:
        """Return what the store says to these arguments."""
        if isinstance(self.call, str):
            return attrgetter(self.call)(store)(**arguments)
        assert self.call is not None, self.name
        return self.call(store, **arguments)

    @property
    def moves_a_file(self) -> bool:
        """Return whether the body, of the request or of the answer, is a file and not JSON."""
        return self.answer is codecs.FILE

    def paths(self) -> Iterator[str]:
        """Every path that the endpoint is at."""
        return (prefix + self.path for prefix in self.prefixes)
