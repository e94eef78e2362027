"""runlog run: run a project, or any command, as a run."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from runlog.commands import choosing, options, output, stores

if TYPE_CHECKING:
    from runlog.projects.running import SubmittedRun

COMMAND = __name__  # where the words behind -- are in the context
MANAGERS = ("local", "virtualenv", "uv", "conda")
OF_PROJECTS = ("entry_point", "version", "param_list", "env_manager", "storage_dir")


class Run(click.Command):
    """A command whose line may end with `-- COMMAND...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[COMMAND] = []
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[COMMAND] = args[:at], args[at + 1 :]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx)[:1], "URI | -- COMMAND..."]


@click.command(cls=Run)
@click.argument("project", required=False, metavar="URI")
@click.option(
    "-e",
    "--entry-point",
    metavar="NAME",
    default="main",
    show_default=True,
    help="An entry point of the project, or the path of a script in it that ends with .py or .sh.",
)
@click.option(
    "-v",
    "--version",
    metavar="VERSION",
    help="A commit, branch or tag of the project's git repository.",
)
@click.option(
    "-P",
    "--param-list",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter of the entry point; may be repeated. One that it does not have is appended "
    "to its command, as --NAME VALUE.",
)
@options.experiment_options()
@click.option("--run-name", metavar="NAME", help="The name of the run; by default a random one.")
@click.option(
    "--run-id",
    metavar="ID",
    help="A run to use instead of a new one, by its id or a unique prefix of it.",
)
@click.option(
    "--env-manager",
    metavar="MANAGER",
    type=click.Choice(MANAGERS),
    help="The Python of a project: local, the one in use, which is the default; virtualenv or uv, "
    "a venv from python_env.yaml or conda.yaml; or conda.",
)
@click.option(
    "--storage-dir",
    metavar="FOLDER",
    help="Where to download the values of parameters of the type path to; by default a temporary "
    "folder.",
)
@click.option(
    "--as-mlflow",
    is_flag=True,
    help="Have `import mlflow` find runlog in the process and in those that it starts.",
)
@click.option("--log-output", is_flag=True, help="Log what is printed as the file console.log.")
@click.option(
    "-b",
    "--backend",
    metavar="BACKEND",
    default="local",
    help="For commands written for MLflow: only local.",
)
@click.option("-c", "--backend-config", metavar="FILE", hidden=True)
@click.option("-A", "--docker-args", metavar="NAME=VALUE", multiple=True, hidden=True)
@click.option("--build-image", is_flag=True, hidden=True)
@options.tracking_uri_option
@click.pass_context
def run(context: click.Context, /, **given: Any) -> int:
    """Run a project, or any command, in a process of its own, as a run.

    URI is a folder or a git repository (https://..., ssh://..., git@host:path) with a file
    MLproject; it may end with #subdirectory. COMMAND is any command: runlog run -- python train.py

    start_run() in the process resumes the run. The exit code is that of the process. Ctrl-C and
    SIGTERM end it with its children; the run is KILLED then.
    """
    command: list[str] = context.meta[COMMAND]
    if bool(command) == (given["project"] is not None):
        raise click.UsageError("Name what to run: the URI of a project, or -- COMMAND.")
    _refuse(context, command)
    with _reported(), _ended_by_signals():
        code = _run(given, command).exit_code or 0
    return code if code >= 0 else 128 - code


def _run(given: Mapping[str, Any], command: Sequence[str]) -> SubmittedRun:
    from runlog.projects import running

    stores.report_new_file(stores.database_path(given["uri"]))
    run_id = given["run_id"]
    if run_id is not None:
        run_id = choosing.full_run_id(stores.open_store(given["uri"]), run_id)
    environment = {}
    if given["as_mlflow"]:
        from runlog.mlflow_names.finder import environment as with_mlflow

        environment = with_mlflow()
    launch = running.Launch(
        given["uri"],
        given["experiment_name"],
        given["experiment_id"],
        given["run_name"],
        run_id,
        environment,
        log_output=given["log_output"],
    )
    if command:
        return running.run_command(launch, command)
    return running.run_project(
        launch,
        given["project"],
        given["entry_point"],
        given["version"],
        _parameters(given["param_list"]),
        given["storage_dir"],
        given["env_manager"],
    )


def _refuse(context: click.Context, command: Sequence[str]) -> None:
    """Raise UsageError for options that go with something else than what is run."""
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if {"docker_args", "build_image"} & given:
        raise click.UsageError(
            "runlog runs projects without containers: leave out Docker's options."
        )
    if context.params["backend"] != "local" or "backend_config" in given:
        raise click.UsageError(
            "runlog runs projects on this machine only: call it in the job that your cluster "
            "starts, without --backend and --backend-config."
        )
    if command and {*OF_PROJECTS} & given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in OF_PROJECTS if name in given)
        raise click.UsageError(f"{names} goes with a project: write arguments behind COMMAND.")


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r} is not a parameter: write -P NAME=VALUE.")
        if name in parameters:
            raise click.UsageError(f"The parameter {name!r} is given twice.")
        parameters[name] = value
    return parameters


class _Reporter(logging.Handler):
    """Prints what is logged as messages of the command."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = "note" if record.levelno < logging.WARNING else "warning"
        output.report(kind, record.getMessage())


@contextmanager
def _reported() -> Iterator[None]:
    logger, reporter = logging.getLogger("runlog.projects"), _Reporter()
    logger.addHandler(reporter)
    level, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(reporter)
        logger.setLevel(level)
        logger.propagate = propagates


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end this program as Ctrl-C does: it closes its stores first."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    mine = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        mine = []
    for number in mine:
        signal.signal(number, _exit_of_signal)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


def _exit_of_signal(number: int, frame: Any) -> None:
    sys.exit(128 + number)
