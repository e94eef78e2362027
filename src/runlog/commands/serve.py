"""runlog serve: a server for clients of MLflow and runlog; runlog ui: the same with its pages."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from runlog.commands import mlflow_options, output, stores

if TYPE_CHECKING:
    from runlog.server.process import Config
    from runlog.store import Store


def _names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in (value or "").split(",") if each.strip())


def _locations(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[str, ...]:
    from runlog.settings import setting
    from runlog.storage import allowed

    return allowed.from_text(value) + allowed.from_text(setting("ALLOWED_LOCATIONS"))


def _store_uri(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # MLflow's clients name the folder of a file store, which need not be there yet.
    path = os.path.splitdrive(value or "")[1]
    if not value or ":" in path or os.path.splitext(path)[1] or os.path.isfile(value):
        return value
    return os.path.join(value, "")


@click.command("serve", context_settings={"help_option_names": ["--help"]})
@click.argument("file", required=False, callback=_store_uri, type=click.Path())
@click.option(
    "--backend-store-uri",
    "--file-store",
    "store_uri",
    metavar="URI",
    callback=_store_uri,
    help="The same as FILE: a file such as x.db, a folder, sqlite:///FILE, or a database on a "
    "server such as postgresql://USER:PASSWORD@HOST/DATABASE. By default "
    "RUNLOG_TRACKING_URI, MLFLOW_TRACKING_URI, or runlog.db in this folder.",
)
@click.option(
    "--artifacts-destination",
    "artifacts",
    metavar="URI",
    default="",
    help="Where the server stores the artifacts that clients send to it; by default in the "
    "folder artifacts beside the database.",
)
@click.option(
    "--default-artifact-root",
    "default_root",
    metavar="URI",
    default="",
    help="Where clients store the artifacts of new experiments, such as a bucket; by default "
    "they send them to the server.",
)
@click.option(
    "--serve-artifacts/--no-serve-artifacts",
    default=True,
    help="Whether clients send artifacts through the server, or read and write them in the "
    "storage themselves.",
)
@click.option(
    "--artifacts-only",
    is_flag=True,
    help="Serve only files (mlflow-artifacts:/...): no experiments, runs or pages.",
)
@click.option(
    "-h",
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 is every address of this machine.",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=5000,
    show_default=True,
    help="The port to listen on; 0 picks a free one.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="The number of worker processes; each uses one processor.",
)
@click.option(
    "--static-prefix",
    metavar="PATH",
    default="",
    help="A prefix that a proxy adds to all paths of the server, such as /runlog.",
)
@click.option(
    "--allowed-hosts",
    metavar="NAMES",
    callback=_names,
    help="Host names of the server besides its addresses and localhost, separated by commas; * "
    "allows any.",
)
@click.option(
    "--cors-allowed-origins",
    "allowed_origins",
    metavar="ORIGINS",
    callback=_names,
    help="Origins whose web pages may use the server, such as https://example.org, separated by "
    "commas.",
)
@click.option(
    "--allow-local-locations",
    is_flag=True,
    help="Let clients use any local path as an artifact location. Only for a server that nobody "
    "else uses and that shares its disk with its clients.",
)
@click.option(
    "--allowed-locations",
    metavar="LOCATIONS",
    callback=_locations,
    help="Buckets, hosts and folders, such as s3://bucket/path, that clients may use as artifact "
    "locations and that the server opens with its own keys; separated by commas. Those in "
    "RUNLOG_ALLOWED_LOCATIONS are added.",
)
@click.option("--read-only", is_flag=True, help="Refuse every request that changes something.")
@click.option(
    "--auth/--no-auth",
    default=None,
    help="Whether users must log in. By default they must, unless only this machine can reach "
    "the server. --no-auth lets everyone do everything.",
)
@click.option(
    "--trusted-proxies",
    metavar="ADDRESSES",
    callback=_names,
    help="Reverse proxies that the server trusts to report the address of a client, as addresses "
    "or networks separated by commas.",
)
@click.option(
    "--proxy-user-header",
    "user_header",
    metavar="NAME",
    default="",
    help="The header in which trusted proxies send the name of the user.",
)
@click.option(
    "--audit-days",
    type=click.IntRange(0),
    default=90,
    show_default=True,
    help="How many days to keep entries of the audit log; 0 is for ever.",
)
@click.option("--access-log", is_flag=True, help="Print a line of JSON for each request.")
@click.option(
    "--tls-certificate",
    metavar="FILE",
    default="",
    help="Serve HTTPS with the certificate chain in this PEM file.",
)
@click.option(
    "--tls-key",
    metavar="FILE",
    default="",
    help="The private key of the certificate, in PKCS 8 format.",
)
@mlflow_options.app_option
@mlflow_options.without_effect
def serve(**options: Any) -> None:
    """Serve runs and artifacts to clients of MLflow and runlog, until Ctrl-C or SIGTERM.

    FILE is the database, which is created if it does not exist.
    """
    _serve(False, **options)


@click.command("ui", context_settings=serve.context_settings, params=[*serve.params])
@click.option(
    "--browser/--no-browser",
    default=True,
    help="Whether to open the pages in a browser: the one in the environment variable BROWSER, "
    "or the default browser.",
)
def ui(browser: bool, **options: Any) -> None:
    """Serve runs and artifacts as `runlog serve` does, and open the pages in a browser.

    FILE is the database, which is created if it does not exist.
    """
    _serve(browser, **options)


def _serve(
    browser: bool,
    file: str | None,
    store_uri: str | None,
    app_name: str | None,
    auth: bool | None,
    **options: Any,
) -> None:
    from runlog import tracking_uri
    from runlog.server import process

    if file and store_uri and file != store_uri:
        raise click.UsageError("Name the store once: FILE or --backend-store-uri.")
    if app_name and auth is None:
        auth = True
    config = process.Config(stores.whole_uri(file or store_uri), auth=auth, **options)
    _check_options(config)
    path = process.database_path(config)
    is_new = path and not os.path.lexists(path)

    def announce(listening: Config, store: Store) -> None:
        address = _address(listening._replace(host=config.host))
        new = " (a new file)" if is_new else ""
        output.report("serving", f"{tracking_uri.shown(config.store_uri)}{new} at {address}")
        _report_access(listening, store, _reached(listening, address))
        if browser:
            _open_browser(listening, address)

    process.serve(config, announce=announce)


def _check_options(config: Config) -> None:
    """Raise UsageError for options that do not go together."""
    from runlog.server import process
    from runlog.validate import is_loopback

    if bool(config.tls_certificate) != bool(config.tls_key):
        raise click.UsageError("Give --tls-certificate and --tls-key together.")
    if config.allow_local_locations and (
        process.demands_log_in(config) or not is_loopback(config.host)
    ):
        raise click.UsageError(
            "--allow-local-locations lets clients read and write any file that this user can: it "
            "is for a server that only this machine can reach and that has no log-ins."
        )
    if config.artifacts_only and not config.serve_artifacts:
        raise click.UsageError("--artifacts-only and --no-serve-artifacts leave nothing to serve.")


def _address(config: Config) -> str:
    scheme = "https" if config.tls_certificate else "http"
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"{scheme}://{host}:{config.port}"


def _reached(config: Config, address: str) -> str:
    """Return the URL of the server for a browser on this machine."""
    url = address.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
    prefix = config.static_prefix.strip("/")
    return f"{url}/{prefix}" if prefix else url


def _open_browser(config: Config, address: str) -> None:
    from runlog.server import open_browser

    if open_browser.has_display():
        # Without the first token: all on this machine could read it in the browser's arguments.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
        open_browser.open_later(f"{_reached(config, address)}/", host, config.port)
    else:
        output.hint("There is no display to open a browser on: the pages are at the address above.")


def _report_access(config: Config, store: Store, address: str) -> None:
    from runlog import tracking_uri
    from runlog.server.auth import first_token, startup
    from runlog.server.process import database_path, demands_log_in
    from runlog.validate import is_loopback

    if not demands_log_in(config):
        if not is_loopback(config.host):
            output.report("warning", "everyone who can reach this server may do everything")
        return
    _warn_of_readers(database_path(config))
    known = startup.users_of(store)
    token = startup.first_token(known)
    uri = tracking_uri.shown(config.store_uri)
    if not token:
        output.report(
            "note",
            f"users log in at {address}/login with a password or a token; on this machine  runlog "
            f"tokens create NAME --user USER --tracking-uri {uri}  makes a token",
        )
    elif sys.stderr.isatty():
        click.echo(first_token.text(address, token), err=True)
    else:  # what is printed ends in a journal, which more people read
        path = first_token.write(database_path(config), first_token.text(address, token))
        output.report(
            "note",
            f"there were no users yet: a token of the new user admin, for a day, is in {path}",
        )


def _warn_of_readers(path: str) -> None:
    if os.name == "posix" and path:
        mode = os.stat(path).st_mode
        if mode & 0o077:
            output.report(
                "warning",
                f"others on this machine may open {path}, whatever they may do over "
                f"HTTP: its mode is {mode & 0o777:o}. Keep them out with  chmod 600",
            )
