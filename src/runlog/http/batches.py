"""Items of an outbox as requests: as many at once as a server takes, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runlog import validate
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME
from runlog.protocol.limits import MAX_PAIRS

if TYPE_CHECKING:
    from runlog.db.outbox import Item
    from runlog.store import Point

BATCH, DELIVER = "logBatch", "deliver"
CALLS = frozenset({BATCH, "logInputs", "logOutputs", "updateRun", "createRun"})
"""What an outbox holds beside points. Nothing else of it is sent, whoever wrote it there."""

AT_ONCE = 20_000  # points in a request to a runlog server: 1 MB, and some 50 ms of its time
SIZE_AT_ONCE = 4 * 2**20  # characters of calls in a request


class Request(NamedTuple):
    """A request for the first `items` of some, the last of which has the number `last`."""

    endpoint: str
    fields: dict[str, Any]
    last: int
    items: int


class Limits(NamedTuple):
    """How much a request holds at most: values in all, params, and tags."""

    values: int
    params: int
    tags: int


MLFLOW = Limits(
    validate.MAX_METRICS_PER_BATCH, validate.MAX_PARAMS_PER_BATCH, validate.MAX_TAGS_PER_BATCH
)
RUNLOG = Limits(AT_ONCE, MAX_PAIRS, MAX_PAIRS)


class Batch:
    """Points, params and tags of consecutive items, which a server stores together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._points: list[Point] = []
        self._metrics: list[dict[str, Any]] = []  # measured of models, as on the wire
        self._params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self._size = 0

    def take_points(self, items: Sequence[Item]) -> int:
        """Add the points before the first call, and return how many those are."""
        items = items[: self._limits.values]
        end = next((at for at, item in enumerate(items) if item[5] is not None), len(items))
        self._points = [
            (name, float(value), time, step or 0) for _, name, step, time, value, _ in items[:end]
        ]
        return end

    def takes(self, item: Item) -> bool:
        """Add an item, unless it has to wait for the next request. The first one always goes."""
        _, name, step, timestamp, value, fields = item
        if fields is None:
            if self._values() >= self._limits.values:
                return False
            self._points.append((name, float(value), timestamp, step or 0))
            return True
        if name != BATCH:
            return False
        given = codecs.parse(fields)
        params = _pairs(given, "params")
        if self._values() and not self._has_room(given, params, len(fields)):
            return False
        self._metrics += given.get("metrics", ())
        self._params.update(params)
        self.tags.update(_pairs(given, "tags"))
        self._size += len(fields)
        return True

    def _values(self) -> int:
        return len(self._points) + len(self._metrics) + len(self._params) + len(self.tags)

    def _has_room(self, given: dict[str, Any], params: dict[str, str], size: int) -> bool:
        metrics, tags = len(given.get("metrics", ())), len(given.get("tags", ()))
        return (
            self._size + size <= SIZE_AT_ONCE
            and self._values() + metrics + len(params) + tags <= self._limits.values
            and len(self._params) + len(params) <= self._limits.params
            and len(self.tags) + tags <= self._limits.tags
            # of two values of a param the server refuses the second alone
            and all(self._params.get(key, value) == value for key, value in params.items())
        )

    def fields(self, endpoint: str) -> dict[str, Any]:
        """Return the fields of a request, which is of no run yet."""
        fields = BY_NAME[endpoint].request(
            points=self._points, params=[*self._params.items()], tags=[*self.tags.items()]
        )
        if self._metrics:
            fields["metrics"] = fields.get("metrics", []) + self._metrics
        return fields


def _pairs(given: dict[str, Any], name: str) -> dict[str, str]:
    return {each["key"]: each["value"] for each in given.get(name, ())}


def first(items: Sequence[Item], most: int, is_runlog: bool) -> Request:
    """Return the request for the first of the items, and for up to `most` that go with it."""
    number, name, _, _, _, text = items[0]
    if text is not None and name != BATCH:
        return Request(name, codecs.parse(text), number, 1)
    batch = Batch(RUNLOG if is_runlog else MLFLOW)
    items = items[:most]
    count = batch.take_points(items)
    for item in items[count:]:
        if not batch.takes(item):
            break
        count += 1
    endpoint = DELIVER if is_runlog else BATCH
    return Request(endpoint, batch.fields(endpoint), items[count - 1][0], count)


def tags(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a `logBatch` that sets tags."""
    return BY_NAME[BATCH].request(tags=pairs)
