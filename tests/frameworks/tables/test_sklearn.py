"""Models of scikit-learn and of Python code, where the real MLflow is not installed; and with the
real MLflow 2 and 3 at the other end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import model_exchange
import runlog
from frameworks.environments import with_mlflow
from runlog.errors import RunlogError
from serving import serving


def run(program: str, env: dict[str, str], *given: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("version", ["2", "3"])
def test_files_written_by_mlflow_are_read_without_it(tmp_path, version):
    written = run(model_exchange.logs("mlflow", version), with_mlflow(version), "", tmp_path)
    program = "import importlib.util as u; assert u.find_spec('mlflow') is None\n"
    program += model_exchange.loads("runlog")
    # the file of code imports mlflow, which is not there
    wanted = {name: uri for name, uri in json.loads(written).items() if name != "coded"}
    read = run(program, dict(os.environ), "", tmp_path, json.dumps(wanted))
    assert json.loads(read).keys() == wanted.keys()


@pytest.mark.parametrize("version", ["2", "3"])
def test_mlflow_reads_files_that_runlog_wrote(tmp_path, version):
    written = run(model_exchange.logs("runlog"), dict(os.environ), "", tmp_path)
    read = run(model_exchange.loads("mlflow"), with_mlflow(version), "", tmp_path, written)
    assert json.loads(read).keys() == json.loads(written).keys()


@pytest.mark.parametrize("writer, reader", [("mlflow", "runlog"), ("runlog", "mlflow")])
def test_mlflow_2_and_runlog_at_one_server(tmp_path, writer, reader):
    env = {"mlflow": with_mlflow("2"), "runlog": dict(os.environ)}
    with serving(tmp_path) as server:
        written = run(model_exchange.logs(writer, "2"), env[writer], server.uri, tmp_path)
        wanted = json.loads(written)
        if reader == "runlog":
            wanted.pop("coded")
        read = run(
            model_exchange.loads(reader), env[reader], server.uri, tmp_path, json.dumps(wanted)
        )
    assert json.loads(read).keys() == wanted.keys()


def test_skops_runs_no_code(tmp_path, monkeypatch):
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(1, algorithm="brute").fit([[1], [2]], [0, 1])
    path = str(tmp_path / "model")
    runlog.sklearn.save_model(model, path, serialization_format="skops")
    assert "skops" in Path(path, "requirements.txt").read_text()
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    assert runlog.sklearn.load_model(path).predict([[2]]).tolist() == [1]
    assert runlog.pyfunc.load_model(path).predict([[2]]).tolist() == [1]
    trusting = str(tmp_path / "trusting")
    runlog.sklearn.save_model(
        model, trusting, serialization_format="skops", skops_trusted_types=["os.system"]
    )
    with pytest.raises(RunlogError, match="asks to trust os.system"):
        runlog.sklearn.load_model(trusting)
