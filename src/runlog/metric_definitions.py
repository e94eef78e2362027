"""What `define_metric` says of a metric, as a tag of its experiment: copied and served with it."""

from __future__ import annotations

from runlog.errors import InvalidParameter, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "runlog.metric."
GOALS = ("min", "max")
_ANY = ":any"  # a tag's key cannot have a *
_MOST = 250 - len(PREFIX) - len(_ANY)


def tag(name: str, goal: str | None, step_metric: str | None) -> tuple[str, str]:
    """Return the key and the value of the tag. Raises InvalidParameter for another goal, a name
    that is too long, or one with a `*` that is not at its end."""
    import json

    if goal is not None and goal not in GOALS:
        raise InvalidParameter(f"goal {shown(goal)}: use 'min', 'max' or None")
    stem = name[:-1] if isinstance(name, str) and name.endswith("*") else name
    if not isinstance(name, str) or not name or "*" in stem or len(name) > _MOST:
        raise InvalidParameter(
            f"metric {shown(name)}: use a name of at most {_MOST} characters, which may end with *"
        )
    found = {"name": name, "goal": goal, "step_metric": step_metric}
    key = PREFIX + (name if stem == name else stem + _ANY)
    return key, json.dumps({field: value for field, value in found.items() if value is not None})


def definitions(tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the definitions in the tags of an experiment, by name; damaged ones are left out."""
    import json

    found = {}
    for key, value in sorted(tags.items()):
        if not key.startswith(PREFIX):
            continue
        try:
            fields = json.loads(value)
            name = fields.pop("name")
            found[str(name)] = {each: str(text) for each, text in fields.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def definition_of(metric: str, defined: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Return the definition of a metric: by its name, else by the longest beginning with a `*`."""
    if metric in defined:
        return defined[metric]
    beginnings = [name for name in defined if name.endswith("*") and metric.startswith(name[:-1])]
    return defined[max(beginnings, key=len)] if beginnings else {}
