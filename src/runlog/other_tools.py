"""Folders that other experiment trackers write, told by their names and by what is in them."""

from __future__ import annotations

import os

MOST = 200  # entries of a folder that are looked at: some hold a million
_BY_NAME = {"mlruns": "MLflow", "wandb": "Weights & Biases", ".aim": "Aim"}


def owner_of(folder: str) -> str | None:
    """Return the name of the tool that writes to a folder, or None. A folder that merely contains
    one of these, as a project does, and an empty one belong to nobody."""
    names = _names(folder)
    by_name = _BY_NAME.get(os.path.basename(os.path.abspath(folder)))
    if by_name and names:
        return by_name
    paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
    if any(_is_experiment(path) for path in paths):
        return "MLflow"
    if any(_is_wandb_run(name) for name in names):
        return "Weights & Biases"
    if "run_metadata.sqlite" in names:
        return "Aim"
    if _has_events(names) or (paths and all(_has_events(_names(path)) for path in paths)):
        return "TensorBoard"
    return None


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for _, entry in zip(range(MOST), entries, strict=False)]
    except OSError:  # no folder, or none that may be read
        return []


def _is_experiment(path: str) -> bool:
    """Whether it is an experiment in MLflow's file store. Recipes of conda are meta.yaml, too."""
    try:
        with open(os.path.join(path, "meta.yaml"), "rb") as file:
            return b"artifact_location" in file.read(4096)
    except OSError:
        return False


def _is_wandb_run(name: str) -> bool:
    """run-20240131_235959-1a2b3c4d, or offline-run-..."""
    kind, _, rest = name.removeprefix("offline-").partition("-")
    time = rest.partition("-")[0].replace("_", "")
    return kind == "run" and len(time) == 14 and time.isdigit()


def _has_events(names: list[str]) -> bool:
    return any(name.startswith("events.out.tfevents.") for name in names)
