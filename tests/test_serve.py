"""The server's own rules, called in this process: bounds, browsers, artifacts, publications."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import pytest

from runlog.artifacts import ArtifactRepo
from runlog.errors import InvalidParameter, RunlogError
from runlog.protocol.endpoints import ROWS
from runlog.serve import create_app
from runlog.server import locations
from runlog.server.auth.access import Everyone
from runlog.server.group_sync import Group
from runlog.store import open_store
from wsgi import call

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def store(place):
    opened = open_store(str(place / "runlog.db"))
    yield opened
    opened.close()


@pytest.fixture
def app(store, place):
    return create_app(store, ArtifactRepo(str(place / "artifacts")))


@pytest.fixture
def run_id(store):
    return store.create_run("0", start_time=1).info.run_id


def post(app, path, body, **headers):
    return call(app, "POST", API + path, body, headers)


# -- requests that cannot be read -----------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b"null",
        b"\xff\xfe",
        b'{"experiment_id": "0", "start_time": NaN}',
        b'{"experiment_id": "0", "start_time": -Infinity}',
        b'{"experiment_id": "0", "tags": {"key": "a"}, "start_time": []}',
        b'{"experiment_id": "0", "tags": ["a"]}',
        b'{"experiment_id": ["0"]}',
        b'{"experiment_id": "0", "start_time": 1e999}',
        b'{"experiment_id": "0", "start_time": ' + b"9" * 5000 + b"}",
        b'{"experiment_id": "0", "start_time": "' + b"9" * 5000 + b'"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"experiment_id": "0", "run_name": "' + b"x" * 34_000_000 + b'"}',
    ],
    ids=lambda body: body[:40].decode(errors="replace"),
)
def test_what_cannot_be_read_is_refused(app, body):
    answer = post(app, "runs/create", body)
    assert answer.status == 400
    assert answer.json["error_code"] in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
    assert len(answer.body) < 1000


def test_a_field_is_refused_by_its_full_name(app, run_id):
    metrics = [{"key": "a", "value": 1, "timestamp": 1}] * 3
    metrics[2] = {"key": "a", "value": 1, "timestamp": 1, "step": "two"}
    answer = post(app, "runs/log-batch", {"run_id": run_id, "metrics": metrics})
    assert "metrics[2].step" in answer.json["message"]
    assert post(app, "runs/search", {"experiment_ids": ["0"]}).json["runs"][0]["data"].keys() == {
        "tags"
    }


@pytest.mark.parametrize(
    "path, body",
    [
        ("runs/search", {"experiment_ids": ["0"], "order_by": ["metrics.m"] * 5000}),
        ("runs/search", {"experiment_ids": ["0"], "page_token": "a" * 2_000_000}),
        ("runs/search", {"experiment_ids": ["0"], "filter": "(" * 50_000}),
        ("experiments/create", {"name": "x" * 10_000_000}),
        ("experiments/search", {"max_results": 10**30}),
    ],
)
def test_what_is_too_much_is_refused(app, path, body):
    answer = post(app, path, body)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert len(answer.body) < 1000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_must_say_that_it_is_json(app, kind):
    """A form on another site cannot say so without asking first."""
    answer = post(app, "experiments/create", {"name": "a"}, content_type=kind)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")


def test_json_may_name_its_encoding_and_be_text_in_json(app):
    body = json.dumps(json.dumps({"name": "a"})).encode()
    answer = post(app, "experiments/create", body, content_type="application/json; charset=utf-8")
    assert answer.json == {"experiment_id": "1"}


@pytest.mark.parametrize(
    "verb, path, status, code",
    [
        ("GET", "/api/2.0/mlflow/traces/search", 404, "ENDPOINT_NOT_FOUND"),
        ("POST", "/graphql", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/\u2603", 404, "ENDPOINT_NOT_FOUND"),
        ("DELETE", "/api/2.0/mlflow/runs/create", 405, "BAD_REQUEST"),
    ],
)
def test_endpoints_that_there_are_not(app, verb, path, status, code):
    answer = call(app, verb, path)
    assert (answer.status, answer.json["error_code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"


def test_a_failure_of_ours_says_no_more_than_its_number(app, store, capsys, monkeypatch):
    monkeypatch.setattr(type(store), "get_run", lambda self, run_id: 1 / 0)
    answer = call(app, "GET", API + "runs/get", query="run_id=x", headers={"X-Request-Id": "a1"})
    assert (answer.status, answer.json["error_code"]) == (500, "INTERNAL_ERROR")
    assert "division" not in answer.body.decode() and "a1" in answer.json["message"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_clients_words_are_escaped_in_the_log(app, store, capsys, monkeypatch):
    """Somebody reads it on a terminal."""

    def fail(self, run_id: str) -> None:
        raise ValueError(f"no {run_id}")

    monkeypatch.setattr(type(store), "get_run", fail)
    call(app, "GET", API + "runs/get", query="run_id=%1b%5d0;x%07%c2%9b1m")
    said = capsys.readouterr().err
    assert "\\x1b]0;x\\x07\\x9b1m" in said and not {*"\x1b\x07\x9b"} & {*said}
    assert said.count("\n") > 3


def test_a_broken_database_is_not_described_to_clients(app, store, place, capsys):
    store.close()
    (place / "runlog.db").write_bytes(b"no database" * 1000)
    answer = call(app, "GET", API + "experiments/get", query="experiment_id=0")
    assert answer.status == 500 and str(place) not in answer.body.decode()
    assert str(place) in capsys.readouterr().err


def test_a_query_that_repeats_or_breaks(app, store, run_id):
    store.log_metric(run_id, "m", 1.0, 1, 0)
    other = store.create_run("0").info.run_id
    query = f"run_ids={run_id}&run_ids={other}&metric_key=m"
    path = API + "metrics/get-history-bulk-interval"
    assert len(call(app, "GET", path, query=query).json["metrics"]) == 1
    assert call(app, "GET", path, query="run_ids=%ff").status == 400
    assert call(app, "GET", path, query="&".join(["run_ids=a"] * 2000)).status == 400


# -- browsers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host, allowed, status",
    [
        ("127.0.0.1:5000", (), 200),
        ("LOCALHOST:1", (), 200),
        ("[::1]:5000", (), 200),
        ("10.0.0.7", (), 200),
        ("10.evil.example", (), 403),
        ("127.0.0.1.evil.example:5000", (), 403),
        ("localhost.evil.example", (), 403),
        ("runs.example:8080", ("runs.example",), 200),
        ("evil.runs.example", ("runs.example",), 403),
        ("anything.example", ("*",), 200),
        ("", (), 403),
    ],
)
def test_hosts(store, host, allowed, status):
    app = create_app(store, None, allowed_hosts=allowed)
    answer = call(app, "GET", "/version", headers={"Host": host})
    assert answer.status == status
    assert status == 200 or "--allowed-hosts" in answer.json["message"]
    assert call(app, "GET", "/health", headers={"Host": host}).body == b"OK"


@pytest.mark.parametrize(
    "headers, allowed, status",
    [
        ({}, (), 200),
        ({"Origin": "http://127.0.0.1"}, (), 200),
        ({"Origin": "http://127.0.0.1:81"}, (), 403),
        ({"Origin": "https://evil.example"}, (), 403),
        ({"Origin": "null"}, (), 403),
        ({"Sec-Fetch-Site": "cross-site"}, (), 403),
        ({"Sec-Fetch-Site": "same-origin"}, (), 200),
        ({"Origin": "https://good.example"}, ("https://good.example",), 200),
        ({"Origin": "https://good.example.evil"}, ("https://good.example",), 403),
    ],
)
def test_origins(store, headers, allowed, status):
    app = create_app(store, None, allowed_origins=allowed)
    answer = call(app, "POST", API + "experiments/create", {"name": "a"}, headers)
    assert answer.status == status
    assert status == 200 or "--cors-allowed-origins" in answer.json["message"]
    readable = answer.headers.get("access-control-allow-origin")
    assert readable == (headers["Origin"] if allowed and status == 200 else None)
    assert call(app, "GET", API + "experiments/get", headers=headers).status == 400  # no id


def test_a_browser_asks_before_it_asks(store):
    app = create_app(store, None, allowed_origins=("https://good.example",))
    path = API + "experiments/create"
    answer = call(app, "OPTIONS", path, headers={"Origin": "https://good.example"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "https://good.example"
    refused = call(app, "OPTIONS", path, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_two_lengths_of_one_body(app):
    answer = post(app, "runs/search", {}, transfer_encoding="chunked")
    assert (answer.status, answer.headers["connection"]) == (400, "close")


# -- locations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    ["mlflow-artifacts:/x/y", "{root}/x", "file:{root}/x"],
)
def test_locations_that_a_client_may_name(app, store, place, location):
    location = location.format(root=place / "artifacts")
    body = {"name": "a", "artifact_location": location}
    assert post(app, "experiments/create", body).status == 200
    assert store.create_run("1").info.artifact_uri


@pytest.mark.parametrize(
    "location",
    [
        "/etc",
        "/etc/../tmp",
        "relative",
        "../x",
        "~root/x",
        "file:///etc",
        "{root}",
        "{root}/../other",
        "{root}-other",
        "simplecache::s3://bucket/x",
        "s3://bucket/path",
        "gs://b",
        "s3://bucket/../x",
        "s3:/bucket",
        "http://169.254.169.254/latest",
        "memory://x",
        "sftp://host/x",
        "zip://x::/etc",
        "mlflow-artifacts:/../x",
        "mlflow-artifacts://host/x",
        "runs:/a/b",
        "s3://bucket/a\nb",
    ],
)
def test_locations_that_a_client_may_not_name(app, store, place, location):
    location = location.format(root=place / "artifacts")
    answer = post(app, "experiments/create", {"name": "a", "artifact_location": location})
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert store.find_experiment("a") is None


def test_any_local_location_where_the_server_allows_it(place):
    may = locations.Allowed(str(place), local_anywhere=True)
    assert may.name("relative") == f"{place}/relative"
    assert may.name("/anywhere") == "/anywhere"
    with pytest.raises(InvalidParameter):
        may.name("http://x/y")


# -- artifacts ------------------------------------------------------------------------------


def test_files_in_and_out(app, place):
    data = bytes(range(256)) * 1000
    assert call(app, "PUT", f"{FILES}/0/a b/x.html", data).status == 200
    assert (place / "artifacts" / "0" / "a b" / "x.html").read_bytes() == data
    answer = call(app, "GET", f"{FILES}/0/a b/x.html")
    assert answer.body == data
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    listed = call(app, "GET", FILES, query="path=0/a%20b").json
    assert listed == {"files": [{"path": "x.html", "is_dir": False, "file_size": len(data)}]}
    assert call(app, "DELETE", f"{FILES}/0/a b/x.html").json == {}
    answer = call(app, "GET", f"{FILES}/0/a b/x.html")
    assert (answer.status, answer.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert str(place) not in answer.body.decode()


def test_slashes_more_in_a_path_are_one(app, place):
    assert call(app, "PUT", f"/{FILES}//0/a///x.txt", b"x").status == 200
    assert (place / "artifacts" / "0" / "a" / "x.txt").read_bytes() == b"x"
    assert call(app, "GET", f"{FILES}/0//a/x.txt").body == b"x"


@pytest.mark.parametrize(
    "name",
    ["MLmodel", "MLproject", "a.yaml", "a.yml", "a.log", "a.toml", "a.cfg", "a.conf", "a.INI"],
)
def test_texts_without_a_type_of_their_own(app, name):
    call(app, "PUT", f"{FILES}/0/{name}", b"x")
    answer = call(app, "GET", f"{FILES}/0/{name}")
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"


@pytest.mark.parametrize(
    "name, plain, quoted",
    [
        ("a.txt", "a.txt", "a.txt"),
        ("grüße €.txt", "grue .txt", "gr%C3%BC%C3%9Fe%20%E2%82%AC.txt"),
        ('a"b;%41.txt', "a_b;_41.txt", "a%22b%3B%2541.txt"),
        ("模型", "", "%E6%A8%A1%E5%9E%8B"),
    ],
)
def test_a_file_has_its_name_in_both_forms(app, name, plain, quoted):
    call(app, "PUT", f"{FILES}/0/{name}", b"x")
    answer = call(app, "GET", f"{FILES}/0/{name}")
    plain = f'filename="{plain}"; ' if plain else ""
    assert answer.headers["content-disposition"] == f"attachment; {plain}filename*=UTF-8''{quoted}"


def test_files_of_logged_models(app, store):
    model = store.models.create("0", "m")
    path = model.artifact_location.removeprefix(store.artifact_root)
    call(app, "PUT", f"{FILES}{path}/d/MLmodel", b"flavors")
    files = f"/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files"
    answer = call(app, "GET", files, query="artifact_file_path=d/MLmodel")
    assert (answer.status, answer.body) == (200, b"flavors")
    assert "sandbox" in answer.headers["content-security-policy"]
    folder = call(app, "GET", files, query="artifact_file_path=d")
    assert (folder.status, folder.headers["content-type"]) == (200, "application/zip")
    assert call(app, "GET", files, query="artifact_file_path=../x").status == 400
    assert call(app, "GET", files, query="artifact_file_path=x").status == 404


@pytest.mark.parametrize(
    "header, status, part",
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-99", 200, b"0123456789"),
        ("bytes=4-2", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=10-", 416, None),
    ],
)
def test_parts_of_files(app, header, status, part):
    call(app, "PUT", f"{FILES}/x", b"0123456789")
    answer = call(app, "GET", f"{FILES}/x", headers={"Range": header})
    assert answer.status == status
    assert part is None or answer.body == part
    if status == 416:
        assert answer.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/../x", "a\\..\\x", ".", "a//../..//x"])
@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
def test_paths_that_lead_out(app, place, verb, path):
    answer = call(app, verb, f"{FILES}/{path}", b"")
    assert answer.status in (400, 404) and "error_code" in answer.json
    assert [each.name for each in place.iterdir() if not each.name.startswith("runlog")] in (
        [],
        ["artifacts"],
    )


def test_half_an_upload_is_no_file(app, place):
    answer = call(app, "PUT", f"{FILES}/x", b"half", {"Content-Length": "8"})
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    assert call(app, "GET", f"{FILES}/x").status == 404


def test_the_files_of_a_run(app, run_id):
    run = call(app, "GET", API + "runs/get", query=f"run_id={run_id}").json["run"]
    assert run["info"]["artifact_uri"] == f"mlflow-artifacts:/0/{run_id}/artifacts"
    for name in ("a.txt", "d/b.txt"):
        call(app, "PUT", f"{FILES}/0/{run_id}/artifacts/{name}", name.encode())
    listed = call(app, "GET", API + "artifacts/list", query=f"run_uuid={run_id}&path=d").json
    assert listed["files"] == [{"path": "d/b.txt", "is_dir": False, "file_size": 7}]
    got = call(app, "GET", "/get-artifact", query=f"run_id={run_id}&path=a.txt")
    assert got.body == b"a.txt"
    archive = call(app, "GET", "/get-artifact", query=f"run_id={run_id}&path=d")
    with zipfile.ZipFile(io.BytesIO(archive.body)) as files:
        assert {name: files.read(name) for name in files.namelist()} == {"b.txt": b"d/b.txt"}
    missing = call(app, "GET", "/get-artifact", query=f"run_id={run_id}&path=none")
    assert missing.status == 404


INSIDE = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize(
    "headers, is_inline",
    [
        (INSIDE, True),
        ({**INSIDE, "Sec-Fetch-Dest": "image"}, True),
        ({"Referer": "http://127.0.0.1/#/runs/a"}, True),
        ({**INSIDE, "Sec-Fetch-Dest": "document"}, False),
        ({**INSIDE, "Sec-Fetch-Dest": "document", "Referer": "http://127.0.0.1/"}, False),
        ({**INSIDE, "Sec-Fetch-Site": "cross-site"}, False),
        ({"Referer": "http://127.0.0.1.evil.example/"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("name", ["plot.html", "plot.svg"])
def test_a_preview_is_shown_within_a_page_alone(app, run_id, name, headers, is_inline):
    """Opened by itself, it could look like a page of the server: a log-in, say."""
    call(app, "PUT", f"{FILES}/0/{run_id}/artifacts/{name}", b"<b>x</b>")
    query = f"run_id={run_id}&path={name}&preview=true"
    answer = call(app, "GET", "/get-artifact", query=query, headers=headers)
    how = answer.headers["content-disposition"].partition(";")[0]
    assert how == ("inline" if is_inline else "attachment")
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and ("allow-scripts" in policy) is is_inline


@pytest.mark.parametrize("name", ["a.js", "a.mjs", "a.css"])
def test_scripts_and_style_sheets_are_texts(app, run_id, name):
    call(app, "PUT", f"{FILES}/0/{run_id}/artifacts/{name}", b"x")
    for path, query in (
        (f"{FILES}/0/{run_id}/artifacts/{name}", ""),
        ("/get-artifact", f"run_id={run_id}&path={name}&preview=true"),
    ):
        answer = call(app, "GET", path, query=query, headers=INSIDE)
        assert answer.headers["content-type"].partition(";")[0] == "text/plain"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_server_that_passes_no_artifacts_on(store, place):
    app = create_app(store, None)
    run = store.create_run("0").info
    assert run.artifact_uri == str(place / "artifacts" / "0" / run.run_id / "artifacts")
    assert call(app, "PUT", f"{FILES}/x", b"").status == 503
    assert call(app, "GET", API + "artifacts/list", query=f"run_id={run.run_id}").status == 200


# -- histories ------------------------------------------------------------------------------


def test_a_long_history_is_a_stream_and_in_pages(app, store, run_id):
    values = [float("nan") if i % 7 == 0 else float(i) for i in range(12_000)]
    points = [("m", value, 1000 + i // 3, i // 2) for i, value in enumerate(values)]
    store.log(run_id, points)
    query = f"run_id={run_id}&metric_key=m"
    path = API + "metrics/get-history"
    whole = call(app, "GET", path, query=query).json["metrics"]
    paged, token = [], ""
    while token is not None:
        page = call(app, "GET", path, query=f"{query}&max_results=5000&page_token={token}").json
        paged += page["metrics"]
        token = page.get("next_page_token")
    assert paged == whole and len(whole) == len(points)
    assert [point["value"] for point in whole].count("NaN") == 1715
    order = [(point["timestamp"], point["step"]) for point in whole]
    assert order == sorted(order)


def test_several_histories_thinned_out(app, store, run_id):
    store.log(run_id, [("m", float(i), i, i) for i in range(1000)])
    query = f"run_ids={run_id}&metric_key=m&max_results=10"
    answer = call(app, "GET", API + "metrics/get-history-bulk-interval", query=query)
    steps = [point["step"] for point in answer.json["metrics"]]
    assert len(steps) == 10 and steps[0] == 0 and steps[-1] == 999
    assert {b - a for a, b in zip(steps, steps[1:], strict=False)} == {111}


# -- what it says about itself --------------------------------------------------------------


def test_what_it_publishes(app):
    call(app, "GET", API + "experiments/get", query="experiment_id=0")
    call(app, "GET", API + "experiments/get", query="experiment_id=7")
    counted = call(app, "GET", "/metrics").body.decode()
    assert 'endpoint="getExperiment",status="200"} 1' in counted
    assert 'endpoint="getExperiment",status="404"} 1' in counted
    paths = call(app, "GET", "/openapi.json").json["paths"]
    for row in ROWS:
        assert any(row.verb.lower() in paths.get(path, {}) for path in openapi_paths(row)), row.name
    assert call(app, "GET", "/api/3.0/mlflow/server-info").json["workspaces_enabled"] is False


def openapi_paths(row):
    return [path.replace("<", "{").replace(">", "}") for path in row.paths()]


def test_every_request_is_a_line_of_the_log(store):
    lines = []
    app = create_app(store, None, log=lines.append)
    answer = call(app, "GET", "/version", headers={"X-Request-Id": "one-2"})
    said = json.loads(lines[0])
    assert answer.headers["x-request-id"] == said["request_id"] == "one-2"
    assert (said["verb"], said["path"], said["status"]) == ("GET", "/version", 200)
    forged = call(app, "GET", "/version", headers={"X-Request-Id": 'a"\nb'})
    assert forged.headers["x-request-id"].isalnum()


def test_the_store_that_is_served_is_not_changed(place, store):
    run = store.create_run("0").info
    app = create_app(store, ArtifactRepo(str(place / "artifacts")))
    answer = call(app, "GET", API + "runs/get", query="run_id=" + run.run_id)
    assert answer.json["run"]["info"]["artifact_uri"].startswith("mlflow-artifacts:/0/")
    assert store.get_run(run.run_id).info.artifact_uri == run.artifact_uri
    assert store.artifact_root == str(place / "artifacts")


def test_a_path_before_all_others(store):
    app = create_app(store, None, static_prefix="/runlog/")
    for prefix in ("", "/runlog"):
        assert call(app, "GET", prefix + "/health").body == b"OK"
        path = prefix + API + "experiments/get"
        assert call(app, "GET", path, query="experiment_id=0").status == 200


def test_a_read_only_server(store):
    app = create_app(store, None, access=Everyone(read_only=True))
    for row in ROWS:
        if row.access != "read" and row.verb == "POST" and "<" not in row.path:
            path = next(row.paths())
            fields = {
                each.name: "x" for each in row.fields if each.kind.schema == {"type": "string"}
            }
            query = "&".join(f"{name}=x" for name in fields) if row.moves_a_file else ""
            answer = call(app, row.verb, path, {"timestamp": 1, "value": 1, **fields}, query=query)
            assert answer.status in (400, 403), row.name
    answer = post(app, "experiments/create", {"name": "a"})
    assert (answer.status, "--read-only" in answer.json["message"]) == (403, True)
    assert post(app, "runs/search", {}).status == 200


# -- syncing together -----------------------------------------------------------------------


def test_many_that_wait_are_synced_together():
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    calls = []

    def sync():
        calls.append(1)
        begun.release()
        go.acquire()

    group = Group(sync)
    first = threading.Thread(target=group.wait)
    first.start()
    begun.acquire()
    others = [threading.Thread(target=group.wait) for _ in range(20)]
    for thread in others:
        thread.start()
    go.release(50)
    for thread in [first, *others]:
        thread.join(30)
    assert 2 <= len(calls) < 10 and not any(thread.is_alive() for thread in others)


def test_a_sync_that_fails_is_no_success_for_anyone():
    def sync():
        raise RunlogError("the disk is gone")

    group = Group(sync)
    for _ in range(2):
        with pytest.raises(RunlogError, match="the disk is gone"):
            group.wait()


def test_what_is_written_is_synced_and_what_is_read_is_not(store):
    synced = []
    app = create_app(store, None, sync=lambda: synced.append(1))
    post(app, "runs/create", {"experiment_id": "0"})
    assert synced == [1]
    post(app, "runs/search", {"experiment_ids": ["0"]})
    assert synced == [1]
