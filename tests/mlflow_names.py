"""Compares the public names of the real MLflow with what runlog answers to them."""

from __future__ import annotations

import inspect
import json
import types

import runlog
from processes import finish, start
from runlog.errors import HTTP_STATUS
from runlog.mlflow_names import tracing
from runlog.mlflow_names.absent import Absent

INCIDENTAL = set(
    "BAD_REQUEST INVALID_PARAMETER_VALUE IS_TRACING_SDK_ONLY LazyLoader MLFLOW_CONFIGURE_LOGGING "
    "TYPE_CHECKING Any Optional Union DatasetEntity ErrorCode ErrorClass SqlState Literal "
    "contextlib inspect json logging mlflow mlflow_data_sources pathlib posixpath suppress sys "
    "tempfile MlflowException MLFLOW_ENABLE_ASYNC_LOGGING maybe_hint_tracing_skill "
    "set_telemetry_client get_artifact_repository "
    "add_databricks_profile_info_to_artifact_uri".split()
)
"""Names that MLflow's modules have because they import them, or for MLflow's own use."""


def names_of_mlflow(env: dict[str, str]) -> dict[str, dict[str, object]]:
    """The names of the MLflow that a Python with this environment imports, by where they are."""
    code, out, err = finish(start("public_names", env=env))
    assert code == 0, err
    found: dict[str, dict[str, object]] = json.loads(out.splitlines()[-1])
    found.pop("version")
    return found


def differences(names: dict[str, dict[str, object]]) -> list[str]:
    """What a program for MLflow would miss: a name without an answer, or a parameter."""
    found = []
    for owner, public in names.items():
        ours = runlog.RunlogClient() if owner == "MlflowClient" else _module(owner)
        for name, described in public.items():
            if name in INCIDENTAL or name in HTTP_STATUS:
                continue
            whole = f"{owner}.{name}".strip(".")
            thing = getattr(ours, name, None)
            if thing is None:
                found.append(f"{whole} is missing")
            elif isinstance(described, list) and not _is_absent(thing):
                found += [f"{whole} takes no {each}" for each in _not_taken(thing, described)]
    return found


def _module(owner: str) -> object:
    return getattr(runlog, owner) if owner else runlog


def _is_absent(thing: object) -> bool:
    traced = [*tracing.FUNCTIONS.values(), *tracing.CLIENT.values(), *tracing.ENTITIES.values()]
    module = getattr(thing, "__doc__", None) or ""
    return isinstance(thing, Absent) or thing in traced or module.startswith("Not in runlog")


def _not_taken(thing: object, described: list[list[object]]) -> list[object]:
    """The parameters that a call of `thing` refuses, by name."""
    if isinstance(thing, types.ModuleType) or isinstance(thing, type):
        return []
    ours = inspect.signature(thing).parameters  # type: ignore[arg-type]
    if any(each.kind is each.VAR_KEYWORD for each in ours.values()):
        return []
    kinds = ("VAR_POSITIONAL", "VAR_KEYWORD")
    named = [name for name, kind, _ in described if name != "self" and kind not in kinds]
    return [name for name in named if name not in ours]
