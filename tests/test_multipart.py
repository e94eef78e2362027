"""Files that clients send in parts."""

from __future__ import annotations

import os
import time
import urllib.request

import pytest

from asking import ask, basic
from runlog.artifacts import ArtifactRepo
from runlog.serve import create_app
from runlog.server.auth.policy import Auth
from runlog.server.multipart import SILENT_SECONDS
from runlog.sqlstore.accounts import Users
from runlog.sqlstore.store import SqlStore
from runlog.storage.sweep import abandoned
from wsgi import call

MPU = "/api/2.0/mlflow-artifacts/mpu/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"
PARTS = [b"one " * 1000, b"two " * 1000, b"three"]


@pytest.fixture
def store(place):
    store = SqlStore(str(place / "runlog.db"))
    yield store
    store.close()


@pytest.fixture
def root(place):
    return place / "artifacts"


@pytest.fixture
def app(store, root):
    return create_app(store, ArtifactRepo(str(root)))


def begin(app, path="1/run", name="/home/ann/big.bin", count=3, **headers):
    return ask(app, "POST", f"{MPU}create/{path}", {"path": name, "num_parts": count}, **headers)


def send(app, url: str, data: bytes, **headers: str) -> str:
    answer = ask(app, "PUT", url.removeprefix("http://localhost:5000"), data, **headers)
    assert answer.status == 200, answer.body
    return answer.headers["etag"]


def finish(app, upload_id, etags, path="1/run", name="/home/ann/big.bin", **headers):
    parts = [{"part_number": n, "etag": etag, "url": "x"} for n, etag in etags.items()]
    given = {"path": name, "upload_id": upload_id, "parts": parts}
    return ask(app, "POST", f"{MPU}complete/{path}", given, **headers)


def upload(app, **headers):
    begun = begin(app, **headers).json
    etags = {
        each["part_number"]: send(app, each["url"], data, **headers)
        for each, data in reversed([*zip(begun["credentials"], PARTS, strict=True)])
    }
    return begun["upload_id"], dict(sorted(etags.items()))


def test_parts_become_a_file(app, root):
    upload_id, etags = upload(app)
    assert ask(app, "GET", FILES.rstrip("/"), {"path": "1"}).json == {}
    assert ask(app, "GET", FILES + "1/run/big.bin").status == 404
    assert finish(app, upload_id, etags).json == {}
    assert ask(app, "GET", FILES + "1/run/big.bin").body == b"".join(PARTS)
    assert os.listdir(root) == ["1"]


def test_clients_are_told_that_they_may(app, store):
    info = "/api/3.0/mlflow/server-info"
    assert ask(app, "GET", info).json["multipart_uploads_enabled"] is True
    for repo in (ArtifactRepo("memory://x"), None):
        elsewhere = create_app(store, repo)
        assert ask(elsewhere, "GET", info).json["multipart_uploads_enabled"] is False


def test_a_part_may_be_sent_again(app):
    upload_id, etags = upload(app)
    url = f"{MPU}part/1/run/big.bin?upload_id={upload_id}&part_number=2"
    send(app, url, b"half of")
    again = send(app, url, b"TWO")
    assert finish(app, upload_id, {**etags, 2: again}).status == 200
    got = ask(app, "GET", FILES + "1/run/big.bin").body
    assert got == PARTS[0] + b"TWO" + PARTS[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda etags: {},
        lambda etags: {2: etags[2], 1: etags[1]},
        lambda etags: {**etags, 4: etags[3]},
        lambda etags: {**etags, 1: etags[2]},
        lambda etags: {**etags, 1: "../../runlog.db"},
    ],
)
def test_what_did_not_arrive_so_is_no_file(app, change):
    upload_id, etags = upload(app)
    assert finish(app, upload_id, change(etags)).status == 400
    assert ask(app, "GET", FILES + "1/run/big.bin").status == 404
    assert finish(app, upload_id, etags).status == 200


def test_half_a_part_is_none(app, root):
    url = begin(app).json["credentials"][0]["url"].removeprefix("http://localhost:5000")
    path, _, query = url.partition("?")
    answer = call(app, "PUT", path, b"half", {"Content-Length": "8"}, query)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    (folder,) = root.iterdir()
    assert [*folder.iterdir()] == []


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_too_many_parts(app, count):
    assert begin(app, count=count).status == 400


def test_an_upload_is_to_its_own_path_and_ends_once(app, root):
    upload_id, etags = upload(app)
    assert finish(app, upload_id, etags, name="other.bin").status == 404
    assert finish(app, "0" * 32, etags).status == 404
    assert finish(app, upload_id, etags).status == 200
    assert finish(app, upload_id, etags).status == 404


def test_aborted_and_forgotten(app, root):
    upload_id, etags = upload(app)
    given = {"path": "big.bin", "upload_id": upload_id}
    for _ in range(2):
        assert ask(app, "POST", MPU + "abort/1/run", given).json == {}
    assert finish(app, upload_id, etags).status == 404
    assert [*root.iterdir()] == []


def test_silent_ones_are_swept(app, root):
    upload_id, etags = upload(app)
    (folder,) = root.iterdir()
    long_ago = time.time() - SILENT_SECONDS - 60
    for path in [*folder.iterdir(), folder]:
        os.utime(path, (long_ago, long_ago))
    assert len([*abandoned(str(root), long_ago + 30)]) == 3  # what `runlog gc` would delete
    begin(app)
    assert not folder.exists()
    assert finish(app, upload_id, etags).status == 404


@pytest.mark.parametrize("path, name", [("../x", "y"), ("1/run", ".."), ("1/run", "a/.runlog-x")])
def test_paths_that_lead_out(app, root, path, name):
    assert begin(app, path=path, name=name).status in (400, 404)
    assert not root.exists()


def test_where_artifacts_are_elsewhere(store):
    answer = begin(create_app(store, ArtifactRepo("memory://x")))
    assert (answer.status, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert answer.json["message"].startswith(
        "Multipart upload is not supported for the current artifact repository"
    )


@pytest.mark.parametrize(
    "headers, start",
    [
        ({}, "http://localhost:5000/api"),
        ({"wsgi.url_scheme": "https"}, "https://localhost:5000/api"),
        (
            {"X_FORWARDED_FOR": "1", "X_FORWARDED_PROTO": "https", "AUTHORIZATION": "Basic x"},
            "https://localhost:5000/api",
        ),
        ({"X_FORWARDED_FOR": "1"}, None),
        ({"X_FORWARDED_FOR": "1", "X_FORWARDED_PROTO": "https"}, None),
        ({"VIA": "1", "AUTHORIZATION": "Basic x"}, None),
    ],
)
def test_where_parts_are_sent(app, root, headers, start):
    named = {name if "." in name else f"HTTP_{name}": value for name, value in headers.items()}
    answer = begin(app, **named)
    if start is None:
        assert answer.status == 501 and not root.exists()
    else:
        assert all(each["url"].startswith(start) for each in answer.json["credentials"])


def test_behind_a_prefix(store, root):
    app = create_app(store, ArtifactRepo(str(root)), static_prefix="/runlog")
    upload_id, etags = upload(app)
    assert "/runlog/api/" in begin(app).json["credentials"][0]["url"]
    assert finish(app, upload_id, etags).status == 200


def test_each_part_is_of_a_user_who_may(store, root):
    users = Users(store.db)
    users.add("root", "admin")
    users.add("sam", "member")
    headers = {"HTTP_AUTHORIZATION": f"Bearer {users.add_token('root', 't')}"}
    stranger = f"Bearer {users.add_token('sam', 't')}"
    access = Auth(store, users)
    app = create_app(store, ArtifactRepo(str(root)), access=access)
    given = begin(app, **headers)
    assert given.headers["cache-control"] == "no-store"
    part = given.json["credentials"][0]
    assert part["headers"] == {"Authorization": headers["HTTP_AUTHORIZATION"]}
    url = part["url"].removeprefix("http://localhost:5000")
    assert ask(app, "PUT", url, b"x").status == 401
    assert ask(app, "PUT", url, b"x", HTTP_AUTHORIZATION=stranger).status == 403
    assert ask(app, "PUT", url, b"x", HTTP_AUTHORIZATION=basic("root", "no")).status == 401
    upload_id, etags = upload(app, **headers)
    assert finish(app, upload_id, etags, **headers).status == 200
    access.close()


# -- to a bucket ------------------------------------------------------------------------------


@pytest.fixture
def bucket(server, monkeypatch):
    running = server("seaweedfs")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return ArtifactRepo(running.uri)


def put(url: str, data: bytes) -> str:
    plain = {"Content-Type": ""}  # which urllib would make that of a form
    request = urllib.request.Request(url, data, plain, method="PUT")
    with urllib.request.urlopen(request) as answer:
        return answer.headers["ETag"]


def test_parts_go_to_the_bucket(store, bucket):
    app = create_app(store, bucket)
    begun = begin(app, path="7/deep er", count=2).json
    parts = [b"x" * (5 << 20), b"end"]
    given = zip(begun["credentials"], parts, strict=True)
    assert all(each["headers"] == {} for each in begun["credentials"])
    etags = {each["part_number"]: put(each["url"], data) for each, data in given}
    assert finish(app, begun["upload_id"], etags, path="7/deep er").status == 200
    assert bucket.read("7/deep er/big.bin") == b"".join(parts)
    bucket.delete("7")


def test_what_is_not_finished_is_not_there(store, bucket):
    app = create_app(store, bucket)
    begun = begin(app, path="8", count=1).json
    url = begun["credentials"][0]["url"]
    etags = {1: put(url, b"half")}
    assert bucket.list("8") == []
    given = {"path": "big.bin", "upload_id": begun["upload_id"]}
    assert ask(app, "POST", MPU + "abort/8", given).json == {}
    with pytest.raises(OSError, match="404"):
        put(url, b"too late")
    refused = finish(app, begun["upload_id"], etags, path="8")
    assert refused.status == 404 and bucket.list("8") == []


@pytest.mark.parametrize("count", [0, 10_001])
def test_so_many_parts_go_nowhere(store, count):
    answer = begin(create_app(store, ArtifactRepo("s3://bucket/x")), count=count)
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
