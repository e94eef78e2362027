"""runlog completion: what a shell needs in order to complete commands, options, runs and keys."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a shell's completion script.

    With it Tab completes commands, options, run ids, experiments and metrics. Put it where your
    shell looks at its start: `runlog completion bash >> ~/.bashrc`, the same with zsh and
    ~/.zshrc, or `runlog completion fish > ~/.config/fish/completions/runlog.fish`.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(context.find_root().command, {}, "runlog", "_RUNLOG_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())
