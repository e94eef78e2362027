"""The search language: filter and order_by text to clauses, and what those clauses mean.

    parse, parse_order_by          text to frozen clauses
    render, render_order_by        and back
    matches, sort                  the meaning in plain Python, which every store's search equals
    encode_token, decode_token     where a page of results ended
    mark, other_search             that a token is of the same search

The grammar is MLflow's, and more of it: `docs/query.md` is the language for its users. Logic is
SQL's, of three values: a comparison with a field that is missing is neither true nor false.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NoReturn, TypeAlias, TypeVar

from runlog.entities import DatasetInput, Experiment, LoggedModel, MetricSummary, Run
from runlog.errors import InvalidParameter, shown

MAX_TEXT = 100_000
MAX_COMPARISONS = 1_000
MAX_DEPTH = 100
MAX_ORDER_BY = 50  # each is a table in a join, of which SQLite takes 64 and MySQL 61
# At four bytes a character still below the longest pattern that SQLite's LIKE takes.
MAX_PATTERN = 10_000
MAX_NUMBER = 1_000
MAX_TOKEN = 1_000_000

AGGREGATES = ("last", "min", "max", "first", "count")
DATASET_FIELDS = ("name", "digest", "context")
DATASET_CONTEXT = "mlflow.data.context"

_ANY_OPERATORS = ("=", "!=", "IN", "NOT IN", "BETWEEN", "NOT BETWEEN", "IS NULL", "IS NOT NULL")
NUMBER_OPERATORS = (*_ANY_OPERATORS, "<", "<=", ">", ">=")
TEXT_OPERATORS = (*_ANY_OPERATORS, "LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE")

_PREFIXES = {
    "metric": "metric",
    "metrics": "metric",
    "param": "param",
    "params": "param",
    "parameter": "param",
    "parameters": "param",
    "tag": "tag",
    "tags": "tag",
    "attr": "attribute",
    "attribute": "attribute",
    "attributes": "attribute",
    "run": "attribute",
    "dataset": "dataset",
    "datasets": "dataset",
}


class FilterError(InvalidParameter):
    """A filter or an order_by entry that cannot be read; `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


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

_NUMBER_ATTRIBUTES = frozenset(
    name
    for scope in (RUNS, EXPERIMENTS, MODELS)
    for name, type_ in scope.attributes.items()
    if type_ == "number"
)


def is_number(field: Field) -> bool:
    """Whether the field holds numbers; the others hold text."""
    return field.kind == "metric" or (field.kind == "attribute" and field.key in _NUMBER_ATTRIBUTES)


def full_order(order: Sequence[OrderBy], scope: Scope = RUNS) -> tuple[OrderBy, ...]:
    """`order` with the ties appended that make it total, or the scope's own order if empty."""
    if not order:
        return scope.unordered
    fields = {each.field for each in order}
    return (*order, *(tie for tie in scope.ties if tie.field not in fields))


# ---------------------------------------------------------------------------------- text to clauses


def parse(text: str | None, scope: Scope = RUNS) -> Clause | None:
    """The clause that `text` says, or None when it says nothing.

    Ands and Ors come flattened, so that equal meanings in different parentheses are equal clauses.
    Raises `FilterError`, which says where and what was expected.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    return _Reader(text, scope, "a filter", "Invalid clause(s) in filter string").clause()


def parse_order_by(entries: Iterable[str] | None, scope: Scope = RUNS) -> tuple[OrderBy, ...]:
    """What `entries` such as "metrics.loss DESC" order by, the first entry first.

    Raises `FilterError` for an entry that cannot be read, InvalidParameter for more than
    `MAX_ORDER_BY` of them and for a field that occurs twice.
    """
    if isinstance(entries, str):
        raise InvalidParameter(f"order_by is a list of texts: write [{shown(entries)}]")
    order: dict[Field, OrderBy] = {}
    for entry in entries or ():
        if len(order) == MAX_ORDER_BY:
            raise InvalidParameter(f"order_by has more than {MAX_ORDER_BY} entries")
        found = _Reader(
            entry, scope, "an order_by entry", f"Invalid order_by clause {shown(entry)}"
        ).order_by()
        if found.field in order:
            raise InvalidParameter(
                f"`order_by` contains duplicate fields: {render_field(found.field)}"
            )
        order[found.field] = found
    return tuple(order.values())


_WORD = r"[^\W\d]\w*"
# MLflow wants quotes around keys with dashes and slashes; without arithmetic they are no trouble.
_BARE_KEY = r"[\w.][\w./-]*"
# A quoted text, with its quote doubled inside. It backtracks in linear time, and just once: what
# does not match ends the parse.
_SINGLE, _DOUBLE, _BACK = (f"{q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}(?!{q})" for q in "'\"`")


def _pattern(text: str) -> re.Pattern[str]:
    # Each takes the space after it, so that a reader always stands at the next thing.
    return re.compile(rf"(?:{text})\s*", re.IGNORECASE)


_SPACE = _pattern("")
_OPENING = _pattern(r"(not)(?![\w.])|\(")
_FIELD = _pattern(
    rf"({_WORD}|{_BACK})\.({_BARE_KEY}|{_BACK}|{_DOUBLE}|{_SINGLE})"
    rf"|({_WORD}|{_BACK}|{_DOUBLE})(\s*\()?"
)
_OPERATOR = _pattern(r"([=!<>~]+|is\s+(?:not\s+)?null\b|(?:not\s+)?(?:i?like|in|between)\b)")
_STRING = _pattern(rf"({_SINGLE}|{_DOUBLE})")
_QUOTED = _pattern(rf"{_SINGLE}|{_DOUBLE}|{_BACK}")
_NUMBER = _pattern(
    r"([+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|(?a:nan|inf(?:inity)?)))(?![\w.])"
)
_CONNECTIVE = _pattern(r"(and|or)\b|(\))|\Z")
_AND = _pattern(r"and\b")
_COMMA = _pattern(",")
_OPEN = _pattern(r"\(")
_CLOSE = _pattern(r"\)")
_DIRECTION = _pattern(r"(asc|desc)\b")
_NEAR = re.compile(r"\S{0,24}")
# Lone surrogates are not UTF-8, and NUL ends a text for SQLite's LIKE.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

_OPERATORS = frozenset(NUMBER_OPERATORS + TEXT_OPERATORS)
_OTHER_SPELLINGS = {"==": "=", "<>": "!=", "=<": "<=", "=>": ">="}


class _Group:
    """What is read so far between two parentheses: finished ands, the one being read, its NOTs."""

    __slots__ = ("ands", "nots", "ors", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.ors: list[Clause] = []
        self.ands: list[Clause] = []
        self.nots = 0

    def add(self, clause: Clause) -> None:
        for _ in range(self.nots):
            clause = Not(clause)
        self.nots = 0
        self.ands.append(clause)

    def end_and(self) -> None:
        self.ors.append(_join(And, self.ands))
        self.ands = []

    def finish(self) -> Clause:
        self.end_and()
        return _join(Or, self.ors)


def _join(kind: type[And | Or], clauses: list[Clause]) -> Clause:
    if len(clauses) == 1:
        return clauses[0]
    flat: list[Clause] = []
    for clause in clauses:
        if isinstance(clause, kind):
            flat.extend(clause.clauses)
        else:
            flat.append(clause)
    return kind(tuple(flat))


class _Reader:
    """A position in a text and what the grammar can find there.

    It matches what the grammar expects next instead of cutting the text into tokens first, since
    a text in double quotes is a key in one place and a value in another.
    """

    __slots__ = ("complaint", "position", "scope", "text")

    def __init__(self, text: str, scope: Scope, noun: str, complaint: str) -> None:
        if not isinstance(text, str):
            raise InvalidParameter(f"{noun} is text, not {type(text).__name__}: {shown(text)}")
        if len(text) > MAX_TEXT:
            raise FilterError(
                f"{noun} has at most {MAX_TEXT} characters, this one has {len(text)}", MAX_TEXT
            )
        self.text = text
        self.scope = scope
        self.complaint = complaint
        self.position = 0
        if found := _UNSTORABLE.search(text):
            self.refuse(f"the character {found[0]!a} cannot be searched for", found.start())
        self.take(_SPACE)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found:
            self.position = found.end()
        return found

    def refuse(
        self, problem: str, position: int | None = None, complaint: str | None = None
    ) -> NoReturn:
        at = self.position if position is None else position
        near = _NEAR.match(self.text, at)
        where = f"near {shown(near[0])}" if near and near[0] else "at the end"
        raise FilterError(f"{complaint or self.complaint} at position {at}, {where}: {problem}", at)

    def clause(self) -> Clause:
        # A stack of its own, so that nesting costs nothing of the caller's recursion limit.
        group = _Group(0)
        outer: list[_Group] = []
        depth = comparisons = 0
        while True:
            while found := self.take(_OPENING):
                depth += 1
                if depth > MAX_DEPTH:
                    self.refuse(f"nested deeper than {MAX_DEPTH} levels", found.start())
                if found[1]:
                    group.nots += 1
                else:
                    outer.append(group)
                    group = _Group(found.start())
            comparisons += 1
            if comparisons > MAX_COMPARISONS:
                self.refuse(f"more than {MAX_COMPARISONS} comparisons")
            clause: Clause = self.comparison()
            while True:
                depth -= group.nots
                group.add(clause)
                found = self.take(_CONNECTIVE)
                if found is None:
                    self.refuse("expected AND, OR" + (" or )" if outer else " or the end"))
                word, closing = found.groups()
                if word:
                    break
                if closing:
                    if not outer:
                        self.refuse("this parenthesis closes nothing", found.start())
                    clause = group.finish()
                    group = outer.pop()
                    depth -= 1
                    continue
                if outer:
                    self.refuse("this parenthesis is never closed", group.position)
                return group.finish()
            if word.upper() == "OR":
                group.end_and()

    def order_by(self) -> OrderBy:
        start = self.position
        field = self.field()
        if field.kind == "dataset":
            self.refuse("runs cannot be ordered by their datasets", start)
        direction = self.take(_DIRECTION)
        if self.position < len(self.text):
            self.refuse("expected the end" if direction else "expected ASC, DESC or the end")
        return OrderBy(field, direction is None or direction[1].upper() == "ASC")

    def comparison(self) -> Comparison:
        field = self.field()
        op = self.operator(field)
        if op.startswith("IS"):
            return Comparison(field, op, None)
        if op.endswith("BETWEEN"):
            low = self.value(field)
            if not self.take(_AND):
                self.refuse("expected AND and the upper bound of BETWEEN")
            return Comparison(field, op, (low, self.value(field)))
        if op.endswith("IN"):
            return Comparison(field, op, self.values(field))
        start = self.position
        value = self.value(field)
        if op.endswith("LIKE") and len(str(value)) > MAX_PATTERN:
            self.refuse(f"a pattern has at most {MAX_PATTERN} characters", start)
        return Comparison(field, op, value)

    def field(self) -> Field:
        found = self.take(_FIELD)
        if found is None or not found[4]:
            return self.named(found)
        aggregate = found[3].lower()
        aggregates = AGGREGATES if "metric" in self.scope.kinds else ()
        if aggregate not in aggregates:
            there_are = ", ".join(aggregates) or "none"
            self.refuse(f"no function {shown(found[3])}, there are: {there_are}", found.start())
        start = self.position
        inner = self.take(_FIELD)
        field = None if inner and inner[4] else self.named(inner)
        if field is None or field.kind != "metric":
            self.refuse(f"{aggregate}() is of a metric: {aggregate}(metrics.NAME)", start)
        if not self.take(_CLOSE):
            self.refuse(f"expected ){self.unquoted_key()}")
        return Field("metric", field.key, aggregate)

    def named(self, found: re.Match[str] | None) -> Field:
        if found is None or (found[3] and found[3].upper() in ("AND", "OR")):
            start = found.start() if found else self.position
            self.refuse(f"expected a field such as {self.example()}{self.unclosed()}", start)
        prefix, key, name, _ = found.groups()
        if name:
            if self.text.startswith(".", self.position):
                unclosed = self.unclosed(self.position + 1)
                self.refuse(
                    "expected a key right after the dot, in back-ticks if it is unusual" + unclosed,
                    self.position + bool(unclosed),
                )
            return self.attribute(_unquoted(name), found.start())
        kind = self.kind(_unquoted(prefix), found.start())
        key = _unquoted(key)
        if kind == "attribute":
            return self.attribute(key, found.start(2))
        if kind == "dataset" and key not in DATASET_FIELDS:
            self.refuse(
                f"datasets have {', '.join(DATASET_FIELDS)}{_suggestion(key, DATASET_FIELDS)}",
                found.start(2),
                f"Invalid dataset key {shown(key)}",
            )
        if not key:
            self.refuse("a key cannot be empty", found.start(2))
        return Field(kind, key)

    def kind(self, prefix: str, position: int) -> str:
        kind = _PREFIXES.get(prefix.lower())
        if kind is None or kind not in self.scope.kinds:
            known = [f"{each}s" for each in self.scope.kinds]
            self.refuse(
                f"{self.scope.items} have {', '.join(known)}{_suggestion(prefix, known)}",
                position,
                f"Invalid entity type {shown(prefix)}",
            )
        return kind

    def attribute(self, name: str, position: int) -> Field:
        name = self.scope.aliases.get(name, name)
        if name not in self.scope.attributes:
            known = list(self.scope.attributes)
            others = [f"{each}s.NAME" for each in self.scope.kinds if each != "attribute"]
            self.refuse(
                f"{self.scope.items} have {', '.join(known)}; "
                f"what is not an attribute is written {', '.join(others)}"
                + _suggestion(name, known),
                position,
                f"Invalid attribute key {shown(name)}",
            )
        return Field("attribute", name)

    def operator(self, field: Field) -> str:
        usable = NUMBER_OPERATORS if is_number(field) else TEXT_OPERATORS
        found = self.take(_OPERATOR)
        if found is None:
            self.refuse(f"expected an operator: {', '.join(usable)}{self.unquoted_key()}")
        op = found[1] if found[1] in _OPERATORS else " ".join(found[1].upper().split())
        if op in usable:
            return op
        hint = f": write {_OTHER_SPELLINGS[op]}" if op in _OTHER_SPELLINGS else ""
        self.refuse(
            f"{render_field(field)} takes {', '.join(usable)}{hint}",
            found.start(),
            f"Invalid comparator {shown(found[1])}",
        )

    def value(self, field: Field) -> str | float:
        if not is_number(field):
            found = self.take(_STRING)
            if found is None:
                self.refuse(
                    f"write the text in single or double quotes{self.unclosed()}",
                    complaint=f"Expected a quoted string value for {render_field(field)}",
                )
            return _unquoted(found[1])
        found = self.take(_NUMBER)
        if found is None:
            self.refuse(
                "write a number without quotes, or NaN, inf, -inf",
                complaint=f"Expected numeric value type for {render_field(field)}",
            )
        if len(found[1]) > MAX_NUMBER:
            self.refuse(f"a number has at most {MAX_NUMBER} characters", found.start())
        return _number(found[1], whole=field.kind != "metric" or field.aggregate == "count")

    def values(self, field: Field) -> tuple[str | float, ...]:
        if not self.take(_OPEN):
            self.refuse("expected a list in parentheses after IN")
        if found := self.take(_CLOSE):
            self.refuse("a list holds at least one value", found.start())
        values = [self.value(field)]
        while not self.take(_CLOSE):
            if not self.take(_COMMA):
                self.refuse("expected , or )")
            if self.take(_CLOSE):
                break
            values.append(self.value(field))
        return tuple(values)

    def example(self) -> str:
        return "metrics.loss" if "metric" in self.scope.kinds else "name"

    def unclosed(self, position: int | None = None) -> str:
        at = self.position if position is None else position
        quote = self.text[at : at + 1]
        closed = quote not in tuple("'\"`") or _QUOTED.match(self.text, at)
        return "" if closed else f"; the {quote} that starts here is never closed"

    def unquoted_key(self) -> str:
        before, after = self.text[self.position - 1], self.text[self.position :][:1]
        joined = after and not before.isspace()
        return "; a key with other characters goes in back-ticks" if joined else ""


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote) if quote in "'\"`" else text


def _number(text: str, whole: bool) -> float:
    if whole:
        try:
            number = int(text)
        except ValueError:
            pass
        else:
            # Compares with every 64-bit integer as the number itself does, and can be stored.
            return number if -(2**63) <= number < 2**63 else math.copysign(math.inf, number)
    value = float(text)
    return math.nan if _is_nan(value) else value


def _suggestion(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), known, n=1)
    return f". Did you mean {close[0]}?" if close else ""


# ---------------------------------------------------------------------------------- clauses to text


def render(clause: Clause) -> str:
    """A text that `parse` reads as the same clause."""
    if isinstance(clause, Comparison):
        return f"{render_field(clause.field)} {clause.op}{_render_operand(clause)}"
    if isinstance(clause, Not):
        return f"NOT {_render_member(clause.clause)}"
    joint = " AND " if isinstance(clause, And) else " OR "
    return joint.join(
        # An And binds tighter than the Or around it; all else in a group needs its parentheses.
        render(each) if isinstance(clause, Or) and isinstance(each, And) else _render_member(each)
        for each in clause.clauses
    )


def render_order_by(order: OrderBy) -> str:
    """A text that `parse_order_by` reads as the same entry."""
    return f"{render_field(order.field)} {'ASC' if order.ascending else 'DESC'}"


def render_field(field: Field) -> str:
    """The field as a filter names it."""
    if field.kind == "attribute":
        return field.key
    plain = re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", field.key, re.ASCII)
    name = f"{field.kind}s.{field.key if plain else _quoted(field.key, '`', chr(34))}"
    return name if field.aggregate == "last" else f"{field.aggregate}({name})"


def _render_member(clause: Clause) -> str:
    return f"({render(clause)})" if isinstance(clause, (And, Or)) else render(clause)


def _render_operand(comparison: Comparison) -> str:
    value = comparison.value
    if value is None:
        return ""
    if not isinstance(value, tuple):
        return f" {_render_value(value)}"
    values = [_render_value(each) for each in value]
    if comparison.op.endswith("BETWEEN"):
        return f" {values[0]} AND {values[1]}"
    return f" ({', '.join(values)})"


def _render_value(value: object) -> str:
    return _quoted(value, "'", '"') if isinstance(value, str) else repr(value)


def _quoted(text: str, quote: str, other: str) -> str:
    # MLflow does not know doubled quotes: they are the last resort.
    if quote in text and other not in text:
        quote = other
    return quote + text.replace(quote, quote * 2) + quote


# ------------------------------------------------------------------------------- what clauses mean

Item = TypeVar("Item", Run, Experiment, LoggedModel)


def matches(
    clause: Clause | None,
    item: Run | Experiment | LoggedModel,
    summaries: Mapping[str, MetricSummary] | None = None,
) -> bool:
    """Whether a search with `clause` finds the run or experiment; None finds everything.

    `summaries`, by metric key, is needed for min(), max(), first() and count().
    """
    return clause is None or _truth(clause, item, summaries) is True


def sort(
    items: Iterable[Item],
    order: Sequence[OrderBy] = (),
    scope: Scope = RUNS,
    summaries: Mapping[str, Mapping[str, MetricSummary]] | None = None,
    seen: Sequence[Callable[[Item], Item]] = (),
) -> list[Item]:
    """The items in `order` and its ties: NaN after the numbers and missing last, either way.

    `summaries`, by run id and metric key, is needed for min(), max(), first() and count(). `seen`
    says for each entry of `order` what it looks at instead of the item.
    """
    result = list(items)
    entries = full_order(order, scope)
    for position in reversed(range(len(entries))):
        each = entries[position]
        key = partial(_sort_key, each, summaries)
        view = seen[position] if position < len(seen) else None
        # Also in reverse a sort keeps equal items as they were: earlier entries decide last.
        result.sort(key=_through(view, key) if view else key, reverse=not each.ascending)
    return result


def _through(view: Callable[[Item], Item], key: Callable[[Any], Any]) -> Callable[[Item], Any]:
    return lambda item: key(view(item))


def _truth(
    clause: Clause,
    item: Run | Experiment | LoggedModel,
    summaries: Mapping[str, MetricSummary] | None,
) -> bool | None:
    if isinstance(clause, Comparison):
        return _compared(clause, _values(clause.field, item, summaries))
    if isinstance(clause, Not):
        inner = _truth(clause.clause, item, summaries)
        return None if inner is None else not inner
    decisive = isinstance(clause, Or)
    result: bool | None = not decisive
    for each in clause.clauses:
        truth = _truth(each, item, summaries)
        if truth is decisive:
            return decisive
        if truth is None:
            result = None
    return result


def _compared(comparison: Comparison, values: Sequence[object]) -> bool | None:
    op = comparison.op
    if op == "IS NULL":
        return not values
    if op == "IS NOT NULL":
        return bool(values)
    if not values:
        return None
    if op.startswith("NOT "):
        test = _TESTS[op[4:]]
        return any(not test(each, comparison.value) for each in values)
    return any(_TESTS[op](each, comparison.value) for each in values)


def _values(
    field: Field,
    item: Run | Experiment | LoggedModel,
    summaries: Mapping[str, MetricSummary] | None,
) -> Sequence[Any]:
    """The values that the item has for the field: none if missing, several only for datasets."""
    if field.kind == "dataset":
        assert isinstance(item, Run)
        return [value for each in item.inputs.dataset_inputs for value in _dataset(each, field.key)]
    value = _value(field, item, summaries)
    return () if value is None else (value,)


def _dataset(given: DatasetInput, key: str) -> list[str]:
    if key == "context":
        return [tag.value for tag in given.tags if tag.key == DATASET_CONTEXT]
    return [getattr(given.dataset, key)]


def _value(
    field: Field,
    item: Run | Experiment | LoggedModel,
    summaries: Mapping[str, MetricSummary] | None,
) -> Any:
    if isinstance(item, Experiment):
        return item.tags.get(field.key) if field.kind == "tag" else getattr(item, field.key)
    if isinstance(item, LoggedModel):
        if field.kind == "attribute":
            return getattr(item, field.key)
        if field.kind == "metric":
            points = [point for point in item.metrics if point.key == field.key]
            last = max(points, key=operator.attrgetter("step", "timestamp"), default=None)
            return None if last is None else last.value
        kept: Mapping[str, Any] = getattr(item, field.kind + "s")
        return kept.get(field.key)
    if field.kind == "param":
        return item.data.params.get(field.key)
    if field.kind == "tag":
        return item.data.tags.get(field.key)
    if field.kind == "metric":
        if field.aggregate == "last":
            return item.data.metrics.get(field.key)
        return _summarised(field, summaries)
    if field.key == "duration":
        ended = item.info.end_time
        return None if ended is None else ended - item.info.start_time
    return getattr(item.info, field.key)


def _summarised(field: Field, summaries: Mapping[str, MetricSummary] | None) -> Any:
    if summaries is None:
        raise ValueError(f"{render_field(field)} cannot be known without summaries")
    summary = summaries.get(field.key)
    if summary is None:
        return 0 if field.aggregate == "count" else None
    return getattr(summary, field.aggregate)


def _sort_key(
    order: OrderBy,
    summaries: Mapping[str, Mapping[str, MetricSummary]] | None,
    item: Run | Experiment | LoggedModel,
) -> tuple[int, Any]:
    own = None
    if summaries is not None and isinstance(item, Run):
        own = summaries.get(item.info.run_id, {})
    value = _value(order.field, item, own)
    last = 1 if order.ascending else -1
    if value is None:
        return 2 * last, 0
    if _is_nan(value):
        return last, 0
    return 0, int(value) if order.field.key == "experiment_id" else value


def _equal(value: Any, other: Any) -> bool:
    return bool(value == other or (_is_nan(value) and _is_nan(other)))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE, in time at most the product of the lengths: parts between % found in turn."""
    head, *rest = _parts(pattern)
    if not rest:
        return head.fullmatch(text) is not None
    found = head.match(text)
    for part in rest[:-1]:
        if found is None:
            break
        found = part.search(text, found.end())
    tail = len(text) - (len(pattern) - pattern.rfind("%") - 1)
    return found is not None and tail >= found.end() and bool(rest[-1].fullmatch(text, tail))


@lru_cache(maxsize=64)
def _parts(pattern: str) -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(".".join(map(re.escape, part.split("_"))), re.DOTALL)
        for part in pattern.split("%")
    )


# What SQLite's lower() does; its LIKE and those of other databases do not agree on more.
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _ilike(text: str, pattern: str) -> bool:
    return _like(text.translate(_ASCII_LOWER), pattern.translate(_ASCII_LOWER))


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda value, other: not _equal(value, other),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "LIKE": _like,
    "ILIKE": _ilike,
    "IN": lambda value, others: any(_equal(value, each) for each in others),
    "BETWEEN": lambda value, bounds: bool(bounds[0] <= value <= bounds[1]),
}


# ----------------------------------------------------------------------------------- page tokens


def encode_token(values: Iterable[str | float | None]) -> str:
    """A page token that carries `values`: where the page ended in the order of its search."""
    import json
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[str | float | None, ...]:
    """The values of a page token; raises InvalidParameter for what `encode_token` did not make."""
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


def mark(*search: object) -> int:
    """A number for what a search is, with which its page tokens begin."""
    from zlib import crc32

    return crc32(repr(search).encode("utf-8", "backslashreplace"))


def other_search() -> InvalidParameter:
    """The error for a page token that another search has given."""
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
