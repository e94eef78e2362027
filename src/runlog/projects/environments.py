"""The Python in which a project runs: the one in use, or one made from a file of the project.

    local        the activated environment, or else the one that runlog is installed in
    virtualenv   a venv with the requirements of python_env.yaml or conda.yaml, made by pip
    uv           the same, made by uv, which also fetches the Python
    conda        a conda environment from conda.yaml

What is made lies in a folder named by a digest of the requirements, so that it is made once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from runlog.errors import ExecutionException, InvalidParameter, warn
from runlog.projects.specification import Project
from runlog.settings import text

MANAGERS = ("local", "virtualenv", "uv", "conda")
BUILD_PACKAGES = {"pip", "setuptools", "wheel"}
_CONDA = re.compile(r"(?:[\w.-]+::)?([\w.-]+)\s*(?:(<=|>=|==?|!=|<|>)\s*([\w.*]+))?.*")
_INCLUDES = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)?(.+)")
_LOCAL = re.compile(r"(?:(-e|--editable)(?:\s+|=))?(\.{0,2}/.*|\.{1,2}(?:\[.*)?|file:.*)$")


class Requirements(NamedTuple):
    """What an environment holds: a version of Python, None for any, packages to build with, and
    lines as of a requirements.txt."""

    python: str | None
    build: list[str]
    lines: list[str]


def check(manager: str | None) -> str:
    """Return a name among MANAGERS. Raises InvalidParameter for another."""
    if manager is None:
        return MANAGERS[0]
    if manager not in MANAGERS:
        raise InvalidParameter(f"no environment manager {manager!r}: use {', '.join(MANAGERS)}")
    return manager


@contextmanager
def prepared(project: Project, manager: str) -> Iterator[dict[str, str]]:
    """Yield the environment variables of the project's process: PATH leads to the Python of the
    environment, which is made if it does not exist. Raises ExecutionException if it cannot be
    made."""
    if manager == "local":
        with local() as environment:
            yield environment
    elif manager == "conda":
        yield _activated(_conda(project), "CONDA_PREFIX")
    else:
        yield _activated(_venv(project, manager), "VIRTUAL_ENV")


# -- the environment in use -------------------------------------------------------------------


@contextmanager
def local() -> Iterator[dict[str, str]]:
    """Yield the environment variables of this process, with a `python` on PATH."""
    environment = {**os.environ}
    activated = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if sys.prefix != sys.base_prefix and not activated:
        environment = _activated(Path(sys.prefix), "VIRTUAL_ENV")
    path = environment.get("PATH", "")
    if shutil.which("python", path=path):
        yield environment
        return
    with tempfile.TemporaryDirectory(prefix="runlog-python-") as folder:
        program = Path(folder, "python")
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        program.chmod(0o700)
        yield {**environment, "PATH": os.pathsep.join([folder, path])}


def _activated(prefix: Path, variable: str) -> dict[str, str]:
    """The variables of this process, as activating an environment would change them."""
    environment = {**os.environ, variable: str(prefix)}
    environment.pop("PYTHONHOME", None)
    programs = str(_programs(prefix))
    environment["PATH"] = os.pathsep.join([programs, environment.get("PATH", os.defpath)])
    return environment


def _programs(prefix: Path) -> Path:
    return prefix / ("Scripts" if os.name == "nt" else "bin")


# -- venvs ------------------------------------------------------------------------------------


def _venv(project: Project, manager: str) -> Path:
    wanted = requirements(project)
    python = wanted.python if manager == "uv" else _python(wanted.python)
    lines = [_absolute(each, project.folder) for each in wanted.lines]
    parts = [manager, str(python), *wanted.build, "--", *lines, *_contents(lines, project.folder)]
    return _made(parts, lambda target: _make_venv(target, manager, python, wanted, lines, project))


def _make_venv(
    target: Path,
    manager: str,
    python: str | None,
    wanted: Requirements,
    lines: list[str],
    project: Project,
) -> None:
    if manager == "uv":
        uv = _program("uv", "install it with  pip install uv, or use --env-manager virtualenv")
        version = ["--python", python] if python else []
        _call([uv, "venv", "--quiet", *version, str(target)], project.folder)
        install = [uv, "pip", "install", "--quiet", "--python", str(_programs(target) / "python")]
    else:
        _call([str(python), "-m", "venv", str(target)], project.folder)
        install = [str(_programs(target) / "python"), "-m", "pip", "install", "--quiet"]
        install.append("--disable-pip-version-check")
    if wanted.build and manager != "uv":  # uv installs none of them into the environment
        _call([*install, *wanted.build], project.folder)
    if lines:
        with tempfile.TemporaryDirectory(prefix="runlog-requirements-") as folder:
            file = Path(folder, "requirements.txt")
            file.write_text("\n".join([*lines, ""]))
            _call([*install, "-r", str(file)], project.folder)


def requirements(project: Project) -> Requirements:
    """Read python_env.yaml or conda.yaml. Raises ExecutionException if it is wrong."""
    if project.environment is None:
        return Requirements(None, [], [])
    import yaml

    with open(project.environment, encoding="utf-8") as file:
        try:
            content = yaml.safe_load(file) or {}
        except yaml.YAMLError as error:
            message = " ".join(str(error).split())
            raise ExecutionException(f"{project.environment} is not YAML: {message}") from None
    if not isinstance(content, dict):
        raise ExecutionException(f"{project.environment} must be a mapping")
    if project.kind == "conda_env":
        return _of_conda(content, project.environment)
    python = content.get("python")
    build, lines = (content.get(key) or [] for key in ("build_dependencies", "dependencies"))
    if not isinstance(build, list) or not isinstance(lines, list):
        raise ExecutionException(f"{project.environment}: dependencies must be lists")
    return Requirements(
        None if python is None else str(python), [*map(str, build)], [*map(str, lines)]
    )


def _of_conda(content: Mapping[str, Any], path: str) -> Requirements:
    python: str | None = None
    build: list[str] = []
    lines: list[str] = []
    left_out: list[str] = []
    for each in content.get("dependencies") or []:
        if isinstance(each, dict) and isinstance(each.get("pip"), list):
            lines += map(str, each["pip"])
            continue
        match = _CONDA.fullmatch(str(each)) if isinstance(each, str) else None
        if match is None:
            raise ExecutionException(f"{path}: {each!r} is no dependency of conda")
        name, operator, version = match.groups()
        if name == "python":
            python = version
        elif name in BUILD_PACKAGES:
            operator = "==" if operator == "=" else operator or ""
            build.append(f"{name}{operator}{version or ''}")
        else:
            left_out.append(str(each))
    if left_out:
        warn(
            f"{path}: packages of conda are not installed by pip: {', '.join(left_out)}. Use "
            "--env-manager conda, or name them under pip"
        )
    return Requirements(python, build, lines)


def _python(version: str | None) -> str:
    """The interpreter of a version: with the same major and minor number, if no other is here."""
    numbers = re.findall(r"\d+", version or "")[:2]
    here = [str(sys.version_info.major), str(sys.version_info.minor)]
    if numbers in ([], here[:1], here):
        return str(getattr(sys, "_base_executable", None) or sys.executable)
    name = f"python{'.'.join(numbers)}"
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    of_pyenv = sorted(versions.glob(f"{'.'.join(numbers)}.*/bin/python"))
    if of_pyenv:
        return str(of_pyenv[-1])
    found = shutil.which(name)
    if found:
        return found
    raise ExecutionException(
        f"the project wants Python {version}, and there is no {name} here: install it, or use "
        "--env-manager uv, which fetches it"
    )


def _absolute(line: str, folder: str) -> str:
    """A line of requirements that means the same in a file elsewhere."""
    included = _INCLUDES.fullmatch(line.strip())
    if included:
        return f"{included[1]} {os.path.join(folder, included[2].strip())}"
    return line.strip()


def _contents(lines: list[str], folder: str) -> Iterator[str]:
    """What requirements depend on beside their text: the files that they include, and the folder
    and state of packages that lie on this machine."""
    for line in lines:
        line = line.strip()
        included = _INCLUDES.fullmatch(line)
        local = _LOCAL.match(line.partition(" @ ")[2] or line)
        if included:
            file = Path(folder, included[2].strip())
            try:
                inner = file.read_text(encoding="utf-8").splitlines()
            except OSError as error:
                raise ExecutionException(f"{file}: {error.strerror}") from None
            yield from inner
            yield from _contents(inner, str(file.parent))
        elif local:
            path = Path(folder, local[2].removeprefix("file:").partition("[")[0])
            yield str(path)
            yield from (
                f"{each} {each.stat().st_mtime_ns}"
                for each in sorted(path.rglob("*") if path.is_dir() else [path])
                if each.is_file()
            )


# -- conda ------------------------------------------------------------------------------------


def _conda(project: Project) -> Path:
    if project.kind != "conda_env" or project.environment is None:
        raise InvalidParameter(
            "--env-manager conda needs a project with a conda.yaml: use virtualenv or uv for a "
            "python_env.yaml"
        )
    file = project.environment
    remedy = "install conda, or use --env-manager virtualenv"
    conda = os.environ.get("CONDA_EXE") or _program("conda", remedy)
    words = ["env", "create", "--quiet", "--file", file, "--prefix"]
    parts = ["conda", Path(file).read_text(encoding="utf-8")]
    return _made(parts, lambda target: _call([conda, *words, str(target)], project.folder))


# -- all of them ------------------------------------------------------------------------------


def _made(parts: list[str], make: Any) -> Path:
    """The folder of an environment, made by `make(folder)` under a lock if it is not complete."""
    root = Path(text("ENV_ROOT")).expanduser()
    root.mkdir(parents=True, exist_ok=True)
    name = sha256("\0".join(parts).encode()).hexdigest()[:20]
    target, complete = root / name, root / f"{name}.complete"
    with _lock(root / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(target, ignore_errors=True)
            make(target)
            complete.touch()
    return target


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        try:
            import fcntl
        except ImportError:  # Windows: two that make the same environment at once must wait
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _program(name: str, remedy: str) -> str:
    path = os.pathsep.join([str(_programs(Path(sys.prefix))), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise ExecutionException(f"{name} is not installed: {remedy}")
    return found


def _call(command: list[str], folder: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in _OF_PYTHON}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        last = " ".join(done.stdout.strip().splitlines()[-8:])
        raise ExecutionException(
            f"the environment could not be made: {' '.join(command[:4])} failed: {last}"
        )


_OF_PYTHON = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
