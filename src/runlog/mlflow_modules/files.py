"""`mlflow.utils.file_utils` and `mlflow.utils.uri`: local files and addresses."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from runlog.storage.paths import local_root


class TempDir:
    """A temporary folder as a context manager, removed at its end. With `chdr` it is the working
    directory meanwhile; with `remove_on_exit=False` it stays."""

    def __init__(self, chdr: bool = False, remove_on_exit: bool = True) -> None:
        self._change, self._remove = chdr, remove_on_exit
        self._path = self._before = ""

    def __enter__(self) -> TempDir:
        self._path = os.path.realpath(tempfile.mkdtemp())
        if self._change:
            self._before = os.getcwd()
            os.chdir(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._change:
            os.chdir(self._before)
        if self._remove:
            shutil.rmtree(self._path, ignore_errors=True)

    def path(self, *path: str) -> str:
        """Return a path in the folder, or the folder."""
        return os.path.join(self._path, *path)


def mkdir(root: str, name: str | None = None) -> str:
    """Create a folder, with those above it, and return its path."""
    path = os.path.join(root, name) if name else root
    os.makedirs(path, exist_ok=True)
    return path


def write_to(filename: str, data: str) -> None:
    """Write a text to a file."""
    Path(filename).write_text(data, encoding="utf-8")


def path_to_local_file_uri(path: str) -> str:
    """Return the `file:` URI of a local path."""
    return Path(os.path.abspath(path)).as_uri()


def local_file_uri_to_path(uri: str) -> str:
    """Return the local path of a `file:` URI; any other text is returned as it is."""
    return local_root(uri) if uri.startswith("file:") else uri


def get_uri_scheme(uri_or_path: str) -> str:
    """Return the scheme of a URI, "" for a path."""
    return urlsplit(str(uri_or_path)).scheme


def is_local_uri(uri: str, is_tracking_or_registry_uri: bool = True) -> bool:
    """Return whether a URI is a path or a `file:` URI of this machine."""
    return get_uri_scheme(uri) in ("", "file") or bool(os.path.splitdrive(uri)[0])


def is_http_uri(uri: str) -> bool:
    """Return whether a URI is of a server."""
    return get_uri_scheme(uri) in ("http", "https")


def append_to_uri_path(uri: str, *paths: str) -> str:
    """Return a URI with more folders at the end of its path."""
    address, mark, query = uri.partition("?")
    return "/".join([address.rstrip("/"), *(each.strip("/") for each in paths)]) + mark + query
