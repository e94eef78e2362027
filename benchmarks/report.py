"""The table of results: rows, targets, ratios."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers import PEERS

START, END = "<!-- results -->", "<!-- end of results -->"
NO_RATIO = ("bare", "import over bare", "four errors")
Results = dict[str, dict[str, Any]]


def seconds(value: float) -> str:
    """With a unit that fits. Infinite is what was ended at its limit."""
    if math.isinf(value):
        return "not done"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(value) >= size or unit == "us":
            return f"{significant(value / size)} {unit}"
    return "0"


def significant(value: float) -> str:
    """Three significant figures, thousands separated."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def megabytes(value: float) -> str:
    return f"{value / 2**20:.0f} MB"


def percent(value: float) -> str:
    return f"{value:.3g} %"


def times(value: float) -> str:
    return f"{value:.2f}"


@dataclass(frozen=True)
class Row:
    """`limit` is runlog's target, `over_floor` one relative to the floor's own value."""

    key: str
    title: str
    show: Callable[[float], str] = seconds
    limit: float | None = None
    over_floor: float | None = None
    more_is_better: bool = False

    def target(self) -> str:
        bound = "at least" if self.more_is_better else "at most"
        if self.over_floor is not None:
            return f"{bound} {self.over_floor} x floor"
        return "" if self.limit is None else f"{bound} {self.show(self.limit)}"

    def met(self, values: dict[str, float]) -> bool | None:
        limit = self.limit
        if self.over_floor is not None and "floor" in values:
            limit = self.over_floor * values["floor"]
        if limit is None or "runlog" not in values:
            return None
        return values["runlog"] >= limit if self.more_is_better else values["runlog"] <= limit


def _search_rows() -> list[Row]:
    limits = {10_000: 0.025, 100_000: 0.060}
    titles = {
        "common": "metric and param (1 in 8 runs fits), by metric",
        "rare": "metric and param (1 in 2,000 fits), by metric",
        "none": "no run fits",
        "metric order": "no filter, by metric",
        "newest": "no filter, newest first",
    }
    rows = []
    for runs, limit in limits.items():
        for query, title in titles.items():
            key = f"search {runs} {query}"
            rows.append(Row(key, f"top 100 of {runs:,} runs: {title}", limit=limit))
            if query == "common":
                rows.append(Row(f"{key} first", "the same, first call of a process"))
    return rows


ROWS = (
    Row("bare", "bare interpreter"),
    Row("import", "import"),
    Row("import over bare", "import, over the bare interpreter", limit=0.040),
    Row("first", "import, first run, one metric, exit", limit=0.120),
    Row("first memory", "the same, peak memory", megabytes, limit=30 * 2**20),
    Row("call", "`log_metric` in a loop, a call, up to the end of the run", over_floor=1.8),
    Row("call loop", "the same, the loop alone", over_floor=1.8),
    Row("call p50", "the same, p50 of the call", over_floor=1.8),
    Row("call threads", "the loop in a process with a second thread", over_floor=2.2),
    Row("call threads p50", "the same, p50 of the call", over_floor=2.2),
    Row("keys 10", "10 metrics a call, a point", limit=8e-6),
    Row("keys 100", "100 metrics a call, a point", limit=5e-6),
    Row("wal", "100 metrics a call, bytes of WAL a point", significant, limit=300),
    Row("written 100", "100 metrics a call, bytes written in all, a point", significant),
    Row("disk 1", "bytes on disk a point, one metric", significant, limit=35),
    Row("disk 100", "bytes on disk a point, 100 metrics", significant, limit=35),
    Row("batch", "`log_batch` of 1000, points a second of CPU", significant, 250_000, None, True),
    Row("runs", "run of 10 params, 10 metrics, 5 tags", limit=0.002),
    *_search_rows(),
    Row("frame 10000", "DataFrame of 10,000 runs x 45", limit=0.6),
    Row("frame 10000 memory", "the same, memory, times the frame's", times, limit=4),
    Row("frame 100000", "DataFrame of 100,000 runs x 45", limit=6.0),
    Row("frame 100000 memory", "the same, memory, times the frame's", times, limit=4),
    Row("history columns", "history of 1,000,000 points as columns", limit=1.0),
    Row("history entities", "history of 1,000,000 points as entities", limit=2.5),
    Row("four", "four processes, throughput over one's", times, 0.6, None, True),
    Row("four errors", "four processes, errors", significant, limit=0),
    Row("kill paced", "lost by `kill -9`, points 1 ms apart", percent, limit=0),
    Row("kill tight", "lost by `kill -9`, tight loop", percent, limit=0),
)


def _values(results: Results, row: Row) -> dict[str, float]:
    return {peer: values[row.key] for peer, values in results.items() if row.key in values}


def verdict(row: Row, values: dict[str, float]) -> str:
    met = row.met(values)
    return "" if met is None else "met" if met else "**missed**"


def as_table(header: list[str], lines: list[list[str]]) -> str:
    """Markdown."""
    rule = ["---"] * len(header)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines])


def table(results: Results) -> str:
    """Every row's values, the target and whether runlog meets it."""
    shown = [peer for peer in PEERS if peer in results]
    lines = []
    for row in ROWS:
        values = _values(results, row)
        if values:
            cells = [row.show(values[peer]) if peer in values else "" for peer in shown]
            lines.append([row.title, *cells, row.target(), verdict(row, values)])
    titles = [PEERS[peer].title for peer in shown]
    return as_table(["CPU, unless it says otherwise", *titles, "target", ""], lines)


def ratios(results: Results) -> str:
    """Each peer's cost divided by runlog's: above 1, runlog needs less."""
    shown = [peer for peer in PEERS if peer in results and peer != "runlog"]
    lines = []
    for row in ROWS:
        values = _values(results, row)
        if row.show is percent or row.key in NO_RATIO or not values.get("runlog"):
            continue
        cells = [_ratio(row, values, peer) for peer in shown]
        lines.append([row.title, *cells])
    titles = [PEERS[peer].title for peer in shown]
    return as_table(["times runlog's cost", *titles], lines)


def _ratio(row: Row, values: dict[str, float], peer: str) -> str:
    if not values.get(peer) or math.isinf(values[peer]):
        return ""
    ratio = values[peer] / values["runlog"]
    return significant(1 / ratio if row.more_is_better else ratio)


def growth(results: Results) -> str:
    """How the cost of a search grows from 10,000 to 100,000 runs."""
    lines = []
    for peer, values in results.items():
        for query in ("common", "rare", "none", "metric order", "newest"):
            small, large = (values.get(f"search {n} {query}") for n in (10_000, 100_000))
            if small and large and not math.isinf(large):
                lines.append(f"{peer} {query}: {large / small:.1f}")
    return "Ten times the runs cost a search so many times the CPU: " + "; ".join(lines) + "."


def disagreements(results: Results) -> list[str]:
    """Searches that did not give every peer the same runs and as many fields."""
    found = []
    keys = {key for values in results.values() for key in values if key.endswith(" answer")}
    for key in sorted(keys):
        answers = {peer: values[key] for peer, values in results.items() if key in values}
        if len({str(answer) for answer in answers.values()}) > 1:
            found.append(f"{key}: {answers}")
    return found


def machine() -> str:
    return f"{os.cpu_count()} cores, shared; Linux; Python {platform.python_version()}"


def document(results: Results, versions: dict[str, str], missing: dict[str, str]) -> str:
    known = ", ".join(f"{PEERS[peer].title} {versions[peer]}" for peer in PEERS if peer in versions)
    parts = [f"Machine: {machine()}. Versions: {known}.", table(results), ratios(results)]
    parts.append(growth(results))
    parts += [f"Not measured: {PEERS[peer].title}: {why}" for peer, why in missing.items()]
    return "\n\n".join(parts)


def write(readme: Path, text: str) -> None:
    """Put `text` between the markers of the file."""
    pattern = re.compile(f"{START}.*{END}", re.DOTALL)
    body = f"{START}\n{text}\n{END}"
    readme.write_text(pattern.sub(lambda _: body, readme.read_text()))
