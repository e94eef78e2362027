"""runlog models: models that were logged or registered."""

from __future__ import annotations

import click

from runlog.commands import models_files


@click.group()
def models() -> None:
    """Show models, and predict with them."""


models.add_command(models_files.info)
models.add_command(models_files.predict)
