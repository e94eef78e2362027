"""runlog models info and predict: what is in the files of a model, and what it predicts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from runlog.commands import options, output, stores
from runlog.text_tables import TEXT, Column

if TYPE_CHECKING:
    from runlog.models import Model

COLUMNS = [Column("field", TEXT), Column("value", TEXT)]


def _folder(model_uri: str, uri: str | None) -> str:
    from runlog.models.uris import local_folder

    return local_folder(model_uri, None, stores.whole_uri(uri))


@click.command()
@click.argument("model_uri")
@options.output_options
@options.tracking_uri_option
def info(model_uri: str, form: str | None, uri: str | None) -> None:
    """Show what the MLmodel file of a model says: flavours, signature, requirements, its run.

    MODEL_URI is runs:/ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, models:/m-ID, a path or a
    URI.
    """
    from runlog.models import Model

    folder = _folder(model_uri, uri)
    model = Model.load(folder)
    if form == "json":
        import json

        click.echo(json.dumps(model.to_dict(), indent=2, default=str))
        return
    rows = [(name, str(value)) for name, value in _facts(model, folder) if value]
    output.print_rows(COLUMNS, rows, form)


def _facts(model: Model, folder: str) -> list[tuple[str, Any]]:
    from runlog.models.environment import REQUIREMENTS

    signature = model.signature
    try:
        with open(f"{folder}/{REQUIREMENTS}", encoding="utf-8") as file:
            packages = ", ".join(file.read().split("\n"))
    except FileNotFoundError:
        packages = ""
    return [
        ("flavours", ", ".join(sorted(model.flavors))),
        ("inputs", signature and signature.inputs),
        ("outputs", signature and signature.outputs),
        ("params", signature and signature.params),
        ("requirements", packages),
        ("size", model.model_size_bytes),
        ("created", model.utc_time_created),
        ("run", model.run_id),
        ("logged model", model.model_id),
        ("metadata", model.metadata),
    ]


@click.command()
@click.option(
    "-u",
    "-m",
    "--model-uri",
    required=True,
    metavar="URI",
    help="The model: runs:/ID/PATH, models:/NAME/VERSION, models:/NAME@ALIAS, a path or a URI.",
)
@click.option(
    "-i",
    "--input-path",
    metavar="FILE",
    help="The data, in CSV with a header, or in JSON as model servers take it. By default, "
    "standard input.",
)
@click.option(
    "-o", "--output-path", metavar="FILE", help="Write the predictions to this file instead."
)
@click.option(
    "-t",
    "--content-type",
    type=click.Choice(["json", "csv"]),
    help="What the data are in. By default, as the name of the file ends, or json.",
)
@options.tracking_uri_option
def predict(
    model_uri: str,
    input_path: str | None,
    output_path: str | None,
    content_type: str | None,
    uri: str | None,
) -> None:
    """Predict with a model, in this environment, and print {"predictions": ...}.

    JSON data are an object with one of dataframe_split, dataframe_records, instances and inputs,
    and perhaps params.
    """
    from runlog import models

    if content_type is None:
        content_type = "csv" if (input_path or "").lower().endswith(".csv") else "json"
    given = sys.stdin.read() if input_path is None else None
    folder = _folder(model_uri, uri)
    text = models.predict(folder, given, input_path, content_type, output_path)
    if output_path is None:
        click.echo(text)
