"""Models go both ways between runlog and the real MLflow: files, a server, S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from uuid import uuid4

import pytest

import model_exchange
from serving import serving

pytest.importorskip("mlflow")
pytest.importorskip("sklearn")

SHOWS = "import sys, runlog\nprint(runlog.models.get_model_info(sys.argv[1]).model_uri)"
WAYS = [("runlog", "mlflow"), ("mlflow", "runlog"), ("runlog", "runlog")]


def run(program: str, *given: object, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, given)],
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("form", ["2", "3"])
@pytest.mark.parametrize("writer, reader", WAYS)
def test_models_are_read_from_a_server(place, writer, reader, form):
    with serving(place) as server:
        written = run(model_exchange.logs(writer, form), server.uri, place)
        read = json.loads(run(model_exchange.loads(reader), server.uri, place, written))
    assert read.keys() == json.loads(written).keys() > {"tree", "registered", "alias", "run"}


@pytest.mark.parametrize("writer, reader", WAYS)
def test_models_are_read_from_files(place, writer, reader):
    written = run(model_exchange.logs(writer), "", place)
    read = json.loads(run(model_exchange.loads(reader), "", place, written))
    assert read.keys() == {"tree", "scaled", "lengths", "coded"}


@pytest.mark.parametrize("writer, reader", WAYS)
def test_models_are_read_from_s3(place, writer, reader, server):
    moto = server("moto")
    folder = uuid4().hex
    root = f"{moto.uri}/{folder}"
    with ExitStack() as stack:
        options = ("--no-serve-artifacts", "--default-artifact-root", root)
        running = stack.enter_context(serving(place, *options, env=moto.env))
        env = {**moto.env, "MLFLOW_S3_ENDPOINT_URL": moto.url}
        written = run(model_exchange.logs(writer), running.uri, place, **env)
        listed = moto.client().list_objects_v2(Bucket="artifacts", Prefix=f"below/{folder}/")[
            "Contents"
        ]
        run(model_exchange.loads(reader), running.uri, place, written, **env)
        folders = {each["Key"].rpartition("/")[0] for each in listed if "/MLmodel" in each["Key"]}
        assert len(folders) == 4
        trees = [f"s3://artifacts/{each}" for each in folders]
        for uri in trees:  # by the address of the storage itself, too
            program = (
                "import sys, runlog\nprint(runlog.models.get_model_info(sys.argv[1]).model_uri)"
            )
            assert run(program, uri, **env) == uri
