"""runlog runs describe and page: one run in detail, as text, JSON or an HTML file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from runlog import text_tables
from runlog.commands import choosing, options, output, runs_columns, stores
from runlog.text_tables import NUMBER, TEXT, Column, counted

if TYPE_CHECKING:
    from runlog.entities import MetricSummary, Run


@click.command()
@options.run_arguments()
@options.output_options
@options.tracking_uri_option
def describe(
    runs: tuple[str, ...], run_ids: tuple[str, ...], form: str | None, uri: str | None
) -> None:
    """Show the details of a run.

    On a terminal, prints a text for people. Elsewhere, prints JSON in the format of `mlflow runs
    describe`; its metrics are last values.
    """
    (given,) = choosing.named_runs(runs, run_ids, most=1)
    store = stores.open_store(uri)
    run = store.get_run(choosing.full_run_id(store, given))
    if form == "csv":
        output.print_rows(PARTS, list(_parts(run)), form)
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
DESCRIBED_TAGS = {
    "mlflow.note.content": "description",
    "mlflow.parentRunId": "parent",
    "mlflow.source.name": "source",
    "mlflow.source.type": "source type",
    "mlflow.source.git.commit": "git commit",
    "mlflow.source.git.branch": "git branch",
}


def _print_about(run: Run, experiment: str) -> None:
    info = run.info
    ended = (
        f", took {text_tables.duration(runs_columns.duration(info))}"
        if info.end_time is not None
        else ""
    )
    lines = [
        ("run", info.run_id),
        ("name", info.run_name),
        ("experiment", f"{experiment} (id {info.experiment_id})"),
        ("status", info.status + (", in the trash" if info.lifecycle_stage == "deleted" else "")),
        ("started", f"{text_tables.time(info.start_time)} UTC{ended}"),
        ("user", info.user_id),
        *((name, run.data.tags.get(key, "")) for key, name in DESCRIBED_TAGS.items()),
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
        output.print_rows(SUMMARY, rows, None)
    tags = {
        key: value
        for key, value in run.data.tags.items()
        if key not in DESCRIBED_TAGS and key not in ("mlflow.runName", "mlflow.user")
    }
    for title, values in (("params", run.data.params), ("tags", tags)):
        if values:
            click.echo("\n" + output.heading(title))
            click.echo("\n".join(text_tables.pairs(sorted(values.items()))))


@click.command()
@options.run_arguments(many=True)
@click.option(
    "-o",
    "--filename",
    default="runs.html",
    show_default=True,
    metavar="FILE",
    help="Write to this file.",
)
@options.output_options
@options.tracking_uri_option
def page(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    filename: str,
    form: str | None,
    uri: str | None,
) -> None:
    """Write the page of a run, or of a comparison of several, to an HTML file.

    The file opens in any browser without a server, with charts that you can zoom. It does not
    contain artifacts.
    """
    from runlog.html_page import document

    store = stores.open_store(uri)
    ids = [choosing.full_run_id(store, each) for each in choosing.named_runs(runs, run_ids)]
    text = document(store, ids)
    with open(filename, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    facts = {"done": "written", "runs": str(len(ids)), "file": filename}
    output.print_done(form, [(f"Wrote {counted(len(ids), 'run')} to {filename}", facts)])
