"""Options of `mlflow server` and `mlflow ui` that have no effect here: each is accepted and
reported, or does what corresponds to it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

from runlog.commands import output

Command = TypeVar("Command", bound=Callable[..., Any])

ANOTHER_SERVER = "the web server is granian"
NO_REGISTRY = "there is no registry of models here"


class Option(NamedTuple):
    """`why` it does nothing here; a flag has no value."""

    name: str
    why: str
    is_flag: bool = False


OPTIONS = (
    Option("--gunicorn-opts", ANOTHER_SERVER),
    Option("--waitress-opts", ANOTHER_SERVER),
    Option("--uvicorn-opts", ANOTHER_SERVER),
    Option("--dev", "restart the server yourself; --access-log prints each request", True),
    Option("--expose-prometheus", "/metrics is always there, and needs no folder"),
    Option("--registry-store-uri", NO_REGISTRY),
    Option("--read-replica-backend-store-uri", "everything is read from --backend-store-uri"),
    Option("--secrets-cache-ttl", "the server keeps no secrets of others"),
    Option("--secrets-cache-max-size", "the server keeps no secrets of others"),
    Option("--trace-archival-config", "there are no traces here"),
)
"""In MLflow 1.x to 3.x."""


def without_effect(command: Command) -> Command:
    """Add OPTIONS: the command does not get them; they are reported when they are used."""
    for option in reversed(OPTIONS):
        command = click.option(
            option.name,
            is_flag=option.is_flag,
            expose_value=False,
            callback=_report(option),
            hidden=True,
        )(command)
    return command


def _report(option: Option) -> Callable[[click.Context, click.Parameter, Any], None]:
    def report(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            output.report("note", f"{option.name} does nothing here: {option.why}")

    return report


def app_option(command: Command) -> Command:
    """Add `--app-name`. The only app is basic-auth: it demands log-ins, as `--auth` does."""
    return click.option(
        "--app-name",
        type=click.Choice(["basic-auth"]),
        metavar="NAME",
        help="For commands written for MLflow: basic-auth is the same as --auth.",
    )(command)
