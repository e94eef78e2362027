"""`runlog serve`: a server that MLflow's clients can talk to; `runlog ui` shows its pages, too."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from runlog.commands import common, mlflow_options

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


def _place(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # MLflow's clients name the folder of a file store, which need not be there yet.
    path = os.path.splitdrive(value or "")[1]
    if not value or ":" in path or os.path.splitext(path)[1] or os.path.isfile(value):
        return value
    return os.path.join(value, "")


@click.command("serve", context_settings={"help_option_names": ["--help"]})
@click.argument("file", required=False, callback=_place, type=click.Path())
@click.option(
    "--backend-store-uri",
    "--file-store",
    "store_uri",
    metavar="URI",
    callback=_place,
    help="The same as FILE: a file such as x.db, a folder, sqlite:///FILE, or a database on a "
    "server such as postgresql://USER:PASSWORD@HOST/DATABASE. Otherwise RUNLOG_TRACKING_URI, "
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
    "--artifacts-only",
    is_flag=True,
    help="Serve files (mlflow-artifacts:/...) and nothing else: no experiments, runs or pages.",
)
@click.option(
    "-h",
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen at; 0.0.0.0 is every one of this machine.",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=5000,
    show_default=True,
    help="The port to listen at; 0 is one that is free.",
)
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
@click.option(
    "--allowed-locations",
    metavar="LOCATIONS",
    callback=_locations,
    help="Buckets, hosts and folders that clients may name as artifact locations and that the "
    "server opens with its own keys, such as s3://bucket/path, with commas between; those of "
    "RUNLOG_ALLOWED_LOCATIONS too.",
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
@mlflow_options.app_option
@mlflow_options.without_effect
def serve(**options: Any) -> None:
    """Serve runs and artifacts to MLflow's and runlog's clients, until Ctrl-C or SIGTERM.

    FILE is where the runs are kept; it is made if it is not there.
    """
    _serve(False, **options)


@click.command("ui", context_settings=serve.context_settings, params=[*serve.params])
@click.option(
    "--browser/--no-browser",
    default=True,
    help="Whether to open the pages in the browser: the one that BROWSER names, or the desktop's.",
)
def ui(browser: bool, **options: Any) -> None:
    """Serve runs and artifacts as `runlog serve` does, and open the pages in the browser.

    FILE is where the runs are kept; it is made if it is not there.
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
    from runlog import tracking_uri as places
    from runlog.server import process

    if file and store_uri and file != store_uri:
        raise click.UsageError("Name the store once: FILE or --backend-store-uri.")
    if app_name and auth is None:
        auth = True
    config = process.Config(common.whole_uri(file or store_uri), auth=auth, **options)
    _check(config)
    path = process.database_path(config)
    is_new = path and not os.path.lexists(path)

    def announce(listening: Config, store: Store) -> None:
        address = _address(listening._replace(host=config.host))
        new = " (a new file)" if is_new else ""
        common.complain("serving", f"{places.shown(config.store_uri)}{new} at {address}")
        _say_who_is_let_in(listening, store, _reached(listening, address))
        if browser:
            _open_browser(listening, address)

    process.serve(config, announce=announce)


def _check(config: Config) -> None:
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
    """Where a browser on this machine finds the server."""
    place = address.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
    prefix = config.static_prefix.strip("/")
    return f"{place}/{prefix}" if prefix else place


def _open_browser(config: Config, address: str) -> None:
    from runlog.server import open_browser

    if open_browser.has_display():
        # Without the first token: all on this machine could read it in the browser's arguments.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
        open_browser.open_later(f"{_reached(config, address)}/", host, config.port)
    else:
        common.say("There is no display to open a browser on: the pages are at the address above.")


def _say_who_is_let_in(config: Config, store: Store, address: str) -> None:
    from runlog import tracking_uri as places
    from runlog.server.auth import first_token, guard
    from runlog.server.process import database_path, demands_log_in
    from runlog.validate import is_loopback

    if not demands_log_in(config):
        if not is_loopback(config.host):
            common.complain("warning", "whoever can reach this server may do everything here")
        return
    _warn_of_readers(database_path(config))
    known = guard.users_of(store)
    token = guard.first_token(known)
    uri = places.shown(config.store_uri)
    if not token:
        common.complain(
            "note",
            f"users log in at {address}/login with a password or a token; on this machine  runlog "
            f"tokens create NAME --user USER --tracking-uri {uri}  makes a token",
        )
    elif sys.stderr.isatty():
        click.echo(first_token.text(address, token), err=True)
    else:  # what is printed ends in a journal, which more people read
        path = first_token.write(database_path(config), first_token.text(address, token))
        common.complain(
            "note",
            f"there were no users yet: a token of the new user admin, for a day, is in {path}",
        )


def _warn_of_readers(path: str) -> None:
    if os.name == "posix" and path:
        mode = os.stat(path).st_mode
        if mode & 0o077:
            common.complain(
                "warning",
                f"others on this machine may open {path}, whatever they may do over "
                f"HTTP: its mode is {mode & 0o777:o}. Keep them out with  chmod 600",
            )
