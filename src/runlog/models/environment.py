"""The environment that a model needs, in the three files that MLflow has for it:
requirements.txt, python_env.yaml and conda.yaml."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from typing import Any

from runlog.errors import InvalidParameter, NotFound, shown
from runlog.models import yaml_files
from runlog.models.requirements import name_of, pinned

REQUIREMENTS, CONSTRAINTS = "requirements.txt", "constraints.txt"
CONDA, PYTHON = "conda.yaml", "python_env.yaml"

Given = "str | os.PathLike[str] | Sequence[str] | None"


class Environment:
    """The packages of a model. At most one of `conda_env` (a dictionary or a file) and the pip
    requirements (a list, or a file) may be given; InvalidParameter is raised otherwise."""

    def __init__(
        self,
        conda_env: Any = None,
        pip_requirements: Any = None,
        extra_pip_requirements: Any = None,
    ) -> None:
        given = (conda_env, pip_requirements, extra_pip_requirements)
        if sum(each is not None for each in given) > 1:
            raise InvalidParameter(
                "give only one of conda_env, pip_requirements and extra_pip_requirements"
            )
        self._conda = _conda(conda_env)
        self._constraints: list[str] = []
        self._pip = self._parsed(pip_requirements)
        self._extra = self._parsed(extra_pip_requirements) or []

    @property
    def is_given(self) -> bool:
        """Return whether nothing has to be inferred."""
        return self._conda is not None or self._pip is not None

    def _parsed(self, given: Any) -> list[str] | None:
        if given is None:
            return None
        if isinstance(given, (str, os.PathLike)):
            return self._read(os.fspath(given))
        lines: list[str] = []
        for each in given:
            if not isinstance(each, str):
                raise InvalidParameter(f"a pip requirement must be a text, not {shown(each)}")
            lines += self._line(each.strip(), "")
        return lines

    def _read(self, path: str) -> list[str]:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            raise NotFound(f"no file of pip requirements {path!r}") from None
        lines: list[str] = []
        for line in text.replace("\\\n", "").splitlines():
            lines += self._line(line.split(" #")[0].strip(), os.path.dirname(path))
        return lines

    def _line(self, line: str, folder: str) -> list[str]:
        if not line or line.startswith("#"):
            return []
        option, _, value = line.replace("=", " ", 1).partition(" ")
        if option in ("-r", "--requirement"):
            return self._read(os.path.join(folder, value.strip()))
        if option in ("-c", "--constraint"):
            self._constraints += self._read(os.path.join(folder, value.strip()))
            return []
        return [line]

    def save(self, folder: str, inferred: Iterable[str] = ()) -> None:
        """Write the three files, with the packages that were `inferred` unless others were
        given."""
        if self._conda is not None:
            conda, lines = self._conda, _pip_part(self._conda)
        else:
            lines = list(inferred) if self._pip is None else list(self._pip)
            known = {name_of(each) for each in self._extra}
            lines = [each for each in lines if name_of(each) not in known] + self._extra
            if self._constraints:
                lines.append(f"-c {CONSTRAINTS}")
            conda = _conda_of(lines)
        _write(folder, REQUIREMENTS, "\n".join(lines))
        if self._constraints:
            _write(folder, CONSTRAINTS, "\n".join(self._constraints))
        _write(folder, CONDA, yaml_files.dump(conda))
        _write(folder, PYTHON, yaml_files.dump(_python_env()))


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def _conda(given: Any) -> dict[str, Any] | None:
    if given is None or isinstance(given, dict):
        return given
    path = os.fspath(given)
    try:
        with open(path, encoding="utf-8") as file:
            found = yaml_files.load(file.read(), path)
    except FileNotFoundError:
        raise NotFound(f"no conda environment {path!r}") from None
    if not isinstance(found, dict):
        raise InvalidParameter(f"{path} is not a conda environment")
    return found


def _pip_part(conda: dict[str, Any]) -> list[str]:
    for each in conda.get("dependencies") or ():
        if isinstance(each, dict) and "pip" in each:
            return list(each["pip"] or ())
    return []


def _conda_of(lines: Sequence[str]) -> dict[str, Any]:
    python, pip = platform.python_version(), pinned("pip").replace("==", "<=")
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", pip, {"pip": list(lines)}],
    }


def _python_env() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "build_dependencies": [pinned(each) for each in ("pip", "setuptools", "wheel")],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
