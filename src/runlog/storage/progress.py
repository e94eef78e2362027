"""The progress of transfers, as a bar for people and as calls of a callback."""

from __future__ import annotations

import sys
import time
from typing import Any

from runlog.settings import flag

BAR_DELAY = 1.0  # seconds before a bar appears


class Progress:
    """A bar (tqdm's or rich's, where one of them is installed) on a terminal and in notebooks,
    once it takes longer than a second; and calls of a caller's fsspec `Callback`."""

    def __init__(self, what: str, total: int, callback: Any = None) -> None:
        self._what, self._total, self._callback = what, total, callback
        self._done = 0
        self._began = time.monotonic()
        self._bar: Any = None
        self._wanted = is_watched()

    def __enter__(self) -> Progress:
        if self._callback is not None:
            self._callback.set_size(self._total)
        return self

    def __call__(self, done: int) -> None:
        """Report that `done` bytes are there. Never counts backwards, nor beyond the total."""
        step = min(done, self._total) - self._done
        if step > 0:
            self._done += step
            if self._callback is not None:
                self._callback.relative_update(step)
        if self._bar is None and self._wanted and time.monotonic() - self._began > BAR_DELAY:
            self._bar = _tqdm(self._what, self._total) or _rich(self._what, self._total)
            self._wanted = self._bar is not None
        if self._bar is not None:
            self._bar.at(self._done)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def is_watched() -> bool:
    """Return whether somebody sees a bar: standard error is a terminal, or this is a notebook. Set
    RUNLOG_ENABLE_ARTIFACTS_PROGRESS_BAR to false for none."""
    if not flag("ENABLE_ARTIFACTS_PROGRESS_BAR"):
        return False
    shell = sys.modules.get("IPython")
    if shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell":
        return True
    return sys.stderr is not None and sys.stderr.isatty()


class _tqdm_bar:
    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def at(self, done: int) -> None:
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def _tqdm(what: str, total: int) -> _tqdm_bar | None:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return _tqdm_bar(tqdm(desc=what, total=total, unit="B", unit_scale=True, leave=False))


class _rich_bar:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def at(self, done: int) -> None:
        self._bar.update(self._task, completed=done)

    def close(self) -> None:
        self._bar.stop()


def _rich(what: str, total: int) -> _rich_bar | None:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bars
    except ImportError:
        return None
    bars = Bars(console=Console(stderr=True), transient=True)
    bars.start()
    return _rich_bar(bars, bars.add_task(what, total=total))
