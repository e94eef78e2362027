"""Environments with real frameworks, in a cache folder outside the checkout.

    python tests/frameworks/environments.py [GROUP...]

makes the environments of the groups, or all, and prints their interpreters. Standard library only.
A folder is named by a digest of its requirements and of the interpreter, so all checkouts on a
machine share it. It is complete when it contains the file `complete`; until then, whoever comes
next makes it anew.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SOURCE = TESTS.parent / "src"
TOOLS = [
    "apsw >= 3.51.3",
    "bottle >= 0.13",
    "click >= 8.2.1",
    "cloudpickle",
    "fsspec >= 2026.9.0",
    "granian >= 2.6",
    "hypothesis",
    "matplotlib",
    "numpy",
    "packaging",
    "pandas",
    "psutil",
    "pytest >= 9.0",
    "PyYAML",
    "scikit-learn",
]
"""What runlog needs, what the tests need, and what the frameworks have in common."""
GROUPS = {
    "tables": [
        "catboost",
        "hydra-core",
        "kedro",
        "lightgbm",
        "onnx",
        "onnxruntime",
        "optuna",
        "optuna-integration",
        "prophet",
        "skl2onnx",
        "skops",
        "spacy",
        "statsmodels",
        "xgboost-cpu",
    ],
    "torch": [
        "accelerate",
        "lightning",
        "pytorch-ignite",
        "ray[tune]",
        "safetensors",
        "sentence-transformers",
        "torch == 2.13.0",
        "transformers",
    ],
    "keras": ["keras", "tensorflow-cpu"],
}
WITHOUT_DEPENDENCIES = {"tables": ["kedro-mlflow"]}
"""Packages that would bring the real MLflow."""
NO_CUDA = ["nvidia-cublas < 0", "nvidia-cublas-cu12 < 0", "nvidia-nccl-cu12 < 0"]
"""Constraints with which pip fails instead of installing several GB that no test can use."""
MLFLOW = {
    "2": ["mlflow-skinny == 2.22.*"],
    "3": ["mlflow-skinny >= 3, < 4"],
}
MORE = {
    "kedro-mlflow": ["kedro-datasets", "lazy-loader"],
    "skorch": ["skorch", "tabulate"],
    "ultralytics": ["opencv-python-headless", "torchvision == 0.28.*", "ultralytics"],
}
"""Packages for single tests, without their dependencies."""
UNUSED = 14 * 24 * 3600  # seconds after which an environment with other requirements is deleted


def python(group: str) -> Path:
    """Return the interpreter of a group's environment; make the environment if it is missing."""
    wanted = [*TOOLS, *GROUPS[group]]
    alone = WITHOUT_DEPENDENCIES.get(group, [])

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        _install(folder / "bin" / "python", *wanted)
        if alone:
            _install(folder / "bin" / "python", "--no-deps", *alone)

    return _folder(group, [*wanted, *alone], make) / "bin" / "python"


def with_mlflow(version: str) -> dict[str, str]:
    """Return this process's environment variables, changed so that a Python that is started with
    them imports the real MLflow of that version ("2" or "3"), and runlog, too."""

    def make(folder: Path) -> None:
        _install(sys.executable, "--target", folder, *MLFLOW[version])

    overlay = _folder(f"mlflow{version}", MLFLOW[version], make)
    path = [str(overlay), str(SOURCE), str(TESTS), os.environ.get("PYTHONPATH", "")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def with_more(name: str) -> dict[str, str]:
    """Return environment variables with which a Python finds the packages of `MORE[name]`, too."""

    def make(folder: Path) -> None:
        _install(sys.executable, "--no-deps", "--target", folder, *MORE[name])

    overlay = _folder(name, MORE[name], make)
    return {"PYTHONPATH": os.pathsep.join([str(overlay), os.environ.get("PYTHONPATH", "")])}


def run_with_mlflow(version: str, program: str, *arguments: object) -> str:
    """Return what a Python program prints that this interpreter runs with the real MLflow, in an
    empty folder: MLflow creates files where it is."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            env=with_mlflow(version),
            cwd=folder,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def cache() -> Path:
    """Return the folder that has the environments."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "runlog-tests"


def _folder(name: str, requirements: Iterable[str], make: Callable[[Path], None]) -> Path:
    """Return a complete folder that `make` fills; other processes wait while one fills it."""
    key = repr([sorted(requirements), sys.version_info[:3], os.path.realpath(sys.base_prefix)])
    folder = cache() / f"{name}-{sha256(key.encode()).hexdigest()[:12]}"
    complete = folder / "complete"
    if not complete.exists():
        cache().mkdir(parents=True, exist_ok=True)
        with open(cache() / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists():
                _delete_unused(name)
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
    complete.touch()  # its time is that of the last use
    return folder


def _delete_unused(name: str) -> None:
    for folder in cache().glob(f"{name}-*"):
        complete = folder / "complete"
        if not complete.exists() or complete.stat().st_mtime < time.time() - UNUSED:
            shutil.rmtree(folder, ignore_errors=True)


def _install(interpreter: Path | str, *arguments: object) -> None:
    """Install packages. Only what is imported gets compiled: that is half of the time."""
    quiet = ["--quiet", "--no-compile", "--no-warn-script-location", "--no-warn-conflicts"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        print(*NO_CUDA, sep="\n", file=constraints, flush=True)
        command = [interpreter, "-m", "pip", "install", *quiet, "--constraint", constraints.name]
        subprocess.run(
            [str(word) for word in [*command, *arguments]], check=True, stdout=sys.stderr
        )


if __name__ == "__main__":
    for group in sys.argv[1:] or GROUPS:
        print(python(group))
