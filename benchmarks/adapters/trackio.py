"""Trackio, local: a thread writes to SQLite twice a second."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

PROJECT = "bench"


class Peer:
    def __init__(self, place: Path) -> None:
        self.place = place
        os.environ["TRACKIO_DIR"] = str(place)

    def open(self) -> None:
        import trackio

        self.run = trackio.init(project=PROJECT)
        self._log = trackio.log

    def log_one(self, key: str, value: float, step: int) -> None:
        self._log({key: value}, step=step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self._log(values, step=step)

    def close(self) -> None:
        import trackio

        trackio.finish()

    def count(self) -> int:
        database = sqlite3.connect(self.place / f"{PROJECT}.db")
        rows = database.execute("select metrics from metrics")
        return sum(len(json.loads(row[0])) for row in rows)
