"""The `runlog` command: its groups, and how it fails.

A failure is one line on standard error and an exit code: 1 for what could not be done, 2 for a
command line that cannot be understood, 130 for Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from runlog._version import __version__
from runlog.commands import output, stores
from runlog.commands.artifacts import artifacts
from runlog.commands.audit import audit
from runlog.commands.completion import completion
from runlog.commands.copy import copy
from runlog.commands.db import db
from runlog.commands.doctor import doctor
from runlog.commands.experiments import experiments
from runlog.commands.gc import gc
from runlog.commands.import_ import import_
from runlog.commands.metrics import metrics
from runlog.commands.models import models
from runlog.commands.outbox import outbox
from runlog.commands.run import run
from runlog.commands.runs import runs
from runlog.commands.serve import serve, ui
from runlog.commands.sql import sql
from runlog.commands.tokens import tokens
from runlog.commands.users import users
from runlog.errors import RunlogError


class Program(click.Group):
    """A group of commands that ends the process as the module's docstring says."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "runlog",
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        _open_what_is_closed()
        _let_everything_be_printed()
        warnings.showwarning = _warn
        try:
            result = super().main(args, prog_name, complete_var, False, **extra)
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "runlog"
            message = error.format_message().removesuffix(".")
            code = _fail(f"{message}. See  {path} --help", error.exit_code)
        except click.ClickException as error:
            code = _fail(error.format_message(), error.exit_code)
        except click.Abort:
            code = 130
        except BrokenPipeError:
            _drop_output()
            code = 1
        except RunlogError as error:
            # Who calls `runlog artifacts` as MLflow's R client does looks for this word.
            kind = "FileNotFoundError: " if isinstance(error, FileNotFoundError) else ""
            code = _fail(kind + error.message)
        except OSError as error:
            where = f": {os.fsdecode(error.filename)}" if error.filename else ""
            code = _fail(f"{error.strerror or error}{where}")
        else:
            code = result if isinstance(result, int) else 0
        finally:
            stores.close_stores()
        sys.exit(code)


def _fail(message: str, code: int = 1) -> int:
    output.report("error", message)
    return code


def _warn(message: Warning | str, *where: Any, **more: Any) -> None:
    output.report("warning", str(message))


def _open_what_is_closed() -> None:
    # Who starts a program may close its streams, as `>&-` does; Python has None for them then.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(nothing, mode, encoding="utf-8", closefd=False))


def _let_everything_be_printed() -> None:
    # A run's name may hold what a terminal's encoding lacks; an escape is better than a failure.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    # Nobody reads any more: what Python would still flush at its end goes nowhere.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runlog", message="%(prog)s %(version)s")
@click.option(
    "--tracking-uri",
    metavar="URI",
    help="Where the runs are, for commands that are given no --tracking-uri of their own.",
)
def main(tracking_uri: str | None) -> None:
    """Look at, search and clean up what runlog has logged.

    Every command that reads prints a table; with --json or --csv, it prints a format for programs.
    """


for _command in (
    experiments, run, runs, metrics, models, artifacts, copy, import_, db, gc, sql, serve, ui,
    users, tokens, audit, outbox, doctor, completion,
):  # fmt: skip
    main.add_command(_command)
main.add_command(serve, "server")  # as MLflow calls it
main.add_command(outbox, "spool")  # as it was called

if __name__ == "__main__":
    main()
