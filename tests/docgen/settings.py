"""Writes docs/settings.md from the registry of the settings, and tables of some of them into other
pages, between a pair of comments each."""

from __future__ import annotations

import re

from runlog.settings import SETTINGS, Setting

HEAD = """\
# Settings

Environment variables that runlog reads. You need none of them. Those in the third column are
MLflow's: runlog reads them where its own variable is not set. An empty value counts as not set.

| variable | what it does | MLflow's name | default |
|---|---|---|---|
"""
BLOCK = re.compile(r"(<!-- settings ([A-Z\d_ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SHORT = "| variable | what it does | default |\n|---|---|---|\n"


def woven(text: str) -> str:
    """Return a page with every block as a table of the settings that it names."""

    def table(found: re.Match[str]) -> str:
        rows = "".join(_row(name, SETTINGS[name], False) for name in found[2].split())
        return f"{found[1]}\n{SHORT}{rows}\n{found[3]}"

    return BLOCK.sub(table, text)


def page() -> str:
    """Return the page."""
    return HEAD + "".join(_row(name, each) for name, each in SETTINGS.items())


def _row(name: str, each: Setting, with_mlflow: bool = True) -> str:
    theirs = f" {f'`MLFLOW_{name}`' if each.mlflow else ''} |" if with_mlflow else ""
    unit = each.unit.removesuffix("s") if each.default == 1 else each.unit
    usual = "" if each.default is None else f"{each.default} {unit}".strip()
    about = each.about.replace("|", "\\|")
    return f"| `RUNLOG_{name}` | {about} |{theirs} {usual} |\n"
