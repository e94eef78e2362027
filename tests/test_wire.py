"""MLflow's protocol as it is on the wire: tests/wire/*.json, by hand, without our own codec."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import golden
from runlog.artifacts import ArtifactRepo
from runlog.entities import Metric, PagedList, Run, RunData, RunOutputs
from runlog.protocol import wire
from runlog.protocol.rows import BY_NAME
from runlog.serve import create_app
from runlog.store import open_store
from strategies import doubles, logged_runs
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
        assert wire.text_of(kind, said) == wire.dump(kind.write(said))
