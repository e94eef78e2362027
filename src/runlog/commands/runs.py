"""runlog runs: list, look at, search, end, delete, restore, export. Comparing is in `compare`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.clock import now
from runlog.commands import common
from runlog.commands.compare import compare
from runlog.commands.create_run import create
from runlog.commands.export import write_runs
from runlog.text_tables import DURATION, ID, NUMBER, TEXT, TIME, Column, counted

if TYPE_CHECKING:
    from runlog.entities import MetricSummary, Run, RunInfo
    from runlog.query.clauses import Clause, Field
    from runlog.store import Store

ENDED = ("FINISHED", "FAILED", "KILLED")
SCREENFUL = 100
"""How many runs a terminal shows unless told otherwise."""


@click.group()
def runs() -> None:
    """List, search, compare, make, end and delete runs."""


runs.add_command(compare)
runs.add_command(create)


# -- list and search ------------------------------------------------------------------------

COLUMNS = [
    Column("run_id", ID),
    Column("run_name", TEXT, least=12),
    Column("experiment", TEXT, least=10),
    Column("lifecycle_stage", TEXT),
    Column("status", TEXT),
    Column("start_time", TIME),
    Column("duration", DURATION),
    Column("end_time", TIME, shown=False),
    Column("user_id", TEXT, shown=False),
    Column("experiment_id", TEXT, shown=False),
    Column("artifact_uri", TEXT, shown=False),
]

EMPTY = "There are no such runs."
MAX_RESULTS_HELP = (
    f"Show no more than so many; otherwise {SCREENFUL} in a table on a terminal, and all elsewhere."
)


@runs.command("list")
@common.experiment_options(many=True)
@common.view_option
@click.option("--max-results", type=click.IntRange(1), metavar="N", help=MAX_RESULTS_HELP)
@common.output_options
@common.place_option
def list_runs(
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    max_results: int | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List runs, latest first.

    Of all experiments unless some are named: by -x or -n, else by RUNLOG_EXPERIMENT_NAME or
    RUNLOG_EXPERIMENT_ID.
    """
    store = common.open_store(uri)
    names, ids = _experiments(store, experiment_ids, experiment_names, view)
    limit = _limit(max_results, form)
    # One more than is shown tells whether there are more.
    asked = None if limit is None else limit + 1
    found = store.search_run_columns(ids, None, common.view_number(view), asked).runs
    shown = found[:limit]
    columns = _columns(names, view)
    common.print_rows(columns, [_cells(info, names) for info in shown], form, empty=EMPTY)
    _say_if_more(len(shown) < len(found), len(shown), max_results)


@runs.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@common.experiment_options(many=True)
@common.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="What to sort by, such as 'metrics.loss' or 'start_time DESC'; may be repeated.",
)
@click.option("--max-results", type=click.IntRange(1), metavar="N", help=MAX_RESULTS_HELP)
@click.option(
    "-c",
    "--columns",
    metavar="FIELDS",
    multiple=True,
    help="Show these fields, separated by commas, such as 'run_id,metrics.loss,max(metrics.acc)'; "
    "may be repeated.",
)
@common.output_options
@common.place_option
def search(
    filter_string: str,
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    columns: tuple[str, ...],
    form: str | None,
    uri: str | None,
) -> None:
    """Find runs with a filter.

    FILTER is such as "metrics.loss < 0.1 AND params.model = 'tree'"; without one all are found.
    A table shows first the fields that the filter and the order speak of, then metrics and params,
    as many as fit. Without a match it is empty, and the exit code is 0 all the same.
    """
    store = common.open_store(uri)
    names, ids = _experiments(store, experiment_ids, experiment_names, view)
    number, limit = common.view_number(view), _limit(max_results, form)
    if form == "csv" and not columns:
        write_runs(store.search_run_columns(ids, filter_string, number, limit, order_by), None)
        return
    found = store.all_runs(ids, filter_string, number, limit, order_by)
    if form == "json" and not columns:
        common.print_parts(text_tables.json_list(run.to_dictionary() for run in found))
        return
    if columns:
        fields = _fields(columns)
        shown, rows = _table_of(store, found, fields)
    else:
        some = {run.info.experiment_id: names[run.info.experiment_id] for run in found}
        base = _columns(some, view)
        fields = [*_mentioned(filter_string, order_by), *_logged(found)]
        extra, cells = _table_of(store, found, list(dict.fromkeys(fields)))
        # What was logged matters more here than when: times come last, and go first.
        times = [at for at, column in enumerate(base) if column.kind in (TIME, DURATION)]
        own = [at for at in range(len(base)) if at not in times]
        shown = [
            *(base[at] for at in own),
            *_with_short_titles(extra),
            *(base[at]._replace(optional=True) for at in times),
        ]
        rows = []
        for run, row in zip(found, cells, strict=True):
            about = _cells(run.info, names)
            rows.append([*(about[at] for at in own), *row, *(about[at] for at in times)])
    common.print_rows(shown, rows, form, "--columns chooses, --json has all", EMPTY)
    _say_if_more(found.token is not None, len(found), max_results)


@runs.command()
@click.argument("filter_string", metavar="[FILTER]", default="")
@common.experiment_options(many=True)
@common.view_option
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="What to sort by, such as 'metrics.loss' or 'start_time DESC'; may be repeated.",
)
@click.option(
    "--max-results", type=click.IntRange(1), metavar="N", help="Export no more than so many."
)
@click.option("-o", "--filename", metavar="FILE", help="Write to this file, not to the screen.")
@common.place_option
def csv(
    filter_string: str,
    experiment_ids: tuple[str, ...],
    experiment_names: tuple[str, ...],
    view: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    filename: str | None,
    uri: str | None,
) -> None:
    """Export runs as CSV.

    All runs, or those that FILTER finds, with the columns of `runlog.search_runs`.
    """
    store = common.open_store(uri)
    _, ids = _experiments(store, experiment_ids, experiment_names, view)
    number = common.view_number(view)
    write_runs(
        store.search_run_columns(ids, filter_string, number, max_results, order_by), filename
    )


def _experiments(
    store: Store, ids: Sequence[str], names: Sequence[str], view: str
) -> tuple[dict[str, str], list[str]]:
    found = common.chosen_experiments(store, ids, names, common.view_number(view))
    by_id = {each.experiment_id: each.name for each in found}
    return by_id, list(by_id)


def _limit(max_results: int | None, form: str | None) -> int | None:
    on_terminal = form is None and sys.stdout.isatty()
    return SCREENFUL if max_results is None and on_terminal else max_results


def _say_if_more(more: bool, shown: int, max_results: int | None) -> None:
    if more and max_results is None:
        common.say(f"These are the first {shown}; --max-results shows more.")


def _columns(experiments: dict[str, str], view: str) -> list[Column]:
    """The columns of a run itself; what is the same for all runs is left out of a table."""
    same = {"experiment"} if len(experiments) <= 1 else set()
    if view != "all":
        same.add("lifecycle_stage")
    return [each._replace(shown=False) if each.name in same else each for each in COLUMNS]


def _cells(info: RunInfo, experiments: dict[str, str]) -> list[Any]:
    special = {"experiment": experiments.get(info.experiment_id), "duration": _duration(info)}
    return [special[name] if name in special else getattr(info, name) for name, *_ in COLUMNS]


def _duration(info: RunInfo) -> int | None:
    return None if info.end_time is None else info.end_time - info.start_time


# -- fields as columns ----------------------------------------------------------------------


def _fields(columns: Sequence[str]) -> list[Field]:
    """The fields in texts such as "run_id, metrics.`a, b`"."""
    from runlog.query.parser import parse_order_by

    parts = [
        part.strip()
        for text in columns
        for part in re.findall(r"""(?:[^,`"]|`[^`]*`|"[^"]*"|[`"])+""", text)
    ]
    return [each.field for each in parse_order_by([part for part in parts if part])]


def _mentioned(filter_string: str, order_by: Sequence[str]) -> Iterator[Field]:
    """The fields of a filter and an order that are not among a run's own columns."""
    from runlog.query.parser import parse_filter, parse_order_by

    clause = parse_filter(filter_string)
    ordered = [each.field for each in parse_order_by(order_by)]
    for field in [*ordered, *(_compared(clause) if clause else ())]:
        if field.kind not in ("attribute", "dataset"):
            yield field


def _compared(clause: Clause) -> Iterator[Field]:
    from runlog.query.clauses import Comparison, Not

    if isinstance(clause, Comparison):
        yield clause.field
    else:
        for part in [clause.clause] if isinstance(clause, Not) else clause.clauses:
            yield from _compared(part)


def _logged(found: Sequence[Run]) -> Iterator[Field]:
    """The metrics of the runs, then the params: those that differ before the others."""
    from runlog.query.clauses import Field

    for key in sorted({key for run in found for key in run.data.metrics}):
        yield Field("metric", key)
    values: dict[str, set[str | None]] = {}
    for key in sorted({key for run in found for key in run.data.params}):
        values[key] = {run.data.params.get(key) for run in found}
    for key in sorted(values, key=lambda key: len(values[key]) == 1):
        yield Field("param", key)


def _table_of(
    store: Store, found: Sequence[Run], fields: Sequence[Field]
) -> tuple[list[Column], list[list[Any]]]:
    """The columns for fields, and their values for each run."""
    from runlog.query.clauses import is_number
    from runlog.query.render import render_field

    columns = [
        Column(render_field(field), _kind(field), 0 if is_number(field) else 12) for field in fields
    ]
    summed = any(field.kind == "metric" and field.aggregate != "last" for field in fields)
    rows = []
    for run in found:
        summary = store.get_metric_summary(run.info.run_id) if summed else {}
        rows.append([_value(field, run, summary) for field in fields])
    return columns, rows


def _with_short_titles(columns: Sequence[Column]) -> Iterator[Column]:
    """The columns as optional ones, called by the keys alone where that is clear: `loss` takes
    half the room of `metrics.loss`."""
    short = [re.sub(r"\b(metric|param|tag)s\.", "", column.name) for column in columns]
    taken = [*short, *(column.name for column in COLUMNS)]
    for column, title in zip(columns, short, strict=True):
        yield column._replace(optional=True, title=title if taken.count(title) == 1 else "")


def _kind(field: Field) -> text_tables.Kind:
    own = {column.name: column.kind for column in COLUMNS}
    if field.kind == "attribute":
        return own.get(field.key, TEXT)
    return NUMBER if field.kind == "metric" else TEXT


def _value(field: Field, run: Run, summary: dict[str, MetricSummary]) -> Any:
    if field.kind == "attribute":
        return _duration(run.info) if field.key == "duration" else getattr(run.info, field.key)
    if field.kind == "metric" and field.aggregate != "last":
        found = summary.get(field.key)
        if field.aggregate == "count":
            return 0 if found is None else found.count
        return None if found is None else getattr(found, field.aggregate)
    return getattr(run.data, field.kind + "s").get(field.key)


# -- one run --------------------------------------------------------------------------------


@runs.command()
@common.run_arguments()
@common.output_options
@common.place_option
def describe(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Show all that is known of a run.

    On a terminal that is a text for people; elsewhere JSON, so that programs written for
    `mlflow runs describe` can read it. Metrics in JSON are last values.
    """
    (given,) = common.named(runs, run_ids, most=1)
    store = common.open_store(uri)
    run = store.get_run(common.full_run_id(store, given))
    if form == "csv":
        common.print_rows(PARTS, list(_parts(run)), form)
    elif form == "json" or not sys.stdout.isatty():
        click.echo(text_tables.json_text(run.to_dictionary(), indent=4))
    else:
        summary = store.get_metric_summary(run.info.run_id)
        experiment = store.get_experiment(run.info.experiment_id)
        _print_about(run, experiment.name)
        _print_logged(run, summary)


PARTS = [Column("part", TEXT), Column("key", TEXT), Column("value", TEXT)]


def _parts(run: Run) -> Iterator[tuple[str, str, Any]]:
    for part, values in {"info": dict(run.info), **run.data.to_dictionary()}.items():
        for key, value in sorted(values.items()):
            yield part, key, value
    for given in run.inputs.dataset_inputs:
        yield "inputs", given.dataset.name, given.dataset.digest


# Tags with a line of their own in the description of a run.
TOLD_TAGS = {
    "mlflow.note.content": "description",
    "mlflow.parentRunId": "parent",
    "mlflow.source.name": "source",
    "mlflow.source.type": "source type",
    "mlflow.source.git.commit": "git commit",
    "mlflow.source.git.branch": "git branch",
}


def _print_about(run: Run, experiment: str) -> None:
    info = run.info
    ended = f", took {text_tables.duration(_duration(info))}" if info.end_time is not None else ""
    lines = [
        ("run", info.run_id),
        ("name", info.run_name),
        ("experiment", f"{experiment} (id {info.experiment_id})"),
        ("status", info.status + (", in the trash" if info.lifecycle_stage == "deleted" else "")),
        ("started", f"{text_tables.time(info.start_time)} UTC{ended}"),
        ("user", info.user_id),
        *((name, run.data.tags.get(key, "")) for key, name in TOLD_TAGS.items()),
        ("artifacts", info.artifact_uri),
    ]
    for given in run.inputs.dataset_inputs:
        context = ", ".join(tag.value for tag in given.tags)
        lines.append(("data set", f"{given.dataset.name} {given.dataset.digest} {context}"))
    click.echo("\n".join(text_tables.pairs([line for line in lines if line[1]])))


SUMMARY = [
    Column("metric", TEXT, least=20),
    Column("last", NUMBER),
    Column("min", NUMBER),
    Column("min_step", text_tables.COUNT, optional=True),
    Column("max", NUMBER),
    Column("max_step", text_tables.COUNT, optional=True),
    Column("points", text_tables.COUNT, optional=True),
]


def _print_logged(run: Run, summary: dict[str, MetricSummary]) -> None:
    rows = [
        (each.key, each.last, each.min, each.min_step, each.max, each.max_step, each.count)
        for each in summary.values()
    ]
    if rows:
        click.echo()
        common.print_rows(SUMMARY, rows, None)
    tags = {
        key: value
        for key, value in run.data.tags.items()
        if key not in TOLD_TAGS and key not in ("mlflow.runName", "mlflow.user")
    }
    for title, values in (("params", run.data.params), ("tags", tags)):
        if values:
            click.echo("\n" + common.heading(title))
            click.echo("\n".join(text_tables.pairs(sorted(values.items()))))


@runs.command()
@common.run_arguments(many=True)
@click.option(
    "-o",
    "--filename",
    default="runs.html",
    show_default=True,
    metavar="FILE",
    help="Write to this file.",
)
@common.output_options
@common.place_option
def page(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    filename: str,
    form: str | None,
    uri: str | None,
) -> None:
    """Write the page of a run, or a comparison of several, as one HTML file.

    It opens in any browser without a server, with charts to zoom in. Artifacts are not in it.
    """
    from runlog.html_page import document

    store = common.open_store(uri)
    ids = [common.full_run_id(store, each) for each in common.named(runs, run_ids)]
    text = document(store, ids)
    with open(filename, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    facts = {"done": "written", "runs": str(len(ids)), "file": filename}
    common.print_done(form, [(f"Wrote {counted(len(ids), 'run')} to {filename}", facts)])


# -- the trash ------------------------------------------------------------------------------


@runs.command()
@common.run_arguments(many=True)
@common.output_options
@common.place_option
def delete(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Move runs to the trash.

    `runlog runs restore` brings them back, until `runlog gc` deletes them for good.
    """
    given = common.named(runs, run_ids)
    common.print_done(form, _moved(common.open_store(uri), given, "deleted"))


@runs.command()
@common.run_arguments(many=True)
@common.output_options
@common.place_option
def restore(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Bring runs back from the trash."""
    given = common.named(runs, run_ids)
    common.print_done(form, _moved(common.open_store(uri), given, "active"))


def _moved(store: Store, given: Sequence[str], stage: str) -> Iterator[tuple[str, common.Facts]]:
    """Brings runs to that stage of their life, and tells of each."""
    to_trash = stage == "deleted"
    found = [store.get_run(common.full_run_id(store, each)).info for each in given]
    for info in found:  # all are found, or nothing is done
        if info.lifecycle_stage == stage:
            done = "unchanged"
            said = "was in the trash already" if to_trash else "was active already"
        elif to_trash:
            store.delete_run(info.run_id)
            done, said = "deleted", "is in the trash"
        else:
            store.restore_run(info.run_id)
            done, said = "restored", "is restored"
        facts = {"done": done, "run_id": info.run_id, "run_name": info.run_name}
        yield f"Run {info.run_id} {said}", facts


# -- ending runs ----------------------------------------------------------------------------


def _span_or_none(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    return None if text is None else common.span(context, option, text)


@runs.command()
@common.run_arguments(many=True)
@click.option(
    "--stale",
    metavar="TIME",
    callback=_span_or_none,
    help="End all runs that are RUNNING and have logged no metric for so long, such as 1h or 2d.",
)
@click.option(
    "--status",
    type=click.Choice(ENDED, case_sensitive=False),
    default="KILLED",
    metavar="STATUS",
    show_default=True,
    help="The status that they get: FINISHED, FAILED or KILLED.",
)
@common.output_options
@common.place_option
def end(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    stale: int | None,
    status: str,
    form: str | None,
    uri: str | None,
) -> None:
    """End runs whose programs did not.

    A program that is killed leaves its runs RUNNING. They end at the time of their last metric, or
    of their start. Nothing stops a program that still runs: what it logs is kept, and it may end
    its runs once more.
    """
    if (stale is None) == (not runs and not run_ids):
        raise click.UsageError("Name runs, or give --stale TIME.")
    store = common.open_store(uri)
    if stale is None:
        given = common.named(runs, run_ids)
        found = [store.get_run(common.full_run_id(store, each)) for each in given]
    else:
        found = _silent(store, now() - stale)
    common.print_done(form, _ended(store, found, status))


def _silent(store: Store, since: int) -> list[Run]:
    """The RUNNING runs that logged no metric after `since` (Unix ms), and started before."""
    ids = [each.experiment_id for each in store.all_experiments()]
    condition = f"attributes.status = 'RUNNING' AND attributes.start_time <= {since}"
    return [run for run in store.all_runs(ids, condition) if _last_sign(run) <= since]


def _last_sign(run: Run) -> int:
    """When the run was last heard of: Unix milliseconds."""
    return max(run.info.start_time, *(point.timestamp for point in run.data.metric_points), 0)


def _ended(store: Store, found: Sequence[Run], status: str) -> Iterator[tuple[str, common.Facts]]:
    """End those that have not ended yet, and report each."""
    for run in found:
        info = run.info
        if info.end_time is None and info.status in ("RUNNING", "SCHEDULED"):
            info = store.update_run(info.run_id, status, min(_last_sign(run), now()))
            done, text = "ended", f"is {info.status}"
        else:
            done, text = "unchanged", f"had ended as {info.status}"
        facts = {"done": done, "run_id": info.run_id, "run_name": info.run_name}
        yield f"Run {info.run_id} {text}", {**facts, "status": info.status}
