"""How each carrier of artifacts does it, run in its own interpreter:

carriers.py CARRIER WHAT DIRECTION URI FOLDER

`WHAT` is the folder or the file below `FOLDER` that goes up, to `URI`, or comes down from there.
Prints what it cost as JSON. Before that, one file has gone up and come down, so that imports,
connections and what they keep in memory are not counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import meter


class Digests(dict[str, tuple[int, str]]):
    """What a store does for a run: it remembers what was logged. Without it, none are taken."""

    def recorded(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        return {path: self[path] for path in paths if path in self}

    def record(self, digests: Iterable[tuple[str, int, str]]) -> None:
        self.update({path: (size, digest) for path, size, digest in digests})

    def forget(self, path: str) -> None:
        self.pop(path, None)


class Runlog:
    def __init__(self, uri: str) -> None:
        from runlog.artifacts import ArtifactRepo

        self.repo = ArtifactRepo(uri, ledger=Digests())

    def up(self, local: Path, name: str) -> None:
        if local.is_dir():
            self.repo.log_artifacts(local, name)
        else:
            self.repo.log_artifact(local)

    def down(self, name: str, folder: Path) -> None:
        self.repo.download(name, folder)


class MLflow:
    def __init__(self, uri: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        self.repo = get_artifact_repository(uri)

    def up(self, local: Path, name: str) -> None:
        if local.is_dir():
            self.repo.log_artifacts(str(local), name)
        else:
            self.repo.log_artifact(str(local))

    def down(self, name: str, folder: Path) -> None:
        self.repo.download_artifacts(name, str(folder))


class Fsspec:
    """The calls that a user of fsspec would make, with the defaults of its file systems."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self.files, self.root = SYSTEMS[parts.scheme](parts)
        # Those of ssh and WebDAV cannot get a folder in one call.
        self.listed = parts.scheme in ("sftp", "webdav")

    def up(self, local: Path, name: str) -> None:
        place = f"{self.root}/{name}"
        self.files.makedirs(self.root, exist_ok=True)
        if not local.is_dir():
            self.files.put_file(str(local), place)
        elif self.listed:
            found = [path for path in local.rglob("*") if path.is_file()]
            targets = [f"{place}/{path.relative_to(local).as_posix()}" for path in found]
            for folder in sorted({os.path.dirname(target) for target in targets}):
                self.files.makedirs(folder, exist_ok=True)
            self.files.put([str(path) for path in found], targets)
        else:
            self.files.put(f"{local}/", place, recursive=True)
        if "ALIKE" in os.environ:
            self.secure(local, place)

    def secure(self, local: Path, place: str) -> None:
        """What a careful user would add on the local disk, to have what runlog gives."""
        for path in [local, *local.rglob("*")]:
            if path.is_file():
                with open(path, "rb") as file:
                    hashlib.file_digest(file, "sha256")
                with open(Path(place) / path.relative_to(local), "rb") as file:
                    os.fsync(file.fileno())

    def down(self, name: str, folder: Path) -> None:
        place = f"{self.root}/{name}"
        if self.files.isfile(place):
            self.files.get_file(place, str(folder / name))
        elif self.listed:
            found = self.files.find(place)
            begin = len(place.lstrip("/"))
            targets = [folder / name / path.lstrip("/")[begin + 1 :] for path in found]
            for target in targets:
                target.parent.mkdir(parents=True, exist_ok=True)
            self.files.get(found, [str(target) for target in targets])
        else:
            self.files.get(f"{place}/", str(folder / name), recursive=True)


def _local(parts: SplitResult) -> tuple[Any, str]:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem(), parts.path


def _s3(parts: SplitResult) -> tuple[Any, str]:
    from s3fs import S3FileSystem

    endpoint = os.environ["MLFLOW_S3_ENDPOINT_URL"]
    return S3FileSystem(endpoint_url=endpoint), parts.netloc + parts.path


def _gcs(parts: SplitResult) -> tuple[Any, str]:
    from gcsfs import GCSFileSystem

    return GCSFileSystem(), parts.netloc + parts.path


def _azure(parts: SplitResult) -> tuple[Any, str]:
    from adlfs import AzureBlobFileSystem

    connection = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
    return AzureBlobFileSystem(connection_string=connection), f"{parts.username}{parts.path}"


def _sftp(parts: SplitResult) -> tuple[Any, str]:
    from sshfs import SSHFileSystem

    files = SSHFileSystem(host=parts.hostname, port=parts.port, username=parts.username)
    return files, parts.path


def _ftp(parts: SplitResult) -> tuple[Any, str]:
    from fsspec.implementations.ftp import FTPFileSystem

    password = unquote(parts.password or "")
    return FTPFileSystem(parts.hostname, parts.port, parts.username, password), parts.path


def _webdav(parts: SplitResult) -> tuple[Any, str]:
    from webdav4.fsspec import WebdavFileSystem

    login = (parts.username, unquote(parts.password or ""))
    return WebdavFileSystem(f"http://{parts.hostname}:{parts.port}", auth=login), parts.path


SYSTEMS = {
    "file": _local,
    "s3": _s3,
    "gs": _gcs,
    "wasbs": _azure,
    "sftp": _sftp,
    "ftp": _ftp,
    "webdav": _webdav,
}
CARRIERS = {"runlog": Runlog, "fsspec": Fsspec, "mlflow": MLflow}


def size(place: Path) -> tuple[int, int]:
    """How many files, how many bytes."""
    files = [path for path in [place, *place.rglob("*")] if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def warm(carrier: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm").write_bytes(b"warm")
        carrier.up(Path(folder, "warm"), "warm")
        Path(folder, "there").mkdir()
        carrier.down("warm", Path(folder, "there"))


def measured(name: str, what: str, direction: str, uri: str, folder: Path) -> dict[str, float]:
    """Costs of carrying it up to `uri`, or down from there into a temporary folder."""
    carrier = CARRIERS[name](uri)
    warm(carrier)
    with tempfile.TemporaryDirectory(dir=folder.parent) as target:
        meter.forget_peak()
        idle = meter.memory("VmRSS")
        with meter.span() as used:
            if direction == "up":
                carrier.up(folder / what, what)
            else:
                carrier.down(what, Path(target))
        peak = meter.memory("VmHWM") - idle
        if direction == "up":
            carrier.down(what, Path(target))
        if size(Path(target, what)) != size(folder / what):
            raise RuntimeError(f"{size(Path(target, what))} instead of {size(folder / what)}")
    return {"wall": used.wall, "cpu": used.cpu, "memory": peak}


if __name__ == "__main__":
    name, what, direction, uri, folder = sys.argv[1:]
    print(json.dumps(measured(name, what, direction, uri, Path(folder))), flush=True)
    os._exit(0)  # not held up by what a carrier does at its end
