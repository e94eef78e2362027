from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from frameworks import environments
from frameworks.conftest import group


def test_it_has_what_its_group_asks_for():
    names = {each.metadata["Name"].lower().replace("_", "-") for each in metadata.distributions()}
    wanted = [*environments.GROUPS[group()], *environments.WITHOUT_DEPENDENCIES.get(group(), [])]
    assert {each.partition(" ")[0].partition("[")[0].lower() for each in wanted} <= names


def test_it_has_neither_mlflow_nor_cuda():
    names = {each.metadata["Name"].lower() for each in metadata.distributions()}
    assert not {each for each in names if each.startswith(("mlflow", "nvidia-"))}


@pytest.mark.parametrize("version", ["2", "3"])
def test_mlflow_is_laid_over_it(version):
    program = "import mlflow.pyfunc, numpy, runlog; print(mlflow.__version__, numpy.__file__)"
    mlflow, numpy = environments.run_with_mlflow(version, program).split()
    assert mlflow.startswith(version)
    assert Path(numpy).is_relative_to(sys.prefix)
