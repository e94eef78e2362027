"""Options and arguments that several commands have."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from runlog.commands import completers, stores

Command = TypeVar("Command", bound=Callable[..., Any])

VIEWS = ("active_only", "deleted_only", "all")


def tracking_uri_option(command: Command) -> Command:
    """Add `--tracking-uri`, the argument `uri`, which may also stand before the command's name."""
    return click.option(
        "--tracking-uri",
        "uri",
        metavar="URI",
        callback=lambda context, option, value: value or stores.uri_before_command(context),
        help="Where the runs are: a file, a folder, sqlite:///FILE, or the URL of a server. By "
        "default RUNLOG_TRACKING_URI, MLFLOW_TRACKING_URI, or runlog.db in this folder.",
    )(command)


def run_arguments(many: bool = False) -> Callable[[Command], Command]:
    """Add arguments RUN and `-r/--run-id`; the command gets both, as `runs` and `run_ids`, and
    passes them to `choosing.named_runs`."""

    def decorate(command: Command) -> Command:
        option = click.option(
            "-r",
            "--run-id",
            "run_ids",
            metavar="ID",
            multiple=True,
            shell_complete=completers.complete_runs,
            help="A run id, or any unique prefix of one" + ("; may be repeated." if many else "."),
        )
        argument = click.argument(
            "runs", nargs=-1, metavar="RUN", shell_complete=completers.complete_runs
        )
        return option(argument(command))

    return decorate


def experiment_options(many: bool = False) -> Callable[[Command], Command]:
    """Add `-x/--experiment-id` and `-n/--experiment-name`, as tuples if `many`."""

    def decorate(command: Command) -> Command:
        more = "; may be repeated." if many else "."
        id_option = click.option(
            "-x",
            "--experiment-id",
            "experiment_ids" if many else "experiment_id",
            metavar="ID",
            multiple=many,
            shell_complete=completers.complete_experiment_ids,
            help="The id of an experiment" + more,
        )
        name_option = click.option(
            "-n",
            "--experiment-name",
            "experiment_names" if many else "experiment_name",
            metavar="NAME",
            multiple=many,
            shell_complete=completers.complete_experiment_names,
            help="The name of an experiment" + more,
        )
        return id_option(name_option(command))

    return decorate


def view_option(command: Command) -> Command:
    """Add `-v/--view`, which the command gets as `view`; `choosing.view_type` converts it."""
    return click.option(
        "-v",
        "--view",
        type=click.Choice(VIEWS, case_sensitive=False),
        default=VIEWS[0],
        metavar="VIEW",
        show_default=True,
        help="Which ones: active_only, deleted_only (those in the trash) or all.",
    )(command)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` and `--csv`: the command gets `form`, which is json, csv or None."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
    @wraps(command)
    def with_form(*given: Any, as_json: bool, as_csv: bool, **options: Any) -> Any:
        if as_json and as_csv:
            raise click.UsageError("Choose one of --json and --csv.")
        return command(*given, form="json" if as_json else "csv" if as_csv else None, **options)

    return with_form


_DURATION = re.compile(
    "".join(rf"(?:(?P<{unit}>\d+(?:\.\d*)?|\.\d+){unit})?" for unit in "dhms"), re.ASCII
)
_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


def duration(context: click.Context, option: click.Parameter, text: str | None) -> int:
    """Convert a duration such as 1d2h3m4s to milliseconds, and None to 0; its numbers may have
    decimals. A callback for options."""
    if text is None:
        return 0
    found = _DURATION.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise click.BadParameter(f"{text!r} is not a duration: write 30d, 12h or 1d2h3m4s")
    parts = found.groupdict()
    return round(sum(float(parts[unit] or 0) * _MILLISECONDS[unit] for unit in parts))


def time_before(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """Convert a time to Unix milliseconds: ISO 8601, in UTC unless it names a zone, or a duration
    before now. A callback for options."""
    if text is None:
        return None
    from datetime import datetime, timezone

    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        pass
    else:
        zoned = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
        return round(zoned.timestamp() * 1000)
    from runlog.clock import now

    try:
        return now() - duration(context, option, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text!r} is not a time: write 2030-01-31, 2030-01-31T12:00:00, or 12h (12 hours ago)"
        ) from None
