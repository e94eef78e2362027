"""How the environments of the frameworks' tests are made; see tests/frameworks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from frameworks import environments


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fill(folder: Path) -> None:
    folder.mkdir()
    (folder / "packages").touch()


def folder_of(requirements: list[str], make=fill) -> Path:
    return environments._folder("group", requirements, make)


def test_an_environment_is_made_once():
    made = []

    def make(folder):
        made.append(folder)
        fill(folder)

    assert folder_of(["b", "a"], make) == folder_of(["a", "b"], make) == made[0]
    assert len(made) == 1


def test_others_have_other_requirements():
    assert folder_of(["a"]) != folder_of(["a", "b"])


def test_one_whose_making_failed_is_made_anew():
    def fail(folder):
        fill(folder)
        (folder / "half").touch()
        raise subprocess.CalledProcessError(1, "pip")

    with pytest.raises(subprocess.CalledProcessError):
        folder_of(["a"], fail)
    assert sorted(path.name for path in folder_of(["a"]).iterdir()) == ["complete", "packages"]


def test_one_that_was_not_used_for_long_is_deleted():
    old, used = folder_of(["old"]), folder_of(["used"])
    os.utime(old / "complete", (0, 0))
    folder_of(["new"])
    assert (old.exists(), used.exists()) == (False, True)


def test_no_framework_brings_cuda_in():
    """pip prefers the builds for GPUs of these."""
    packages = [each for group in environments.GROUPS.values() for each in group]
    assert not {"xgboost", "tensorflow", "torch"} & set(packages)
