"""signatures.py MODULE: the signatures of what MODULE and its parts offer, as JSON."""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import sys

MODULE = importlib.import_module(sys.argv[1])
PARTS = {
    "module": MODULE,
    "artifacts": importlib.import_module(sys.argv[1] + ".artifacts"),
    "data": importlib.import_module(sys.argv[1] + ".data"),
    "client": MODULE.MlflowClient,
    "entities": importlib.import_module(sys.argv[1] + ".entities"),
}


def default(parameter):
    if parameter.default is parameter.empty:
        return "required"
    value = parameter.default
    return repr(value.value if isinstance(value, enum.Enum) else value)


def signature(thing):
    try:
        found = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[each.name, default(each), each.kind.name] for each in found if each.name != "self"]


print(
    json.dumps(
        {
            part: {
                name: signature(getattr(owner, name))
                for name in dir(owner)
                if not name.startswith("_") and callable(getattr(owner, name, None))
            }
            for part, owner in PARTS.items()
        }
    )
)
