"""A transfer: one file that is uploaded or downloaded; and the limits of transfers."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable
from typing import Any

from runlog.errors import shrunk
from runlog.settings import number

SMALL = 1 << 20  # bytes of a file that is read at once


def timeout() -> float:
    """Return how many seconds a server may take without progress or answer:
    RUNLOG_ARTIFACT_TIMEOUT, by default 120. At 0.3 MB/s the parts of a file take less."""
    return number("ARTIFACT_TIMEOUT")


def memory() -> int:
    """Return how many bytes transfers may take up in memory: RUNLOG_ARTIFACT_MEMORY, in MB, by
    default 128."""
    return int(number("ARTIFACT_MEMORY") * 2**20)


class Transfer:
    """One file that is uploaded or downloaded, and its progress. File systems call it as an fsspec
    callback.

    `since` is when it last got further than ever before: an attempt that starts anew and fails
    again is no progress.
    """

    def __init__(
        self,
        path: str,
        local: str = "",
        data: bytes | None = None,
        chunks: Iterable[bytes] | None = None,
    ) -> None:
        self.path, self.local, self.data, self.chunks = path, local, data, chunks
        self.target = ""  # where it goes first; empty while nothing of it was sent
        self.arrived = False
        self.size: int | None = None
        self.digest = ""
        self._frozen = False  # whether `local` is a copy of ours, which nobody writes to
        self.stored: int | None = None  # the size at `target`, if that is known
        self._opened: tuple[int, int] | None = None  # what the local file was then
        self._digesting: threading.Thread | None = None
        self.watched = ""  # a local file whose growth is the progress
        self.done = 0
        self.since = time.monotonic()
        self.last_error: BaseException | None = None
        self._now = 0

    def begin(self) -> None:
        self._now = 0

    def open(self) -> None:
        """Note how much is to be sent: of a local file, what it holds now. What others write to
        it from here on is left out."""
        if self.data is not None:
            self.size = len(self.data)
        elif self.chunks is None:
            self._opened = _state(self.local)
            self.size = self._opened[0]

    def changed(self) -> bool:
        """Return whether somebody has written to the local file since `open`, so that nobody knows
        which content was sent."""
        return self._opened is not None and not self._frozen and _state(self.local) != self._opened

    def freeze(self) -> None:
        """Send a copy of the local file, as long as that was when it was opened. `thaw` deletes
        the copy. Raises RunlogError where the file is shorter now."""
        from tempfile import NamedTemporaryFile

        self.end_digest()  # which would be of the file
        with NamedTemporaryFile(prefix="runlog-", delete=False) as copy:
            local, self.local, self._frozen = self.local, copy.name, True
            left = self.size or 0
            with open(local, "rb", buffering=0) as file:
                while piece := file.read(min(SMALL, left)):
                    copy.write(piece)
                    left -= len(piece)
                    self.since = time.monotonic()
        if left:
            raise shrunk(self.path, self.size or 0, (self.size or 0) - left)
        self._digesting = None
        self.digest = ""

    def thaw(self) -> None:
        """Delete the copy, if there is one."""
        if self._frozen:
            os.unlink(self.local)

    def take_digest(self, data: bytes | None = None) -> None:
        """SHA-256 of what is to be sent, which is `data` if it has been read, as hex digits."""
        data = self.data if data is None else data
        digest = hashlib.sha256(b"" if data is None else data)
        if data is None:
            left = self.size or 0
            with open(self.local, "rb", buffering=0) as file:
                while piece := file.read(min(SMALL, left)):
                    digest.update(piece)
                    left -= len(piece)
                    self.since = time.monotonic()
        self.digest = digest.hexdigest()

    def begin_digest(self) -> None:
        """Take it while the file is sent: another core has the time."""

        def work() -> None:
            try:
                self.take_digest()
            except OSError:  # who sends it has met that as well; or it goes without a digest
                pass

        self._digesting = threading.Thread(target=work, daemon=True, name="runlog-digest")
        self._digesting.start()

    def end_digest(self) -> None:
        """Wait for it."""
        if self._digesting is not None:
            self._digesting.join()

    def set_size(self, size: int | None) -> None:
        """What fsspec's callbacks have; the size is known better here."""

    def relative_update(self, inc: int = 1) -> None:
        self.absolute_update(self._now + inc)

    def absolute_update(self, value: int) -> None:
        self._now = value
        if value > self.done:
            self.since = time.monotonic()
            self.done = value if self.size is None else min(value, self.size)

    def branched(self, *_: Any, **__: Any) -> Transfer:
        return self


def _state(local: str) -> tuple[int, int]:
    status = os.stat(local)
    return status.st_size, status.st_mtime_ns
