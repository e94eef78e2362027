"""How a store logs what a request holds: calls of the endpoints that change a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runlog import validate
from runlog.entities import LoggedModelOutput, Metric, RunInfo
from runlog.errors import InvalidParameter
from runlog.protocol import codecs
from runlog.protocol.limits import MAX_KEYS_AT_ONCE
from runlog.store import Sent, Store

if TYPE_CHECKING:
    from runlog.store import Point

MODEL_HISTORY = "mlflow.log-model.history"


def log_param(store: Store, run_id: str, key: str, value: str) -> None:
    store.log(run_id, params=[(key, value)])


def set_tag(store: Store, run_id: str, key: str, value: str) -> None:
    store.log(run_id, tags=[(key, value)])


def log_batch(
    store: Store,
    run_id: str,
    points: Sequence[Point | Metric],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
    sender: str = "",
    sequence: int = 0,
) -> None:
    total = len(points) + len(params) + len(tags)
    if total > validate.MAX_METRICS_PER_BATCH:
        raise InvalidParameter(
            f"A batch logging request can contain at most {validate.MAX_METRICS_PER_BATCH} "
            f"metrics, params and tags together. Got {total}."
        )
    keys = [key for key, _ in params]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidParameter(
            f"Duplicate parameter keys have been submitted: {twice!r} is there more than once "
            "in one batch. Give every param one value."
        )
    log_whole(store, run_id, points, params, tags, sender, sequence)


def measured(points: Sequence[Point | Metric]) -> list[Metric]:
    """Return those of a request's points that were measured of models."""
    return [point for point in points if isinstance(point, Metric)]


def log_whole(
    store: Store,
    run_id: str,
    points: Sequence[Point | Metric],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
    sender: str = "",
    sequence: int = 0,
) -> None:
    sent = Sent(sender, sequence) if sender else None
    for piece in _in_turns(points) if points else [points]:
        of_run = [point for point in piece if not isinstance(point, Metric)]
        store.log(run_id, of_run, params, tags, measured(piece), sent=sent)
        params = tags = ()


def _in_turns(points: Sequence[Point | Metric]) -> Iterator[Sequence[Point | Metric]]:
    """Yield points in pieces of so few keys that others can write between them."""
    keys: set[str] = set()
    start = 0
    for at, point in enumerate(points) if len(points) > MAX_KEYS_AT_ONCE else ():
        keys.add(point.key if isinstance(point, Metric) else point[0])
        if len(keys) > MAX_KEYS_AT_ONCE:
            yield points[start:at]
            time.sleep(0.01)  # or the same thread would be the next to have the lock
            start, keys = at, set()
    yield points[start:]


def deliver(
    store: Store, points: Sequence[Point], metrics: Sequence[Point | Metric], **given: Any
) -> None:
    log_whole(store, points=[*points, *metrics], **given)


def update_run(store: Store, sender: str, sequence: int, **given: Any) -> RunInfo:
    return store.update_run(**given, sent=Sent(sender, sequence) if sender else None)


def log_metric(
    store: Store,
    run_id: str,
    model_id: str | None,
    dataset_name: str | None,
    dataset_digest: str | None,
    **point: Any,
) -> None:
    if model_id:
        metric = Metric(
            model_id=model_id,
            dataset_name=dataset_name,
            dataset_digest=dataset_digest,
            run_id=run_id,
            **point,
        )
        store.log(run_id, measured=[metric])
    else:
        store.log_metric(run_id, **point)


def log_outputs(store: Store, run_id: str, models: list[LoggedModelOutput]) -> None:
    store.models.log_outputs(run_id, models)


def log_model(store: Store, run_id: str, model_json: str) -> None:
    model = codecs.parse(model_json)
    if not isinstance(model, dict):
        raise codecs.refusal("model_json", model, "it must be the JSON of a model")
    history = store.get_run(run_id).data.tags.get(MODEL_HISTORY, "[]")
    models = [*codecs.parse(history), model]
    store.log(run_id, tags=[(MODEL_HISTORY, codecs.dump(models))])
