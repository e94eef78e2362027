"""MLflow's protocol as it is on the wire: tests/wire/*.json, by hand, without our own codec."""

from __future__ import annotations

import pytest

import golden
from runlog.artifacts import ArtifactRepo
from runlog.serve import create_app
from runlog.store import open_store
from wsgi import call


@pytest.fixture
def app(place):
    store = open_store(str(place / "runlog.db"))
    yield create_app(store, ArtifactRepo(str(place / "artifacts")))
    store.close()


@pytest.mark.parametrize("name", sorted(path.name for path in golden.FOLDER.glob("*.json")))
def test_requests_are_answered_as_written_down(app, name):
    def send(verb, path, body):
        if verb == "GET":
            answer = call(app, verb, path, query=body or "")
        else:
            answer = call(app, verb, path, body)
        return answer.status, answer.body

    golden.play(name, send)
