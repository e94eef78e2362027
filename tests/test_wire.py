"""MLflow's protocol as it is on the wire: tests/wire/*.json, by hand, without our own codec."""

from __future__ import annotations

import http.client
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import golden
import served
from contract.conftest import STORES
from processes import LONG
from runlog.artifacts import ArtifactRepo
from runlog.entities import Metric, PagedList, Run, RunData, RunOutputs
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME
from runlog.serve import create_app
from strategies import doubles, logged_runs
from wsgi import call


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def app(request, place, monkeypatch):
    store = STORES[request.param](place, monkeypatch)
    may = ("dbfs:/x", "hdfs:/x", "viewfs:/x")
    yield create_app(store, ArtifactRepo(str(place / "artifacts")), allowed_locations=may)
    store.close()


NAMES = sorted(path.name for path in golden.FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_requests_are_answered_as_written_down(app, name):
    def send(verb, path, body):
        is_query = verb == "GET" and isinstance(body, str)
        answer = call(app, verb, path, None if is_query else body, query=body if is_query else "")
        return answer.status, answer.body

    golden.play(name, send)


@pytest.mark.slow
def test_mlflow_is_as_liberal():
    server = served.mlflow()
    served.empty(server)
    host = server.uri.removeprefix("http://")

    def send(verb, path, body):
        is_query = verb == "GET" and isinstance(body, str)
        data = None if is_query or body is None else json.dumps(body)
        connection = http.client.HTTPConnection(host, timeout=LONG)
        try:
            path = f"{path}?{body}" if is_query else path
            connection.request(verb, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    golden.play("liberal.json", send, ours=False)


any_text = st.text(st.characters(exclude_categories=()))  # half characters, too


@given(st.lists(logged_runs(), max_size=2), st.none() | any_text, any_text, doubles)
def test_the_quick_way_to_text_says_the_same(logged, token, text, value):
    point = Metric(text, value, 2**60, -1)
    runs = [
        Run(
            each.run.info,
            RunData({"m": value}, {text: text}, {}, (point,)),
            each.run.inputs,
            RunOutputs([]),
        )
        for each in logged
    ] + [each.run for each in logged]
    for name, said in (
        ("searchRuns", PagedList(runs, token)),
        ("getMetricHistory", PagedList([point, point], token)),
        ("logMetric", None),
    ):
        kind = BY_NAME[name].answer
        assert codecs.text_of(kind, said) == codecs.dump(kind.write(said))
