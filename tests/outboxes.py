"""What the tests of outboxes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import served
from relay import Relay
from runlog.http import outbox
from runlog.http.outbox import Waiting


@contextmanager
def relayed() -> Iterator[Relay]:
    """A relay in front of a new store of our own server."""
    server = served.stores()
    place = server.folder / uuid4().hex
    place.mkdir()
    with Relay(f"{server.uri}/{place.name}") as between:
        yield between


def waiting() -> list[Waiting]:
    """What waits in all outboxes."""
    return [each for file in outbox.files() for each in outbox.waiting(file)]


def paths() -> list[Path]:
    """The files of all outboxes, without SQLite's own beside them."""
    return sorted(Path(outbox.folder()).glob(f"*{outbox.END}"))


def steps(store, run_id, key="loss") -> list[int]:
    """The steps of a metric on the server."""
    return [point.step for point in store.get_metric_history(run_id, key)]
