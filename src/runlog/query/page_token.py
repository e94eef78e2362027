"""Page tokens: where a page of results ended, and the mark of the search that it is of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runlog.errors import InvalidParameter, shown

MAX_TOKEN = 1_000_000


def encode_token(values: Iterable[str | float | None]) -> str:
    """Return a page token with `values`: where the page ended in the order of its search."""
    import json
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[str | float | None, ...]:
    """Return the values of a page token. Raises InvalidParameter for what `encode_token` did not
    make."""
    import json
    from base64 import b64decode

    try:
        if len(token) > MAX_TOKEN:
            raise ValueError("too long")
        padded = token + "=" * (-len(token) % 4)
        values = json.loads(b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or not all(map(_is_token_value, values)):
            raise ValueError("other content")
    except (TypeError, ValueError, RecursionError):
        raise InvalidParameter(
            f"Invalid page token {shown(token)}: pass the token of the page before, unchanged"
        ) from None
    return tuple(values)


def search_mark(*search: object) -> int:
    """Return a number for a search, with which its page tokens begin."""
    from zlib import crc32

    return crc32(repr(search).encode("utf-8", "backslashreplace"))


def other_search() -> InvalidParameter:
    """Return the error for a page token of another search."""
    return InvalidParameter(
        "Invalid page token: it belongs to a search with another filter or order_by. "
        "Pass the token with the same arguments as the page before"
    )


def _is_token_value(value: object) -> bool:
    if isinstance(value, str):
        return not re.search("[\ud800-\udfff]", value)
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, float)
