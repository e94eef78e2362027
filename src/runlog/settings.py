"""Settings from the environment: RUNLOG_<NAME>, or MLFLOW_<NAME> where that is not set.

`SETTINGS` lists all of them; docs/settings.md is made from it, by scripts/docs.
"""

from __future__ import annotations

import os

from runlog.errors import InvalidParameter


class Setting:
    """What a setting does, and its default. `mlflow` says whether MLflow has it, too."""

    __slots__ = ("about", "default", "mlflow", "unit")

    def __init__(
        self, about: str, default: float | str | None = None, unit: str = "", mlflow: bool = False
    ) -> None:
        self.about, self.default, self.unit, self.mlflow = about, default, unit, mlflow


SETTINGS = {
    # Where runs go
    "TRACKING_URI": Setting(
        "The file, folder, database or server to log to and read from.", "runlog.db", mlflow=True
    ),
    "REGISTRY_URI": Setting(
        "The store of registered models, where it is not that of the runs.",
        "the tracking URI",
        mlflow=True,
    ),
    "EXPERIMENT_NAME": Setting(
        "The experiment of new runs, by name. It is created if it does not exist.", mlflow=True
    ),
    "EXPERIMENT_ID": Setting("The experiment of new runs, by id.", mlflow=True),
    "RUN_ID": Setting(
        "A run that the first `start_run()` resumes instead of starting a new one.", mlflow=True
    ),
    "ACTIVE_MODEL_ID": Setting(
        "The logged model that metrics belong to, as `set_active_model` sets it.", mlflow=True
    ),
    "RUN_CONTEXT": Setting("Tags of every new run, as a JSON object.", mlflow=True),
    # A database in a file
    "SYNCHRONOUS": Setting(
        "`full`: every log call survives a power cut, and takes longer. `normal` or `extra` are "
        "SQLite's other modes.",
        "normal",
    ),
    "BUSY_TIMEOUT": Setting(
        "How long a call waits while another process writes, for a lock or a connection, or for "
        "a database server that went away or does not answer.",
        30,
        "seconds",
    ),
    "NETWORK_FILE_SYSTEM": Setting(
        "`1` or `0`: whether the file is on a network file system, where runlog cannot tell.",
        "found out",
    ),
    "SIGNALS": Setting(
        "More signals that end runs, as SIGTERM and SIGHUP do, such as `USR1,USR2`. `0`: handle "
        "no signal; the runs of a terminated program stay RUNNING.",
        "`TERM`, `HUP`",
    ),
    # A database on a server
    "SQLALCHEMYSTORE_POOL_SIZE": Setting(
        "Connections to the database that each process keeps open.", 10, mlflow=True
    ),
    "SQLALCHEMYSTORE_MAX_OVERFLOW": Setting(
        "More connections that each process opens while it needs many. `-1`: any number.",
        54,
        mlflow=True,
    ),
    "SQLALCHEMYSTORE_POOL_RECYCLE": Setting(
        "The age at which a connection is replaced. `-1`: never.", 3600, "seconds", mlflow=True
    ),
    # A tracking server
    "TRACKING_USERNAME": Setting("The user to log in as.", mlflow=True),
    "TRACKING_PASSWORD": Setting("The password of that user.", mlflow=True),
    "TRACKING_TOKEN": Setting(
        "A token to log in with, where no user and password are given.", mlflow=True
    ),
    "TRACKING_SERVER_CERT_PATH": Setting(
        "A file or folder of certificates to trust instead of the system's.", mlflow=True
    ),
    "TRACKING_CLIENT_CERT_PATH": Setting(
        "A file with a certificate and its key, without a password, to show to the server.",
        mlflow=True,
    ),
    "TRACKING_INSECURE_TLS": Setting(
        "`true`: accept any certificate of the server.", "false", mlflow=True
    ),
    "HTTP_REQUEST_TIMEOUT": Setting(
        "How long a request with its whole answer may take; for files, each step.",
        120,
        "seconds",
        mlflow=True,
    ),
    "HTTP_REQUEST_MAX_RETRIES": Setting(
        "Attempts after the first. Until the server has answered once, the default is 2.",
        7,
        mlflow=True,
    ),
    "HTTP_REQUEST_BACKOFF_FACTOR": Setting(
        "The pause before the second attempt. It doubles before each one after.",
        2,
        "seconds",
        mlflow=True,
    ),
    "HTTP_REQUEST_BACKOFF_JITTER": Setting(
        "A random part of each pause, at most so long.", 1, "seconds", mlflow=True
    ),
    "OUTBOX": Setting(
        "The folder of outboxes, where log calls to a server are stored until they are sent. `0`: "
        "no outbox; log calls wait for the server instead.",
        "`~/.local/state/runlog/outbox`",
    ),
    "SPOOL": Setting("The older name of `RUNLOG_OUTBOX`, read where that is not set."),
    "FLUSH_TIMEOUT": Setting(
        "How long `flush`, the end of a run and the end of the program wait for log calls that are "
        "not sent to the server.",
        60,
        "seconds",
    ),
    "OFFLINE": Setting(
        "Start runs without their server; they are made there when it answers.", "false"
    ),
    # Artifacts
    "ARTIFACT_ROOT": Setting(
        "Where new experiments store artifacts: a folder or a URI. Each experiment gets a folder "
        "in it, named by its id.",
        "a folder beside the database",
    ),
    "ALLOWED_LOCATIONS": Setting(
        "Folders, and for a server buckets and hosts, that stores may open for artifacts, "
        "separated by commas.",
    ),
    "ARTIFACT_TIMEOUT": Setting(
        "How long a transfer may make no progress. Set more for lines below 0.3 MB/s.",
        120,
        "seconds",
    ),
    "ARTIFACT_MEMORY": Setting(
        "The memory that files may take up while they are transferred.", 128, "MiB"
    ),
    "ARTIFACT_SCHEMES": Setting(
        "More URI schemes of fsspec that are allowed for artifacts, separated by commas."
    ),
    "ENABLE_ARTIFACTS_PROGRESS_BAR": Setting(
        "`false`: show no progress bar for long transfers.", "true", mlflow=True
    ),
    "S3_ENDPOINT_URL": Setting("The address of an S3 server other than Amazon's.", mlflow=True),
    "S3_IGNORE_TLS": Setting(
        "`true`: accept any certificate of the S3 server.", "false", mlflow=True
    ),
    "S3_UPLOAD_EXTRA_ARGS": Setting(
        'Arguments of every upload to S3, as JSON: `{"ServerSideEncryption": "aws:kms"}`.',
        mlflow=True,
    ),
    "BOTO_CLIENT_ADDRESSING_STYLE": Setting(
        "How an S3 bucket is addressed: `path`, `virtual` or `auto`.", "auto", mlflow=True
    ),
    # Models
    "ALLOW_PICKLE_DESERIALIZATION": Setting(
        "`false`: load no model that can run code when it is loaded, such as a pickle.",
        "true",
        mlflow=True,
    ),
    "DEFAULT_PREDICTION_DEVICE": Setting(
        "Where pyfunc models of PyTorch and transformers run: `cpu`, `cuda:1` or the number of a "
        "GPU.",
        "a GPU, if there is one",
        mlflow=True,
    ),
    # Projects
    "ENV_ROOT": Setting(
        "The folder of the environments that `runlog run --env-manager` makes.",
        "~/.cache/runlog/envs",
        mlflow=True,
    ),
    # System metrics
    "ENABLE_SYSTEM_METRICS_LOGGING": Setting(
        "`true`: every run logs the use of CPU, memory, disk, network and GPUs.",
        "false",
        mlflow=True,
    ),
    "SYSTEM_METRICS_SAMPLING_INTERVAL": Setting(
        "The time between two samples.", 10, "seconds", mlflow=True
    ),
    "SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING": Setting(
        "How many samples become one point, their mean.", 1, mlflow=True
    ),
    "SYSTEM_METRICS_NODE_ID": Setting(
        "A name of this machine that goes into the metrics' names, `system/<node>/...`, where "
        "several machines log to one run.",
        mlflow=True,
    ),
}


def setting(name: str) -> str | None:
    """Return the value of RUNLOG_<name>, else of MLFLOW_<name>, else None. An empty value counts
    as not set."""
    SETTINGS[name]  # it is listed
    return os.environ.get("RUNLOG_" + name) or os.environ.get("MLFLOW_" + name) or None


def text(name: str) -> str:
    """Return the value of that setting, or its default."""
    return setting(name) or str(SETTINGS[name].default)


def state_folder() -> str:
    """Return runlog's folder for state of the user: in XDG_STATE_HOME, else in ~/.local/state."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "runlog")


def default(name: str) -> float:
    """Return the default of a setting that is a number."""
    return float(SETTINGS[name].default or 0)


def number(name: str, least: float | None = None, whole: bool = False) -> float:
    """Return the number of that setting, or its default. Raises InvalidParameter for a value that
    is no number, below `least` or, without one, not above 0."""
    given = setting(name)
    try:
        found = default(name) if given is None else int(given) if whole else float(given)
    except ValueError:
        found = float("nan")
    if 0 < found < 1e9 or (least is not None and least <= found <= 0):
        return found
    kind = "whole number" if whole else "number"
    bound = "above 0" if least is None else f"from {least:g} on"
    raise InvalidParameter(f"RUNLOG_{name} must be a {kind} {bound}, not {given!r}")


def flag(name: str) -> bool:
    """Return whether that setting is on. Raises InvalidParameter for a value that is neither true
    nor false."""
    given = text(name)
    if given.lower() not in _FLAGS:
        raise InvalidParameter(f"RUNLOG_{name} must be true or false, not {given!r}")
    return _FLAGS[given.lower()]


_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
