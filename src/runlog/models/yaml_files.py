"""YAML, by the C library where PyYAML has it."""

from __future__ import annotations

from typing import Any

from runlog.errors import BadRequest


def dump(content: Any, stream: Any = None) -> Any:
    """Return plain values as YAML text, or write that to a stream."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(content, stream, Dumper=dumper, default_flow_style=False, allow_unicode=True)


def load(text: str | bytes, name: str) -> Any:
    """Return the plain values of a YAML text. Raises BadRequest, with the `name` of the file, if
    it is none."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"{name} is not a YAML file: {error}") from None
