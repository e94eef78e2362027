"""What killed uploads have left: hidden files that nobody lists or reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from stat import S_ISREG

from runlog.storage.paths import HIDDEN

_UNFINISHED = re.compile(re.escape(HIDDEN) + "[0-9a-f]{16}")
_IN_PARTS = re.compile(re.escape(HIDDEN) + "[0-9a-f]{32}")  # folders: see serve.multipart


def abandoned(root: str, before: float) -> Iterator[str]:
    """Unfinished files below a local directory that were last written to before
    a time (Unix seconds). Symbolic links are not followed."""
    for folder, _, names in os.walk(root):
        in_parts = _IN_PARTS.fullmatch(os.path.basename(folder))
        for name in names:
            if in_parts or _UNFINISHED.fullmatch(name):
                path = os.path.join(folder, name)
                try:
                    status = os.lstat(path)
                except OSError:  # it has just become a file
                    continue
                if S_ISREG(status.st_mode) and status.st_mtime < before:
                    yield path
