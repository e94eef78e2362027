"""Fingerprints of data, the same as MLflow's of the same data."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from typing import Any

from runlog.extras import require

DIGEST_ROWS = 10_000


def md5(parts: Iterable[Any]) -> str:
    """Return 8 hexadecimal digits for the bytes of arrays and texts."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:8]


def eight_bytes(number: int) -> bytes:
    """Return an integer as numpy has it in memory."""
    return number.to_bytes(8, sys.byteorder, signed=True)


def of_frame(frame: Any) -> str:
    """Return the digest of a DataFrame: of the first rows of the columns of numbers and of those
    that hold only text, the number of rows, the names of all columns."""
    import warnings

    pandas = require("pandas", "pandas")
    with warnings.catch_warnings():
        # About names that cannot be sorted, numbers beside text: then they stay unsorted.
        warnings.simplefilter("ignore", RuntimeWarning)
        text = frame.columns[[_is_all_text(column) for _, column in frame.items()]]
        chosen = text.union(frame.head(0).select_dtypes(include="number").columns)
    rows = pandas.util.hash_pandas_object(frame.head(DIGEST_ROWS)[chosen])
    names = [str(name).encode() for name in frame.columns]
    return md5([rows.to_numpy(), eight_bytes(len(frame)), *names])


def _is_all_text(column: Any) -> bool:
    return column.dtype.kind not in "biufcmM" and all(type(value) is str for value in column)


def hashed(array: Any) -> Any:
    """Return a 64-bit hash of each value; only their number when they cannot be hashed, as
    lists."""
    try:
        return require("pandas", "pandas").util.hash_array(array)
    except (TypeError, ValueError):
        return eight_bytes(array.size)
