"""Archives of `torch.export` (.pt2), checked before torch unpickles what is in them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

from runlog.errors import RunlogError

_SETTINGS = ("version", "archive_format", "archive_version", "byteorder", "serialization_id")
_WORD = re.compile(rb"[A-Za-z0-9._-]{1,64}\n?")
_TENSORS = re.compile(r"(?:^|/)data/(?:weights|constants)/[^/]+_config\.json$")
SAFE_SINCE = (2, 10)
"""Before this version of torch, archives could trick even its restricted unpickler."""


def check(path: str) -> None:
    """Raise RunlogError unless the archive holds nothing but JSON, tensors and plain containers.

    `torch.export.load` unpickles weights, constants and example inputs without any restriction, and
    loads compiled libraries. So each record has to be JSON, a word, a raw tensor, or something that
    torch's restricted unpickler accepts.
    """
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < SAFE_SINCE:
        raise RunlogError(
            f"torch {torch.__version__} cannot tell whether {path} is safe to load: install "
            "torch >= 2.10, or set RUNLOG_ALLOW_PICKLE_DESERIALIZATION=true if you trust the model"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if len(set(names)) < len(names):  # torch might read the other one
                raise _unsafe(path, "two records of the same name")
            raw = _raw_tensors(archive, names)
            for name in names:
                if name not in raw and not _is_plain(name, archive.read(name)):
                    raise _unsafe(path, name)
    except zipfile.BadZipFile as error:
        raise _unsafe(path, "no zip file") from error


def _unsafe(path: str, record: str) -> RunlogError:
    return RunlogError(
        f"{path} is not safe to load: it holds more than tensors and plain containers ({record}). "
        "Set RUNLOG_ALLOW_PICKLE_DESERIALIZATION=true if you trust the model"
    )


def _is_plain(name: str, content: bytes) -> bool:
    import torch

    if name.rsplit("/", 1)[-1] in _SETTINGS and _WORD.fullmatch(content):
        return True
    if _json_of(content) is not None:
        return True
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # whatever the restricted unpickler does not like
        return False
    return True


def _json_of(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except ValueError:
        return None


def _raw_tensors(archive: zipfile.ZipFile, names: list[str]) -> set[str]:
    """Records that torch reads as the bytes of a tensor, according to the archive's own lists."""
    raw: set[str] = set()
    pickled: set[str] = set()
    for name in filter(_TENSORS.search, names):
        config = _json_of(archive.read(name))
        entries = config.get("config") if isinstance(config, dict) else None
        for entry in (entries if isinstance(entries, dict) else {}).values():
            if not isinstance(entry, dict) or not isinstance(entry.get("path_name"), str):
                continue
            file = entry["path_name"]
            bare = entry.get("use_pickle") is False and file.startswith(("weight_", "tensor_"))
            (raw if bare and "/" not in file else pickled).add(f"{name.rsplit('/', 1)[0]}/{file}")
    return raw - pickled
