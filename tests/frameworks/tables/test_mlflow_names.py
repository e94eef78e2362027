"""Every public name of MLflow 2; those of MLflow 3 are tested in the ordinary suite."""

from __future__ import annotations

import mlflow_names
from frameworks.environments import with_mlflow


def test_every_name_of_mlflow_2_has_an_answer():
    assert mlflow_names.differences(mlflow_names.names_of_mlflow(with_mlflow("2"))) == []
