"""Studies of Optuna. They have no models, so there is only `autolog`."""

from __future__ import annotations

from runlog.autologging.optuna import autolog as autolog

__all__ = ["autolog"]
