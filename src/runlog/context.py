"""The tags a run gets without asking: who started it, from which program, at which git commit.

Git facts are read from git's own files. Starting `git` costs milliseconds, may not be possible,
and may run what the repository's configuration says; a file that cannot be read is only a tag
less.
"""

from __future__ import annotations

import os
import sys

from runlog.errors import warn
from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def default_tags() -> dict[str, str]:
    """Return the tags that describe where a run comes from, under MLflow's names.

    `mlflow.user`, `mlflow.source.name`, `mlflow.source.type`; with a git repository around the
    main script (around the working directory, in notebooks and consoles) also
    `mlflow.source.git.commit`, `.branch` and `.repoURL`; and what the JSON object in
    RUNLOG_RUN_CONTEXT or MLFLOW_RUN_CONTEXT says, which comes before all of them.
    """
    shell = _notebook_shell()
    name, kind = source(_argument(), shell, os.environ)
    tags = {
        "mlflow.user": user(),
        "mlflow.source.name": name,
        "mlflow.source.type": kind,
        **git_tags(_home("" if shell else _main_script())),
        **_given_tags(setting("RUN_CONTEXT")),
    }
    # A file name that is not UTF-8 reaches Python as lone surrogates, which no database takes.
    return {key: value.encode(errors="replace").decode() for key, value in tags.items()}


def user() -> str:
    """Return the name of whoever runs this process; "unknown" when nothing tells."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if found := os.environ.get(name):
            return found
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, OSError):
        return "unknown"


def without_password(url: str) -> str:
    """Return `url` without the user and password in front of its host, which must not be stored.
    The user of an scp-like address (`git@host:path`) is no secret and stays."""
    first, *rest = url.split("://")
    if ":" in first.partition("@")[0]:
        first = _without_user(first)
    return "://".join([first, *map(_without_user, rest)])


def _without_user(address: str) -> str:
    authority, slash, path = address.partition("/")
    return authority.rpartition("@")[2] + slash + path


# --- the program -------------------------------------------------------------------------------


def source(argument: str, shell: Any, environ: Mapping[str, str]) -> tuple[str, str]:
    """Name and type of the running program: of the script that `argument` is, or of the notebook
    when `shell`, IPython's object for a notebook, is there."""
    name = argument or "<console>"
    if shell is None:
        return name, "LOCAL"
    return _notebook(shell, environ) or name, "NOTEBOOK"


def _argument() -> str:
    return sys.argv[0] if getattr(sys, "argv", None) else ""


def _main_script() -> str:
    """Return the path of the main script as Python found it: `sys.argv` is of the directory in
    which the program was started, and it may have changed that."""
    return getattr(sys.modules.get("__main__"), "__file__", None) or _argument()


def _notebook_shell() -> Any:
    """Return IPython's shell object if this process is the kernel of a notebook, else None."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell if hasattr(shell, "kernel") else None


def _notebook(shell: Any, environ: Mapping[str, str]) -> str | None:
    # VS Code leaves the path among the user's variables, Jupyter's server and some others in the
    # environment. Asking a running server over HTTP, as MLflow also does, can take half a second.
    for path in (
        getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__"),
        environ.get("__vsc_ipynb_file__"),
        environ.get("IPYNB_FILE"),
        environ.get("JPY_SESSION_NAME"),
    ):
        if isinstance(path, str) and path.endswith(".ipynb"):
            return os.path.basename(path)
    return None


def _home(argument: str) -> str | None:
    """Return the directory of the main script, or the working directory when there is none."""
    try:
        if argument and os.path.isfile(argument):
            return os.path.dirname(os.path.abspath(argument))
        return os.getcwd()
    except OSError:  # the working directory is gone
        return None


def _given_tags(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    import json

    try:
        return {str(key): str(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        warn(f"RUNLOG_RUN_CONTEXT is not a JSON object of tags, so it is ignored: {text[:200]!r}")
        return {}


# --- git ---------------------------------------------------------------------------------------


def git_tags(directory: str | None) -> dict[str, str]:
    """Commit, branch and remote of the repository that holds `directory`. Nothing at all without
    a commit; no branch when HEAD is detached; no remote when there is none."""
    for git_dir in _git_dirs(directory):
        # A worktree has a HEAD of its own and shares branches and configuration.
        shared = os.path.join(git_dir, _file_text(git_dir, "commondir").strip() or ".")
        head = _file_text(git_dir, "HEAD").strip()
        commit = _commit(shared, head)
        if commit is None:
            return {}
        remote = _remote(_file_text(shared, "config"))
        tags = {
            "mlflow.source.git.commit": commit,
            "mlflow.source.git.branch": _after(head, "ref: refs/heads/"),
            "mlflow.source.git.repoURL": remote and without_password(remote),
        }
        return {key: value for key, value in tags.items() if value}
    return {}


def _git_dirs(directory: str | None) -> Iterator[str]:
    """Yield the git directory that rules `directory`: its own or that of the nearest one above."""
    while directory is not None:
        dot_git = os.path.join(directory, ".git")
        if os.path.isfile(os.path.join(dot_git, "HEAD")):
            yield dot_git
        elif pointer := _after(_file_text(directory, ".git"), "gitdir: "):
            yield os.path.join(directory, pointer.rstrip("\r\n"))
        above = os.path.dirname(directory)
        directory = above if above != directory else None


def _commit(shared: str, head: str) -> str | None:
    """Return the commit that `head` (the text of HEAD or of another reference) leads to."""
    for _ in range(5):  # as many symbolic references as git itself follows
        reference = _after(head, "ref:")
        if reference is None:
            break
        head = _resolved(shared, reference.strip())
    return head if _is_hash(head) else None


def _resolved(shared: str, reference: str) -> str:
    if not reference.startswith("refs/") or ".." in reference:
        return ""
    return _file_text(shared, reference).strip() or _packed(shared, reference)


def _packed(shared: str, reference: str) -> str:
    # Lines of `<commit> <reference>`, a hundred thousand of them in some repositories.
    packed = _file_text(shared, "packed-refs") + "\n"
    end = packed.find(f" {reference}\n")
    return packed[packed.rfind("\n", 0, end) + 1 : end] if end >= 0 else ""


def _is_hash(text: str) -> bool:
    return len(text) in (40, 64) and not text.strip("0123456789abcdef")


def _remote(config: str) -> str | None:
    """Return the address of `origin`, or of the first remote when none is called that."""
    urls: dict[str, str] = {}
    remote = None
    for line in config.splitlines():
        line = line.strip()
        if line.startswith("["):
            section, _, line = line[1:].partition("]")
            kind, _, name = section.partition(" ")
            remote = name.strip().strip('"') if kind.lower() == "remote" else None
        key, equals, value = line.partition("=")
        if remote is not None and equals and key.strip().lower() == "url":
            urls.setdefault(remote, _config_value(value))
    return urls.get("origin") or next(iter(urls.values()), None)


def _config_value(text: str) -> str:
    """Return a value as git's configuration writes it: quotes, escapes and trailing comments."""
    value, quoted, characters = "", False, iter(text.strip())
    for character in characters:
        if character == '"':
            quoted = not quoted
        elif character == "\\":
            value += next(characters, "")
        elif character in "#;" and not quoted:
            return value.rstrip()
        else:
            value += character
    return value


def _after(text: str, prefix: str) -> str | None:
    return text[len(prefix) :] if text.startswith(prefix) else None


def _file_text(*path: str) -> str:
    """Return the text of a file, empty when it cannot be read: then there is a tag less."""
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
