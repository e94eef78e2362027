"""A statement for one row put as one for many: they come as a table `f`, a column for each value.

insert into tag (run, key) values (:run, :key) on conflict do nothing
insert into tag (run, key) select f._run, f._key from ROWS on conflict do nothing

update metric set count = count + :count where id = :id
update metric set count = count + f._count from ROWS where id = f._id
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

ROWS = "ROWS"


class Bulk(NamedTuple):
    """`names` are the values in their order, `told_by` those that an insert tells a row by which
    it changes if it is there."""

    sql: str
    names: tuple[str, ...]
    told_by: tuple[str, ...]


@lru_cache
def statement(sql: str) -> Bulk:
    sql = sql.strip()
    names = tuple(dict.fromkeys(re.findall(r":(\w+)", sql)))
    given = ", ".join(f"f._{name}" for name in names)
    insert = re.fullmatch(
        r"(insert into \w+ \((.*?)\)\s+)values \(.*?\)(?=\s|$)(.*)", sql, re.DOTALL
    )
    if insert:
        fields = dict(zip(re.split(r",\s*", insert[2]), names, strict=True))
        conflict = re.search(r"on conflict \((.*?)\)\s+do update", insert[3])
        told_by = tuple(fields[each] for each in conflict[1].split(", ")) if conflict else ()
        return Bulk(f"{insert[1]}select {given} from {ROWS}{insert[3]}", names, told_by)
    head, _, condition = re.sub(r":(\w+)", r"f._\1", sql).rpartition("where ")
    if head.startswith("delete"):
        condition = f"exists (select 1 from {ROWS} where {condition})"
        return Bulk(f"{head}where {condition}", names, ())
    return Bulk(f"{head}from {ROWS} where {condition}", names, ())


def columns(rows: Sequence[Any], bulk: Bulk) -> dict[str, list[Any]] | None:
    """Return the values by their names; None if two of the rows are to change the same one, which
    one statement does not."""
    if isinstance(rows[0], Mapping):
        found = {name: [row[name] for row in rows] for name in bulk.names}
    else:
        found = dict(zip(bulk.names, map(list, zip(*rows, strict=True)), strict=True))
    told_by = {*zip(*(found[name] for name in bulk.told_by), strict=True)}
    return None if bulk.told_by and len(told_by) < len(rows) else found


def type_of(column: Sequence[Any]) -> type:
    """Return what the values are, beside None."""
    return next((type(value) for value in column if value is not None), str)
