"""Which frameworks are logged, and with which options: those of their `autolog` functions."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar

from runlog.autologging import imports, patches
from runlog.errors import InvalidParameter, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType
    from typing import Any

# distribution, the least version that is supported, the first one that is not
VERSIONS = {
    "sklearn": ("scikit-learn", (1, 0), (2,)),
    "xgboost": ("xgboost", (1, 6), (4,)),
    "lightgbm": ("lightgbm", (3, 3), (5,)),
    "catboost": ("catboost", (1, 0), (2,)),
    "statsmodels": ("statsmodels", (0, 13), (0, 16)),
    "keras": ("keras", (3, 0), (4,)),
    "tensorflow": ("tensorflow", (2, 16), (3,)),
    "pytorch": ("lightning", (2, 0), (3,)),
    "transformers": ("transformers", (4, 30), (6,)),
    "optuna": ("optuna", (3, 0), (6,)),
}
_enabled: dict[str, dict[str, Any]] = {}
_by_name: set[str] = set()  # enabled by their own autolog, which `runlog.autolog` leaves alone
_warned: set[str] = set()
_is_global: ContextVar[bool] = ContextVar("runlog_autologging_globally", default=False)


def of(framework: str) -> dict[str, Any] | None:
    """Return the options of a framework that is logged now, or None."""
    return _enabled.get(framework)


def is_enabled_by_name(framework: str) -> bool:
    """Whether the framework's own `autolog` has enabled it, rather than `runlog.autolog`."""
    return framework in _by_name


@contextmanager
def globally() -> Iterator[None]:
    """Enable frameworks in this block as `runlog.autolog` does: their own `autolog` may be called
    after it, with other options, and wins."""
    token = _is_global.set(True)
    try:
        yield
    finally:
        _is_global.reset(token)


def enable(
    framework: str,
    options: Mapping[str, Any],
    hooks: Mapping[str, Callable[[ModuleType], None]],
) -> None:
    """Log a framework from now on, with these options, or no longer if they say `disable`.

    `hooks` has a function for each module of the framework that has something to patch. It is
    called with the module, now or when it is imported. Raises InvalidParameter for tags that are
    none.
    """
    tags = options.get("extra_tags")
    if tags is not None and not hasattr(tags, "items"):
        raise InvalidParameter(f"extra_tags of {framework} is {tags!r}: give a dictionary")
    if options.get("disable") or not _is_supported(framework, options):
        disable(framework)
        return
    _enabled[framework] = dict(options)
    if _is_global.get():
        _by_name.discard(framework)
    else:
        _by_name.add(framework)
    for module, hook in hooks.items():
        imports.when_imported(module, framework, hook)


def disable(framework: str) -> None:
    """Log a framework no longer, and put its functions back as they were."""
    _enabled.pop(framework, None)
    _by_name.discard(framework)
    imports.forget(framework)
    patches.undo(framework)


def enabled() -> Sequence[str]:
    """Return the frameworks that are logged now."""
    return list(_enabled)


def warn_once(about: str, text: str) -> None:
    """Warn the first time that it is about this."""
    if about not in _warned:
        _warned.add(about)
        warn(text)


def _is_supported(framework: str, options: Mapping[str, Any]) -> bool:
    """Whether the version that is installed is one that is supported, or may be logged all the
    same: then a warning says so, unless `silent`."""
    distribution, least, below = VERSIONS[framework]
    loaded = sys.modules.get(framework) or sys.modules.get(distribution)
    text = getattr(loaded, "__version__", None)
    version = _version_of(text) if isinstance(text, str) else least
    if least <= version < below:
        return True
    if not options.get("silent"):
        range_text = f"{_version_text(least)} and less than {_version_text(below)}"
        warn_once(
            f"version of {framework}",
            f"autologging supports {distribution} of at least {range_text}, and this is {text}",
        )
    return not options.get("disable_for_unsupported_versions")


def _version_of(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in parts)


def _version_text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
