"""The packages that a model needs, from the modules that it imports. No interpreter is started."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache

_NAMED_OTHERWISE = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
_NEVER = {"runlog", "mlflow", "__main__", "__mp_main__", "builtins"}


def infer(modules: Iterable[str]) -> list[str]:
    """Return the packages of some modules, each with its version: `scikit-learn==1.9.1`.

    The standard library has none, nor have files of the user's; what those import is taken
    instead.
    """
    found = {_package(name) for name in top_level(modules)} - {None}
    return sorted((each for each in found if each), key=str.lower)


def top_level(modules: Iterable[str]) -> set[str]:
    """Return the first parts of the names of modules that are not of the standard library; for the
    user's own modules, those of what they use."""
    return _walked(modules)[0]


def own_modules(modules: Iterable[str]) -> set[str]:
    """Return those of some modules, and of what they use, that no package brings: the user's."""
    return _walked(modules)[1]


def _walked(modules: Iterable[str]) -> tuple[set[str], set[str]]:
    brought, own, seen, waiting = set(), set(), set(), [each for each in modules if each]
    while waiting:
        module = waiting.pop()
        name = module.partition(".")[0]
        if module in seen or name in sys.stdlib_module_names or name in _NEVER:
            continue
        seen.add(module)
        if _package(name) is not None:
            brought.add(name)
        elif module in sys.modules:
            own.add(module)
            waiting += _used_by(module)
    return brought, own


def _used_by(module: str) -> list[str]:
    values = list(vars(sys.modules[module]).values())
    names = [
        getattr(each, "__module__", None) or getattr(each, "__name__", None) for each in values
    ]
    return [name for name in names if isinstance(name, str)]


def pinned(package: str) -> str:
    """Return a package with its version if it is installed here, or else as it is."""
    found = _version(package)
    return package if found is None else f"{package}=={found}"


@cache
def _package(module: str) -> str | None:
    """Return the package that brings a top-level module, with its version, or None."""
    guessed = _NAMED_OTHERWISE.get(module, module.replace("_", "-"))
    if _version(guessed) is not None:
        return pinned(guessed)
    owners = _owners().get(module)
    return pinned(owners[0]) if owners else None


@cache
def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    return found.partition("+")[0]  # a local version, such as +cpu, is on no index


@cache
def _owners() -> dict[str, list[str]]:
    from importlib import metadata

    return {module: sorted(set(names)) for module, names in _packages_distributions(metadata)}


def _packages_distributions(metadata: object) -> list[tuple[str, list[str]]]:
    return list(metadata.packages_distributions().items())  # type: ignore[attr-defined]


def name_of(requirement: str) -> str:
    """Return the normalised name in a requirement: `scikit-learn` of `Scikit_Learn[x]==1.0`."""
    name = re.split(r"[\s\[<>=!~;@(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
