"""Clauses back to text that the parser reads as the same clauses."""

from __future__ import annotations

import re

from runlog.query.clauses import And, Clause, Comparison, Field, Not, Or, OrderBy


def render_clause(clause: Clause) -> str:
    """Return a text that `parse_filter` reads as the same clause."""
    if isinstance(clause, Comparison):
        return f"{render_field(clause.field)} {clause.op}{_render_operand(clause)}"
    if isinstance(clause, Not):
        return f"NOT {_render_member(clause.clause)}"
    joint = " AND " if isinstance(clause, And) else " OR "
    # An And binds tighter than the Or around it; all else in a group needs its parentheses.
    plain = And if isinstance(clause, Or) else ()
    return joint.join(
        render_clause(each) if isinstance(each, plain) else _render_member(each)
        for each in clause.clauses
    )


def render_order_by(order: OrderBy) -> str:
    """Return a text that `parse_order_by` reads as the same entry."""
    return f"{render_field(order.field)} {'ASC' if order.ascending else 'DESC'}"


def render_field(field: Field) -> str:
    """Return the field as a filter names it."""
    if field.kind == "attribute":
        return field.key
    plain = re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", field.key, re.ASCII)
    name = f"{field.kind}s.{field.key if plain else _quoted(field.key, '`', chr(34))}"
    return name if field.aggregate == "last" else f"{field.aggregate}({name})"


def _render_member(clause: Clause) -> str:
    return f"({render_clause(clause)})" if isinstance(clause, (And, Or)) else render_clause(clause)


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
