"""runlog completion: what a shell needs in order to complete commands, options, runs and keys."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    With it, the Tab key completes commands, options, run ids, experiments and metrics. Append it to
    the start-up file of your shell: `runlog completion bash >> ~/.bashrc`, the same with zsh and
    ~/.zshrc, or `runlog completion fish > ~/.config/fish/completions/runlog.fish`.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(context.find_root().command, {}, "runlog", "_RUNLOG_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
