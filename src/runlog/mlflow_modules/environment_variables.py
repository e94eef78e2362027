"""`mlflow.environment_variables`: MLFLOW_* variables as objects."""

from __future__ import annotations

import os
from typing import Any

from runlog.settings import SETTINGS


class EnvironmentVariable:
    """A variable of the environment. `get` returns its value as the type of its default, text if
    that is None."""

    def __init__(self, name: str, kind: Any = str, default: Any = None) -> None:
        self.name, self.type, self.default = name, kind, default

    @property
    def defined(self) -> bool:
        """Return whether the variable is set."""
        return self.name in os.environ

    def is_set(self) -> bool:
        """Return whether the variable is set."""
        return self.defined

    def get_raw(self) -> str | None:
        """Return the text of the variable, None if it is not set."""
        return os.environ.get(self.name)

    def get(self) -> Any:
        """Return the value, or the default if the variable is not set. Raises ValueError for a
        text that is no value of the type."""
        text = self.get_raw()
        if text is None:
            return self.default
        if self.type is bool:
            if text.lower() not in ("true", "false", "1", "0"):
                raise ValueError(f"{self.name} must be true, false, 1 or 0, not {text!r}")
            return text.lower() in ("true", "1")
        return self.type(text)

    def set(self, value: Any) -> None:
        """Set the variable, for this process and those that it starts."""
        os.environ[self.name] = str(value)

    def unset(self) -> None:
        """Remove the variable."""
        os.environ.pop(self.name, None)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Environment variable for {self.name}. Default value: {self.default}"


_EnvironmentVariable = _BooleanEnvironmentVariable = EnvironmentVariable


def _of_settings() -> dict[str, EnvironmentVariable]:
    found = {}
    for name, setting in SETTINGS.items():
        if setting.mlflow:
            default: Any = setting.default
            if default in ("true", "false"):
                default = default == "true"
            kind = str if default is None else type(default)
            found[f"MLFLOW_{name}"] = EnvironmentVariable(f"MLFLOW_{name}", kind, default)
    return found


globals().update(_of_settings())
