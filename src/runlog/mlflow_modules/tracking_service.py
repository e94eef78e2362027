"""`mlflow.tracking._tracking_service.utils`: the tracking URI and its store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from runlog import tracking_uri
from runlog.store import Store
from runlog.tracking_uri import get_tracking_uri, is_tracking_uri_set, set_tracking_uri

__all__ = ["get_tracking_uri", "is_tracking_uri_set", "set_tracking_uri"]

_TRACKING_URI_ENV_VAR = "MLFLOW_TRACKING_URI"


def _get_store(store_uri: str | None = None, artifact_uri: str | None = None) -> Store:
    return tracking_uri.store(store_uri)


def _resolve_tracking_uri(tracking_uri: str | None = None) -> str:
    return tracking_uri or get_tracking_uri()


@contextlib.contextmanager
def _use_tracking_uri(uri: str) -> Iterator[None]:
    before = tracking_uri.with_password() if is_tracking_uri_set() else ""
    set_tracking_uri(uri)
    try:
        yield
    finally:
        set_tracking_uri(before)
