"""runlog runs compare: the differences between runs, side by side."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from runlog import metric_definitions, text_tables
from runlog.commands import choosing, completers, options, output, stores
from runlog.text_tables import TEXT, Column

if TYPE_CHECKING:
    from runlog.entities import Run
    from runlog.store import Store

# Names of what is the better the less of it there is; other metrics are better the greater.
_LESS_IS_BETTER = frozenset(
    "loss err error errors mse rmse mae mape rmsle msle nll perplexity ppl cer wer fid brier time "
    "seconds duration latency cost regret entropy divergence kl bytes memory".split()
)


class Line(NamedTuple):
    """A row: a field of one part of the runs, a value for each run, and where the best is."""

    part: str
    key: str
    values: list[Any]
    best: list[int] = []


@click.command()
@options.run_arguments(many=True)
@click.option("--all", "everything", is_flag=True, help="Also show what is equal.")
@click.option("--tags", is_flag=True, help="Also show tags.")
@click.option(
    "--minimize",
    metavar="METRIC",
    multiple=True,
    shell_complete=completers.complete_metrics,
    help="The smallest value of this metric is the best; may be repeated.",
)
@click.option(
    "--maximize",
    metavar="METRIC",
    multiple=True,
    shell_complete=completers.complete_metrics,
    help="The largest value of this metric is the best; may be repeated.",
)
@options.output_options
@options.tracking_uri_option
def compare(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    everything: bool,
    tags: bool,
    minimize: tuple[str, ...],
    maximize: tuple[str, ...],
    form: str | None,
    uri: str | None,
) -> None:
    """Show the differences between runs.

    The best value of each metric is marked with *. `runlog.define_metric` says which one is best;
    without it, it is the smallest one if the name of the metric suggests a loss, an error or a
    time, and otherwise the largest.
    """
    given = choosing.named_runs(runs, run_ids)
    if len(given) < 2:
        raise click.UsageError("Name two runs or more to compare.")
    store = stores.open_store(uri)
    found = [store.get_run(choosing.full_run_id(store, each)) for each in given]
    defined = _definitions(store, found)
    lines = [*_about(found), *_fields("params", [run.data.params for run in found])]
    for line in _fields("metrics", [run.data.metrics for run in found]):
        chosen = {**dict.fromkeys(maximize, False), **dict.fromkeys(minimize, True)}
        less = chosen.get(line.key, _less_is_better(line.key, defined))
        lines.append(line._replace(best=_best(line.values, less)))
    if tags:
        lines += _fields("tags", [run.data.tags for run in found])
    if not everything:
        lines = [line for line in lines if _differs(line)]
    if form == "json":
        click.echo(text_tables.json_text(_as_json(found, lines), indent=2))
        return
    ids = [run.info.run_id for run in found]
    heads = ids if form else _heads(found)
    columns = [
        Column("part", TEXT),
        Column("key", TEXT, least=10),
        *(Column(head, text_tables.TEXT, least=8) for head in heads),
    ]
    rows = [[line.part, line.key, *_cell_texts(line, form)] for line in lines]
    if not form:
        rows = list(_without_repeats(rows))
    output.print_rows(columns, rows, form)
    if not form and len(lines) <= 1:
        output.hint("The runs do not differ; --all shows what they have.")


def _about(found: Sequence[Run]) -> Iterator[Line]:
    yield Line("run", "run_id", [run.info.run_id for run in found])
    for name in ("run_name", "experiment_id", "status", "user_id"):
        yield Line("run", name, [getattr(run.info, name) for run in found])
    yield Line("run", "start_time", [text_tables.iso_time(run.info.start_time) for run in found])


def _fields(part: str, of_runs: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for key in sorted({key for values in of_runs for key in values}):
        yield Line(part, key, [values.get(key) for values in of_runs])


def _differs(line: Line) -> bool:
    return len({text_tables.wire(value) for value in line.values}) > 1


def _definitions(store: Store, found: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Return what `runlog.define_metric` says of the metrics of the runs' experiments."""
    tags = [store.get_experiment(each).tags for each in {run.info.experiment_id for run in found}]
    return {name: of for each in tags for name, of in metric_definitions.definitions(each).items()}


def _less_is_better(key: str, defined: Mapping[str, dict[str, str]]) -> bool:
    goal = metric_definitions.definition_of(key, defined).get("goal")
    if goal:
        return goal == "min"
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).lower())
    return any(word in _LESS_IS_BETTER or word.endswith("loss") for word in words)


def _best(values: Sequence[float | None], less: bool) -> list[int]:
    """Return where the best of several different values is."""
    numbers = [value for value in values if value is not None and value == value]
    if len({*numbers}) < 2:
        return []
    best = min(numbers) if less else max(numbers)
    return [position for position, value in enumerate(values) if value == best]


def _cell_texts(line: Line, form: str | None) -> list[Any]:
    if form:
        return line.values
    if line.part == "metrics":
        (texts,) = [text_tables.NUMBER.show(line.values)]
    elif line.key == "run_id":
        texts = text_tables.shorten(line.values) if sys.stdout.isatty() else line.values
    else:
        texts = [text_tables.plain(value) for value in line.values]
    if line.key == "start_time" and line.part == "run":
        texts = [text[:19].replace("T", " ") for text in texts]
    return [text + " *" if at in line.best else text for at, text in enumerate(texts)]


def _heads(found: Sequence[Run]) -> list[str]:
    """Return the runs' names; where they are not enough to tell them apart, numbers."""
    names = [run.info.run_name for run in found]
    if len({*names}) == len(names):
        return names
    return [f"{name} ({at})" for at, name in enumerate(names, 1)]


def _without_repeats(rows: Sequence[list[Any]]) -> Iterator[list[Any]]:
    """Yield the rows with the part named only where it begins."""
    before = None
    for part, *rest in rows:
        yield ["" if part == before else part, *rest]
        before = part


def _as_json(found: Sequence[Run], lines: Sequence[Line]) -> dict[str, Any]:
    parts: dict[str, Any] = {"run_ids": [run.info.run_id for run in found]}
    best: dict[str, list[str]] = {}
    for line in lines:
        if line.key != "run_id" or line.part != "run":
            parts.setdefault(line.part, {})[line.key] = line.values
        if line.best:
            best[line.key] = [found[at].info.run_id for at in line.best]
    return {**parts, "best": best}
