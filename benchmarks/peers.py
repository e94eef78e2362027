"""Whom runlog is measured against: packages, settings that keep them offline, smallest script."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"


@dataclass(frozen=True)
class Peer:
    """`first` logs one metric to a new run; `settings` are environment variables."""

    name: str
    title: str
    packages: tuple[str, ...]
    imports: str
    first: str
    settings: dict[str, str] = field(default_factory=dict)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "runlog",
            "runlog",
            ("apsw", "click", "fsspec", "bottle", "numpy", "pandas"),
            # The names are loaded when they are first used: a bare import would measure nothing.
            "import runlog; runlog.log_metric",
            "with runlog.start_run(): runlog.log_metric('loss', 0.1, step=1)",
            {"PYTHONPATH": str(SOURCE)},
        ),
        Peer(
            "floor",
            "floor: apsw",
            ("apsw", "numpy", "pandas"),
            "import apsw",
            "db = apsw.Connection('floor.db')\n"
            "db.execute('pragma journal_mode = wal').fetchall()\n"
            "db.execute('pragma synchronous = normal').fetchall()\n"
            "db.execute('create table points(run, key, step, timestamp, value)')\n"
            "db.execute('insert into points values (1, ?, ?, ?, ?)', ('loss', 1, 1, 0.1))",
        ),
        Peer(
            "mlflow",
            "MLflow",
            ("mlflow",),
            "import mlflow",
            "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
            "with mlflow.start_run(): mlflow.log_metric('loss', 0.1, step=1)",
            {"MLFLOW_DISABLE_TELEMETRY": "true"},
        ),
        Peer(
            "trackio",
            "Trackio",
            ("trackio",),
            "import trackio",
            "trackio.init(project='bench')\ntrackio.log({'loss': 0.1}, step=1)\ntrackio.finish()",
            {"GRADIO_ANALYTICS_ENABLED": "False", "TRACKIO_DIR": "."},
        ),
        Peer(
            "wandb",
            "W&B offline",
            ("wandb",),
            "import wandb",
            "run = wandb.init(project='bench', mode='offline', dir='.')\n"
            "run.log({'loss': 0.1}, step=1)\nrun.finish()",
            {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"},
        ),
        Peer(
            "tensorboardX",
            "tensorboardX",
            ("tensorboardX",),
            "from tensorboardX import SummaryWriter",
            "writer = SummaryWriter('events')\nwriter.add_scalar('loss', 0.1, 1)\nwriter.close()",
        ),
        Peer(
            "aim",
            "Aim",
            ("aim",),
            "import aim",
            "run = aim.Run(repo='.')\nrun.track(0.1, name='loss', step=1)\nrun.close()",
        ),
    )
}

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Whatever still tries to reach a network finds nobody listening there.
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


def environment(peer: Peer, home: Path) -> dict[str, str]:
    """A small environment: home and temporary files in `home`, no network."""
    places = {name: str(home) for name in ("HOME", "TMPDIR")}
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    # Git is not asked for the repository that happens to lie above the temporary place.
    return kept | places | OFFLINE | {"GIT_CEILING_DIRECTORIES": str(home)} | peer.settings


def python(peer: Peer, cache: Path) -> Path:
    return cache / peer.name / "bin" / "python"


def _mark(peer: Peer, cache: Path) -> Path:
    return cache / peer.name / "installed"


def installed(peer: Peer, cache: Path) -> bool:
    return _mark(peer, cache).exists()


def install(peer: Peer, cache: Path) -> str | None:
    """Make the peer's virtual environment if there is none; the reason if that fails."""
    home = cache / peer.name
    if installed(peer, cache):
        return None
    print(f"installing {peer.name}: {' '.join(peer.packages)}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(python(peer, cache)), "-m", "pip", "install", "--quiet", *peer.packages]
    result = subprocess.run(pip, capture_output=True, text=True)
    if result.returncode:
        return (result.stderr.strip().splitlines() or ["pip failed"])[-1]
    _mark(peer, cache).touch()
    return None


def version(peer: Peer, cache: Path) -> str:
    """The version of the peer's package; ours is the source beside this folder."""
    if peer.name == "runlog":
        return "of this tree"
    package = peer.packages[0]
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    answer = subprocess.run([str(python(peer, cache)), "-c", code], capture_output=True, text=True)
    return answer.stdout.strip()
