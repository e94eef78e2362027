"""A metric's history as an answer: a page of it, or all of it as a stream.

A million points are 90 MB of JSON. As columns they are 24 MB, and the text is made some thousand
points at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bottle import request, response

from runlog.errors import NotFound
from runlog.protocol import codecs
from runlog.server import traffic
from runlog.store import History, Store

POINTS = 5_000
COLUMNS = 24  # bytes of a point, in memory until the last of them is sent


def answer(store: Store, given: Mapping[str, Any]) -> Any:
    """Return what get-history says: all points where no `max_results` is given. MLflow's own newer
    servers answer a page then, for which its older clients do not ask again."""
    response.content_type = "application/json"
    if given["max_results"] is None and not given["page_token"]:
        try:
            return _json(store.histories([given["run_id"]], [given["key"]]))
        except NotFound:  # as MLflow answers
            return b"{}"
    return store.metric_history_page(**given)


def _json(histories: list[History]) -> bytes | Iterator[bytes]:
    if not histories:
        return b"{}"
    history = histories[0]
    if len(history.values) <= POINTS:
        return b'{"metrics":[' + _points(history, 0) + b"]}"
    if noted := traffic.of(request.environ):
        noted.size = COLUMNS * len(history.values)
    return _stream(history)


def _stream(history: History) -> Iterator[bytes]:
    yield b'{"metrics":['
    for start in range(0, len(history.values), POINTS):
        yield (b"," if start else b"") + _points(history, start)
    yield b"]}"


def _points(history: History, start: int) -> bytes:
    end = start + POINTS
    key = '{"key":' + codecs.dump(history.key) + ',"value":'
    values = history.values[start:end]
    texts: Iterator[str] = map(repr, values)
    if any(value - value != 0 for value in values):
        texts = (codecs.dump(codecs.write_double(value)) for value in values)
    rows = zip(texts, history.timestamps[start:end], history.steps[start:end], strict=True)
    return ",".join(
        [f'{key}{value},"timestamp":{time},"step":{step}}}' for value, time, step in rows]
    ).encode()
