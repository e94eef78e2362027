"""runlog runs end: end runs whose programs were killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from runlog.clock import now
from runlog.commands import choosing, options, output, stores

if TYPE_CHECKING:
    from runlog.entities import Run
    from runlog.store import Store

ENDED = ("FINISHED", "FAILED", "KILLED")


def _duration_or_none(
    context: click.Context, option: click.Parameter, text: str | None
) -> int | None:
    return None if text is None else options.duration(context, option, text)


@click.command()
@options.run_arguments(many=True)
@click.option(
    "--stale",
    metavar="TIME",
    callback=_duration_or_none,
    help="End all RUNNING runs that have logged no metric for this long, such as 1h or 2d.",
)
@click.option(
    "--status",
    type=click.Choice(ENDED, case_sensitive=False),
    default="KILLED",
    metavar="STATUS",
    show_default=True,
    help="Their new status: FINISHED, FAILED or KILLED.",
)
@options.output_options
@options.tracking_uri_option
def end(
    runs: tuple[str, ...],
    run_ids: tuple[str, ...],
    stale: int | None,
    status: str,
    form: str | None,
    uri: str | None,
) -> None:
    """End runs whose programs were killed.

    A killed program leaves its runs RUNNING. This command sets the end of a run to the time of its
    last metric, or to its start if it has none. It does not stop a program that is still running:
    what the program logs is stored, and it can end its runs again.
    """
    if (stale is None) == (not runs and not run_ids):
        raise click.UsageError("Name runs, or give --stale TIME.")
    store = stores.open_store(uri)
    if stale is None:
        given = choosing.named_runs(runs, run_ids)
        found = [store.get_run(choosing.full_run_id(store, each)) for each in given]
    else:
        found = _silent(store, now() - stale)
    output.print_done(form, _ended(store, found, status))


def _silent(store: Store, since: int) -> list[Run]:
    """Return the RUNNING runs that logged no metric after `since` (Unix ms), and started before."""
    ids = [each.experiment_id for each in store.all_experiments()]
    condition = f"attributes.status = 'RUNNING' AND attributes.start_time <= {since}"
    return [run for run in store.all_runs(ids, condition) if _last_sign(run) <= since]


def _last_sign(run: Run) -> int:
    """When the run was last heard of: Unix milliseconds."""
    return max(run.info.start_time, *(point.timestamp for point in run.data.metric_points), 0)


def _ended(store: Store, found: Sequence[Run], status: str) -> Iterator[tuple[str, output.Facts]]:
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
