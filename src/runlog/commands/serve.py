"""`runlog serve`: a server that MLflow's clients can talk to."""

from __future__ import annotations

from typing import Any

import click

from runlog.commands import common


def _names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in (value or "").split(",") if each.strip())


@click.command("serve", context_settings={"help_option_names": ["--help"]})
@click.option(
    "--backend-store-uri",
    "--file-store",
    "store_uri",
    metavar="URI",
    help="Where the runs are kept: a file, a folder or sqlite:///FILE. Otherwise "
    "RUNLOG_TRACKING_URI, MLFLOW_TRACKING_URI or runlog.db here.",
)
@click.option(
    "--artifacts-destination",
    "artifacts",
    metavar="URI",
    default="",
    help="Where the server keeps the artifacts that clients send it; by default the folder "
    "artifacts beside the database.",
)
@click.option(
    "--default-artifact-root",
    "default_root",
    metavar="URI",
    default="",
    help="Where clients keep the artifacts of experiments made from now on, a bucket for example; "
    "by default with the server.",
)
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    default=True,
    help="Whether artifacts go through the server, or clients read and write them themselves.",
)
@click.option(
    "-h",
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen at; 0.0.0.0 is every one of this machine.",
)
@click.option("-p", "--port", default=5000, show_default=True, help="The port to listen at.")
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes answer; one uses one processor.",
)
@click.option(
    "--static-prefix",
    metavar="PATH",
    default="",
    help="A path that a proxy puts before all of the server's, /runlog for example.",
)
@click.option(
    "--allowed-hosts",
    metavar="NAMES",
    callback=_names,
    help="Names that the server goes by besides its addresses and localhost, with commas between; "
    "* for any.",
)
@click.option(
    "--cors-allowed-origins",
    "allowed_origins",
    metavar="ORIGINS",
    callback=_names,
    help="Origins such as https://example.org whose web pages may use the server, with commas "
    "between.",
)
@click.option(
    "--allow-local-locations",
    is_flag=True,
    help="Let clients name any local path as an artifact location: for a server that is yours "
    "alone and shares its disk with its clients.",
)
@click.option("--read-only", is_flag=True, help="Refuse everything that changes something.")
@click.option("--access-log", is_flag=True, help="Print a line of JSON for each request.")
@click.option(
    "--tls-certificate",
    metavar="FILE",
    default="",
    help="Serve HTTPS with this certificate chain, a PEM file.",
)
@click.option("--tls-key", metavar="FILE", default="", help="The certificate's key, PKCS 8.")
def serve(store_uri: str | None, **options: Any) -> None:
    """Serve runs and artifacts to MLflow's and runlog's clients, until Ctrl-C or SIGTERM."""
    from runlog import places
    from runlog.serve.process import Config
    from runlog.serve.process import serve as run

    if bool(options["tls_certificate"]) != bool(options["tls_key"]):
        raise click.UsageError("Give --tls-certificate and --tls-key together.")
    config = Config(store_uri or places.get_tracking_uri(), **options)
    scheme = "https" if config.tls_certificate else "http"
    host = f"[{config.host}]" if ":" in config.host else config.host
    common.complain("serving", f"{config.store_uri} at {scheme}://{host}:{config.port}")
    run(config)
