"""The real MLflow logs to a file of runlog's, without a server, through the plug-in."""

from __future__ import annotations

import configparser
import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

import runlog
from processes import SETTINGS, finish, start
from runlog.errors import InvalidParameter

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow-skinny")
GROUPS = ("mlflow.tracking_store", "mlflow.artifact_repository", "mlflow.model_registry_store")


def with_entry_points(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a Python that finds the plug-in as if runlog were installed in it."""
    settings = configparser.ConfigParser(delimiters="=")
    settings.read(SETTINGS)
    points = settings["options.entry_points"]
    lines = "\n".join(f"[{group}]{points[group]}" for group in GROUPS)
    info = folder / "runlog_plugin-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: runlog-plugin\nVersion: 0\n")
    (info / "entry_points.txt").write_text(lines)
    path = os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")])
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    return {**environment, **quiet, "PYTHONPATH": path}


def check(place: Path, environment: dict[str, str]) -> dict[str, object]:
    """Run the program with the real MLflow; what it printed, and what runlog reads."""
    database = place / "plugged.db"
    env = with_entry_points(place / "site", environment)
    code, out, err = finish(start("mlflow_plugin", database, env=env))
    assert code == 0, err
    assert "View run" not in out  # there are no pages
    found = json.loads(out.splitlines()[-1])
    assert found == {
        "changed": "INVALID_PARAMETER_VALUE",
        "history": [1, 0.5, 1 / 3],
        "matching": ["outer"],
        "text": "hello",
        "missing": "RESOURCE_DOES_NOT_EXIST",
        "predicted": [[2, 4]] * 3,
        "stages": ["1"],
        "same name": "RESOURCE_ALREADY_EXISTS",
        "taken": "RESOURCE_ALREADY_EXISTS",
        "inside": ["notes/b.txt"],
        "fetched": "in the file",
        **({"logged models": ["READY"]} if "logged models" in found else {}),
    }
    runlog.set_tracking_uri(database)
    inner, outer = runlog.search_runs(
        filter_string="metrics.loss > 0",
        experiment_names=["plugged é"],
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )
    assert outer.data.params == {"depth": "3", "lr": "0.1"}
    assert outer.data.metrics["later"] == 1 and outer.data.tags["team"] == "vision"
    assert (outer.info.status, inner.info.status) == ("FINISHED", "FINISHED")
    parent = runlog.get_parent_run(inner.info.run_id)
    assert parent is not None and parent.info.run_id == outer.info.run_id
    assert runlog.artifacts.load_text(f"runs:/{outer.info.run_id}/notes/a.txt") == "hello"
    return found


@needs_mlflow
def test_it_logs_searches_and_registers(place):
    assert "logged models" in check(place, dict(os.environ))


@pytest.mark.parametrize(
    "uri, expected",
    [
        ("runlog:///folder/x.db", "/folder/x.db"),
        ("runlog://x.db", "x.db"),
        ("runlog:x.db", "x.db"),
        ("runlog:/folder/", "/folder/"),
        ("runlog:postgresql://host/database", "postgresql://host/database"),
    ],
)
def test_what_a_uri_names(uri, expected):
    from runlog.mlflow_plugin.in_process import location

    assert location(uri) == expected


@pytest.mark.parametrize("uri", ["runlog:", "runlog://", "x.db"])
def test_a_uri_that_names_nothing(uri):
    from runlog.mlflow_plugin.in_process import location

    with pytest.raises(InvalidParameter, match="names no file: use runlog:///path/x.db"):
        location(uri)


def test_an_artifact_uri_that_names_no_run():
    from runlog.mlflow_plugin.files import opened_at

    with pytest.raises(InvalidParameter, match="names no run: use runlog:///path/x.db/<run id>"):
        opened_at("runlog:///x.db")
