"""Filter and order_by text to clauses."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from runlog.errors import InvalidParameter, shown
from runlog.query.clauses import (
    AGGREGATES,
    DATASET_FIELDS,
    NUMBER_OPERATORS,
    RUNS,
    TEXT_OPERATORS,
    And,
    Clause,
    Comparison,
    Field,
    Not,
    Or,
    OrderBy,
    Scope,
    is_number,
)
from runlog.query.render import render_field

MAX_TEXT = 100_000
MAX_COMPARISONS = 1_000
MAX_DEPTH = 100
MAX_ORDER_BY = 50  # each is a table in a join, of which SQLite takes 64 and MySQL 61
# At four bytes a character still below the longest pattern that SQLite's LIKE takes.
MAX_PATTERN = 10_000
MAX_NUMBER = 1_000

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


def parse_filter(text: str | None, scope: Scope = RUNS) -> Clause | None:
    """Return the clause that `text` means, or None for an empty text.

    Ands and Ors come flattened, so that equal meanings in different parentheses are equal clauses.
    Raises `FilterError`, whose message has the position and what was expected.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    return _Reader(text, scope, "a filter", "Invalid clause(s) in filter string").clause()


def parse_order_by(entries: Iterable[str] | None, scope: Scope = RUNS) -> tuple[OrderBy, ...]:
    """Return what `entries` such as "metrics.loss DESC" order by, the first entry first.

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
    return math.nan if math.isnan(value) else value


def _suggestion(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), known, n=1)
    return f". Did you mean {close[0]}?" if close else ""
