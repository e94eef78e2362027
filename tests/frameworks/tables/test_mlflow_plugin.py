"""MLflow 2 logs to a file of runlog's through the plug-in; MLflow 3 does in the ordinary suite."""

from __future__ import annotations

from frameworks.environments import with_mlflow
from test_mlflow_plugin import check


def test_it_logs_searches_and_registers(place):
    assert "logged models" not in check(place, with_mlflow("2"))
