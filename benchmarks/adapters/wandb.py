"""Weights & Biases, offline: a helper process writes records to a log file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import wandb

BLOCK, HEADER, FILE_HEADER = 32768, 7, 7
FULL_OR_FIRST, FULL_OR_LAST = (1, 2), (1, 4)


class Peer:
    def __init__(self, place: Path) -> None:
        self.place = place

    def open(self) -> None:
        self.run = wandb.init(project="bench", mode="offline", dir=self.place)

    def log_one(self, key: str, value: float, step: int) -> None:
        self.run.log({key: value}, step=step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        self.run.log(values, step=step)

    def close(self) -> None:
        self.run.finish()
        wandb.teardown()

    def count(self) -> int:
        from wandb.proto import wandb_internal_pb2

        points = 0
        for path in self.place.rglob("*.wandb"):
            for text in _records(path.read_bytes()):
                record = wandb_internal_pb2.Record()
                record.ParseFromString(text)
                points += sum("loss" in (i.key, *i.nested_key) for i in record.history.item)
        return points


def _records(content: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log, up to the first that is cut off."""
    offset, record = FILE_HEADER, b""
    while offset + HEADER <= len(content):
        room = BLOCK - offset % BLOCK
        if room < HEADER:
            offset += room
            continue
        size = int.from_bytes(content[offset + 4 : offset + 6], "little")
        kind, offset = content[offset + 6], offset + HEADER
        if kind == 0 or offset + size > len(content):
            return
        chunk, offset = content[offset : offset + size], offset + size
        record = chunk if kind in FULL_OR_FIRST else record + chunk
        if kind in FULL_OR_LAST:
            yield record
