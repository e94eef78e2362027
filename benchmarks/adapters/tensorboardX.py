"""tensorboardX: a thread writes event files."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter


class Peer:
    def __init__(self, place: Path) -> None:
        self.place = place

    def open(self) -> None:
        self.writer = SummaryWriter(str(self.place / "events"))

    def log_one(self, key: str, value: float, step: int) -> None:
        self.writer.add_scalar(key, value, step)

    def log_many(self, values: dict[str, float], step: int) -> None:
        for key, value in values.items():
            self.writer.add_scalar(key, value, step)

    def close(self) -> None:
        self.writer.close()

    def count(self) -> int:
        return sum(_points(path.read_bytes()) for path in (self.place / "events").iterdir())


def _points(content: bytes) -> int:
    """Scalars in an event file: records of length, checksum, data, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    offset = points = 0
    while offset + 12 <= len(content):
        size = int.from_bytes(content[offset : offset + 8], "little")
        if offset + 16 + size > len(content):
            break
        points += len(Event.FromString(content[offset + 12 : offset + 12 + size]).summary.value)
        offset += 16 + size
    return points
