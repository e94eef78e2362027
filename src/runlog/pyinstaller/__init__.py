"""What PyInstaller has to know to freeze a program that uses runlog; it finds
this by itself. `hook-runlog` is the hook."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Return the folders of hooks, as PyInstaller's entry point `pyinstaller40` wants them."""
    return [os.path.dirname(__file__)]
