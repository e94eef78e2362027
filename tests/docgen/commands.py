"""Puts the description of every command into docs/cli.md, between a pair of comments each."""

from __future__ import annotations

import re
from inspect import cleandoc

import click

from runlog import cli

BLOCK = re.compile(r"(<!-- runlog(?P<words>[a-z -]*) -->\n).*?(<!-- end -->)", re.DOTALL)
COMMON = {"--json", "--csv", "--tracking-uri"}
"""Options that the page explains once."""


def woven(page: str) -> str:
    """Return the page with every block as the command that it names has it."""
    return BLOCK.sub(
        lambda found: found[1] + described(found["words"].split()) + found[3],
        page,
    )


def described(words: list[str]) -> str:
    """Usage, help and options of a command, as markdown."""
    command: click.Command = cli.main
    context = click.Context(command, info_name="runlog")
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
        context = click.Context(command, info_name=word, parent=context)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(command.help or ""))
    return f"`{usage}`\n\n{escaped(text)}\n\n{options(command, context)}"


def options(command: click.Command, context: click.Context) -> str:
    """A table of what belongs to this command alone."""
    lines = [
        f"| `{names(option, context)}` | {escaped(about(option))} |"
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and not COMMON & {*option.opts}
    ]
    return "\n".join(["| option | |", "|---|---|", *lines]) + "\n\n" if lines else ""


def names(option: click.Option, context: click.Context) -> str:
    value = "" if option.is_flag or option.count else " " + option.make_metavar(context)
    return (", ".join(option.opts) + value).replace("|", "\\|")


def about(option: click.Option) -> str:
    """The help; not as click writes it, since that changes from version to version."""
    more = " Required." if option.required else ""
    if option.show_default and option.default is not None:
        more += f" By default {option.default}."
    return (option.help or "") + more


def escaped(text: str) -> str:
    """Outside of `code`, what markdown would take for markup."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<|\[])", r"\\\1", part) for part in parts
    )
