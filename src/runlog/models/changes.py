"""Changes of models that were logged: another signature, other requirements."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from runlog.errors import InvalidParameter, shown
from runlog.models import yaml_files
from runlog.models.environment import CONDA, REQUIREMENTS
from runlog.models.model import MLMODEL_FILE_NAME, Model
from runlog.models.requirements import name_of
from runlog.models.signature import ModelSignature
from runlog.models.uris import is_model_uri, located
from runlog.storage.repository import ArtifactRepo


def set_signature(model_uri: str, signature: ModelSignature) -> None:
    """Give a model that was logged another signature.

    Raises InvalidParameter for a version of a registered model: register it again instead.
    """
    if not isinstance(signature, ModelSignature):
        raise InvalidParameter(f"the signature must be a ModelSignature, not {shown(signature)}")
    repo, path = _to_change(model_uri)

    def change(folder: str) -> None:
        model = Model.load(folder)
        model.signature = signature
        model.save(os.path.join(folder, MLMODEL_FILE_NAME))

    _change(repo, path, [MLMODEL_FILE_NAME], change)


def update_model_requirements(
    model_uri: str, operation: str, requirement_list: Sequence[str]
) -> None:
    """Add packages to what a model needs, in place of those of the same name, or remove some:
    `operation` is `add` or `remove`. Raises InvalidParameter for another."""
    if operation not in ("add", "remove"):
        raise InvalidParameter(f"no operation {operation!r}: use add or remove")
    repo, path = _to_change(model_uri)

    def change(folder: str) -> None:
        names = {name_of(each) for each in requirement_list}
        file = os.path.join(folder, REQUIREMENTS)
        with open(file, encoding="utf-8") as text:
            lines = [line for line in text.read().splitlines() if line.strip()]
        lines = [line for line in lines if name_of(line) not in names]
        lines += requirement_list if operation == "add" else []
        with open(file, "w", encoding="utf-8") as text:
            text.write("\n".join(lines))
        _change_conda(os.path.join(folder, CONDA), lines)

    _change(repo, path, [REQUIREMENTS, CONDA], change)


def _change_conda(file: str, lines: list[str]) -> None:
    with open(file, encoding="utf-8") as text:
        conda = yaml_files.load(text.read(), CONDA)
    for each in conda["dependencies"]:
        if isinstance(each, dict) and "pip" in each:
            each["pip"] = lines
    with open(file, "w", encoding="utf-8") as text:
        yaml_files.dump(conda, text)


def _to_change(model_uri: str) -> tuple[ArtifactRepo, str]:
    if is_model_uri(model_uri) and not model_uri.startswith("models:/m-"):
        raise InvalidParameter(
            f"{model_uri} is a version of a registered model, which does not change: change the "
            "model of the run, and register that"
        )
    return located(model_uri)


def _change(
    repo: ArtifactRepo, path: str, names: Sequence[str], change: Callable[[str], Any]
) -> None:
    """Let a function change files of a model, which may be elsewhere, and write them back."""
    with TemporaryDirectory(prefix="runlog-") as folder:
        for name in names:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(repo.read(f"{path}/{name}" if path else name))
        change(folder)
        for name in names:
            repo.log_artifact(os.path.join(folder, name), path or None)
