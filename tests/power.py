"""A disk that loses power: every write of SQLite is recorded, and a copy made of what a disk may
hold when the power fails at some moment.

What was synced is there. Of what was written after the last sync any part may be, sector by sector
and in any order; a new or deleted name may have reached the directory or not.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw

SECTOR = 512


@dataclass
class Inode:
    """The contents of a file: what is on the disk for sure, and what was done to it since."""

    kept: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)  # None truncates

    def sync(self) -> None:
        for at, data in self.since:
            apply(self.kept, at, data)
        self.since.clear()

    def after_the_cut(self, dice: random.Random) -> bytes:
        content = bytearray(self.kept)
        share = dice.choice([0, 0.5, 0.9, 1])
        for at, data in self.since:
            if data is None:
                if dice.random() < share:
                    apply(content, at, None)
                continue
            for start in range(0, len(data), SECTOR):
                if dice.random() < share:
                    apply(content, at + start, data[start : start + SECTOR])
        return bytes(content)


def apply(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        return
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + len(data)] = data


class Disk:
    """Replays recorded events up to some moment."""

    def __init__(self) -> None:
        self.names: dict[str, Inode] = {}  # as the directory on the disk has them for sure
        self.current: dict[str, Inode] = {}
        self.changes: list[tuple[str, Inode | None]] = []  # of names, not on the disk yet
        self.synced: set[str] = set()  # drafts that have no link yet

    def do(self, event: tuple) -> None:
        getattr(self, event[0])(*event[1:])

    def create(self, name: str) -> None:
        self.current[name] = Inode()
        self.changes.append((name, self.current[name]))

    def delete(self, name: str, synced: bool) -> None:
        self.current.pop(name, None)
        self.changes.append((name, None))
        if synced:
            self.sync_names()

    def write(self, name: str, at: int, data: bytes) -> None:
        self.current[name].since.append((at, data))

    def truncate(self, name: str, size: int) -> None:
        self.current[name].since.append((size, None))

    def link(self, source: str, target: str, content: bytes) -> None:
        """Gives a file that was written without SQLite its name."""
        inode = Inode(since=[(0, content)])
        if source in self.synced:
            inode.sync()
        self.current[target] = inode
        self.changes.append((target, inode))

    def sync(self, name: str) -> None:
        if name not in self.current:  # a draft, whose content comes with its link
            self.synced.add(name)
            return
        inode = self.current[name]
        inode.sync()
        if any(changed is inode for _, changed in self.changes):  # SQLite syncs the directory too
            self.sync_names()

    def sync_names(self) -> None:
        self.names = dict(self.current)
        self.changes.clear()

    def say(self, *said: object) -> None:
        """What the program was told, such as that a log call returned; nothing happens."""

    def after_the_cut(self, folder: Path, dice: random.Random) -> None:
        """Writes what is left when the power fails now."""
        names = dict(self.names)
        for name in {name for name, _ in self.changes}:
            of_this = [inode for changed, inode in self.changes if changed == name]
            for inode in of_this[: dice.randint(0, len(of_this))]:
                names[name] = inode
        for name, inode in names.items():
            if inode is not None:
                (folder / name).write_bytes(inode.after_the_cut(dice))


class RecordedFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], events: list) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.name, self.events = os.path.basename(path or ""), events
        is_new = path is not None and not os.path.exists(path)
        super().__init__("unix", name, flags)
        if is_new and path is not None and os.path.exists(path):
            events.append(("create", self.name))

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self.events.append(("write", self.name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self.events.append(("truncate", self.name, size))

    def xSync(self, flags: int) -> None:  # not done really: that takes milliseconds
        self.events.append(("sync", self.name))


class Recorder(apsw.VFS):
    def __init__(self, events: list) -> None:
        self.events = events
        super().__init__("recorder", "unix", iVersion=3)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> RecordedFile:
        return RecordedFile(name, flags, self.events)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        super().xDelete(name, sync_folder)
        self.events.append(("delete", os.path.basename(name), bool(sync_folder)))


@contextmanager
def recording(monkeypatch) -> Iterator[list[tuple]]:
    """All that SQLite does to files meanwhile, and what `os.fsync` and `os.link` do to them."""
    events: list[tuple] = []
    make_link = os.link

    def link(source: str, target: str) -> None:
        make_link(source, target)
        content = Path(source).read_bytes()
        events.append(("link", os.path.basename(source), os.path.basename(target), content))

    def fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        is_folder = os.path.isdir(path)
        events.append(("sync_names",) if is_folder else ("sync", os.path.basename(path)))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    recorder = Recorder(events)
    apsw.set_default_vfs("recorder")
    try:
        yield events
    finally:
        apsw.set_default_vfs("unix")
        recorder.unregister()
