"""Where models are: their URIs, and their files on this machine."""

from __future__ import annotations

import atexit
import os
from typing import Any

from runlog.model_uris import is_model_uri, located

__all__ = ["is_model_uri", "local_folder", "located"]

_downloads: list[Any] = []  # temporary folders, which models in memory may read from


def local_folder(
    model_uri: str | os.PathLike[str],
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Return a local folder with the files of a model.

    `model_uri` is `runs:/...`, `models:/...`, a path, or the URI of a storage. They are copied into
    the folder `dst_path`, which is created if it does not exist. Without one, files on this
    machine's disk are not copied, and others go to a temporary folder that is removed when the
    program ends. Raises NotFound if there is nothing.
    """
    repo, path = located(os.fspath(model_uri), tracking_uri)
    if dst_path is not None:
        os.makedirs(dst_path, exist_ok=True)
        return repo.download(path, dst_path)
    local = repo.local_path(path)
    return repo.download(path, _temporary_folder()) if local is None else local


def _temporary_folder() -> str:
    from tempfile import TemporaryDirectory

    folder = TemporaryDirectory(prefix="runlog-model-", ignore_cleanup_errors=True)
    if not _downloads:
        atexit.register(_remove_downloads)
    _downloads.append(folder)
    return folder.name


def _remove_downloads() -> None:
    while _downloads:
        _downloads.pop().cleanup()
