"""Whatever a request says, the server answers it or refuses it with MLflow's error body: never a
failure of its own."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlog.artifacts import ArtifactRepo
from runlog.errors import HTTP_STATUS
from runlog.protocol import codecs
from runlog.protocol.endpoints import ROWS
from runlog.serve import create_app
from runlog.store import open_store
from wsgi import call

KNOWN = "0123456789abcdef0123456789abcdef"
texts = st.sampled_from(
    ["", "0", "1", "a", KNOWN, "m-1", "../x", "a/b", "\u2603", "\0", "\ud800", "NaN", "1e5", "-1"]
    + ["metrics.a > 1", "metrics.a DESC", "9" * 30, "FINISHED", "DELETED_ONLY", "%", "'", ";", "[]"]
)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 1.5, 1e300]),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
pairs = st.fixed_dictionaries({}, optional={"key": leaves, "value": leaves})
points = st.fixed_dictionaries(
    {}, optional={"key": texts, "value": leaves, "timestamp": numbers, "step": leaves}
)
values = st.recursive(
    st.one_of(leaves, st.lists(st.one_of(pairs, points), max_size=3), st.lists(texts, max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=5,
)
fitting = {"string": texts, "integer": st.one_of(numbers, texts), "array": st.lists(values)}


def bodies(row):
    """Mostly what the fields' kinds could take, sometimes anything."""
    fields = {
        field.name: st.one_of(fitting.get(field.kind.schema.get("type"), values), values)
        for field in row.fields
    }
    return st.fixed_dictionaries({}, optional=fields)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    store = open_store(f"{folder}/")
    store.create_run("0", run_id=KNOWN)
    yield create_app(store, ArtifactRepo(str(folder / "artifacts")))
    store.close()


def check(answer):
    assert answer.status == 501 or answer.status < 500, answer
    if answer.status >= 400:
        said = answer.json
        assert said.keys() - {"position"} == {"error_code", "message"}  # of a filter's mistake
        assert HTTP_STATUS[said["error_code"]] == answer.status
        assert "Traceback" not in said["message"] and len(said["message"]) < 3000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.verb}-{row.name}")
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_fields(app, row, data):
    given = data.draw(bodies(row))
    path = next(row.paths())
    for field in row.fields:
        if f"<{field.name}>" in path:
            path = path.replace(f"<{field.name}>", data.draw(st.sampled_from(["m-1", "a/b", "x"])))
    if row.verb == "GET" or row.moves_a_file:
        pairs = [(name, value) for name, value in given.items() if isinstance(value, str)]
        query = urlencode(pairs, errors="replace")
        check(call(app, row.verb, path, query=query))
    else:
        check(call(app, row.verb, path, json.dumps(given).encode()))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.one_of(st.binary(max_size=50), st.text(max_size=50).map(str.encode)))
def test_any_bytes(app, body):
    check(call(app, "POST", "/api/2.0/mlflow/runs/log-batch", body))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.text(max_size=30), verb=st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH"]))
def test_any_path(app, path, verb):
    path = path.encode(errors="replace").decode()
    answer = call(app, verb, "/" + path)
    assert answer.status in (200, 404, 405)
    answer = call(app, "GET", "/api/2.0/mlflow-artifacts/artifacts/" + path)
    assert answer.status in (200, 400, 404, 405)


@given(value=st.floats())
def test_every_double_survives(value):
    written = json.loads(codecs.dump(codecs.DOUBLE.write(value)))
    assert repr(codecs.DOUBLE.read(written, "value")) == repr(value)
    if value - value == 0:
        assert repr(codecs.DOUBLE.read(repr(value), "value")) == repr(value)


@given(value=st.integers(-(2**63), 2**63 - 1))
def test_every_integer_survives(value):
    assert codecs.INT64.read(codecs.INT64.write(value), "step") == value
    assert codecs.INT64.read(str(value), "step") == value
