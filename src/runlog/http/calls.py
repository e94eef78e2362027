"""Calls of a server's endpoints: arguments to a request, its answer to a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from runlog import validate
from runlog.entities import Metric
from runlog.errors import InvalidParameter, RunlogError
from runlog.http.session import Session
from runlog.protocol import codecs
from runlog.protocol.endpoints import ROWS
from runlog.protocol.rows import Row

# A search has two rows, of which the first takes a filter of any length.
_ROWS: Mapping[str, Row] = {row.name: row for row in reversed(ROWS)}


def request(endpoint: str, **arguments: Any) -> dict[str, Any]:
    """Return the fields of a request that gives these arguments."""
    return _ROWS[endpoint].request(**arguments)


def checked_metric(metric: Metric) -> Metric:
    """Return a metric with its values as they are sent. Raises InvalidParameter."""
    return Metric(
        validate.key(metric.key, "metric"),
        validate.number(metric.key, metric.value),
        validate.timestamp(metric.timestamp),
        validate.integer("step", metric.step),
        metric.model_id,
        metric.dataset_name,
        metric.dataset_digest,
    )


class Calls:
    """Calls the endpoints of one server, which is asked once which of them it has. `about` is what
    it says of itself, where that is known before."""

    def __init__(self, session: Session, about: dict[str, Any] | None = None) -> None:
        self.session = session
        self._about = about

    def send(
        self, endpoint: str, fields: Mapping[str, Any], seconds: float | None = None, **options: Any
    ) -> Any:
        """Return what an endpoint answers to a request; within so many seconds, or after repeating
        it. `options` are those of `Session.ask`, which also says when the result is None."""
        row, given = _ROWS[endpoint], dict(fields)
        path = row.prefixes[0] + row.path
        body = None
        while "<" in path:
            before, _, rest = path.partition("<")
            field, _, after = rest.partition(">")
            # In the body as well: MLflow's servers miss it there.
            value = given.pop(field) if row.verb == "GET" else given[field]
            path = before + quote(value, safe="") + after
        if row.verb == "GET":
            path = f"{path}?{urlencode(given, doseq=True)}" if given else path
        else:
            body = codecs.dump(given).encode()
        answer = self.session.json(row.verb, path, body, seconds=seconds, **options)
        if answer is None:
            return None
        try:
            return row.answer.read(answer, "")
        except InvalidParameter as error:
            raise RunlogError(
                f"{self.session.name}: the answer of {endpoint} cannot be understood: "
                f"{error.message}"
            ) from error

    @property
    def is_runlog(self) -> bool:
        """Return whether the server has runlog's own endpoints; it is asked once."""
        return "runlog" in self._ask_about()

    @property
    def is_runlog_if_known(self) -> bool:
        """Return `is_runlog` if it is known, without asking."""
        return "runlog" in (self._about or ())

    def delivers(self, seconds: float | None = None) -> bool:
        """Return whether the server takes what outboxes deliver; it is asked once, for so many
        seconds."""
        return "delivers" in self._ask_about(seconds)

    def _ask_about(self, seconds: float | None = None) -> dict[str, Any]:
        if self._about is None:
            try:
                answer = self.send("about", {}, seconds)
                self._about = answer if isinstance(answer, dict) else {}
            except RunlogError as error:
                # Behind a web application, any path may answer its page.
                if error.get_http_status_code() != 404 and "not JSON" not in error.message:
                    raise
                self._about = {}
        return self._about
