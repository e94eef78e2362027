"""Where a project comes from: a folder, a git repository, a zip file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from runlog import context
from runlog.errors import ExecutionException, InvalidParameter, NotFound

GIT_SCHEMES = ("https", "http", "ssh", "git", "file", "git+https", "git+ssh")
_SCP = re.compile(r"[\w.-]+@[\w.-]+:[^:]", re.ASCII)  # git@host:path
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Source(NamedTuple):
    """The folder of a project, the name of where it comes from, without credentials, and the
    temporary folder that it was copied to, if it was."""

    folder: str
    name: str
    temporary: str | None = None

    def remove(self) -> None:
        """Delete the temporary copy."""
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)


def fetch(uri: str, version: str | None = None) -> Source:
    """Return the project at a URI: a folder as it is, anything else as a copy in a temporary
    folder. `uri` may end with `#subdirectory`; `version` is a commit, branch or tag of a git
    repository. Raises ExecutionException if git cannot fetch it, NotFound if there is no such
    folder, InvalidParameter if the URI is of no known kind."""
    root, _, subdirectory = uri.strip("'\"").partition("#")
    if version is not None and (not version or version.startswith("-")):
        raise InvalidParameter(f"{version!r} is not a version: name a commit, a branch or a tag")
    path = _local(root)
    if path is None and root.endswith(".zip"):
        return _copied(_download, root, uri, version, subdirectory)
    if path is None or _is_bare(path):
        return _copied(_fetch_git, root if path is None else path, uri, version, subdirectory)
    if not os.path.exists(path):
        raise NotFound(f"there is no project at {path}")
    if path.endswith(".zip"):
        return _copied(_unpack, path, uri, version, subdirectory)
    if version is not None:
        if _top(path) is None:
            raise ExecutionException(
                f"a version can only be given for a git repository, and {path} is in none"
            )
        return _copied_version(path, version, subdirectory)
    folder = _below(os.path.abspath(path), subdirectory)
    return Source(folder, _local_name(folder))


def path_of(uri: str) -> str:
    """Return the path that a file: URI names; a path is returned as it is."""
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def _local(uri: str) -> str | None:
    """The path that a URI names on this machine, None if it names none."""
    if uri.startswith("file:") or os.path.exists(uri):
        return path_of(uri)
    scheme = uri.partition(":")[0].lower()
    if "://" in uri and scheme in GIT_SCHEMES or _SCP.match(uri):
        return None
    if "://" in uri:
        raise InvalidParameter(
            f"a project cannot be fetched from a URI of the kind {scheme}: name a folder or a git "
            f"repository ({', '.join(GIT_SCHEMES[:4])}, or user@host:path)"
        )
    return os.path.abspath(uri)


def _is_bare(path: str) -> bool:
    return all(os.path.exists(os.path.join(path, name)) for name in ("HEAD", "objects", "refs"))


def _below(folder: str, subdirectory: str) -> str:
    below = os.path.realpath(os.path.join(folder, subdirectory))
    root = os.path.realpath(folder)
    if not subdirectory:
        return folder
    if os.path.commonpath([root, below]) != root or not os.path.isdir(below):
        raise ExecutionException(f"Could not find subdirectory {subdirectory} of the project")
    return below


def _copied(
    copy: Callable[[str, str, str | None], None],
    source: str,
    uri: str,
    version: str | None,
    subdirectory: str,
) -> Source:
    target = tempfile.mkdtemp(prefix="runlog-project-")
    try:
        copy(source, target, version)
        folder = _below(target, subdirectory)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return Source(folder, _source_name(uri.strip("'\""), source), target)


def _copied_version(path: str, version: str, subdirectory: str) -> Source:
    """A version of a repository whose working tree is here: that is left as it is."""
    top = _top(path)
    assert top is not None
    inside = os.path.relpath(os.path.realpath(path), top)
    inside = os.path.normpath(os.path.join(inside, subdirectory))
    name = _local_name(_below(os.path.abspath(path), subdirectory))
    copied = _copied(_fetch_git, top, top, version, "" if inside == "." else inside)
    return copied._replace(name=name)


def _source_name(uri: str, source: str) -> str:
    if "://" not in uri and os.path.exists(source):
        return os.path.abspath(source) + uri.partition("#")[1] + uri.partition("#")[2]
    return context.without_password(uri)


def _local_name(folder: str) -> str:
    """A local project as MLflow names it: by the repository that it is in."""
    top = _top(folder)
    if top is None:
        return folder
    inside = os.path.relpath(os.path.realpath(folder), top)
    return f"file://{top}" + ("" if inside == "." else f"#{inside}")


def _top(folder: str) -> str | None:
    """The working tree around a folder."""
    above = os.path.realpath(folder)
    while not os.path.exists(os.path.join(above, ".git")):
        if os.path.dirname(above) == above:
            return None
        above = os.path.dirname(above)
    return above


def _download(uri: str, target: str, version: str | None) -> None:
    from runlog import artifacts

    with tempfile.TemporaryDirectory(prefix="runlog-zip-") as folder:
        _unpack(artifacts.download_artifacts(uri, dst_path=folder), target, version)


def _unpack(path: str, target: str, version: str | None) -> None:
    import zipfile

    if version is not None:
        raise ExecutionException("a version can only be given for a git repository, not for a zip")
    try:
        with zipfile.ZipFile(path) as file:
            file.extractall(target)  # leaves out .. and roots
    except zipfile.BadZipFile as error:
        raise ExecutionException(f"{path} is not a zip file: {error}") from None


# -- git --------------------------------------------------------------------------------------


def _fetch_git(uri: str, target: str, version: str | None) -> None:
    uri = uri.removeprefix("git+")
    branch = [] if version is None else ["--branch", version]
    try:
        _clone(uri, target, branch)
    except ExecutionException as error:
        if version is None or isinstance(error, GitMissing):
            raise
        _fetch_commit(uri, target, version)
    if os.path.exists(os.path.join(target, ".gitmodules")):
        _git(uri, ["submodule", "update", "--init", "--recursive"], target)
    # What the project runs may read the folder, but need not know the password.
    _git(uri, ["remote", "set-url", "origin", context.without_password(uri)], target)


def _clone(uri: str, target: str, branch: list[str]) -> None:
    shallow = ["--depth", "1"] if "://" in uri or _SCP.match(uri) else []
    try:
        _git(uri, ["clone", *shallow, *branch, "--", uri, target])
    except ExecutionException as error:
        if "shallow" not in error.message:  # what a plain web server with a repository cannot do
            raise
        _git(uri, ["clone", *branch, "--", uri, target])


def _fetch_commit(uri: str, target: str, version: str) -> None:
    _git(uri, ["init", "--quiet", target])
    _git(uri, ["remote", "add", "origin", uri], target)
    try:
        if not _COMMIT.fullmatch(version):
            raise ExecutionException("a part of a commit's id cannot be fetched")
        _git(uri, ["fetch", "--depth", "1", "origin", version], target)
    except ExecutionException:  # not every server sends a commit that no branch names
        _git(uri, ["fetch", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"], target)
    try:
        _git(uri, ["checkout", "--quiet", "--detach", f"{version}^{{commit}}"], target)
    except ExecutionException:
        raise ExecutionException(
            f"Unable to checkout version {version!r} of git repo {context.without_password(uri)}: "
            "it has no such commit, branch or tag"
        ) from None


class GitMissing(ExecutionException):
    """There is no program `git` here."""


def _git(uri: str, arguments: list[str], folder: str | None = None) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in _OF_A_HOOK}
    environment["LC_ALL"] = "C"  # messages are read here
    environment.setdefault("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")  # no ext::COMMAND
    if not sys.stdin or not sys.stdin.isatty():
        environment["GIT_TERMINAL_PROMPT"] = "0"
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise GitMissing(
            "a project is fetched by git, which is not installed: install it, or name a folder"
        ) from None
    if done.returncode:
        clean = context.without_password(uri)
        message = " ".join(done.stderr.replace(uri, clean).split())
        raise ExecutionException(f"git {arguments[0]} of {clean} failed: {_masked(message)}")


_OF_A_HOOK = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"}


def _masked(text: str) -> str:
    """A text without user and password in its URLs: git also writes them in other spellings."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", text)
