"""The files of a run: what may they be called, and how do they get in and out.

`ArtifactRepo` speaks to a file system in the words of fsspec's `AbstractFileSystem`. A file is
written under a hidden name beside its place and then moved there, so nobody ever sees half of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from runlog.entities import FileInfo
from runlog.errors import InvalidParameter, NotFound, RunlogError

HIDDEN = ".runlog-"
"""How the names of unfinished files begin. Nothing else may be called so."""

_Files = list[FileInfo]  # inside ArtifactRepo, `list` is the method
_Entries = list[tuple[FileInfo, bool]]
_Staged = list[tuple[str, str]]
_ERROR_CODES = {
    errno.EACCES: "PERMISSION_DENIED",
    errno.EPERM: "PERMISSION_DENIED",
    errno.EROFS: "PERMISSION_DENIED",
    errno.ENOSPC: "RESOURCE_EXHAUSTED",
    errno.EDQUOT: "RESOURCE_EXHAUSTED",
}


class NoSuchFile(NotFound, FileNotFoundError):
    """An artifact or a local file that is not there; FileNotFoundError, too, as scripts expect."""


# --- what scripts call -------------------------------------------------------------------------


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """Bring an artifact file or directory to this machine and return its local path.

    It is `artifact_uri`: `runs:/<run id>/<path>` or a local address; or else the `artifact_path`
    of the run `run_id`, or all that this run has. With `dst_path`, which is made if it does not
    exist, it is copied there. Without, local artifacts stay where they are.
    Raises NoSuchFile (NotFound, and FileNotFoundError) when there is none, InvalidParameter for a
    bad address. `registry_uri` is there for scripts that pass it.
    """
    repo, path = _addressed(artifact_uri, run_id, artifact_path, tracking_uri)
    if dst_path is not None:
        os.makedirs(dst_path, exist_ok=True)
    return repo.download(path, dst_path)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """What is directly in a directory of artifacts, addressed as in `download_artifacts`; nothing
    for a file. Paths are relative to the run's artifacts; to the directory above, for an address
    that is not of a run."""
    repo, path = _addressed(artifact_uri, run_id, artifact_path, tracking_uri)
    return repo.list(path)


def load_text(artifact_uri: str) -> str:
    """The text of an artifact file. Raises BadRequest when it is not UTF-8."""
    from runlog import media

    return media.load_text(_content(artifact_uri))


def load_dict(artifact_uri: str) -> Any:
    """What a JSON file holds, or a YAML file that ends with .yml or .yaml. Raises BadRequest when
    the file is no such thing."""
    from runlog import media

    return media.load_dictionary(_content(artifact_uri), artifact_uri)


def load_image(artifact_uri: str) -> Any:
    """The PIL image of an artifact file. Raises BadRequest when the file is no image."""
    from runlog import media

    return media.load_image(_content(artifact_uri))


def _content(artifact_uri: str) -> bytes:
    repo, path = _addressed(artifact_uri)
    with repo.open(path) as file:
        return file.read()


def _addressed(
    artifact_uri: str | None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> tuple[ArtifactRepo, str]:
    if artifact_uri is not None and (run_id is not None or artifact_path is not None):
        raise InvalidParameter("artifact_uri says it all: give no run_id or artifact_path with it")
    if artifact_uri is not None and not artifact_uri.startswith("runs:"):
        from runlog import places

        root, _, path = artifact_uri.rstrip("/").rpartition("/")
        if ":" in root.partition("/")[0] and (files := places.store(tracking_uri).files(root)):
            return ArtifactRepo(root, files), path
        root, path = os.path.split(local_root(artifact_uri))
        return ArtifactRepo(root), path
    if artifact_uri is not None:
        run_id, artifact_path = parse_runs_uri(artifact_uri)
    if run_id is None:
        raise InvalidParameter("Exactly one of `run_id` or `artifact_uri` must be specified")
    from runlog import places

    store = places.store(tracking_uri)
    uri = store.get_run(run_id).info.artifact_uri
    return ArtifactRepo(uri, store.files(uri)), artifact_path or ""


# --- paths and addresses -----------------------------------------------------------------------


def check_path(path: str | os.PathLike[str]) -> str:
    """`path` as text, if it can name an artifact: relative, in POSIX form, staying below the
    root. Parts that are `.` go. Percent signs mean themselves: nothing is decoded.

    Raises InvalidParameter with "Invalid path" in its message.
    """
    path = os.fspath(path)
    parts = [part for part in path.split("/") if part != "."]
    reason = None
    if not path or not parts:
        reason = "it names no file"
    elif path.startswith("/"):
        reason = "it must be relative"
    elif "\\" in path:
        reason = "separate directories with /"
    elif parts[0][:1].isalpha() and parts[0][1:2] == ":":
        reason = "it begins like a Windows drive"
    elif "" in parts:
        reason = "it has a directory without a name"
    elif ".." in parts:
        reason = "it must not lead upwards with .."
    elif not _is_plain_text(path):
        reason = "it has control characters or is not Unicode text"
    elif any(part.startswith(HIDDEN) for part in parts):
        reason = f"names that begin with {HIDDEN} are for unfinished files"
    if reason is not None:
        raise InvalidParameter(f"Invalid path {path!r} of an artifact: {reason}")
    return "/".join(parts)


def parse_runs_uri(uri: str) -> tuple[str, str]:
    """Run id and artifact path of `runs:/<run id>/<path>`; the path may be empty. Nothing is
    decoded, so `%` and `#` in a path mean themselves. Raises InvalidParameter."""
    run_id, _, path = uri.removeprefix("runs:/").partition("/")
    if not uri.startswith("runs:/") or not run_id:
        raise InvalidParameter(f"not a run's URI: {uri!r}. Use runs:/<run id>/<path of artifact>")
    return run_id, path


def local_root(uri: str) -> str:
    """The absolute local path that `uri` names: a path as it is, or a `file:` URI, decoded.
    Raises InvalidParameter for any other scheme."""
    scheme, colon, rest = uri.partition(":")
    if not uri or "\0" in uri:
        raise InvalidParameter(f"no place for artifacts: {uri!r}")
    if colon and scheme.lower() == "file":
        return os.path.abspath(_file_uri_path(uri, rest))
    if colon and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").isalnum():
        # The rest of the URI stays out of the message: it may hold a password.
        raise InvalidParameter(
            f"artifacts cannot be kept at {scheme}: addresses: "
            "only local paths and file: URIs work in this version"
        )
    return os.path.abspath(uri)


def _file_uri_path(uri: str, rest: str) -> str:
    from urllib.parse import unquote

    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        rest = slash + path
        if host not in ("", "localhost"):
            raise InvalidParameter(
                f"file: URIs name files of this machine, not of {host!r}: {uri!r}"
            )
    if not rest or rest.startswith(":") or "?" in rest or "#" in rest:
        raise InvalidParameter(f"not a path: {uri!r}. Write ? as %3F and # as %23 in a file: URI")
    path = unquote(rest)
    return path[1:] if os.name == "nt" and path[2:3] == ":" else path


def _is_plain_text(path: str) -> bool:
    # Control characters are the two blocks C0 and C1; surrogates are bytes that are not UTF-8.
    return not any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in path)


def _directory(path: str | os.PathLike[str] | None) -> str:
    """The checked path of a directory, which may end with a slash; empty for the root."""
    text = "" if path is None else os.fspath(path)
    return "" if text in ("", ".", "./") else check_path(text.removesuffix("/"))


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


# --- the repository ----------------------------------------------------------------------------


class ArtifactRepo:
    """The artifacts below one root: `uri` is a local path or a `file:` URI.

    Paths of artifacts are relative to the root, with `/` between directories. Every method
    raises InvalidParameter ("Invalid path ...") for one that is absolute, leads upwards, holds
    control characters or backslashes, or follows a symbolic link out of the root.
    """

    def __init__(self, uri: str, files: Any = None) -> None:
        """`files` is the file system below `uri`, an object with fsspec's methods."""
        self.uri = uri
        self._root = local_root(uri) if files is None else uri.rstrip("/")
        self._files = LocalFiles(self._root) if files is None else files

    def log_artifact(
        self, local_file: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy a local file, under its own name, into the directory `artifact_path` or the root.
        A directory is copied with all that is in it. Raises NoSuchFile when there is none."""
        local = os.path.abspath(local_file)
        directory = _directory(artifact_path)
        path = check_path(_join(directory, os.path.basename(local)))
        if os.path.isdir(local):
            self.log_artifacts(local, path)
        else:
            self._publish(path, self._copier(local))

    def log_artifacts(
        self, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy all that is in a local directory, subdirectories too, into `artifact_path`.

        Symbolic links are followed. Every name is checked before the first file is copied.
        Raises NoSuchFile when the directory or the target of a link is missing.
        """
        base = _directory(artifact_path)
        top = os.path.abspath(local_dir)
        if not os.path.isdir(top):
            raise NoSuchFile(f"no local directory {top!r} to log as artifacts")
        # What is below our own root stays out, or logging "." would copy copies of copies.
        found = [
            (local, check_path(_join(base, name)), is_dir)
            for local, name, is_dir in _tree(top, "", [_identity(self._root)])
        ]
        self._make_directory(base)
        staged: _Staged = []
        try:
            for local, path, is_dir in found:
                if is_dir:
                    self._make_directory(path)
                else:
                    staged.append((self._stage(path, self._copier(local)), path))
            self._reveal_all(staged)
        except BaseException:
            for hidden, _ in staged:
                self._discard(hidden)
            raise

    def write(self, path: str, data: bytes | Iterable[bytes]) -> None:
        """Make `data`, or the chunks that it yields, the content of the file `path`."""
        chunks = (data,) if isinstance(data, (bytes, bytearray, memoryview)) else data

        def fill(hidden: str) -> None:
            with self._files.open(hidden, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)

        self._publish(check_path(path), fill)

    def list(self, path: str | None = None) -> _Files:
        """What is directly in the directory `path` or in the root, sorted by path. The list is
        empty when there is nothing at `path`, or a file."""
        return [info for info, _ in self._entries(_directory(path))]

    def open(self, path: str) -> BinaryIO:
        """The file `path`, open for reading bytes. Raises NoSuchFile."""
        path = check_path(path)
        with _explained("read", path):
            return cast(BinaryIO, self._files.open(self._place(path), "rb"))

    def download(self, path: str | None, dst: str | os.PathLike[str] | None = None) -> str:
        """Bring a file or a directory here and return its local path.

        With `dst`, a directory that exists, it is copied to `dst/path`. Without, local artifacts
        are not copied at all: the path returned is their own.
        Raises NoSuchFile, and NotFound or InvalidParameter for a `dst` that is no directory.
        """
        path = _directory(path)
        if dst is None and isinstance(self._files, LocalFiles):
            self._info(path)
            return self._place(path)
        dst = _existing_directory(dst)
        for info in self._below(path):
            target = os.path.join(dst, *info.path.split("/"))
            if info.is_dir:
                os.makedirs(target, exist_ok=True)
            else:
                self._fetch(info.path, target)
        return os.path.join(dst, *path.split("/")) if path else dst

    def delete(self, path: str | None = None) -> None:
        """Delete the file or the directory `path`, or everything. Nothing there is fine."""
        path = _directory(path)
        with _explained("delete", path):
            try:
                self._files.rm(self._place(path), recursive=True)
            except FileNotFoundError:
                pass

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _make_directory(self, path: str) -> None:
        with _explained("write", path):
            self._files.makedirs(self._place(path), exist_ok=True)

    def _copier(self, local: str) -> Callable[[str], None]:
        _must_be_file(local)
        return lambda hidden: self._files.put_file(local, hidden)

    def _publish(self, path: str, fill: Callable[[str], None]) -> None:
        """Make what `fill` writes the content of `path`, whose directory need not exist."""
        self._make_directory(os.path.dirname(path))
        self._reveal(self._stage(path, fill), path)

    def _stage(self, path: str, fill: Callable[[str], None]) -> str:
        """Let `fill` write a file of a hidden name in the directory of `path`, and return where.
        A process that is killed now leaves a file that nobody lists or reads."""
        hidden = self._place(_join(os.path.dirname(path), HIDDEN + os.urandom(8).hex()))
        try:
            with _explained("write", path):
                fill(hidden)
        except BaseException:
            self._discard(hidden)
            raise
        return hidden

    def _reveal(self, hidden: str, path: str) -> None:
        try:
            with _explained("write", path):
                self._files.mv(hidden, self._place(path))
        except BaseException:
            self._discard(hidden)
            raise

    def _reveal_all(self, staged: _Staged) -> None:
        """Moving waits for the disk. One after the other, 1000 small files took 2.7 s; after all
        were written, in 8 threads, 1.0 s (copying in threads as well was slower again)."""
        if len(staged) < 8:
            for hidden, path in staged:
                self._reveal(hidden, path)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as threads:
            for each in [threads.submit(self._reveal, *pair) for pair in staged]:
                each.result()

    def _discard(self, hidden: str) -> None:
        try:
            self._files.rm(hidden)
        except OSError:
            pass

    def _info(self, path: str) -> dict[str, Any]:
        with _explained("read", path):
            return cast("dict[str, Any]", self._files.info(self._place(path)))

    def _entries(self, directory: str) -> _Entries:
        """What is directly in a directory, each with whether it is a symbolic link."""
        place = self._place(directory)
        with _explained("list", directory):
            try:
                found = self._files.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        # fsspec lists a file as itself, and object stores a directory within itself.
        entries = [
            (_file_info(directory, entry), bool(entry.get("islink")))
            for entry in found
            if entry["name"].rstrip("/") != place.rstrip("/")
        ]
        entries = [each for each in entries if not _is_hidden(each[0].path)]
        return sorted(entries, key=lambda each: each[0].path)

    def _below(self, path: str) -> _Files:
        """The files at and below `path`, and the directories. Symbolic links to directories are
        not entered: they may lead in a circle."""
        info = self._info(path)
        if info["type"] != "directory":
            return [FileInfo(path, False, info["size"])]
        found = [FileInfo(path, True)] if path else []
        waiting = [path]
        while waiting:
            for each, is_link in self._entries(waiting.pop()):
                if each.is_dir and is_link:
                    continue
                found.append(each)
                if each.is_dir:
                    waiting.append(each.path)
        return found

    def _fetch(self, path: str, target: str) -> None:
        hidden = os.path.join(os.path.dirname(target), HIDDEN + os.urandom(8).hex())
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with _explained("download", path):
            try:
                self._files.get_file(self._place(path), hidden)
                os.replace(hidden, target)
            except BaseException:
                if os.path.exists(hidden):
                    os.unlink(hidden)
                raise


def _file_info(directory: str, entry: dict[str, Any]) -> FileInfo:
    path = _join(directory, entry["name"].rstrip("/").rpartition("/")[2])
    is_dir = entry["type"] == "directory"
    return FileInfo(path, is_dir, None if is_dir else entry["size"])


def _is_hidden(path: str) -> bool:
    return path.rpartition("/")[2].startswith(HIDDEN)


@contextmanager
def _explained(verb: str, path: str) -> Iterator[None]:
    """Turn what the file system says into errors of ours that name the artifact."""
    try:
        yield
    except RunlogError:
        raise
    except FileNotFoundError as error:
        said = "No such artifact" if verb == "read" else f"cannot {verb} artifact"
        raise NoSuchFile(f"{said}: {path!r}: {_reason(error)}") from error
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise InvalidParameter(
            f"Invalid path {path!r} of an artifact: cannot {verb} it: {_reason(error)}"
        ) from error
    except OSError as error:
        code = _ERROR_CODES.get(error.errno or 0)
        raise RunlogError(f"cannot {verb} artifact {path!r}: {_reason(error)}", code) from error


def _reason(error: OSError) -> str:
    where = f": {os.fsdecode(error.filename)!r}" if error.filename else ""
    return f"{error.strerror or error}{where}"


# --- the local side ----------------------------------------------------------------------------


class LocalFiles:
    """fsspec's local file system for ArtifactRepo, made strict: it never leaves `root` by a link,
    and a file that is moved to its final name is on the disk, in place of what was there.
    """

    def __init__(self, root: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self._root = root
        self._files: Any = LocalFileSystem()

    def open(self, path: str, mode: str) -> Any:
        return self._files.open(self._real(path), mode)

    def info(self, path: str) -> dict[str, Any]:
        return {**self._files.info(self._real(path)), "name": path}

    def ls(self, path: str, detail: bool = True) -> list[dict[str, Any]]:
        real = self._real(path)
        if not os.path.isdir(real):  # fsspec's lists a file as itself
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), real)
        found = []
        for entry in self._files.ls(real, detail=True):
            place = f"{path}/{os.path.basename(entry['name'])}"
            if entry.get("islink"):
                try:
                    entry = {**self.info(place), "islink": True}
                except (OSError, InvalidParameter):  # it leads nowhere, or outside
                    continue
            found.append({**entry, "name": place})
        return found

    def makedirs(self, path: str, exist_ok: bool) -> None:
        self._files.makedirs(self._real(path), exist_ok=exist_ok)

    def put_file(self, local: str, path: str) -> None:
        self._files.put_file(local, path)

    def get_file(self, path: str, local: str) -> None:
        self._files.get_file(self._real(path), local)

    def mv(self, hidden: str, path: str) -> None:
        # Without this, a power cut can leave an empty file under the final name: renaming may
        # reach the disk before the data does. Costs 0.4 ms on the disk it was measured on.
        with open(hidden, "rb+") as file:
            os.fsync(file.fileno())
        # fsspec's would move it *into* a directory of that name.
        os.replace(hidden, path)

    def rm(self, path: str, recursive: bool = False) -> None:
        if path == self._root:
            path = os.path.realpath(path)
        else:  # a link is deleted itself, wherever it leads; only its directory must be ours
            self._real(os.path.dirname(path))
        if os.path.islink(path):
            os.unlink(path)
        else:
            self._files.rm(path, recursive=recursive)

    def _real(self, path: str) -> str:
        root, real = os.path.realpath(self._root), os.path.realpath(path)
        if real != root and not real.startswith(os.path.join(root, "")):
            raise InvalidParameter(f"Invalid path {path!r}: it leads out of {self._root!r}")
        return real


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:  # our root, before the first artifact
        return None
    return status.st_dev, status.st_ino


def _tree(
    directory: str, name: str, above: list[tuple[int, int] | None]
) -> Iterator[tuple[str, str, bool]]:
    """Everything below a local directory: its path, its name relative to the top, and whether
    it is a directory. One that is among those `above`, by way of a link, is left out."""
    above = [*above, _identity(directory)]
    try:
        children = sorted(os.listdir(directory))
    except OSError as error:
        code = _ERROR_CODES.get(error.errno or 0)
        raise RunlogError(f"cannot read directory {directory!r}: {_reason(error)}", code) from error
    for child in children:
        path = os.path.join(directory, child)
        is_dir = os.path.isdir(path)
        if child.startswith(HIDDEN) or (is_dir and _identity(path) in above):
            continue
        yield path, _join(name, child), is_dir
        if is_dir:
            yield from _tree(path, _join(name, child), above)


def _must_be_file(local: str) -> None:
    try:
        mode = os.stat(local).st_mode
    except FileNotFoundError as error:
        raise NoSuchFile(f"no local file {local!r} to log as an artifact") from error
    except OSError as error:
        raise RunlogError(f"cannot read {local!r}: {_reason(error)}") from error
    if not stat.S_ISREG(mode):
        raise InvalidParameter(f"{local!r} is not a regular file, so it cannot be an artifact")


def _existing_directory(dst: str | os.PathLike[str] | None) -> str:
    if dst is None:
        from tempfile import mkdtemp

        return mkdtemp(prefix="runlog-")
    dst = os.path.abspath(dst)
    if not os.path.exists(dst):
        raise NoSuchFile(f"no directory {dst!r} to download to")
    if not os.path.isdir(dst):
        raise InvalidParameter(f"cannot download to {dst!r}: it must be a directory")
    return dst
