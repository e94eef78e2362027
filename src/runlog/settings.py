"""Settings from the environment: RUNLOG_<NAME>, or MLFLOW_<NAME> where that is not set."""

from __future__ import annotations

import os

from runlog.errors import InvalidParameter


def setting(name: str) -> str | None:
    """The value of RUNLOG_<name>, else of MLFLOW_<name>, else None. Empty counts as not set."""
    return os.environ.get("RUNLOG_" + name) or os.environ.get("MLFLOW_" + name) or None


def state_folder() -> str:
    """The user's folder for what programs keep: XDG_STATE_HOME, else ~/.local/state."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "runlog")


def number(name: str, default: float, least: float | None = None, whole: bool = False) -> float:
    """The number of that setting, from `least` on, or above 0. Raises InvalidParameter."""
    text = setting(name)
    try:
        found = default if text is None else int(text) if whole else float(text)
    except ValueError:
        found = float("nan")
    if 0 < found < 1e9 or (least is not None and least <= found <= 0):
        return found
    kind = "whole number" if whole else "number"
    bound = "above 0" if least is None else f"from {least:g} on"
    raise InvalidParameter(f"RUNLOG_{name} must be a {kind} {bound}, not {text!r}")


def flag(name: str, default: bool = False) -> bool:
    """Whether that setting is on. Raises InvalidParameter where it says neither."""
    text = setting(name)
    if text is None:
        return default
    if text.lower() not in _FLAGS:
        raise InvalidParameter(f"RUNLOG_{name} must be true or false, not {text!r}")
    return _FLAGS[text.lower()]


_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
