"""Projects that tests write and run: each run starts a program, so no test that does is one of a
unit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

import runlog
from runlog import cli
from runlog.projects import SubmittedRun

MLPROJECT = """
name: digits
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      data: {type: path, default: train.csv}
      where: {type: uri, default: "s3://bucket/path"}
      text: string
    command: "python show.py --alpha {alpha} {text} {data}"
  fail:
    command: "exit 3"
"""
SHOW = """
import json, os, sys
from pathlib import Path
import runlog
with runlog.start_run() as run:
    runlog.log_metric("loss", 0.5)
    names = ("RUN_ID", "TRACKING_URI", "EXPERIMENT_ID")
    environment = {name: os.environ.get(f"MLFLOW_{name}") for name in names}
    runlog.log_dict({"arguments": sys.argv[1:], "folder": os.getcwd(), **environment}, "seen.json")
"""


def project(folder: Path, text: str = MLPROJECT) -> Path:
    folder.mkdir(parents=True)
    (folder / "MLproject").write_text(text)
    (folder / "show.py").write_text(SHOW)
    (folder / "train.csv").write_text("a,b\n")
    return folder


def call(*words: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(cli.main, ["run", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def start(*words: str, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "runlog.cli", "run", *words]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, **more)


def run_project(uri: str | Path, entry_point: str = "main", **more: object) -> SubmittedRun:
    """Run a project by the function of Python's."""
    return runlog.projects.run(str(uri), entry_point, **more)
