"""Aim: RocksDB, one store a run."""

from __future__ import annotations

from pathlib import Path

import aim


class Peer:
    def __init__(self, place: Path) -> None:
        self.place = place

    def open(self) -> None:
        self.run = aim.Run(repo=str(self.place))

    def log_one(self, key: str, value: float, step: int) -> None:
        self.run.track(value, name=key, step=step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        for key, value in values.items():
            self.run.track(value, name=key, step=step)

    def close(self) -> None:
        self.run.close()

    def count(self) -> int:
        names = [path.name for path in (self.place / ".aim" / "seqs" / "chunks").iterdir()]
        return sum(map(self._points, names))

    def _points(self, run: str) -> int:
        # A killed run is readable only once it has been opened for writing again.
        metrics = aim.Run(run, repo=str(self.place)).metrics()
        return sum(len(m.values.sparse_list()[0]) for m in metrics if m.name == "loss")
