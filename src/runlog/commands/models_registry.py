"""runlog models list, describe, register, alias, tag, stage, rename, delete: the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from runlog import text_tables
from runlog.commands import options, output, stores
from runlog.text_tables import TEXT, TIME, Column

if TYPE_CHECKING:
    from runlog.client import RunlogClient
    from runlog.entities.model_registry import ModelVersion, RegisteredModel

EMPTY = "There are no such registered models. Register one with  runlog models register URI NAME"
MODELS = [
    Column("name", TEXT, least=16),
    Column("latest_version", TEXT, title="latest"),
    Column("aliases", TEXT, least=12),
    Column("last_updated_timestamp", TIME, title="changed"),
    Column("description", TEXT, least=12, optional=True),
    Column("tags", TEXT, shown=False),
]
VERSIONS = [
    Column("version", TEXT),
    Column("current_stage", TEXT, title="stage"),
    Column("aliases", TEXT, least=8),
    Column("creation_timestamp", TIME, title="created"),
    Column("run_id", TEXT, least=8),
    Column("model_id", TEXT, least=8, optional=True),
    Column("source", TEXT, least=20, optional=True),
    Column("description", TEXT, least=12, optional=True),
    Column("tags", TEXT, shown=False),
]


def _client(uri: str | None, create: bool = False) -> RunlogClient:
    from runlog.client import RunlogClient

    stores.open_store(uri, create)
    return RunlogClient(stores.whole_uri(uri))


@click.command("list")
@click.argument("filter_string", metavar="[FILTER]", default="")
@click.option(
    "--order-by",
    metavar="FIELD",
    multiple=True,
    help="Sort by this, such as 'name' or 'last_updated_timestamp DESC'; may be repeated.",
)
@click.option("--max-results", type=click.IntRange(1), metavar="N", help="Show at most N.")
@options.output_options
@options.tracking_uri_option
def list_models(
    filter_string: str,
    order_by: tuple[str, ...],
    max_results: int | None,
    form: str | None,
    uri: str | None,
) -> None:
    """List registered models by name.

    FILTER is an expression such as "name LIKE 'digits%' AND tags.team = 'vision'".
    """
    client = _client(uri)
    found: list[RegisteredModel] = []
    token = None
    while max_results is None or len(found) < max_results:
        size = 1000 if max_results is None else min(1000, max_results - len(found))
        page = client.search_registered_models(filter_string, size, list(order_by), token)
        found += page
        token = page.token
        if token is None:
            break
    output.print_rows(MODELS, [_model_row(each, form) for each in found], form, empty=EMPTY)


def _model_row(model: RegisteredModel, form: str | None) -> list[object]:
    numbers = [int(each.version) for each in model.latest_versions]
    aliases = ", ".join(f"{alias} {version}" for alias, version in sorted(model.aliases.items()))
    is_json = form == "json"
    return [
        model.name,
        str(max(numbers)) if numbers else None,
        dict(model.aliases) if is_json else aliases,
        model.last_updated_timestamp,
        model.description,
        dict(model.tags) if is_json else text_tables.json_text(dict(model.tags)),
    ]


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@options.output_options
@options.tracking_uri_option
def describe(name: str, version: str | None, form: str | None, uri: str | None) -> None:
    """Show a registered model with its versions, or one version.

    VERSION is a number or an alias.
    """
    client = _client(uri)
    if version is not None:
        _describe_version(client, _chosen_version(client, name, version), form)
        return
    model = client.get_registered_model(name)
    versions = _versions(client, name)
    if form == "json":
        facts = {**model.to_dictionary(), "versions": [each.to_dictionary() for each in versions]}
        click.echo(text_tables.json_text(facts, indent=2))
        return
    rows = [_version_row(each) for each in versions]
    if form == "csv":
        output.print_rows(VERSIONS, rows, form)
        return
    lines = [
        ("model", model.name),
        ("description", model.description or ""),
        ("created", f"{text_tables.time(model.creation_timestamp or 0)} UTC"),
        *((f"tag {key}", value) for key, value in model.tags.items()),
    ]
    click.echo("\n".join(text_tables.pairs([line for line in lines if line[1]])))
    if rows:
        click.echo()
        output.print_rows(VERSIONS, rows, None)


def _versions(client: RunlogClient, name: str) -> list[ModelVersion]:
    from runlog.store_parts.registered_models import versions_of

    return versions_of(client.registry, name)[::-1]


def _chosen_version(client: RunlogClient, name: str, version: str) -> ModelVersion:
    if version.isdigit():
        return client.get_model_version(name, version)
    return client.get_model_version_by_alias(name, version)


def _describe_version(client: RunlogClient, version: ModelVersion, form: str | None) -> None:
    location = client.get_model_version_download_uri(version.name, version.version)
    if form == "json":
        facts = {**version.to_dictionary(), "storage_location": location}
        click.echo(text_tables.json_text(facts, indent=2))
        return
    if form == "csv":
        output.print_rows(VERSIONS, [_version_row(version)], form)
        return
    lines = [
        ("model", version.name),
        ("version", version.version),
        ("aliases", ", ".join(version.aliases)),
        ("stage", version.current_stage or ""),
        ("status", version.status),
        ("created", f"{text_tables.time(version.creation_timestamp)} UTC"),
        ("user", version.user_id or ""),
        ("run", version.run_id or ""),
        ("logged model", version.model_id or ""),
        ("source", version.source or ""),
        ("files", location),
        ("description", version.description or ""),
        *((f"tag {key}", value) for key, value in version.tags.items()),
    ]
    click.echo("\n".join(text_tables.pairs([line for line in lines if line[1]])))


def _version_row(version: ModelVersion) -> list[object]:
    return [
        version.version,
        version.current_stage,
        ", ".join(version.aliases),
        version.creation_timestamp,
        version.run_id,
        version.model_id,
        version.source,
        version.description,
        text_tables.json_text(dict(version.tags)),
    ]


@click.command()
@click.argument("model_uri")
@click.argument("name")
@click.option(
    "-t", "--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag; may be repeated."
)
@click.option("--description", metavar="TEXT", help="What the version is.")
@click.option("--alias", metavar="ALIAS", help="Have this alias name the version.")
@options.output_options
@options.tracking_uri_option
def register(
    model_uri: str,
    name: str,
    tags: Sequence[str],
    description: str | None,
    alias: str | None,
    form: str | None,
    uri: str | None,
) -> None:
    """Create a version of the registered model NAME, which is created if there is none.

    MODEL_URI is runs:/ID/PATH, models:/m-ID, models:/NAME/VERSION, a path or a URI.
    """
    from runlog.model_registration import register as register_model

    pairs = [each.partition("=") for each in tags]
    if not all(key and equals for key, equals, _ in pairs):
        raise click.BadParameter("write --tag KEY=VALUE")
    client = _client(uri)
    made = register_model(client, model_uri, name, {key: value for key, _, value in pairs})
    if description is not None:
        client.update_model_version(name, made.version, description)
    if alias is not None:
        client.set_registered_model_alias(name, alias, made.version)
    _print_done(
        form, f"Registered version {made.version} of model '{name}'", "created", name, made.version
    )


@click.group()
def alias() -> None:
    """Set and remove aliases of versions."""


@alias.command("set")
@click.argument("name")
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version")
@options.output_options
@options.tracking_uri_option
def set_alias(name: str, alias_name: str, version: str, form: str | None, uri: str | None) -> None:
    """Have ALIAS name a version, and no longer the one that it named before."""
    _client(uri).set_registered_model_alias(name, alias_name, version)
    message = f"Alias '{alias_name}' of model '{name}' is version {version}"
    _print_done(form, message, "set", name, version)


@alias.command("remove")
@click.argument("name")
@click.argument("alias_name", metavar="ALIAS")
@options.output_options
@options.tracking_uri_option
def remove_alias(name: str, alias_name: str, form: str | None, uri: str | None) -> None:
    """Remove an alias. The version that it names stays."""
    _client(uri).delete_registered_model_alias(name, alias_name)
    _print_done(form, f"Model '{name}' has no alias '{alias_name}'", "removed", name, None)


@click.command()
@click.argument("name")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--version", metavar="N", help="Tag this version instead of the model.")
@click.option("--remove", is_flag=True, help="Remove the tag.")
@options.output_options
@options.tracking_uri_option
def tag(
    name: str,
    key: str,
    value: str | None,
    version: str | None,
    remove: bool,
    form: str | None,
    uri: str | None,
) -> None:
    """Set a tag of a registered model or of a version, or remove it."""
    if (value is None) != remove:
        raise click.UsageError("Give a VALUE, or --remove.")
    client = _client(uri)
    what = f"model '{name}'" if version is None else f"version {version} of model '{name}'"
    if remove and version is None:
        client.delete_registered_model_tag(name, key)
    elif remove:
        client.delete_model_version_tag(name, version, key)
    elif version is None:
        client.set_registered_model_tag(name, key, value)
    else:
        client.set_model_version_tag(name, version, key, value)
    message = f"Tag '{key}' of {what} is {'removed' if remove else 'set'}"
    _print_done(form, message, "removed" if remove else "set", name, version)


@click.command()
@click.argument("name")
@click.argument("version")
@click.argument("stage_name", metavar="STAGE")
@click.option(
    "--archive-existing", is_flag=True, help="Archive the other versions that have this stage."
)
@options.output_options
@options.tracking_uri_option
def stage(
    name: str,
    version: str,
    stage_name: str,
    archive_existing: bool,
    form: str | None,
    uri: str | None,
) -> None:
    """Move a version to a stage: None, Staging, Production or Archived."""
    client = _client(uri)
    moved = client.transition_model_version_stage(name, version, stage_name, archive_existing)
    message = f"Version {version} of model '{name}' is in stage {moved.current_stage}"
    _print_done(form, message, "moved", name, version)


@click.command()
@click.argument("name")
@click.argument("new_name")
@options.output_options
@options.tracking_uri_option
def rename(name: str, new_name: str, form: str | None, uri: str | None) -> None:
    """Rename a registered model."""
    _client(uri).rename_registered_model(name, new_name)
    message = f"Model '{name}' is now called '{new_name}'"
    _print_done(form, message, "renamed", new_name, None)


@click.command()
@click.argument("name")
@click.option("--version", metavar="N", help="Delete this version only.")
@options.output_options
@options.tracking_uri_option
def delete(name: str, version: str | None, form: str | None, uri: str | None) -> None:
    """Delete a registered model with its versions, or one version, permanently.

    Runs, logged models and files stay. The number of a deleted version is not used again.
    """
    client = _client(uri)
    if version is None:
        client.delete_registered_model(name)
        message = f"Model '{name}' is deleted"
    else:
        client.delete_model_version(name, version)
        message = f"Version {version} of model '{name}' is deleted"
    _print_done(form, message, "deleted", name, version)


def _print_done(form: str | None, message: str, done: str, name: str, version: str | None) -> None:
    output.print_done(form, [(message, {"done": done, "name": name, "version": version})])


COMMANDS = (list_models, describe, register, alias, tag, stage, rename, delete)
