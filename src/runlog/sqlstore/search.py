"""Clauses and orders to SQL: which rows a search finds, page by page.

`query.evaluate` says what a clause means; here the same is said in SQL, with every value bound. A
missing field is NULL, which gives SQL's three-valued logic the meaning that the language has. A NaN
is 'NaN', greater than every number. What databases disagree about their classes in `db` say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from runlog import validate
from runlog.entities import ViewType
from runlog.query.clauses import And, Clause, Comparison, Field, Not, OrderBy, full_order, is_number
from runlog.query.evaluate import is_nan
from runlog.query.page_token import decode_token, encode_token, other_search, search_mark
from runlog.query.parser import parse_filter, parse_order_by
from runlog.sqlstore.ids import json_ids, listed
from runlog.store import view_stages

if TYPE_CHECKING:
    from runlog.db.base import Database
    from runlog.sqlstore.ids import Fetch
    from runlog.sqlstore.rows import Rows

RUN_COLUMNS = {
    "run_id": "r.run_id",
    "experiment_id": "cast(r.experiment as text)",
    "run_name": "r.name",
    "status": "r.status",
    "start_time": "r.start_time",
    "end_time": "r.end_time",
    "duration": "(r.end_time - r.start_time)",
    "user_id": "r.user_id",
    "artifact_uri": """case when substr(r.artifact_uri, 1, 2) = './'
        then :artifact_root || substr(r.artifact_uri, 2)
        when substr(r.artifact_uri, 1, 6) = 'sqlar:' then :archive || substr(r.artifact_uri, 7)
        else r.artifact_uri end""",
    "lifecycle_stage": "r.lifecycle_stage",
}

EXPERIMENT_COLUMNS = {
    "experiment_id": "cast(r.id as text)",
    "name": "r.name",
    "creation_time": "r.creation_time",
    "last_update_time": "r.last_update_time",
    "artifact_location": RUN_COLUMNS["artifact_uri"].replace("artifact_uri", "artifact_location"),
    "lifecycle_stage": "r.lifecycle_stage",
}

_NULLABLE = {"end_time", "duration"}
_DATASET_COLUMNS = {"name": "d.name", "digest": "d.digest", "context": "t.value"}
_BEYOND = 1e300
_INDEXED_LENGTH = 250
_SHORT, _LONG = "length({}) <= 250", "length({}) > 250"  # as in the partial indexes of the schema
_READ = ("LIKE", "ILIKE", "IN")

# Rows that are worth starting a search from: sorting so many costs less than a millisecond.
FEW = 1000
_PROBES = 100  # conditions whose rows are counted: a statement has so many columns at most

_Rows = tuple[str, str]  # `table where ...`, and the condition that says the same of runs


@dataclass
class Target:
    """What is searched: a table as `r`, its attributes as columns of `r`, its tag table, and for
    runs the table of metric summaries with the ids of the metric keys."""

    table: str
    columns: Mapping[str, str]
    tag_table: str
    tag_owner: str
    numeric_id: str
    metric_table: str = "metric"
    metric_keys: Mapping[str, int] | None = None


def runs(metric_table: str, metric_keys: Mapping[str, int]) -> Target:
    """Return the runs; `metric_table` is `metric` when every point is merged, else
    `live_metric`."""
    return Target("run", RUN_COLUMNS, "tag", "run", "r.experiment", metric_table, metric_keys)


def experiments() -> Target:
    """Return the experiments."""
    return Target("experiment", EXPERIMENT_COLUMNS, "experiment_tag", "experiment", "r.id")


def metric_names(clause: Clause | None, order: Iterable[OrderBy]) -> set[str]:
    """Return the metric keys that a search speaks of."""
    found = {each.field.key for each in order if each.field.kind == "metric"}
    waiting = [clause] if clause is not None else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, Comparison):
            if part.field.kind == "metric":
                found.add(part.field.key)
        elif isinstance(part, Not):
            waiting.append(part.clause)
        else:
            waiting.extend(part.clauses)
    return found


class Search:
    """One search: `rows` runs it. `scope` is SQL on `r` that every row must satisfy."""

    def __init__(
        self,
        target: Target,
        scope: str,
        clause: Clause | None,
        order: Sequence[OrderBy],
        bindings: Mapping[str, Any],
        database: Database,
    ) -> None:
        self._target = target
        self._database = database
        self._bindings = dict(bindings)
        self._names = count()
        # The filter of a search for experiments may be narrowed to those that a user may read,
        # which change while he turns pages.
        self._marks = (clause if target.table == "run" else None, tuple(order))
        self._order = order
        self._scope = scope
        parts = clause.clauses if isinstance(clause, And) else () if clause is None else (clause,)
        self._conjuncts = [(part, self._clause(part)) for part in parts]
        self._surveyed = False
        self._few: tuple[str, str] | None = None  # where to start, and what is true of it
        self._fewest = FEW + 1
        self._by_index = False

    def rows(
        self, fetch: Fetch, limit: int | None, after: Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the next `limit` rows behind the one whose order values are `after`: the row id of
        each, and what it is ordered by."""
        if not self._surveyed:
            self._survey(fetch)
        if not self._fewest:
            return []
        if self._by_index and self._fewest > FEW:
            return self._page_by_index(fetch, limit, after)
        source = f"{self._target.table} r"
        where = [sql for _, sql in self._conjuncts]
        if self._few is not None:
            start, condition = self._few
            source = f"{start} cross join run r on r.id = j.value"
            where.remove(condition)
        return self._fetch_rows(fetch, self._joined(source, self._order), where, limit, after)

    def token(self, row: Sequence[Any]) -> str:
        """Return the token of the page that begins behind a row."""
        values = map(_order_value, self._order, row[1:])
        return encode_token((self._mark(), *values))

    def after(self, token: str | None) -> tuple[Any, ...] | None:
        """Return where a page starts. Raises InvalidParameter for a token of another search."""
        if not token:
            return None
        mark, *values = decode_token(token) or (None,)
        if len(values) != len(self._order) or mark != self._mark():
            raise other_search()
        return tuple(values)

    def _mark(self) -> int:
        """Return what tells the tokens of this search from those of others."""
        return search_mark(*self._marks)

    def counts_by(self, fetch: Fetch, column: str) -> dict[str, int]:
        """Return how many rows there are in all, by the value of a column of `r`."""
        table, grouped = self._target.table, f"group by {column} order by {column}"
        where = _balanced([self._scope, *(sql for _, sql in self._conjuncts)], " and ")
        sql = f"select {column}, count(*) from {table} r where {where} {grouped}"
        return dict(fetch(sql, self._bindings))

    # -- the way to the rows --------------------------------------------------------------------

    def _survey(self, fetch: Fetch) -> None:
        """Look for a condition that few rows satisfy: the search starts from them instead of
        reading in order and testing each row. An index finds them at once, where the order's index
        would be read to its end. The runs in question may be few themselves."""
        self._surveyed = True
        if self._target.table != "run":
            return
        first = self._order[0].field
        seen = [
            (part, sql) for part, sql in self._conjuncts[:_PROBES] if isinstance(part, Comparison)
        ]
        sought = [found for part, sql in seen if (found := self._sought(part, sql))]
        read = [part for part, _ in seen if _is_text(part.field) and part.op in _READ]
        texts = dict.fromkeys(each.field for each in read)
        if _is_text(first):
            texts[first] = None
        led = first.kind == "metric" and first.aggregate == "last" and self._key(first) >= 0
        long = [
            f"{field.kind} where key = {self._bind(field.key)} and {_LONG.format('value')}"
            for field in texts
        ]
        scope = [f"run r where {self._scope}"] if texts or led else []
        counts = self._counts(fetch, [*(source for source, _ in sought), *long, *scope])
        for (source, condition), rows in zip(sought, counts, strict=False):
            if rows < self._fewest:
                self._fewest = rows
                self._few = f"(select run as value from {source}) j", condition
        if scope and counts[-1] < self._fewest:
            self._fewest, self._few = counts[-1], None
        long_ones = counts[len(sought) :]
        short = {field for field, rows in zip(texts, long_ones, strict=False) if not rows}
        self._by_index = led or first in short
        for part, sql in seen:
            if self._fewest > FEW and part in read and part.field in short:
                self._start_from_texts(fetch, part, sql)

    def _counts(self, fetch: Fetch, sources: Sequence[str]) -> Sequence[int]:
        """Return how many rows each has; one more than few where there are more."""
        if not sources:
            return ()
        counts = [
            f"(select count(*) from (select 1 as one from {source} limit {FEW + 1}) few)"
            for source in sources
        ]
        return fetch(f"select {', '.join(counts)}", self._bindings)[0]

    def _sought(self, comparison: Comparison, condition: str) -> _Rows | None:
        """Return where an index finds the rows that satisfy the condition, if there is such a
        one."""
        field, op = comparison.field, comparison.op
        if _is_text(field) and op == "=" and len(str(comparison.value)) <= _INDEXED_LENGTH:
            return self._texts_that_match(comparison), condition
        merged = self._target.metric_table == "metric"
        if field.kind == "metric" and field.aggregate == "last" and merged:
            if op in ("=", "<", "<=", ">", ">=", "BETWEEN", "IN"):
                key = self._bind(self._key(field))
                return f"metric where key = {key} and {self._test(comparison, 'last')}", condition
        return None

    def _start_from_texts(self, fetch: Fetch, comparison: Comparison, condition: str) -> None:
        """Start from the rows that satisfy a condition on texts if they are few. All texts of the
        key are read in the index for it: that is done once, at a tenth of the time that it takes to
        look up the text of each run."""
        rows = fetch(
            f"select run from {self._texts_that_match(comparison)} limit {FEW + 1}", self._bindings
        )
        if len(rows) <= FEW:
            self._fewest, self._few = len(rows), ("json_each(:ids) j", condition)
            self._bindings |= json_ids(row[0] for row in rows)

    def _texts_that_match(self, comparison: Comparison) -> str:
        test = f"{self._test(comparison, 'value')} and {_SHORT.format('value')}"
        return f"{comparison.field.kind} where key = {self._bind(comparison.field.key)} and {test}"

    def _key(self, field: Field) -> int:
        """Return the id of a metric's key; of one that no run has, no row's."""
        return (self._target.metric_keys or {}).get(field.key, -1)

    # -- the order ----------------------------------------------------------------------------

    def _page_by_index(
        self, fetch: Fetch, limit: int | None, after: Sequence[Any] | None
    ) -> list[tuple[Any, ...]]:
        """Ordered by a metric, a param or a tag first: the rows that have it, read from the index
        on key and value until there are enough; behind them those with NaN, behind those the ones
        without."""
        first = self._order[0]
        if _is_text(first.field):
            table, column, given = first.field.kind, "o.value", _SHORT.format("o.value")
            own = f"o.key = {self._bind(first.field.key)}"
        else:
            table, column, given = self._target.metric_table, "o.last", "o.last < 'NaN'"
            own = f"o.key = {self._bind(self._key(first.field))}"
        joins, terms = self._joined("", self._order[1:])
        driven = f"{table} o cross join run r on r.id = o.run"
        number = _Term(column, first.ascending, False, double=_is_double(first.field), nan=False)
        without = f"not exists (select 1 from {table} o where o.run = r.id and {own})"
        segments: list[tuple[str, list[_Term], list[str]]] = [
            (driven + joins, [number, *terms], [own, given]),
            (driven + joins, terms, [own, "o.last = 'NaN'"]),
            ("run r" + joins, terms, [without]),
        ]
        conditions = [sql for _, sql in self._conjuncts]
        begin = 0 if after is None else _segment(after[0])
        rows: list[tuple[Any, ...]] = []
        for index, (source, terms, where) in enumerate(segments):
            if index < begin or (limit is not None and len(rows) >= limit):
                continue
            if index == 1 and _is_text(first.field):
                continue
            left = None if limit is None else limit - len(rows)
            where += conditions
            start = after if index == begin else None
            if index == 0:
                if start is not None:  # redundant, and what lets the index seek
                    compared = ">=" if first.ascending else "<="
                    bound = self._bound if number.double else self._bind
                    where.append(f"{column} {compared} {bound(start[0])}")
                rows += self._fetch_rows(fetch, (source, terms), where, left, start)
                continue
            start = None if start is None else start[1:]
            value = "NaN" if index == 1 else None
            found = self._fetch_rows(fetch, (source, terms), where, left, start)
            rows += [(row[0], value, *row[1:]) for row in found]
        return rows

    def _joined(self, source: str, order: Sequence[OrderBy]) -> tuple[str, list[_Term]]:
        """Return `source` with the joins that bring the order's values, and the order's terms."""
        terms = []
        for each in order:
            field = each.field
            if field.kind == "attribute":
                column = self._target.columns[field.key]
                if field.key == "experiment_id":
                    column = self._target.numeric_id
                terms.append(
                    _Term(column, each.ascending, field.key in _NULLABLE, double=False, nan=False)
                )
                continue
            alias = f"o{next(self._names)}"
            table, value = self._source(field, alias)
            source += f" left join {table}"
            counted = field.aggregate == "count"
            terms.append(
                _Term(value, each.ascending, not counted, _is_double(field), _is_double(field))
            )
        return source, terms

    def _source(self, field: Field, alias: str) -> tuple[str, str]:
        if field.kind == "metric":
            key = self._key(field)
            value = f"{alias}.{field.aggregate}"
            if field.aggregate == "count":
                value = f"coalesce({value}, 0)"
            table, owner, bound = self._target.metric_table, "run", self._bind(key)
        else:
            value = f"{alias}.value"
            table, owner = self._table(field)
            bound = self._bind(field.key)
        return f"{table} {alias} on {alias}.{owner} = r.id and {alias}.key = {bound}", value

    def _table(self, field: Field) -> tuple[str, str]:
        if field.kind == "tag":
            return self._target.tag_table, self._target.tag_owner
        return "param", "run"

    def _fetch_rows(
        self,
        fetch: Fetch,
        joined: tuple[str, list[_Term]],
        where: Sequence[str],
        limit: int | None,
        after: Sequence[Any] | None,
    ) -> list[tuple[Any, ...]]:
        source, terms = joined
        conditions = [self._scope, *where]
        if after is not None:
            conditions.append(self._behind(terms, after))
        selected = ", ".join(["r.id", *(term.value for term in terms)])
        order = ", ".join(key for term in terms for key in term.keys())
        found = _balanced(conditions, " and ")
        sql = f"select {selected} from {source} where {found} order by {order}"
        if limit is not None:
            sql += f" limit {int(limit)}"
        return fetch(sql, self._bindings)

    def _behind(self, terms: Sequence[_Term], values: Sequence[Any]) -> str:
        """Return the rows that come after the one with these values."""
        condition = "1 = 0"
        for term, value in reversed(list(zip(terms, values, strict=True))):
            v = term.value
            if value is None:
                condition = f"({v} is null and {condition})"
            elif is_nan(value):
                condition = f"({v} is null or ({v} = 'NaN' and {condition}))"
            else:
                bound = self._bound(value) if term.double else self._bind(value)
                further = f"{v} > {bound}" if term.ascending else f"{v} < {bound}"
                if term.nan and not term.ascending:
                    further += f" or {v} = 'NaN'"
                if term.nullable:
                    further += f" or {v} is null"
                condition = f"({further} or ({v} = {bound} and {condition}))"
        return condition

    # -- the clause -----------------------------------------------------------------------------

    def _clause(self, clause: Clause) -> str:
        if isinstance(clause, Comparison):
            return self._comparison(clause)
        if isinstance(clause, Not):
            return f"not {self._clause(clause.clause)}"
        word = " and " if isinstance(clause, And) else " or "
        return _balanced([self._clause(each) for each in clause.clauses], word)

    def _comparison(self, comparison: Comparison) -> str:
        field = comparison.field
        if field.kind == "dataset":
            return self._dataset(comparison)
        if field.kind == "attribute":
            return self._test(comparison, self._target.columns[field.key])
        source, value = self._source(field, alias := f"c{next(self._names)}")
        table, _, condition = source.partition(" on ")
        if field.aggregate == "count":
            return self._test(
                comparison, f"coalesce((select {alias}.count from {table} where {condition}), 0)"
            )
        test = self._test(comparison, value)
        if test.count(value) == 1:
            return test.replace(value, f"(select {value} from {table} where {condition})")
        # Looked up once, however often the test names it.
        truth = f"case when {test} then 1 when not {test} then 0 end"
        return f"((select {truth} from {table} where {condition}) = 1)"

    def _dataset(self, comparison: Comparison) -> str:
        # True if any data set satisfies it, unknown if there is none: that is what max() gives.
        source = "input i join dataset d on d.id = i.dataset"
        if comparison.field.key == "context":
            source += " join input_tag t on t.input = i.id and t.key = 'mlflow.data.context'"
        if comparison.op in ("IS NULL", "IS NOT NULL"):
            word = "not exists" if comparison.op == "IS NULL" else "exists"
            return f"{word} (select 1 from {source} where i.run = r.id)"
        test = self._test(comparison, _DATASET_COLUMNS[comparison.field.key])
        found = f"max(case when {test} then 1 when not {test} then 0 end)"
        return f"((select {found} from {source} where i.run = r.id) = 1)"

    def _test(self, comparison: Comparison, value: str) -> str:
        op = comparison.op
        if op in ("IS NULL", "IS NOT NULL"):
            return f"{value} {op.lower()}"
        if op.startswith("NOT "):
            return f"not {self._positive(comparison, op[4:], value)}"
        return self._positive(comparison, op, value)

    def _positive(self, comparison: Comparison, op: str, value: str) -> str:
        operand: Any = comparison.value
        if op == "LIKE":
            pattern = self._bind(self._database.pattern(operand))
            return f"({self._database.LIKE.format(value, pattern)})"
        if op == "ILIKE":
            pattern = self._bind(self._database.pattern_of_any_case(operand))
            return f"({self._database.ILIKE.format(value, pattern)})"
        if not is_number(comparison.field):
            bind = self._bind
        elif _is_double(comparison.field):
            bind = self._bound
        else:
            bind = self._bound_whole
        zeros = [0.0, -0.0] if bind == self._bound else [0]
        if op in ("=", "!=", "IN"):
            given = dict.fromkeys(operand) if op == "IN" else [operand]  # each once
            names = [bind(each) for value in given for each in (zeros if value == 0 else [value])]
            return f"({value} {'not in' if op == '!=' else 'in'} ({', '.join(names)}))"
        if op == "BETWEEN":
            low, high = operand
            if is_nan(low) or is_nan(high):
                return f"({value} <> {value})"  # false, and unknown where it is missing
            low, high = (zeros[-1] if low == 0 else low), (zeros[0] if high == 0 else high)
            return f"({value} between {bind(low)} and {bind(high)})"
        if is_nan(operand):
            return f"({value} <> {value})"
        if operand == 0:
            operand = zeros[0 if op in (">", "<=") else -1]
        test = f"{value} {op} {bind(operand)}"
        if op in (">", ">=") and comparison.field.kind == "metric":
            test += f" and {value} < 'NaN'"
        return f"({test})"

    def _bind(self, value: Any) -> str:
        name = f"p{next(self._names)}"
        self._bindings[name] = value
        return ":" + name

    def _bound(self, value: float) -> str:
        """Return a metric's value."""
        return self._bind(self._database.double(float(value)))

    def _bound_whole(self, value: float) -> str:
        """Return what whole numbers are compared with: NaN and infinities are beyond all of
        them."""
        return self._bind(max(value, -_BEYOND) if value < _BEYOND else _BEYOND)


@dataclass
class _Term:
    """An order's entry as SQL. `double`: a metric's value; `nan`: may be 'NaN'; `nullable`: may be
    missing."""

    value: str
    ascending: bool
    nullable: bool
    double: bool
    nan: bool

    def keys(self) -> list[str]:
        found = [_last_if(f"{self.value} is null")] if self.nullable else []
        if self.ascending:
            return [*found, self.value]
        if self.nan:
            found.append(_last_if(f"{self.value} = 'NaN'"))
        return [*found, f"{self.value} desc"]


def _last_if(condition: str) -> str:
    return f"case when {condition} then 1 else 0 end"


def _is_text(field: Field) -> bool:
    return field.kind in ("param", "tag")


def _is_double(field: Field) -> bool:
    return field.kind == "metric" and field.aggregate != "count"


def runs_scope(experiment_ids: Iterable[str], view_type: int) -> str:
    """SQL on `r`: the runs of these experiments."""
    numbers = listed(validate.experiment_ids(experiment_ids))
    return f"r.experiment in ({numbers}) and {stages_scope(view_type)}"


def stages_scope(view_type: int) -> str:
    """SQL on `r`: what is at one of the stages that the view type shows."""
    stages = ", ".join(f"'{stage}'" for stage in view_stages(view_type))
    return f"r.lifecycle_stage in ({stages})"


class RunQuery:
    """What a search for runs asks, parsed. Raises InvalidParameter."""

    def __init__(
        self,
        experiment_ids: Iterable[str],
        filter_string: str | None = None,
        view_type: int = ViewType.ACTIVE_ONLY,
        order_by: Sequence[str] | None = None,
    ) -> None:
        self.order = full_order(parse_order_by(order_by))
        self.clause = parse_filter(filter_string)
        self.scope = runs_scope(experiment_ids, view_type)

    def search(self, rows: Rows, fetch: Fetch, metric_table: str, also: str = "") -> Search:
        """Return the search for those runs, of which `also` is true: SQL on `r`."""
        keys = _metric_keys(fetch, metric_names(self.clause, self.order))
        scope = f"{self.scope} and {also}" if also else self.scope
        bindings = rows.locations.bindings()
        target = runs(metric_table, keys)
        return Search(target, scope, self.clause, self.order, bindings, rows.db)


def _metric_keys(fetch: Fetch, names: Iterable[str]) -> dict[str, int]:
    """Return the row ids of metric keys, by name."""
    if not names:
        return {}
    return dict(
        fetch(
            """select k.name, k.id from json_each(:names) j
               join metric_key k on k.name = j.value""",
            {"names": json.dumps([*names])},
        )
    )


def page_of(
    search: Search, fetch: Fetch, limit: int, token: str | None
) -> tuple[list[int], str | None]:
    """Return the row ids of the page behind the one that gave `token`, or of the first, and the
    token of the page behind it if there is one. Raises InvalidParameter for a token of another
    search."""
    rows = search.rows(fetch, limit + 1, search.after(token))
    following = search.token(rows[limit - 1]) if len(rows) > limit else None
    return [row[0] for row in rows[:limit]], following


def _order_value(order: OrderBy, value: Any) -> Any:
    return math.nan if value == "NaN" and order.field.kind == "metric" else value


def _segment(value: Any) -> int:
    if value is None:
        return 2
    return 1 if is_nan(value) else 0


def _balanced(parts: Sequence[str], word: str) -> str:
    """Return the parts joined as a balanced tree: SQLite bounds the depth of an expression, and `a
    and b and c and ...` is as deep as it is long."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle], word)}{word}{_balanced(parts[middle:], word)})"
