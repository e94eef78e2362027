"""Writes docs/settings.md from the registry of the settings."""

from __future__ import annotations

from runlog.settings import SETTINGS, Setting

HEAD = """\
# Settings

Environment variables that runlog reads. You need none of them. Those in the third column are
MLflow's: runlog reads them where its own variable is not set. An empty value counts as not set.

| variable | what it does | MLflow's name | default |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_row(name, each) for name, each in SETTINGS.items())


def _row(name: str, each: Setting) -> str:
    theirs = f"`MLFLOW_{name}`" if each.mlflow else ""
    usual = "" if each.default is None else f"{each.default} {each.unit}".strip()
    about = each.about.replace("|", "\\|")
    return f"| `RUNLOG_{name}` | {about} | {theirs} | {usual} |\n"
