"""Clauses of a filter and entries of an order, and what runs, experiments, logged models and the
model registry can be searched by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

AGGREGATES = ("last", "min", "max", "first", "count")
DATASET_FIELDS = ("name", "digest", "context")

_ANY_OPERATORS = ("=", "!=", "IN", "NOT IN", "BETWEEN", "NOT BETWEEN", "IS NULL", "IS NOT NULL")
NUMBER_OPERATORS = (*_ANY_OPERATORS, "<", "<=", ">", ">=")
TEXT_OPERATORS = (*_ANY_OPERATORS, "LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE")


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared or ordered by.

    `kind` is metric, param, tag, attribute or dataset; `key` is a key of the user's, or the name
    of an attribute or of a dataset's field. `aggregate`, for metrics, is one of `AGGREGATES`.
    """

    kind: str
    key: str
    aggregate: str = "last"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """`field op value`.

    `value` is a number or a text, a tuple of them for IN, (low, high) for BETWEEN, and None for
    IS NULL. Values of metrics are floats; a NaN is always `math.nan` itself.
    """

    field: Field
    op: str
    value: object

    # Written out because tuples find the one NaN equal to itself, which `==` on values does not.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Comparison) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[object, ...]:
        return self.field, self.op, self.value


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more clauses, none of which is an And."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more clauses, none of which is an Or."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Not:
    clause: Clause


Clause: TypeAlias = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class OrderBy:
    field: Field
    ascending: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """What can be searched: which kinds of field and which attributes there are, and the order.

    `attributes` gives each its type, "text" or "number"; `aliases` are other names of attributes.
    `unordered` is the order when none is asked for; `ties` ends an order that is asked for.
    """

    items: str
    kinds: tuple[str, ...]
    attributes: Mapping[str, str]
    aliases: Mapping[str, str]
    unordered: tuple[OrderBy, ...]
    ties: tuple[OrderBy, ...]


_LATEST_RUN_FIRST = (
    OrderBy(Field("attribute", "start_time"), False),
    OrderBy(Field("attribute", "run_id")),
)

RUNS = Scope(
    items="runs",
    kinds=("metric", "param", "tag", "attribute", "dataset"),
    attributes={
        "run_id": "text",
        "experiment_id": "text",
        "run_name": "text",
        "status": "text",
        "start_time": "number",
        "end_time": "number",
        "duration": "number",
        "user_id": "text",
        "artifact_uri": "text",
        "lifecycle_stage": "text",
    },
    aliases={
        "run_uuid": "run_id",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
        "created": "start_time",
        "Created": "start_time",
    },
    unordered=_LATEST_RUN_FIRST,
    ties=_LATEST_RUN_FIRST,
)

EXPERIMENTS = Scope(
    items="experiments",
    kinds=("tag", "attribute"),
    attributes={
        "experiment_id": "text",
        "name": "text",
        "creation_time": "number",
        "last_update_time": "number",
        "artifact_location": "text",
        "lifecycle_stage": "text",
    },
    aliases={},
    unordered=(
        OrderBy(Field("attribute", "creation_time"), False),
        OrderBy(Field("attribute", "experiment_id")),
    ),
    ties=(OrderBy(Field("attribute", "experiment_id"), False),),
)

MODELS = Scope(
    items="logged models",
    kinds=("metric", "param", "tag", "attribute"),
    attributes={
        "model_id": "text",
        "experiment_id": "text",
        "name": "text",
        "status": "text",
        "model_type": "text",
        "source_run_id": "text",
        "creation_timestamp": "number",
        "last_updated_timestamp": "number",
        "artifact_location": "text",
    },
    aliases={
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
        "artifact_uri": "artifact_location",
    },
    unordered=(
        OrderBy(Field("attribute", "creation_timestamp"), False),
        OrderBy(Field("attribute", "model_id")),
    ),
    ties=(
        OrderBy(Field("attribute", "creation_timestamp"), False),
        OrderBy(Field("attribute", "model_id")),
    ),
)

REGISTERED_MODELS = Scope(
    items="registered models",
    kinds=("tag", "attribute"),
    attributes={
        "name": "text",
        "description": "text",
        "creation_timestamp": "number",
        "last_updated_timestamp": "number",
    },
    aliases={"timestamp": "last_updated_timestamp", "creation_time": "creation_timestamp"},
    unordered=(OrderBy(Field("attribute", "name")),),
    ties=(OrderBy(Field("attribute", "name")),),
)

MODEL_VERSIONS = Scope(
    items="model versions",
    kinds=("tag", "attribute"),
    attributes={
        "name": "text",
        "version_number": "number",
        "run_id": "text",
        "source_path": "text",
        "model_id": "text",
        "user_id": "text",
        "current_stage": "text",
        "status": "text",
        "description": "text",
        "creation_timestamp": "number",
        "last_updated_timestamp": "number",
    },
    aliases={
        "version": "version_number",
        "source": "source_path",
        "stage": "current_stage",
        "timestamp": "last_updated_timestamp",
        "creation_time": "creation_timestamp",
    },
    unordered=(
        OrderBy(Field("attribute", "last_updated_timestamp"), False),
        OrderBy(Field("attribute", "name")),
        OrderBy(Field("attribute", "version_number"), False),
    ),
    ties=(
        OrderBy(Field("attribute", "name")),
        OrderBy(Field("attribute", "version_number"), False),
    ),
)

_NUMBER_ATTRIBUTES = frozenset(
    name
    for scope in (RUNS, EXPERIMENTS, MODELS, REGISTERED_MODELS, MODEL_VERSIONS)
    for name, type_ in scope.attributes.items()
    if type_ == "number"
)


def is_number(field: Field) -> bool:
    """Return whether the field holds numbers; the others hold text."""
    return field.kind == "metric" or (field.kind == "attribute" and field.key in _NUMBER_ATTRIBUTES)


def full_order(order: Sequence[OrderBy], scope: Scope = RUNS) -> tuple[OrderBy, ...]:
    """Return `order` with the ties appended that make it total, or the scope's own order if it is
    empty."""
    if not order:
        return scope.unordered
    fields = {each.field for each in order}
    return (*order, *(tie for tie in scope.ties if tie.field not in fields))
