"""Refusing blanks at the end of names, for databases that take 'a ' for 'a'.

There the one would overwrite the other, or be looked for and never found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from runlog.errors import InvalidParameter

# Statements about tables in which a row is told by a text, and how such texts are bound.
_ABOUT_NAMES = re.compile(
    r"\s*(?:insert into|update|delete from) (experiment|experiment_tag|param|tag|dataset|input_tag"
    r"|artifact|model_param|model_tag|model_metric|metric_key|token|account|registered_model(?:_tag)?"
    r"|model_version_tag|model_alias)\s"
)
_NAMES = ("key", "name", "path", "digest", "alias")


def refuse(title: str, sql: str, rows: Iterable[Mapping[str, Any] | tuple[Any, ...]]) -> None:
    """Raise InvalidParameter if one of the rows for a statement has a name with a blank at its end.
    `title` is what the database is called."""
    if not _ABOUT_NAMES.match(sql):
        return
    bindings = tuple(dict.fromkeys(re.findall(r":(\w+)", sql)))
    for row in rows:
        values = row if isinstance(row, Mapping) else dict(zip(bindings, row, strict=True))
        for name in _NAMES:
            text = values.get(name)
            if isinstance(text, str) and text.endswith(" "):
                raise InvalidParameter(
                    f"{title} does not tell {text[-200:]!r} from the same without the blank at its "
                    "end: leave the blank out"
                )
