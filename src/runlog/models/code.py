"""Source files that come with a model: copied into its folder, and put on sys.path."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from runlog.errors import InvalidParameter, NotFound, shown
from runlog.models import pickles


def inside(folder: str, path: str) -> str:
    """Return `folder/path`. Raises InvalidParameter if that leads out of the folder."""
    root = os.path.realpath(folder)
    real = os.path.realpath(os.path.join(root, path))
    if real != root and not real.startswith(os.path.join(root, "")):
        raise InvalidParameter(
            f"the model names {path!r}, which is not in its own folder: it is damaged, or made to "
            "read other files"
        )
    return os.path.join(folder, path) if path else folder


def copy(code_paths: Sequence[str | os.PathLike[str]] | None, folder: str) -> str | None:
    """Copy files and folders of source into the model's folder `code`, and return that name, or
    None if there are none. Raises NotFound for what does not exist."""
    if not code_paths:
        return None
    if isinstance(code_paths, (str, os.PathLike)):
        raise InvalidParameter(f"code_paths must be a list of paths, not {shown(code_paths)}")
    for path in code_paths:
        copy_into(path, os.path.join(folder, "code"))
    return "code"


def copy_into(path: str | os.PathLike[str], folder: str) -> str:
    """Copy a file or a folder into a folder, which is created, and return its name there."""
    import shutil

    source = os.path.abspath(path)
    if not os.path.exists(source):
        raise NotFound(f"no file or folder {os.fspath(path)!r} to save with the model")
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(source))
    if os.path.isdir(source):
        left_out = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
    return os.path.basename(source)


def own_modules_of(model: Any) -> list[str]:
    """Return the paths of the user's own modules and packages that a model's code uses: those that
    no package brings."""
    from runlog.models.requirements import own_modules

    names = {type(model).__module__, getattr(model, "__module__", None)}
    paths = []
    for name in own_modules(each for each in names if each):
        top = sys.modules[name.partition(".")[0]]
        file = getattr(top, "__file__", None)
        if file:
            paths.append(os.path.dirname(file) if file.endswith("__init__.py") else file)
    return sorted(set(paths))


def safe_name(name: str) -> str:
    """Return a text as the name of a folder."""
    return "".join(each if each.isalnum() or each in "-_" else "_" for each in name) or "_"


def add_to_path(folder: str, conf: dict[str, Any]) -> None:
    """Make the source files of a model importable, if it has any.

    Raises RunlogError if models that run code are switched off.
    """
    name = conf.get("code")
    if not name:
        return
    pickles.refuse_unless_allowed("the model has source files of its own")
    path = inside(folder, name)
    if path not in sys.path:
        sys.path.insert(0, path)
    import importlib

    importlib.invalidate_caches()
