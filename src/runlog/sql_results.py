"""What a SQL query found, and the values that are bound in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from runlog.errors import InvalidParameter, shown

_INT64 = range(-(2**63), 2**63)


class QueryResult(NamedTuple):
    """The names of the columns, and each column's values: None, int, float, str or bytes."""

    names: list[str]
    columns: list[list[Any]]

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows, one after the other."""
        return zip(*self.columns, strict=True)

    def dictionaries(self) -> list[dict[str, Any]]:
        """Return a dict for each row."""
        names = distinct(self.names)
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, the second of two equal ones with a number: `n`, `n_2`."""
    found: list[str] = []
    for name in names:
        new, count = name, 1
        while new in found:
            count += 1
            new = f"{name}_{count}"
        found.append(new)
    return found


def bindings(params: Any) -> dict[str, Any] | tuple[Any, ...] | None:
    """Return the values for `:name` or `?` in a query, as databases take them. numpy's numbers
    become Python's. Raises InvalidParameter for what is no number, text, bytes or None."""
    if params is None:
        return None
    if isinstance(params, Mapping):
        return {str(name): _value(f":{name}", value) for name, value in params.items()}
    if isinstance(params, (str, bytes)) or not isinstance(params, Sequence):
        raise InvalidParameter(
            f"params is {shown(params)}: give a dict for :name in the query, or a list for ?"
        )
    return tuple(_value(f"number {at}", value) for at, value in enumerate(params, 1))


def _value(name: str, value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) or (isinstance(plain, int) and plain in _INT64):
        return int(plain)
    if plain is None or isinstance(plain, (str, float, bytes)):
        return plain
    raise InvalidParameter(
        f"param {name} is {shown(value)}: bind a number of at most 64 bits, a text, bytes or None"
    )
