"""`runlog serve`: a server that MLflow's clients can talk to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from runlog.commands import common

if TYPE_CHECKING:
    from runlog.serve.process import Config


def _names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in (value or "").split(",") if each.strip())


def _place(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # MLflow's clients name the folder of a file store, which need not be there yet.
    path = os.path.splitdrive(value or "")[1]
    if not value or ":" in path or os.path.splitext(path)[1] or os.path.isfile(value):
        return value
    return os.path.join(value, "")


@click.command("serve", context_settings={"help_option_names": ["--help"]})
@click.option(
    "--backend-store-uri",
    "--file-store",
    "store_uri",
    metavar="URI",
    callback=_place,
    help="Where the runs are kept: a file such as x.db, a folder, sqlite:///FILE, or a database on "
    "a server such as postgresql://USER:PASSWORD@HOST/DATABASE. Otherwise RUNLOG_TRACKING_URI, "
    "MLFLOW_TRACKING_URI or runlog.db here.",
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
@click.option(
    "--auth/--no-auth",
    default=None,
    help="Whether users must log in. By default they must unless only this machine can reach the "
    "server; --no-auth lets everyone do everything.",
)
@click.option(
    "--trusted-proxies",
    metavar="ADDRESSES",
    callback=_names,
    help="Reverse proxies whose word counts for where a client is, as addresses or networks with "
    "commas between.",
)
@click.option(
    "--proxy-user-header",
    "user_header",
    metavar="NAME",
    default="",
    help="The header in which trusted proxies say who the user is.",
)
@click.option(
    "--audit-days",
    type=click.IntRange(0),
    default=90,
    show_default=True,
    help="For how long the audit log is kept; 0 is for ever.",
)
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
    config = Config(store_uri or places.whole(), **options)
    scheme = "https" if config.tls_certificate else "http"
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"{scheme}://{host}:{config.port}"
    common.complain("serving", f"{places.shown(config.store_uri)} at {address}")
    _say_who_is_let_in(config, address)
    run(config)


def _say_who_is_let_in(config: Config, address: str) -> None:
    from runlog.serve import guard
    from runlog.serve.process import opened

    if not guard.is_demanded(config.host, config.auth, bool(config.user_header)):
        if not guard.is_loopback(config.host):
            common.complain("warning", "whoever can reach this server may do everything here")
        return
    store = opened(config)
    try:
        token = guard.first_token(guard.users_of(store))
    finally:
        store.close()
    if token:
        place = address.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
        prefix = config.static_prefix.strip("/")
        path = f"/{prefix}/login" if prefix else "/login"
        click.echo(
            f"There are no users yet, so here is a token of the new user admin, shown this once:\n"
            f"    {place}{path}?token={token}\n"
            f"    MLFLOW_TRACKING_TOKEN={token}\n"
            "Make users with  runlog users create, other tokens with  runlog tokens create",
            err=True,
        )
