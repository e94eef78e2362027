"""The MLproject file of a project: its entry points, their parameters, and its environment."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any, NamedTuple

from runlog.errors import ExecutionException, InvalidParameter, shown

FILE = "MLproject"
ENVIRONMENTS = ("python_env", "conda_env", "docker_env")
SCRIPTS = (".py", ".sh")


class Parameter(NamedTuple):
    """A parameter of an entry point. `kind` is string, float, path or uri; any other is a text."""

    name: str
    kind: str = "string"
    default: str | None = None


class EntryPoint(NamedTuple):
    """A command of a project, with `{name}` where the value of a parameter stands."""

    name: str
    parameters: dict[str, Parameter]
    command: str

    def values(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Return the values of all parameters as text: those in `given`, else the defaults; those
        that the entry point does not have come last. Raises ExecutionException for a missing one,
        InvalidParameter for one that has not its type."""
        texts = {str(key): str(value) for key, value in given.items()}
        missing = [
            each.name
            for each in self.parameters.values()
            if each.default is None and each.name not in texts
        ]
        if missing:
            names = ", ".join(map(repr, missing))
            raise ExecutionException(
                f"No value given for missing parameters: {names}. The entry point {self.name!r} "
                "has no defaults for them: give each with -P NAME=VALUE"
            )
        values = {
            name: texts.pop(name, str(each.default)) for name, each in self.parameters.items()
        }
        for name, value in values.items():
            _check(self.parameters[name], value)
        return {**values, **texts}

    def line(self, values: Mapping[str, str]) -> str:
        """Return the command with values in it, as a shell reads it. Parameters that the entry
        point does not have follow as `--name value`."""
        quoted = {name: quote(values[name]) for name in self.parameters}
        try:
            command = self.command.format(**quoted)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InvalidParameter(
                f"the command of the entry point {self.name!r} cannot be filled in "
                f"({type(error).__name__}: {error}): {shown(self.command)}. Declare each {{name}} "
                "under parameters, and write {{ and }} for braces"
            ) from None
        more = [
            f"--{quote(name)} {quote(value)}"
            for name, value in values.items()
            if name not in quoted
        ]
        return " ".join([command, *more])


class Project(NamedTuple):
    """What the MLproject file in a folder says. `environment` is a file of the kind python_env
    or conda_env, None if the project has none."""

    folder: str
    name: str | None
    entry_points: dict[str, EntryPoint]
    kind: str = "python_env"
    environment: str | None = None

    def entry_point(self, name: str) -> EntryPoint:
        """Return the entry point with that name, or one that runs the script with that path.
        Raises ExecutionException if there is neither."""
        if name in self.entry_points:
            return self.entry_points[name]
        is_file = os.path.isfile(os.path.join(self.folder, name))
        if is_file and name.endswith(SCRIPTS):
            program = "python" if name.endswith(".py") else os.environ.get("SHELL", "bash")
            return EntryPoint(name, {}, f"{program} {_braces(quote(name))}")
        known = ", ".join(map(repr, self.entry_points)) or "none"
        raise ExecutionException(
            f"Could not find {name!r} among the entry points ({known}) of the project in "
            f"{self.folder}, and there is no script {' or '.join(SCRIPTS)} with that path"
        )


def load(folder: str) -> Project:
    """Read the MLproject file in a folder. A folder without one is a project without entry
    points, whose scripts can be run. Raises ExecutionException for a file that is wrong."""
    path = _file(folder)
    content = _yaml(path) if path else {}
    name = content.get("name")
    if "databricks_spark_job" in content:
        raise ExecutionException(
            f"{path} describes a Spark job of Databricks: runlog runs projects on this machine "
            "only. Give it entry points with commands"
        )
    points = content.get("entry_points") or {}
    if not isinstance(points, dict):
        raise ExecutionException(f"{path}: entry_points must map names to entry points")
    entry_points = {str(key): _entry_point(path, str(key), each) for key, each in points.items()}
    kind, environment = _environment(folder, path, content)
    return Project(folder, None if name is None else str(name), entry_points, kind, environment)


def _file(folder: str) -> str:
    for name in sorted(os.listdir(folder)):
        if name.lower() == FILE.lower():
            return os.path.join(folder, name)
    return ""


def _yaml(path: str) -> dict[str, Any]:
    import yaml

    with open(path, encoding="utf-8") as file:
        try:
            content = yaml.safe_load(file)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ExecutionException(
                f"{path} is not YAML: {' '.join(str(error).split())}"
            ) from None
    if content is not None and not isinstance(content, dict):
        raise ExecutionException(f"{path} must be a mapping with name and entry_points")
    return content or {}


def _entry_point(path: str, name: str, content: Any) -> EntryPoint:
    if not isinstance(content, dict) or not isinstance(content.get("command"), str):
        raise ExecutionException(f"{path}: the entry point {name!r} has no command")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise ExecutionException(f"{path}: the parameters of {name!r} must map names to types")
    return EntryPoint(
        name,
        {str(key): _parameter(str(key), each) for key, each in parameters.items()},
        content["command"],
    )


def _parameter(name: str, content: Any) -> Parameter:
    if not isinstance(content, dict):
        return Parameter(name, str(content or "string"))
    default = content.get("default")
    kind = str(content.get("type") or "string")
    return Parameter(name, kind, None if default is None else str(default))


def _environment(folder: str, path: str, content: Mapping[str, Any]) -> tuple[str, str | None]:
    named = [each for each in ENVIRONMENTS if content.get(each)]
    if "docker_env" in named:
        raise ExecutionException(
            f"{path} names a docker_env: runlog runs projects without containers. Give a "
            "python_env, or call  docker run  yourself with  runlog run  inside the container"
        )
    if len(named) > 1:
        raise ExecutionException(f"{path} names several environments: {', '.join(named)}")
    for kind in named:
        file = os.path.join(folder, str(content[kind]))
        if not os.path.isfile(file):
            raise ExecutionException(f"{path} names the {kind} {file}, which is no file")
        return kind, file
    for kind, name in (("python_env", "python_env.yaml"), ("conda_env", "conda.yaml")):
        if os.path.isfile(os.path.join(folder, name)):
            return kind, os.path.join(folder, name)
    return "python_env", None


def _check(parameter: Parameter, value: str) -> None:
    if parameter.kind == "float":
        try:
            float(value)
        except ValueError:
            raise InvalidParameter(
                f"the parameter {parameter.name!r} is a float, not {shown(value)}"
            ) from None
    elif parameter.kind == "uri" and not is_uri(value):
        raise InvalidParameter(
            f"Expected URI for parameter {parameter.name} but got {shown(value)}: write its "
            "scheme, such as s3: or file:"
        )


def is_uri(value: str) -> bool:
    """Return whether a text begins with the scheme of a URI; a drive's letter is none."""
    scheme, colon, _ = value.partition(":")
    return bool(colon) and len(scheme) > 1 and scheme.replace("-", "").replace("+", "").isalnum()


def quote(text: str) -> str:
    """Return a text as one word of the shell."""
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)


def _braces(text: str) -> str:
    """A text that `format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")
