"""runlog models: models that were logged or registered."""

from __future__ import annotations

import click

from runlog.commands import models_files, models_registry


@click.group()
def models() -> None:
    """Show, register and delete models, and predict with them."""


models.add_command(models_files.info)
models.add_command(models_files.predict)
for _command in models_registry.COMMANDS:
    models.add_command(_command)
